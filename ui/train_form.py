"""What is asked before a training starts: recipe, data, the knobs behind, and what it will need.

Each answer is checked by the settings' own validator, the one of the command line and of the
loader, and what it says stands beside its field.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

import streamlit as st

from ui import owner, queue, resources, state, turns
from ui.controls import choose_one
from ui.i18n import explain, plain, t
from vae_core import cluster, estimates, jobs, presence
from vae_core.config import RunConfig
from vae_core.data import GALLERY
from vae_core.errors import ConfigError, PlaygroundError
from vae_core.estimates import Estimate
from vae_core.recipes import RECIPES, for_data
from vae_core.runs import BrokenRun, Run
from vae_core.worker import versions

FIRST = "vae-keras-dense"
KINDS = ("vae", "ae", "conditional", "vq")


@dataclass(frozen=True)
class Knob:
    """A setting that a person may turn: its place, how it is asked for, for whom it means anything.

    Attributes:
        path: Its place in the settings.
        options: What it may be; a number where there are none.
        shown: Whether the settings that are turned have a use for it.
    """

    path: str
    options: tuple[str, ...] = ()
    shown: Callable[[RunConfig], bool] = lambda config: True

    @property
    def name(self) -> str:
        return self.path.rpartition("__")[2]

    def of(self, config: RunConfig) -> Any:
        value: Any = config
        for part in self.path.split("__"):
            value = getattr(value, part)
        return value


def _is_vae(config: RunConfig) -> bool:
    return config.model.family == "vae"


FIRST_KNOBS = (Knob("train__epochs"), Knob("train__seed"))
KNOBS = (
    Knob("objective__beta", shown=_is_vae),
    Knob("model__latent_dim"),
    Knob("objective__likelihood", ("bernoulli", "gaussian")),
    Knob("train__learning_rate"),
    Knob("train__schedule", ("one_cycle", "constant", "step")),
    Knob("train__batch_size"),
    Knob("train__weight_decay"),
    Knob("train__ema_decay"),
    Knob("train__clip_norm"),
    Knob("objective__warmup_epochs", shown=_is_vae),
    Knob("objective__free_bits", shown=_is_vae),
    Knob("objective__kl_form", ("gaussian", "missing-half"), shown=_is_vae),
    Knob("objective__noise"),
    Knob("objective__commitment_weight", shown=lambda config: config.model.family == "vq"),
    Knob("model__codebook_size", shown=lambda config: config.model.family == "vq"),
    Knob("data__limit"),
)

_measured: resources.Memory[Estimate] = resources.Memory(256)
_measuring = Lock()  # thirty who ask at once do not measure each other


def train_form() -> None:
    """The whole form, down to the button."""
    presets, asked = st.columns([3, 2], gap="large")
    with presets:
        base, recipe, source = _preset()
    with asked:
        config, sound = _data(base, source)
        config, sound = _turn(FIRST_KNOBS, config, source, sound)
        button = st.container()
    with st.expander(t("train.knobs"), icon=":material/tune:"):
        knobs = [knob for knob in KNOBS if knob.shown(config)]
        config, sound = _turn(knobs, config, source, sound)
    with button:
        _start_box(config, recipe, sound=sound)


def _start_box(config: RunConfig, recipe: str, *, sound: bool) -> None:
    device = ask_device()
    differs = differences(config, RECIPES[recipe].config)
    if differs:
        st.caption(t("train.differs", recipe=recipe, changes=plain(differs)))
    error = st.session_state.pop("train-error", None)
    if error:
        st.error(explain(error))
    st.button(
        t("train.start"),
        key="start",
        icon=":material/play_arrow:",
        disabled=not sound,
        on_click=_start,
        args=(config, recipe, differs, device, request()),
    )
    if sound:
        _needs(config, device)
    else:
        st.caption(t("train.unsound"))
    if cluster.address():
        _tell_cluster()
    going_on = [job for job in queue.listed() if not job.over]
    if going_on:
        places = sum(jobs.places().values())
        kind = "others" if places else "others-elsewhere"
        st.caption(t(f"train.{kind}", n=len(going_on), places=places))


def _tell_cluster() -> None:
    offer = cluster.read_offer(jobs.root())
    error = offer.explained()
    if error:
        st.warning(explain(error))
    else:
        st.caption(t("train.cluster", nodes=offer.nodes, places=offer.cpu, gpus=offer.cuda))


def ask_device() -> str:
    """Asks where to train, of what there is."""
    devices = {name: t(f"train.device-{name}") for name in ("auto", *jobs.devices())}
    picked: str = st.selectbox(
        t("train.device"), list(devices), format_func=devices.__getitem__, key="device"
    )
    return picked


def _preset() -> tuple[RunConfig, str, str]:
    """Returns the settings to begin with, the recipe that they come from, and a name for both."""
    like = state.chosen("like")
    twin = like and queue.find(like)
    if twin:
        st.info(t("train.like", run=plain(twin.id)))
        recipe = twin.card.recipe if twin.card.recipe in RECIPES else FIRST
        return twin.card.config, recipe, twin.id
    kinds = {kind: t(f"train.kind-{kind}") for kind in KINDS}
    asked = state.chosen("recipe")
    if asked in RECIPES and state.chosen("kind") is None:
        state.choose(kind=_kind(asked))
    kind = choose_one("kind", t("train.kind"), kinds, wrap=True)
    names = [name for name in RECIPES if _kind(name) == kind]
    first = FIRST if FIRST in names else names[0]
    recipe = state.choice("recipe", names, first)
    st.radio(
        t("train.recipe"),
        names,
        captions=[t(f"recipe.{name}") for name in names],
        **state.tied("recipe", recipe),
    )
    return RECIPES[recipe].config, recipe, recipe


def _kind(recipe: str) -> str:
    model = RECIPES[recipe].config.model
    return "conditional" if model.n_classes else model.family


def data_names() -> dict[str, str]:
    """The data sets that are here, by name."""
    return {name: t(f"train.data-{name}") for name in presence.present()}


def _data(config: RunConfig, source: str) -> tuple[RunConfig, bool]:
    """The data set: of those that are here, at first the recipe's own."""
    names = data_names()
    own = config.data.name if config.data.name in names else GALLERY
    name = st.selectbox(
        t("train.data"),
        list(names),
        index=list(names).index(own),
        format_func=names.__getitem__,
        key=f"data-{source}",
        help=t("train.data-help"),
    )
    if name == config.data.name:
        return config, True
    fitted = for_data(config, name)
    if fitted.data.size:
        side, colour = fitted.data.size, t(f"train.channels-{fitted.data.channels}")
        st.caption(t("train.fitted", side=side, colour=colour))
    return fitted, True


def _turn(
    knobs: tuple[Knob, ...] | list[Knob], config: RunConfig, source: str, sound: bool
) -> tuple[RunConfig, bool]:
    """Asks for settings, two beside each other; what is wrong with one stands beneath it."""
    columns = st.columns(2)
    for number, knob in enumerate(knobs):
        with columns[number % 2]:
            value = _ask(knob, knob.of(config), f"knob-{source}-{knob.name}")
            config, sound = _checked(config, sound, **{knob.path: value})
    return config, sound


def _ask(knob: Knob, value: Any, key: str) -> Any:
    label, about = t(f"knob.{knob.name}"), t(f"knob-about.{knob.name}")
    if knob.options:
        named = {option: t(f"knob-option.{option}") for option in knob.options}
        options = list(named)
        index = options.index(value)
        answer = st.selectbox(label, options, index, named.__getitem__, key=key)
    elif isinstance(value, float):
        answer = st.number_input(label, value=value, format="%g", key=key)
    else:
        answer = st.number_input(label, value=value, step=1, key=key)
    st.caption(about)
    return answer


def _checked(config: RunConfig, sound: bool, **change: object) -> tuple[RunConfig, bool]:
    try:
        return config.replace(**change), sound
    except ConfigError as error:
        st.error(explain(error))
        return config, False


def differences(config: RunConfig, source: RunConfig) -> str:
    """What was turned, in the settings' own words."""
    parts = []
    before, after = (_flat(c.model_dump(mode="json")) for c in (source, config))
    for name, value in after.items():
        if before.get(name) != value:
            parts.append(f"{name} {before.get(name)} → {value}")
    return ", ".join(parts)


def _flat(fields: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


# --- what it will need ------------------------------------------------------------------------


@st.fragment
def _needs(config: RunConfig, device: str) -> None:
    """Time and memory: from an earlier run of this machine, or measured on demand."""
    estimate = known_estimate(config, device)
    rough = estimate is None or estimate.source == "elsewhere"
    here = not cluster.address()  # what was measured here says nothing of a cluster's nodes
    if rough and here and st.button(t("train.measure"), icon=":material/timer:", key="measure"):
        with st.spinner(t("train.measuring")):
            try:
                estimate = measured_estimate(config, device)
            except PlaygroundError as error:
                st.warning(explain(error))
    if estimate is None:
        return
    time_, memory = st.columns(2)
    time_.metric(t("train.time"), duration(estimate.seconds))
    memory.metric(t("train.memory"), t("train.megabytes", n=round(estimate.memory / 2**20, -1)))
    st.caption(t(f"train.source-{estimate.source}", run=plain(estimate.run)))


def measured_estimate(config: RunConfig, device: str) -> Estimate:
    """Takes a few real steps in a process of their own, one measurement at a time.

    Raises:
        RunError: As `estimates.measure`.
    """

    def measure() -> Estimate:
        with _measuring:
            return estimates.measure(config, device=device, threads=jobs.threads_a_place())

    return _measured.get(_key(config, device), measure)


def known_estimate(config: RunConfig, device: str) -> Estimate | None:
    """What a training will need, from what was measured here or from an earlier run."""
    measured = _measured.peek(_key(config, device))
    if measured:
        return measured
    runs = [run for run in resources.runs() if not isinstance(run, BrokenRun)]
    return _from_runs(config, device, runs) or estimates.from_elsewhere(
        config, runs, device=jobs.kind_of_device(device)
    )


def _from_runs(config: RunConfig, device: str, known: list[Run]) -> Estimate | None:
    return estimates.from_runs(
        config,
        known,
        device=jobs.kind_of_device(device),
        threads=jobs.threads_a_place(),
        machine=versions()["machine"],
    )


def _key(config: RunConfig, device: str) -> tuple[str, str]:
    """What decides how long a training takes: neither beta nor the seed does."""
    return config.replace(objective__beta=1.0, train__seed=0).model_dump_json(), device


def duration(seconds: float) -> str:
    """A time that a person waits."""
    if seconds < 90:
        return t("train.seconds", n=max(round(seconds), 1))
    if seconds < 5400:
        return t("train.minutes", n=round(seconds / 60))
    return t("train.hours", n=seconds / 3600)


# --- the start --------------------------------------------------------------------------------


def request() -> str:
    """Names the wish of this form. Once it is sent and the form is shown anew, it is another."""
    if st.session_state.pop("request-sent", False):
        st.session_state.pop("request", None)
    name: str = st.session_state.setdefault("request", secrets.token_hex(16))
    return name


def send(ask: Callable[[], str]) -> str | None:
    """Puts a wish into the queue; returns its name there, or None: then the form says why."""
    try:
        name = ask()
    except PlaygroundError as error:
        st.session_state["train-error"] = error
        return None
    finally:
        queue.forget()
    st.session_state["request-sent"] = True
    return name


@turns.SCRIPTS.turn()
def _start(config: RunConfig, recipe: str, differs: str, device: str, asked: str) -> None:
    estimate = known_estimate(config, device)
    run_id = send(
        lambda: jobs.submit(
            config,
            owner=owner.secret(),
            request=asked,
            recipe=recipe,
            differs=differs or RECIPES[recipe].differs,
            device=device,
            seconds=estimate and estimate.seconds,
        )
    )
    if run_id:
        state.choose(run=run_id, like=None, family=None)
