"""Strokes of a pen on a square pad, and the grey picture that they make.

Lengths are in units of the pad's side, x to the right and y down, so that a drawing is the same on
every screen. Strokes come from browsers: nothing about them is believed before it is checked.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vae_core.errors import InputError

MAX_STROKES = 200
MAX_POINTS = 10_000  # of all strokes together
WIDTHS = (0.01, 0.3)  # thinnest and thickest pen
SIDE = 112  # pixels of the picture: four for each of an MNIST image
FINER = 4  # drawn so many times larger, then averaged, for smooth edges


@dataclass(frozen=True)
class Stroke:
    """One line of a round pen: its width and the points it went through, at least one."""

    width: float
    points: tuple[tuple[float, float], ...]


def read_strokes(value: object) -> tuple[Stroke, ...]:
    """Returns the strokes of plain JSON, [{"width": w, "points": [[x, y], ...]}, ...].

    Raises:
        InputError: It is something else, leaves the pad, or is too long.
    """
    try:
        if not isinstance(value, list):
            raise TypeError(value)
        if len(value) > MAX_STROKES or sum(len(item["points"]) for item in value) > MAX_POINTS:
            raise InputError("drawing-long", strokes=MAX_STROKES, points=MAX_POINTS)
        return tuple(
            Stroke(_within(item["width"], *WIDTHS), tuple(_point(p) for p in item["points"]))
            for item in value
            if item["points"]
        )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("drawing-unreadable") from error


def rasterize(strokes: Iterable[Stroke]) -> NDArray[np.uint8]:
    """Returns a drawing as a grey picture, white on black, (SIDE, SIDE)."""
    side = SIDE * FINER
    sheet = Image.new("L", (side, side))
    pen = ImageDraw.Draw(sheet)
    for stroke in strokes:
        points = [(x * side, y * side) for x, y in stroke.points]
        radius = stroke.width * side / 2
        pen.line(points, fill=255, width=round(2 * radius))
        for x, y in points:  # round ends and joints
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.asarray(sheet.reduce(FINER))


def _point(value: object) -> tuple[float, float]:
    if not isinstance(value, list):
        raise TypeError(value)
    x, y = value
    return _within(x, 0.0, 1.0), _within(y, 0.0, 1.0)


def _within(value: object, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(value)
    if not low <= value <= high:  # nor if it is no number, NaN
        raise ValueError(value)
    return float(value)
