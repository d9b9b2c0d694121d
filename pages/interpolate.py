"""From one digit to another: the way between their codes, and the pictures along it."""

import streamlit as st

from ui.controls import choose_one, current_run, pick_digit, tell_unknown_run
from ui.downloads import path_downloads
from ui.i18n import t
from ui.latent_map import latent_path
from vae_core import latent
from vae_core.takeaways import Path

run = current_run()


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
    path_downloads(run, Path(start, end, method))

latent_path(run, key="path", start=start, end=end, method=method)
