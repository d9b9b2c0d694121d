"""What a network is made of, read from its modules while one image passes through them.

Nothing is written down twice: kinds, shapes and counts come from the modules that run, so a diagram
cannot differ from the model. How it is drawn is the front end's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vae_core.config import ModelConfig
from vae_core.models import build
from vae_core.models.vq import Codebook

FLOWING = ("encoder", "decoder")  # parts that an image passes through, layer by layer
Shape = tuple[int, ...]  # of one image's tensor, without the batch axis


@dataclass(frozen=True)
class Layer:
    """One module that does work.

    Attributes:
        kind: Its class, such as "Conv2d".
        detail: What sets it apart, such as "3x3, stride 2"; may be empty.
        shape: What it puts out for one image.
        parameters: Its trainable numbers.
    """

    kind: str
    detail: str
    shape: Shape
    parameters: int


@dataclass(frozen=True)
class Part:
    """A part of the model: what goes in, its layers in the order in which they run, its size.

    A codebook and its prior have no layers that an image passes through.
    """

    name: str
    shape: Shape
    layers: tuple[Layer, ...]
    parameters: int


@dataclass(frozen=True)
class Architecture:
    """A model's parts, in the order in which an image meets them, and its size as a whole."""

    parts: tuple[Part, ...]
    parameters: int


def architecture(config: ModelConfig) -> Architecture:
    """Returns the architecture of the model that has these settings.

    A fresh model is built for it: hooks on one that other threads run would hear them too.
    """
    model = build(config).eval()
    seen: dict[str, list[Layer]] = {}
    entered: dict[str, Shape] = {}
    for name, part in model.named_children():
        if isinstance(part, Codebook):
            entered[name] = tuple(part.vectors.shape)
        if name not in FLOWING:
            continue
        part.register_forward_pre_hook(_entry(entered, seen, name))
        for module in part.modules():
            if not any(True for _ in module.children()):
                module.register_forward_hook(_exit(seen, name))
    with torch.inference_mode():
        x = torch.zeros(1, config.channels, config.image_size, config.image_size)
        condition = torch.zeros(1, config.n_classes) if config.n_classes else None
        model.decode(model.encode(x, condition).mode(), condition)
    parts = tuple(
        Part(name, entered.get(name, ()), tuple(seen.get(name, ())), count(part))
        for name, part in model.named_children()
    )
    return Architecture(parts, sum(part.parameters for part in parts))


def count(module: nn.Module) -> int:
    """Returns how many numbers a module learns, be it by gradients or, as a codebook, without."""
    learned = [module.vectors] if isinstance(module, Codebook) else module.parameters()
    return sum(tensor.numel() for tensor in learned)


def _entry(
    entered: dict[str, Shape], seen: dict[str, list[Layer]], name: str
) -> Callable[..., None]:
    def hook(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        entered[name] = tuple(inputs[0].shape[1:])
        seen.setdefault(name, [])

    return hook


def _exit(seen: dict[str, list[Layer]], name: str) -> Callable[..., None]:
    def hook(module: nn.Module, inputs: tuple[Any, ...], output: object) -> None:
        if isinstance(output, Tensor):
            shape = tuple(output.shape[1:])
            layer = Layer(type(module).__name__, _detail(module), shape, count(module))
            seen[name].append(layer)

    return hook


def _detail(module: nn.Module) -> str:
    if isinstance(module, nn.Linear):
        return f"{module.in_features} → {module.out_features}"
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        size = " × ".join(map(str, module.kernel_size))
        channels = f"{module.in_channels} → {module.out_channels}"
        return f"{channels}, {size}, /{module.stride[0]}"
    if isinstance(module, nn.Dropout):
        return f"{module.p:g}"
    return ""
