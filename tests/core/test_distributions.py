"""The posterior agrees with torch.distributions, and its noise is explicit and differentiable."""

import math

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from vae_core.distributions import DiagonalGaussian, PointMass


def gaussian(seed: int = 0, batch: int = 7, latent_dim: int = 5) -> DiagonalGaussian:
    noise = torch.Generator().manual_seed(seed)
    mu = 3 * torch.randn(batch, latent_dim, generator=noise)
    return DiagonalGaussian(mu, 2 * torch.randn(batch, latent_dim, generator=noise))


def test_kl_is_that_of_torch_distributions() -> None:
    q = gaussian()
    wanted = kl_divergence(Normal(q.mu, q.std), Normal(0.0, 1.0))
    torch.testing.assert_close(q.kl(), wanted)
    assert q.kl().shape == (7, 5)
    whole = kl_divergence(
        Independent(Normal(q.mu, q.std), 1),
        Independent(Normal(torch.zeros(7, 5), torch.ones(7, 5)), 1),
    )
    torch.testing.assert_close(q.kl().sum(1), whole)


@pytest.mark.parametrize(
    ("mu", "variance", "kl"),
    [
        (0.0, 1.0, 0.0),
        (2.0, 1.0, 2.0),
        (0.0, math.e**2, 0.5 * (math.e**2 - 3)),
        (0.0, 0.5, 0.5 * (0.5 - 1 + math.log(2))),
    ],
)
def test_kl_by_hand(mu: float, variance: float, kl: float) -> None:
    q = DiagonalGaussian(torch.tensor([[mu]]), torch.tensor([[math.log(variance)]]))
    assert q.kl().item() == pytest.approx(kl, abs=1e-6)


def test_kl_is_least_and_zero_at_the_prior_alone() -> None:
    logvar = torch.linspace(-3, 3, 61)[:, None]  # index 30 is 0
    kl = DiagonalGaussian(torch.zeros_like(logvar), logvar).kl()
    assert kl.argmin().item() == 30
    assert (kl >= -1e-6).all()
    assert kl[30].item() == pytest.approx(0, abs=1e-6)


def test_std_squared_is_the_exponential_of_logvar() -> None:
    q = gaussian()
    torch.testing.assert_close(q.std.square(), q.logvar.exp())


def test_the_mode_is_mu() -> None:
    q = gaussian()
    assert torch.equal(q.mode(), q.mu)


def test_the_same_seed_draws_the_same_and_global_randomness_has_no_say() -> None:
    q = gaussian()
    draws = []
    for other in (1, 2):
        torch.manual_seed(other)
        draws.append(q.sample(torch.Generator().manual_seed(9)))
    assert torch.equal(*draws)
    assert not torch.equal(draws[0], q.sample(torch.Generator().manual_seed(10)))
    torch.manual_seed(3)
    undisturbed = torch.rand(1)
    torch.manual_seed(3)
    q.sample(torch.Generator().manual_seed(9))
    assert torch.equal(torch.rand(1), undisturbed)


def test_a_sample_is_mu_plus_sigma_eps_and_lets_gradients_through() -> None:
    q = gaussian()
    q.mu.requires_grad_()
    q.logvar.requires_grad_()
    z = q.sample(torch.Generator().manual_seed(4))
    eps = torch.randn(7, 5, generator=torch.Generator().manual_seed(4))
    torch.testing.assert_close(z, q.mu + q.std * eps)
    z.sum().backward()
    torch.testing.assert_close(q.mu.grad, torch.ones(7, 5))  # dz/dmu = 1
    torch.testing.assert_close(q.logvar.grad, (0.5 * q.std * eps).detach())  # dz/dlogvar


def test_many_samples_have_the_posteriors_mean_and_spread() -> None:
    n = 40_000
    q = DiagonalGaussian(torch.full((n, 1), 1.5), torch.full((n, 1), math.log(0.25)))
    z = q.sample(torch.Generator().manual_seed(0))
    assert z.mean().item() == pytest.approx(1.5, abs=5 * 0.5 / math.sqrt(n))
    assert z.std().item() == pytest.approx(0.5, rel=0.02)


def test_a_point_has_no_noise_and_no_divergence() -> None:
    z = torch.randn(3, 2)
    q = PointMass(z)
    assert torch.equal(q.sample(torch.Generator()), z)
    assert torch.equal(q.mode(), z)
    assert torch.equal(q.kl(), torch.zeros(3, 2))
