"""Choosing what the latent map shows of a run: the plane through many units, and the class.

Choices stand in the link as `plane`, `across`, `up`, `through` and `class`. A run with two units
and no classes has nothing to choose, and no control.
"""

import numpy as np
import streamlit as st

from ui import resources, state
from ui.controls import choose_one
from ui.i18n import plain, t
from ui.views import KINDS, SUBSCRIPTS, View, first_name, n_classes, view
from vae_core import slices
from vae_core.runs import Run


def choose_view(run: Run) -> View:
    """The controls, where there is something to choose, and the view that they make."""
    label = _choose_class(run) if n_classes(run) else None
    units = run.card.config.model.latent_dim
    return view(run, _choose_plane(run) if units > 2 else None, label)


def _choose_class(run: Run) -> int:
    names = resources.gallery(run).class_names[: n_classes(run)]
    options = {str(label): plain(name) for label, name in enumerate(names)}
    return int(choose_one("class", t("view.class"), options))


def _choose_plane(run: Run) -> str:
    codes = resources.gallery_codes(run).mu
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = state.choice("plane", KINDS, KINDS[0])
        st.segmented_control(
            t("view.plane"),
            KINDS,
            format_func=lambda name: t(f"view.{name}"),
            required=True,
            width="content",
            **state.tied("plane", kind, across=None, up=None),
        )
        names = _principal(codes) if kind == "pca" else _units(codes)
        across = _choose_direction("across", names)
        up = _choose_direction("up", {name: text for name, text in names.items() if name != across})
        through = _choose_through(run)
    st.caption(t(f"view.about-{kind}", units=codes.shape[1], n=len(codes)))
    return f"{kind}-{across}-{up}-{through}"


def _choose_direction(name: str, options: dict[str, str]) -> str:
    picked = state.choice(name, options, next(iter(options)))
    st.selectbox(
        t(f"view.{name}"),
        list(options),
        format_func=options.__getitem__,
        width=190,
        **state.tied(name, picked),
    )
    return picked


def _principal(codes: np.ndarray) -> dict[str, str]:
    """Principal directions by number, with their share of the codes' variance."""
    return {
        str(i): t("view.direction", number=i, share=100 * share)
        for i, share in enumerate(slices.shares(codes).tolist(), start=1)
    }


def _units(codes: np.ndarray) -> dict[str, str]:
    """Latent units by number, those first in which codes differ most."""
    spread = codes.std(axis=0)
    return {
        str(i + 1): t("view.unit", unit=f"z{str(i + 1).translate(SUBSCRIPTS)}", std=spread[i])
        for i in np.argsort(-spread, kind="stable").tolist()
    }


def _choose_through(run: Run) -> str:
    """The code that the plane goes through: z = 0, the codes' mean, or the image that is pinned."""
    gallery = resources.gallery(run)
    first = first_name(run).rpartition("-")[2]
    images = [state.whole(name, len(gallery), default=-1) for name in ("through", "digit")]
    options = [first, "mean", *(str(index) for index in images if index >= 0)]
    if run.card.config.model.family != "vae":
        options = [name for name in options if name != "zero"]
    picked = state.choice("through", options, first)

    def told(name: str) -> str:
        if name.isdigit():
            label = plain(gallery.class_names[gallery.y[int(name)]])
            return t("view.image", label=label, index=int(name))
        return t(f"view.{name}")

    st.selectbox(
        t("view.through"),
        list(dict.fromkeys(options)),
        format_func=told,
        width=230,
        help=t("view.through-help"),
        **state.tied("through", picked),
    )
    return picked
