"""A film of a latent plane as pictures: points that glide, beside them the moment's sheet.

Arrays in, RGB frames out; `exports` makes a GIF or a WebP of them. On paper, whatever the screen's
theme is.
"""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageColor, ImageDraw, ImageFont

from vae_core.figures import PETROFF10
from vae_core.latent import Plane

SIDE = 400  # pixels of the plane
GAP = 12
HEAD = 26  # above, for the moment's name
MAX_FRAMES = 160
PAPER, INK = (252, 252, 250), (14, 17, 25)


def frames(
    codes: ArrayLike,
    y: ArrayLike,
    planes: Sequence[Plane],
    names: Sequence[str],
    sheets: Sequence[bytes | None],
    *,
    palette: Sequence[str] = PETROFF10,
) -> NDArray[np.uint8]:
    """Returns the pictures of a film, (F, 3, H, W): some between two moments, as many as fit.

    Args:
        codes: Points by moment, (M, N, 2).
        y: Their labels, (N,).
        planes: The square that is shown at each moment.
        names: What stands above.
        sheets: A PNG beside the plane; None where there is none.
        palette: Colours by label, repeated where classes are more.
    """
    codes, y = np.asarray(codes, np.float64), np.asarray(y)
    colours = np.array([ImageColor.getrgb(one) for one in palette], np.uint8)[y % len(palette)]
    between = max(1, min(4, MAX_FRAMES // max(1, len(codes))))
    beside = [None if sheet is None else _sheet(sheet) for sheet in sheets]
    last = len(codes) - 1
    found = []
    for tick in range(last * between + 1):
        i, share = divmod(tick / between, 1)
        here, there = int(i), min(int(i) + 1, last)
        points = codes[here] + (codes[there] - codes[here]) * share
        number = round(tick / between)
        plane = Plane(
            center=tuple(np.add(planes[here].center, share * _away(planes, here, there)).tolist()),
            half=planes[here].half + share * (planes[there].half - planes[here].half),
        )
        found.append(_page(_dots(points, colours, plane), beside[number], names[number]))
    return np.stack(found)


def _away(planes: Sequence[Plane], here: int, there: int) -> NDArray[np.float64]:
    return np.subtract(planes[there].center, planes[here].center)


def _dots(
    points: NDArray[np.float64], colours: NDArray[np.uint8], plane: Plane
) -> NDArray[np.uint8]:
    left, _, _, top = plane.bounds
    scale = (SIDE - 1) / (2 * plane.half)
    columns = np.rint((points[:, 0] - left) * scale)
    rows = np.rint((top - points[:, 1]) * scale)
    seen = (columns >= 1) & (columns < SIDE - 1) & (rows >= 1) & (rows < SIDE - 1)
    picture = np.full((SIDE, SIDE, 3), PAPER, np.uint8)
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
        at = rows[seen].astype(int) + down, columns[seen].astype(int) + right
        picture[at] = colours[seen]
    picture[[0, -1]] = picture[:, [0, -1]] = (200, 200, 196)
    return picture


def _sheet(png: bytes) -> NDArray[np.uint8]:
    """A sheet as ink on paper, as high as the plane."""
    with Image.open(io.BytesIO(png)) as image:
        grey = image.mode != "RGB"
        width = round(image.width * SIDE / image.height)
        pixels = np.asarray(image.convert("RGB").resize((width, SIDE), Image.Resampling.BOX))
    return 255 - pixels if grey else pixels


def _page(dots: NDArray[np.uint8], sheet: NDArray[np.uint8] | None, name: str) -> NDArray[np.uint8]:
    width = SIDE + (0 if sheet is None else GAP + sheet.shape[1])
    page = Image.new("RGB", (width, HEAD + SIDE), PAPER)
    page.paste(Image.fromarray(dots), (0, HEAD))
    if sheet is not None:
        page.paste(Image.fromarray(sheet), (SIDE + GAP, HEAD))
    pen = ImageDraw.Draw(page)
    pen.text((2, 5), name, fill=INK, font=ImageFont.load_default(size=15))
    return np.asarray(page).transpose(2, 0, 1)
