"""The manifold grid: what the decoder makes of evenly spaced places, each a picture to click on."""

import numpy as np
import streamlit as st

from ui import resources
from ui.controls import choose_number, choose_one, open_screen
from ui.generate.decoding import choose_class, decode, place, take_away, units
from ui.i18n import t
from ui.picture_sheet import picture_sheet
from vae_core import latent, sampling
from vae_core.runs import Run


def grid(run: Run) -> None:
    """A plane of decodes: all of it where the code is one, else the two units with the most KL."""
    first, second = shown_units(run)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="large"):
        kinds = {kind: t(f"generate.{kind}") for kind in ("even", "quantile")}
        kind = choose_one("grid", t("generate.spacing"), kinds)
        n = int(choose_number("n", t("generate.side"), 2, sampling.MAX_SIDE, 20, width=260))
    label = choose_class(run)
    places = lattice(run, kind, n)
    z = sampling.on_units(places, (first, second), resources.session(run).latent_dim)
    images = decode(run, z, label)
    planar = z.shape[1] == 2
    on_map = planar and label is None

    st.caption(caption(run, kind, on_map))
    if not planar:
        st.caption(t("generate.two-units", first=first + 1, second=second + 1, d=z.shape[1]))
    picked = picture_sheet(
        images,
        key=f"sheet-{run.id}",
        columns=n,
        names=[place(pair) for pair in places],
        label=t("generate.grid-label", n=n, run=run.id),
    )
    values = {"n": n, "units": (first, second), "label": label}
    if kind == "even":
        plane = _plane(run)
        values |= {"center": plane.center, "half": plane.half}
    take_away(run, images, kind, columns=n, file=f"{run.id}_{kind}_{n}x{n}", key="png", **values)
    if picked is not None and on_map:
        x, y = places[picked].tolist()
        open_screen("latent_map", run=run.id, z=f"{x!r},{y!r}", digit=None)


def shown_units(run: Run) -> tuple[int, int]:
    """The units along x and y."""
    if resources.session(run).latent_dim == 2:
        return 0, 1
    first, second = units(run).order[:2].tolist()
    return first, second


def lattice(run: Run, kind: str, n: int) -> np.ndarray:
    """Places (n * n, 2) on the two units that are shown."""
    if kind == "quantile":
        return sampling.quantile_lattice(n)
    return latent.lattice(_plane(run), n)


def caption(run: Run, kind: str, on_map: bool) -> str:
    """How the places were chosen."""
    what = t("generate.about-quantile")
    if kind == "even":
        left, right, bottom, top = _plane(run).bounds
        what = t("generate.about-even", left=left, right=right, bottom=bottom, top=top)
    return f"{what} {t('generate.click-tile')}" if on_map else what


def _plane(run: Run) -> latent.Plane:
    mu = resources.gallery_codes(run).mu
    return latent.plane_of(mu[:, list(shown_units(run))])
