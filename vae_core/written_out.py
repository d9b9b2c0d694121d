"""The training step of a dense model with its gradients written out, for a CPU.

Such a network is small: autograd's graph, and its hundred operations on a few numbers each, take up
to a third of a step. Here the chain rule is applied by hand, layer by layer, in the arithmetic that
autocast would choose; each gradient is written where the optimizer's are collected. Whatever is
not a stack of dense layers with the plain objective is left to autograd (see `can_write_out`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from vae_core.config import RunConfig
from vae_core.models.autoencoder import LOGVAR_LIMIT
from vae_core.models.layers import Residual
from vae_core.weights import FlatWeights

_aten = torch.ops.aten


@dataclass(frozen=True)
class _Activation:
    """h = value(a), and what a gradient with respect to h is with respect to a.

    Where the gradient does not ask for a, h may take its place; oneDNN then has a name for the
    activation, and applies it within the product.
    """

    value: Callable[[Tensor], Tensor]
    gradient: Callable[[Tensor, Tensor, Tensor], Tensor]  # of (gradient, a, h)
    within_product: str | None = None


_ACTIVATIONS: Mapping[type[nn.Module], _Activation] = {
    nn.ReLU: _Activation(torch.relu_, lambda g, a, h: _aten.threshold_backward(g, h, 0), "relu"),
    nn.LeakyReLU: _Activation(
        lambda a: F.leaky_relu(a, 0.01),
        lambda g, a, h: _aten.leaky_relu_backward(g, a, 0.01, False),
    ),
    nn.SiLU: _Activation(F.silu, lambda g, a, h: _aten.silu_backward(g, a)),
    nn.GELU: _Activation(F.gelu, lambda g, a, h: _aten.gelu_backward(g, a)),
    nn.Tanh: _Activation(torch.tanh, lambda g, a, h: _aten.tanh_backward(g, h)),
    nn.Identity: _Activation(lambda a: a, lambda g, a, h: g, "none"),
}


def _products_take_activations() -> bool:
    # what torch's own compiler calls: private, so a version or a processor without it does without
    known = torch.ops.mkldnn
    if not (hasattr(known, "_linear_pointwise") and hasattr(known, "_is_mkldnn_bf16_supported")):
        return False
    return bool(known._is_mkldnn_bf16_supported())


def can_write_out(config: RunConfig) -> bool:
    """Returns whether this module knows the model's and the objective's gradients."""
    model, network, objective = config.model, config.model.network, config.objective
    return (
        network.kind == "dense"
        and model.family in ("ae", "vae")
        and model.output == "sigmoid"
        and not (network.batch_norm or network.dropout)
        and objective.kl_form == "gaussian"
        and not objective.free_bits
    )


def _bernoulli(logits: Tensor, x: Tensor) -> tuple[float, Tensor]:
    """Returns the sum of `losses.bernoulli_nll` over a batch, and its gradient, (B, pixels).

    softplus(l) = l - log sigmoid(l), and the gradient wants the sigmoid anyway: a logarithm more is
    a third of softplus' time.
    """
    decoded = torch.sigmoid(logits)
    softplus = logits.sum() - decoded.log().sum()
    if torch.isinf(softplus):  # a sigmoid has become 0, where a logit is below some -87
        softplus = F.softplus(logits).sum()
    total = softplus - torch.dot(logits.flatten(), x.flatten())
    return total.item(), decoded.sub_(x)


def _gaussian(logits: Tensor, x: Tensor) -> tuple[float, Tensor]:
    """Returns the sum of `losses.gaussian_nll` over a batch, and its gradient, (B, pixels)."""
    decoded = torch.sigmoid(logits)
    error = decoded - x
    return error.square().sum().item(), error.mul_(2.0).mul_(decoded).mul_(1.0 - decoded)


_LIKELIHOODS: Mapping[str, Callable[[Tensor, Tensor], tuple[float, Tensor]]] = {
    "bernoulli": _bernoulli,
    "gaussian": _gaussian,
}


class WrittenOutStep:
    """The terms of a batch, and all gradients of their total.

    Args:
        weights: What is trained; its gradients are written into the sinks.
        config: What `can_write_out` says yes to.
    """

    def __init__(self, weights: FlatWeights, config: RunConfig) -> None:
        sinks = weights.sinks()
        self._encoder = _Stack(weights.computing.encoder, sinks)
        self._decoder = _Stack(weights.computing.decoder, sinks)
        self._latent = _Latent if config.model.family == "vae" else _Point
        self._likelihood = _LIKELIHOODS[config.objective.likelihood]
        self._terms = torch.zeros(3)
        self._told = self._terms.numpy()

    @torch.no_grad()
    def __call__(
        self,
        x: Tensor,
        target: Tensor,
        noise: Generator,
        condition: Tensor | None,
        *,
        beta: float,
    ) -> Tensor:
        """Returns the means of total, reconstruction and KL term over the batch, (3,), in nats.

        They stand there until the next step.

        Args:
            x: What the encoder sees, (B, C, H, W).
            target: What is to be reconstructed, (B, C, H, W).
            noise: What z is drawn with.
            condition: One-hot labels, (B, n_classes), where the model wants them.
            beta: Weight of the KL term.
        """
        n, latent = x.shape[0], self._latent()
        z = latent.draw(self._encoder.forward(_with(x.flatten(1), condition)).float(), noise)
        logits = self._decoder.forward(_with(z, condition)).float()
        recon, to_logits = self._likelihood(logits, target.flatten(1))
        to_z = self._decoder.backward(to_logits.div_(n))[:, : z.shape[1]].float()
        kl, to_encoded = latent.backward(to_z, beta)
        self._encoder.backward(to_encoded, to_input=False)
        recon /= n
        self._told[:] = recon + beta * kl, recon, kl
        return self._terms


class _Point:
    """An autoencoder's code: what its encoder says."""

    def draw(self, encoded: Tensor, noise: Generator) -> Tensor:
        """Returns z, (B, D)."""
        return encoded

    def backward(self, to_z: Tensor, beta: float) -> tuple[float, Tensor]:
        """Returns no nats, and the gradient of what the encoder says."""
        return 0.0, to_z


class _Latent:
    """A VAE's code: z = mu + sigma * eps, and what its distribution costs.

    Kingma & Welling 2014, section 2.4 and appendix B, as `distributions.DiagonalGaussian` has them.
    In numpy: so few numbers take torch longer to dispatch than to compute.
    """

    def draw(self, encoded: Tensor, noise: Generator) -> Tensor:
        """Returns z, (B, D), for mu and logvar side by side, (B, 2D)."""
        both = encoded.numpy()
        units = both.shape[1] // 2
        self._mu, said = both[:, :units], both[:, units:]
        self._logvar = np.minimum(np.maximum(said, -LOGVAR_LIMIT), LOGVAR_LIMIT)
        self._learns = self._logvar == said  # what was clamped does not
        self._std = np.exp(0.5 * self._logvar)
        eps = torch.randn(said.shape, generator=noise).numpy()
        self._shift = self._std * eps
        return torch.from_numpy(self._mu + self._shift)

    def backward(self, to_z: Tensor, beta: float) -> tuple[float, Tensor]:
        """Returns KL(q(z|x) || p(z)), a mean over the batch, and the gradient of mu and logvar."""
        gradient = to_z.numpy()
        n, units = gradient.shape
        excess = self._std * self._std - 1.0
        kl = 0.5 * float((self._mu * self._mu + excess - self._logvar).sum()) / n
        weight = np.float32(beta / n)
        to_both = np.empty((n, 2 * units), np.float32)
        to_both[:, :units] = gradient + weight * self._mu
        # dz / dlogvar is half of sigma * eps
        to_both[:, units:] = 0.5 * (gradient * self._shift + weight * excess) * self._learns
        return kl, torch.from_numpy(to_both)


class _Stack:
    """Dense layers one after the other, each with its activation, some with a way around them."""

    def __init__(self, network: nn.Module, sinks: Mapping[Tensor, Tensor]) -> None:
        self._layers = list(_layers(network, sinks))
        self._kept: list[tuple[Tensor, Tensor, Tensor]] = []

    def forward(self, x: Tensor) -> Tensor:
        """Returns the last layer's values, (B, out), for x, (B, in)."""
        self._kept = []
        x = x.to(self._layers[0].weight.dtype)
        for layer in self._layers:
            a, h = layer.values(x)
            self._kept.append((x, a, h))
            x = x + h if layer.residual else h
        return x

    def backward(self, gradient: Tensor, *, to_input: bool = True) -> Tensor:
        """Writes the weights' gradients, and returns that of x, if wanted; takes that of h."""
        gradient = gradient.to(self._layers[0].weight.dtype)
        for layer in reversed(self._layers):
            x, a, h = self._kept.pop()
            to_a = layer.activation.gradient(gradient, a, h)
            torch.mm(to_a.t(), x, out=layer.to_weight)
            torch.sum(to_a, 0, out=layer.to_bias)
            if not (self._kept or to_input):
                break
            if layer.residual:
                gradient = torch.addmm(gradient, to_a, layer.weight)
            else:
                gradient = torch.mm(to_a, layer.weight)
        return gradient


@dataclass(frozen=True)
class _Layer:
    """h = activation(x W^T + b), or x + h where it is residual; and where gradients go."""

    weight: Tensor  # (out, in)
    transposed: Tensor  # (in, out), a view
    bias: Tensor  # (out,)
    to_weight: Tensor
    to_bias: Tensor
    activation: _Activation
    residual: bool
    fused: bool  # whether the product applies the activation

    def values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns a and h, (B, out) each, for x, (B, in); h alone, twice, where a is not kept."""
        if self.fused:
            name = self.activation.within_product
            h = torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, name, [], "")
            return h, h
        a = torch.addmm(self.bias, x, self.transposed)
        return a, self.activation.value(a)


def _layers(
    network: nn.Module, sinks: Mapping[Tensor, Tensor], *, residual: bool = False
) -> Iterator[_Layer]:
    modules = [m for m in network.children() if not isinstance(m, nn.Flatten | nn.Unflatten)]
    for module, following in zip_longest(modules, modules[1:]):
        if isinstance(module, Residual):
            yield from _layers(module, sinks, residual=True)
        elif isinstance(module, nn.Linear):
            activation = _ACTIVATIONS.get(type(following), _ACTIVATIONS[nn.Identity])
            weight, bias = module.weight.detach(), module.bias.detach()
            yield _Layer(
                weight,
                weight.t(),
                bias,
                sinks[module.weight],
                sinks[module.bias],
                activation,
                residual,
                fused=weight.dtype == torch.bfloat16
                and activation.within_product is not None
                and _products_take_activations(),
            )
        else:
            assert type(module) in _ACTIVATIONS, module


def _with(vectors: Tensor, condition: Tensor | None) -> Tensor:
    return vectors if condition is None else torch.cat((vectors, condition), dim=1)
