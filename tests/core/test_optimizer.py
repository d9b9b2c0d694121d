"""Laws of the optimizer: it is torch's AdamW, and goes on from what it remembers."""

import pytest
import torch
from torch import Tensor, nn

from vae_core.optimizer import BETAS, EPSILON, AdamW

RATES = [1e-2, 3e-3, 1e-3, 5e-4, 1e-3, 2e-2]


def gradients(n: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(n, generator=generator) * 10.0**k for k in range(-3, 3)]


def weights(n: int = 77) -> nn.Parameter:
    masters = nn.Parameter(torch.linspace(-2, 2, n))
    masters.grad = torch.zeros(n)
    return masters


def step(masters: nn.Parameter, optimizer: AdamW, rate: float, gradient: Tensor) -> None:
    assert masters.grad is not None
    masters.grad.copy_(gradient)
    optimizer.set_rate(rate)
    optimizer.step()


@pytest.mark.parametrize("direct", [True, False], ids=["kernel", "functional"])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_it_moves_weights_as_torchs_own_does(decay: float, direct: bool) -> None:
    ours, theirs = weights(), weights()
    optimizer = AdamW(ours, weight_decay=decay)
    optimizer._direct = optimizer._direct and direct
    peer = torch.optim.AdamW([theirs], betas=BETAS, eps=EPSILON, weight_decay=decay, fused=True)
    for rate, gradient in zip(RATES, gradients(77), strict=True):
        step(ours, optimizer, rate, gradient)
        assert theirs.grad is not None
        theirs.grad.copy_(gradient)
        peer.param_groups[0]["lr"] = rate
        peer.step()
        assert torch.equal(ours, theirs)


def test_it_goes_on_from_what_it_remembers() -> None:
    steps = list(zip(RATES, gradients(77), strict=True))
    whole, first = weights(), weights()
    optimizer, earlier = (AdamW(one, weight_decay=0.1) for one in (whole, first))
    for rate, gradient in steps:
        step(whole, optimizer, rate, gradient)
    for rate, gradient in steps[:3]:
        step(first, earlier, rate, gradient)
    later = AdamW(first, weight_decay=0.1)
    later.restore({name: kept.clone() for name, kept in earlier.state().items()})
    for rate, gradient in steps[3:]:
        step(first, later, rate, gradient)
    assert torch.equal(whole, first)
