"""Models: an encoder, a decoder and the posterior between them.

`build(config)` is the one way to make one. Networks live in `dense` and `conv`, the families in
`autoencoder` and `vq`, one idea a file.
"""

from collections.abc import Mapping

import torch

from vae_core.config import ModelConfig
from vae_core.models.autoencoder import (
    Autoencoder,
    DecodedImages,
    EncodedImages,
    Labelled,
    Output,
    VariationalAutoencoder,
    parameter_count,
)
from vae_core.models.vq import VQVAE

FAMILIES: Mapping[str, type[Autoencoder]] = {
    "ae": Autoencoder,
    "vae": VariationalAutoencoder,
    "vq": VQVAE,
}


def build(config: ModelConfig, *, seed: int = 0) -> Autoencoder:
    """Returns a model with weights drawn from `seed`; global randomness is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return FAMILIES[config.family](config)


__all__ = [
    "FAMILIES",
    "VQVAE",
    "Autoencoder",
    "DecodedImages",
    "EncodedImages",
    "Labelled",
    "Output",
    "VariationalAutoencoder",
    "build",
    "parameter_count",
]
