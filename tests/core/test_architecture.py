"""What a diagram says is what the model is: every number counted once, shapes that chain."""

import pytest

from tests.core.networks import NETWORKS
from vae_core.architecture import architecture
from vae_core.config import ModelConfig
from vae_core.models import build, parameter_count
from vae_core.recipes import RECIPES

CONFIGS = {
    **{name: recipe.config.model for name, recipe in RECIPES.items()},
    **{
        f"{family}-{name}": ModelConfig(family=family, network=network, latent_dim=3)
        for family in ("ae", "vae")
        for name, network in NETWORKS.items()
    },
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_every_parameter_is_counted_once(config: ModelConfig) -> None:
    found = architecture(config)
    codebook = config.codebook_size * config.latent_dim  # learned without gradients
    assert found.parameters == parameter_count(build(config)) + codebook * (config.family == "vq")
    assert sum(part.parameters for part in found.parts) == found.parameters
    for part in found.parts:
        if part.name in ("encoder", "decoder"):
            assert sum(layer.parameters for layer in part.layers) == part.parameters


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_what_flows_has_the_shapes_of_image_and_code(config: ModelConfig) -> None:
    parts = {part.name: part for part in architecture(config).parts}
    image = (config.channels, config.image_size, config.image_size)
    assert parts["decoder"].layers[-1].shape == image
    assert parts["encoder"].layers[-1].kind in ("Linear", "Conv2d")
    last = parts["encoder"].layers[-1].shape
    if config.family == "vq":
        assert last[0] == config.latent_dim
        assert parts["decoder"].shape == last
        assert {"codebook", "prior"} <= parts.keys()
    else:
        assert last == ((1 + (config.family == "vae")) * config.latent_dim,)
        assert parts["decoder"].shape == (config.latent_dim + config.n_classes,)


def test_a_dense_network_by_hand() -> None:
    config = ModelConfig(family="vae", network=NETWORKS["dense"], latent_dim=2)
    encoder, decoder = architecture(config).parts
    assert [layer.detail for layer in encoder.layers if layer.parameters] == [
        "784 → 32",
        "32 → 16",
        "16 → 4",
    ]
    assert encoder.parameters == 784 * 32 + 32 + 32 * 16 + 16 + 16 * 4 + 4
    assert decoder.parameters == 2 * 16 + 16 + 16 * 32 + 32 + 32 * 784 + 784
