"""One training epoch of `vae_core` against the way of PyTorch's own VAE example, same network.

The peer is written from the facts of github.com/pytorch/examples/vae: 784-400-(20, 20) and
20-400-784, ReLU; Adam 1e-3, batch 128; torchvision's MNIST with `ToTensor` on each image, in a
`DataLoader` with its defaults (on a CPU no worker process); summed binary cross-entropy + KL, whose
value is read after every batch. Both see the same 55,000 images with the same number of threads,
epoch by epoch in turns, and both are then measured on the test images, so that equal quality shows.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

TARGET = 3.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--epochs", type=_positive, default=5, help="epochs of each side (default: 5)"
    )
    parser.add_argument(
        "--precision",
        choices=("auto", "fp32", "bf16"),
        default="auto",
        help="arithmetic of our side (default: auto, as recipes have it)",
    )
    parser.add_argument("--seed", type=int, default=0)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    import torch

    from vae_core.data import load
    from vae_core.devices import keep_freed_memory, worker_threads

    torch.set_num_threads(worker_threads())
    keep_freed_memory()  # as a worker does; the peer, in the same process, gains from it too
    images, test = load("mnist", "train"), load("mnist", "test")
    held_out = load("mnist", "held-out")
    ours = _Ours(arguments, images, held_out)
    peer = _Peer(arguments, images)
    seconds: dict[str, list[float]] = {"ours": [], "peer": []}
    sides: list[tuple[str, Callable[[], None]]] = [("peer", peer.epoch), ("ours", ours.epoch)]
    for number in range(arguments.epochs):
        for name, epoch in sides:
            begin = time.perf_counter()
            epoch()
            seconds[name].append(time.perf_counter() - begin)
            print(
                f"epoch {number + 1}/{arguments.epochs}  {name}  {seconds[name][-1]:.2f} s",
                file=sys.stderr,
            )
        sides.reverse()  # neither side always follows the other
    x = torch.from_numpy(test.x).float() / 255
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    ratio = medians["peer"] / medians["ours"]
    return {
        "benchmark": "training",
        "images": len(images),
        "batch_size": 128,
        "network": "784-400-20-400-784",
        "epochs": arguments.epochs,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "ours": {
            "seconds": _rounded(seconds["ours"]),
            "median_s": round(medians["ours"], 3),
            "precision": ours.trainer.precision,
            "test": ours.test(x),
        },
        "peer": {
            "seconds": _rounded(seconds["peer"]),
            "median_s": round(medians["peer"], 3),
            "precision": "fp32",
            "test": peer.test(x),
        },
        "ratio": round(ratio, 3),
        "target": TARGET,
        "met": ratio >= TARGET,
    }


class _Ours:
    """The package's own training loop; its epochs include measuring the 5,000 held-out images."""

    def __init__(self, arguments: argparse.Namespace, images: Any, held_out: Any) -> None:
        import torch

        from vae_core.config import DenseConfig, ModelConfig, RunConfig, TrainConfig
        from vae_core.training import Trainer

        config = RunConfig(
            model=ModelConfig(
                family="vae",
                network=DenseConfig(encoder_widths=(400,), decoder_widths=(400,)),
                latent_dim=20,
            ),
            train=TrainConfig(
                epochs=arguments.epochs,
                batch_size=128,
                learning_rate=1e-3,
                schedule="constant",
                seed=arguments.seed,
                precision=arguments.precision,
            ),
        )
        self.seed = arguments.seed
        self.trainer = Trainer(config, images, held_out, device=torch.device("cpu"))
        self._events = self.trainer.epochs()

    def epoch(self) -> None:
        from vae_core.training import EpochEnd

        while not isinstance(next(self._events), EpochEnd):
            pass

    def test(self, x: Any) -> dict[str, float]:
        import torch

        labels = torch.zeros(len(x), dtype=torch.long)  # none of the models here is told them
        terms = self.trainer.evaluate(x, labels, seed=self.seed)
        return {
            "total": round(terms.total, 2),
            "recon": round(terms.recon, 2),
            "kl": round(terms.kl, 2),
        }


class _Peer:
    """The example's way, in our words: one image at a time through PIL and `ToTensor`."""

    def __init__(self, arguments: argparse.Namespace, images: Any) -> None:
        import torch
        from torch import nn

        from vae_core.data import data_folder
        from vae_core.torchvision_compat import torchvision

        vision = torchvision()
        dataset = vision.datasets.MNIST(
            str(data_folder()), train=True, transform=vision.transforms.ToTensor()
        )
        # the same 55,000 images as ours, without a wrapper that would slow the peer down
        dataset.data = torch.from_numpy(images.x[:, 0].copy())
        dataset.targets = torch.from_numpy(images.y.copy())
        self.seed = arguments.seed
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(arguments.seed)
            self.hidden = nn.Linear(784, 400)
            self.mu, self.logvar = nn.Linear(400, 20), nn.Linear(400, 20)
            self.back, self.pixels = nn.Linear(20, 400), nn.Linear(400, 784)
        layers = nn.ModuleList((self.hidden, self.mu, self.logvar, self.back, self.pixels))
        self.optimizer = torch.optim.Adam(layers.parameters(), lr=1e-3)
        self.loader = torch.utils.data.DataLoader(dataset, batch_size=128, shuffle=True)

    def terms(self, x: Any) -> tuple[Any, Any]:
        """Returns summed binary cross-entropy and summed KL, one z an image."""
        import torch
        from torch.nn import functional

        flat = x.view(-1, 784)
        hidden = functional.relu(self.hidden(flat))
        mu, logvar = self.mu(hidden), self.logvar(hidden)
        std = torch.exp(0.5 * logvar)
        z = mu + torch.randn_like(std) * std
        image = torch.sigmoid(self.pixels(functional.relu(self.back(z))))
        recon = functional.binary_cross_entropy(image, flat, reduction="sum")
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        return recon, kl

    def epoch(self) -> None:
        running = 0.0
        for x, _ in self.loader:
            self.optimizer.zero_grad()
            recon, kl = self.terms(x)
            loss = recon + kl
            loss.backward()
            running += loss.item()
            self.optimizer.step()

    def test(self, x: Any) -> dict[str, float]:
        import torch

        with torch.random.fork_rng(devices=[]), torch.inference_mode():
            torch.manual_seed(self.seed)
            sums = torch.tensor([self.terms(batch) for batch in x.split(1000)]).double().sum(0)
        recon, kl = (float(value) for value in sums / len(x))
        return {"total": round(recon + kl, 2), "recon": round(recon, 2), "kl": round(kl, 2)}


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1 is wanted")
    return value


def _rounded(values: list[float]) -> list[float]:
    return [round(value, 3) for value in values]
