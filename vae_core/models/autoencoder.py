"""The two families: the autoencoder, and the VAE, which changes two things only.

A VAE's encoder gives a distribution per image, and its loss adds KL to N(0, I) (see `losses`).
Networks return logits; `decode` returns images in [0, 1].
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from vae_core.config import ConvConfig, ModelConfig
from vae_core.distributions import DiagonalGaussian, PointMass, Posterior
from vae_core.models.conv import ConvDecoder, ConvEncoder
from vae_core.models.dense import DenseDecoder, DenseEncoder

# exp(±20) is far outside any useful variance, and far inside what float32 can hold
LOGVAR_LIMIT = 20.0


@dataclass(frozen=True)
class Output:
    """A model's answer: decoder logits (B, C, H, W), q(z|x), and the z decoded, (B, D)."""

    logits: Tensor
    posterior: Posterior
    z: Tensor


class Autoencoder(nn.Module):
    """Encoder x -> z, decoder z -> x (Hinton & Salakhutdinov 2006)."""

    code_parts = 1  # vectors of length D that the encoder puts out per image

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        shape = (config.channels, config.image_size, config.image_size)
        network, out = config.network, self.code_parts * config.latent_dim
        self.encoder: nn.Module
        self.decoder: nn.Module
        if isinstance(network, ConvConfig):
            self.encoder = ConvEncoder(network, shape, out)
            self.decoder = ConvDecoder(network, shape, config.latent_dim)
        else:
            self.encoder = DenseEncoder(network, shape, out)
            self.decoder = DenseDecoder(network, shape, config.latent_dim)

    def encode(self, x: Tensor) -> Posterior:
        """Returns q(z|x) for images x in [0, 1], (B, C, H, W)."""
        return PointMass(self.encoder(x))

    def decode_logits(self, z: Tensor) -> Tensor:
        """Returns logits, (B, C, H, W), for codes z, (B, D)."""
        return self.decoder(z)  # type: ignore[no-any-return]

    def decode(self, z: Tensor) -> Tensor:
        """Returns images in [0, 1], (B, C, H, W), for codes z, (B, D)."""
        return self.decode_logits(z).sigmoid()

    def forward(self, x: Tensor, generator: Generator) -> Output:
        """Encodes, draws one z per image, decodes."""
        posterior = self.encode(x)
        z = posterior.sample(generator)
        return Output(self.decode_logits(z), posterior, z)


class VariationalAutoencoder(Autoencoder):
    """Auto-encoding variational Bayes (Kingma & Welling 2014, arXiv:1312.6114)."""

    code_parts = 2

    def encode(self, x: Tensor) -> DiagonalGaussian:
        """Returns the diagonal Gaussian q(z|x) for images x in [0, 1], (B, C, H, W)."""
        # posteriors are float32 even under autocast: exp(logvar) in bf16 loses the KL
        mu, logvar = self.encoder(x).float().chunk(2, dim=1)
        return DiagonalGaussian(mu, logvar.clamp(-LOGVAR_LIMIT, LOGVAR_LIMIT))


FAMILIES: Mapping[str, type[Autoencoder]] = {"ae": Autoencoder, "vae": VariationalAutoencoder}


def build(config: ModelConfig, *, seed: int = 0) -> Autoencoder:
    """Returns a model with weights drawn from `seed`; global randomness is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return FAMILIES[config.family](config)


def decoder_module(model: Autoencoder) -> nn.Module:
    """Returns z (B, D) -> images in [0, 1], (B, C, H, W), as one module, for exporters."""
    return nn.Sequential(model.decoder, nn.Sigmoid())


def parameter_count(module: nn.Module) -> int:
    """Returns the number of trainable numbers."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
