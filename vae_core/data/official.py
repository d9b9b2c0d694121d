"""The data sets that torchvision reads and downloads, checked: shape, count, labels, digest.

Progress of a download is torchvision's own bar, on stderr. Whatever goes wrong, with the network
or with a file, is one sentence.
"""

import contextlib
import socket
import sys
from collections.abc import Iterator
from functools import lru_cache
from http.client import HTTPException
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from vae_core.data.catalogue import DATASETS, Source
from vae_core.data.images import Images
from vae_core.errors import DataError

NETWORK_TIMEOUT_S = 30.0


def download(name: str, folder: Path) -> None:
    """Fetches what is missing of a data set, and checks what is then there.

    Raises:
        DataError: There is no way to it, or what came is not the data set.
    """
    source = DATASETS[name]
    try:
        with contextlib.redirect_stdout(sys.stderr), _impatient():
            for train in (True, False):
                _reader(source)(str(folder), train=train, download=True, **source.options)
    except (OSError, RuntimeError, EOFError, HTTPException, BadZipFile) as error:
        raise DataError(
            "data-download", name=name, folder=folder, reason=_last_line(error)
        ) from error
    official.cache_clear()
    for part, digest in source.digests.items():
        if official(name, folder, train=part == "train").digest != digest:
            reason = f"the digest of its {part} images is not the official one"
            raise DataError("data-damaged", name=name, folder=folder, reason=reason)


@lru_cache(maxsize=2)  # the parts of one data set are asked for one after the other
def official(name: str, folder: Path, *, train: bool) -> Images:
    """Returns the official training or test images.

    Raises:
        DataError: They are missing or damaged.
    """
    source = DATASETS[name]
    if not folder.is_dir():
        raise DataError("data-folder-missing", folder=folder)
    try:
        dataset = _reader(source)(str(folder), train=train, download=False, **source.options)
        x = np.asarray(dataset.data)
        y = np.asarray(dataset.targets, dtype=np.int64) - source.first_label
    # torchvision unpickles CIFAR's files only once their MD5 is known to be the official one
    except (OSError, RuntimeError, ValueError, AssertionError, KeyError, EOFError) as error:
        if isinstance(error, RuntimeError) and "not found" in str(error):
            raise DataError("data-missing", name=name, folder=folder) from error
        raise DataError(
            "data-damaged", name=name, folder=folder, reason=_last_line(error)
        ) from error
    x = x.transpose(0, 3, 1, 2) if x.ndim == 4 else x[:, None]
    if source.transposed:
        x = x.swapaxes(2, 3)
    n = source.n_train if train else source.n_test
    if x.shape != (n, *source.image_shape) or y.shape != (n,) or x.dtype != np.uint8:
        reason = f"it holds {'x'.join(map(str, x.shape))} numbers and {len(y)} labels"
        raise DataError("data-damaged", name=name, folder=folder, reason=reason)
    if not 0 <= y.min() <= y.max() < len(source.class_names):
        reason = f"a label is outside its {len(source.class_names)} classes"
        raise DataError("data-damaged", name=name, folder=folder, reason=reason)
    part = "train" if train else "test"
    return Images(np.ascontiguousarray(x), y, source.class_names, f"{name}/{part}")


def _reader(source: Source) -> Any:
    from vae_core.torchvision_compat import torchvision

    return getattr(torchvision().datasets, str(source.reader))


@contextlib.contextmanager
def _impatient() -> Iterator[None]:
    """A server that no longer answers would otherwise be waited for without end."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(NETWORK_TIMEOUT_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _last_line(error: Exception) -> str:
    """Returns what an error says in the end; torchvision lists all mirrors that it tried."""
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[-1].removeprefix("<urlopen error ").rstrip(".>")
