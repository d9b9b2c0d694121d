"""What a shipped dense 2-D recipe reaches on the test set in a given time, on all cores.

A training for each rung: the recipe as it is but for its number of epochs, so that its learning
rate has fallen when the time is up. Time counts the whole training, with its measuring of the
held-out images after each epoch; not the loading of the data, nor the one look at the test set at
the end.
"""

import argparse
import time
from dataclasses import dataclass
from typing import Any

from bench.stage import say
from vae_core.recipes import RECIPES

RECIPE = "vae-narrow-fast"


@dataclass(frozen=True)
class Rung:
    """At most so many nats on the test set, in at most so many seconds, by so many epochs."""

    nats: float
    limit_s: float
    epochs: int


RUNGS = (Rung(150.0, 12.0, 3), Rung(140.0, 40.0, 9), Rung(133.0, 180.0, 46))


def measure(arguments: argparse.Namespace, name: str) -> dict[str, Any]:
    """Returns for each rung the test loss and the time that it took."""
    import torch

    from vae_core.data import load
    from vae_core.devices import prepare_training, worker_threads
    from vae_core.training import Trainer

    prepare_training(worker_threads())
    images, held_out, test = (load("mnist", split) for split in ("train", "held-out", "test"))
    x, y = torch.from_numpy(test.x).float() / 255, torch.from_numpy(test.y)
    rungs = []
    for rung in RUNGS:
        config = RECIPES[RECIPE].config.replace(
            train__epochs=rung.epochs, train__seed=arguments.seed
        )
        trainer = Trainer(config, images, held_out, device=torch.device("cpu"))
        begin = time.perf_counter()
        for _ in trainer.epochs():
            pass
        seconds = time.perf_counter() - begin
        total = trainer.evaluate(x, y, seed=arguments.seed).total
        say(f"{rung.epochs} epochs  {seconds:.1f} s  test {total:.2f} nats")
        rungs.append(
            {
                "epochs": rung.epochs,
                "test": round(total, 2),
                "nats": rung.nats,
                "seconds": round(seconds, 2),
                "limit": rung.limit_s,
                "met": total <= rung.nats and seconds <= rung.limit_s,
            }
        )
    return {
        "recipe": RECIPE,
        "precision": trainer.precision,
        "threads": torch.get_num_threads(),
        "rungs": rungs,
        "met": all(rung["met"] for rung in rungs),
    }
