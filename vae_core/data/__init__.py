"""Images and their splits: the built-in gallery, what torchvision reads, a folder of one's own.

`train` is the official training set without what is held out: of each class the first 5,000 / the
number of classes images, 500 of ten (of MNIST those are the built-in `mnist-5k`). What the app
shows is held out; the official test images are for final figures only.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vae_core.config import DataConfig
from vae_core.data.builtin import digits
from vae_core.data.catalogue import DATASETS, FOLDER, GALLERY, HELD_OUT, Source, data_folder
from vae_core.data.folder import read_folder
from vae_core.data.images import Images
from vae_core.data.official import download as _download
from vae_core.data.official import official as _official
from vae_core.data.sheet import read_sheet, sheet_bytes
from vae_core.errors import DataError

__all__ = [
    "DATASETS",
    "FOLDER",
    "GALLERY",
    "HELD_OUT",
    "SHEETS",
    "Images",
    "Source",
    "data_folder",
    "held_out_labels",
    "load",
    "load_gallery",
    "sheet_bytes",
]

# galleries that travel with the project, for runs whose data set is not built in
SHEETS = Path(__file__).resolve().parents[2] / "galleries"
# of each class of the built-in digits, so many are held out where those are trained on
BUILTIN_HELD_OUT_PER_CLASS = 50


def load(wanted: str | DataConfig, split: str, *, download: bool = False) -> Images:
    """Returns one split of a data set.

    Args:
        wanted: A key of `DATASETS`, or a run's data settings, whose `size` and `channels` the
            images are brought to; `limit` is for training to apply.
        split: "train", "held-out", and "test" (or "all", of the built-in digits).
        download: Fetch the files first where they are missing.

    Raises:
        DataError: Unknown name or split; files missing, damaged or out of reach.
    """
    config = _config(wanted)
    name, source = config.name, _source(config.name)
    if split not in source.splits:
        raise DataError("data-split", name=name, split=split, known=", ".join(source.splits))
    if name == FOLDER:
        return _read_folder(config, split)
    if source.reader is None:
        images = _builtin_split(split)
    else:
        if download:
            _download(name, data_folder())
        images = _official_split(name, source, split)
    return images.fitted(size=config.size, channels=config.channels)


def load_gallery(wanted: str | DataConfig = GALLERY) -> Images:
    """Returns the images that the screens show for runs trained on these data, ordered by class.

    They are the held-out images; those of data sets with a sheet in `SHEETS` need no download.

    Raises:
        DataError: As `load`.
    """
    return _gallery(_config(wanted).model_copy(update={"limit": None}))


def held_out_labels(wanted: str | DataConfig) -> NDArray[np.int64]:
    """Returns the held-out images' labels, (N,), in the data set's order, in which runs keep codes.

    Beside the galleries in `SHEETS` and for MNIST they lie in a file, a byte a label.

    Raises:
        DataError: As `load`.
    """
    config = _config(wanted)
    _source(config.name)
    file = SHEETS / f"{config.name}.labels"
    if file.is_file():
        return np.frombuffer(file.read_bytes(), np.uint8).astype(np.int64)
    return load(config, "held-out").y


@lru_cache(maxsize=8)
def _gallery(config: DataConfig) -> Images:
    _source(config.name)
    sheet = SHEETS / f"{config.name}.png"
    if config.name in (GALLERY, "mnist"):
        images = digits()
    elif sheet.is_file():
        images = read_sheet(sheet)
    else:
        return load(config, "held-out").by_class()
    return images.fitted(size=config.size, channels=config.channels)


def _config(wanted: str | DataConfig) -> DataConfig:
    if isinstance(wanted, DataConfig):
        return wanted
    _source(wanted)  # before the settings' own rule, which says less
    return DataConfig(name=wanted)


def _source(name: str) -> Source:
    if name not in DATASETS:
        raise DataError("data-unknown", name=name, known=", ".join(DATASETS))
    return DATASETS[name]


def _official_split(name: str, source: Source, split: str) -> Images:
    images = _official(name, data_folder(), train=split != "test")
    if split == "test":
        return images
    held_out = _first_of_each_class(images.y, source.held_out_per_class)
    part = images.take(held_out if split == "held-out" else ~held_out, f"{name}/{split}")
    is_gallery = name == "mnist" and split == "held-out"
    if is_gallery and not np.array_equal(part.by_class().x, digits().x):
        reason = "its first 500 images of each class are not those of the built-in gallery"
        raise DataError("data-damaged", name=name, folder=data_folder(), reason=reason)
    return part


def _builtin_split(split: str) -> Images:
    if split == "all":
        return digits()
    of_each = HELD_OUT // 10 - BUILTIN_HELD_OUT_PER_CLASS
    fresh = _first_of_each_class(digits().y, of_each)
    return digits().take(fresh if split == "train" else ~fresh, f"{GALLERY}/{split}")


def _read_folder(config: DataConfig, split: str) -> Images:
    folder = Path(config.folder or data_folder() / FOLDER).expanduser()
    return read_folder(folder, split, size=config.size or 28, channels=config.channels or 1)


def _first_of_each_class(y: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
    first = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        first[np.flatnonzero(y == label)[:n]] = True
    return first
