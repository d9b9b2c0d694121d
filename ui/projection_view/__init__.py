"""Projections side by side that share one pick: a click on a point marks it in all of them.

The component owns its Plotly graphs, since Streamlit's loses clicks in large ones and has none in
three dimensions. What decodes from a pick is the page's own.
"""

from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from ui import assets
from ui.i18n import language, section

_component = st.components.v2.component("projection_view", js=assets.LOADER, isolate_styles=False)


def projection_view(
    figures: Sequence[tuple[str, go.Figure]], *, key: str, picked: int | None
) -> int | None:
    """Shows named figures with one point picked in all; returns what a click picks anew.

    Args:
        figures: Titles and figures of `vae_core.figures.projection_scatter`, of the same points.
        key: The component's name on the page.
        picked: Row of the point that is marked.
    """
    result = _component(
        key=key,
        data={
            "module": assets.address("projection_view/main.js"),
            "plotly": assets.address("plotly.min.js"),
            "views": [
                {"title": title, "figure": figure.to_json(engine="json")}
                for title, figure in figures
            ],
            "picked": picked,
            "texts": dict(section("projections", language())),
        },
        on_pick_change=_nothing,
    )
    pick = result.pick
    return pick if isinstance(pick, int) and pick >= 0 else None


def _nothing() -> None:
    """Streamlit tells what was picked only where something listens to it."""
