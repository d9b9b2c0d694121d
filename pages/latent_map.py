"""Every place in the plane is a picture: move to see it, click to keep it."""

import streamlit as st

from ui.controls import current_run, linked_map, tell_unknown_run
from ui.i18n import t

run = current_run()

st.title(t("latent_map.title"))
st.caption(t("latent_map.caption"))
tell_unknown_run("run", run)


@st.fragment
def explore() -> None:
    """The map alone runs again when something is pinned on it."""
    linked_map(run, key="map")


explore()
