"""Our loop against peers': same images, network, batch, optimizer and epochs, each its own way."""

import argparse
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.training.turns import environment, take_turns
from vae_core.config import ConvConfig, DenseConfig, ModelConfig, RunConfig, TrainConfig
from vae_core.data import Images, load

SAME_LOSS_NATS = 0.5


@dataclass(frozen=True)
class Peer:
    """A peer's script and packages, the network and batch that both sides train, the limit."""

    script: str
    requirements: tuple[str, ...]
    network: str
    model: ModelConfig
    batch_size: int
    learning_rate: float
    limit: float
    same_luck: bool = False  # whether both sides have the same start, order and noise


def peers() -> dict[str, Peer]:
    import torch

    def dense(width: int, latent_dim: int) -> ModelConfig:
        network = DenseConfig(encoder_widths=(width,), decoder_widths=(width,))
        return ModelConfig(family="vae", network=network, latent_dim=latent_dim)

    return {
        "example": Peer(
            script="example.py",
            requirements=(),
            network="784-400-20-400-784",
            model=dense(400, 20),
            batch_size=128,
            learning_rate=1e-3,
            limit=4.0,
        ),
        "pythae": Peer(
            script="pythae_trainer.py",
            requirements=("pythae==0.1.2", f"torch=={torch.__version__.split('+')[0]}"),
            network="784-512-10-512-784",
            model=dense(512, 10),
            batch_size=64,  # its default
            learning_rate=1e-3,
            limit=2.5,
        ),
        "keras": Peer(
            script="keras_fit.py",
            requirements=("keras==3.15.1", "tensorflow-cpu==2.21.0"),
            network="conv 32-64, dense 16, D = 2, dense 7x7x64, transposed conv 64-32-1",
            model=ModelConfig(
                family="vae",
                network=ConvConfig(
                    encoder_channels=(32, 64),
                    encoder_strides=(2, 2),
                    bottleneck_widths=(16,),
                    decoder_bottleneck_widths=(),
                    decoder_channels=(64, 32),
                    decoder_strides=(2, 2),
                    activation="relu",
                    batch_norm=False,
                ),
            ),
            batch_size=128,
            learning_rate=1e-3,
            limit=1.0,
            same_luck=True,
        ),
    }


def measure(arguments: argparse.Namespace, name: str) -> dict[str, Any]:
    """Returns both sides' figures, and how many times our epochs a second are the peer's."""
    peer = peers()[name]
    config = RunConfig(
        model=peer.model,
        train=TrainConfig(
            epochs=arguments.epochs,
            batch_size=peer.batch_size,
            learning_rate=peer.learning_rate,
            schedule="constant",
            seed=arguments.seed,
        ),
    )
    settings = {
        "seed": arguments.seed,
        "batch_size": peer.batch_size,
        "learning_rate": peer.learning_rate,
        "latent_dim": peer.model.latent_dim,
    }
    python = environment(arguments.peers, name, peer.requirements)
    with tempfile.TemporaryDirectory() as folder:
        luck = _luck(config, load("mnist", "train"), Path(folder)) if peer.same_luck else None
        own = {"config": config.to_json(), "luck": luck}
        sides = take_turns(
            {
                "peer": (peer.script, python, {**settings, "luck": luck}),
                "ours": ("ours.py", Path(sys.executable), own),
            },
            epochs=arguments.epochs,
        )
    # the machine's speed drifts over a run, and hardly between two epochs that follow each other
    pairs = zip(sides["peer"]["seconds"], sides["ours"]["seconds"], strict=True)
    ratio = statistics.median(peer_s / own_s for peer_s, own_s in pairs)
    worse = sides["ours"]["test"]["total"] - sides["peer"]["test"]["total"]
    return {
        "network": peer.network,
        "batch_size": peer.batch_size,
        "epochs": arguments.epochs,
        **sides,
        "ratio": round(ratio, 3),
        "limit": peer.limit,
        "worse_nats": round(worse, 2),
        "met": ratio >= peer.limit and worse <= SAME_LOSS_NATS,
    }


def _luck(config: RunConfig, images: Images, folder: Path) -> str:
    """Writes all that is drawn in a training, in numpy's terms; returns where.

    These are the weights to begin with, by our names for them, and for each epoch the images'
    order, (N,), and the noise of their codes in that order, (N, D). In five epochs a small network
    with two units comes out five nats higher or lower with other draws, twenty if it finds no use
    for one of the units: more than any difference between two sides. The weights are those that
    Keras' layers begin with (Glorot & Bengio 2010), but for the codes, which have mean 0 and
    variance 1 over images from the beginning (Salimans & Kingma 2016, arXiv:1602.07868, section 3).
    """
    import torch
    from torch import nn

    from vae_core.models import build
    from vae_core.training import stream_seed

    train = config.train
    torch.manual_seed(train.seed)
    network = build(config.model, seed=train.seed)
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
    heads = [module for module in network.encoder.modules() if isinstance(module, nn.Linear)][-1]
    units = config.model.latent_dim
    with torch.no_grad():
        x = torch.from_numpy(images.x[:1000]).float() / 255
        std, mean = torch.std_mean(network.encode(x).mode(), dim=0)
        heads.weight[:units] /= std[:, None]
        heads.bias[:units] = -mean / std
    drawn = {name: p.numpy(force=True) for name, p in network.named_parameters()}
    for epoch in range(1, train.epochs + 1):
        seeds = (stream_seed(train.seed, epoch, purpose) for purpose in ("order", "noise"))
        shuffler, noise = (torch.Generator().manual_seed(seed) for seed in seeds)
        order = torch.randperm(len(images.x), generator=shuffler)
        eps = [
            torch.randn(len(rows), units, generator=noise) for rows in order.split(train.batch_size)
        ]
        drawn |= {f"order.{epoch}": order.numpy(), f"eps.{epoch}": torch.cat(eps).numpy()}
    path = folder / "luck.npz"
    np.savez(path, **drawn)
    return str(path)
