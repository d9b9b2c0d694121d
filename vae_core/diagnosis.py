"""What goes wrong in a training, told from its history and its codes: records in, findings out.

The thresholds are rules of thumb, each with where it comes from. What to try is the screens' text.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

ACTIVE_VARIANCE = 1e-2  # Burda et al. 2016 (arXiv:1509.00519), section 5.2
COLLAPSED_NATS = 0.1  # per unit: below it a posterior is the prior for all that can be seen
SPENT_UNITS = 10  # what many units say together hardly grows with their number beyond some ten
OVERFIT_SHARE = 0.01  # of the best held-out total
PATIENCE = 5  # epochs; the first few swing


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: "collapse", "dead-units" or "overfit", and what fills its text."""

    key: str
    values: Mapping[str, object] = field(default_factory=dict)


def active_units(mu: ArrayLike) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Returns which units of codes mu (N, D) say anything about the images, (D,).

    A unit is active if its mean code varies with the image, Var_x[mu] > 0.01 (Burda et al. 2016).
    """
    return np.asarray(np.var(np.asarray(mu, np.float64), axis=0) > ACTIVE_VARIANCE)


def findings(
    history: Iterable[Mapping[str, Any]],
    *,
    family: str,
    latent_dim: int,
    mu: ArrayLike | None = None,
) -> tuple[Finding, ...]:
    """Returns what is wrong with a training.

    Args:
        history: The lines of a run's history, oldest first.
        family: "ae", "vae" or "vq".
        latent_dim: Number of units, D.
        mu: The newest codes, (N, D), where they are known.
    """
    lines = [line for line in history if line.get("epoch") and line.get("held_out")]
    if not lines:
        return ()
    found = []
    kl = float(lines[-1]["held_out"]["kl"])
    if family == "vae" and kl < COLLAPSED_NATS * min(latent_dim, SPENT_UNITS):
        found.append(Finding("collapse", {"kl": kl}))
    elif mu is not None and family != "vq":
        active = active_units(mu)
        if not active.all():
            dead = int((~active).sum())
            found.append(Finding("dead-units", {"dead": dead, "n": len(active)}))
    totals = [float(line["held_out"]["total"]) for line in lines]
    best = int(np.argmin(totals))
    since = len(totals) - 1 - best
    if since >= PATIENCE and totals[-1] > totals[best] + OVERFIT_SHARE * abs(totals[best]):
        values = {"epoch": lines[best]["epoch"], "best": totals[best], "now": totals[-1]}
        found.append(Finding("overfit", values))
    return tuple(found)
