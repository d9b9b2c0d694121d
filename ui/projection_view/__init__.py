"""Projections side by side that share pick and selection: what is marked in one is in all of them.

The component owns its Plotly graphs, since Streamlit's loses clicks in large ones and has none in
three dimensions. What decodes from a pick is the page's own.
"""

from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go
import streamlit as st

from ui import assets
from ui.i18n import language, section

_component = st.components.v2.component("projection_view", js=assets.LOADER, isolate_styles=False)


class Marked(NamedTuple):
    """What was marked: the row that a click picks anew, the rows that a lasso has selected."""

    picked: int | None
    selected: tuple[int, ...]


def projection_view(
    figures: Sequence[tuple[str, go.Figure]], *, key: str, picked: int | None
) -> Marked:
    """Shows named figures with one point picked in all, and returns what is marked by hand.

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
            "selected": _rows((st.session_state.get(key) or {}).get("selected")) or None,
            "texts": dict(section("projections", language())),
        },
        on_pick_change=_nothing,
        on_selected_change=_nothing,
    )
    pick = result.pick
    return Marked(pick if isinstance(pick, int) and pick >= 0 else None, _rows(result.selected))


def _rows(told: object) -> tuple[int, ...]:
    if not isinstance(told, list):
        return ()
    return tuple(sorted({row for row in told if isinstance(row, int) and row >= 0}))


def _nothing() -> None:
    """Streamlit tells what was picked only where something listens to it."""
