"""Convolutional encoder and its mirror of transposed convolutions.

Kernels are 3x3 with padding 1, so a stride of 1 keeps the side and a stride of 2 halves it
(rounding up); the decoder walks the same sides back. `feature_layers` and `picture_layers` serve
whoever puts something else than a vector between the two.
"""

from itertools import pairwise

from torch import nn

from vae_core.config import ConvConfig
from vae_core.models.convolutions import DoublingConv, PictureConv
from vae_core.models.dense import ImageShape
from vae_core.models.layers import after, dense_stack


class ConvEncoder(nn.Sequential):
    """(B, C, H, W) -> (B, out); a condition comes as `n_classes` more channels."""

    def __init__(
        self, config: ConvConfig, shape: ImageShape, out: int, *, n_classes: int = 0
    ) -> None:
        side = encoded_side(config, shape)
        widths = (config.encoder_channels[-1] * side * side, *config.bottleneck_widths)
        super().__init__(
            *feature_layers(config, shape[0] + n_classes),
            nn.Flatten(),
            *_dense(config, widths),
            nn.Linear(widths[-1], out),
        )


class ConvDecoder(nn.Sequential):
    """(B, D) -> (B, C, H, W), before what squashes it into pixels."""

    def __init__(self, config: ConvConfig, shape: ImageShape, latent_dim: int) -> None:
        first, side = config.encoder_channels[-1], _decoder_sides(shape, config)[0]
        own = config.decoder_bottleneck_widths
        hidden = config.bottleneck_widths[::-1] if own is None else own
        widths = (latent_dim, *hidden, first * side * side)
        super().__init__(
            *_dense(config, widths),
            nn.Unflatten(1, (first, side, side)),
            *picture_layers(config, shape),
        )


def feature_layers(config: ConvConfig, channels: int) -> list[nn.Module]:
    """Returns the layers from (B, channels, H, W) to the encoder's last feature map."""
    layers: list[nn.Module] = []
    for (fan_in, fan_out), stride in zip(
        pairwise((channels, *config.encoder_channels)), config.encoder_strides, strict=True
    ):
        layers.append(nn.Conv2d(fan_in, fan_out, 3, stride, padding=1))
        layers += _after(config, fan_out)
    return layers


def picture_layers(config: ConvConfig, shape: ImageShape) -> list[nn.Module]:
    """Returns the layers from a map like the encoder's last one to (B, C, H, W)."""
    layers: list[nn.Module] = []
    sides = _decoder_sides(shape, config)
    channels = (config.encoder_channels[-1], *config.decoder_channels)
    for number, stride in enumerate(config.decoder_strides):
        fan_in, fan_out = channels[number], channels[number + 1]
        # of the two sides that a stride of 2 maps to the same half, take the encoder's own
        extra = sides[number + 1] - ((sides[number] - 1) * stride + 1)
        layers.append(
            DoublingConv(fan_in, fan_out, output_padding=extra)
            if stride == 2
            else nn.ConvTranspose2d(fan_in, fan_out, 3, padding=1)
        )
        layers += _after(config, fan_out)
    small = config.final_kernel == 3
    layers.append(
        PictureConv(channels[-1], shape[0]) if small else nn.Conv2d(channels[-1], shape[0], 5)
    )
    return layers


def encoded_side(config: ConvConfig, shape: ImageShape) -> int:
    """Returns the side of the encoder's last feature map for images of this shape."""
    return _sides(shape[1], config.encoder_strides)[-1]


def _sides(side: int, strides: tuple[int, ...]) -> list[int]:
    """Returns the side of the map before each layer, and after the last."""
    sides = [side]
    for stride in strides:
        sides.append((sides[-1] + stride - 1) // stride)
    return sides


def _decoder_sides(shape: ImageShape, config: ConvConfig) -> list[int]:
    # a kernel of 5 without padding takes 4 pixels off
    side = shape[1] + (4 if config.final_kernel == 5 else 0)
    return _sides(side, tuple(reversed(config.decoder_strides)))[::-1]


def _after(config: ConvConfig, channels: int) -> list[nn.Module]:
    norm = nn.BatchNorm2d(channels) if config.batch_norm else None
    return after(norm, config.activation, config.dropout)


def _dense(config: ConvConfig, widths: tuple[int, ...]) -> list[nn.Module]:
    return dense_stack(
        widths,
        activation=config.activation,
        batch_norm=config.batch_norm,
        dropout=config.dropout,
    )
