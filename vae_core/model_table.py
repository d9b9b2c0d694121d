"""`docs/models.md`: the runs in one table, and the claims about them beside what was measured.

Everything comes from cards, where `evaluate --keep` has put it; nothing is computed here. A claim
that the runs at hand cannot decide is left out.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from vae_core.runs import Run
from vae_core.tables import markdown

FAMILIES = {"ae": "AE", "vae": "VAE", "vq": "VQ-VAE"}
NETWORKS = {"dense": "dense", "conv": "convolutional"}

INTRODUCTION = """\
# The runs that come with it

Written by `python -m vae_core models --out docs/models.md` from the runs' cards.

Each run was trained by the command in its card on the official training images without the 5,000
that are held out (the first 500 of each class), and measured once on the official test images, one
seeded z per image. `recon` is the Bernoulli cross-entropy whatever the training loss was, `total` =
`recon` + `KL`; both in nats per image, MSE per pixel. `kNN`: of the test images' codes, the share
whose class the 10 nearest held-out codes name. Times are of one shared machine. What another seed
changes, and what it does not, is in [seeds.md](seeds.md).
"""

CODES = """\
## What their codes are like, and what they draw

Codes of the 5,000 held-out images, in units of z: `centre` is the distance of their mean from 0,
`std` the least and the most of any unit, `farthest` the largest distance from 0, `KL to prior` that
of the Gaussian fitted to them from N(0, I), in nats, `posterior std` the mean over images and
units, `active` the units that cost 0.01 nats or more on average.

2,000 pictures are drawn: from the prior (VAE: N(0, I); VQ-VAE: the learned one), or, where there is
none (AE), evenly from the box that holds its codes. The classifier of what is drawn is 10 nearest
neighbours among the 5,000 real pictures, by their pixels: `like a real one` is the share with 9 of
10 neighbours of one class, `most` and `least` the shares of the commonest and the rarest class.
"""


@dataclass(frozen=True)
class Claim:
    """What the articles say, and what the runs, by id, answer; None where they do not."""

    text: str
    answer: Callable[[Mapping[str, Run]], str | None]


def page(runs: Iterable[Run]) -> str:
    """Returns the whole page, Markdown, for runs in the order of their ids."""
    known = {run.id: run for run in sorted(runs, key=lambda run: run.id)}
    lines = [INTRODUCTION, *_figures(known), "", *_surveys(known), *_claims(known)]
    return "\n".join(lines) + "\n"


def _figures(known: Mapping[str, Run]) -> list[str]:
    head = (
        "run | what it is | data | D | parameters | epochs | time | recon | KL | total | MSE | kNN"
    )
    rows = []
    for run in known.values():
        card, model = run.card, run.card.config.model
        test = card.metrics.get("test", {})
        told = ", conditional" if model.n_classes else ""
        kind = f"{FAMILIES[model.family]}, {NETWORKS[model.network.kind]}{told}"
        rows.append(
            [
                f"`{run.id}`",
                kind,
                card.config.data.name,
                str(model.latent_dim),
                f"{card.parameters:,}",
                str(card.epochs_done),
                f"{(card.seconds or 0) / 60:.0f} min",
                _number(test, "recon", 2),
                _number(test, "kl", 2),
                _number(test, "total", 2),
                _number(test, "mse", 4),
                _percent(_survey(run), "knn"),
            ]
        )
    return markdown(head.split(" | "), rows)


def _surveys(known: Mapping[str, Run]) -> list[str]:
    head = (
        "run | centre | std | farthest | KL to prior | posterior std | active | "
        "like a real one | most | least"
    )
    rows = []
    for run in known.values():
        found = _survey(run)
        if not found:
            continue
        std = f"{_number(found, 'std_least', 2)} to {_number(found, 'std_most', 2)}"
        rows.append(
            [
                f"`{run.id}`",
                _number(found, "centre", 2),
                std if "std_least" in found else "",
                _number(found, "radius", 1),
                _number(found, "prior_kl", 2),
                _number(found, "posterior_std", 3),
                _number(found, "active", 0),
                _percent(found, "like"),
                _percent(found, "class_most"),
                _percent(found, "class_least"),
            ]
        )
    return [CODES, *markdown(head.split(" | "), rows)] if rows else []


def _claims(known: Mapping[str, Run]) -> list[str]:
    answers = [(claim.text, claim.answer(known)) for claim in CLAIMS]
    rows = [[text, answer] for text, answer in answers if answer]
    if not rows:
        return []
    return ["", "## What the teaching articles claim", "", *markdown(["claim", "measured"], rows)]


def _survey(run: Run) -> Mapping[str, float]:
    return run.card.metrics.get("survey", {})


def _number(found: Mapping[str, float], name: str, digits: int) -> str:
    return f"{found[name]:,.{digits}f}" if name in found else ""


def _percent(found: Mapping[str, float], name: str) -> str:
    return f"{100 * found[name]:.1f} %" if name in found else ""


# --- the claims -------------------------------------------------------------------------------

TWINS = (("ae-shallow", "vae-shallow"), ("ae-conv", "vae-conv"))


def _twins(say: Callable[[str, Mapping[str, float]], str]) -> Callable[..., str | None]:
    """Answers for each autoencoder and its VAE twin that have been surveyed."""

    def answer(known: Mapping[str, Run]) -> str | None:
        parts = [
            f"{say(ae, _survey(known[ae]))}; {say(vae, _survey(known[vae]))}"
            for ae, vae in TWINS
            if all(name in known and _survey(known[name]) for name in (ae, vae))
        ]
        return ". ".join(parts) or None

    return answer


def _pair(
    first: str, second: str, say: Callable[[str, Run], str]
) -> Callable[[Mapping[str, Run]], str | None]:
    """Answers where two runs are there and have been measured."""

    def answer(known: Mapping[str, Run]) -> str | None:
        if not all(name in known and _survey(known[name]) for name in (first, second)):
            return None
        return "; ".join(say(name, known[name]) for name in (first, second))

    return answer


def _off_centre(name: str, found: Mapping[str, float]) -> str:
    return (
        f"`{name}`: centre {_number(found, 'centre', 2)} from 0, std "
        f"{_number(found, 'std_least', 2)} to {_number(found, 'std_most', 2)}, farthest "
        f"{_number(found, 'radius', 1)}, KL to prior {_number(found, 'prior_kl', 2)}"
    )


def _unequal(name: str, found: Mapping[str, float]) -> str:
    return f"`{name}`: {_percent(found, 'class_most')} and {_percent(found, 'class_least')}"


def _alike(name: str, found: Mapping[str, float]) -> str:
    return f"`{name}`: {_percent(found, 'like')}"


def _wrong_kl(name: str, run: Run) -> str:
    test = run.card.metrics.get("test", {})
    std = _number(_survey(run), "posterior_std", 3)
    return f"`{name}`: KL {_number(test, 'kl', 2)}, posterior std {std}, total {_total(run)}"


def _collapsed(name: str, run: Run) -> str:
    kl = _number(run.card.metrics.get("test", {}), "kl", 2)
    return f"`{name}`: KL {kl}, {_number(_survey(run), 'active', 0)} active units"


def _total(run: Run) -> str:
    return _number(run.card.metrics.get("test", {}), "total", 2)


CLAIMS = (
    Claim(
        "An autoencoder's codes are off centre and unbounded; a VAE's lie near N(0, I).",
        _twins(_off_centre),
    ),
    Claim(
        "An autoencoder's classes take very unequal areas (commonest and rarest class drawn).",
        _twins(_unequal),
    ),
    Claim(
        "An autoencoder has gaps: what is drawn at random is often like nothing (share like a real "
        "picture).",
        _twins(_alike),
    ),
    Claim(
        "In 128 dimensions samples of the prior look worse than in 2.",
        _pair("vae-keras-dense", "vae-dense-128d", lambda name, run: _alike(name, _survey(run))),
    ),
    Claim(
        "sigma² + mu² - log sigma - 1/2 is the KL: it is not, and draws sigma² to 1/2.",
        _pair("vae-shallow", "vae-shallow-missing-half", _wrong_kl),
    ),
    Claim(
        "Averaging BCE over pixels and KL over units weighs KL 392 times too heavily.",
        _pair("vae-keras-dense", "vae-keras-dense-averaged", _collapsed),
    ),
)
