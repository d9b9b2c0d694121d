"""Laws of drawings: strokes are ink where the pen went, and nothing unchecked comes through."""

import json

import numpy as np
import pytest

from vae_core.drawing import MAX_POINTS, MAX_STROKES, SIDE, Stroke, rasterize, read_strokes
from vae_core.errors import InputError
from vae_core.mnist_like import mnist_like

LINE = {"width": 0.08, "points": [[0.5, 0.2], [0.5, 0.8]]}


def test_strokes_are_read_as_they_were_written() -> None:
    assert read_strokes([LINE]) == (Stroke(0.08, ((0.5, 0.2), (0.5, 0.8))),)
    assert read_strokes([{"width": 0.1, "points": []}]) == ()


def test_a_line_is_as_long_and_wide_as_its_pen() -> None:
    sheet = rasterize(read_strokes([LINE])) / 255
    assert sheet.shape == (SIDE, SIDE)
    assert sheet.sum(axis=1).max() == pytest.approx(0.08 * SIDE, abs=0.6)
    assert sheet[:, SIDE // 2].sum() == pytest.approx((0.6 + 0.08) * SIDE, abs=1)


def test_a_tap_is_a_dot() -> None:
    sheet = rasterize([Stroke(0.2, ((0.5, 0.5),))]) / 255
    assert sheet.sum() == pytest.approx(np.pi * (0.1 * SIDE) ** 2, rel=0.05)


def test_ink_does_not_add_up_where_lines_cross() -> None:
    once, twice = (rasterize(read_strokes(n * [LINE])) for n in (1, 2))
    assert np.array_equal(once, twice)


def test_an_empty_drawing_is_one_sentence() -> None:
    with pytest.raises(InputError, match="no digit"):
        mnist_like(rasterize(()))


@pytest.mark.parametrize(
    "value",
    [
        None,
        "ink",
        {"strokes": []},
        [7],
        [[]],
        [{}],
        [{"width": 0.1}],
        [{"width": 0.1, "points": "ab"}],
        [{"width": 0.1, "points": 3}],
        [{"width": 0.1, "points": {"a": 1}}],
        [{"width": "0.1", "points": [[0, 0]]}],
        [{"width": True, "points": [[0, 0]]}],
        [{"width": 9, "points": [[0, 0]]}],
        [{"width": 0.1, "points": [[0]]}],
        [{"width": 0.1, "points": [[0, 0, 0]]}],
        [{"width": 0.1, "points": ["01"]}],
        [{"width": 0.1, "points": [[0, None]]}],
        [{"width": 0.1, "points": [[0, 1.01]]}],
        [{"width": 0.1, "points": [[-1e308, 0]]}],
        [{"width": 0.1, "points": [[10**400, 0]]}],
        json.loads('[{"width": 0.1, "points": [[NaN, 0]]}]'),
        json.loads('[{"width": Infinity, "points": [[0, 0]]}]'),
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_what_is_no_drawing_is_one_sentence(value: object) -> None:
    with pytest.raises(InputError) as caught:
        read_strokes(value)
    assert caught.value.key == "drawing-unreadable"


@pytest.mark.parametrize(
    "value",
    [
        [LINE] * (MAX_STROKES + 1),
        [{"width": 0.1, "points": [[0.5, 0.5]] * (MAX_POINTS + 1)}],
    ],
    ids=["strokes", "points"],
)
def test_a_drawing_has_an_end(value: object) -> None:
    with pytest.raises(InputError) as caught:
        read_strokes(value)
    assert caught.value.key == "drawing-long"
