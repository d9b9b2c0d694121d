"""From one digit to another: the way between their codes, and the pictures along it."""

import streamlit as st

from ui import resources
from ui.controls import choose_one, current_run, pick_digit, tell_unknown_run
from ui.i18n import t
from ui.latent_map import latent_path
from vae_core import exports, latent

STRIP_FRAMES = 20
GIF_FRAMES = 51  # there and back again in 100

run = current_run()


def frames(n: int):
    """The decoded pictures of n evenly spaced places on the chosen way, (n, C, H, W)."""
    mu = resources.gallery_codes(run).mu
    return resources.session(run).decode(latent.interpolate(mu[start], mu[end], n, method=method))


st.title(t("interpolate.title"))
st.caption(t("interpolate.caption"))
tell_unknown_run("run", run)

first, second = st.columns(2)
with first:
    start = pick_digit("a", t("interpolate.a"), run, default_class=2)
with second:
    end = pick_digit("b", t("interpolate.b"), run, default_class=7)

with st.container(horizontal=True, vertical_alignment="center"):
    methods = {name: t(f"interpolate.{name}") for name in latent.INTERPOLATIONS}
    method = choose_one(
        "method",
        t("interpolate.method"),
        methods,
        label_visibility="collapsed",
        width="content",
    )
    file = f"{run.id}_{start}-to-{end}_{method}"
    st.download_button(
        t("interpolate.gif"),
        lambda: exports.gif_bytes(frames(GIF_FRAMES)),
        f"{file}.gif",
        "image/gif",
        key="gif",
        icon=":material/animation:",
        on_click="ignore",
    )
    st.download_button(
        t("interpolate.png", n=STRIP_FRAMES),
        lambda: exports.png_bytes(frames(STRIP_FRAMES), columns=STRIP_FRAMES, scale=4),
        f"{file}.png",
        "image/png",
        key="png",
        icon=":material/view_column:",
        on_click="ignore",
    )

latent_path(run, key="path", start=start, end=end, method=method)
