"""What every network is built of: activations by name, and the stack of dense layers."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from torch import nn

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


def dense_stack(
    widths: Sequence[int], *, activation: str, batch_norm: bool, dropout: float
) -> list[nn.Module]:
    """Returns the layers from widths[0] to widths[-1], each followed by its activation."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(widths):
        norm = nn.BatchNorm1d(fan_out) if batch_norm else None
        layers += [nn.Linear(fan_in, fan_out), *after(norm, activation, dropout)]
    return layers
