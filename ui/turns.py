"""Scripts take turns, so that thirty of them at once leave the interpreter to those who click.

A screen's script is some fifty milliseconds of Python. Thirty at the same time do not end sooner
than one after the other, but whatever else the server answers, a click's decode above all, would
wait for all of them at each of its steps: the interpreter runs one thread at a time, and threads
wait in no order.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """Turns of which only a few are taken at a time, in the order in which they were asked for.

    A turn counts for a while only: whoever works for longer, on a projection, say, does not keep
    others waiting.

    Args:
        places: Turns at a time.
        counts_s: Seconds for which a turn counts.
    """

    def __init__(self, places: int, counts_s: float) -> None:
        self._places, self._counts_s = places, counts_s
        self._changed = threading.Condition()
        self._waiting: list[object] = []
        self._own = threading.local()
        self._taken: dict[object, float] = {}  # a turn -> until when it counts

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Waits for a turn, and gives it back in the end; who has one already goes on."""
        if getattr(self._own, "taken", False):
            yield
            return
        me = object()
        with self._changed:
            self._waiting.append(me)
            try:
                while self._waiting[0] is not me or not self._is_free():
                    self._changed.wait(self._until_next_end())
                self._taken[me] = time.monotonic() + self._counts_s
            finally:
                self._waiting.remove(me)
                self._changed.notify_all()
        self._own.taken = True
        try:
            yield
        finally:
            self._own.taken = False
            with self._changed:
                self._taken.pop(me, None)
                self._changed.notify_all()

    def _is_free(self) -> bool:
        now = time.monotonic()
        self._taken = {one: end for one, end in self._taken.items() if end > now}
        return len(self._taken) < self._places

    def _until_next_end(self) -> float | None:
        ends = self._taken.values()
        return max(0.0, min(ends) - time.monotonic()) if ends else None


SCRIPTS = Turns(places=1, counts_s=0.25)
