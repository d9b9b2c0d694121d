"""The plane of a run as a drawing: decoded pictures beneath, codes by class, axes and legend.

Written by hand, as Plotly draws a still SVG only with a browser at its side. Codes are circles and
names are text, so that a drawing program can edit them; the pictures are one embedded PNG.
"""

import base64
from collections.abc import Sequence
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import ArrayLike

from vae_core.errors import InputError
from vae_core.exports import png_bytes
from vae_core.figures import PETROFF10
from vae_core.inference import to_uint8
from vae_core.latent import Plane

SIDE = 800.0  # of the plane, in the drawing's units
EDGE = 56.0  # for ticks and axis titles
ROW = 26.0  # of the legend
LETTER = 8.5  # a generous guess at a letter's width
INK, HAIRLINE = "#1b1b1f", "#8a8a8a"
FONT = "system-ui, 'Noto Sans KR', sans-serif"
PICTURES = 0.45  # opacity of the decoded plane, so that codes stand out


def plane_svg(
    codes: ArrayLike,
    y: ArrayLike,
    *,
    class_names: Sequence[str],
    plane: Plane,
    decoded: ArrayLike | None = None,
    title: str = "",
    palette: Sequence[str] = PETROFF10,
) -> bytes:
    """Returns codes (N, 2) with labels y (N,) on a plane as an SVG file.

    Args:
        codes: Places in the plane; those outside are left out.
        y: Their labels, each an index into `class_names`.
        class_names: Name of each label.
        plane: The square that is drawn.
        decoded: Pictures (n * n, C, H, W) of the plane's lattice, to lie beneath.
        title: What the drawing is called.
        palette: Colours "#rrggbb" by label, from the start again where there are more labels.

    Raises:
        InputError: The codes are not (N, 2), or the pictures are no square lattice.
    """
    points, labels = np.asarray(codes, np.float64), np.asarray(y)
    if points.ndim != 2 or points.shape[1] != 2 or labels.shape != points.shape[:1]:
        raise InputError("input-shape", what="The codes", wanted="(N, 2)", value=points.shape)
    legend, legend_height = _legend(class_names, palette)
    height = SIDE + 2 * EDGE + legend_height
    width = SIDE + 2 * EDGE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" font-family="{FONT}" font-size="15" '
        f'fill="{INK}">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
        f'<text x="{EDGE}" y="{EDGE - 24}" font-size="20">{escape(title)}</text>',
        f'<g transform="translate({EDGE} {EDGE})">',
        _pictures(decoded),
        f'<rect width="{SIDE}" height="{SIDE}" fill="none" stroke="{HAIRLINE}"/>',
        *_ticks(plane),
        *_points(points, labels, class_names, plane, palette),
        "</g>",
        f'<g transform="translate({EDGE} {SIDE + 2 * EDGE})">',
        *legend,
        "</g>",
        "</svg>",
    ]
    return "\n".join(part for part in parts if part).encode()


def _pictures(decoded: ArrayLike | None) -> str:
    """The decoded lattice, dark ink on paper; each picture's middle lies on its place."""
    if decoded is None:
        return ""
    images = np.asarray(decoded)
    n = round(len(images) ** 0.5)
    if n < 2 or n * n != len(images):
        raise InputError("input-shape", what="Pictures", wanted="(n * n, ...)", value=images.shape)
    ink = 255 - to_uint8(images) if images.shape[1] == 1 else images
    content = base64.b64encode(png_bytes(ink, columns=n)).decode()
    cell = SIDE / (n - 1)
    return (
        f'<svg width="{SIDE}" height="{SIDE}" viewBox="0 0 {SIDE} {SIDE}">'
        f'<image x="{-cell / 2:.2f}" y="{-cell / 2:.2f}" width="{n * cell:.2f}" '
        f'height="{n * cell:.2f}" opacity="{PICTURES}" style="image-rendering: pixelated" '
        f'href="data:image/png;base64,{content}"/></svg>'
    )


def _points(
    points: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    labels: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
    class_names: Sequence[str],
    plane: Plane,
    palette: Sequence[str],
) -> list[str]:
    left, _, _, top = plane.bounds
    scale = SIDE / (2 * plane.half)
    inside = plane.contains(points)
    parts = []
    for label, name in enumerate(class_names):
        rows = points[inside & (labels == label)]
        colour = palette[label % len(palette)]
        parts.append(f'<g fill="{colour}" fill-opacity="0.75"><title>{escape(name)}</title>')
        parts += [
            f'<circle cx="{(x - left) * scale:.1f}" cy="{(top - y) * scale:.1f}" r="2.5"/>'
            for x, y in rows
        ]
        parts.append("</g>")
    return parts


def _ticks(plane: Plane) -> list[str]:
    left, _, _, top = plane.bounds
    scale = SIDE / (2 * plane.half)
    parts = [f'<g stroke="none" fill="{INK}">']
    for x in _round_numbers(left, left + 2 * plane.half):
        parts.append(
            f'<text x="{(x - left) * scale:.1f}" y="{SIDE + 20}" text-anchor="middle">{x:g}</text>'
        )
    for y in _round_numbers(top - 2 * plane.half, top):
        parts.append(f'<text x="-8" y="{(top - y) * scale + 5:.1f}" text-anchor="end">{y:g}</text>')
    parts.append(f'<text x="{SIDE / 2}" y="{SIDE + 42}" text-anchor="middle">z₁</text>')
    parts.append(f'<text x="-38" y="{SIDE / 2}" text-anchor="middle">z₂</text></g>')
    return parts


def _round_numbers(low: float, high: float) -> list[float]:
    """Returns five to ten round numbers from low to high."""
    power = 10.0 ** np.floor(np.log10((high - low) / 5))
    step = next(power * lead for lead in (1, 2, 5, 10) if (high - low) / (power * lead) <= 10)
    first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
    return [k * step for k in range(first, last + 1)]


def _legend(class_names: Sequence[str], palette: Sequence[str]) -> tuple[list[str], float]:
    """Returns the names on their colours, in as many rows as they need, and the rows' height."""
    parts, x, y = [], 0.0, 0.0
    for label, name in enumerate(class_names):
        width = 34 + LETTER * len(name)
        if x and x + width > SIDE:
            x, y = 0.0, y + ROW
        colour = palette[label % len(palette)]
        parts.append(f'<circle cx="{x + 6:.1f}" cy="{y:.1f}" r="6" fill="{colour}"/>')
        parts.append(f'<text x="{x + 18:.1f}" y="{y + 5:.1f}">{escape(name)}</text>')
        x += width
    return parts, y + ROW
