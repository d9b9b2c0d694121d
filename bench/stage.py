"""What the browser benchmarks stand on: a server, a browser without a past, words for figures."""

import contextlib
import math
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import NotPossible
from vae_core.errors import InputError

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 60.0
BROWSER_OPTIONS = (
    "--no-sandbox",
    "--use-gl=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
)
MAP = "[data-testid=latent-map]"
READY = f"{MAP}[data-ready=true]"


@dataclass(frozen=True)
class Server:
    address: str
    seconds: float  # from the start command to the first health answer
    log: Path
    pid: int


@contextlib.contextmanager
def server(kept: Path | None = None) -> Iterator[Server]:
    """Starts the app, yields it once it is healthy, stops it; the log may be kept."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py"]
    options = {"port": port, "address": "127.0.0.1", "headless": "true", "fileWatcherType": "none"}
    command += [word for k, v in options.items() for word in (f"--server.{k}", str(v))]
    with tempfile.TemporaryDirectory() as folder:
        log = kept or Path(folder, "server.log")
        with log.open("wb") as output:
            begin = time.perf_counter()
            process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        try:
            address = f"http://127.0.0.1:{port}"
            while not _healthy(address):
                if process.poll() is not None or time.perf_counter() - begin > PATIENCE_S:
                    said = log.read_text(errors="replace").strip().splitlines() or ["nothing"]
                    raise NotPossible(f"The server gave no health answer; it last said: {said[-1]}")
                time.sleep(0.02)
            yield Server(address, time.perf_counter() - begin, log, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def settle(app: Server) -> None:
    """Waits until a server has warmed up: it has used next to no processor for a second."""
    deadline = time.perf_counter() + PATIENCE_S
    while time.perf_counter() < deadline:
        before = _processor_seconds(app.pid)
        time.sleep(1)
        if _processor_seconds(app.pid) - before < 0.05:
            return


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/api/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@contextlib.contextmanager
def playwright() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise InputError("package-missing", package="playwright") from error
    with sync_playwright() as driver:
        yield driver


@contextlib.contextmanager
def chromium(driver: Any) -> Iterator[Any]:
    """A browser without a history."""
    installed = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    browser = driver.chromium.launch(
        executable_path=next(filter(None, installed), None), args=list(BROWSER_OPTIONS)
    )
    try:
        yield browser
    finally:
        browser.close()


def complaints_of(page: Any, address: str) -> list[str]:
    """A list that fills with what a page says on its console or asks of other hosts."""
    heard: list[str] = []

    def on_console(message: Any) -> None:
        # software rendering tells of its own slowness; a graphics card has nothing to say
        if message.type in ("error", "warning") and "GL Driver Message" not in message.text:
            heard.append(f"{message.type}: {message.text}")

    def on_request(request: Any) -> None:
        allowed = (address, address.replace("http", "ws", 1), "data:", "blob:")
        if not request.url.startswith(allowed):
            heard.append(f"request to another host: {request.url}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: heard.append(f"error: {error}"))
    page.on("request", on_request)
    return heard


def open_map(page: Any, url: str) -> float:
    """Goes to a page with a map; returns the seconds until the map is usable."""
    begin = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.wait_for_selector(READY, timeout=PATIENCE_S * 1000)
    return time.perf_counter() - begin


def percentiles(values: list[float]) -> dict[str, float]:
    return {
        "n": len(values),
        "p50_ms": round(nearest_rank(values, 0.5), 1),
        "p95_ms": round(nearest_rank(values, 0.95), 1),
        "max_ms": round(max(values), 1),
    }


def nearest_rank(values: list[float], share: float) -> float:
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1]


def at_most(limit: float, value: float) -> dict[str, Any]:
    """A figure beside the limit that it may not exceed."""
    return {"value": round(value, 3), "limit": limit, "met": value <= limit}


def at_least(limit: float, value: float) -> dict[str, Any]:
    """A figure beside the limit that it has to reach."""
    return {"value": round(value, 3), "limit": limit, "met": value >= limit}


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def crowd(address: str, count: int, seconds: float) -> Iterator[Any]:
    """Others that click, each once a second, all of them with an open page; yields their process.

    They end by themselves, or when their input does; what they found is their last line.
    """
    others = subprocess.Popen(
        [sys.executable, "-m", "bench.crowd", address, str(count), str(seconds)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert others.stdout is not None
        others.stdout.readline()  # "ready"
        yield others
    finally:
        others.kill()
        others.wait()
