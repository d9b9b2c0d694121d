"""What a map shows of a run: which plane of its latent space, and of a conditional run which class.

A plane has a name that stands in addresses and links, "axes-1-2-zero" or "pca-1-2-4321": two latent
units or two principal directions, through z = 0, the codes' mean or an image's code. Two units are
one plane, which needs no name.
"""

import re
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from ui import resources
from vae_core import slices
from vae_core.errors import InputError
from vae_core.inference import Codes, Ledger
from vae_core.latent import Plane, plane_of
from vae_core.runs import Card, Run
from vae_core.slices import Slice

KINDS = ("pca", "axes")
NAME = re.compile(rf"({'|'.join(KINDS)})-([1-9]\d{{0,3}})-([1-9]\d{{0,3}})-(zero|mean|\d{{1,7}})")
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")

_slices: resources.Memory[Slice] = resources.Memory(128)
_points: resources.Memory[np.ndarray] = resources.Memory(64)
_planes: resources.Memory[Plane] = resources.Memory(128)


@dataclass(frozen=True)
class View:
    """A run on a map: the plane of that name, None for two units, and the class that is decoded."""

    run: Run
    name: str | None = None
    label: int | None = None

    @property
    def slice(self) -> Slice:
        """Where the plane lies."""
        return _slices.get(self._key, lambda: _slice(self.run, self.name))

    @property
    def points(self) -> np.ndarray:
        """The gallery's codes as places of the plane, (N, 2): for two units the codes themselves.

        Wherever a plane along the same directions is, codes have the same places in it.
        """
        mu = resources.gallery_codes(self.run).mu
        if self.name is None:
            return mu
        return _points.get(self._key, lambda: self.slice.places(mu).astype(np.float32))

    @property
    def plane(self) -> Plane:
        """The square that the map shows at first."""
        return _planes.get(self._key, lambda: plane_of(self.points))

    @property
    def titles(self) -> tuple[str, str]:
        """What the axes are: latent units z₁, z₂, ... or principal components PC 1, PC 2, ..."""
        if self.name is None:
            return "z₁", "z₂"
        kind, first, second, _ = self.name.split("-")
        if kind == "pca":
            return f"PC {first}", f"PC {second}"
        return f"z{first.translate(SUBSCRIPTS)}", f"z{second.translate(SUBSCRIPTS)}"

    def of_class(self, label: int) -> Self:
        """Returns the same view of another class; a run without classes has one view only."""
        return replace(self, label=label) if n_classes(self.run) else self

    def codes(self, places: ArrayLike) -> np.ndarray:
        """Returns the codes (N, D) of places (N, 2), as the network reads them."""
        return self.slice.codes(places).astype(np.float32)

    def decode(self, z: ArrayLike) -> np.ndarray:
        """Returns images (N, C, H, W) of codes (N, D), of the view's class."""
        return resources.session(self.run).decode(z, self.label)

    def decode_as_each_class(self, z: ArrayLike) -> np.ndarray | None:
        """Returns what a code (D,) is in each class, (n_classes, C, H, W); None where are none."""
        n = n_classes(self.run)
        if not n:
            return None
        codes = np.repeat(np.asarray(z, np.float32)[None], n, axis=0)
        return resources.session(self.run).decode(codes, np.arange(n))

    def encode(self, x: ArrayLike) -> Codes:
        """Returns the codes of images, as images of the view's class."""
        return resources.session(self.run).encode(x, self.label)

    def ledger(self, x: ArrayLike) -> Ledger:
        """Returns what images cost, as images of the view's class."""
        return resources.session(self.run).ledger(x, self.label)

    def ellipses(self, std: ArrayLike) -> np.ndarray:
        """Returns half axes and angle, (N, 3), of projected posteriors with deviations (N, D)."""
        return slices.ellipses(self.slice.covariances(std))

    def metric(self, places: ArrayLike) -> np.ndarray:
        """Returns what a step along u and v costs in pixels at places (N, 2), (N, 2, 2)."""
        session, basis = resources.session(self.run), self.slice.basis
        return session.metric(self.codes(places), self.label, directions=basis)

    @property
    def key(self) -> tuple[object, ...]:
        """All that decides what is shown."""
        return (*self._key, self.label)

    @property
    def _key(self) -> tuple[str, str, str | None]:
        return self.run.id, self.run.digest, self.name


def view(run: Run, name: str | None = None, label: int | None = None) -> View:
    """Returns the view of that name; without one the plane that a map shows at first.

    Raises:
        InputError: The run has no plane, no plane of that name, or no such class.
    """
    units = run.card.config.model.latent_dim
    if not has_plane(run.card):
        raise InputError("input-range", what="latent_dim", low=2, high="many", value=units)
    found = View(run, None if units == 2 else name or first_name(run), label)
    found.slice  # noqa: B018  a name that is none is told here
    return found


def has_plane(card: Card) -> bool:
    """Whether codes are vectors of two units or more. A grid of codebook vectors is no place."""
    model = card.config.model
    return model.latent_dim >= 2 and model.family != "vq"


def n_classes(run: Run) -> int:
    """Returns how many classes a conditional run is given; 0 where it is given none."""
    return run.card.config.model.n_classes


def first_name(run: Run) -> str:
    """The plane that a map of a run with many units shows at first."""
    return f"pca-1-2-{'zero' if run.card.config.model.family == 'vae' else 'mean'}"


def _slice(run: Run, name: str | None) -> Slice:
    if name is None:
        return slices.axes(np.zeros(2), 0, 1)
    match = NAME.fullmatch(name)
    if match is None:
        reason = f"{name[:80]!r} names none, as 'pca-1-2-mean' or 'axes-1-2-zero' would"
        raise InputError("input-unreadable", what="A plane", reason=reason)
    kind, (first, second), through = match[1], (int(match[i]) - 1 for i in (2, 3)), match[4]
    codes = resources.gallery_codes(run).mu
    middle = _through(codes, through)
    if kind == "axes":
        return slices.axes(middle, first, second)
    return slices.principal(codes, middle, first, second)


def _through(codes: np.ndarray, name: str) -> np.ndarray:
    if name == "zero":
        return np.zeros(codes.shape[1])
    if name == "mean":
        return np.asarray(codes.mean(axis=0, dtype=np.float64))
    index = int(name)
    if index >= len(codes):
        raise InputError("input-range", what="An image", low=0, high=len(codes) - 1, value=index)
    return np.asarray(codes[index], np.float64)
