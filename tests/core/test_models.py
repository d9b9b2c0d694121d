"""Every recipe's model: shapes, ranges, explicit randomness, and weights decided by the seed."""

import pytest
import torch

from tests.core.networks import NETWORKS
from vae_core.config import ConvConfig, ModelConfig
from vae_core.distributions import DiagonalGaussian, PointMass, Quantized
from vae_core.models import build, parameter_count
from vae_core.models.layers import Residual
from vae_core.recipes import RECIPES

EXTRA = {
    "odd-sides": ModelConfig(
        family="vae", network=NETWORKS["conv"], image_size=29, channels=3, latent_dim=5
    ),
    "residual": ModelConfig(family="vae", network=NETWORKS["dense-residual"]),
    "one-unit": ModelConfig(family="ae", network=NETWORKS["dense"], latent_dim=1),
    "three-colours": ModelConfig(
        family="vae", network=NETWORKS["dense"], image_size=8, channels=3, latent_dim=128
    ),
    "steep": ModelConfig(
        family="ae",
        image_size=28,
        network=ConvConfig(
            encoder_channels=(4, 4, 4, 4),
            encoder_strides=(2, 2, 2, 2),
            decoder_channels=(4, 4, 4, 4),
            decoder_strides=(2, 2, 2, 2),
        ),
    ),
}
CONFIGS = {**{name: recipe.config.model for name, recipe in RECIPES.items()}, **EXTRA}
every_model = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)


POSTERIORS = {"ae": PointMass, "vae": DiagonalGaussian, "vq": Quantized}


def images(config: ModelConfig, n: int = 3) -> torch.Tensor:
    noise = torch.Generator().manual_seed(1)
    return torch.rand(n, config.channels, config.image_size, config.image_size, generator=noise)


def condition(config: ModelConfig, n: int = 3) -> torch.Tensor | None:
    """Labels 0, 1, 2, ... one-hot, where the model wants them."""
    return torch.eye(config.n_classes).repeat(1 + n, 1)[:n] if config.n_classes else None


@every_model
def test_codes_and_pictures_have_their_shapes(config: ModelConfig) -> None:
    model, x, told = build(config).eval(), images(config), condition(config)
    posterior = model.encode(x, told)
    units = posterior.kl().shape[1]
    assert posterior.mode().shape == (3, model.code_size)
    assert isinstance(posterior, POSTERIORS[config.family])
    if config.family != "vq":
        assert units == model.code_size == config.latent_dim
    else:
        assert units * config.latent_dim == model.code_size
    output = model(x, torch.Generator().manual_seed(0), told)
    assert output.logits.shape == x.shape
    assert output.z.shape == (3, model.code_size)


@every_model
def test_decoded_pictures_are_in_range_and_the_sigmoid_of_the_logits(config: ModelConfig) -> None:
    model = build(config).eval()
    z = 50 * torch.randn(6, model.code_size, generator=torch.Generator().manual_seed(2))
    told = condition(config, 6)
    x = model.decode(z, told)
    assert x.shape == (6, config.channels, config.image_size, config.image_size)
    assert x.min() >= 0
    assert x.max() <= 1
    torch.testing.assert_close(x, model.decode_logits(z, told).sigmoid())


@every_model
def test_forward_is_encode_sample_decode(config: ModelConfig) -> None:
    model, x, told = build(config).eval(), images(config), condition(config)
    output = model(x, torch.Generator().manual_seed(7), told)
    z = model.encode(x, told).sample(torch.Generator().manual_seed(7))
    torch.testing.assert_close(output.z, z)
    torch.testing.assert_close(output.logits, model.decode_logits(z, told))


@every_model
def test_a_picture_does_not_depend_on_its_batch(config: ModelConfig) -> None:
    model, x, told = build(config).eval(), images(config, 4), condition(config, 4)
    of_one = None if told is None else told[2:3]
    z = model.encode(x, told).mode()
    torch.testing.assert_close(z[2:3], model.encode(x[2:3], of_one).mode(), atol=1e-5, rtol=1e-4)
    together, alone = model.decode(z, told)[2:3], model.decode(z[2:3], of_one)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


@every_model
def test_the_seed_decides_the_weights_and_leaves_global_randomness_alone(
    config: ModelConfig,
) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again, other = (build(config, seed=seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@every_model
def test_every_weight_takes_part(config: ModelConfig) -> None:
    model, x = build(config), images(config, 8)
    output = model(x, torch.Generator().manual_seed(0), condition(config, 8))
    (output.logits.square().sum() + output.posterior.kl().sum()).backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert torch.isfinite(weight.grad).all(), name


def test_a_vae_differs_from_its_autoencoder_by_the_second_head_alone() -> None:
    for ae, vae in (("ae-shallow", "vae-shallow"), ("ae-conv", "vae-conv")):
        a, v = CONFIGS[ae], CONFIGS[vae]
        assert a.network == v.network
        head = build(a).encoder[-1]
        assert parameter_count(build(v)) - parameter_count(build(a)) == parameter_count(head)


def test_a_residual_layer_that_adds_nothing_passes_its_input_on() -> None:
    block = build(EXTRA["residual"]).decoder[2]
    assert isinstance(block, Residual)
    with torch.no_grad():
        block[0].weight.zero_()
        block[0].bias.zero_()
    h = torch.randn(5, 16)
    torch.testing.assert_close(block(h), h)


def test_parameters_of_the_shallow_autoencoder_by_hand() -> None:
    hidden = 784 * 512 + 512
    wanted = hidden + (512 * 2 + 2) + (2 * 512 + 512) + (512 * 784 + 784)
    assert parameter_count(build(CONFIGS["ae-shallow"])) == wanted


def test_a_mad_encoder_still_gives_a_finite_posterior() -> None:
    model = build(CONFIGS["vae-shallow"])
    with torch.no_grad():
        model.encoder[-1].weight.mul_(1e6)
    posterior = model.encode(images(CONFIGS["vae-shallow"]))
    assert torch.isfinite(posterior.kl()).all()
    assert torch.isfinite(posterior.sample(torch.Generator().manual_seed(0))).all()
