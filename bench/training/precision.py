"""The arithmetic that recipes resolve to against plain fp32: how much faster, and the same loss.

Three trainings in turns: ours, the same in fp32, and fp32 with another seed, which shows how far
two trainings of one kind lie apart.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from bench.training.turns import take_turns
from vae_core.config import RunConfig
from vae_core.recipes import RECIPES

RECIPE = "vae-keras-dense"
SAME_LOSS_NATS = 0.5


def measure(arguments: argparse.Namespace, name: str) -> dict[str, Any]:
    """Returns all three sides' figures; met if ours is no worse than fp32 by half a nat."""
    recipe = RECIPES[RECIPE].config

    def side(precision: str, seed: int) -> tuple[str, Path, dict[str, Any]]:
        config: RunConfig = recipe.replace(
            train__epochs=arguments.epochs, train__precision=precision, train__seed=seed
        )
        return "ours.py", Path(sys.executable), {"config": config.to_json(), "luck": None}

    sides = take_turns(
        {
            "ours": side("auto", arguments.seed),
            "fp32": side("fp32", arguments.seed),
            "fp32, another seed": side("fp32", arguments.seed + 1),
        },
        epochs=arguments.epochs,
    )
    totals = {name: figures["test"]["total"] for name, figures in sides.items()}
    worse = totals["ours"] - totals["fp32"]
    return {
        "recipe": RECIPE,
        "epochs": arguments.epochs,
        **sides,
        "ratio": round(sides["fp32"]["median_s"] / sides["ours"]["median_s"], 3),
        "worse_nats": round(worse, 2),
        "seeds_apart_nats": round(abs(totals["fp32, another seed"] - totals["fp32"]), 2),
        "limit": SAME_LOSS_NATS,
        "met": worse <= SAME_LOSS_NATS,
    }
