"""The registry of recipes: settings that are known to work, each with where it comes from.

`source` states the setting of the teaching article that a recipe follows; `differs` says what this
recipe does otherwise, and why. Networks and objectives are elsewhere; a recipe is data.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from vae_core.config import (
    ConvConfig,
    DenseConfig,
    ModelConfig,
    RunConfig,
    TrainConfig,
)
from vae_core.errors import ConfigError


@dataclass(frozen=True)
class Recipe:
    """A named setting: what it shows, where it comes from, what it does otherwise."""

    name: str
    summary: str
    source: str
    differs: str
    config: RunConfig


_SHALLOW = DenseConfig(encoder_widths=(512,), decoder_widths=(512,))
_KERAS = DenseConfig(encoder_widths=(512, 512), decoder_widths=(512, 512))
_CONV = ConvConfig(
    encoder_channels=(32, 64, 64, 64),
    encoder_strides=(1, 2, 2, 1),
    decoder_channels=(64, 64, 32),
    decoder_strides=(1, 2, 2),
)
_ONE_CYCLE = (
    "One-cycle learning rate instead of {was}: decaying to almost nothing is worth several nats. "
)
_BERNOULLI = (
    "Bernoulli likelihood (binary cross-entropy) instead of MSE, so that its loss is in nats and "
    "compares with the other runs. "
)

_ALL = (
    Recipe(
        name="ae-shallow",
        summary="Plain autoencoder, one hidden layer: codes off centre, unequal areas, gaps.",
        source="784-512-2-512-784, ReLU, sigmoid; MSE; AdamW 1e-3, step decay 0.333, batch 256, "
        "25 epochs.",
        differs=_ONE_CYCLE.format(was="step decay") + _BERNOULLI + "40 epochs, batch 128.",
        config=RunConfig(
            model=ModelConfig(family="ae", network=_SHALLOW),
            train=TrainConfig(epochs=40, learning_rate=2e-3),
        ),
    ),
    Recipe(
        name="vae-shallow",
        summary="The same network as ae-shallow with a Gaussian posterior: rounder, denser, "
        "centred.",
        source="As ae-shallow with two heads; MSE + weight * KL, with a KL formula that is not the "
        "Gaussian one.",
        differs=_ONE_CYCLE.format(was="step decay")
        + _BERNOULLI
        + "The right KL at beta 1. 40 epochs, batch 128.",
        config=RunConfig(
            model=ModelConfig(family="vae", network=_SHALLOW),
            train=TrainConfig(epochs=40, learning_rate=2e-3),
        ),
    ),
    Recipe(
        name="vae-keras-dense",
        summary="Dense VAE with two hidden layers a side: the clearest 2-D plane of digits.",
        source="784-512-512-(mu, logvar), 2-512-512-784, ReLU, sigmoid; BCE averaged over "
        "pixels + KL averaged "
        "over units; Adam, batch 128, 30 epochs.",
        differs=_ONE_CYCLE.format(was="a constant one")
        + "BCE and KL are sums, so that beta 1 is the ELBO: averaging them weighs KL 392 times too "
        "heavily. 40 epochs.",
        config=RunConfig(
            model=ModelConfig(family="vae", network=_KERAS),
            train=TrainConfig(epochs=40, learning_rate=2e-3),
        ),
    ),
    Recipe(
        name="ae-conv",
        summary="Convolutional autoencoder: sharp reconstructions, and the AE's three problems.",
        source="Conv 32-64-64-64, strides 1-2-2-1, mirrored; LeakyReLU; MSE per pixel; Adam "
        "with step "
        "decay; the first 2,000 images for 200 epochs.",
        differs=_ONE_CYCLE.format(was="step decay")
        + _BERNOULLI
        + "BatchNorm, a dense layer of 256 between map and code, all 55,000 images for 20 epochs.",
        config=RunConfig(
            model=ModelConfig(
                family="ae", network=_CONV.model_copy(update={"bottleneck_widths": (256,)})
            ),
            train=TrainConfig(epochs=20, learning_rate=3e-3),
        ),
    ),
    Recipe(
        name="vae-conv",
        summary="The network of ae-conv as a VAE: its problems largely gone.",
        source="As ae-conv with mu and logvar heads; r_loss_factor * MSE + KL.",
        differs=_ONE_CYCLE.format(was="step decay")
        + _BERNOULLI
        + "BatchNorm, a dense layer of 256 between map and code, all 55,000 images for 20 epochs.",
        config=RunConfig(
            model=ModelConfig(
                family="vae", network=_CONV.model_copy(update={"bottleneck_widths": (256,)})
            ),
            train=TrainConfig(epochs=20, learning_rate=3e-3),
        ),
    ),
)

RECIPES: Mapping[str, Recipe] = {recipe.name: recipe for recipe in _ALL}


def recipe(name: str) -> Recipe:
    """Returns the recipe of that name.

    Raises:
        ConfigError: There is none.
    """
    if name not in RECIPES:
        raise ConfigError("recipe-unknown", name=name, known=", ".join(RECIPES))
    return RECIPES[name]
