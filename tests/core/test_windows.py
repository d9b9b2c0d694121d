"""What Windows does otherwise, held on any system: what it lacks or refuses is imitated."""

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vae_core import files, pulse, runs, supervisor, worker
from vae_core.config import RunConfig
from vae_core.errors import RunError

MakeConfig = Callable[..., RunConfig]


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes every file one that somebody reads at the first `times` tries to change it."""
    left: dict[str, int] = {}

    def refusing(call: Callable[..., object], times: int) -> Callable[..., object]:
        def refuse(self: Path, *args: object, **options: object) -> object:
            name = str(args[0] if args else self)
            left.setdefault(name, times)
            left[name] -= 1
            if left[name] >= 0:
                raise PermissionError(13, "Access is denied", name)
            del left[name]
            return call(self, *args, **options)

        return refuse

    def read(times: int) -> None:
        for name in ("replace", "unlink"):
            monkeypatch.setattr(Path, name, refusing(getattr(Path, name), times))

    return read


def test_a_file_that_is_read_just_then_is_replaced_and_removed_a_moment_later(
    reader: Callable[[int], None], tmp_path: Path
) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"old")
    reader(2)
    files.write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    files.remove(path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_nobody_may_replace_is_an_error_and_intact(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Access is denied")

    path = tmp_path / "state"
    path.write_bytes(b"old")
    monkeypatch.setattr(files, "READER_S", 0.05)
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(RunError, match="Access is denied"):
        files.write_bytes(path, b"new")
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"old"]


def test_readers_do_not_end_a_training(
    reader: Callable[[int], None],
    small_config: MakeConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "watched"
    monkeypatch.setattr(worker, "HEARTBEAT_S", 0.0)  # a note of its progress after every step
    config = small_config(limit=200, epochs=2)
    worker.create_run(path, config, recipe="small", device="cpu", threads=1)
    reader(1)
    for _ in worker.train_run(path):
        pass
    assert runs.open_run(path).card.finished


def test_a_heart_beats_where_files_are_not_written_at_a_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delattr(os, "pwrite")
    heart = pulse.Pulse(tmp_path)
    heart.start()
    heart.last_words(RunError("run-missing", path=tmp_path))
    heart.stop()
    beat = pulse.read_beat(tmp_path)
    assert beat is not None
    assert (beat.pid, beat.end) == (os.getpid(), "failed")
    assert (tmp_path / pulse.HEARTBEAT).stat().st_size == 1024  # over the first beat, not after it


class Kernel:
    """Stands for kernel32 on a machine with two processes, of which one has ended."""

    lives, ended = 11, 12

    def __init__(self) -> None:
        self.open: list[int] = []
        self.OpenProcess = lambda access, inherits, pid: self._open(pid)
        self.WaitForSingleObject = lambda handle, ms: 0x102 if handle == self.lives else 0
        self.CloseHandle = lambda handle: self.open.remove(handle)
        for function in (self.OpenProcess, self.WaitForSingleObject, self.CloseHandle):
            function.argtypes = function.restype = None  # type: ignore[attr-defined]

    def _open(self, pid: int) -> int | None:
        if pid not in (self.lives, self.ended):
            return None
        self.open.append(pid)
        return pid


def test_whether_a_process_lives_is_asked_without_a_signal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def signalled(*_: Any) -> None:
        pytest.fail("It got Ctrl-C.")

    kernel = Kernel()
    monkeypatch.setattr(os, "kill", signalled)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "WinDLL", lambda name: kernel, raising=False)
    assert [pulse.alive(pid, 0) for pid in (kernel.lives, kernel.ended, 13)] == [True, False, False]
    assert kernel.open == []


def test_ctrl_c_at_the_server_is_not_meant_for_its_workers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    started: dict[str, Any] = {}
    monkeypatch.setattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0x200, raising=False)
    monkeypatch.setattr(subprocess, "Popen", lambda command, **how: started.update(how))
    supervisor._spawn(tmp_path, "cpu", 0)
    assert started["creationflags"] == 0x200
    assert started["start_new_session"]
