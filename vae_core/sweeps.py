"""Families of runs: a recipe trained with every combination of a few lists, and what came of them.

A run's folder is named after what varies, so that the same sweep started again goes on where it
stopped. A series is what one list of betas makes, found among all runs by what their cards say,
whoever trained them. Each run is trained by the worker, as any other.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from vae_core import runs, worker
from vae_core.config import RunConfig
from vae_core.errors import InputError, RunError
from vae_core.recipes import Recipe
from vae_core.runs import Run
from vae_core.training import Event

MAX_RUNS = 64
# what a sweep may vary -> the setting, and its letter in a folder's name
VARIED: Mapping[str, tuple[str, str]] = {
    "beta": ("objective__beta", "b"),
    "latent_dim": ("model__latent_dim", "d"),
    "seed": ("train__seed", "s"),
}


@dataclass(frozen=True)
class Planned:
    """A run of a sweep: its folder, its settings, and what of them varies."""

    path: Path
    config: RunConfig
    varied: Mapping[str, float]


@dataclass(frozen=True)
class Series:
    """Finished runs that differ in beta alone, by rising beta."""

    runs: tuple[Run, ...]

    @property
    def betas(self) -> tuple[float, ...]:
        """Their weights of the KL term."""
        return tuple(run.card.config.objective.beta for run in self.runs)

    @property
    def name(self) -> str:
        """What they have in common, for a person who chooses: recipe and seed."""
        card = self.runs[0].card
        model, train = card.config.model, card.config.train
        return f"{card.recipe}, D = {model.latent_dim}, seed {train.seed}"

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


def plan(
    recipe: Recipe, config: RunConfig, folder: Path, lists: Mapping[str, Sequence[float]]
) -> tuple[Planned, ...]:
    """Returns the runs of a sweep, the last list varying fastest.

    Args:
        recipe: Where the settings come from.
        config: The settings that all runs share.
        folder: A folder of runs.
        lists: Values for keys of `VARIED`; an empty list is left out.

    Raises:
        InputError: There are too many runs.
        ConfigError: A value is out of range.
        RunError: A folder cannot be named so.
    """
    lists = {name: tuple(dict.fromkeys(lists[name])) for name in VARIED if lists.get(name)}
    combinations = list(product(*lists.values()))
    if len(combinations) > MAX_RUNS:
        raise InputError("sweep-large", value=len(combinations), limit=MAX_RUNS)
    planned = []
    for values in combinations:
        varied = dict(zip(lists, values, strict=True))
        marks = (f"-{VARIED[name][1]}{value:g}" for name, value in varied.items())
        name = runs.check_run_id(recipe.name + "".join(marks))
        changes = {VARIED[name][0]: value for name, value in varied.items()}
        planned.append(Planned(folder / name, config.replace(**changes), varied))
    return tuple(planned)


def train(
    planned: Planned,
    recipe: Recipe,
    *,
    device: str = "auto",
    threads: int | None = None,
    command: str = "",
    keep_all: bool = False,
    download: bool = False,
) -> Iterator[Event]:
    """Trains what is left of one run of a sweep: all, the rest, or nothing.

    Only the last moment's codes and pictures are kept, unless `keep_all`.

    Raises:
        RunError: The folder holds another run, or as `worker.train_run`.
        PlaygroundError: As `worker.create_run` and `worker.train_run`.
    """
    path = planned.path
    if (path / runs.CARD).is_file():
        card = runs.read_card(path)
        if card.config != planned.config or card.recipe != recipe.name:
            raise RunError("sweep-other", path=path.name)
        if card.finished:
            return
    else:
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
        )
    yield from worker.train_run(path, download=download)


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


def find_series(found: Iterable[Run], *, least: int = 3) -> tuple[Series, ...]:
    """Returns the series of at least so many betas among runs, the longest first.

    Runs belong together where recipe, data, seed and all other settings are the same. Where two
    have the same beta, the first counts.
    """
    groups: dict[str, dict[float, Run]] = {}
    for run in found:
        card = run.card
        if not card.finished or card.config.model.family != "vae":
            continue
        beta = card.config.objective.beta
        alike = card.config.replace(objective__beta=1.0).to_json()
        key = json.dumps([card.recipe, card.data.get("train"), alike], sort_keys=True)
        groups.setdefault(key, {}).setdefault(beta, run)
    series = [
        Series(tuple(by_beta[beta] for beta in sorted(by_beta)))
        for by_beta in groups.values()
        if len(by_beta) >= least
    ]
    return tuple(sorted(series, key=lambda one: -len(one.runs)))
