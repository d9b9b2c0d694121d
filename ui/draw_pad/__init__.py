"""The draw pad: a Components v2 component on which a person writes with mouse, finger or pen.

The browser tells the strokes once the pen has rested for a moment. They stay in the session, so
that the drawing is still there after a look at another screen, and nowhere else.
"""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from ui import assets
from ui.i18n import language, section
from vae_core.drawing import Stroke, read_strokes

_component = st.components.v2.component("draw_pad", js=assets.LOADER, isolate_styles=False)


def draw_pad(*, key: str) -> tuple[Stroke, ...]:
    """Shows the pad and returns what is drawn on it now.

    Args:
        key: The component's name on the page.

    Raises:
        InputError: What came is no drawing, or too long; the last good one is kept.
    """
    kept = f"{key}.kept"
    _component(
        key=key,
        data={
            "module": assets.address("draw_pad/main.js"),
            "texts": section("pad", language()),
            "strokes": st.session_state.get(kept, []),
        },
        on_drawing_change=_nothing,
    )
    state: Mapping[str, Any] = st.session_state.get(key) or {}
    drawn = state.get("drawing")
    value = st.session_state.get(kept, []) if drawn is None else drawn
    strokes = read_strokes(value)
    st.session_state[kept] = value
    return strokes


def _nothing() -> None:
    """Streamlit keeps a component's state only where something listens to it."""
