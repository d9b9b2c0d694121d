"""The VQ-VAE's parts: nearest words, straight-through gradients, revival, a causal prior."""

import math

import pytest
import torch

from tests.core.networks import NETWORKS
from vae_core.config import ModelConfig
from vae_core.models import VQVAE, build
from vae_core.models.code_prior import CodePrior
from vae_core.models.vq import Codebook


def noise(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def model() -> VQVAE:
    config = ModelConfig(family="vq", network=NETWORKS["conv-map"], latent_dim=4, codebook_size=8)
    found = build(config)
    assert isinstance(found, VQVAE)
    return found


def test_each_answer_gets_the_nearest_word() -> None:
    codebook = Codebook(16, 5)
    z_e = torch.randn(40, 5, generator=noise())
    nearest = torch.cdist(z_e, codebook.vectors).argmin(1)
    assert torch.equal(codebook.indices(z_e), nearest)


def test_the_first_batch_fills_the_codebook_with_answers() -> None:
    codebook = Codebook(16, 5)
    z_e = torch.randn(400, 5, generator=noise())
    codebook.vectors[1:] += 1e3
    codebook.learn(z_e, codebook.indices(z_e), noise(1))
    assert torch.allclose(codebook.vectors[0], z_e.mean(0), atol=1e-4)
    for vector in codebook.vectors[1:]:
        assert (z_e == vector).all(1).any()


def test_a_word_that_nothing_uses_comes_back_among_the_answers() -> None:
    codebook = Codebook(4, 2)
    z_e = torch.rand(256, 2, generator=noise())
    for step in range(3):
        codebook.learn(z_e, codebook.indices(z_e), noise(step))
    codebook.vectors[2] = 1e3
    codebook.counts[2] = 0.0
    codebook.learn(z_e, codebook.indices(z_e), noise(9))
    assert codebook.vectors[2].max() <= 1.0


def test_words_settle_on_the_mean_of_what_they_stand_for() -> None:
    codebook = Codebook(2, 1)
    z_e = torch.cat((torch.full((50, 1), -3.0), torch.full((50, 1), 5.0)))
    z_e = z_e + 0.1 * torch.randn(z_e.shape, generator=noise())
    for step in range(2000):
        codebook.learn(z_e, codebook.indices(z_e), noise(step))
    wanted = torch.stack((z_e[:50].mean(), z_e[50:].mean()))
    torch.testing.assert_close(codebook.vectors.flatten().sort().values, wanted, atol=0.02, rtol=0)


def test_the_gradient_passes_straight_through(model: VQVAE) -> None:
    x = torch.rand(3, 1, 28, 28, generator=noise())
    posterior = model.encode(x)
    z_e = posterior.z_e
    z_e.retain_grad()
    weights = torch.randn(posterior.z_q.shape, generator=noise(3))
    (posterior.z_q * weights).sum().backward()
    wanted = weights.reshape(3, 4, model.side, model.side).permute(0, 2, 3, 1)
    torch.testing.assert_close(z_e.grad, wanted)


def test_what_is_decoded_is_spelled_by_the_codebook(model: VQVAE) -> None:
    model.eval()
    z = torch.randn(3, model.code_size, generator=noise())
    z_map = z.reshape(3, 4, model.side, model.side).permute(0, 2, 3, 1)
    indices = model.codebook.indices(z_map)
    torch.testing.assert_close(model.decode(z), model.decode_indices(indices))


def test_the_prior_never_looks_ahead() -> None:
    prior = CodePrior(8, 9)
    first = torch.randint(8, (1, 9), generator=noise())
    second = first.clone()
    second[0, 5:] = (second[0, 5:] + 1) % 8
    a, b = prior.logits(first), prior.logits(second)
    torch.testing.assert_close(a[:, :6], b[:, :6])
    assert not torch.allclose(a[:, 6:], b[:, 6:])


def test_the_prior_is_a_distribution_over_whole_sequences() -> None:
    prior = CodePrior(3, 4)
    every = torch.cartesian_prod(*[torch.arange(3)] * 4)
    total = prior.log_prob(every).sum(1).exp().sum()
    assert float(total) == pytest.approx(1.0, abs=1e-4)


def test_samples_of_the_prior_follow_its_probabilities() -> None:
    prior = CodePrior(3, 2)
    with torch.no_grad():
        prior.head.bias.copy_(torch.tensor([1.0, 0.0, -1.0]))
        prior.head.weight.zero_()
    drawn = prior.sample(4000, noise())
    shares = torch.bincount(drawn.flatten(), minlength=3) / drawn.numel()
    wanted = torch.tensor([1.0, 0.0, -1.0]).softmax(0)
    torch.testing.assert_close(shares, wanted, atol=0.02, rtol=0)


def test_naming_a_code_costs_at_most_the_uniform_price_once_learned(model: VQVAE) -> None:
    # untrained, the price is near log K a place; it is a sum over places, per image
    x = torch.rand(2, 1, 28, 28, generator=noise())
    kl = model.eval().encode(x).kl()
    assert kl.shape == (2, model.side**2)
    assert float(kl.mean()) == pytest.approx(math.log(8), rel=0.5)
