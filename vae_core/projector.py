"""Works out projections in a process of its own (`python -m vae_core.projector FOLDER`).

A projection is a folder named by the digest of codes, method and settings; the web process asks for
it and watches, the worker writes, and what is finished stays. One worker at a time computes on a
machine, the others wait for its lock; a file named "stop" ends one between two steps.
"""

import io
import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import ArrayLike

from vae_core.errors import InputError, PlaygroundError, RunError, exit_code
from vae_core.files import read_json, write_bytes, write_json
from vae_core.latent import CodeArray
from vae_core.projections import Settings, Stopped, digest, project

ROOT = Path(__file__).resolve().parents[1]
CODES, PLACES, REQUEST, PROGRESS, STOP = (
    "codes.npy",
    "places.npy",
    "request.json",
    "progress.json",
    "stop",
)
MACHINE_LOCK, OWN_LOCK = ".lock", ".own-lock"
MOST_WAITING = 4  # projections under way or waiting
MOST_KEPT = 200
PATIENCE_S = 10.0  # without a sign of life it is asked whether the worker still lives
POLL_S = 0.3

_children: dict[Path, subprocess.Popen[bytes]] = {}
_asking = Lock()


@dataclass(frozen=True)
class Watched:
    """How a projection stands.

    Attributes:
        status: "none", "waiting", "running", "done" or "failed".
        share: How much of it is done, 0 to 1.
        seconds: Since it runs.
        places: The projection, (N, n), once it is done.
        reason: Why it failed.
    """

    status: str
    share: float = 0.0
    seconds: float = 0.0
    places: CodeArray | None = None
    reason: str = ""

    @property
    def left(self) -> float | None:
        """Seconds that it will still take; None while nobody knows."""
        return self.seconds / self.share * (1 - self.share) if self.share >= 0.1 else None


def cache_folder() -> Path:
    """Returns where projections are kept: LATENT_CACHE, by default in the user's cache."""
    named = os.environ.get("LATENT_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "latent-playground" / "projections"


def watch(codes: ArrayLike, settings: Settings) -> Watched:
    """Returns how the projection of codes (N, D) stands; it starts nothing."""
    return _look(cache_folder() / digest(codes, settings))


def ask(codes: ArrayLike, settings: Settings) -> Watched:
    """Starts the projection of codes (N, D) unless it is there or on its way.

    Raises:
        InputError: Too many are under way.
        RunError: The cache cannot be written.
    """
    folder = cache_folder() / digest(codes, settings)
    with _asking:
        for path, child in tuple(_children.items()):
            if child.poll() is not None:
                del _children[path]
        found = _look(folder)
        if found.status in ("done", "running", "waiting"):
            return found
        # one that has ended or was stopped may take a moment to leave: it is in nobody's way
        if sum(_look(path).status in ("running", "waiting") for path in _children) >= MOST_WAITING:
            raise InputError("projections-busy", limit=MOST_WAITING)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name in (STOP, PROGRESS):
                (folder / name).unlink(missing_ok=True)
        except OSError as error:
            reason = error.strerror or str(error)
            raise RunError("not-writable", path=folder.parent, reason=reason) from error
        write_bytes(folder / CODES, _npy(np.asarray(codes, np.float32)))
        write_json(folder / REQUEST, settings.to_dict())
        write_json(folder / PROGRESS, _progress("waiting"))
        unwanted = ("OMP_NUM_THREADS", "GOMP_SPINCOUNT")
        environment = {k: v for k, v in os.environ.items() if k not in unwanted}
        # threads that wait by spinning keep each other from work as soon as somebody else has some
        environment["OMP_WAIT_POLICY"] = "passive"
        command = [sys.executable, "-m", "vae_core.projector", str(folder)]
        _children[folder] = subprocess.Popen(command, cwd=ROOT, env=environment)
    return _look(folder)


def stop(codes: ArrayLike, settings: Settings) -> None:
    """Ends the projection of codes (N, D), running or waiting; what is done stays."""
    folder = cache_folder() / digest(codes, settings)
    if folder.is_dir() and not (folder / PLACES).exists():
        with suppress(OSError):
            (folder / STOP).touch()


def work(folder: Path) -> None:
    """Works out the projection that a folder asks for, once its turn has come.

    Raises:
        PlaygroundError: The request cannot be followed; `progress.json` says why.
    """
    try:
        own = FileLock(folder / OWN_LOCK)
        own.acquire(timeout=0)
    except Timeout:
        return  # another worker has it
    try:
        _wait_and_work(folder)
    except Stopped:
        (folder / PROGRESS).unlink(missing_ok=True)
    except (PlaygroundError, MemoryError, ArithmeticError, RuntimeError) as error:
        write_json(folder / PROGRESS, _progress("failed", reason=str(error)))
        raise
    finally:
        (folder / CODES).unlink(missing_ok=True)
        own.release()


def _wait_and_work(folder: Path) -> None:
    settings = Settings.from_dict(read_json(folder / REQUEST))
    codes = np.load(folder / CODES, allow_pickle=False)
    machine = FileLock(folder.parent / MACHINE_LOCK)
    while True:
        _heed(folder)
        with suppress(Timeout):
            machine.acquire(timeout=POLL_S)
            break
        write_json(folder / PROGRESS, _progress("waiting"))
    began, last = time.monotonic(), 0.0

    def report(share: float) -> bool:
        nonlocal last
        now = time.monotonic()
        if now - last >= POLL_S:
            last = now
            write_json(folder / PROGRESS, _progress("running", share=share, seconds=now - began))
        return not (folder / STOP).exists()

    try:
        places = project(codes, settings, report)
        write_bytes(folder / PLACES, _npy(places))
        _forget_oldest(folder.parent)
    finally:
        machine.release()


def _look(folder: Path) -> Watched:
    try:
        with (folder / PLACES).open("rb") as file:
            return Watched("done", share=1.0, places=np.load(file, allow_pickle=False))
    except FileNotFoundError:
        pass
    except (OSError, ValueError):
        return Watched("none")  # damaged: it is made again
    try:
        told = read_json(folder / PROGRESS)
        if told["status"] == "failed":
            return Watched("failed", reason=str(told["reason"]))
        if time.time() - float(told["heartbeat"]) > PATIENCE_S and not _has_worker(folder):
            return Watched("none")
        if told["status"] == "waiting" and (folder / STOP).exists():
            return Watched("none")
        return Watched(str(told["status"]), float(told["share"]), float(told["seconds"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Watched("none")


def _has_worker(folder: Path) -> bool:
    """Whether a living process holds the folder's lock; the system frees a dead one's."""
    try:
        with FileLock(folder / OWN_LOCK, timeout=0):
            return False
    except Timeout:
        return True


def _heed(folder: Path) -> None:
    if (folder / STOP).exists():
        raise Stopped


def _progress(
    status: str, *, share: float = 0.0, seconds: float = 0.0, reason: str = ""
) -> dict[str, Any]:
    return {
        "status": status,
        "share": share,
        "seconds": seconds,
        "reason": reason,
        "heartbeat": time.time(),
    }


def _forget_oldest(cache: Path) -> None:
    done = sorted(cache.glob(f"*/{PLACES}"), key=lambda path: path.stat().st_mtime)
    for path in done[:-MOST_KEPT]:
        shutil.rmtree(path.parent, ignore_errors=True)


def _npy(array: np.ndarray[Any, Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def main() -> None:
    """Works out the folder that is named on the command line."""
    work(Path(sys.argv[1]))


if __name__ == "__main__":
    sys.exit(exit_code(main))
