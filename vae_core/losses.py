"""Objectives as pure functions, in nats per image.

One reduction rule: sum over pixels and latent units, mean over the batch. Reweighting is only ever
a visible `beta`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from vae_core.distributions import Posterior
from vae_core.models import Output


@dataclass(frozen=True)
class LossTerms:
    """Scalars of one batch: `total` = `recon` + beta * `kl`. At beta = 1 the ELBO is -total."""

    total: Tensor
    recon: Tensor
    kl: Tensor


def bernoulli_nll(logits: Tensor, x: Tensor) -> Tensor:
    """Returns -log p(x|z) per image, (B,), for pixels that are Bernoulli with these logits.

    Grey values in [0, 1] count as probabilities (binary cross-entropy). It works on logits
    because out-of-range probabilities abort a CUDA process.
    """
    # float32, whatever autocast chose for the layers: a sum over pixels is too long for bf16
    pixels = F.binary_cross_entropy_with_logits(logits.float(), x, reduction="none")
    return pixels.flatten(1).sum(1)


def gaussian_nll(logits: Tensor, x: Tensor) -> Tensor:
    """Returns the summed squared error per image, (B,).

    It is -log p(x|z) of a Gaussian with variance 1/2 around the decoded image, up to a constant.
    """
    return (logits.float().sigmoid() - x).square().flatten(1).sum(1)


LIKELIHOODS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "bernoulli": bernoulli_nll,
    "gaussian": gaussian_nll,
}


def gaussian_kl(posterior: Posterior) -> Tensor:
    """Returns KL(q(z|x) || N(0, I)) per image and unit, (B, D), unreduced."""
    return posterior.kl()


def negative_elbo(output: Output, x: Tensor, *, likelihood: str, beta: float) -> LossTerms:
    """Returns the terms of -ELBO (Kingma & Welling 2014, eq. 3; beta: Higgins et al. 2017).

    Args:
        output: The model's answer to x.
        x: Images in [0, 1], (B, C, H, W).
        likelihood: A key of `LIKELIHOODS`.
        beta: Weight of the KL term.
    """
    recon = LIKELIHOODS[likelihood](output.logits, x).mean()
    kl = gaussian_kl(output.posterior).sum(1).mean()
    return LossTerms(total=recon + beta * kl, recon=recon, kl=kl)
