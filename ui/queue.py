"""The queue as screens see it: read from disk once a second for all sessions together.

A class that watches asks every two seconds each, and reading the queue takes as many files as there
are trainings. Disk stays the truth: whoever changes something reads it anew.
"""

import time
from pathlib import Path
from threading import Lock

from vae_core import jobs
from vae_core.jobs import Job

FRESH_S = 1.0

_lock = Lock()
_seen: tuple[Path, float, tuple[Job, ...]] | None = None


def listed() -> tuple[Job, ...]:
    """All jobs, with their positions, as of less than a second ago."""
    global _seen
    with _lock:
        folder, now = jobs.root(), time.monotonic()
        if _seen is None or _seen[0] != folder or now - _seen[1] > FRESH_S:
            _seen = folder, time.monotonic(), jobs.jobs(folder)
        return _seen[2]


def find(run_id: str) -> Job | None:
    """The job of that id as it is now, its place in the queue as of less than a second ago."""
    return jobs.find(run_id, listed=listed)


def family(name: str) -> tuple[Job, ...]:
    """The runs of a sweep, in the order of asking."""
    return jobs.of_family(name, listed())


def forget() -> None:
    """Lets the next look read the disk: something was changed here."""
    global _seen
    with _lock:
        _seen = None
