"""One side's end of a benchmark in turns: settings come in, then a line for each thing to do.

It and the scripts beside it run in the environments of peers, which have neither this package nor
`vae_core`: nothing but the standard library here.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any


class Talk:
    """JSON lines with the benchmark; whatever a library prints goes to stderr."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        self.settings: dict[str, Any] = json.loads(sys.stdin.readline())

    def say(self, **answer: Any) -> None:
        self._out.write(json.dumps(answer) + "\n")
        self._out.flush()

    def wait(self) -> str:
        """Returns what is to be done next; ends the process when nobody asks any more."""
        line = sys.stdin.readline()
        if not line:
            sys.exit()
        return line.strip()


class Clock:
    """For trainers that run their own loop: each epoch begins when asked for, and is timed."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._begin = 0.0

    def begin(self) -> None:
        word = self._talk.wait()
        assert word == "epoch", word
        self._begin = time.perf_counter()

    def end(self) -> None:
        self._talk.say(seconds=time.perf_counter() - self._begin)


def answer(talk: Talk, test: Callable[[], dict[str, Any]], epoch: Callable[[], None]) -> None:
    """Does what it is asked, an epoch or the test, until nobody asks any more."""
    clock = Clock(talk)
    for _ in range(talk.settings["epochs"]):
        clock.begin()
        epoch()
        clock.end()
    answer_test(talk, test)


def answer_test(talk: Talk, test: Callable[[], dict[str, Any]]) -> None:
    """Answers the one question after the last epoch: how well it does on the test images."""
    word = talk.wait()
    assert word == "test", word
    talk.say(**test())


def in_nats(recon: float, kl: float) -> dict[str, float]:
    return {"total": round(recon + kl, 2), "recon": round(recon, 2), "kl": round(kl, 2)}
