"""Convolutions as matrix products against torch's own."""

import pytest
import torch
from torch import nn

from vae_core.models.convolutions import DoublingConv, PictureConv

PAIRS = {
    "doubling": (
        lambda: DoublingConv(5, 3, output_padding=1),
        lambda: nn.ConvTranspose2d(5, 3, 3, 2, 1, output_padding=1),
    ),
    "doubling, odd": (
        lambda: DoublingConv(5, 3, output_padding=0),
        lambda: nn.ConvTranspose2d(5, 3, 3, 2, 1),
    ),
    "grey picture": (lambda: PictureConv(5, 1), lambda: nn.Conv2d(5, 1, 3, padding=1)),
    "coloured picture": (lambda: PictureConv(5, 3), lambda: nn.Conv2d(5, 3, 3, padding=1)),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", PAIRS)
def test_it_is_the_same_map_with_the_same_gradients(name: str, training: bool) -> None:
    torch.manual_seed(0)
    ours, plain = (make().train(training) for make in PAIRS[name])
    plain.load_state_dict(ours.state_dict())
    x = torch.randn(2, 5, 4, 7, requires_grad=True)
    weights = torch.randn(plain(x).shape)
    found = []
    for layer in (ours, plain):
        y = layer(x)
        gradients = torch.autograd.grad((y * weights).sum(), [x, *layer.parameters()])
        found.append((y, *gradients))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)
