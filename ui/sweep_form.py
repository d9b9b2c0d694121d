"""What is asked before a sweep: recipes, the lists that make its runs, and what it will take.

Lists are read by the core's own reader, the one of the command line, and every value is checked by
the settings' validator; what it says stands beneath the list.
"""

from collections.abc import Sequence

import streamlit as st

from ui import owner, queue, state, turns
from ui.i18n import explain, plain, t
from ui.train_form import (
    FIRST,
    ask_device,
    data_names,
    differences,
    duration,
    known_estimate,
    measured_estimate,
    request,
    send,
)
from vae_core import cluster, jobs, sweeps
from vae_core.config import RunConfig
from vae_core.data import GALLERY
from vae_core.errors import PlaygroundError
from vae_core.recipes import RECIPES, for_data
from vae_core.sweeps import Member

# ready lists, so that nobody has to think of numbers first
PRESETS: dict[str, dict[str, str]] = {
    "beta": {"beta": "0.1, 0.5, 1, 2, 5, 12"},
    "latent_dim": {"latent_dim": "1, 2, 4, 8, 16, 32"},
    "seed": {"seed": "0, 1, 2, 3"},
}
FIRST_SWEEP = "vae-beta"


def sweep_form() -> None:
    """The whole form, down to the button."""
    left, right = st.columns([3, 2], gap="large")
    with left:
        names = _recipes()
        lists, sound = _lists(names)
    with right:
        bases, good = _shared(names)
        device = ask_device()
        button = st.container()
    found: tuple[Member, ...] = ()
    if sound and good:
        try:
            found = sweeps.members(bases, lists)
        except PlaygroundError as error:
            with left:
                st.error(explain(error))
    with button:
        _start_box(found, device)


def _recipes() -> list[str]:
    asked = [name for name in (state.chosen("recipes") or "").split(",") if name in RECIPES]
    first = state.chosen("recipe")
    default = asked or [first if first in RECIPES and asked else FIRST_SWEEP]
    st.session_state.setdefault("sweep-recipes", default)
    names: list[str] = st.multiselect(
        t("sweep.recipes"), list(RECIPES), key="sweep-recipes", help=t("sweep.recipes-help")
    )
    if not names:
        st.error(t("sweep.no-recipe"))
    if len(names) == 1:
        st.caption(t(f"recipe.{names[0]}"))
    return names


def _lists(names: Sequence[str]) -> tuple[dict[str, list[float]], bool]:
    """A list for each thing that may vary; an empty one leaves the recipe's own value."""
    st.markdown(t("sweep.ready"))
    with st.container(horizontal=True):
        for name, fields in PRESETS.items():
            st.button(
                t(f"sweep.preset-{name}"), key=f"preset-{name}", on_click=_fill, args=(fields,)
            )
    lists, sound = {}, True
    for name, (path, _) in sweeps.VARIED.items():
        key = f"sweep-{name}"
        if name == "beta":
            st.session_state.setdefault(key, PRESETS["beta"]["beta"])
        text = st.text_input(t(f"knob.{name}"), key=key, placeholder=t("sweep.own"))
        st.caption(t(f"knob-about.{name}"))
        if not text.strip():
            continue
        try:
            lists[name] = sweeps.read_list(name, text, t(f"knob.{name}"))
            for value in lists[name]:
                RECIPES[names[0] if names else FIRST].config.replace(**{path: value})
        except PlaygroundError as error:
            st.error(explain(error))
            sound = False
    return lists, sound


def _fill(fields: dict[str, str]) -> None:
    for name in sweeps.VARIED:
        st.session_state[f"sweep-{name}"] = fields.get(name, "")


def _shared(names: Sequence[str]) -> tuple[list, bool]:
    """What all runs share: data set, epochs, how many images."""
    offered = data_names()
    data = st.selectbox(
        t("train.data"),
        list(offered),
        index=list(offered).index(GALLERY),
        format_func=offered.__getitem__,
        key="sweep-data",
        help=t("train.data-help"),
    )
    changes: dict[str, object] = {}
    left, right = st.columns(2)
    fields = (
        (left, "epochs", "train__epochs", t("sweep.own")),
        (right, "limit", "data__limit", t("sweep.all")),
    )
    sound = bool(names)
    for column, name, path, empty in fields:
        with column:
            value = st.number_input(
                t(f"knob.{name}"),
                value=None,
                step=1,
                key=f"sweep-{name}",
                placeholder=empty,
            )
            st.caption(t(f"knob-about.{name}"))
            if value is None:
                continue
            changes[path] = value
            try:
                RECIPES[FIRST].config.replace(**{path: value})
            except PlaygroundError as error:
                st.error(explain(error))
                sound = False
    if not sound:
        return [], False
    chosen = [RECIPES[name] for name in names]
    try:
        bases = [(one, for_data(one.config, data).replace(**changes)) for one in chosen]
    except PlaygroundError as error:
        st.error(explain(error))
        return [], False
    return bases, True


def _start_box(found: Sequence[Member], device: str) -> None:
    error = st.session_state.pop("train-error", None)
    if error:
        st.error(explain(error))
    limit = jobs.MAX_WAITING_OF_ONE
    enough = 0 < len(found) <= limit
    if found:
        st.markdown(t("sweep.runs", n=len(found), names=plain(_named(found))))
    if len(found) > limit:
        st.error(t("sweep.many", n=len(found), limit=limit))
    st.button(
        t("sweep.start"),
        key="sweep-start",
        icon=":material/play_arrow:",
        disabled=not enough,
        on_click=_start,
        args=(found, device, request()),
    )
    if enough:
        _needs(found, device)
    going_on = [job for job in queue.listed() if not job.over]
    if going_on:
        st.caption(t("train.others", n=len(going_on), places=sum(jobs.places().values())))


def _named(found: Sequence[Member]) -> str:
    names = [one.name for one in found]
    return ", ".join(names if len(names) <= 4 else [*names[:2], "…", names[-1]])


@st.fragment
def _needs(found: Sequence[Member], device: str) -> None:
    """How long all of it will take: from earlier runs, or measured on demand for each network."""
    rough = [c for c in _networks(found) if _is_rough(c, device)]
    here = not cluster.address()  # what was measured here says nothing of a cluster's nodes
    if rough and here and st.button(t("train.measure"), icon=":material/timer:", key="measure"):
        with st.spinner(t("train.measuring")):
            try:
                for config in rough:
                    measured_estimate(config, device)
            except PlaygroundError as error:
                st.warning(explain(error))
    seconds = _seconds(found, device)
    if seconds is not None:
        places = max(jobs.places().get("cpu", 1), 1)
        st.metric(t("sweep.time"), duration(max(sum(seconds) / places, max(seconds))))
        st.caption(t("sweep.time-about", places=places, longest=duration(max(seconds))))
        if any(_is_rough(config, device) for config in _networks(found)):
            st.caption(t("sweep.time-rough"))


def _is_rough(config: RunConfig, device: str) -> bool:
    known = known_estimate(config, device)
    return known is None or known.source == "elsewhere"


def _networks(found: Sequence[Member]) -> list[RunConfig]:
    """One run of each network: what else varies costs no time."""
    return list({one.config.model.model_dump_json(): one.config for one in found}.values())


def _seconds(found: Sequence[Member], device: str) -> list[float] | None:
    """The seconds of each run; None where one of them is not known."""
    by_network = {c.model: known_estimate(c, device) for c in _networks(found)}
    known = [by_network[one.config.model] for one in found]
    if not all(known):
        return None
    return [one.seconds for one in known if one]


@turns.SCRIPTS.turn()
def _start(found: Sequence[Member], device: str, asked: str) -> None:
    seconds = _seconds(found, device) or [None] * len(found)
    wishes = [
        jobs.Wish(
            one.config,
            one.recipe.name,
            differences(one.config, one.recipe.config) or one.recipe.differs,
            one.name,
            length,
        )
        for one, length in zip(found, seconds, strict=True)
    ]
    family = send(
        lambda: jobs.submit_family(wishes, owner=owner.secret(), request=asked, device=device)
    )
    if family:
        state.choose(family=family, run=None, like=None)
