"""One real server and one real Chromium for all browser tests.

Without a browser the tests are skipped with the reason; with CI=true that is a failure. A page
fails its test when it asks another host for anything, or writes a warning or an error to the
console.
"""

import json
import os
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

from vae_core import jobs, pulse

ROOT = Path(__file__).resolve().parents[2]
FLAGS = (
    "--no-sandbox",
    "--use-gl=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
)
START_SECONDS = 60


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the app, started as the README says, with the shipped runs only."""
    with (
        shelf_of_runs(tmp_path_factory.mktemp("server") / "runs") as runs,
        serving(runs, runs.parent) as address,
    ):
        yield address


@contextmanager
def shelf_of_runs(folder: Path) -> Iterator[Path]:
    """A new folder of runs; workers outlive servers, and here nobody may outlive the tests."""
    folder.mkdir()
    try:
        yield folder
    finally:
        for path in jobs.folders(folder):
            beat = pulse.read_beat(path)
            if beat and pulse.alive(beat.pid, beat.born):
                os.kill(beat.pid, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(runs: Path, folder: Path, port: int | None = None) -> Iterator[str]:
    """Starts the app with the shipped runs and those of a folder, and yields its address."""
    port = port or free_port()
    log = folder / "log.txt"
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true"]
    command += ["--server.port", str(port), "--server.address", "127.0.0.1"]
    # trainings do not stand back here: on a busy machine they would wait for ever
    environment = {**os.environ, "LATENT_RUNS": str(runs), "LATENT_NICE": "0"}
    environment["LATENT_CACHE"] = str(folder / "cache")  # what others worked out is no help here
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
        try:
            _wait_until_healthy(f"http://127.0.0.1:{port}", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)
    assert "Traceback" not in log.read_text(), log.read_text()


def _wait_until_healthy(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/api/health", timeout=START_SECONDS) as answer:
                assert json.load(answer)["status"] == "ok"
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"The server did not start:\n{log.read_text()}")


@pytest.fixture(scope="session")
def chromium():
    reason = None
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        reason = "Playwright is not installed"
    if path is None:
        reason = "there is no chromium on the PATH"
    if reason:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium, server):
    """Opens pages by path; afterwards they must have kept to this host and to silence."""
    contexts, complaints, expected = [], [], []

    def open_(path: str = "/", *, ready: bool = True, expect: str | None = None, **options):
        if expect:
            expected.append(expect)
        context = chromium.new_context(**{"viewport": {"width": 1400, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)

        def hear(message):
            # Chromium says how a software-drawn WebGL context performs: not the page's doing
            driver = "GL Driver Message" in message.text
            if message.type in ("warning", "error") and not driver:
                complaints.append(message.text)

        page.on("console", hear)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: _check_host(request.url, server, complaints))
        page.goto(server + path)
        if ready:
            page.wait_for_selector('[data-testid="latent-map"][data-ready="true"]')
        return page

    yield open_
    for context in contexts:
        context.close()
    assert [text for text in complaints if not any(word in text for word in expected)] == []


def _check_host(url: str, server: str, complaints: list[str]) -> None:
    if not url.startswith((server, server.replace("http", "ws"), "data:", "blob:")):
        complaints.append(f"asked {url}")
