"""How fast training is, against peers and the processor, and what a training's time buys.

Peers train in processes and environments of their own, an epoch each in turns with ours, so that
whatever else the machine does meets all alike. Each figure stands beside its limit.
"""

import argparse
import importlib
import os
import tempfile
from pathlib import Path
from typing import Any

from bench.stage import say

PARTS = {
    "example": "the way of PyTorch's own VAE example",
    "pythae": "Pythae's trainer on its default dense network",
    "keras": "Keras' fit on its convolutional example",
    "gemm": "the rate of bare matrix products",
    "precision": "plain fp32: the same loss",
    "busy": "a training while others keep half of the cores busy",
    "ladder": "the loss that a 2-D recipe reaches in a given time",
    "cuda": "a CUDA device: epochs a second, and throughput against the batch",
}

# against Keras, even with the same luck, one side may lie nats behind after five, and later before
EPOCHS = dict.fromkeys(PARTS, 5) | {"keras": 12}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--part", action="append", choices=PARTS, help="measure this part only (may be repeated)"
    )
    parser.add_argument(
        "--epochs", type=_positive, help="epochs of each side (default: 5; against Keras 12)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--peers",
        type=Path,
        default=Path(tempfile.gettempdir(), "latent-playground-peers"),
        help="folder of the peers' own environments, made when missing (default: %(default)s)",
    )


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    import torch

    parts: dict[str, dict[str, Any]] = {}
    for name in arguments.part or PARTS:
        say(f"-- {name}: {PARTS[name]}")
        module = "peers" if name in ("example", "pythae", "keras") else name
        part = importlib.import_module(f"bench.training.{module}")
        epochs = arguments.epochs or EPOCHS[name]
        own = argparse.Namespace(**{**vars(arguments), "epochs": epochs})
        parts[name] = part.measure(own, name)
    return {
        "benchmark": "training",
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "parts": parts,
        # what cannot be measured here says why, and counts neither way
        "met": all(part["met"] for part in parts.values() if "skipped" not in part),
    }


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1 is wanted")
    return value
