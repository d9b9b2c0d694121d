"""Laws of the map's memory: a wish counts when it is new; what a person pinned counts more."""

from ui.latent_map import Pin, _Memory

A, B, C = Pin((1.0, 2.0)), Pin((3.0, 4.0)), Pin((5.0, 6.0), index=7)


def committed(pin: Pin, at: int) -> dict:
    return {"z": list(pin.z), "index": pin.index, "at": at}


def test_a_first_wish_is_obeyed():
    memory = _Memory()
    assert memory.settle(A, None) == A
    assert memory.order == 1


def test_a_wish_that_stays_is_not_repeated():
    memory = _Memory()
    memory.settle(A, None)
    assert memory.settle(A, committed(B, 1)) == B  # the person clicked
    assert memory.settle(A, committed(B, 1)) == B  # the page still says A
    assert memory.order == 1


def test_the_echo_of_a_click_is_no_wish_even_one_run_late():
    memory = _Memory()
    memory.settle(None, committed(A, 1))
    assert memory.settle(A, committed(B, 2)) == B  # the page's address has A only now
    assert memory.settle(B, committed(B, 2)) == B
    assert memory.order == 0


def test_a_new_wish_wins_over_an_old_click():
    memory = _Memory()
    memory.settle(None, committed(A, 1))
    assert memory.settle(C, committed(A, 1)) == C
    assert memory.order == 1


def test_a_second_click_at_the_same_place_counts():
    memory = _Memory()
    memory.settle(None, committed(A, 1))
    memory.settle(C, committed(A, 1))
    assert memory.settle(C, committed(A, 2)) == A


def test_a_pin_outlives_the_screen_it_was_made_on():
    memory = _Memory()
    memory.settle(None, committed(A, 1))
    assert memory.settle(A, None) == A  # back again: Streamlit has dropped the component's state
    assert memory.order == 0
