"""A run's newest codes while it trains: from the files that its worker writes.

Reading never fails: a file that is being replaced or that somebody has tampered with has no codes.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays

from vae_core import runs

MAX_BYTES = 16 * 2**20


def newest(path: Path) -> str | None:
    """Returns the name of a run's newest moment, or None before there is one."""
    names = [file.stem for file in (path / runs.LATENTS).glob("[0-9]*.safetensors")]
    return max(names, default=None)


def codes(path: Path, name: str) -> tuple[NDArray[np.float32] | None, bool]:
    """Returns a moment's codes of the held-out images, and whether they are projected ones.

    In the data set's order, (N, D) or, where D is large, their two principal components, (N, 2);
    None where they cannot be read.
    """
    file = path / runs.LATENTS / f"{name}.safetensors"
    try:
        if file.stat().st_size > MAX_BYTES:
            return None, False
        arrays = load_arrays(file.read_bytes())
    except (OSError, SafetensorError, ValueError, TypeError):
        return None, False
    kept = next((arrays[key] for key in ("mu", "pca") if key in arrays), None)
    if kept is None or kept.ndim != 2 or not np.isfinite(kept).all():
        return None, False
    return kept.astype(np.float32), "mu" not in arrays
