"""A training process's sign of life, and the wishes that reach it: two small files of its run.

`heartbeat` is a block of fixed size that is overwritten in place, so that it can be written on a
full disk too, where it carries the last words. Nobody compares clocks: a reader notes by its own
monotonic clock when it last saw the block change. `wish` says "paused" or "stopped".
"""

import ctypes
import json
import os
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ctypes import wintypes
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vae_core.errors import PlaygroundError, RunError
from vae_core.files import remove, write_bytes

HEARTBEAT, WISH = "heartbeat", "wish"
BEAT_S = 2.0
LOOK_S = 0.2  # between two looks for a wish
WISHES = ("paused", "stopped")
LOG_LIMIT = 256 * 2**10  # bytes of a worker's log
_BLOCK = 1024


@dataclass(frozen=True)
class Beat:
    """What a heartbeat says.

    Attributes:
        pid: The process that trains.
        born: When the system started that process, in the system's own ticks; 0 if unknown. With
            it a number that another process has inherited is not mistaken for the worker.
        number: Counts the beats.
        work: Counts what training has done; it stands still in a process that only looks alive.
        end: "failed" once it has ended so, and the state may be too long for the disk.
        error: Then the reason, as `error_fields` has it.
    """

    pid: int
    born: int = 0
    number: int = 0
    work: int = 0
    end: str = ""
    error: dict[str, Any] = field(default_factory=dict)


class Pulse:
    """Beats from a thread of the training process while training goes on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beat = Beat(pid=os.getpid(), born=born(os.getpid()))
        self._work = 0
        self._over = threading.Event()
        self.wanted = ""
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
        # on a folder that machines share, others see what was written once it is on its disk
        at_once = getattr(os, "O_DSYNC", 0) if os.environ.get("LATENT_CLUSTER") else 0
        as_it_is = getattr(os, "O_BINARY", 0)  # Windows else rewrites line ends
        how = os.O_RDWR | os.O_CREAT | at_once | as_it_is
        self._file = os.open(path / HEARTBEAT, how, 0o644)

    def start(self) -> None:
        """Writes the first beat, and goes on until `stop`."""
        self._write(self._beat)
        self._thread.start()

    def stop(self) -> None:
        """Beats no more."""
        self._over.set()
        self._thread.join()
        os.close(self._file)

    def work(self) -> None:
        """Counts a bit of training that was done."""
        self._work += 1

    def last_words(self, error: BaseException) -> None:
        """Writes why training ended into the block, which needs no room on the disk."""
        self._over.set()
        self._thread.join()
        said = Beat(**{**vars(self._beat), "end": "failed", "error": error_fields(error)})
        if not self._write(said):  # a long reason: its first words say it
            short = {"key": "", "reason": str(error)[:300]}
            self._write(Beat(**{**vars(said), "error": short}))

    def _run(self) -> None:
        last = time.monotonic()
        while not self._over.wait(LOOK_S):
            self.wanted = read_wish(self._path)
            if time.monotonic() - last < BEAT_S:
                continue
            last = time.monotonic()
            number = self._beat.number + 1
            self._beat = Beat(**{**vars(self._beat), "number": number, "work": self._work})
            self._write(self._beat)
            _cap_log()

    def _write(self, beat: Beat) -> bool:
        content = json.dumps(vars(beat)).encode()
        if len(content) > _BLOCK:
            return False
        with suppress(OSError):
            os.lseek(self._file, 0, os.SEEK_SET)  # Windows has no pwrite
            os.write(self._file, content.ljust(_BLOCK))
        return True


@contextmanager
def beating(path: Path) -> Iterator[Pulse]:
    """Gives a run a heartbeat; the caller holds the run's lock."""
    try:
        pulse = Pulse(path)
    except OSError as error:
        raise RunError("not-writable", path=path, reason=error.strerror or str(error)) from error
    pulse.start()
    try:
        yield pulse
    finally:
        pulse.stop()


def read_beat(path: Path) -> Beat | None:
    """Returns a run's last beat, or None where there is none that can be read."""
    try:
        with (path / HEARTBEAT).open("rb") as file:
            return Beat(**json.loads(file.read(_BLOCK)))
    except (OSError, ValueError, TypeError):
        return None


def read_wish(path: Path) -> str:
    """Returns "paused", "stopped", or "" for none."""
    try:
        wish = (path / WISH).read_text(encoding="ascii")[:16].strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return wish if wish in WISHES else ""


def write_wish(path: Path, wish: str) -> None:
    """Leaves a wish for the process that trains a run.

    Raises:
        RunError: It cannot be written.
    """
    write_bytes(path / WISH, wish.encode())


def forget_wish(path: Path) -> None:
    """Takes back what was wished."""
    remove(path / WISH)


def clear(path: Path) -> None:
    """Removes both files: the run has finished."""
    for name in (HEARTBEAT, WISH):
        with suppress(OSError):
            (path / name).unlink(missing_ok=True)


class Watch:
    """How long ago something last changed, by the watcher's own monotonic clock."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Path, str], tuple[object, float]] = {}

    def age(self, path: Path, what: str, value: object) -> float:
        """Returns the seconds since `what` of a run was first seen to be `value`."""
        now = time.monotonic()
        seen = self._seen.get((path, what))
        if seen is None or seen[0] != value:
            self._seen[path, what] = seen = (value, now)
        return now - seen[1]

    def knows(self, path: Path) -> bool:
        """Whether anything of this run has been seen."""
        return any(known == path for known, _ in self._seen)

    def forget(self, path: Path) -> None:
        """Starts afresh with this run."""
        self._seen = {key: seen for key, seen in self._seen.items() if key[0] != path}


# --- processes --------------------------------------------------------------------------------


def born(pid: int) -> int:
    """Returns when the system started a process, in its own ticks; 0 if there is none or no way."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return 0 if fields[0] in "ZX" else int(fields[19])
    except (OSError, ValueError, IndexError):
        return 0


def alive(pid: int, birth: int) -> bool:
    """Whether the process that was started then still lives."""
    if birth:
        return born(pid) == birth
    if sys.platform == "win32":  # there signal 0 is Ctrl-C, and would reach the process
        return _runs(ctypes.WinDLL("kernel32"), pid)
    try:
        os.kill(pid, 0)
    except (OSError, OverflowError):
        return False
    return True


def _runs(kernel32: Any, pid: int) -> bool:
    """Whether a process of Windows has not ended: waits for its end, but no time."""
    synchronize, timeout = 0x00100000, 0x00000102
    kernel32.OpenProcess.argtypes = (wintypes.DWORD, wintypes.BOOL, wintypes.DWORD)
    kernel32.OpenProcess.restype = wintypes.HANDLE
    kernel32.WaitForSingleObject.argtypes = (wintypes.HANDLE, wintypes.DWORD)
    kernel32.WaitForSingleObject.restype = wintypes.DWORD
    kernel32.CloseHandle.argtypes = (wintypes.HANDLE,)
    handle = kernel32.OpenProcess(synchronize, False, pid)
    if not handle:
        return False
    try:
        return bool(kernel32.WaitForSingleObject(handle, 0) == timeout)
    finally:
        kernel32.CloseHandle(handle)


def error_fields(error: BaseException) -> dict[str, Any]:
    """Returns an error as plain values, so that a screen can say it in its own language."""
    if isinstance(error, PlaygroundError):
        values = {
            # JSON has no word for a loss that is not a number
            name: value if isinstance(value, int) else str(value)
            for name, value in error.values.items()
        }
        return {"key": error.key, "values": values, "reason": str(error)}
    reason = (str(error).splitlines() or [""])[0]
    return {"key": "", "reason": f"{type(error).__name__}: {reason}"[:300]}


def _cap_log() -> None:
    """Empties the log that stderr goes to once it is long; a terminal or a pipe has no end."""
    with suppress(OSError):
        status = os.fstat(2)
        if stat.S_ISREG(status.st_mode) and status.st_size > LOG_LIMIT:
            os.ftruncate(2, 0)
            os.write(2, b"(what stood here before was too long and is gone)\n")
