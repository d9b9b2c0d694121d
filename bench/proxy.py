"""The real nginx with the configuration of `deploy/`, before servers on this machine."""

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import NotPossible
from bench.stage import ROOT

CONFIGURATION = ROOT / "deploy" / "nginx.conf"
PATIENCE_S = 10.0


@dataclass(frozen=True)
class Proxy:
    address: str
    log: Path  # a line a request: what came from where, as the configuration says


def adapted(servers: Sequence[str], port: int, folder: Path) -> str:
    """Returns the configuration with these servers and this port, writing into a folder only."""
    text = CONFIGURATION.read_text()
    lines = "\n        ".join(f"server {name} max_fails=2 fail_timeout=5s;" for name in servers)
    for old, new in (
        ("server app:8501 max_fails=2 fail_timeout=5s;", lines),
        ("listen 8080 ", f"listen 127.0.0.1:{port} "),
        ("/run/nginx.pid", str(folder / "nginx.pid")),
        ("/var/cache/nginx/playground", str(folder / "cache")),
        ("access_log /dev/stdout", f"access_log {folder / 'access.log'}"),
        ("error_log /dev/stderr", f"error_log {folder / 'error.log'}"),
    ):
        if text.count(old) != 1:
            raise ValueError(f"{CONFIGURATION.name} has {text.count(old)} times {old!r}")
        text = text.replace(old, new)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"    {kind}_temp_path {folder / kind};\n" for kind in kinds)
    return text.replace("http {\n", f"http {{\n{places}", 1)


@contextlib.contextmanager
def proxy(addresses: Sequence[str]) -> Iterator[Proxy]:
    """Starts nginx before servers, "http://host:port" each; stops it.

    Raises:
        NotPossible: There is no nginx, or it does not take the configuration.
    """
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        raise NotPossible("There is no nginx: type `apt-get install nginx-light`.")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # its workers are another user's
        file = folder / "nginx.conf"
        servers = [address.removeprefix("http://") for address in addresses]
        file.write_text(adapted(servers, port, folder))
        log = folder / "error.log"
        process = subprocess.Popen(
            [program, "-c", str(file), "-e", str(log), "-g", "daemon off;"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            deadline = time.monotonic() + PATIENCE_S
            while not _listens(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise NotPossible(f"nginx did not start: {log.read_text()[-500:]}")
                time.sleep(0.02)
            yield Proxy(f"http://127.0.0.1:{port}", folder / "access.log")
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
