"""Planes through a latent space of any number of units: where a place of the plane is, and back.

A slice is an origin and two orthonormal directions, so that a map's place (u, v) is one code z,
and a code's projection is the place nearest to it. With two units the slice is the whole space.
Arrays in, arrays out; no model is needed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vae_core.errors import InputError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Slice:
    """The plane z = origin + u basis[0] + v basis[1]: `origin` (D,), `basis` (2, D)."""

    origin: FloatArray
    basis: FloatArray

    def codes(self, places: ArrayLike) -> FloatArray:
        """Returns the codes (N, D) of places (N, 2)."""
        return self.origin + np.asarray(places, np.float64) @ self.basis

    def places(self, codes: ArrayLike) -> FloatArray:
        """Returns the projections (N, 2) of codes (N, D): the places of the plane nearest to them.

        The inverse of `codes` for codes that lie in the plane.
        """
        return (np.asarray(codes, np.float64) - self.origin) @ self.basis.T

    def covariances(self, std: ArrayLike) -> FloatArray:
        """Returns the covariances (N, 2, 2) of projected Gaussians with deviations std (N, D)."""
        variances = np.asarray(std, np.float64) ** 2
        return np.asarray(np.einsum("id,nd,jd->nij", self.basis, variances, self.basis))


def axes(through: ArrayLike, first: int, second: int) -> Slice:
    """Returns the plane along two latent units through a code (D,); u and v are those units.

    Raises:
        InputError: A unit is not one of 0..D-1, or both are the same.
    """
    through = np.asarray(through, np.float64)
    _two("A latent unit", len(through), first, second)
    basis = np.eye(len(through))[[first, second]]
    return _from(basis, np.zeros(len(through)), through)


def principal(codes: ArrayLike, through: ArrayLike, first: int, second: int) -> Slice:
    """Returns the plane along two principal directions of codes (N, D) through a code (D,).

    Directions are numbered by falling variance (Pearson 1901); each points to where its largest
    component is positive. u and v count from the codes' mean, as principal components do.

    Raises:
        InputError: A direction is not one of 0..D-1, or both are the same.
    """
    codes = np.asarray(codes, np.float64)
    _two("A principal direction", codes.shape[1], first, second)
    mean = codes.mean(axis=0)
    covariance = (codes - mean).T @ (codes - mean) / len(codes)
    directions = np.linalg.eigh(covariance)[1].T[::-1]  # rows, by falling variance
    basis = directions[[first, second]]
    largest = np.take_along_axis(basis, np.abs(basis).argmax(axis=1)[:, None], axis=1)
    return _from(basis * np.sign(largest), mean, np.asarray(through, np.float64))


def shares(codes: ArrayLike) -> FloatArray:
    """Returns each principal direction's share of the variance of codes (N, D), falling, (D,)."""
    codes = np.asarray(codes, np.float64)
    variances = np.linalg.eigvalsh(np.cov(codes, rowvar=False, bias=True))[::-1].clip(min=0)
    return np.asarray(variances / max(variances.sum(), np.finfo(np.float64).tiny))


def ellipses(covariances: ArrayLike) -> FloatArray:
    """Returns half axes, the longer first, and its angle, (N, 3), at one standard deviation."""
    values, vectors = np.linalg.eigh(np.asarray(covariances, np.float64))  # rising
    long, short = np.sqrt(values.clip(min=0)).T[::-1]
    return np.stack([long, short, np.arctan2(vectors[:, 1, 1], vectors[:, 0, 1])], axis=1)


def _from(basis: FloatArray, zero: FloatArray, through: FloatArray) -> Slice:
    """Returns the plane through a code whose (0, 0) is the place nearest to `zero`."""
    away = through - zero
    origin = through - (away @ basis.T) @ basis
    return Slice(origin, basis)


def _two(what: str, size: int, first: int, second: int) -> None:
    for value in (first, second):
        if not 0 <= value < size:
            raise InputError("input-range", what=what, low=1, high=size, value=value + 1)
    if first == second:
        raise InputError("slice-same", value=first + 1)
