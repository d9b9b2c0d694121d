"""Views of codes of many dimensions in two or three: PCA, t-SNE, UMAP. Arrays in, arrays out.

A projection is for the eye and is no latent space: nothing decodes from it. PCA is exact and at
once; the others take seconds, report how far they are, and can be stopped between their steps.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vae_core.errors import InputError
from vae_core.latent import CodeArray

VERSION = 2  # of what the settings below mean; a cached projection of another one is not taken
# t-SNE's steps with exaggerated attraction, and after them: of 5,000 codes, twice as many of the
# first and a fourth more of the others keep no more neighbours, and take half as long again
EXAGGERATED, STEPS = 125, 400
EXAGGERATION = 12
REPORTS = 10  # t-SNE's steps between two reports
PERPLEXITY = (2, 100)
LAST_SEED = 9999

Report = Callable[[float], bool]  # gets the share that is done; returns whether to go on


class Stopped(Exception):
    """The projection was stopped before its end."""


class Principal(NamedTuple):
    """Principal components of codes (N, D).

    Attributes:
        places: The codes on the first axes, (N, n).
        shares: Each axis's share of the variance, (n,).
    """

    places: CodeArray
    shares: NDArray[np.float64]


def pca(codes: ArrayLike, n: int = 2) -> Principal:
    """Returns codes (N, D) on the n axes of largest variance; what D lacks to n is 0.

    Signs are fixed so that each axis's largest loading is positive.
    """
    codes = np.asarray(codes, np.float64)
    about = codes - codes.mean(axis=0)
    values, vectors = np.linalg.eigh(about.T @ about)  # rising
    axes = vectors[:, ::-1][:, :n]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    found, total = values[::-1][:n], max(float(values.sum()), np.finfo(np.float64).tiny)
    places, shares = np.zeros((len(codes), n), np.float32), np.zeros(n)
    places[:, : axes.shape[1]] = about @ axes
    shares[: len(found)] = np.maximum(found, 0.0) / total
    return Principal(places, shares)


@dataclass(frozen=True)
class Settings:
    """What decides a projection, beside the codes.

    Attributes:
        method: "tsne" or "umap".
        n: 2 or 3 axes.
        perplexity: About how many neighbours a point listens to.
        seed: Of all that is random.
    """

    method: Literal["tsne", "umap"] = "tsne"
    n: Literal[2, 3] = 2
    perplexity: int = 30
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuses settings that no projection can follow.

        Raises:
            InputError: As the sentence says.
        """
        if self.method not in ("tsne", "umap"):
            known = "tsne, umap"
            raise InputError("input-choice", what="The method", known=known, value=self.method)
        if self.n not in (2, 3):
            raise InputError("input-choice", what="The number of axes", known="2, 3", value=self.n)
        for what, number, low, high in (
            ("The perplexity", self.perplexity, *PERPLEXITY),
            ("The seed", self.seed, 0, LAST_SEED),
        ):
            if not low <= number <= high:
                raise InputError("input-range", what=what, low=low, high=high, value=number)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values; `from_dict` reads them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Rebuilds what `to_dict` wrote.

        Raises:
            InputError: The value is no settings.
        """
        try:
            return cls(**value)
        except TypeError as error:
            raise InputError("input-unreadable", what="A projection", reason=str(error)) from error


def digest(codes: ArrayLike, settings: Settings) -> str:
    """Returns the name of a projection: equal for equal codes, settings and version."""
    codes = np.ascontiguousarray(codes, np.float32)
    said = json.dumps([VERSION, codes.shape, settings.to_dict()], sort_keys=True)
    return hashlib.sha256(said.encode() + codes.tobytes()).hexdigest()[:24]


def is_installed(method: str) -> bool:
    """Whether this machine can work the method out."""
    return find_spec({"tsne": "openTSNE", "umap": "umap"}[method]) is not None


def project(codes: ArrayLike, settings: Settings, report: Report = lambda share: True) -> CodeArray:
    """Returns codes (N, D) in two or three dimensions, (N, n).

    Args:
        codes: At least four, of which the perplexity is below a third.
        settings: The method and what it is told.
        report: Called every now and then.

    Raises:
        InputError: There are too few codes, or the method's package is not installed.
        Stopped: `report` said so.
    """
    codes = np.asarray(codes, np.float32)
    if not np.isfinite(codes).all():
        raise InputError("input-not-finite", what="Codes", value="NaN or infinity")
    most = (len(codes) - 1) // 3
    if most < settings.perplexity:
        raise InputError(
            "input-range", what="The perplexity", low=2, high=most, value=settings.perplexity
        )
    if not is_installed(settings.method):
        package = {"tsne": "openTSNE", "umap": "umap-learn"}[settings.method]
        raise InputError("package-missing", package=package)
    return (_tsne if settings.method == "tsne" else _umap)(codes, settings, report)


def trustworthiness(codes: ArrayLike, places: ArrayLike, k: int = 12) -> float:
    """Returns how far neighbours in the view are neighbours among the codes too, 0 to 1.

    Venna & Kaski 2001: every one of a point's k nearest in the view that is not among its k
    nearest codes costs its rank among the codes, beyond k.
    """
    codes, places = np.asarray(codes, np.float64), np.asarray(places, np.float64)
    n, cost = len(codes), 0.0
    for i in range(n):
        away = ((codes - codes[i]) ** 2).sum(axis=1)
        away[i] = np.inf
        rank = np.empty(n, np.int64)
        rank[np.argsort(away, kind="stable")] = np.arange(1, n + 1)
        seen = ((places - places[i]) ** 2).sum(axis=1)
        seen[i] = np.inf
        cost += float(np.maximum(rank[np.argpartition(seen, k)[:k]] - k, 0).sum())
    return 1 - cost * 2 / (n * k * (2 * n - 3 * k - 1))


def _tsne(codes: CodeArray, settings: Settings, report: Report) -> CodeArray:
    """The method of van der Maaten & Hinton 2008, from the principal components outwards."""
    from openTSNE import TSNEEmbedding, affinity

    step = {"done": 0}

    def heard(iteration: int, error: float, places: object) -> bool:
        step["done"] += REPORTS
        stop = not report(min(0.1 + 0.9 * step["done"] / (EXAGGERATED + STEPS), 0.99))
        step["stopped"] = stop
        return stop  # openTSNE ends the optimization where this is true

    if not report(0.02):
        raise Stopped
    neighbours = affinity.PerplexityBasedNN(
        codes, perplexity=settings.perplexity, method="exact", n_jobs=-1, random_state=settings.seed
    )
    if not report(0.1):
        raise Stopped
    rng = np.random.default_rng(settings.seed)
    start = pca(codes, settings.n).places.astype(np.float64)
    # as small as openTSNE starts, and nudged, so that each seed finds its own arrangement
    start = 1e-4 * (start / max(float(start[:, 0].std()), 1e-12) + rng.normal(size=start.shape))
    view = TSNEEmbedding(
        start,
        neighbours,
        negative_gradient_method="bh",
        theta=0.5,
        n_jobs=-1,
        callbacks=heard,
        callbacks_every_iters=REPORTS,
        random_state=settings.seed,
    )
    rate = len(codes) / EXAGGERATION  # Belkina et al. 2019
    for steps, exaggeration in ((EXAGGERATED, EXAGGERATION), (STEPS, None)):
        view = view.optimize(
            n_iter=steps,
            exaggeration=exaggeration,
            momentum=0.8,
            learning_rate=max(200.0, rate),
            propagate_exception=False,
        )
        if step.get("stopped"):
            raise Stopped
    report(1.0)
    return np.asarray(view, np.float32)


def _umap(codes: CodeArray, settings: Settings, report: Report) -> CodeArray:
    """McInnes et al. 2018 (arXiv:1802.03426); its steps cannot be heard."""
    from umap import UMAP

    if not report(0.05):
        raise Stopped
    model = UMAP(
        n_components=settings.n, n_neighbors=settings.perplexity, random_state=settings.seed
    )
    places = np.asarray(model.fit_transform(codes), np.float32)
    report(1.0)
    return places
