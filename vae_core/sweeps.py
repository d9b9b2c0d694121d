"""Families of runs: recipes trained with every combination of a few lists, and what came of them.

A run's folder is named after what varies, so that the same sweep started again goes on where it
stopped. A series is what one list makes, found among all runs by what their cards say, whoever
trained them. Each run is trained by the worker, as any other.
"""

import json
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from vae_core import jobs, runs, worker
from vae_core.config import RunConfig
from vae_core.errors import InputError, RunError
from vae_core.recipes import Recipe
from vae_core.runs import Run
from vae_core.training import Event

MAX_RUNS = 64
LIST_CHARACTERS = 1000  # of a list that a person writes
Value = float | str
LOOK_S = 0.5  # between two looks at runs that others train
# what a sweep may vary -> the setting, and its letter in a folder's name
VARIED: Mapping[str, tuple[str, str]] = {
    "beta": ("objective__beta", "b"),
    "latent_dim": ("model__latent_dim", "d"),
    "seed": ("train__seed", "s"),
}
WHOLE = ("latent_dim", "seed")
AXES = (*VARIED, "recipe")  # what the runs of a series may differ in


@dataclass(frozen=True)
class Member:
    """A run of a sweep: its recipe, its settings, and what of them varies."""

    recipe: Recipe
    config: RunConfig
    varied: Mapping[str, float]

    @property
    def name(self) -> str:
        """The recipe's name with a mark for each value that varies."""
        marks = (
            # a seed of eight digits whole: "g" rounds
            f"-{VARIED[name][1]}{int(value) if name in WHOLE else format(value, 'g')}"
            for name, value in self.varied.items()
        )
        return self.recipe.name + "".join(marks)


@dataclass(frozen=True)
class Planned:
    """A run of a sweep at a terminal: its folder beside what `Member` has."""

    path: Path
    recipe: Recipe
    config: RunConfig
    varied: Mapping[str, float]


@dataclass(frozen=True)
class Series:
    """Finished runs that differ in one thing alone: `axis`, one of `AXES`; its values rise."""

    runs: tuple[Run, ...]
    axis: str = "beta"

    @property
    def values(self) -> tuple[Value, ...]:
        """What each run has of the thing that they differ in."""
        return tuple(value_of(run.card, self.axis) for run in self.runs)

    @property
    def split(self) -> str:
        """On which images all of them were measured: "test", or else "held-out"."""
        tested = all("recon" in run.card.metrics.get("test", {}) for run in self.runs)
        return "test" if tested else "held-out"

    @property
    def n(self) -> int:
        """How many images these are."""
        card = self.runs[0].card
        if self.split == "test":
            return int(card.metrics["test"].get("n", 0))
        return int(card.data.get("n_held_out", 0))

    @property
    def terms(self) -> tuple[dict[str, float], ...]:
        """What each costs on them: "recon", "kl" and "total", nats per image; NaN if unknown."""
        found = [run.card.metrics.get(self.split, {}) for run in self.runs]
        terms = [(one.get("recon", math.nan), one.get("kl", math.nan)) for one in found]
        return tuple({"recon": recon, "kl": kl, "total": recon + kl} for recon, kl in terms)


def read_list(name: str, text: str, label: str = "") -> list[float]:
    """Returns the values that a person has written for a key of `VARIED`, each once, in order.

    Args:
        name: The key.
        text: Numbers with commas or spaces between them.
        label: What the field is called where it stands, for the error.

    Raises:
        InputError: It is no such list.
    """
    what = f"{label or name} = {text[:80]}"
    if len(text) > LIST_CHARACTERS:
        raise InputError(
            "sweep-list-long", what=label or name, value=len(text), limit=LIST_CHARACTERS
        )
    try:
        found = [float(part) for part in text.replace(",", " , ").split() if part != ","]
    except ValueError:
        found = []
    parts = [part.strip() for part in text.split(",")]
    if not found or "" in parts or not all(map(math.isfinite, found)):
        raise InputError("input-unreadable", what=what, reason="numbers with commas are wanted")
    if name in WHOLE:
        if any(number != int(number) for number in found):
            reason = "whole numbers with commas are wanted"
            raise InputError("input-unreadable", what=what, reason=reason)
        return list(dict.fromkeys(int(number) for number in found))
    return list(dict.fromkeys(found))


def members(
    bases: Sequence[tuple[Recipe, RunConfig]], lists: Mapping[str, Sequence[float]]
) -> tuple[Member, ...]:
    """Returns the runs of a sweep: each recipe with every combination, the last list fastest.

    Args:
        bases: Recipes, and for each the settings that its runs share.
        lists: Values for keys of `VARIED`; an empty list is left out.

    Raises:
        InputError: There are too many runs, or a list means nothing to a recipe.
        ConfigError: A value is out of range.
    """
    lists = {name: tuple(dict.fromkeys(lists[name])) for name in VARIED if lists.get(name)}
    n = len(bases) * math.prod(map(len, lists.values()))
    if n > MAX_RUNS:
        raise InputError("sweep-large", value=n, limit=MAX_RUNS)
    found = []
    for recipe, config in bases:
        if "beta" in lists and config.model.family != "vae":
            raise InputError("sweep-beta", name=recipe.name)
        for values in product(*lists.values()):
            varied = dict(zip(lists, values, strict=True))
            changes = {VARIED[name][0]: value for name, value in varied.items()}
            found.append(Member(recipe, config.replace(**changes), varied))
    return tuple(found)


def plan(
    bases: Sequence[tuple[Recipe, RunConfig]], folder: Path, lists: Mapping[str, Sequence[float]]
) -> tuple[Planned, ...]:
    """Returns the runs of a sweep with the folders that they have at a terminal.

    Raises:
        InputError: As `members`.
        ConfigError: As `members`.
        RunError: A folder cannot be named so.
    """
    return tuple(
        Planned(folder / runs.check_run_id(one.name), one.recipe, one.config, one.varied)
        for one in members(bases, lists)
    )


def train(
    planned: Planned,
    *,
    device: str = "auto",
    threads: int | None = None,
    command: str = "",
    keep_all: bool = False,
    download: bool = False,
) -> Iterator[Event]:
    """Trains what is left of one run of a sweep: all, the rest, or nothing.

    Raises:
        RunError: As `prepare`, or as `worker.train_run`.
        PlaygroundError: As `worker.create_run` and `worker.train_run`.
    """
    if prepare(planned, device=device, threads=threads, command=command, keep_all=keep_all):
        yield from worker.train_run(planned.path, download=download)


def prepare(
    planned: Planned,
    *,
    device: str = "auto",
    threads: int | None = None,
    command: str = "",
    keep_all: bool = False,
    elsewhere: bool = False,
) -> bool:
    """Makes the folder of a run of a sweep where there is none; returns whether work is left.

    Only the last moment's codes and pictures are kept, unless `keep_all`.

    Raises:
        RunError: The folder holds another run.
        PlaygroundError: As `worker.create_run`.
    """
    path, recipe = planned.path, planned.recipe
    if (path / runs.CARD).is_file():
        card = runs.read_card(path)
        if card.config != planned.config or card.recipe != recipe.name:
            raise RunError("sweep-other", path=path.name)
        return not card.finished
    worker.create_run(
        path,
        planned.config,
        recipe=recipe.name,
        differs=recipe.differs,
        name=path.name,
        device=device,
        threads=threads,
        command=command,
        keeps="all" if keep_all else "last",
        elsewhere=elsewhere,
    )
    return True


def train_on_cluster(
    planned: Sequence[Planned],
    *,
    device: str = "auto",
    threads: int | None = None,
    command: str = "",
    keep_all: bool = False,
) -> Iterator[Planned]:
    """Puts what is left of a sweep into the queue; yields each run when it has finished.

    A supervisor has to be at work. What has been started goes on when nobody waits for it.

    Raises:
        RunError: A folder holds another run, or one was paused or stopped, or has failed.
        PlaygroundError: As `jobs.resume` and `jobs.kind_of_device`.
    """
    kind, threads = jobs.kind_of_device(device), threads or jobs.threads_a_place()
    to_ask: list[Planned] = []
    asked: list[Planned] = []
    for one in planned:
        left = prepare(
            one,
            device=kind,
            threads=threads,
            command=command,
            keep_all=keep_all,
            elsewhere=True,
        )
        if left:
            to_ask.append(one)
        else:
            yield one
    while to_ask or asked:
        try:
            while to_ask:
                jobs.resume(to_ask[0].path)
                asked.append(to_ask.pop(0))
        except RunError as error:
            if not error.key.startswith("queue-full"):  # there is room again when some have ended
                raise
        for one in list(asked):
            job = jobs.job(one.path)
            if job.status == "finished":
                asked.remove(one)
                yield one
            elif job.over:
                done = {"done": job.card.epochs_done, "epochs": job.epochs}
                raise job.explained() or RunError(f"run-{job.status}", path=job.id, **done)
        time.sleep(LOOK_S)


def find_repeats(found: Iterable[Run], *, least: int = 3) -> tuple[tuple[Run, ...], ...]:
    """Returns the groups of at least so many runs that differ in their seed alone, by rising seed.

    Where two have the same seed, the first counts.
    """
    groups: dict[str, dict[int, Run]] = {}
    for run in found:
        card = run.card
        if not card.finished:
            continue
        alike = card.config.replace(train__seed=0).to_json()
        key = json.dumps([card.recipe, card.data.get("train"), alike], sort_keys=True)
        groups.setdefault(key, {}).setdefault(card.config.train.seed, run)
    return tuple(
        tuple(by_seed[seed] for seed in sorted(by_seed))
        for by_seed in groups.values()
        if len(by_seed) >= least
    )


def value_of(card: runs.Card, axis: str) -> Value:
    """Returns what a run has of one of `AXES`."""
    if axis == "recipe":
        return card.recipe
    place, _, leaf = VARIED[axis][0].partition("__")
    value: float = getattr(getattr(card.config, place), leaf)
    return value


def axes_of(cards: Sequence[runs.Card]) -> tuple[str, ...]:
    """Returns in which of `AXES` runs differ."""
    return tuple(axis for axis in AXES if len({value_of(card, axis) for card in cards}) > 1)


def find_series(found: Iterable[Run], *, axis: str = "beta", least: int = 3) -> tuple[Series, ...]:
    """Returns the series along one of `AXES` of at least so many runs, the longest first.

    Runs belong together where recipe, data, seed and all other settings are the same; along
    "recipe" those with the same data, seed, code and objective. Where two have the same value, the
    first counts.
    """
    groups: dict[str, dict[Value, Run]] = {}
    for run in found:
        key = _alike(run.card, axis)
        if key:
            groups.setdefault(key, {}).setdefault(value_of(run.card, axis), run)
    series = [
        Series(tuple(by_value[value] for value in sorted(by_value, key=_order)), axis)
        for by_value in groups.values()
        if len(by_value) >= least
    ]
    return tuple(sorted(series, key=lambda one: -len(one.runs)))


def _order(value: Value) -> tuple[str, float]:
    return (value, 0.0) if isinstance(value, str) else ("", value)


def _alike(card: runs.Card, axis: str) -> str:
    """Returns what runs of one series share, as text; "" for a run that belongs to none."""
    config = card.config
    families = ("vae",) if axis == "beta" else ("vae", "ae")
    if not card.finished or config.model.family not in families:
        return ""
    data = card.data.get("train")
    if axis == "recipe":
        model, objective = config.model, config.objective
        shared = [data, config.train.seed, model.latent_dim, model.n_classes, model.family]
        return json.dumps([*shared, objective.model_dump(mode="json")], sort_keys=True)
    alike = config.replace(**{VARIED[axis][0]: 1}).to_json()
    return json.dumps([card.recipe, data, alike], sort_keys=True)
