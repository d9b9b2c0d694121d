"""The README's first command, typed on a fresh machine: a new environment, a copy of the tree."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NO_NETWORK = [
    "unshare",
    "--net",
    "--map-root-user",
    "sh",
    "-c",
    'ip link set lo up; exec "$@"',
    "sh",
]


def commands() -> list[str]:
    """The lines that the README shows as commands."""
    blocks = re.findall(
        r"^```\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    return [line for block in blocks for line in block.splitlines()]


@pytest.fixture
def fresh_copy(tmp_path: Path) -> Path:
    """What a person gets: the tree's own files, nothing beside them."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            target = tmp_path / "playground" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
    return tmp_path / "playground"


def clean_environment(venv: Path) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LATENT_", "STREAMLIT_", "PYTHON", "VIRTUAL_ENV", "PYTEST_"))
    }
    return {
        **kept,
        "PATH": f"{venv / 'bin'}{os.pathsep}{kept['PATH']}",
        "STREAMLIT_SERVER_HEADLESS": "true",
        "STREAMLIT_SERVER_ADDRESS": "127.0.0.1",
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(command: list[str], folder: Path, environment: dict[str, str]) -> Iterator[Path]:
    """Runs a server until the block ends; yields the file of what it says."""
    log = folder.parent / f"log-{time.monotonic_ns()}"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=file, stderr=file, start_new_session=True
        )
        try:
            yield log
        finally:
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def wait_for_health(port: int, log: Path, seconds: float) -> dict[str, object]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=5) as answer:
                return dict(json.load(answer))
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"no answer from the server, which said:\n{log.read_text()[-3000:]}")


def complaints(log: Path) -> list[str]:
    return [
        line
        for line in log.read_text().splitlines()
        if re.search(r"error|warning|traceback|deprecat", line, re.IGNORECASE)
    ]


def test_the_readme_shows_the_commands_that_ci_and_people_type() -> None:
    assert "pip install -r requirements.txt && streamlit run app.py" in commands()
    contributing = (ROOT / "CONTRIBUTING.md").read_text()
    assert "pip install -r requirements-dev.txt && pytest" in contributing
    assert "pip install -r requirements-dev.txt && pytest" in (ROOT / "README.md").read_text()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_first_command_starts_the_app_on_a_fresh_machine(
    fresh_copy: Path, tmp_path: Path
) -> None:
    if os.environ.get("CI") != "true":
        pytest.skip("it installs every package anew, which takes minutes: set CI=true to run it")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    environment = clean_environment(tmp_path / "venv")

    port = free_port()
    typed = ["sh", "-c", commands()[0]]
    with started(typed, fresh_copy, {**environment, "STREAMLIT_SERVER_PORT": str(port)}) as log:
        health = wait_for_health(port, log, 600)
        assert health["status"] == "ok"
        assert health["broken"] == []
        shipped = [path for path in (ROOT / "checkpoints").iterdir() if path.is_dir()]
        assert health["runs"] == len(shipped)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
            assert answer.status == 200
    said = [line for line in complaints(log) if "pip" not in line and "Location" not in line]
    assert said == []


@pytest.mark.slow
def test_the_app_starts_without_any_network(tmp_path: Path) -> None:
    """Server and asker live in a network namespace that holds nothing but the loopback device."""
    if subprocess.run([*NO_NETWORK, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system does not let a process leave its network (unshare --net)")
    ask = tmp_path / "ask.py"
    ask.write_text(
        "import os, signal, subprocess, sys, time, urllib.request\n"
        "server = subprocess.Popen([sys.executable, '-m', 'streamlit', 'run', 'app.py'])\n"
        "try:\n"
        "    for _ in range(240):\n"
        "        try:\n"
        "            print(urllib.request.urlopen('http://127.0.0.1:8501/api/health').read().decode())\n"
        "            break\n"
        "        except OSError:\n"
        "            time.sleep(0.25)\n"
        "finally:\n"
        "    server.send_signal(signal.SIGINT)\n"
        "    server.wait(20)\n"
    )
    answer = subprocess.run(
        [*NO_NETWORK, sys.executable, str(ask)],
        cwd=ROOT,
        env=clean_environment(Path(sys.prefix)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert '"status":"ok"' in answer.stdout, answer.stderr[-2000:]
