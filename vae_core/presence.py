"""Which data sets this machine has, told by their files' names alone, without reading them."""

from vae_core.data import DATASETS, GALLERY, data_folder

# data set -> what its reader finds in the folder of the data sets
_FILES = {
    "mnist": "MNIST/raw",
    "fashion-mnist": "FashionMNIST/raw",
    "kmnist": "KMNIST/raw",
    "emnist-balanced": "EMNIST/raw",
    "emnist-letters": "EMNIST/raw",
    "cifar-10": "cifar-10-batches-py",
}


def present() -> tuple[str, ...]:
    """Returns the names of the data sets that can be trained on here, the built-in one first."""
    folder = data_folder()
    here = [name for name, place in _FILES.items() if (folder / place).is_dir()]
    return (GALLERY, *(name for name in here if name in DATASETS))
