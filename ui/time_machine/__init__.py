"""The time machine: a Components v2 component that plays films of latent planes.

Python says which films, and in which words; the browser fetches them by address, follows the slider
by itself, and tells one thing only: at which moment it has come to rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from ui import assets, state
from ui.i18n import language, section
from vae_core.figures import PALETTES

_component = st.components.v2.component("time_machine", js=assets.LOADER, isolate_styles=False)


@dataclass(frozen=True)
class Source:
    """A film's address without its end, and what it shows, for people."""

    address: str
    name: str


def time_machine(
    films: Sequence[Source], *, key: str, follow: bool = False, grows: str | None = None
) -> None:
    """Shows films at one moment, the first one's; the moment stands in the link as `moment`.

    Args:
        films: The first decides what the slider's moments are; a second is shown at the same step.
        key: The component's name on the page.
        follow: Whether the axes follow the codes at first, or stay.
        grows: The newest moment of a training under way; its film is followed, and not linked to.
    """
    told = _told(key)
    if told is not None and told != st.session_state.get(f"{key}.told"):
        st.session_state[f"{key}.told"] = told
        state.choose(moment=told)
    _component(
        key=key,
        data={
            "module": assets.address("time_machine/main.js"),
            "films": [{"address": film.address, "name": film.name} for film in films],
            "texts": section("film", language()),
            "palette": PALETTES[state.choice("palette", PALETTES, "petroff10")],
            "moment": None if grows else state.chosen("moment"),
            "follow": follow,
            "grows": grows,
        },
        on_moment_change=_nothing,
    )


def _told(key: str) -> str | None:
    kept: Mapping[str, Any] = st.session_state.get(key) or {}
    moment = kept.get("moment")
    return moment if isinstance(moment, str) and len(moment) <= 64 else None


def _nothing() -> None:
    """Streamlit keeps a component's state only where something listens to it."""
