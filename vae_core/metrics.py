"""What a latent plane is like, in numbers: density, classes nearby, round trips, stretch.

Arrays in, arrays out: codes are (N, D), places (M, D), metrics (M, D, D), and no model is needed.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vae_core.errors import InputError
from vae_core.latent import Plane

FloatArray = NDArray[np.float64]

BATCH = 512  # places whose distances to all codes are in memory at one time


def bandwidth(codes: ArrayLike) -> FloatArray:
    """Returns the width of a Gaussian kernel for codes (N, D) along each axis, (D,).

    0.9 min(std, IQR / 1.34) N^(-1 / (D + 4)), Silverman 1986, section 3.4.2: the quartiles keep
    the far codes of an autoencoder from blurring all others.
    """
    codes = np.asarray(codes, np.float64)
    n, d = codes.shape
    low, high = np.quantile(codes, [0.25, 0.75], axis=0)
    std = codes.std(axis=0)
    iqr = (high - low) / 1.34
    spread = np.where(iqr > 0, np.minimum(std, iqr), std)
    width = 0.9 * spread * n ** (-1 / (d + 4))
    return np.where(width > 0, width, 1e-3)  # all codes in one place are still somewhere


def kde(codes: ArrayLike, plane: Plane, n: int, *, width: ArrayLike | None = None) -> FloatArray:
    """Returns the density of codes (N, 2) per unit of area on a plane's lattice, (n, n).

    A Gaussian kernel with axes along those of the plane is a product, so that the whole lattice is
    one product of two matrices: exact, without a grid. Rows run as in `latent.lattice`.
    """
    codes = np.asarray(codes, np.float64)
    width = bandwidth(codes) if width is None else np.asarray(width, np.float64)
    left, right, bottom, top = plane.bounds
    across = _kernel(np.linspace(left, right, n), codes[:, 0], width[0])  # (n, N)
    down = _kernel(np.linspace(top, bottom, n), codes[:, 1], width[1])  # (n, N)
    return np.asarray(down @ across.T / len(codes))


def mass_levels(density: ArrayLike, cell: float, shares: Sequence[float]) -> list[float]:
    """Returns, for each share, the level above which a density holds that share of the mass.

    The highest-density regions of Hyndman 1996, on a lattice whose cells have the area `cell`. A
    share that is not all on the lattice gets the lowest level there.
    """
    falling = np.sort(np.asarray(density, np.float64), axis=None)[::-1]
    mass = np.cumsum(falling) * cell
    last = len(falling) - 1
    return [float(falling[min(int(np.searchsorted(mass, share)), last)]) for share in shares]


def neighbours(codes: ArrayLike, places: ArrayLike, k: int) -> NDArray[np.int64]:
    """Returns the indices of the k codes (N, D) nearest to each of the places (M, D), (M, k).

    They come in no order; one place's ordered neighbours are `latent.nearest`.

    Raises:
        InputError: k is not in 1..N.
    """
    codes = np.asarray(codes, np.float64)
    if not 1 <= k <= len(codes):
        raise InputError(
            "input-range", what="The number of neighbours", low=1, high=len(codes), value=k
        )
    centre = codes.mean(axis=0)  # near 0 the squares below lose nothing
    about, asked = codes - centre, np.asarray(places, np.float64) - centre
    squares = (about**2).sum(axis=1)
    found = [
        np.argpartition(squares - 2 * batch @ about.T, k - 1, axis=1)[:, :k]
        for batch in np.split(asked, range(BATCH, len(asked), BATCH))
    ]
    return np.concatenate(found)


def class_shares(y: ArrayLike, indices: ArrayLike, n_classes: int) -> FloatArray:
    """Returns each class's share of neighbours (M, k) with labels y (N,), (M, n_classes)."""
    labels = np.asarray(y)[np.asarray(indices)]  # (M, k)
    return np.stack([(labels == label).mean(axis=1) for label in range(n_classes)], axis=1)


def entropy(shares: ArrayLike) -> FloatArray:
    """Returns the entropy of shares (M, C), (M,), in nats: log C for a tie of C."""
    shares = np.asarray(shares, np.float64)
    return np.asarray(-(shares * np.log(np.where(shares > 0, shares, 1.0))).sum(axis=1) + 0.0)


def knn_accuracy(
    known: ArrayLike, known_y: ArrayLike, codes: ArrayLike, y: ArrayLike, *, k: int = 10
) -> float:
    """Returns the share of codes (M, D) whose label the k nearest known codes (N, D) name.

    The commonest label among them decides; of equals, the lowest.

    Raises:
        InputError: k is not in 1..N.
    """
    n_classes = int(max(np.max(known_y), np.max(y))) + 1
    shares = class_shares(known_y, neighbours(known, codes, k), n_classes)
    return float((shares.argmax(axis=1) == np.asarray(y)).mean())


def prior_divergence(codes: ArrayLike) -> float:
    """Returns KL(N(m, C) || N(0, I)) of the Gaussian fitted to codes (N, D), in nats.

    0.5 (tr C + m^T m - D - log det C): how far codes, taken together, are from the prior. A
    direction without any spread makes it infinite.
    """
    codes = np.asarray(codes, np.float64)
    mean = codes.mean(axis=0)
    covariance = np.cov(codes, rowvar=False, bias=True).reshape(len(mean), len(mean))
    sign, logdet = np.linalg.slogdet(covariance)
    if sign <= 0:
        return math.inf
    return float(0.5 * (np.trace(covariance) + mean @ mean - len(mean) - logdet))


def agreement(shares: ArrayLike) -> FloatArray:
    """Returns the share of the commonest class, (M,), of class shares (M, C)."""
    return np.asarray(np.asarray(shares, np.float64).max(axis=1))


def round_trip(z: ArrayLike, back: ArrayLike) -> FloatArray:
    """Returns how far places z (M, D) are from where decoding and encoding puts them, (M,)."""
    away = np.asarray(z, np.float64) - np.asarray(back, np.float64)
    return np.asarray(np.linalg.norm(away, axis=1))


def volume(metric: ArrayLike) -> FloatArray:
    """Returns sqrt(det G), (M,), of metrics (M, D, D): picture volume per latent volume."""
    determinants = np.linalg.det(np.asarray(metric, np.float64))
    return np.asarray(np.sqrt(np.maximum(determinants, 0.0)))  # rounding may pass below 0


def indicatrix(metric: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Returns the ellipses v^T G v = 1 of metrics G (M, 2, 2): half axes (M, 2), angle (M,).

    Every step to such an ellipse changes the picture by the same distance of 1: Tissot's
    indicatrix of the decoder, with the metric of Arvanitidis et al. 2018 (arXiv:1710.11379) for a
    decoder without noise. The long half axis comes first, the angle is its own from the first
    latent unit, in radians, in (-pi/2, pi/2]. Where the decoder is flat, an axis is infinite.
    """
    values, vectors = np.linalg.eigh(np.asarray(metric, np.float64))  # rising
    with np.errstate(divide="ignore"):
        axes = 1.0 / np.sqrt(np.maximum(values, 0.0))
    x, y = vectors[:, 0, 0], vectors[:, 1, 0]
    angle = np.arctan2(y, x)
    angle = np.where(angle > math.pi / 2, angle - math.pi, angle)
    return axes, np.where(angle <= -math.pi / 2, angle + math.pi, angle)


def _kernel(places: FloatArray, codes: FloatArray, width: float) -> FloatArray:
    """Returns the Gaussian density about each code at each place, (places, codes)."""
    away = (places[:, None] - codes) / width
    return np.asarray(np.exp(-0.5 * away**2) / (width * math.sqrt(2 * math.pi)))
