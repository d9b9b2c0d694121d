"""Laws of the caches: one load a key, failures forgotten, never more than the limit."""

import threading
import time

import pytest

from ui import resources
from ui.resources import Memory
from vae_core import runs


def test_a_key_is_made_once_even_when_many_ask_at_the_same_time():
    memory, calls = Memory(4), []

    def make():
        calls.append(1)
        time.sleep(0.05)
        return "made"

    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(memory.get("key", make))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["made"] * 8
    assert len(calls) == 1


def test_a_failure_is_told_and_then_forgotten():
    memory = Memory(4)

    def fail():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        memory.get("key", fail)
    assert memory.get("key", lambda: "made") == "made"


def test_the_longest_unused_is_forgotten_first():
    memory = Memory(2)
    for key in "ab":
        memory.get(key, lambda key=key: key)
    memory.get("a", lambda: "again")  # used: b is the older one now
    memory.get("c", lambda: "c")
    assert memory.get("a", lambda: "again") == "a"
    assert memory.get("b", lambda: "again") == "again"


def test_who_asks_for_one_run_reads_no_other(monkeypatch):
    read, open_or_tell = [], runs.open_or_tell
    monkeypatch.setattr(resources, "_runs", Memory(64))
    monkeypatch.setattr(runs, "open_or_tell", lambda p: read.append(p.name) or open_or_tell(p))
    found = resources.find_run("vae-shallow")
    assert found is not None
    assert found.id == "vae-shallow"
    assert read == ["vae-shallow"]
    assert resources.find_run("no-such-run") is None
