"""Training on a CUDA device, where there is one: thirty epochs, and throughput by batch."""

import argparse
import time
from typing import Any

from bench.stage import say
from vae_core.recipes import RECIPES

RECIPE = "vae-narrow-fast"
EPOCHS, LIMIT_S = 30, 5.0
BATCHES = (64, 128, 256, 512, 1024, 2048, 4096)


def measure(arguments: argparse.Namespace, name: str) -> dict[str, Any]:
    """Returns the seconds of thirty epochs, and images a second for each batch size."""
    import torch

    if not torch.cuda.is_available():
        return {"skipped": "this machine has no CUDA device"}
    seconds, recorded = _train(EPOCHS, None, arguments.seed)
    say(f"{EPOCHS} epochs in {seconds:.2f} s")
    curve = []
    for batch in BATCHES:
        took, _ = _train(3, batch, arguments.seed)
        curve.append({"batch_size": batch, "images_per_s": round(3 * 55_000 / took)})
        say(f"batch {batch}: {curve[-1]['images_per_s']} images a second")
    return {
        "recipe": RECIPE,
        "device": torch.cuda.get_device_name(),
        "epochs": EPOCHS,
        "recorded": recorded,
        "seconds": round(seconds, 3),
        "limit": LIMIT_S,
        "throughput": curve,
        "met": seconds <= LIMIT_S,
    }


def _train(epochs: int, batch_size: int | None, seed: int) -> tuple[float, bool]:
    """Returns the seconds of these epochs, and whether their steps were replayed."""
    import torch

    from vae_core.data import load
    from vae_core.training import Trainer

    config = RECIPES[RECIPE].config.replace(train__epochs=epochs, train__seed=seed)
    if batch_size:
        config = config.replace(train__batch_size=batch_size)
    device = torch.device("cuda")
    trainer = Trainer(config, load("mnist", "train"), load("mnist", "held-out"), device=device)
    torch.cuda.synchronize()
    begin = time.perf_counter()
    for _ in trainer.epochs():
        pass
    torch.cuda.synchronize()
    return time.perf_counter() - begin, trainer.replays
