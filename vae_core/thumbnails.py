"""A run's codes as a small picture: where each class lies, no axes, transparent elsewhere."""

import io

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageColor

from vae_core.figures import PETROFF10
from vae_core.latent import Plane

SIDE = 192  # pixels


def codes_png(codes: ArrayLike, y: ArrayLike, plane: Plane) -> bytes:
    """Returns a PNG of a plane with a dot for each code (N, 2), coloured by its label y (N,)."""
    inside = plane.contains(codes)
    left, _, _, top = plane.bounds
    x_right, y_up = np.asarray(codes, np.float64)[inside].T
    labels = np.asarray(y)[inside]
    last = SIDE - 1
    columns = np.rint((x_right - left) / (2 * plane.half) * last).astype(int)
    rows = np.rint((top - y_up) / (2 * plane.half) * last).astype(int)
    palette = np.array([ImageColor.getrgb(colour) for colour in PETROFF10], np.uint8)
    dots = np.zeros((SIDE, SIDE, 4), np.uint8)
    dots[rows, columns, :3] = palette[labels % len(palette)]
    dots[rows, columns, 3] = 255
    file = io.BytesIO()
    Image.fromarray(dots).save(file, "PNG")
    return file.getvalue()
