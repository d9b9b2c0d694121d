"""Objectives as pure functions, in nats per image.

One reduction rule: sum over pixels and latent units, mean over the batch. Reweighting is only ever
a visible `beta`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from vae_core.distributions import DiagonalGaussian, Posterior
from vae_core.models import Output


@dataclass(frozen=True)
class LossTerms:
    """Scalars of one batch: `total` is what is minimized.

    It is `recon` + beta * `kl`, plus a VQ-VAE's commitment. At beta = 1 the ELBO is -total.
    """

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
    """Returns KL(q(z|x) || p(z)) per image and unit, (B, D), unreduced."""
    return posterior.kl()


def missing_half(posterior: Posterior) -> Tensor:
    """Returns mu² + sigma² - log sigma - 1/2 per image and unit, (B, D).

    A teaching article's formula for the KL, wrong: the halves of mu² and sigma² are missing. At
    mu = 0 it is least at sigma² = 1/2, where it is 0.35 nats, so posteriors come out too narrow.
    A posterior that is no Gaussian has its own divergence.
    """
    if not isinstance(posterior, DiagonalGaussian):
        return posterior.kl()
    mu, logvar = posterior.mu, posterior.logvar
    return mu.square() + logvar.exp() - 0.5 * logvar - 0.5


KL_FORMS: Mapping[str, Callable[[Posterior], Tensor]] = {
    "gaussian": gaussian_kl,
    "missing-half": missing_half,
}


def negative_elbo(
    output: Output,
    x: Tensor,
    *,
    likelihood: str,
    beta: float | Tensor,
    kl_form: str = "gaussian",
    free_bits: float = 0.0,
    commitment_weight: float = 0.0,
) -> LossTerms:
    """Returns the terms of -ELBO (Kingma & Welling 2014, eq. 3; beta: Higgins et al. 2017).

    Args:
        output: The model's answer to x.
        x: Images in [0, 1], (B, C, H, W).
        likelihood: A key of `LIKELIHOODS`.
        beta: Weight of the KL term.
        kl_form: A key of `KL_FORMS`; whatever is minimized, `kl` is the true one.
        free_bits: Nats per unit that cost nothing: a unit's mean KL counts as at least so much
            (Kingma et al. 2016, arXiv:1606.04934, eq. 15, with groups of one unit).
        commitment_weight: Weight of the commitment term, where there is one.
    """
    recon = LIKELIHOODS[likelihood](output.logits, x).mean()
    kl = gaussian_kl(output.posterior).mean(0)  # (D,)
    minimized = kl if kl_form == "gaussian" else KL_FORMS[kl_form](output.posterior).mean(0)
    if free_bits:
        minimized = minimized.clamp(min=free_bits)
    total = recon + beta * minimized.sum()
    if output.commitment is not None:
        total = total + commitment_weight * output.commitment.mean()
    return LossTerms(total=total, recon=recon, kl=kl.sum())
