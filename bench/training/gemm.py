"""A dense network's training against bare matrix products: how much of the processor is used.

Products of the network's own shapes (forward, and both gradients) and one large square, in the
arithmetic that the training resolves to; both are timed in turns with epochs, and the faster of the
two is what counts.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

from bench.stage import say
from vae_core.config import DenseConfig, ModelConfig, RunConfig, TrainConfig

LIMIT = 0.6
ENCODER, DECODER, LATENT_DIM, BATCH = (784, 512, 512), (512, 512, 784), 2, 256
SQUARE = 2048
PROBE_S = 0.7


def measure(arguments: argparse.Namespace, name: str) -> dict[str, Any]:
    """Returns the training's FLOP/s as a share of the processor's, medians over epochs."""
    import torch

    from vae_core.data import load
    from vae_core.devices import prepare_training, worker_threads
    from vae_core.training import EpochEnd, Trainer

    prepare_training(worker_threads())
    network = DenseConfig(encoder_widths=ENCODER[1:], decoder_widths=DECODER[:-1])
    config = RunConfig(
        model=ModelConfig(family="vae", network=network, latent_dim=LATENT_DIM),
        train=TrainConfig(epochs=arguments.epochs, batch_size=BATCH, seed=arguments.seed),
    )
    held_out = load("mnist", "held-out")
    # a few held-out images: measuring all 5,000 is no part of the training
    few = replace(held_out, x=held_out.x[:100], y=held_out.y[:100])
    trainer = Trainer(config, load("mnist", "train"), few, device=torch.device("cpu"))
    dtype = torch.bfloat16 if trainer.precision == "bf16" else torch.float32
    widths = [*pairwise(ENCODER), (ENCODER[-1], 2 * LATENT_DIM)]
    widths += [(LATENT_DIM, DECODER[0]), *pairwise(DECODER)]
    work = 2 * trainer.n_images * sum(3 * a * b for a, b in widths)
    work -= 2 * trainer.n_images * ENCODER[0] * ENCODER[1]  # images need no gradient
    rates: dict[str, list[float]] = {"training": [], "shapes": [], "square": []}
    for event in trainer.epochs():
        if not isinstance(event, EpochEnd):
            continue
        rates["training"].append(work / event.seconds / 1e9)
        rates["shapes"].append(_rate(_products(widths, dtype)))
        rates["square"].append(_rate(_products([(SQUARE, SQUARE)], dtype, rows=SQUARE)))
        say("  ".join(f"{key} {values[-1]:.0f} GFLOP/s" for key, values in rates.items()))
    medians = {key: statistics.median(values) for key, values in rates.items()}
    shares = {key: medians["training"] / medians[key] for key in ("shapes", "square")}
    share = min(shares.values())
    return {
        "network": "784-512-512-2-512-512-784",
        "batch_size": BATCH,
        "precision": trainer.precision,
        "gflops": {key: round(value, 1) for key, value in medians.items()},
        "share_of": {key: round(value, 3) for key, value in shares.items()},
        "share": round(share, 3),
        "limit": LIMIT,
        "met": share >= LIMIT,
    }


def _products(
    widths: list[tuple[int, int]], dtype: Any, rows: int = BATCH
) -> list[tuple[float, Callable[[], Any]]]:
    """Returns FLOPs and product for each layer's forward pass and two gradients."""
    import torch

    products: list[tuple[float, Callable[[], Any]]] = []
    for fan_in, fan_out in widths:
        x = torch.randn(rows, fan_in, dtype=dtype)
        weight, gradient = torch.randn(fan_out, fan_in, dtype=dtype), x.new_ones(rows, fan_out)
        pairs = ((x, weight.T), (gradient, weight), (gradient.T, x))
        products += [(2.0 * rows * fan_in * fan_out, lambda a=a, b=b: a @ b) for a, b in pairs]
    return products


def _rate(products: list[tuple[float, Callable[[], Any]]]) -> float:
    """Returns GFLOP/s over as many rounds as fit the time, the first left out."""
    work, begin = 0.0, 0.0
    while begin == 0.0 or time.perf_counter() - begin < PROBE_S:
        for flops, product in products:
            product()
            work += flops
        if begin == 0.0:
            work, begin = 0.0, time.perf_counter()
    return work / (time.perf_counter() - begin) / 1e9
