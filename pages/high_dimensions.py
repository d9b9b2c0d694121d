"""Codes of many dimensions made visible: projections, and what each latent unit carries."""

import streamlit as st

from ui import projections
from ui.controls import choose_one, current_run, every_run, tell_unknown_run
from ui.i18n import t

run = current_run(every_run(), wide=True)

st.title(t("high_dimensions.title"))
st.caption(t("high_dimensions.caption"))
tell_unknown_run("run", run)

views = {view: t(f"high_dimensions.{view}") for view in projections.VIEWS}
view = choose_one("view", t("high_dimensions.view"), views, label_visibility="collapsed")
if run.card.config.model.latent_dim <= 2:
    st.info(t("high_dimensions.flat-already"))
projections.VIEWS[view](run)
