"""Any drawn or photographed digit as MNIST's own were made, so that a trained encoder knows it.

LeCun, Bottou, Bengio, Haffner (1998), section III.A: size-normalized into a 20 x 20 box with its
aspect ratio kept, anti-aliased by that, then centred in 28 x 28 by its centre of mass. A digit of
MNIST comes back as it is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vae_core.errors import InputError

SIZE, BOX = 28, 20  # of LeCun et al.; other sizes in proportion
FAINT = 0.04  # of the darkest ink: fainter than this is no part of the digit
# a uniform sheet has no ink: the least difference, of 255, between ink and paper
LEAST_CONTRAST = 24
ENOUGH = 160  # pixels of the longer side; more only carry noise
# noise of the paper, in median absolute deviations of its border; 8 are five Gaussian sigmas
NOISE = 8.0


@dataclass(frozen=True)
class Digit:
    """A digit ready for an encoder, and what was done to it.

    Attributes:
        x: The image, uint8, (1, H, W); 255 is ink.
        inverted: Whether the paper was light, so that light and dark changed places.
        scaled: Width and height of the ink in `x`.
    """

    x: NDArray[np.uint8]
    inverted: bool
    scaled: tuple[int, int]


def mnist_like(grey: NDArray[np.uint8], *, size: int = SIZE) -> Digit:
    """Returns a grey picture (H, W) as an image of MNIST's kind, `size` pixels a side.

    Raises:
        InputError: There is nothing on the paper.
    """
    ink, inverted = _ink(_reduced(grey))
    left, top, right, bottom = _box(ink)
    width, height = right - left, bottom - top
    box = max(1, round(size * BOX / SIZE))
    scale = box / max(width, height)
    scaled = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = Image.fromarray(ink[top:bottom, left:right]).resize(scaled, Image.Resampling.BOX)
    pixels = np.asarray(small, np.float32)
    pixels = pixels * (255 / max(float(pixels.max()), 1e-6))  # thin lines fade when they shrink
    x = _centred(np.rint(pixels).astype(np.uint8), size)
    return Digit(x[None], inverted, scaled)


def _reduced(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns the picture small enough that its pixels' noise has averaged out."""
    factor = max(grey.shape) // ENOUGH
    return np.asarray(Image.fromarray(grey).reduce(factor)) if factor > 1 else grey


def _ink(grey: NDArray[np.uint8]) -> tuple[NDArray[np.float32], bool]:
    """Returns how much darker or lighter than its paper each pixel is, 0 to 1, (H, W)."""
    paper, spread = _paper(grey)
    darkest, lightest = int(grey.min()), int(grey.max())
    inverted = paper - darkest > lightest - paper
    contrast = grey.astype(np.float32) - paper
    contrast = np.maximum((-contrast if inverted else contrast) - NOISE * spread, 0)
    strongest = float(contrast.max())
    if strongest < LEAST_CONTRAST:
        raise InputError("input-blank")
    return contrast / strongest, inverted


def _paper(grey: NDArray[np.uint8]) -> tuple[float, float]:
    """Returns the paper's level and noise, from the picture's border: medians, as ink may cross."""
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]]).astype(np.float32)
    level = float(np.median(border))
    return level, float(np.median(np.abs(border - level)))


def _box(ink: NDArray[np.float32]) -> tuple[int, int, int, int]:
    """Returns the ink's left, top, right and bottom; the last two lie just outside."""
    columns, rows = (np.flatnonzero((ink > FAINT).any(axis=axis)) for axis in (0, 1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _centred(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Returns pixels (h, w) on black, (size, size), moved until their centre of mass is its centre.

    Whole pixels, as MNIST: the centre is pixel 14 of 0..27, and nothing falls outside.
    """
    sheet = np.zeros((size, size), np.uint8)
    corner = []
    for axis in (0, 1):
        weights = pixels.sum(axis=1 - axis, dtype=np.float64)
        centre = float(weights @ np.arange(len(weights))) / float(weights.sum())
        wanted = int(np.floor(size / 2 - centre + 0.5))
        corner.append(min(max(wanted, 0), size - len(weights)))
    top, left = corner
    sheet[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return sheet
