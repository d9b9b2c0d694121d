"""The images whose codes lie inside an outline that was drawn on a run's map.

The browser sends the outline, not the indices: a closed line of at most 64 corners makes a short
address, and an answer that never changes. It selects with that very line too, so both agree.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ui import resources
from ui.views import View
from vae_core import exports, latent
from vae_core.errors import InputError
from vae_core.inference import to_uint8
from vae_core.tables import codes_csv

MAX_CORNERS = 64
SCALE = 8  # side of a picture's pixel in the PNG


@dataclass(frozen=True)
class Selection:
    """Images of a run's gallery, by their indices (n,), on a map that shows the run."""

    view: View
    indices: np.ndarray

    @property
    def counts(self) -> list[int]:
        """How many are of each class, by label."""
        gallery = resources.gallery(self.view.run)
        return np.bincount(gallery.y[self.indices], minlength=len(gallery.class_names)).tolist()

    @cached_property
    def z(self) -> np.ndarray:
        """The mean of their codes, (D,)."""
        return (
            resources.gallery_codes(self.view.run).mu[self.indices].mean(axis=0, dtype=np.float64)
        )

    @cached_property
    def mean_image(self) -> np.ndarray:
        """The mean of the originals, (1, C, H, W) in bytes."""
        images = resources.gallery(self.view.run).x[self.indices]
        return to_uint8(images.mean(axis=0, keepdims=True) / 255)

    @cached_property
    def decoded(self) -> np.ndarray:
        """What the decoder makes of the mean code, (1, C, H, W) in bytes."""
        return to_uint8(self.view.decode(self.z[None].astype(np.float32)))

    def png(self) -> bytes:
        """The mean of the originals and, at its right, the decode of the mean code."""
        pictures = np.concatenate([self.mean_image, self.decoded])
        return exports.png_bytes(pictures, columns=2, scale=SCALE, gap=SCALE)

    def csv(self) -> str:
        """A row an image: index, label, class, code, posterior std (empty for an AE)."""
        codes, gallery = resources.gallery_codes(self.view.run), resources.gallery(self.view.run)
        return codes_csv(
            codes.mu, codes.std, gallery.y, gallery.class_names, rows=self.indices.tolist()
        )


def select(
    view: View, outline: str, labels: str | None, *, drawn_on: View | None = None
) -> Selection:
    """Returns the images inside an outline "x,y,x,y,...", of the labels "0,3,..." or of all.

    The outline may have been drawn on the map of another run with the same gallery.

    Raises:
        InputError: The outline or the labels cannot be read, or nothing lies inside.
    """
    corners = np.array(_numbers("outline", outline, float))
    if len(corners) % 2 or not 3 <= len(corners) // 2 <= MAX_CORNERS:
        wanted = f"(3 to {MAX_CORNERS}, 2)"
        raise InputError("input-shape", what="outline", wanted=wanted, value=corners.shape)
    gallery = resources.gallery(view.run)
    drawn_on = drawn_on or view
    if resources.gallery(drawn_on.run).digest != gallery.digest:
        raise InputError("selection-other-images", run=drawn_on.run.id)
    within = latent.inside(drawn_on.points, corners.reshape(-1, 2))
    if labels is not None:
        within &= np.isin(gallery.y, _numbers("labels", labels, int))
    if not within.any():
        raise InputError("selection-empty")
    return Selection(view, np.flatnonzero(within))


def _numbers(what: str, text: str, kind: type) -> list:
    try:
        return [kind(number) for number in text.split(",")]
    except ValueError as error:
        reason = f"{text[:80]!r} is no list of numbers"
        raise InputError("input-unreadable", what=what, reason=reason) from error
