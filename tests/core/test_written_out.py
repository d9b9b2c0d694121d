"""The step with its gradients written out: the terms and gradients are autograd's own."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from tests.core.networks import NETWORKS, VARIANTS
from vae_core.config import DenseConfig, RunConfig
from vae_core.data import load
from vae_core.losses import bernoulli_nll, negative_elbo
from vae_core.models import build
from vae_core.recipes import RECIPES
from vae_core.training import EpochEnd, Trainer
from vae_core.weights import FlatWeights
from vae_core.written_out import (
    _LIKELIHOODS,
    WrittenOutStep,
    _products_take_activations,
    can_write_out,
)

MakeConfig = Callable[..., RunConfig]
BETA = 0.7


def dense(**changes: object) -> dict[str, object]:
    widths = {"encoder_widths": (32, 24), "decoder_widths": (24, 32)}
    return DenseConfig(**{**widths, **changes}).model_dump()


SETTINGS: dict[str, dict[str, object]] = {
    **{
        name: {"model__network": dense(activation=name)}
        for name in ("relu", "leaky_relu", "silu", "gelu", "tanh")
    },
    "residual": {"model__network": NETWORKS["dense-residual"].model_dump()},
    "autoencoder": {"model__family": "ae"},
    "squared error": {"objective__likelihood": "gaussian"},
    "conditional": {"model__n_classes": 10},
    "sixteen units": {"model__latent_dim": 16},
}


def both_ways(
    config: RunConfig, *, half: bool, scale: float = 1.0
) -> tuple[tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]:
    """Returns terms and gradients of one batch, by autograd and written out."""
    x = torch.rand(24, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    n_classes = config.model.n_classes
    condition = torch.eye(n_classes)[torch.arange(24) % n_classes] if n_classes else None
    found = []
    for written in (False, True):
        model = build(config.model, seed=3)
        with torch.no_grad():
            for p in model.encoder.parameters():
                p.mul_(scale)
        weights, noise = FlatWeights(model, half=half), torch.Generator().manual_seed(2)
        if written:
            terms = WrittenOutStep(weights, config)(x, x, noise, condition, beta=BETA)
            weights.collect_written()
        else:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
                output = weights.computing.train()(x, noise, condition)
            likelihood = config.objective.likelihood
            loss = negative_elbo(output, x, likelihood=likelihood, beta=BETA)
            loss.total.backward()
            weights.collect_gradients()
            terms = torch.stack((loss.total, loss.recon, loss.kl)).detach()
        assert weights.masters.grad is not None
        found.append((terms, weights.masters.grad))
    return found[0], found[1]


@pytest.mark.parametrize("half", [False, True], ids=["fp32", "bf16"])
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_terms_and_gradients_are_autograds(
    small_config: MakeConfig, settings: dict[str, object], half: bool
) -> None:
    config = small_config().replace(**settings)
    assert can_write_out(config)
    (terms, gradient), (own_terms, own_gradient) = both_ways(config, half=half)
    torch.testing.assert_close(own_terms, terms, rtol=1e-5, atol=1e-4)
    # bf16 has eight bits; a sum may be rounded the other way, and goes on from there
    rtol = 0.02 if half else 1e-5
    distance = (own_gradient - gradient).norm() / gradient.norm()
    assert gradient.norm() > 0
    assert distance < rtol


@pytest.mark.parametrize("most", [4.0, 80.0, 200.0])  # the sigmoid of -200 is 0
def test_nats_of_the_surest_mistakes_are_finite_and_exact(most: float) -> None:
    logits = torch.tensor([[-most, -most / 2, -3.0, 0.0, 2.0, most / 3, most]], requires_grad=True)
    x = torch.tensor([[1.0, 0.0, 0.25, 0.5, 0.0, 1.0, 0.0]])
    expected = bernoulli_nll(logits, x).sum()
    (gradient,) = torch.autograd.grad(expected, logits)
    total, own_gradient = _LIKELIHOODS["bernoulli"](logits.detach(), x)
    assert total == pytest.approx(expected.item(), rel=1e-6)
    torch.testing.assert_close(own_gradient, gradient)


@pytest.mark.skipif(
    not _products_take_activations(), reason="torch has no such product for this processor"
)
def test_a_product_that_applies_the_activation_gives_the_same(
    small_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_config().replace(model__network=dense(activation="relu"))
    _, (terms, gradient) = both_ways(config, half=True)
    monkeypatch.setattr("vae_core.written_out._products_take_activations", lambda: False)
    _, (plain_terms, plain_gradient) = both_ways(config, half=True)
    torch.testing.assert_close(terms, plain_terms, rtol=1e-5, atol=1e-4)
    assert (gradient - plain_gradient).norm() < 0.02 * plain_gradient.norm()


def test_a_variance_beyond_its_limits_learns_nothing_more(small_config: MakeConfig) -> None:
    config = small_config().replace(objective__likelihood="gaussian")
    (terms, gradient), (own_terms, own_gradient) = both_ways(config, half=False, scale=12.0)
    torch.testing.assert_close(own_terms, terms, rtol=1e-4, atol=1e-3)
    assert (own_gradient - gradient).norm() < 1e-4 * gradient.norm()


@pytest.mark.parametrize("name", ["tanh", "missing-half", "free-bits", "quantized"])
def test_another_objective_or_model_is_left_to_autograd(
    small_config: MakeConfig, name: str
) -> None:
    assert not can_write_out(small_config().replace(**VARIANTS[name]))


@pytest.mark.parametrize("network", ["dense-dropout", "conv"])
def test_another_network_is_left_to_autograd(small_config: MakeConfig, network: str) -> None:
    assert not can_write_out(small_config(network=network))


def test_every_dense_recipe_with_the_plain_objective_is_written_out() -> None:
    written = {name for name, recipe in RECIPES.items() if can_write_out(recipe.config)}
    assert {"ae-shallow", "vae-keras-dense", "vae-narrow-deep", "cvae-dense"} <= written
    assert all(RECIPES[name].config.model.network.kind == "dense" for name in written)


@pytest.mark.parametrize("variant", ["denoising", "averaged", "warm-up"])
def test_a_training_takes_the_same_way_as_by_autograd(
    small_config: MakeConfig, variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_config(limit=600, epochs=3).replace(**VARIANTS[variant], train__precision="fp32")
    images, held_out = load("mnist-5k", "train"), load("mnist-5k", "held-out")
    losses = []
    for possible in (True, False):
        monkeypatch.setattr("vae_core.training.can_write_out", lambda _, found=possible: found)
        trainer = Trainer(config, images, held_out, device=torch.device("cpu"))
        ends = [event for event in trainer.epochs() if isinstance(event, EpochEnd)]
        losses.append([(e.train.recon, e.train.kl, e.held_out.total) for e in ends])
    np.testing.assert_allclose(losses[0], losses[1], rtol=2e-3)
