"""AdamW on one tensor (Loshchilov & Hutter 2019, arXiv:1711.05101), in torch's functional form.

`torch.optim.AdamW` looks for groups, hooks and devices at every step, which costs a small network
on a CPU a twentieth of it, and the functional form still sorts tensors by device; on a CPU its
kernel is called as it is. The arithmetic is the same.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim.adamw import adamw

BETAS, EPSILON = (0.9, 0.999), 1e-8


class AdamW:
    """Moves one tensor, (N,), by its gradient, and remembers the gradient's two moments.

    Attributes:
        masters: What is moved; its gradient must be there.
    """

    def __init__(self, masters: Tensor, *, weight_decay: float) -> None:
        device = masters.device
        self.masters = masters
        self._fused = device.type != "mps"
        # what the functional form calls in the end, once it has sorted tensors by device
        self._direct = device.type == "cpu" and hasattr(torch, "_fused_adamw_")
        # a step that is recorded finds what changes between steps at a fixed place on the device
        self._capturable = device.type == "cuda"
        self._rate: Tensor | float = torch.zeros((), device=device) if self._capturable else 0.0
        on = device if self._fused else "cpu"
        self._state = {
            "step": torch.zeros((), dtype=torch.float32, device=on),
            "exp_avg": torch.zeros_like(masters, requires_grad=False),
            "exp_avg_sq": torch.zeros_like(masters, requires_grad=False),
        }
        assert masters.grad is not None
        self._tensors: tuple[list[Tensor], ...] = (
            [masters],
            [masters.grad],
            [self._state["exp_avg"]],
            [self._state["exp_avg_sq"]],
            [],
            [self._state["step"]],
        )
        self._numbers: Mapping[str, Any] = {
            "beta1": BETAS[0],
            "beta2": BETAS[1],
            "weight_decay": weight_decay,
            "eps": EPSILON,
            "amsgrad": False,
            "maximize": False,
        }

    def set_rate(self, rate: float) -> None:
        """Takes the learning rate of the steps to come."""
        if isinstance(self._rate, Tensor):
            self._rate.fill_(rate)
        else:
            self._rate = rate

    @torch.no_grad()
    def step(self) -> None:
        """Moves the masters once."""
        if self._direct:
            self._state["step"] += 1.0
            torch._fused_adamw_(*self._tensors, lr=self._rate, **self._numbers)
        else:
            masters, gradients, first, second, largest, steps = self._tensors
            adamw(
                masters,
                gradients,
                first,
                second,
                largest,
                steps,
                foreach=False,
                fused=self._fused,
                capturable=self._capturable,
                lr=self._rate,
                **self._numbers,
            )

    def state(self) -> dict[str, Tensor]:
        """Returns the moments, (N,) each, and the number of steps."""
        return dict(self._state)

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Goes on from what `state` returned.

        Raises:
            ValueError: The state is another optimizer's.
            RuntimeError: It is of another shape.
        """
        if state.keys() != self._state.keys():
            raise ValueError("the optimizer's moments were kept by an earlier version")
        for name, kept in self._state.items():
            kept.copy_(state[name])
