"""Images with their labels, and the one rule by which they take another size or other channels.

Pixels stay bytes until a network wants them. Nothing here augments, samples or reads files.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image


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

    def by_class(self) -> "Images":
        """Returns the images ordered by class, within a class as they were."""
        return self.take(np.argsort(self.y, kind="stable"), self.name)

    def fitted(self, *, size: int | None = None, channels: int | None = None) -> "Images":
        """Returns the images with this side and these channels; None leaves them as they are.

        Bilinear, averaging where it shrinks, so that no new pixel is darker or lighter than its
        neighbourhood. Grey becomes three equal channels; RGB becomes its luminance (ITU-R 601).
        """
        x = fit(self.x, size or self.x.shape[-1], channels or self.x.shape[1])
        return self if x is self.x else Images(x, self.y, self.class_names, self.name)


def fit(x: NDArray[np.uint8], size: int, channels: int) -> NDArray[np.uint8]:
    """Returns images (N, C, H, W), C 1 or 3, as (N, channels, size, size); see `Images.fitted`."""
    if x.shape[1:] == (channels, size, size):
        return x
    fitted = np.empty((len(x), channels, size, size), np.uint8)
    for number, image in enumerate(x):
        picture = Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0))
        if channels < len(image):
            picture = picture.convert("L")
        if picture.size != (size, size):
            picture = picture.resize((size, size), Image.Resampling.BILINEAR)
        pixels = np.asarray(picture)
        fitted[number] = pixels if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return fitted
