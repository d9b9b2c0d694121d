"""A disk that fills at any write: a clean stop with its reason, and the last good state intact.

Every call that takes room (a new file, its bytes, its name, a folder) may be the first to fail; all
after it fail too, until there is room again. Then the run goes on to the very same weights.
"""

import errno
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from vae_core import jobs, pulse, runs, supervisor, worker
from vae_core.config import RunConfig
from vae_core.errors import PlaygroundError, RunError
from vae_core.supervisor import Supervisor
from vae_core.training import EpochEnd

MakeConfig = Callable[..., RunConfig]


class Disk:
    """Counts what takes room, and refuses from a number on."""

    def __init__(self) -> None:
        self.done = 0
        self.room: float = float("inf")

    def spend(self) -> None:
        self.done += 1
        if self.done > self.room:
            raise OSError(errno.ENOSPC, "No space left on device")

    def fill_after(self, n: float) -> None:
        self.done, self.room = 0, n


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()

    def spending(call: Callable[..., object]) -> Callable[..., object]:
        def spend(*args: object, **options: object) -> object:
            disk.spend()
            return call(*args, **options)

        return spend

    monkeypatch.setattr(tempfile, "mkstemp", spending(tempfile.mkstemp))
    monkeypatch.setattr(os, "fsync", spending(os.fsync))
    for name in ("replace", "mkdir"):
        monkeypatch.setattr(Path, name, spending(getattr(Path, name)))
    return disk


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "runs"
    folder.mkdir()
    monkeypatch.setenv("LATENT_RUNS", str(folder))
    monkeypatch.setenv("LATENT_PLACES", "1")
    return folder


def ask(config: RunConfig, request: str) -> Path:
    run_id = jobs.submit(config, owner="ann", request=request, recipe="small", device="cpu")
    return jobs.root() / run_id


def litter(path: Path) -> list[Path]:
    return [*path.rglob(".*.tmp"), *path.parent.glob(".new-*"), *path.parent.glob(".gone-*")]


def train(path: Path, told: list[int] | None = None) -> None:
    """Trains what is left; notes the epochs whose end was told."""
    for event in worker.train_run(path):
        if told is not None and isinstance(event, EpochEnd):
            told.append(event.epoch)


@pytest.mark.slow
def test_training_stops_cleanly_at_every_write_and_goes_on_to_the_same_weights(
    disk: Disk, folder: Path, small_config: MakeConfig
) -> None:
    config = small_config(limit=64, epochs=2)
    whole = ask(config, "whole")
    disk.fill_after(float("inf"))
    train(whole)
    writes = disk.done
    assert writes > 30
    reference = (whole / runs.WEIGHTS).read_bytes()
    for room in range(writes):
        disk.fill_after(float("inf"))
        path = ask(config, f"full after {room}")
        disk.fill_after(room)
        told: list[int] = []
        with pytest.raises(RunError, match="No space left"):
            train(path, told)
        one = jobs.job(path)
        assert litter(path) == []
        assert one.card.epochs_done >= len(told), room
        assert not jobs.is_held(path)
        if one.status == "finished":  # all that counts was written, and what is over left lying
            assert (path / runs.WEIGHTS).read_bytes() == reference, room
            continue
        assert one.status in ("failed", "queued"), room  # not even its first state was written
        if one.status == "failed":
            assert "No space left" in str(one.explained())
        if one.card.epochs_done:
            assert runs.open_run(path).card.epochs_done == one.card.epochs_done
        disk.fill_after(float("inf"))
        jobs.resume(path, owner="ann")
        if room % 4:  # to train all of them to the end would take a minute
            jobs.delete(path)
            continue
        train(path)
        assert (path / runs.WEIGHTS).read_bytes() == reference, room


def test_a_job_is_refused_whole_at_every_write(
    disk: Disk, folder: Path, small_config: MakeConfig
) -> None:
    ask(small_config(), "whole")
    disk.fill_after(float("inf"))
    ask(small_config(), "counted")
    for room in range(disk.done):
        disk.fill_after(room)
        with pytest.raises(PlaygroundError, match="No space left"):
            ask(small_config(), f"full after {room}")
        assert len(jobs.jobs()) == 2, room
        assert litter(folder / "any") == []
        disk.fill_after(float("inf"))


@pytest.mark.parametrize("act", [jobs.pause, jobs.stop])
def test_a_wish_that_cannot_be_written_is_one_sentence_and_changes_nothing(
    act: Callable[..., None], disk: Disk, folder: Path, small_config: MakeConfig
) -> None:
    path = ask(small_config(), "1")
    worker.write_state(path, "running", runs.read_card(path))
    with worker.locked(path):
        for room in range(3):
            disk.fill_after(room)
            with pytest.raises(PlaygroundError, match="No space left"):
                act(path, owner="ann")
            assert pulse.read_wish(path) == ""
            assert jobs.job(path).status == "running"


def test_a_supervisor_on_a_full_disk_starts_nothing_twice_and_goes_on_when_there_is_room(
    disk: Disk, folder: Path, small_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Path] = []

    class NoWorker:
        pid = 2**30

        def __init__(self, path: Path, *_: object) -> None:
            started.append(path)

        def poll(self) -> None:
            return None

    monkeypatch.setattr(supervisor, "_spawn", NoWorker)
    path = ask(small_config(), "1")
    for room in range(12):
        disk.fill_after(room)
        keeper = Supervisor(folder)
        with suppress(RunError):
            keeper.tick()
        status = jobs.job(path).status
        assert len(started) == (status == "starting"), room
        disk.fill_after(float("inf"))
        keeper.stop()
        if keeper._lead.is_locked:
            keeper._lead.release()
        if started:
            return  # there was room enough
        if status == "failed":
            jobs.resume(path, owner="ann")
    pytest.fail("It never started.")
