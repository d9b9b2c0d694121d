"""Two 3x3 convolutions that processors are slow at, trained as matrix products.

One doubles the side, one makes the picture's few channels of many. In both, one product gives what
each of the nine taps makes of every pixel, and shifted sums put it where it belongs; torch's own
operations take up to three times as long, above all backwards. Weights, state and map are those of
`nn.ConvTranspose2d` and `nn.Conv2d`, which also compute wherever nothing is trained.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class DoublingConv(nn.ConvTranspose2d):
    """(B, C, H, W) -> (B, out, 2 H, 2 W), or 2 H - 1 and 2 W - 1 without output padding."""

    def __init__(self, fan_in: int, fan_out: int, *, output_padding: int) -> None:
        super().__init__(fan_in, fan_out, 3, stride=2, padding=1, output_padding=output_padding)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Returns the transposed convolution of x."""
        if not _pays(self, x):
            return super().forward(x, output_size)
        batch, channels, height, width = x.shape
        assert self.bias is not None
        pixels = x.permute(0, 2, 3, 1).reshape(-1, channels)
        taps = pixels @ self.weight.permute(0, 2, 3, 1).reshape(channels, -1)
        taps = taps.view(batch, height, width, 3, 3, -1)
        y: Tensor = _Spread.apply(taps, self.bias.to(taps.dtype))  # type: ignore[no-untyped-call]
        y = y.permute(0, 3, 1, 2)
        return y if self.output_padding[0] else y[:, :, :-1, :-1]


class PictureConv(nn.Conv2d):
    """(B, C, H, W) -> (B, out, H, W) for a small number `out`."""

    def __init__(self, fan_in: int, fan_out: int) -> None:
        super().__init__(fan_in, fan_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the convolution of x, fp32 where it is trained."""
        if not _pays(self, x):
            return super().forward(x)
        batch, channels, height, width = x.shape
        assert self.bias is not None
        pixels = x.permute(0, 2, 3, 1).reshape(-1, channels)
        taps = self.weight.permute(2, 3, 0, 1).reshape(-1, channels) @ pixels.T
        taps = taps.view(3, 3, -1, batch, height, width)
        y: Tensor = _Collect.apply(taps)  # type: ignore[no-untyped-call]
        return (y + self.bias.to(taps.dtype)[:, None, None, None]).transpose(0, 1)


def _pays(module: nn.Module, x: Tensor) -> bool:
    return module.training and x.device.type == "cpu"


class _Spread(torch.autograd.Function):
    """Taps (B, H, W, 3, 3, out), a row's before a column's, and bias (out,) -> (B, 2H, 2W, out).

    Tap k of input i belongs to output 2 i + k - 1: an even one hears tap 1 of its input alone, an
    odd one tap 2 of its input and tap 0 of the next.
    """

    @staticmethod
    def forward(ctx: Any, taps: Tensor, bias: Tensor) -> Tensor:
        batch, height, width, _, _, out = taps.shape
        ctx.shape = taps.shape
        y = taps.new_empty(batch, height, 2, width, 2, out)
        pair = bias.repeat(2).view(2, out)  # laid out as what it is added to
        torch.add(taps[:, :, :, 1, 1:], pair, out=y[:, :, 0])
        torch.add(taps[:, :, :, 2, 1:], pair, out=y[:, :, 1])
        y[:, :-1, 1] += taps[:, 1:, :, 0, 1:]
        y[:, :, 0, :-1, 1] += taps[:, :, 1:, 1, 0]
        y[:, :, 1, :-1, 1] += taps[:, :, 1:, 2, 0]
        y[:, :-1, 1, :-1, 1] += taps[:, 1:, 1:, 0, 0]
        return y.view(batch, 2 * height, 2 * width, out)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        batch, height, width, _, _, out = ctx.shape
        g = gradient.reshape(batch, height, 2, width, 2, out)
        taps = g.new_empty(ctx.shape)
        taps[:, 0, :, 0] = 0  # these went over the edge
        taps[:, :, 0, :, 0] = 0
        taps[:, :, :, 1, 1:] = g[:, :, 0]
        taps[:, :, :, 2, 1:] = g[:, :, 1]
        taps[:, 1:, :, 0, 1:] = g[:, :-1, 1]
        taps[:, :, 1:, 1, 0] = g[:, :, 0, :-1, 1]
        taps[:, :, 1:, 2, 0] = g[:, :, 1, :-1, 1]
        taps[:, 1:, 1:, 0, 0] = g[:, :-1, 1, :-1, 1]
        return taps, gradient.sum((0, 1, 2))


class _Collect(torch.autograd.Function):
    """Taps (3, 3, out, B, H, W) -> (out, B, H, W), fp32: output i hears tap k of i + k - 1."""

    @staticmethod
    def forward(ctx: Any, taps: Tensor) -> Tensor:
        ctx.dtype, ctx.shape = taps.dtype, taps.shape
        y = torch.zeros(taps.shape[2:], device=taps.device)
        for k, (to, of) in enumerate(_SHIFTS):
            for m, (to_column, of_column) in enumerate(_SHIFTS):
                y[..., to, to_column] += taps[k, m, ..., of, of_column]
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        taps = gradient.new_zeros(ctx.shape, dtype=ctx.dtype)
        for k, (to, of) in enumerate(_SHIFTS):
            for m, (to_column, of_column) in enumerate(_SHIFTS):
                taps[k, m, ..., of, of_column] = gradient[..., to, to_column]
        return taps


# for tap k the outputs, and the inputs that they hear through it
_SHIFTS = (
    (slice(1, None), slice(None, -1)),
    (slice(None), slice(None)),
    (slice(None, -1), slice(1, None)),
)
