"""Every place in the plane is a picture: move to see it, click to keep it.

What is pinned stands in the URL, so that a link reopens it.
"""

import streamlit as st

from ui.controls import current_run, keep_pin, linked_pin, tell_unknown_run
from ui.i18n import t
from ui.latent_map import latent_map

run = current_run()

st.title(t("latent_map.title"))
st.caption(t("latent_map.caption"))
tell_unknown_run("run", run)


@st.fragment
def explore() -> None:
    """The map alone runs again when something is pinned on it."""
    asked = linked_pin(run)
    pin = latent_map(run, key="map", pin=asked)
    if pin != asked:
        keep_pin(pin)


explore()
