"""`docs/seeds.md`: what changes when nothing but the seed does.

Figures come from cards, where `evaluate --keep` has put them; how far two maps differ is worked out
from the codes that runs kept at their end. Trained and written by `python -m vae_core seeds`.
"""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations

from vae_core import latent, moments
from vae_core.runs import Run
from vae_core.tables import markdown

INTRODUCTION = """\
# The same recipe, another seed

Written by `{command}`, which trains what is missing (into `runs/`, or `LATENT_RUNS`), measures it,
and takes the shipped runs for their own seed. All else is equal: recipe, data, settings. `total` is
recon + KL on the official test images, in nats per image; codes are those of the 5,000 held-out
images, as in `models.md`.
"""

SPREAD = """\
## What stays, and what does not

Mean and standard deviation (n - 1) over the seeds. `layout` compares the maps pair by pair, once
both are centred, brought to one size, and one is turned or mirrored onto the other: 0 is the same
map, 1 has nothing in common (mean over the pairs).
"""


# what is told of each run: the column, its place in the card, its digits
FIGURES: tuple[tuple[str, str, str, int], ...] = (
    ("total", "test", "total", 2),
    ("KL", "test", "kl", 2),
    ("centre", "survey", "centre", 2),
    ("std, least", "survey", "std_least", 2),
    ("std, most", "survey", "std_most", 2),
    ("farthest", "survey", "radius", 1),
    ("KL to prior", "survey", "prior_kl", 2),
)


def page(groups: Iterable[Sequence[Run]], *, command: str) -> str:
    """Returns the page, Markdown, for groups of runs that differ in their seed alone."""
    by_recipe = sorted(groups, key=lambda group: group[0].card.recipe)
    names = [name for name, *_ in FIGURES]
    each = [
        [f"`{run.card.recipe}`", str(run.card.config.train.seed), *_figures(run, _shown)]
        for group in by_recipe
        for run in group
    ]
    spread = [
        [
            f"`{group[0].card.recipe}`",
            str(len(group)),
            *(_spread(group, part, name, digits) for _, part, name, digits in FIGURES),
            f"{layout(group):.2f}",
        ]
        for group in by_recipe
    ]
    lines = [
        INTRODUCTION.format(command=command),
        *markdown(["recipe", "seed", *names], each),
        "",
        SPREAD,
        *markdown(["recipe", "seeds", *names, "layout"], spread),
    ]
    return "\n".join(lines) + "\n"


def layout(group: Sequence[Run]) -> float:
    """Returns how much the maps of runs differ, 0 to 1: the mean over their pairs.

    Raises:
        RunError: A run has kept no codes, or its files are damaged.
    """
    maps = [moments.codes(run, moments.moments(run)[-1:])[0] for run in group]
    return statistics.mean(latent.disparity(a, b) for a, b in combinations(maps, 2))


def _figures(run: Run, say: Callable[[Mapping[str, float], str, int], str]) -> list[str]:
    metrics = run.card.metrics
    return [say(metrics.get(part, {}), name, digits) for _, part, name, digits in FIGURES]


def _shown(found: Mapping[str, float], name: str, digits: int) -> str:
    return f"{found[name]:.{digits}f}" if name in found else ""


def _spread(group: Sequence[Run], part: str, name: str, digits: int) -> str:
    values = [run.card.metrics.get(part, {}).get(name) for run in group]
    known = [value for value in values if value is not None]
    if len(known) < len(group) or len(known) < 2:
        return ""
    return f"{statistics.mean(known):.{digits}f} ± {statistics.stdev(known):.{digits}f}"
