"""How a run looks at its newest moment, while it trains: from the files that its worker writes.

Reading never fails: a file that is being replaced, or that somebody has tampered with, is no look.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays

from vae_core import runs
from vae_core.data import Images

MAX_BYTES = 16 * 2**20
COLUMNS, ROWS = 10, 11  # of a kept sheet: a row of reconstructions, then a square of pictures
MAX_SIDE = 4000


@dataclass(frozen=True)
class Look:
    """One moment of a run.

    Attributes:
        name: "0007" after epoch 7; "0000-000012" after step 12 of the first.
        codes: Codes of the held-out images in the data set's order, (N, D) or, where D is large,
            their two principal components, (N, 2); None where they cannot be read.
        projected: Whether they are principal components.
        reconstructions: PNG of the first held-out image of each class, reconstructed, or None.
        grid: PNG of what the decoder makes of a grid of places, or of draws, or None.
    """

    name: str
    codes: NDArray[np.float32] | None
    projected: bool
    reconstructions: bytes | None
    grid: bytes | None

    @property
    def epoch(self) -> int:
        """The epoch after which, or 0 within the first."""
        return int(self.name[:4])


def newest(path: Path) -> str | None:
    """Returns the name of a run's newest moment, or None before there is one."""
    names = [file.stem for file in (path / runs.LATENTS).glob("[0-9]*.safetensors")]
    return max(names, default=None)


def look(path: Path, name: str) -> Look:
    """Returns a run at one of its moments."""
    codes, projected = _codes(path / runs.LATENTS / f"{name}.safetensors")
    rows = _rows(path / runs.FRAMES / f"{name}.png")
    return Look(name, codes, projected, *rows)


def first_of_classes(images: Images, n: int) -> NDArray[np.uint8]:
    """Returns the first image of each class, (n, C, H, W), as a kept sheet's first row has them."""
    rows = [int(np.flatnonzero(images.y == label)[0]) for label in np.unique(images.y)]
    return images.x[[rows[k % len(rows)] for k in range(n)]]


def _codes(file: Path) -> tuple[NDArray[np.float32] | None, bool]:
    try:
        if file.stat().st_size > MAX_BYTES:
            return None, False
        arrays = load_arrays(file.read_bytes())
    except (OSError, SafetensorError, ValueError, TypeError):
        return None, False
    codes = next((arrays[key] for key in ("mu", "pca") if key in arrays), None)
    if codes is None or codes.ndim != 2 or not np.isfinite(codes).all():
        return None, False
    return codes.astype(np.float32), "mu" not in arrays


def _rows(file: Path) -> tuple[bytes | None, bytes | None]:
    """Returns a sheet's first row and the rest of it."""
    try:
        with Image.open(file, formats=("PNG",)) as sheet:
            if max(sheet.size) > MAX_SIDE:
                return None, None
            sheet.load()
            side = sheet.width // COLUMNS
            if sheet.height != ROWS * side:
                return None, None
            parts = [(0, 0, sheet.width, side), (0, side, sheet.width, sheet.height)]
            return _png(sheet.crop(parts[0])), _png(sheet.crop(parts[1]))
    except (OSError, SyntaxError, ValueError):
        return None, None


def _png(picture: Image.Image) -> bytes:
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()
