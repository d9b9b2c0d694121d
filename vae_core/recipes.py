"""The registry of recipes: settings that are known to work, each with where it comes from.

`source` states the setting of the teaching article that a recipe follows; `differs` says what this
recipe does otherwise, and why. Networks and objectives are elsewhere; a recipe is data.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from vae_core.config import (
    ConvConfig,
    DataConfig,
    DenseConfig,
    ModelConfig,
    ObjectiveConfig,
    RunConfig,
    TrainConfig,
)
from vae_core.data import DATASETS, FOLDER
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
_CONV_CODED = _CONV.model_copy(update={"bottleneck_widths": (256,)})
_LIGHT = ConvConfig(
    encoder_channels=(32, 64),
    encoder_strides=(2, 2),
    decoder_channels=(32, 16),
    decoder_strides=(2, 2),
)
_DEEP = ConvConfig(
    encoder_channels=(64, 128, 256, 512),
    encoder_strides=(2, 2, 2, 2),
    decoder_channels=(256, 128, 64, 64),
    decoder_strides=(2, 2, 2, 2),
    final_kernel=5,
)
_DEEP_64 = ConvConfig(
    encoder_channels=(32, 64, 128, 256, 512),
    encoder_strides=(2, 2, 2, 2, 2),
    decoder_channels=(256, 128, 64, 32, 32),
    decoder_strides=(2, 2, 2, 2, 2),
)
_QUANTIZED = ConvConfig(
    encoder_channels=(32, 64, 64),
    encoder_strides=(2, 2, 1),
    decoder_channels=(64, 64, 32),
    decoder_strides=(1, 2, 2),
)
_NARROW = DenseConfig(
    encoder_widths=(512, 256, 256),
    decoder_widths=(256, 256, 256, 512),
    activation="silu",
)
_RESIDUAL = DenseConfig(
    encoder_widths=(512, 256, 256, 256),
    decoder_widths=(256, 256, 256, 256, 256, 256, 256, 256, 512),
    activation="silu",
    residual=True,
)
_SMALL = DenseConfig(encoder_widths=(96, 96), decoder_widths=(96, 96), activation="silu")
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
            model=ModelConfig(family="ae", network=_CONV_CODED),
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
            model=ModelConfig(family="vae", network=_CONV_CODED),
            train=TrainConfig(epochs=20, learning_rate=3e-3),
        ),
    ),
    Recipe(
        name="vae-shallow-missing-half",
        summary="vae-shallow with a teaching article's wrong KL: posteriors too narrow.",
        source="As vae-shallow, with mu² + sigma² - log sigma - 1/2 for the KL.",
        differs=_ONE_CYCLE.format(was="step decay")
        + _BERNOULLI
        + "40 epochs, batch 128. The wrong formula is the source's own, kept to be seen.",
        config=RunConfig(
            model=ModelConfig(family="vae", network=_SHALLOW),
            objective=ObjectiveConfig(kl_form="missing-half"),
            train=TrainConfig(epochs=40, learning_rate=2e-3),
        ),
    ),
    Recipe(
        name="vae-keras-dense-averaged",
        summary="vae-keras-dense with BCE and KL averaged: KL weighs 392 times too much.",
        source="BCE averaged over 784 pixels + KL averaged over 2 units.",
        differs="The averages are written as what they come to, beta = 784 / 2, over sums. "
        "10 epochs: the posterior collapses in the first.",
        config=RunConfig(
            model=ModelConfig(family="vae", network=_KERAS),
            objective=ObjectiveConfig(beta=392.0),
            train=TrainConfig(epochs=10),
        ),
    ),
    Recipe(
        name="vae-conv-tanh",
        summary="Small convolutional VAE with a tanh output and a light KL: clusters pull apart.",
        source="Conv encoder ending 64x7x7, two linear heads, mirrored decoder, tanh out; "
        "MSE + 0.001 * KL.",
        differs=_ONE_CYCLE.format(was="a constant one")
        + "Pixels are scaled to [-1, 1], the range of the tanh. Sums instead of means: 0.001 "
        "beside a mean over 784 pixels of twice the range is beta = 0.196 beside the sum.",
        config=RunConfig(
            model=ModelConfig(family="vae", network=_LIGHT, output="tanh"),
            objective=ObjectiveConfig(likelihood="gaussian", beta=0.196),
            train=TrainConfig(epochs=8, learning_rate=3e-3),
        ),
    ),
    Recipe(
        name="ae-conv-tanh",
        summary="The network of vae-conv-tanh as a plain AE: its shape depends on its seed.",
        source="The plain autoencoder beside it.",
        differs="As vae-conv-tanh.",
        config=RunConfig(
            model=ModelConfig(family="ae", network=_LIGHT, output="tanh"),
            objective=ObjectiveConfig(likelihood="gaussian"),
            train=TrainConfig(epochs=8, learning_rate=3e-3),
        ),
    ),
    Recipe(
        name="vae-deep",
        summary="Deep convolutional VAE with two latent units: a tight space, sharp pictures.",
        source="Conv 64-128-256-512, kernel 3, stride 2, BatchNorm, LeakyReLU, mirrored, last "
        "conv 5x5 unpadded; MSE + weight * KL.",
        differs=_ONE_CYCLE.format(was="step decay")
        + _BERNOULLI
        + "Two dense layers of 256 between map and code: two numbers need some unfolding.",
        config=RunConfig(
            model=ModelConfig(
                family="vae", network=_DEEP.model_copy(update={"bottleneck_widths": (256, 256)})
            ),
            train=TrainConfig(epochs=12, learning_rate=3e-3),
        ),
    ),
    Recipe(
        name="vae-deep-128d",
        summary="vae-deep with 128 latent units: sharp reconstructions, poor prior samples.",
        source="As vae-deep with D = 128.",
        differs=_ONE_CYCLE.format(was="step decay") + _BERNOULLI,
        config=RunConfig(
            model=ModelConfig(family="vae", network=_DEEP, latent_dim=128),
            train=TrainConfig(epochs=6, learning_rate=2e-3),
        ),
    ),
    Recipe(
        name="vae-narrow-deep",
        summary="Narrow, deep, residual dense VAE: the lowest loss that two units reach here.",
        source="Ours: depth folds the plane into digits better than width does.",
        differs="",
        config=RunConfig(
            model=ModelConfig(family="vae", network=_RESIDUAL),
            train=TrainConfig(epochs=110, learning_rate=1e-3, weight_decay=0.01, clip_norm=100.0),
        ),
    ),
    Recipe(
        name="vae-narrow-fast",
        summary="The narrow, deep VAE in fewer, longer steps, for two cores and three minutes.",
        source="Ours: twice the batch and the rate for half the epochs.",
        differs="",
        config=RunConfig(
            model=ModelConfig(family="vae", network=_RESIDUAL),
            train=TrainConfig(
                epochs=60,
                batch_size=256,
                learning_rate=2e-3,
                weight_decay=0.01,
                clip_norm=100.0,
            ),
        ),
    ),
    Recipe(
        name="vae-deep-64px",
        summary="The deep convolutional VAE for pictures of 64 pixels.",
        source="Conv 32-64-128-256-512, kernel 3, stride 2, BatchNorm, LeakyReLU, mirrored, last "
        "conv 3x3 padded; 1 or 3 channels; MSE + weight * KL.",
        differs=_ONE_CYCLE.format(was="step decay")
        + _BERNOULLI
        + "Images of another size are brought to 64 pixels.",
        config=RunConfig(
            model=ModelConfig(family="vae", network=_DEEP_64, image_size=64),
            train=TrainConfig(epochs=6, learning_rate=2e-3),
            data=DataConfig(size=64),
        ),
    ),
    Recipe(
        name="vae-dense-16d",
        summary="Dense VAE with sixteen latent units: most of them in use, none a picture alone.",
        source="Ours: between the plane and the 128 units of vae-deep-128d.",
        differs="",
        config=RunConfig(
            model=ModelConfig(
                family="vae",
                network=_KERAS.model_copy(update={"activation": "silu"}),
                latent_dim=16,
            ),
            train=TrainConfig(epochs=40, learning_rate=2e-3),
        ),
    ),
    Recipe(
        name="vae-dense-128d",
        summary="Dense VAE with 128 latent units: most of them stay idle, and say so.",
        source="Ours: the size of vae-deep-128d on a network that trains in minutes.",
        differs="",
        config=RunConfig(
            model=ModelConfig(
                family="vae",
                network=_KERAS.model_copy(update={"activation": "silu"}),
                latent_dim=128,
            ),
            train=TrainConfig(epochs=30, learning_rate=2e-3),
        ),
    ),
    Recipe(
        name="vq-vae",
        summary="VQ-VAE: the code is a map of 7 x 7 words from a codebook of 64.",
        source="Announced by a teaching article and not built there; van den Oord et al. 2017.",
        differs="A codebook of moving averages, dead words revived, and a small causal "
        "transformer as prior, learned alongside.",
        config=RunConfig(
            model=ModelConfig(family="vq", network=_QUANTIZED, latent_dim=16, codebook_size=64),
            train=TrainConfig(epochs=8, learning_rate=2e-3),
        ),
    ),
    Recipe(
        name="cvae-dense",
        summary="vae-keras-dense that is told the digit: the plane is left for style.",
        source="One-hot label beside the inputs of encoder and decoder; BCE + KL.",
        differs=_ONE_CYCLE.format(was="a constant one") + "40 epochs.",
        config=RunConfig(
            model=ModelConfig(family="vae", network=_KERAS, n_classes=10),
            train=TrainConfig(epochs=40, learning_rate=2e-3),
        ),
    ),
    Recipe(
        name="cvae-conv",
        summary="Convolutional VAE that is told the digit, as constant planes beside the image.",
        source="One-hot label as extra input channels, and beside z; BCE + KL.",
        differs="The small network of vae-conv-tanh with sigmoid out, so that it trains in "
        "minutes. " + _ONE_CYCLE.format(was="step decay"),
        config=RunConfig(
            model=ModelConfig(family="vae", network=_LIGHT, n_classes=10),
            train=TrainConfig(epochs=8, learning_rate=3e-3),
        ),
    ),
    Recipe(
        name="ae-dense-32d",
        summary="Dense AE with 32 units: what ae-denoise is held against.",
        source="Ours: the same network as ae-denoise, fed the clean image.",
        differs="",
        config=RunConfig(
            model=ModelConfig(family="ae", network=_KERAS, latent_dim=32),
            train=TrainConfig(epochs=20, learning_rate=1e-3),
        ),
    ),
    Recipe(
        name="ae-denoise",
        summary="Denoising AE: fed a noisy image, asked for the clean one.",
        source="Any AE fed a noisy x, asked for the clean x; MSE (Vincent et al. 2008).",
        differs=_BERNOULLI + "Gaussian noise of standard deviation 0.5, pixels kept in [0, 1].",
        config=RunConfig(
            model=ModelConfig(family="ae", network=_KERAS, latent_dim=32),
            objective=ObjectiveConfig(noise=0.5),
            train=TrainConfig(epochs=20, learning_rate=1e-3),
        ),
    ),
    Recipe(
        name="vae-fashion",
        summary="Dense VAE of garments: ten kinds of clothing on one plane.",
        source="Ours, on Fashion-MNIST (Xiao et al. 2017, arXiv:1708.07747).",
        differs="",
        config=RunConfig(
            model=ModelConfig(family="vae", network=_NARROW),
            train=TrainConfig(epochs=40, learning_rate=2e-3),
            data=DataConfig(name="fashion-mnist"),
        ),
    ),
    Recipe(
        name="ae-fashion",
        summary="The network of vae-fashion as a plain autoencoder.",
        source="Ours, on Fashion-MNIST (Xiao et al. 2017, arXiv:1708.07747).",
        differs="",
        config=RunConfig(
            model=ModelConfig(family="ae", network=_NARROW),
            train=TrainConfig(epochs=40, learning_rate=2e-3),
            data=DataConfig(name="fashion-mnist"),
        ),
    ),
    Recipe(
        name="vae-beta",
        summary="Small dense VAE for a series of betas: what more or less KL does to the plane.",
        source="Beta-VAE (Higgins et al. 2017): recon + beta * KL.",
        differs="784-96-96-(mu, logvar), 2-96-96-784, SiLU: small, so that a whole series travels. "
        "12 epochs.",
        config=RunConfig(
            model=ModelConfig(family="vae", network=_SMALL),
            train=TrainConfig(epochs=12, learning_rate=2e-3),
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


def for_data(config: RunConfig, name: str) -> RunConfig:
    """Returns settings for another data set that the network can take.

    Pictures of another shape are brought to the network's; a model that is told the class is told
    one of as many as there are.

    Raises:
        ConfigError: There is no data set of that name.
    """
    if name not in DATASETS:
        raise ConfigError("data-unknown", name=name, known=", ".join(DATASETS))
    source, model = DATASETS[name], config.model
    wanted = model.channels, model.image_size, model.image_size
    alike = source.image_shape == wanted
    changes: dict[str, object] = {
        "data__name": name,
        "data__folder": config.data.folder if name == FOLDER else None,
        "data__size": None if alike else model.image_size,
        "data__channels": None if alike else model.channels,
    }
    if model.n_classes:
        changes["model__n_classes"] = len(source.class_names)
    return config.replace(**changes)
