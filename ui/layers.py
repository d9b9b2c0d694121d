"""What the map's layers show: numbers on a lattice over the plane shown, ready for the browser.

A field is n x n bytes between `low` and `high`, which is finer than any colour map; its nodes reach
the plane's edges and run like a picture's pixels. The browser keeps an answer for ever, and
`resources` keeps the work behind it, so that a class pays for a layer once.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ui import resources
from ui.views import View
from vae_core import metrics
from vae_core.errors import InputError
from vae_core.latent import lattice

SIDE = 97  # nodes along a lattice that needs no network
SIDE_TRIP = 49  # one decode and one encode each
SIDE_STRETCH = 33  # two forward derivatives each
EVERY = 2  # of the stretch's nodes has an indicatrix, along both axes
VOTERS = 20  # codes nearby whose classes count for a place
SHARES = (0.5, 0.8, 0.95)  # of the density, inside its contours
DECADES = 4  # of the density, below its peak: emptier places look alike
TAIL = 0.02  # of a field, beyond its colours: one wild place does not make all others look alike

Layer = dict[str, Any]


def layer(view: View, name: str) -> Layer:
    """Returns what a layer shows of a view.

    Raises:
        InputError: There is no layer of that name, or the run has none of it.
    """
    family = view.run.card.config.model.family
    known = [key for key in LAYERS if key != "posteriors" or family == "vae"]
    if name not in known:
        raise InputError("input-choice", what="A layer", known=", ".join(known), value=name)
    return resources.layer((*view.key, name), lambda: LAYERS[name](view))


def density(view: View) -> Layer:
    """Log10 of the codes (of their projections) per unit of area, and its contours' levels."""
    plane, codes = view.plane, view.points
    width = metrics.bandwidth(codes)
    share = metrics.kde(codes, plane, SIDE, width=width)
    levels = metrics.mass_levels(share, (2 * plane.half / (SIDE - 1)) ** 2, SHARES)
    peak = float(np.log10(share.max() * len(codes)))
    logs = np.log10(np.maximum(share * len(codes), np.finfo(np.float64).tiny))
    return {
        **_field(logs, peak - DECADES, peak),
        "levels": [float(np.log10(level * len(codes))) for level in levels],
        "shares": SHARES,
        "width": width.tolist(),
        "count": len(codes),
    }


def round_trip(view: View) -> Layer:
    """How far codes come back from themselves, in units of z and over all latent units."""
    z = view.codes(lattice(view.plane, SIDE_TRIP))
    away = metrics.round_trip(z, view.encode(view.decode(z)).mu)
    return _field(away, 0.0, float(np.quantile(away, 1 - TAIL)))


def classes(view: View) -> Layer:
    """Which classes the nearest codes have: their entropy in nats, and the commonest's label."""
    codes, gallery = resources.gallery_codes(view.run).mu, resources.gallery(view.run)
    nearby = metrics.neighbours(codes, view.codes(lattice(view.plane, SIDE)), VOTERS)
    shares = metrics.class_shares(gallery.y, nearby, len(gallery.class_names))
    return {
        "entropy": _field(metrics.entropy(shares), 0.0, float(np.log(shares.shape[1]))),
        "majority": {"n": SIDE, "values": _text(shares.argmax(axis=1).astype(np.uint8))},
        "k": VOTERS,
        "count": len(gallery),
    }


def stretch(view: View) -> Layer:
    """Log10 of how much the decoder stretches areas, and ellipses of steps that cost alike."""
    places = lattice(view.plane, SIDE_STRETCH)
    metric = view.metric(places)
    logs = np.log10(np.maximum(metrics.volume(metric), np.finfo(np.float32).tiny))
    low, high = np.quantile(logs, [TAIL, 1 - TAIL])
    nodes = np.arange(SIDE_STRETCH**2).reshape(SIDE_STRETCH, SIDE_STRETCH)[::EVERY, ::EVERY].ravel()
    axes, angle = metrics.indicatrix(metric[nodes])
    room = view.plane.half * EVERY / (SIDE_STRETCH - 1)  # half the way to the next ellipse
    step = _round(room / np.median(axes[:, 0]))  # so that half of them keep apart
    kept = axes[:, 0] * step <= 2 * room  # where the decoder is flat they would cover all others
    ellipses = np.column_stack([places[nodes], axes * step, angle])[kept]
    return {
        **_field(logs, float(low), float(high)),
        "step": step,
        "ellipses": ellipses.round(5).tolist(),
        "omitted": int((~kept).sum()),
    }


def posteriors(view: View) -> Layer:
    """Every image's posterior in the plane, float32, in the gallery's order.

    Along two units (n, 2) standard deviations. In any other plane (n, 3): half axes and the first
    one's angle in radians, of the ellipse at one standard deviation of the projected posterior.
    """
    std = resources.gallery_codes(view.run).std
    shapes = std if view.name is None else view.ellipses(std)
    text = base64.b64encode(np.ascontiguousarray(shapes, "<f4")).decode()
    return {"std": text, "numbers": shapes.shape[1], "count": len(shapes)}


LAYERS: Mapping[str, Callable[[View], Layer]] = {
    "density": density,
    "round-trip": round_trip,
    "classes": classes,
    "stretch": stretch,
    "posteriors": posteriors,
}


def _field(values: ArrayLike, low: float, high: float) -> Layer:
    """A lattice's values as bytes: 0 is `low` or less, 255 is `high` or more."""
    values = np.asarray(values, np.float64).ravel()
    share = (values - low) / max(high - low, np.finfo(np.float64).tiny)
    steps = np.rint(255 * np.clip(share, 0, 1)).astype(np.uint8)
    beyond = [bool(values.min() < low), bool(values.max() > high)]  # the bar's ends stand for more
    n = round(steps.size**0.5)
    return {"n": n, "low": low, "high": high, "beyond": beyond, "values": _text(steps)}


def _text(steps: np.ndarray) -> str:
    return base64.b64encode(steps).decode()


def _round(value: float) -> float:
    """Returns a number to one digit: it is to be read, not to be computed with."""
    return float(f"{value:.0e}")
