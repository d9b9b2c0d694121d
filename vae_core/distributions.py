"""The posteriors q(z|x) that encoders return.

A posterior is an object: `sample` takes its randomness as an argument, `mode` is its most likely
code, `kl` its divergence from the prior, N(0, I) where the code is continuous. An autoencoder's
posterior is a point, a VQ-VAE's a map of indices.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor


class Posterior(Protocol):
    """What encoders return, for one batch: codes of shape (B, D)."""

    def mode(self) -> Tensor:
        """Returns the most likely code, (B, D)."""

    def sample(self, generator: Generator) -> Tensor:
        """Returns one draw, (B, D); the same generator state gives the same draw."""

    def kl(self) -> Tensor:
        """Returns KL(q(z|x) || p(z)) per unit, (B, D), in nats."""


@dataclass(frozen=True)
class DiagonalGaussian:
    """N(mu, diag(exp(logvar))), with `mu` and `logvar` of shape (B, D).

    The network predicts log sigma², since a variance must be positive.
    """

    mu: Tensor
    logvar: Tensor

    @property
    def std(self) -> Tensor:
        """The standard deviation sigma, (B, D)."""
        return torch.exp(0.5 * self.logvar)

    def mode(self) -> Tensor:
        """Returns mu, (B, D)."""
        return self.mu

    def sample(self, generator: Generator) -> Tensor:
        """Returns z = mu + sigma * eps, eps ~ N(0, I): differentiable in mu and logvar.

        The reparameterization of Kingma & Welling 2014 (arXiv:1312.6114), section 2.4.
        """
        eps = torch.randn(
            self.mu.shape, generator=generator, device=self.mu.device, dtype=self.mu.dtype
        )
        return self.mu + self.std * eps

    def kl(self) -> Tensor:
        """Returns the KL per unit, (B, D), in nats.

        Closed form of Kingma & Welling 2014, appendix B:
        0.5 * (mu² + sigma² - 1 - log sigma²), which is 0 exactly at the prior.
        """
        return 0.5 * (self.mu.square() + self.logvar.exp() - 1.0 - self.logvar)


@dataclass(frozen=True)
class PointMass:
    """An autoencoder's posterior: all of its mass on the code z, (B, D)."""

    z: Tensor

    def mode(self) -> Tensor:
        """Returns z."""
        return self.z

    def sample(self, generator: Generator) -> Tensor:
        """Returns z; there is nothing to draw."""
        return self.z

    def kl(self) -> Tensor:
        """Returns zeros, (B, D): an autoencoder pays nothing for where its codes lie."""
        return torch.zeros_like(self.z)


@dataclass(frozen=True)
class Quantized:
    """A VQ-VAE's posterior: all of its mass on one map of codebook vectors.

    Attributes:
        z_q: The vectors, flattened, (B, D * h * w).
        z_e: What the encoder said before the nearest were taken, (B, h, w, D).
        indices: Which vectors they are, (B, h, w).
        log_prior: log p of each index given those before it, (B, h * w).
    """

    z_q: Tensor
    z_e: Tensor
    indices: Tensor
    log_prior: Tensor

    def mode(self) -> Tensor:
        """Returns z_q."""
        return self.z_q

    def sample(self, generator: Generator) -> Tensor:
        """Returns z_q; there is nothing to draw."""
        return self.z_q

    def kl(self) -> Tensor:
        """Returns -log p per place of the map, (B, h * w), in nats.

        A point mass on one of countably many codes has the divergence -log p(code) from the prior:
        what it costs to name the code (van den Oord et al. 2017, section 3.2, where the prior is
        uniform and this is the constant log K).
        """
        return -self.log_prior
