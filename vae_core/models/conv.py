"""Convolutional encoder and its mirror of transposed convolutions.

Kernels are 3x3 with padding 1, so a stride of 1 keeps the side and a stride of 2 halves it
(rounding up); the decoder walks the same sides back.
"""

from itertools import pairwise

from torch import nn

from vae_core.config import ConvConfig
from vae_core.models.dense import ImageShape
from vae_core.models.layers import after, dense_stack


class ConvEncoder(nn.Sequential):
    """(B, C, H, W) -> (B, out)."""

    def __init__(self, config: ConvConfig, shape: ImageShape, out: int) -> None:
        channels = (shape[0], *config.encoder_channels)
        layers: list[nn.Module] = []
        for (fan_in, fan_out), stride in zip(
            pairwise(channels), config.encoder_strides, strict=True
        ):
            layers.append(nn.Conv2d(fan_in, fan_out, 3, stride, padding=1))
            layers += _after(config, nn.BatchNorm2d(fan_out) if config.batch_norm else None)
        side = _sides(shape[1], config.encoder_strides)[-1]
        widths = (channels[-1] * side * side, *config.bottleneck_widths)
        super().__init__(*layers, nn.Flatten(), *_dense(config, widths), nn.Linear(widths[-1], out))


class ConvDecoder(nn.Sequential):
    """(B, D) -> logits (B, C, H, W)."""

    def __init__(self, config: ConvConfig, shape: ImageShape, latent_dim: int) -> None:
        sides = _decoder_sides(shape[1], config)
        first = config.encoder_channels[-1]
        widths = (latent_dim, *reversed(config.bottleneck_widths), first * sides[0] * sides[0])
        layers: list[nn.Module] = [
            *_dense(config, widths),
            nn.Unflatten(1, (first, sides[0], sides[0])),
        ]
        channels = (first, *config.decoder_channels)
        for number, stride in enumerate(config.decoder_strides):
            fan_in, fan_out = channels[number], channels[number + 1]
            # of the two sides that a stride of 2 maps to the same half, take the encoder's own
            extra = sides[number + 1] - ((sides[number] - 1) * stride + 1)
            layers.append(nn.ConvTranspose2d(fan_in, fan_out, 3, stride, 1, output_padding=extra))
            layers += _after(config, nn.BatchNorm2d(fan_out) if config.batch_norm else None)
        layers.append(nn.Conv2d(channels[-1], shape[0], 3, padding=1))
        super().__init__(*layers)


def _sides(side: int, strides: tuple[int, ...]) -> list[int]:
    """Returns the side of the map before each layer, and after the last."""
    sides = [side]
    for stride in strides:
        sides.append((sides[-1] + stride - 1) // stride)
    return sides


def _decoder_sides(side: int, config: ConvConfig) -> list[int]:
    return _sides(side, tuple(reversed(config.decoder_strides)))[::-1]


def _after(config: ConvConfig, norm: nn.Module | None) -> list[nn.Module]:
    return after(norm, config.activation, config.dropout)


def _dense(config: ConvConfig, widths: tuple[int, ...]) -> list[nn.Module]:
    return dense_stack(
        widths,
        activation=config.activation,
        batch_norm=config.batch_norm,
        dropout=config.dropout,
    )
