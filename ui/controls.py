"""What several screens share: the run picker, the digit picker, the language switch, error boxes.

A control shows what the URL says and writes there what is picked (`ui.state`), so that every screen
can be linked to. Nothing is worked out here; that is the core's.
"""

import base64
import math
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from streamlit.errors import StreamlitAPIException

from ui import resources, state
from ui.i18n import LANGUAGES, explain, language, plain, t
from ui.latent_map import Pin, latent_map
from ui.views import View, has_plane, n_classes
from ui.views import view as view_of
from vae_core import exports
from vae_core.data import Images
from vae_core.errors import PlaygroundError
from vae_core.figures import PALETTES
from vae_core.runs import BrokenRun, Run

EXAMPLES = 7  # pictures of one class that are offered at a time
LAST_SEED = 9999
PAGES = Path(__file__).resolve().parents[1] / "pages"
LONGEST_QUOTE = 64  # of what a link says, when it is repeated in a sentence

# Pictures are ink on black; blended by difference they become ink on whatever lies beneath them,
# dark on paper and light on a dark page.
PICTURE_STYLE = """<style>
[class*="st-key-choose-"][class*="-example"] button {
  height: 2.75rem; min-width: 2.75rem; padding: 0 0.25rem;
}
[class*="st-key-choose-"][class*="-example"] img {
  height: 2.25rem; width: 2.25rem; max-height: none;
  image-rendering: pixelated; mix-blend-mode: difference;
}
</style>"""


def language_switch() -> None:
    """English or Korean, each by its own name."""
    st.segmented_control(
        t("language.label"),
        list(LANGUAGES),
        format_func=LANGUAGES.__getitem__,
        required=True,
        **state.tied("lang", language()),
    )


def palette_switch() -> None:
    """The colours of the classes."""
    choose_one("palette", t("palette.label"), {name: t(f"palette.{name}") for name in PALETTES})


def choose_one(
    name: str, label: str, options: Mapping[str, str], *, default: str = "", **looks: Any
) -> str:
    """A row of options, code to text, of which one is on; returns its code.

    At first that is the default, or the first of them.
    """
    picked = state.choice(name, options, default or next(iter(options)))
    st.segmented_control(
        label,
        list(options),
        format_func=options.__getitem__,
        required=True,
        **looks,
        **state.tied(name, picked),
    )
    _tell_unusable(name, label, picked, options[picked])
    return picked


def choose_number(
    name: str, label: str, low: float, high: float, default: float, **looks: Any
) -> float:
    """A slider from low to high, at first at the default; returns where it stands."""
    value = state.number(name, low, high, default)
    st.slider(label, low, high, **looks, **state.tied(name, value))
    _tell_number(name, label, value)
    return value


def choose_seed(name: str = "seed") -> int:
    """A seed, and a button for the next one."""
    seed = int(state.number(name, 0, LAST_SEED, 0))
    with st.container(horizontal=True, vertical_alignment="bottom", width="content"):
        st.number_input(t("seed.label"), 0, LAST_SEED, step=1, width=130, **state.tied(name, seed))
        st.button(
            t("seed.next"),
            key=f"next-{name}",
            icon=":material/casino:",
            on_click=state.choose,
            kwargs={name: (seed + 1) % (LAST_SEED + 1)},
        )
    _tell_number(name, t("seed.label"), seed)
    return seed


def open_screen(screen: str, **choices: object) -> None:
    """Leaves for another screen, with choices made there; None takes one back."""
    state.prepare(screen, **choices)
    st.switch_page(str(PAGES / f"{screen}.py"))


# --- runs -------------------------------------------------------------------------------------


def planar_runs() -> tuple[Run, ...]:
    """The runs whose codes lie in a plane, and are told no class: what most screens show."""
    return tuple(run for run in mapped_runs() if _is_planar(run) and not n_classes(run))


def every_run() -> tuple[Run, ...]:
    """All runs that can be read, whatever the size of their codes."""
    return tuple(run for run in resources.runs() if isinstance(run, Run))


def mapped_runs() -> tuple[Run, ...]:
    """The runs whose codes a map can show: in their plane, or in one through many units."""
    return tuple(run for run in resources.runs() if isinstance(run, Run) and has_plane(run.card))


def kindred(run: Run) -> tuple[Run, ...]:
    """The other planar runs that show the same images: a digit tells nothing of garments."""
    name = resources.gallery(run).name
    others = (other for other in planar_runs() if other != run)
    return tuple(other for other in others if resources.gallery(other).name == name)


def current_run(runs: Iterable[Run] | None = None, *, wide: bool = False) -> Run:
    """The run that the sidebar's picker shows: of `runs`, by default the planar ones.

    At first that is one that one should see first, of the wide ones if `wide` and there are any.
    """
    return run_for(state.chosen("run"), planar_runs() if runs is None else runs, wide=wide)


def run_for(asked: str | None, runs: Iterable[Run], *, wide: bool = False) -> Run:
    """The run of that id; the one to see first where there is none of it."""
    offered = {run.id: run for run in runs}
    broad = [run for run in offered.values() if wide and run.card.config.model.latent_dim > 2]
    best = min(first_of(broad or offered.values()), key=_test_total)
    return offered.get(asked or "", best)


def first_of(runs: Collection[Run]) -> Collection[Run]:
    """Those that one should see first: VAEs in their plane, told no class, of what there is."""
    planar = [run for run in runs if _is_planar(run) and not n_classes(run)] or runs
    return _vaes(planar) or planar


def twins() -> tuple[Run, Run]:
    """An autoencoder and its VAE twin, of the current run where it has one."""
    runs = {run.id: run for run in planar_runs()}
    recipe = current_run().id.partition("-")[2]
    for name in (recipe, *(run_id.partition("-")[2] for run_id in runs)):
        if f"ae-{name}" in runs and f"vae-{name}" in runs:
            return runs[f"ae-{name}"], runs[f"vae-{name}"]
    vaes = _vaes(runs.values())
    others = [run for run in runs.values() if run not in vaes]
    return (others or vaes)[0], (vaes or others)[0]


def pick_run(name: str, label: str, run: Run, runs: Iterable[Run] | None = None) -> Run:
    """A list of runs, by default the planar ones, with the caption of the one that is picked."""
    offered = {run.id: run for run in (planar_runs() if runs is None else runs)}
    picked = offered[state.choice(name, offered, run.id)]
    st.selectbox(label, list(offered), **state.tied(name, picked.id))
    st.caption(run_caption(picked))
    return picked


def tell_unknown_run(name: str, shown: Run) -> None:
    """Says so when a link asks for a run that the maps cannot show."""
    asked = state.chosen(name)
    if asked not in (None, shown.id):
        st.warning(t("run.unknown", asked=plain(asked[:LONGEST_QUOTE]), shown=plain(shown.id)))


def run_caption(run: Run) -> str:
    """Family, network and the best figure that was measured, with its unit and n."""
    card, model = run.card, run.card.config.model
    parts = [t(f"family.{model.family}"), t(f"network.{model.network.kind}")]
    test, held_out = (card.metrics.get(split, {}) for split in ("test", "held-out"))
    if "total" in test and "n" in test:
        parts.append(t("run.test", total=test["total"], n=int(test["n"])))
    elif "total" in held_out and "n_held_out" in card.data:
        parts.append(t("run.held-out", total=held_out["total"], n=card.data["n_held_out"]))
    return " · ".join(parts)


def tell_left_out(shown: Iterable[Run]) -> None:
    """Says which runs this screen cannot show, and why."""
    runs, offered = resources.runs(), {run.id for run in shown}
    others = [run for run in runs if isinstance(run, Run) and run.id not in offered]
    broken = [run for run in runs if isinstance(run, BrokenRun) and not run.waits]
    for reason, left_out in (
        ("not-planar", [run for run in others if has_plane(run.card)]),
        ("no-plane", [run for run in others if not has_plane(run.card)]),
    ):
        if left_out:
            names = ", ".join(
                f"{plain(run.id)} ({run.card.config.model.latent_dim})" for run in left_out
            )
            st.caption(t(f"run.{reason}", count=len(left_out), names=names))
    if broken:
        with st.expander(t("run.broken", count=len(broken)), icon=":material/warning:"):
            for run in broken:
                st.markdown(f"**{plain(run.id)}** · {explain(run.error)}")


def _is_planar(run: Run) -> bool:
    return run.card.config.model.latent_dim == 2


def _vaes(runs: Iterable[Run]) -> list[Run]:
    return [run for run in runs if run.card.config.model.family == "vae"]


def _test_total(run: Run) -> float:
    return run.card.metrics.get("test", {}).get("total", math.inf)


# --- places and digits ------------------------------------------------------------------------


def linked_map(
    run: Run, *, key: str, view: View | None = None, side: str | None = None, **looks: Any
) -> None:
    """A latent map whose pin stands in the link. It belongs into a fragment.

    Of two linked maps the link names the `side` that was clicked, "left" at first; the other
    follows it in the browser.
    """
    wishes = side is None or side == state.choice("side", ("left", "right"), "left")
    asked = _linked_pin(view or view_of(run)) if wishes else None
    pin = latent_map(run, key=key, view=view, pin=asked, wishes=wishes, **looks)
    if pin == asked or (side and (pin is None or pin.followed)):
        return
    state.choose(
        digit=pin and pin.index,
        z=None if pin is None or pin.index is not None else ",".join(map(repr, pin.z)),
        **({"side": side} if side else {}),
    )
    # Once more with the new link: the map learns it, so that a step back is a new wish. A run of
    # the whole screen cannot do this, and there the next click does.
    with suppress(StreamlitAPIException):
        st.rerun(scope="fragment")


def pick_digit(name: str, label: str, run: Run, default_class: int) -> int:
    """A class, then one of its examples by its picture; returns its index in the gallery."""
    gallery = resources.gallery(run)
    of_class = [np.flatnonzero(gallery.y == k).tolist() for k in range(len(gallery.class_names))]
    index = state.whole(name, len(gallery), of_class[default_class][0])
    examples = of_class[gallery.y[index]]
    first = examples.index(index) // EXAMPLES * EXAMPLES

    st.segmented_control(
        label,
        [index if index in members else members[0] for members in of_class if members],
        format_func=lambda i: plain(_class_name(gallery, i)),
        required=True,
        wrap=True,
        **state.tied(name, index, "class"),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.pills(
            t("digit.example", digit=label),
            examples[first : first + EXAMPLES],
            format_func=lambda i: f"![{plain(_class_name(gallery, i))}]({data_url(gallery.x[i])})",
            label_visibility="collapsed",
            required=True,
            width="content",
            wrap=True,
            **state.tied(name, index, "example"),
        )
        st.button(
            t("digit.more"),
            key=f"more-{name}",
            on_click=state.choose,
            kwargs={name: examples[(first + EXAMPLES) % len(examples)]},
        )
    st.html(PICTURE_STYLE)
    _tell_unusable(name, label, str(index), str(index))
    return index


def _linked_pin(view: View) -> Pin | None:
    """The place or the digit that the link pins; one that is none is told and passed over."""
    places, z = view.points, state.chosen("z")
    index = state.whole("digit", len(places), default=-1)
    if index >= 0:
        x, y = places[index].tolist()
        return Pin((x, y), index)
    place = _place(z or "")
    asked = state.chosen("digit") or z
    if place is None and asked is not None:
        st.warning(t("pin.unknown", asked=plain(asked[:LONGEST_QUOTE]), last=len(places) - 1))
    return place


def _place(text: str) -> Pin | None:
    try:
        x, y = (float(number) for number in text.split(","))
    except ValueError:
        return None
    return Pin((x, y)) if math.isfinite(x) and math.isfinite(y) else None


def _class_name(gallery: Images, index: int) -> str:
    return gallery.class_names[gallery.y[index]]


def data_url(image: np.ndarray) -> str:
    """An image (C, H, W) as an address that holds the whole PNG."""
    png = exports.png_bytes(image[None], columns=1)
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


# --- sentences --------------------------------------------------------------------------------


def show_script_error(error: Exception) -> bool:
    """Shows one sentence in place of a traceback, which Streamlit has written to the log."""
    sentence = explain(error) if isinstance(error, PlaygroundError) else t("app.failed")
    st.error(sentence)
    return True


def _tell_number(name: str, label: str, value: float) -> None:
    with suppress(ValueError):  # "1.50" asks for 1.5 too
        if float(state.chosen(name) or value) == value:
            return
    _tell_unusable(name, label, str(value), str(value))


def _tell_unusable(name: str, label: str, used: str, shown: str) -> None:
    """Says so when a link asks for what is no choice."""
    asked = state.chosen(name)
    if asked not in (None, used):
        quoted = plain(asked[:LONGEST_QUOTE])
        st.warning(t("link.unusable", what=label, asked=quoted, shown=plain(shown)))
