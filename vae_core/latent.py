"""Geometry of latent space: paths between codes, the square that a map shows, neighbours.

Arrays in, arrays out: codes are (N, D) and no model is needed. Paths are worked out in double
precision and meet their ends exactly.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vae_core.errors import InputError

CodeArray = NDArray[np.float32]  # (N, D)

# below this sine the arc through two directions is undefined in float32
PARALLEL_SINE = 1e-6
# a map's frame: the share of codes it may leave outside on each side, and the air around the rest
OUTLIER_SHARE = 0.001
MARGIN = 0.08
GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))


def lerp(a: ArrayLike, b: ArrayLike, t: ArrayLike) -> CodeArray:
    """Returns the straight line (1 - t) a + t b, (N, D), for ends (D,) and places t (N,)."""
    a, b, t = (np.asarray(value, np.float64) for value in (a, b, t))
    return ((1 - t)[:, None] * a + t[:, None] * b).astype(np.float32)


def slerp(a: ArrayLike, b: ArrayLike, t: ArrayLike) -> CodeArray:
    """Returns the arc from a to b about the origin, (N, D), for ends (D,) and places t (N,).

    sin((1 - t) omega) / sin(omega) a + sin(t omega) / sin(omega) b, where omega is the angle
    between a and b (Shoemake 1985). A Gaussian prior in many dimensions lives near a sphere, which
    the arc keeps to and the straight line cuts through (White 2016, arXiv:1609.04468). Where an
    end is almost 0, or the two are parallel or opposite, no arc is singled out: the line is taken.
    """
    a, b, t = (np.asarray(value, np.float64) for value in (a, b, t))
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    if lengths < np.finfo(np.float32).tiny:
        return lerp(a, b, t)
    omega = math.acos(min(1.0, max(-1.0, float(a @ b) / lengths)))
    if math.sin(omega) < PARALLEL_SINE:
        return lerp(a, b, t)
    weights = np.sin(np.stack([1 - t, t], axis=1) * omega) / math.sin(omega)  # (N, 2)
    return (weights @ np.stack([a, b])).astype(np.float32)


INTERPOLATIONS: Mapping[str, Callable[[ArrayLike, ArrayLike, ArrayLike], CodeArray]] = {
    "linear": lerp,
    "spherical": slerp,
}


def interpolate(a: ArrayLike, b: ArrayLike, n: int, *, method: str = "linear") -> CodeArray:
    """Returns n evenly spaced codes from a to b, both included, (n, D).

    Args:
        a: First code, (D,).
        b: Last code, (D,).
        n: Number of codes, at least 2.
        method: A key of `INTERPOLATIONS`.

    Raises:
        InputError: Unknown method, too few codes, or ends that are no two finite codes of one size.
    """
    if method not in INTERPOLATIONS:
        known = ", ".join(INTERPOLATIONS)
        raise InputError("input-choice", what="The interpolation", known=known, value=method)
    if n < 2:
        raise InputError(
            "input-range", what="The number of codes on a path", low=2, high="many", value=n
        )
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise InputError(
            "input-shape",
            what="A path's second end",
            wanted=f"(D,) of its first end, {a.shape},",
            value=b.shape,
        )
    _finite("A path's ends", a, b)
    return INTERPOLATIONS[method](a, b, np.linspace(0.0, 1.0, n))


@dataclass(frozen=True)
class Plane:
    """A square of the latent plane: `half` of its side to each side of `center`, in units of z."""

    center: tuple[float, float]
    half: float

    def __post_init__(self) -> None:
        """Refuses squares that are no place: not finite, or without an inside.

        Raises:
            InputError: As the sentence says.
        """
        _finite("A plane's centre and size", *self.center, self.half)
        if self.half <= 0:
            raise InputError(
                "input-range",
                what="Half the side of a plane",
                low=0,
                high="any size",
                value=self.half,
            )

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top edge."""
        (x, y), half = self.center, self.half
        return (x - half, x + half, y - half, y + half)

    def contains(self, codes: ArrayLike) -> NDArray[np.bool_]:
        """Returns, for codes (N, 2), whether each lies inside or on the edge, (N,)."""
        left, right, bottom, top = self.bounds
        x, y = np.asarray(codes).reshape(-1, 2).T
        inside: NDArray[np.bool_] = (left <= x) & (x <= right) & (bottom <= y) & (y <= top)
        return inside

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values; `from_dict` reads them back."""
        return {"center": list(self.center), "half": self.half}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Rebuilds what `to_dict` wrote.

        Raises:
            InputError: The value is no plane.
        """
        try:
            x, y = (float(number) for number in value["center"])
            half = float(value["half"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("input-unreadable", what="A plane", reason=repr(error)) from error
        return cls(center=(x, y), half=half)


def plane_of(codes: ArrayLike) -> Plane:
    """Returns the square that holds codes (N, 2), all but far outliers, with some air around them.

    The box between the 0.1 % and 99.9 % quantiles of both axes decides, so that a single code far
    away, common in autoencoders, does not shrink all others to a dot. Its centre and size are
    rounded, never cutting codes off, to numbers that read well on an axis.

    Raises:
        InputError: There are no codes, they are not 2-D, or not finite.
    """
    codes = np.asarray(codes, np.float64)
    if codes.ndim != 2 or codes.shape[1] != 2 or len(codes) == 0:
        raise InputError("input-shape", what="A plane's codes", wanted="(N, 2)", value=codes.shape)
    _finite("A plane's codes", codes)
    low, high = np.quantile(codes, [OUTLIER_SHARE, 1 - OUTLIER_SHARE], axis=0)  # (2,), (2,)
    middle = (low + high) / 2
    reach = float((high - low).max()) / 2 * (1 + MARGIN)
    # never so small that float32 codes could not tell the square's places apart
    reach = max(reach, 1e-3 * float(np.abs(middle).max()))
    if reach == 0.0:
        return Plane(center=(0.0, 0.0), half=1.0)
    step, coarse = _nice_step(reach / 20), _nice_step(reach / 8)
    center = np.round(middle / coarse) * coarse
    half = math.ceil((reach + float(np.abs(center - middle).max())) / step) * step
    digits = max(0, 1 - math.floor(math.log10(step)))  # what the multiplications blurred
    x, y = (round(float(value), digits) + 0.0 for value in center)
    return Plane(center=(x, y), half=round(half, digits))


def lattice(plane: Plane, n: int) -> CodeArray:
    """Returns n x n evenly spaced places, (n * n, 2), that reach the plane's edges.

    They run row by row like the pixels of a picture: left to right, and from the plane's top (the
    largest z₂) down.

    Raises:
        InputError: n is below 2.
    """
    if n < 2:
        raise InputError("input-range", what="The side of a lattice", low=2, high="many", value=n)
    left, right, bottom, top = plane.bounds
    y, x = np.meshgrid(np.linspace(top, bottom, n), np.linspace(left, right, n), indexing="ij")
    return np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)


class Neighbours(NamedTuple):
    """The codes nearest to a place, nearest first: their indices and distances, both (k,)."""

    indices: NDArray[np.int64]
    distances: NDArray[np.float64]


def nearest(codes: ArrayLike, z: ArrayLike, k: int = 1) -> Neighbours:
    """Returns the k of the codes (N, D) nearest to z (D,); of equals, the lower index first.

    Raises:
        InputError: z has another size than the codes, is not finite, or k is not in 1..N.
    """
    codes, z = np.asarray(codes), np.asarray(z, np.float64)
    if z.shape != codes.shape[1:]:
        raise InputError("input-shape", what="z", wanted=codes.shape[1:], value=z.shape)
    _finite("z", z)
    if not 1 <= k <= len(codes):
        raise InputError(
            "input-range", what="The number of neighbours", low=1, high=len(codes), value=k
        )
    distances = np.linalg.norm(codes - z, axis=1)
    indices = np.argsort(distances, kind="stable")[:k]
    return Neighbours(indices, distances[indices])


def class_centres(codes: ArrayLike, y: ArrayLike) -> CodeArray:
    """Returns the median code of each class, (n_classes, D), for codes (N, D) and labels y (N,).

    Row k belongs to label k; a label that no code carries has a row of NaN.
    """
    codes, y = np.asarray(codes), np.asarray(y)
    centres = np.full((int(y.max(initial=-1)) + 1, codes.shape[1]), np.nan, np.float32)
    for label in np.unique(y):
        centres[label] = np.median(codes[y == label], axis=0)
    return centres


def principal_components(codes: ArrayLike, n: int) -> CodeArray:
    """Returns codes (N, D) projected on their n principal directions, (N, n), n at most D.

    Each direction's sign is such that its largest entry is positive (Pearson 1901).
    """
    codes = np.asarray(codes, np.float64)
    centred = codes - codes.mean(axis=0)
    _, directions = np.linalg.eigh(centred.T @ centred)  # columns, variances rising
    directions = directions[:, ::-1][:, :n]
    largest = np.abs(directions).argmax(axis=0)
    directions = directions * np.sign(directions[largest, np.arange(n)])
    return np.asarray(centred @ directions, np.float32)


def procrustes(codes: ArrayLike, onto: ArrayLike) -> NDArray[np.float64]:
    """Returns the rotation or reflection R, (D, D), that brings codes R nearest to `onto`, (N, D).

    Nearest in the summed squares, row by row; about 0, without a shift or a change of size, so that
    the prior stays what it is (Schönemann 1966: with M = codes^T onto = U S V^T, R = U V^T).

    Raises:
        InputError: The two have other shapes, or are not finite.
    """
    codes, onto = np.asarray(codes, np.float64), np.asarray(onto, np.float64)
    if codes.ndim != 2 or codes.shape != onto.shape:
        raise InputError(
            "input-shape", what="The codes to align", wanted=onto.shape, value=codes.shape
        )
    _finite("The codes to align", codes, onto)
    u, _, vt = np.linalg.svd(codes.T @ onto)
    return np.asarray(u @ vt, np.float64)


def disparity(codes: ArrayLike, other: ArrayLike) -> float:
    """Returns how much two maps (N, D) of the same images differ, 0 to 1.

    The squares that are left once both are centred, brought to one size, and one of them is turned
    or mirrored onto the other (Gower 1975): 0 for the same layout, 1 for none in common.

    Raises:
        InputError: As `procrustes`, or all codes of one lie in one place.
    """
    codes, other = (np.asarray(c, np.float64) for c in (codes, other))
    if codes.ndim != 2 or codes.shape != other.shape:
        raise InputError(
            "input-shape", what="The codes to compare", wanted=codes.shape, value=other.shape
        )
    _finite("The codes to compare", codes, other)
    a, b = (c - c.mean(axis=0) for c in (codes, other))
    sizes = float(np.linalg.norm(a) * np.linalg.norm(b))
    if sizes == 0:
        raise InputError("input-not-finite", what="The codes' spread", value="0")
    kept = float(np.linalg.svd(a.T @ b / sizes, compute_uv=False).sum())
    return max(0.0, 1 - kept**2)


def planar(codes: ArrayLike) -> CodeArray:
    """Returns codes (N, D) as points of one plane, (N, 2).

    Two units are the point itself, and one lies along the first axis; of more, the two principal
    directions are taken.
    """
    codes = np.asarray(codes, np.float32)
    if codes.shape[1] == 1:
        return np.column_stack([codes, np.zeros_like(codes)])
    return codes if codes.shape[1] == 2 else principal_components(codes, 2)


def aligned(codes: Sequence[NDArray[Any]], home: int) -> list[NDArray[np.float64]]:
    """Returns for each of several codes (N, D) of the same images what turns it onto its neighbour.

    `codes[home]` stays as it is; from there outwards each is turned onto the one before it
    (`procrustes`), so that those far from home are not forced onto what they little resemble.
    """
    turns = [np.eye(one.shape[1]) for one in codes]
    for order in (range(home - 1, -1, -1), range(home + 1, len(codes))):
        before = home
        for i in order:
            turns[i] = procrustes(codes[i], codes[before] @ turns[before])
            before = i
    return turns


def spread(places: ArrayLike, gap: float, *, rounds: int = 200) -> NDArray[np.float64]:
    """Returns places (N, 2) moved apart until no two are closer than `gap`.

    For labels that should not cover each other. Pairs that are too close are pushed apart evenly
    along the line between them, round after round. Rows of NaN stay.
    """
    moved = np.array(places, np.float64)
    for _ in range(rounds):
        still = True
        for i in range(len(moved)):
            for j in range(i):
                away = moved[i] - moved[j]
                distance = float(np.linalg.norm(away))
                if not distance < gap * (1 - 1e-9):  # NaN compares false and is left alone
                    continue
                angle = GOLDEN_ANGLE * i  # for two in one place: another way out for each
                direction = (
                    away / distance if distance else np.array([math.cos(angle), math.sin(angle)])
                )
                # a little further than the gap, or a crowd would close in on it for ever
                push = direction * (gap * 1.01 - distance) / 2
                moved[i] += push
                moved[j] -= push
                still = False
        if still:
            break
    return moved


@dataclass(frozen=True)
class CodeSummary:
    """Where n codes lie, in units of z: `mean` and `std` per unit, (D,), and the largest radius."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    radius_max: float
    n: int


def code_summary(codes: ArrayLike) -> CodeSummary:
    """Returns how far codes (N, D) are from lying around 0 with spread 1, as N(0, I) would."""
    codes = np.asarray(codes, np.float64)
    return CodeSummary(
        mean=tuple(codes.mean(axis=0).tolist()),
        std=tuple(codes.std(axis=0).tolist()),
        radius_max=float(np.linalg.norm(codes, axis=1).max()),
        n=len(codes),
    )


def common_plane(first: Plane, second: Plane) -> Plane:
    """Returns the smallest square about the middle of two planes that holds both."""
    edges = np.array([first.bounds, second.bounds])  # (2, 4)
    low, high = edges[:, ::2].min(axis=0), edges[:, 1::2].max(axis=0)  # (2,), (2,)
    x, y = ((low + high) / 2).tolist()
    return Plane(center=(x, y), half=float((high - low).max()) / 2)


def inside(codes: ArrayLike, outline: ArrayLike) -> NDArray[np.bool_]:
    """Returns which codes (N, 2) lie inside a closed outline (K, 2), by the even-odd rule.

    Every sum is taken in double precision in the order of `inside` in geometry.js, so that browser
    and server agree on each code, even on the edge.

    Raises:
        InputError: The outline has fewer than three corners or is not finite.
    """
    outline = np.asarray(outline, np.float64)
    if outline.ndim != 2 or outline.shape[1] != 2 or len(outline) < 3:
        raise InputError(
            "input-shape", what="outline", wanted="(3 or more, 2)", value=outline.shape
        )
    _finite("outline", outline)
    x, y = np.asarray(codes, np.float64).T
    within = np.zeros(len(x), bool)
    for (ax, ay), (bx, by) in zip(outline, np.roll(outline, 1, axis=0), strict=True):
        if ay != by:  # an edge along x crosses no ray along x
            crosses = (ay > y) != (by > y)
            within ^= crosses & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    return within


def _finite(what: str, *values: ArrayLike) -> None:
    for value in values:
        numbers = np.asarray(value, np.float64)
        if not np.isfinite(numbers).all():
            raise InputError(
                "input-not-finite", what=what, value=numbers[~np.isfinite(numbers)].flat[0]
            )


def _nice_step(size: float) -> float:
    """Returns the smallest of ..., 0.1, 0.2, 0.5, 1, 2, 5, ... that is at least `size`."""
    power = 10.0 ** math.floor(math.log10(size))
    return next(power * lead for lead in (1, 2, 5, 10) if power * lead >= size * (1 - 1e-9))
