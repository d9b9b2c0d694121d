"""Latent arithmetic, a - b + c, of digits that are picked or of whole classes."""

import numpy as np
import streamlit as st

from ui import prints, resources
from ui.controls import choose_one, open_screen, pick_digit
from ui.generate.decoding import choose_class, decode, place
from ui.i18n import plain, t
from vae_core import latent, sampling
from vae_core.inference import to_uint8
from vae_core.runs import Run

TERMS = {"a": 7, "b": 1, "c": 4}  # name -> the class at first


def arithmetic(run: Run) -> None:
    """The terms, their pictures and what the decoder makes of the sum."""
    kinds = {kind: t(f"generate.terms-{kind}") for kind in ("digits", "means")}
    kind = choose_one("terms", t("generate.terms"), kinds)
    st.caption(t(f"generate.about-{kind}"))
    codes, originals, labels = [], [], []
    for column, (name, default) in zip(st.columns(3, gap="large"), TERMS.items(), strict=True):
        with column:
            code, original, label = (by_digit if kind == "digits" else by_class)(run, name, default)
            codes.append(code)
            originals.append(original)
            labels.append(label)
    label = choose_class(run)
    z = sampling.arithmetic(*codes)
    decoded = [
        decode(run, code[None], None if label is None else term)[0]
        for code, term in zip([*codes, z], [*labels, label], strict=True)
    ]
    signs = ("", "\N{MINUS SIGN}", "+", "=")
    captions = [t("generate.term", name=name) for name in TERMS] + [t("generate.sum")]
    parts = []
    for sign, image, words in zip(signs, decoded, captions, strict=True):
        parts += [prints.sign(sign)] if sign else []
        parts.append(prints.figure(image, words, "term"))
    st.html(prints.row(parts))
    if kind == "digits":
        st.markdown(t("generate.originals"))
        st.html(prints.row(map(prints.figure, originals, captions)))
    told(run, z, label)


def told(run: Run, z: np.ndarray, label: int | None) -> None:
    """Where the sum lies, and the nearest digit of the gallery."""
    mu, gallery = resources.gallery_codes(run).mu, resources.gallery(run)
    found = latent.nearest(mu, z)
    nearest, distance = int(found.indices[0]), float(found.distances[0])
    where = place(z) if len(z) <= 4 else f"‖z‖ = {np.linalg.norm(z):.2f}"
    name = plain(gallery.class_names[gallery.y[nearest]])
    st.caption(t("generate.sum-nearest", place=where, label=name, distance=distance))
    if (
        len(z) == 2
        and label is None
        and st.button(t("generate.on-map"), key="sum-on-map", icon=":material/map:")
    ):
        x, y = z.tolist()
        open_screen("latent_map", run=run.id, z=f"{x!r},{y!r}", digit=None)


def by_digit(run: Run, name: str, default: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Code (D,), original (C, H, W) and class of a digit of the gallery."""
    gallery = resources.gallery(run)
    index = pick_digit(name, t("generate.term", name=name), run, default)
    return resources.gallery_codes(run).mu[index], gallery.x[index], int(gallery.y[index])


def by_class(run: Run, name: str, default: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Mean code (D,), mean image (C, H, W) and label of a class."""
    gallery = resources.gallery(run)
    names = {str(k): plain(text) for k, text in enumerate(gallery.class_names)}
    what = t("generate.term", name=name)
    label = int(choose_one(f"mean-{name}", what, names, default=str(default), wrap=True))
    members = gallery.x[gallery.y == label]
    mean = to_uint8(members.mean(axis=0) / 255)
    mu = resources.gallery_codes(run).mu
    return sampling.class_mean(mu, gallery.y, label), mean, label
