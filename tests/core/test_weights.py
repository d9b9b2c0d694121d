"""Flat weights: the same model on one tensor, and bf16 arithmetic that is autocast's own."""

from collections.abc import Callable

import pytest
import torch

from tests.core.networks import NETWORKS
from vae_core.config import RunConfig
from vae_core.losses import negative_elbo
from vae_core.models import Autoencoder, build
from vae_core.weights import FlatWeights

MakeConfig = Callable[..., RunConfig]
SETTINGS = [
    *({"network": name} for name in NETWORKS if name != "conv-map"),
    *({"variant": name} for name in ("quantized", "conditional")),
]


def models(config: RunConfig) -> tuple[Autoencoder, Autoencoder]:
    first, second = (build(config.model, seed=3) for _ in range(2))
    if config.model.network.kind == "conv":
        for model in (first, second):
            model.to(memory_format=torch.channels_last)
    return first, second


def backward(model: Autoencoder, config: RunConfig, *, half: bool) -> float:
    """Takes the forward and backward pass of one batch, and returns its loss."""
    x = torch.rand(16, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    n_classes = config.model.n_classes
    condition = torch.eye(n_classes)[torch.arange(16) % n_classes] if n_classes else None
    noise = torch.Generator().manual_seed(2)
    torch.manual_seed(4)  # dropout
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
        output = model.train()(x, noise, condition)
    terms = negative_elbo(output, x, likelihood="bernoulli", beta=1.0, commitment_weight=0.25)
    terms.total.backward()
    return terms.total.item()


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: next(iter(s.values())))
def test_loss_and_gradients_are_those_of_the_model_under_autocast(
    small_config: MakeConfig, settings: dict[str, str], half: bool
) -> None:
    config = small_config(**settings)
    plain, flat = models(config)
    weights = FlatWeights(flat, half=half)
    for one, other in zip(plain.parameters(), flat.parameters(), strict=True):
        assert torch.equal(one, other)
    losses = backward(plain, config, half=half), backward(weights.computing, config, half=half)
    assert losses[0] == losses[1]
    weights.collect_gradients()
    learned = dict(zip(plain.parameters(), flat.parameters(), strict=True))
    assert sum(p.numel() for p in learned) == weights.masters.numel()
    assert weights.masters.grad is not None
    for one, other in learned.items():
        offset = other.storage_offset()
        found = weights.masters.grad.as_strided(other.shape, other.stride(), offset)
        assert torch.equal(found, one.grad)
    for one, other in zip(plain.buffers(), flat.buffers(), strict=True):
        assert torch.equal(one, other), "batch normalization has seen the batch"


@pytest.mark.parametrize("half", [False, True])
def test_what_the_optimizer_does_to_the_masters_is_what_is_computed_with(
    small_config: MakeConfig, half: bool
) -> None:
    config = small_config(network="conv")
    model, _ = models(config)
    weights = FlatWeights(model, half=half)
    with torch.no_grad():
        weights.masters.mul_(1.5)
    weights.refresh()
    for learned, computed in zip(model.parameters(), weights.computing.parameters(), strict=True):
        assert torch.equal(learned.to(computed.dtype), computed)


def test_a_copy_on_other_weights_follows_them_and_leaves_the_model_alone(
    small_config: MakeConfig,
) -> None:
    model, _ = models(small_config(network="conv"))
    before = [p.detach().clone() for p in model.parameters()]
    weights = FlatWeights(model, half=True)
    other = weights.masters.detach().clone()
    copied = weights.copy_on(other)
    other.mul_(2)
    for old, p, doubled in zip(before, model.parameters(), copied.parameters(), strict=True):
        assert torch.equal(old, p)
        assert torch.equal(2 * old, doubled)
