"""Fully connected encoder and decoder: the image is one long vector."""

import math

from torch import nn

from vae_core.config import DenseConfig
from vae_core.models.layers import dense_stack

ImageShape = tuple[int, int, int]  # (C, H, W)


class DenseEncoder(nn.Sequential):
    """(B, C, H, W), or (B, C * H * W + n_classes) with a condition at its end, -> (B, out)."""

    def __init__(
        self, config: DenseConfig, shape: ImageShape, out: int, *, n_classes: int = 0
    ) -> None:
        widths = (math.prod(shape) + n_classes, *config.encoder_widths)
        super().__init__(nn.Flatten(), *_hidden(config, widths), nn.Linear(widths[-1], out))


class DenseDecoder(nn.Sequential):
    """(B, D) -> (B, C, H, W), before what squashes it into pixels."""

    def __init__(self, config: DenseConfig, shape: ImageShape, latent_dim: int) -> None:
        widths = (latent_dim, *config.decoder_widths)
        super().__init__(
            *_hidden(config, widths),
            nn.Linear(widths[-1], math.prod(shape)),
            nn.Unflatten(1, shape),
        )


def _hidden(config: DenseConfig, widths: tuple[int, ...]) -> list[nn.Module]:
    return dense_stack(
        widths,
        activation=config.activation,
        batch_norm=config.batch_norm,
        residual=config.residual,
        dropout=config.dropout,
    )
