"""Traversals: one latent unit is swept, the others stay; the unit that carries most comes first."""

import numpy as np
import streamlit as st

from ui import prints, resources
from ui.controls import choose_number, choose_one, pick_digit
from ui.generate.decoding import choose_class, decode, take_away, units
from ui.i18n import t
from vae_core import sampling
from vae_core.runs import Run

STEPS = 11
MOST_ROWS = 32
TAIL = 0.005  # of an AE's codes on either side of what is swept


def traverse(run: Run) -> None:
    """Rows of decodes, the unit that carries most on top."""
    mu = resources.gallery_codes(run).mu
    d = mu.shape[1]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="large"):
        starts = {start: t(f"generate.start-{start}") for start in ("mean", "digit")}
        start = choose_one("start", t("generate.start"), starts)
        rows = d
        if d > 2:
            most = min(d, MOST_ROWS)
            rows = int(choose_number("rows", t("generate.rows"), 1, most, min(10, d), width=260))
    label: int | None
    index: int | None = None
    if start == "digit":
        index = pick_digit("digit", t("generate.start-digit"), run, 3)
        z, label = mu[index], int(resources.gallery(run).y[index])
        label = label if run.card.config.model.n_classes else None
    else:
        z, label = mu.mean(axis=0), choose_class(run)
    found = units(run)
    swept = found.order[:rows].tolist()
    values = {unit: ends(run, unit) for unit in swept}
    codes = [sampling.traverse(z, unit, values[unit]) for unit in swept]
    images = decode(run, np.concatenate(codes), label)
    strips = np.split(images, len(swept))
    st.caption(t(f"generate.about-traverse-{'kl' if found.kl.any() else 'spread'}"))
    st.html(
        prints.rows(
            (unit_name(found, unit, values[unit]), strip)
            for unit, strip in zip(swept, strips, strict=True)
        )
    )
    take_away(
        run,
        images,
        "sweep",
        columns=STEPS,
        file=f"{run.id}_traversals",
        key="png",
        index=index,
        swept=[(unit, values[unit].tolist()) for unit in swept],
        label=label,
    )


def unit_name(found: sampling.Units, unit: int, values: np.ndarray) -> str:
    """A row's name: which unit, what it carries, from where to where it is swept."""
    fields = {"unit": unit + 1, "low": values[0], "high": values[-1]}
    if found.kl.any():
        return t("generate.unit", kl=found.kl[unit], **fields)
    return t("generate.unit-ae", std=found.variance[unit] ** 0.5, **fields)


def ends(run: Run, unit: int) -> np.ndarray:
    """Values (STEPS,) to sweep: -3 to 3 under a prior, else where nearly all codes lie."""
    if run.card.config.model.family == "vae":
        return np.linspace(-3, 3, STEPS)
    low, high = np.quantile(resources.gallery_codes(run).mu[:, unit], [TAIL, 1 - TAIL])
    return np.linspace(low, high, STEPS)
