"""What every network is built of: activations by name, and the stack of dense layers."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from torch import Tensor, nn

ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.01),
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
}


def after(norm: nn.Module | None, activation: str, dropout: float) -> list[nn.Module]:
    """Returns what follows a linear map: normalization, activation, dropout, in this order."""
    block = [] if norm is None else [norm]
    block.append(ACTIVATIONS[activation]())
    if dropout:
        block.append(nn.Dropout(dropout))
    return block


class Residual(nn.Sequential):
    """What comes in, plus what the layers make of it."""

    def forward(self, h: Tensor) -> Tensor:
        """Returns h + layers(h)."""
        return h + super().forward(h)  # type: ignore[no-any-return, no-untyped-call]


def dense_stack(
    widths: Sequence[int],
    *,
    activation: str,
    batch_norm: bool,
    dropout: float,
    residual: bool = False,
) -> list[nn.Module]:
    """Returns the layers from widths[0] to widths[-1], each followed by its activation."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(widths):
        norm = nn.BatchNorm1d(fan_out) if batch_norm else None
        block = [nn.Linear(fan_in, fan_out), *after(norm, activation, dropout)]
        if residual and fan_in == fan_out:
            block = [Residual(*block)]
        layers += block
    return layers
