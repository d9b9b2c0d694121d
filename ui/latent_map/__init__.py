"""The latent map: a Components v2 component that owns its Plotly graph and decodes by itself.

Python says which run, what is pinned and in which words; the browser fetches all else by address
and tells Python one thing only, what was pinned. The JavaScript beside this file needs no build.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import streamlit as st

from ui import assets, state
from ui.i18n import language, section
from ui.views import View, n_classes
from ui.views import view as view_of
from vae_core.figures import PALETTES
from vae_core.latent import Plane
from vae_core.runs import Run

MODULE = assets.address("latent_map/main.js")

_component = st.components.v2.component("latent_map", js=assets.LOADER, isolate_styles=False)


@dataclass(frozen=True)
class Pin:
    """A chosen place of the plane, and the image of the gallery that was clicked, if one was.

    A map `followed` when it pinned what a linked map had told it.
    """

    z: tuple[float, float]
    index: int | None = None
    followed: bool = field(default=False, compare=False)


def latent_map(
    run: Run,
    *,
    key: str,
    view: View | None = None,
    pin: Pin | None = None,
    wishes: bool = True,
    group: str | None = None,
    link: Literal["place", "picture"] = "place",
    plane: Plane | None = None,
    compact: bool = False,
) -> Pin | None:
    """Shows a run's latent plane and returns what is pinned on it now.

    In a group, one map only wishes at a time: the others follow it in the browser.

    Args:
        run: A run with two latent units or more.
        key: The component's name on the page.
        view: Which plane and which class are shown; the first ones by default.
        pin: What to pin. It is obeyed when it changes; a click afterwards wins over it.
        wishes: Whether `pin` is a wish at all, None then one that nothing be pinned.
        group: Maps of one group are linked in the browser: an image pinned in one is pinned in all.
        link: What linked maps do with an empty place: pin the same z ("place"), or pin where their
            own encoder puts the decoded picture ("picture").
        plane: The square to show at first; the run's own by default.
        compact: Picture beneath the plane, for maps that stand side by side.
    """
    memory = st.session_state.setdefault(f"{key}.memory", _Memory())
    current = memory.settle(pin if wishes else memory.current, _committed(key))
    _component(
        key=key,
        data={
            **_data(run, view),
            "pin": current and {"z": current.z, "index": current.index},
            "order": memory.order,
            "group": group,
            "link": link,
            "plane": plane and plane.to_dict(),
            "compact": compact,
        },
        on_pin_change=_nothing,
    )
    return current


def latent_path(run: Run, *, key: str, start: int, end: int, method: str) -> None:
    """Shows the path between two images of the gallery on the map, and the pictures along it.

    Args:
        run: A run with two latent units.
        key: The component's name on the page.
        start: Where t = 0, an index into the gallery.
        end: Where t = 1.
        method: A key of `vae_core.latent.INTERPOLATIONS`.
    """
    path = {"start": start, "end": end, "method": method}
    _component(key=key, data={**_data(run), "path": path}, on_pin_change=_nothing)


@dataclass
class _Memory:
    """What one map was last asked to pin and last said it had pinned.

    A page that keeps the pin in its address asks for it again one run later, when another may have
    been pinned already. So a wish counts only when it is new and not an echo of our own answer.
    """

    asked: Pin | None = None
    committed: Mapping[str, Any] | None = None
    current: Pin | None = None
    order: int = 0  # rises with each wish that the browser has to obey

    def settle(self, asked: Pin | None, committed: Mapping[str, Any] | None) -> Pin | None:
        if committed and committed != self.committed:
            x, y = committed["z"]
            followed = bool(committed.get("followed"))
            self.current = Pin((float(x), float(y)), committed["index"], followed)
            self.committed = committed
        elif asked not in (self.asked, self.current):
            self.current = asked
            self.order += 1
        self.asked = asked
        return self.current


def _committed(key: str) -> Mapping[str, Any] | None:
    """Returns the pin that the browser sent last, as it came."""
    state: Mapping[str, Any] = st.session_state.get(key) or {}
    pin: Mapping[str, Any] | None = state.get("pin")
    return pin


def _data(run: Run, view: View | None = None) -> dict[str, Any]:
    view = view or view_of(run, label=0 if n_classes(run) else None)
    shown = {"slice": view.name, "class": view.label}
    return {
        "module": MODULE,
        "run": {"id": run.id, "digest": run.digest, "name": run.card.name},
        "view": {name: value for name, value in shown.items() if value is not None},
        "texts": section("map", language()),
        "palette": PALETTES[state.choice("palette", PALETTES, "petroff10")],
    }


def _nothing() -> None:
    """Streamlit keeps a component's state only where something listens to it."""
