"""A folder of pictures as a data set: a subfolder for each class, any size, any common format.

Pictures become squares about their middle, then `size` pixels a side. Of the different pictures, in
the order of their SHA-256, the first tenth is held out: a copy is never on the other side, and
what is added later moves few others. A file that cannot be read is told in the log and passed over.
"""

import hashlib
import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vae_core.data.images import Images, fit
from vae_core.errors import DataError, InputError
from vae_core.pictures import MAX_BYTES, read_picture

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp")
MAX_FILES = 60_000
MAX_CLASSES = 100
MAX_NUMBERS = 2**30  # of all pictures together, one byte each
HELD_OUT_SHARE = 10  # one picture in so many

_log = logging.getLogger(__name__)


def read_folder(folder: Path, split: str, *, size: int, channels: int) -> Images:
    """Returns a part of the pictures in a folder, by class and then by file name.

    Args:
        folder: Holds a subfolder for each class.
        split: "train" or "held-out".
        size: Side of the pictures to return.
        channels: 1 (luminance) or 3 (RGB).

    Raises:
        DataError: There is no such folder, too little or too much is in it.
    """
    names, files = _files(folder)
    if len(files) * channels * size**2 > MAX_NUMBERS:
        limit = MAX_NUMBERS // (channels * size**2)
        raise DataError("data-folder-large", folder=folder, value=len(files), limit=limit)
    x, y, digests = [], [], []
    for path, label in files:
        try:
            picture = read_picture(_content(path), name=str(path.relative_to(folder)))
        except InputError as error:
            _log.warning("%s It is passed over.", error)
            continue
        digests.append(hashlib.sha256(repr(picture.shape).encode() + picture.tobytes()).digest())
        x.append(fit(_square(picture, size), size, channels)[0])
        y.append(label)
    different = sorted(set(digests))
    if len(different) < 3:
        raise DataError("data-folder-few", folder=folder, value=len(different))
    held_out = set(different[: max(1, len(different) // HELD_OUT_SHARE)])
    images = Images(np.stack(x), np.array(y, np.int64), names, f"folder/{split}")
    wanted = [(digest in held_out) == (split == "held-out") for digest in digests]
    return images.take(np.array(wanted), images.name)


def _files(folder: Path) -> tuple[tuple[str, ...], list[tuple[Path, int]]]:
    """Returns the class names and every picture file with its label."""
    try:
        classes = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
        found = [
            (path, label)
            for label, group in enumerate(classes[: MAX_CLASSES + 1])
            for path in sorted(group.iterdir())
            if path.suffix.lower() in SUFFIXES and path.is_file()
        ]
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError("data-folder-unreadable", folder=folder, reason=reason) from error
    if len(classes) > MAX_CLASSES or len(found) > MAX_FILES:
        raise DataError("data-folder-large", folder=folder, value=len(found), limit=MAX_FILES)
    return tuple(group.name for group in classes), found


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError("input-unreadable", what=str(path), reason=reason) from error


def _square(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Returns the square about the middle of a picture (H, W, 3), as (1, 3, H, H)."""
    height, width, _ = picture.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = picture[top : top + side, left : left + side]
    if side > 4 * size:  # averaging whole pixels first is much faster, and looks the same
        square = np.asarray(Image.fromarray(square).reduce(side // (2 * size)))
        height, width, _ = square.shape
        square = square[: min(height, width), : min(height, width)]
    return np.ascontiguousarray(square.transpose(2, 0, 1)[None])
