"""Conditional runs: the class is told, so the code holds style, and either can be changed alone."""

import numpy as np
import streamlit as st

from ui import prints, resources
from ui.controls import choose_number, choose_one, choose_seed, pick_digit
from ui.generate.decoding import decode, take_away
from ui.i18n import plain, t
from vae_core import sampling
from vae_core.runs import Run


def classes(run: Run) -> None:
    """A digit as every class, then ten styles by ten classes."""
    gallery, mu = resources.gallery(run), resources.gallery_codes(run).mu
    names = [plain(name) for name in gallery.class_names]
    n_classes = run.card.config.model.n_classes
    every = np.arange(n_classes)

    index = pick_digit("style", t("generate.style"), run, 4)
    own = int(gallery.y[index])
    options = {str(k): name for k, name in enumerate(names)}
    first = str(min(7, n_classes - 1))
    target = int(choose_one("as", t("generate.as"), options, default=first, wrap=True))
    ten = decode(run, np.repeat(mu[index][None], n_classes, axis=0), every)
    st.html(
        prints.row(
            [
                prints.figure(gallery.x[index], t("generate.encoded-as", label=names[own])),
                prints.sign("→"),
                prints.figure(ten[own], t("generate.decoded-as", label=names[own]), "own"),
                prints.sign("→"),
                prints.figure(ten[target], t("generate.decoded-as", label=names[target]), "as"),
            ]
        )
    )
    st.markdown(t("generate.every-class"))
    st.html(prints.sheet(ten, columns=n_classes, alt=t("generate.every-class-label"), gap=2))

    st.markdown(t("generate.styles"))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="large"):
        rows = int(choose_number("styles", t("generate.rows"), 2, 20, 8, width=260))
        seed = choose_seed()
    styles = sampling.from_prior(rows, mu.shape[1], seed=seed)
    images = decode(run, np.repeat(styles, n_classes, axis=0), np.tile(every, rows))
    st.html(prints.sheet(images, columns=n_classes, alt=t("generate.styles-label")))
    take_away(
        run,
        images,
        "styles",
        columns=n_classes,
        file=f"{run.id}_styles_seed-{seed}",
        key="png",
        n=rows,
        seed=seed,
        label="each_class",
    )
