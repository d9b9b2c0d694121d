"""Codes to decode: grids, draws from the prior or from a gallery's codes, traversals, arithmetic.

Arrays in, arrays out: codes are (N, D) and no model is needed. Every draw takes its seed, so the
same settings give the same pictures.
"""

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vae_core.errors import InputError
from vae_core.latent import CodeArray
from vae_core.metrics import bandwidth, entropy

QUANTILES = (0.01, 0.99)  # at 0 and 1 the normal quantile is infinite
MAX_SIDE = 40  # of a grid
ACTIVE = 0.01  # variance of mu above which a unit is active (Burda et al. 2016, section 2.4)


def normal_quantiles(n: int) -> NDArray[np.float64]:
    """Returns n numbers, evenly spaced in the quantiles 0.01 to 0.99 of N(0, 1), rising, (n,).

    Raises:
        InputError: n is not in 2..40.
    """
    _side(n)
    normal = NormalDist()
    return np.array([normal.inv_cdf(share) for share in np.linspace(*QUANTILES, n).tolist()])


def quantile_lattice(n: int) -> CodeArray:
    """Returns n x n places, (n * n, 2), evenly spaced in the quantiles of N(0, I).

    Each cell between neighbours holds the same share of the prior. They run like
    `latent.lattice`: left to right, from the top (the largest second unit) down.

    Raises:
        InputError: n is not in 2..40.
    """
    places = normal_quantiles(n)
    across, down = np.meshgrid(places, places[::-1])
    return np.stack([across.ravel(), down.ravel()], axis=1).astype(np.float32)


def on_units(places: ArrayLike, units: tuple[int, int], latent_dim: int) -> CodeArray:
    """Returns codes (N, D) that have places (N, 2) on two units, and 0 on all others."""
    places = np.asarray(places, np.float32)
    z = np.zeros((len(places), latent_dim), np.float32)
    z[:, list(units)] = places
    return z


def from_prior(n: int, latent_dim: int, *, seed: int, temperature: float = 1.0) -> CodeArray:
    """Returns n draws from N(0, temperature² I), (n, D); at 1 that is the VAE's prior."""
    rng = np.random.default_rng(seed)
    return (temperature * rng.standard_normal((n, latent_dim))).astype(np.float32)


def from_box(codes: ArrayLike, n: int, *, seed: int) -> CodeArray:
    """Returns n draws, (n, D), uniform over the box that the codes (N, D) span."""
    codes = np.asarray(codes, np.float64)
    rng = np.random.default_rng(seed)
    return rng.uniform(codes.min(0), codes.max(0), (n, codes.shape[1])).astype(np.float32)


def from_codes(codes: ArrayLike, n: int, *, seed: int, temperature: float = 1.0) -> CodeArray:
    """Returns n draws near codes (N, D), (n, D): each code is equally likely to be drawn.

    The smoothed bootstrap of Silverman 1986, section 6.4.1: a code at random, moved by a Gaussian
    kernel whose width is `metrics.bandwidth`, times the temperature.
    """
    codes = np.asarray(codes, np.float64)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(codes), size=n)
    return _moved(codes[drawn], bandwidth(codes) * temperature, rng)


def from_classes(
    codes: ArrayLike, y: ArrayLike, n: int, *, seed: int, temperature: float = 1.0
) -> CodeArray:
    """Returns n draws near codes (N, D) with labels y (N,), (n, D): each class equally likely.

    As `from_codes`, but the classes take turns, and each has the kernel of its own codes.
    """
    codes, y = np.asarray(codes, np.float64), np.asarray(y)
    rng = np.random.default_rng(seed)
    labels = np.unique(y)
    turns = labels[np.arange(n) % len(labels)]
    z = np.empty((n, codes.shape[1]), np.float32)
    for label in labels:
        members, mine = codes[y == label], turns == label
        drawn = rng.integers(len(members), size=int(mine.sum()))
        z[mine] = _moved(members[drawn], bandwidth(members) * temperature, rng)
    return z


def arithmetic(a: ArrayLike, b: ArrayLike, c: ArrayLike) -> CodeArray:
    """Returns a - b + c, (D,): what turns b into a, done to c (Mikolov et al. 2013)."""
    a, b, c = (np.asarray(term, np.float64) for term in (a, b, c))
    return (a - b + c).astype(np.float32)


def class_mean(codes: ArrayLike, y: ArrayLike, label: int) -> CodeArray:
    """Returns the mean of a class's codes, (D,)."""
    members = np.asarray(codes, np.float64)[np.asarray(y) == label]
    return np.asarray(members.mean(axis=0), np.float32)


def traverse(z: ArrayLike, unit: int, values: ArrayLike) -> CodeArray:
    """Returns a code z (D,) with one unit set to each of the values (n,), (n, D)."""
    values = np.asarray(values, np.float32)
    swept = np.repeat(np.asarray(z, np.float32)[None], len(values), axis=0)
    swept[:, unit] = values
    return swept


class Units(NamedTuple):
    """Per latent unit, in the units' own order, (D,).

    Attributes:
        kl: Mean KL from the prior over the images, in nats; zeros for an AE.
        variance: Variance of mu over the images.
        order: The units by falling KL; by falling variance where no unit has any KL.
        active: Whether the variance of mu is above 0.01.
    """

    kl: NDArray[np.float64]
    variance: NDArray[np.float64]
    order: NDArray[np.int64]
    active: NDArray[np.bool_]


def units(mu: ArrayLike, kl: ArrayLike) -> Units:
    """Returns what each unit carries, for codes mu (N, D) and their KL per unit (N, D)."""
    mean = np.asarray(kl, np.float64).mean(axis=0)
    variance = np.asarray(mu, np.float64).var(axis=0)
    weight = mean if mean.any() else variance
    order = np.argsort(-weight, kind="stable")
    return Units(mean, variance, order, variance > ACTIVE)


class Usage(NamedTuple):
    """How often a codebook's vectors are used: each one's share (K,), and the perplexity.

    The perplexity is the exponential of the shares' entropy: K where all are used alike, 1 where
    one does all the work.
    """

    shares: NDArray[np.float64]
    perplexity: float


def usage(indices: ArrayLike, size: int) -> Usage:
    """Returns how often each of `size` vectors stands in maps of indices, of any shape."""
    counts = np.bincount(np.asarray(indices).ravel(), minlength=size)
    shares = counts / max(int(counts.sum()), 1)
    return Usage(shares, float(np.exp(entropy(shares[None])[0])))


def noisy(x: ArrayLike, std: float, *, seed: int) -> NDArray[np.float32]:
    """Returns images x in [0, 1] plus Gaussian noise, cut to [0, 1] again, of the same shape."""
    x = np.asarray(x, np.float32)
    noise = np.random.default_rng(seed).standard_normal(x.shape, np.float32)
    return np.asarray(np.clip(x + std * noise, 0.0, 1.0), np.float32)


def mse(images: ArrayLike, x: ArrayLike) -> float:
    """Returns the mean square difference per pixel."""
    away = np.asarray(images, np.float64) - np.asarray(x, np.float64)
    return float((away**2).mean())


def _moved(
    codes: NDArray[np.float64], width: NDArray[np.float64], rng: np.random.Generator
) -> CodeArray:
    return np.asarray(codes + width * rng.standard_normal(codes.shape), np.float32)


def _side(n: int) -> None:
    if not 2 <= n <= MAX_SIDE:
        raise InputError("input-range", what="A grid's side", low=2, high=MAX_SIDE, value=n)
