"""A training while other processes keep half of the cores busy: it slows down, and does not stop.

Every product makes threads wait for each other. Ours soon sleep, which leaves their core to the one
that they wait for (see `vae_core`); beside them stands the same training with threads that spin as
long as GNU's OpenMP lets them by itself.
"""

import argparse
import contextlib
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.stage import say
from bench.training.turns import Side
from vae_core.devices import worker_threads
from vae_core.recipes import RECIPES

RECIPE, IMAGES = "vae-keras-dense", 5000
LIMIT = 10.0  # times as long as alone
SPINS = "300000"  # what GNU's OpenMP takes where nobody says anything


def measure(arguments: argparse.Namespace, name: str) -> dict[str, Any]:
    """Returns how many times as long an epoch takes as alone, for ours and for spinning threads."""
    epochs = 2 * arguments.epochs
    config = RECIPES[RECIPE].config.replace(
        train__epochs=epochs, train__seed=arguments.seed, data__limit=IMAGES
    )
    settings = {"config": config.to_json(), "epochs": epochs, "luck": None}
    settings["threads"] = worker_threads()
    sides = {"ours": {}, "spinning": {"GOMP_SPINCOUNT": SPINS}}
    figures: dict[str, dict[str, Any]] = {}
    for side, variables in sides.items():
        process = Side("ours.py", settings, Path(sys.executable), variables)
        try:
            for _ in range(arguments.epochs):
                process.epoch()
            with busy(max(worker_threads() // 2, 1)):
                for _ in range(arguments.epochs):
                    process.epoch()
        finally:
            process.stop()
        alone, beside = process.seconds[: arguments.epochs], process.seconds[arguments.epochs :]
        figures[side] = {
            "alone_s": round(statistics.median(alone), 3),
            "beside_s": round(statistics.median(beside), 3),
            "ratio": round(statistics.median(beside) / statistics.median(alone), 2),
        }
        say(f"{side}: {figures[side]}")
    return {
        "recipe": RECIPE,
        "images": IMAGES,
        "epochs": arguments.epochs,
        **figures,
        "limit": LIMIT,
        "met": figures["ours"]["ratio"] <= LIMIT,
    }


@contextlib.contextmanager
def busy(n: int) -> Iterator[None]:
    """Keeps n cores busy."""
    with contextlib.ExitStack() as stack:
        for _ in range(n):
            # a session of its own has a share of its own, as a browser beside a worker has
            command = [sys.executable, "-c", "while True: pass"]
            process = subprocess.Popen(command, start_new_session=True)
            stack.callback(process.wait)
            stack.callback(process.kill)
        yield
