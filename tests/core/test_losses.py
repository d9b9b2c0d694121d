"""Objectives agree with torch.distributions and keep one reduction rule."""

import math

import pytest
import torch
from torch.distributions import Bernoulli, Normal

from vae_core.distributions import DiagonalGaussian, PointMass
from vae_core.losses import (
    KL_FORMS,
    LIKELIHOODS,
    bernoulli_nll,
    gaussian_kl,
    gaussian_nll,
    missing_half,
    negative_elbo,
)
from vae_core.models import Output

NOISE = 11


def batch(b: int = 4, channels: int = 1, side: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    noise = torch.Generator().manual_seed(NOISE)
    shape = (b, channels, side, side)
    return 3 * torch.randn(shape, generator=noise), torch.rand(shape, generator=noise)


def test_bernoulli_nll_of_black_and_white_pixels_is_that_of_torch_distributions() -> None:
    logits, x = batch()
    x = x.round()
    wanted = -Bernoulli(logits=logits).log_prob(x).flatten(1).sum(1)
    torch.testing.assert_close(bernoulli_nll(logits, x), wanted)


def test_bernoulli_nll_of_grey_pixels_is_the_expected_one() -> None:
    logits, x = batch()
    p = Bernoulli(logits=logits)
    wanted = -(x * p.log_prob(torch.ones_like(x)) + (1 - x) * p.log_prob(torch.zeros_like(x)))
    torch.testing.assert_close(bernoulli_nll(logits, x), wanted.flatten(1).sum(1))


def test_bernoulli_nll_survives_logits_that_probabilities_would_not() -> None:
    logits = torch.tensor([1000.0, -1000.0, 1000.0]).view(1, 1, 1, 3)
    x = torch.tensor([1.0, 0.0, 0.0]).view(1, 1, 1, 3)
    assert bernoulli_nll(logits, x).item() == 1000.0


def test_gaussian_nll_is_that_of_torch_distributions_but_for_its_constant() -> None:
    logits, x = batch()
    p = Normal(logits.sigmoid(), math.sqrt(0.5))
    constant = 36 * 0.5 * math.log(math.pi)  # 36 pixels of log sqrt(2 pi / 2)
    wanted = -p.log_prob(x).flatten(1).sum(1) - constant
    torch.testing.assert_close(gaussian_nll(logits, x), wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("nll", LIKELIHOODS.values(), ids=LIKELIHOODS)
def test_pixels_are_summed_and_images_kept_apart(nll) -> None:
    logits, x = batch(5, 3)
    together = nll(logits, x)
    assert together.shape == (5,)
    torch.testing.assert_close(
        together, torch.cat([nll(logits[i : i + 1], x[i : i + 1]) for i in range(5)])
    )
    doubled = nll(torch.cat([logits, logits], dim=3), torch.cat([x, x], dim=3))
    torch.testing.assert_close(doubled, 2 * together)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_the_objective_is_a_mean_over_images_of_sums(likelihood: str, beta: float) -> None:
    logits, x = batch()
    q = DiagonalGaussian(torch.randn(4, 3), torch.randn(4, 3))
    terms = negative_elbo(Output(logits, q, q.mu), x, likelihood=likelihood, beta=beta)
    recon = LIKELIHOODS[likelihood](logits, x)
    kl = gaussian_kl(q)
    assert kl.shape == (4, 3)
    torch.testing.assert_close(terms.recon, recon.sum() / 4)
    torch.testing.assert_close(terms.kl, kl.sum() / 4)
    torch.testing.assert_close(terms.total, terms.recon + beta * terms.kl)


def test_the_formula_that_lost_its_halves_by_hand() -> None:
    sigma = torch.linspace(0.2, 2.0, 1801, dtype=torch.float64)[:, None]
    found = missing_half(DiagonalGaussian(torch.zeros_like(sigma), 2 * sigma.log())).flatten()
    assert sigma[found.argmin()].item() ** 2 == pytest.approx(0.5, abs=2e-3)
    assert found.min().item() == pytest.approx(0.5 * math.log(2), abs=1e-5)


def test_whatever_is_minimized_the_kl_that_is_told_is_the_true_one() -> None:
    logits, x = batch()
    q = DiagonalGaussian(torch.randn(4, 3), torch.randn(4, 3))
    found = [
        negative_elbo(Output(logits, q, q.mu), x, likelihood="bernoulli", beta=1.0, kl_form=form)
        for form in KL_FORMS
    ]
    assert len({terms.kl.item() for terms in found}) == 1
    assert len({terms.total.item() for terms in found}) == len(KL_FORMS)


def test_a_unit_pays_for_its_free_bits_whether_it_uses_them_or_not() -> None:
    logits, x = batch(2)
    mu = torch.tensor([[0.0, 2.0], [0.0, 2.0]])  # a KL of 0 and of 2 nats
    output = Output(logits, DiagonalGaussian(mu, torch.zeros(2, 2)), mu)
    terms = negative_elbo(output, x, likelihood="bernoulli", beta=1.0, free_bits=0.5)
    assert terms.total.item() == pytest.approx(terms.recon.item() + 0.5 + 2.0, rel=1e-5)
    assert terms.kl.item() == pytest.approx(2.0)


def test_commitment_is_paid_by_its_weight() -> None:
    logits, x = batch(2)
    z = torch.zeros(2, 2)
    output = Output(logits, PointMass(z), z, commitment=torch.tensor([2.0, 4.0]))
    terms = negative_elbo(output, x, likelihood="bernoulli", beta=1.0, commitment_weight=0.25)
    assert terms.total.item() == pytest.approx(terms.recon.item() + 0.25 * 3.0, rel=1e-5)


def test_the_reparameterized_gradient_is_that_of_the_score_function_in_expectation() -> None:
    # d/dmu and d/dlogvar of E[z^2 + z], z ~ N(mu, sigma^2), the second by log-derivatives
    # (Williams 1992): by hand 2 mu + 1 and sigma^2
    mu, logvar = torch.full((400_000, 1), 0.3), torch.full((400_000, 1), -0.5)
    q = DiagonalGaussian(mu.requires_grad_(), logvar.requires_grad_())
    z = q.sample(torch.Generator().manual_seed(0))
    (z.square() + z).sum().backward()
    pathwise = [t.grad.mean().item() for t in (mu, logvar)]
    with torch.no_grad():
        value = z.square() + z
        eps = (z - mu) / q.std
        score = [(value * part).mean().item() for part in (eps / q.std, 0.5 * (eps.square() - 1))]
    assert pathwise == pytest.approx([2 * 0.3 + 1, math.exp(-0.5)], rel=0.01)
    assert score == pytest.approx(pathwise, rel=0.03)


def test_an_autoencoder_pays_for_reconstruction_alone() -> None:
    logits, x = batch()
    z = torch.randn(4, 2)
    terms = negative_elbo(Output(logits, PointMass(z), z), x, likelihood="bernoulli", beta=1.0)
    assert terms.kl.item() == 0.0
    assert terms.total.item() == terms.recon.item()


def test_one_pixel_and_one_unit_by_hand() -> None:
    # p = 1/2: the cross-entropy is log 2; mu = 1, sigma = 1: the KL is 1/2
    output = Output(
        torch.zeros(1, 1, 1, 1),
        DiagonalGaussian(torch.ones(1, 1), torch.zeros(1, 1)),
        torch.ones(1, 1),
    )
    terms = negative_elbo(output, torch.full((1, 1, 1, 1), 0.3), likelihood="bernoulli", beta=2.0)
    assert terms.total.item() == pytest.approx(math.log(2) + 2 * 0.5)


def test_a_negative_elbo_bounds_the_evidence_of_a_model_that_can_be_integrated() -> None:
    # one pixel, p(x=1|z) = sigmoid(z), z ~ N(0, 1): log p(x) by a fine sum over z
    z = torch.linspace(-9, 9, 20_001, dtype=torch.float64)
    prior = Normal(torch.tensor(0.0, dtype=torch.float64), 1.0)
    density = prior.log_prob(z).exp() * torch.sigmoid(z)
    evidence = math.log(torch.trapezoid(density, z).item())
    assert evidence == pytest.approx(math.log(0.5))
    for mu, sigma in ((0.0, 1.0), (0.4, 0.9), (1.0, 0.5)):
        draws = mu + sigma * torch.randn(200_000, generator=torch.Generator().manual_seed(0))
        recon = bernoulli_nll(draws.view(-1, 1, 1, 1), torch.ones(200_000, 1, 1, 1)).mean()
        q = DiagonalGaussian(torch.tensor([[mu]]), torch.tensor([[2 * math.log(sigma)]]))
        assert (recon + q.kl().sum()).item() >= -evidence
