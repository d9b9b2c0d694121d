"""Every place in the plane is a picture: move to see it, click to keep it."""

import streamlit as st

from ui.controls import current_run, linked_map, mapped_runs, tell_unknown_run
from ui.downloads import map_downloads
from ui.i18n import t
from ui.view_controls import choose_view

run = current_run(mapped_runs())

st.title(t("latent_map.title"))
st.caption(t("latent_map.caption"))
tell_unknown_run("run", run)


@st.fragment
def explore() -> None:
    """The map and what it shows run again when something is pinned or another plane is chosen."""
    view = choose_view(run)
    linked_map(run, key="map", view=view)
    map_downloads(view)


explore()
