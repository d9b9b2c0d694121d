"""Draws from the prior or from where a run's codes lie, of two runs side by side."""

import numpy as np
import streamlit as st

from ui import prints, resources
from ui.controls import choose_number, choose_one, choose_seed, every_run, pick_run
from ui.generate.decoding import choose_class, decode, is_conditional, take_away
from ui.i18n import plain, t
from vae_core import metrics, sampling
from vae_core.runs import Run

SOURCES = ("prior", "box", "codes", "classes")


def samples(run: Run) -> None:
    """The same seed, temperature and way of drawing for the run and the one beside it."""
    sources = {source: t(f"generate.from-{source}") for source in SOURCES}
    source = choose_one("from", t("generate.from"), sources, wrap=True)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="large"):
        side = int(choose_number("side", t("generate.side"), 4, 20, 10, width=200))
        temperature = 1.0
        if source != "box":
            temperature = choose_number(
                "temperature", t("generate.temperature"), 0.0, 2.0, 1.0, step=0.05, width=240
            )
        seed = choose_seed()
    st.caption(t(f"generate.about-{source}"))

    shown = [run]
    others = [other for other in every_run() if other != run and _can(other)]
    if others:
        with st.container(width=420):
            shown.append(pick_run("other", t("generate.beside"), twin(run, others), others))
    for column, each in zip(st.columns(2, gap="large"), shown, strict=False):
        with column:
            drawn(each, source, side, temperature, seed)


def drawn(run: Run, source: str, side: int, temperature: float, seed: int) -> None:
    """One run's draws, and of which class the nearest digit of the gallery is, counted."""
    st.markdown(f"**{plain(run.id)}**")
    label = choose_class(run, f"class-{run.id}")
    n, gallery, mu = side * side, resources.gallery(run), resources.gallery_codes(run).mu
    z = draw(run, source, n, temperature, seed)
    images = decode(run, z, label)
    st.html(prints.sheet(images, columns=side, alt=t("generate.samples-label", n=n, run=run.id)))
    if label is None:
        nearest = gallery.y[metrics.neighbours(mu, z, 1)[:, 0]]
        counts = np.bincount(nearest, minlength=len(gallery.class_names)).tolist()
        parts = zip(gallery.class_names, counts, strict=True)
        listed = " · ".join(f"{name}: {count}" for name, count in parts)
        st.caption(t("generate.counts", counts=listed, n=n))
    values = {"n": n, "seed": seed, "label": label}
    if source != "box":
        values["temperature"] = temperature
    file = f"{run.id}_{source}_seed-{seed}"
    take_away(run, images, source, columns=side, file=file, key=f"png-{run.id}", **values)


def draw(run: Run, source: str, n: int, temperature: float, seed: int) -> np.ndarray:
    """Codes (n, D) to decode."""
    mu = resources.gallery_codes(run).mu
    if source == "prior":
        return sampling.from_prior(n, mu.shape[1], seed=seed, temperature=temperature)
    if source == "box":
        return sampling.from_box(mu, n, seed=seed)
    if source == "codes":
        return sampling.from_codes(mu, n, seed=seed, temperature=temperature)
    y = resources.gallery(run).y
    return sampling.from_classes(mu, y, n, seed=seed, temperature=temperature)


def twin(run: Run, others: list[Run]) -> Run:
    """The run most worth holding beside this one: of another family, else alike in all else."""
    mine = run.card.config.model

    def likeness(other: Run) -> tuple[bool, ...]:
        model = other.card.config.model
        return (
            model.latent_dim == mine.latent_dim,
            not is_conditional(other),
            model.family != mine.family,
            model.network == mine.network,
        )

    return max(others, key=likeness)


def _can(run: Run) -> bool:
    return run.card.config.model.family in ("ae", "vae")
