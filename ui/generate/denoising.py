"""Denoising: noisy digits through an autoencoder that learned to clean, and through a plain one."""

import numpy as np
import streamlit as st

from ui import prints, resources
from ui.controls import choose_number, choose_seed, every_run
from ui.generate.decoding import png_button
from ui.i18n import t
from vae_core import sampling
from vae_core.runs import Run

SHOWN = 10
MEASURED = 500  # images behind the figures
# from this much on, noise is what a run learned to take away; less only kept it from learning its
# images by heart
LEARNED = 0.25


def denoising(run: Run) -> None:
    """Rows: noisy, made clean by each run, clean; and what is left of the noise on average."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="large"):
        learned = run.card.config.objective.noise
        noise = choose_number(
            "noise", t("generate.noise"), 0.0, 1.0, round(learned, 2), step=0.05, width=300
        )
        seed = choose_seed()
    st.caption(t("generate.about-noise", run=run.id, learned=learned))
    gallery = resources.gallery(run)
    rows = np.random.default_rng(seed).choice(len(gallery), MEASURED, replace=False)
    clean = gallery.x[rows] / np.float32(255)
    noisy = sampling.noisy(clean, noise, seed=seed)
    plain = plain_twin(run)
    named = [(t("generate.row-noisy", mse=sampling.mse(noisy, clean)), noisy)]
    for each in (run, plain):
        if each is not None:
            rebuilt = resources.session(each).reconstruct(noisy)
            name = t("generate.row-run", run=each.id, mse=sampling.mse(rebuilt, clean))
            named.append((name, rebuilt))
    named.append((t("generate.row-clean"), clean))
    st.html(prints.rows((name, images[:SHOWN]) for name, images in named))
    st.caption(t("generate.about-mse", n=MEASURED))
    if plain is None:
        st.caption(t("generate.no-plain"))
    sheet = np.concatenate([images[:SHOWN] for _, images in named])
    png_button(sheet, columns=SHOWN, file=f"{run.id}_noise-{noise}", key="png")


def is_denoiser(run: Run) -> bool:
    """Whether the run learned to take noise away."""
    return run.card.config.objective.noise >= LEARNED


def plain_twin(run: Run) -> Run | None:
    """A run of the same network and size that learned nothing of noise."""
    for other in every_run():
        if other.card.config.model == run.card.config.model and not is_denoiser(other):
            return other
    return None
