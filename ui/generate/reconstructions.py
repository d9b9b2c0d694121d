"""Originals over their reconstructions, each pair to be found on the map."""

import numpy as np
import streamlit as st

from ui import resources
from ui.controls import choose_number, choose_seed, open_screen
from ui.generate.decoding import decode, labels_of, place, png_button
from ui.i18n import plain, t
from ui.picture_sheet import picture_sheet
from vae_core.runs import Run


def reconstructions(run: Run) -> None:
    """Two rows of n: what went in, what came out."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="large"):
        n = int(choose_number("pairs", t("generate.pairs"), 2, 20, 10, width=260))
        seed = choose_seed()
    gallery, codes = resources.gallery(run), resources.gallery_codes(run)
    chosen = np.sort(np.random.default_rng(seed).choice(len(gallery), n, replace=False))
    rebuilt = decode(run, codes.mu[chosen], labels_of(run, chosen))
    originals = gallery.x[chosen]
    sheet = np.concatenate([originals / np.float32(255), rebuilt])
    ledger = resources.gallery_ledger(run)
    names = [pair_name(run, index) for index in chosen.tolist()]
    picked = picture_sheet(
        sheet,
        key=f"pairs-{run.id}",
        columns=n,
        names=[t("generate.original", name=name) for name in names]
        + [t("generate.rebuilt", name=name) for name in names],
        label=t("generate.reconstruct-label", n=n, run=run.id),
        gap=2,
        width="60rem",
    )
    st.caption(
        t(
            "generate.about-reconstruct",
            recon=ledger.recon[chosen].mean(),
            mse=ledger.mse[chosen].mean(),
            n=n,
            all_recon=ledger.recon.mean(),
            all_mse=ledger.mse.mean(),
            all_n=len(gallery),
        )
    )
    png_button(sheet, columns=n, file=f"{run.id}_reconstructions", key="png", gap=2)
    if picked is not None and codes.mu.shape[1] == 2:
        open_screen("latent_map", run=run.id, z=None, digit=int(chosen[picked % n]))


def pair_name(run: Run, index: int) -> str:
    """The class, the place of a code that is a place, and what the image costs."""
    gallery, ledger = resources.gallery(run), resources.gallery_ledger(run)
    code = resources.gallery_codes(run).mu[index]
    name = plain(gallery.class_names[gallery.y[index]])
    where = [place(code)] if len(code) <= 4 else []
    return " · ".join([name, *where, t("generate.costs", recon=float(ledger.recon[index]))])
