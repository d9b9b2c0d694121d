"""Laws of turns: few at a time, in order, nobody waits for ever, and nothing keeps one."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ui.turns import Turns

LONG = 60.0


def meanwhile(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("places", [1, 3])
def test_only_so_many_have_a_turn_at_a_time_and_all_have_one(places: int) -> None:
    turns = Turns(places, LONG)
    here, most, done = [], [], []

    def work(number: int) -> None:
        with turns.turn():
            here.append(number)
            most.append(len(here))
            time.sleep(0.002)
            here.remove(number)
        done.append(number)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(work, range(60)))
    assert max(most) <= places
    assert sorted(done) == list(range(60))


def test_turns_come_in_the_order_in_which_they_were_asked_for() -> None:
    turns = Turns(1, LONG)
    came: list[int] = []

    def work(number: int) -> None:
        with turns.turn():
            came.append(number)

    threads = []
    with turns.turn():
        for number in range(8):
            threads.append(meanwhile(lambda number=number: work(number)))
            while len(turns._waiting) <= number:
                time.sleep(0.001)
    for thread in threads:
        thread.join(LONG)
    assert came == list(range(8))


def test_whoever_works_for_long_keeps_nobody_waiting() -> None:
    turns = Turns(1, 0.05)
    over, came = threading.Event(), threading.Event()

    def work_for_long() -> None:
        with turns.turn():
            came.set()
            over.wait(LONG)

    thread = meanwhile(work_for_long)
    came.wait(LONG)
    with turns.turn():  # it comes although the other has not ended
        assert thread.is_alive()
    over.set()
    thread.join(LONG)
    with turns.turn():  # and its end, which came late, gives no second place
        assert not turns._is_free()


def test_whoever_has_a_turn_needs_no_second_one() -> None:
    turns = Turns(1, LONG)
    with turns.turn():
        with turns.turn():
            pass
        assert not turns._is_free()
    assert turns._is_free()


def test_a_turn_that_ends_with_an_error_is_given_back() -> None:
    turns = Turns(1, LONG)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), turns.turn():
            raise ZeroDivisionError
    assert turns._is_free()
    assert not turns._waiting


def test_a_function_can_ask_for_a_turn_at_each_call() -> None:
    turns = Turns(1, LONG)

    @turns.turn()
    def work() -> bool:
        return turns._is_free()

    assert [work(), work()] == [False, False]
    assert turns._is_free()
