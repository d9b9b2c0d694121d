"""A model's weights as one tensor, which the optimizer sees, and a rounded copy to compute with.

One tensor costs one kernel where a network's dozens cost dozens. In bf16 the steps compute with a
copy of the model whose large weights are refreshed from the fp32 masters once a step, after the
optimizer (Micikevicius et al. 2018, arXiv:1710.03740, section 3.1): autocast, which decides what is
computed in which precision, then finds no weight left to cast.
"""

import copy
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from vae_core.models import Autoencoder

# the layers that autocast computes in bf16; the weights of others stay fp32
_HALVED = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


class FlatWeights:
    """All that is learned of a model, whose parameters become views of one tensor.

    Attributes:
        masters: The weights, (N,), fp32, with a gradient: what the optimizer is given.
        computing: The model to take steps with: the given one, or its copy with bf16 weights.
    """

    def __init__(self, model: Autoencoder, *, half: bool) -> None:
        parameters = [*model.parameters()]
        halved = {
            id(p)
            for module in model.modules()
            if half and isinstance(module, _HALVED)
            for p in module.parameters(recurse=False)
        }
        # the halved ones first, so that one operation rounds them
        self._order = sorted(range(len(parameters)), key=lambda k: id(parameters[k]) not in halved)
        self._model = model
        learned = self._ordered(model)
        self._n_halved = sum(p.numel() for p in learned if id(p) in halved)

        shared = (t for t in (*parameters, *model.buffers()) if id(t) not in halved)
        self.computing = _copy(model, shared) if half else model
        flat = torch.empty(sum(p.numel() for p in learned), device=learned[0].device)
        for view, p in zip(_views(flat, learned), learned, strict=True):
            view.copy_(p.detach())
            p.data = view
        self._halves = flat[: self._n_halved].bfloat16()
        self._computed = self._ordered(self.computing)
        rounded = self._computed[: len(halved)]
        for view, p in zip(_views(self._halves, rounded), rounded, strict=True):
            p.data = view
        self.masters = nn.Parameter(flat)
        self.masters.grad = torch.zeros_like(flat)
        self._gradients = _views(self.masters.grad, learned)
        self._rounded_masters = self.masters.detach()[: self._n_halved]
        self._rounded_gradient = self.masters.grad[: self._n_halved]
        self._written = self._halves[:0]

    def sinks(self) -> dict[Tensor, Tensor]:
        """Returns for each parameter of `computing` where to write its gradient instead.

        Each is of the parameter's shape and precision; `collect_written` then takes them.
        """
        halves = torch.zeros_like(self._halves)
        self._written = halves
        n_halved = sum(p.dtype == torch.bfloat16 for p in self._computed)
        views = _views(halves, self._computed[:n_halved]) + self._gradients[n_halved:]
        return dict(zip(self._computed, views, strict=True))  # a tensor's key is its identity

    def collect_written(self) -> None:
        """Moves what was written into the sinks into the gradient of `masters`."""
        self._rounded_gradient.copy_(self._written)

    def collect_gradients(self) -> None:
        """Moves the gradients of `computing` into that of `masters`."""
        found = [p.grad for p in self._computed if p.grad is not None]
        torch._foreach_copy_(self._gradients, found)
        for p in self._computed:
            p.grad = None

    def refresh(self) -> None:
        """Rounds the masters, as they are now, into what `computing` computes with."""
        self._halves.copy_(self._rounded_masters)

    def copy_on(self, flat: Tensor) -> Autoencoder:
        """Returns the model on other weights, (N,), which it views; buffers are shared."""
        copied = _copy(self._model, self._model.buffers())
        own = self._ordered(copied)
        for view, p in zip(_views(flat, own), own, strict=True):
            p.data = view
        return copied

    def _ordered(self, model: Autoencoder) -> list[nn.Parameter]:
        parameters = [*model.parameters()]
        return [parameters[k] for k in self._order]


def _copy(model: Autoencoder, shared: Iterable[Tensor]) -> Autoencoder:
    return copy.deepcopy(model, memo={id(t): t for t in shared})


def _views(flat: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """Returns views of consecutive parts of `flat`, (N,), each laid out as one of `like` is."""
    views, offset = [], 0
    for t in like:
        views.append(flat.as_strided(t.shape, t.stride(), offset))
        offset += t.numel()
    return views
