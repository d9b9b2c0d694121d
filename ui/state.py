"""What a person has chosen, kept in the URL so that a link reopens it; no one else writes there.

Streamlit's own `bind="query-params"` writes the label that is shown. Labels are translated here,
and a link made in Korean has to open in English: choices travel as codes, written by hand.
"""

import re
from collections.abc import Collection
from typing import Any

import streamlit as st

WRITTEN = 8  # addresses that a browser may not have heard of yet

# choices that follow from screen to screen; all others belong to one
SHARED = ("lang", "run", "palette")


def begin() -> None:
    """Hears the browser: call it before anything else when the whole screen runs.

    What is chosen is written before a run begins. If the URL says something else than that was, it
    is a step in the browser, and what it says now counts.
    """
    if _written()[-1:] != [st.query_params.to_dict()]:
        st.session_state["written"] = []


def enter(screen: str) -> None:
    """Says which screen runs, and brings the URL and what was chosen before into agreement.

    A change of screens empties the URL: what was chosen is put back. On the same screen it is a
    step back in the browser that takes a choice out, so the choice is forgotten.
    """
    url, remembered = st.query_params.to_dict(), _remembered()
    returning = st.session_state.get("screen", screen) != screen
    st.session_state["screen"] = screen
    if returning:
        wanted = remembered.get(screen, {}) | remembered[""] | url
        if wanted != url:
            _write(url, wanted)
        _remember(wanted)
    else:
        forgotten = remembered[""].keys() - url.keys()
        _remember(url)
        if forgotten:
            st.rerun()  # the navigation has been drawn with the forgotten language


def chosen(name: str) -> str | None:
    """What the URL says under this name, be it usable or not."""
    return _url().get(name, _remembered()[""].get(name))


def choice(name: str, options: Collection[str], default: str) -> str:
    """The option that the URL names; the default where it names none of them."""
    asked = chosen(name)
    return asked if asked in options else default


def whole(name: str, n: int, default: int) -> int:
    """The number from 0 to n - 1 that the URL names; the default where it names none."""
    asked = chosen(name) or ""
    return int(asked) if re.fullmatch("0|[1-9][0-9]{0,8}", asked) and int(asked) < n else default


def number(name: str, low: float, high: float, default: float) -> float:
    """The number from low to high that the URL names, of the default's kind; else the default."""
    asked = chosen(name) or ""
    pattern = "-?[0-9]{1,9}" if isinstance(default, int) else r"-?[0-9]{1,9}(\.[0-9]{1,6})?"
    found = type(default)(asked) if re.fullmatch(pattern, asked, re.ASCII) else default
    return found if low <= found <= high else default


def prepare(screen: str, **choices: object) -> None:
    """Lets another screen open with these choices the next time; None takes one out."""
    remembered = _remembered()
    wanted = remembered.get(screen, {}) | choices
    remembered[screen] = {name: str(value) for name, value in wanted.items() if value is not None}


def choose(**choices: object) -> None:
    """Writes choices into the URL; None takes one out of it."""
    before = _url()
    url = {name: str(value) for name, value in (before | choices).items() if value is not None}
    if url != before:
        _write(before, url)
        _remember(url)


def tied(name: str, value: object, part: str = "", **with_it: object) -> dict[str, Any]:
    """Arguments that make a widget show `value` and write what is picked into the URL.

    Widgets that choose together, as a class and an example do, name their `part` of it. `with_it`
    are choices that a new one changes too.
    """
    key = f"choose-{name}-{part}" if part else f"choose-{name}"
    st.session_state[key] = value
    return {"key": key, "on_change": lambda: choose(**{name: st.session_state[key]}, **with_it)}


def _url() -> dict[str, str]:
    """What the URL says, or will say once the browser has heard of the latest choice.

    A control that is used before then sends the address as it was, and reading that would undo the
    latest choice. Only a run of the whole screen may be a step back in the browser (`begin`).
    """
    url, written = st.query_params.to_dict(), _written()
    if url in written[:-1]:
        url = written[-1]
        st.query_params.from_dict(url)
    return url


def _write(before: dict[str, str], url: dict[str, str]) -> None:
    st.query_params.from_dict(url)
    st.session_state["written"] = [*(_written() or [before]), url][-WRITTEN:]


def _written() -> list[dict[str, str]]:
    """The addresses that this session had of late, the current one last."""
    return st.session_state.get("written", [])


def _remember(url: dict[str, str]) -> None:
    remembered = _remembered()
    remembered[""] = {name: url[name] for name in SHARED if name in url}
    remembered[st.session_state.get("screen", "")] = url


def _remembered() -> dict[str, dict[str, str]]:
    """Choices by screen; those that all screens share under the empty name."""
    return st.session_state.setdefault("remembered", {"": {}})
