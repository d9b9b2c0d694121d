"""A gallery as one PNG: all its pictures on a sheet, and what they are in a text inside the file.

So a run trained on a data set that a machine does not have can still be shown there. The file is a
picture like any other and holds nothing that could run; the digest inside says that it is whole.
"""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from vae_core.data.catalogue import Source
from vae_core.data.images import Images
from vae_core.errors import DataError
from vae_core.files import parse_json

COLUMNS = 100
TEXT = "gallery"
FORMAT = 1
MAX_IMAGES = 10_000
MAX_PIXELS = 50_000_000
MAX_BYTES = 32 * 2**20


def sheet_bytes(gallery: Images, source: Source) -> bytes:
    """Returns a gallery, ordered by class, as a PNG of 100 columns with its labels and licence."""
    n, channels, side, _ = gallery.x.shape
    rows = -(-n // COLUMNS)
    cells = np.zeros((rows * COLUMNS, channels, side, side), np.uint8)
    cells[:n] = gallery.x
    sheet = cells.reshape(rows, COLUMNS, channels, side, side).transpose(0, 3, 1, 4, 2)
    sheet = sheet.reshape(rows * side, COLUMNS * side, channels)
    about = PngInfo()
    counts = np.bincount(gallery.y, minlength=len(gallery.class_names)).tolist()
    text = {
        "format": FORMAT,
        "name": gallery.name,
        "side": side,
        "counts": counts,
        "class_names": gallery.class_names,
        "digest": gallery.digest,
        "source": source.citation,
        "licence": source.licence,
    }
    about.add_text(TEXT, json.dumps(text))
    file = io.BytesIO()
    picture = Image.fromarray(sheet[..., 0] if channels == 1 else sheet)
    picture.save(file, "PNG", optimize=True, pnginfo=about)
    return file.getvalue()


def read_sheet(path: Path) -> Images:
    """Returns the gallery on a sheet, once its digest is known to be right.

    Raises:
        DataError: The file is damaged or no such sheet.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it is larger than {MAX_BYTES} bytes")
        with Image.open(path, formats=("PNG",)) as picture:
            if picture.width * picture.height > MAX_PIXELS or picture.mode not in ("L", "RGB"):
                raise ValueError("it is no sheet of a gallery")
            picture.load()
            text = parse_json(picture.info[TEXT].encode())
            sheet = np.asarray(picture)
        gallery = _cut(sheet, text)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SyntaxError) as error:
        raise DataError(
            "data-damaged", name=path.name, folder=path.parent, reason=str(error)
        ) from error
    if gallery.digest != text.get("digest"):
        reason = "its pictures are not those that its digest names"
        raise DataError("data-damaged", name=path.name, folder=path.parent, reason=reason)
    return gallery


def _cut(sheet: np.ndarray[Any, Any], text: dict[str, Any]) -> Images:
    side, names = int(text["side"]), tuple(map(str, text["class_names"]))
    counts = [int(count) for count in text["counts"]]
    if text["format"] != FORMAT or len(counts) != len(names) or min(counts) < 0:
        raise ValueError("its text is not understood")
    n, rows = sum(counts), sheet.shape[0] // max(side, 1)
    if not 0 < n <= min(rows * COLUMNS, MAX_IMAGES):
        raise ValueError("its text does not fit its pixels")
    cells = sheet.reshape(rows, side, COLUMNS, side, -1).transpose(0, 2, 4, 1, 3)
    x = np.ascontiguousarray(cells.reshape(rows * COLUMNS, -1, side, side)[:n])
    return Images(x, np.repeat(np.arange(len(names)), counts), names, str(text["name"]))
