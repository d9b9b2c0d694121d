"""Training as a generator of frozen events, seeded and resumable bit for bit.

The data are one tensor on the device; an epoch is a seeded permutation of its rows. All randomness
of epoch e comes from generators seeded with (seed, e), and the learning rate is a function of the
step, so weights, optimizer state and the number of finished epochs are the whole state. Nothing
here touches a disk.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from vae_core.config import RunConfig
from vae_core.data import Images
from vae_core.devices import resolve_precision
from vae_core.errors import DataError, RunError
from vae_core.losses import negative_elbo
from vae_core.models import build
from vae_core.schedules import learning_rate

PROGRESS_INTERVAL_S = 0.2
EVALUATION_BATCH = 1000


@dataclass(frozen=True)
class Terms:
    """Means over images, nats per image."""

    total: float
    recon: float
    kl: float


@dataclass(frozen=True)
class Progress:
    """Within an epoch: how many of its steps are done (no loss: reading one would stall a GPU)."""

    epoch: int
    step: int
    steps: int


@dataclass(frozen=True)
class EpochEnd:
    """An epoch's figures; `trainer` holds the state to save before the next event is asked for."""

    epoch: int
    train: Terms
    held_out: Terms
    learning_rate: float
    seconds: float
    trainer: "Trainer"


Event = Progress | EpochEnd


class Trainer:
    """A model, its optimizer and the data, between two epochs.

    Args:
        config: What to train; decides the weights together with device, threads and versions.
        images: The training images.
        held_out: Images that are only measured.
        device: Where to compute.
    """

    def __init__(
        self, config: RunConfig, images: Images, held_out: Images, *, device: torch.device
    ) -> None:
        check_shape(config, images)
        self.config = config
        self.device = device
        self.epochs_done = 0
        self.precision = resolve_precision(config.train.precision, device)
        self._convolutional = config.model.network.kind == "conv"
        self.model = build(config.model, seed=config.train.seed).to(device)
        if self._convolutional:
            self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=config.train.learning_rate,
            weight_decay=config.train.weight_decay,
            fused=device.type != "mps",
        )
        self._x = _on_device(images.x[: config.data.limit], device)
        self._held_out = _on_device(held_out.x, device)

    @property
    def n_images(self) -> int:
        """How many images are trained on."""
        return len(self._x)

    @property
    def steps_per_epoch(self) -> int:
        """Batches an epoch; a last batch of one would stop batch normalization, and is left out."""
        full, rest = divmod(len(self._x), self.config.train.batch_size)
        return full + (rest > 1)

    def epochs(self) -> Iterator[Event]:
        """Trains the epochs that are left, yielding `Progress` within and `EpochEnd` after each.

        Raises:
            RunError: The loss is no longer finite; the state before that epoch is what was yielded
            last.
        """
        for epoch in range(self.epochs_done + 1, self.config.train.epochs + 1):
            yield from self._epoch(epoch)

    def _epoch(self, epoch: int) -> Iterator[Event]:
        begin = last = time.monotonic()
        train, steps = self.config.train, self.steps_per_epoch
        order = torch.randperm(len(self._x), generator=_generator(train.seed, epoch, "order"))
        order = order.to(self.device)
        noise = _generator(train.seed, epoch, "noise", self.device)
        sums = torch.zeros(3, device=self.device)
        seen = 0
        self.model.train()
        for step in range(steps):
            number = (epoch - 1) * steps + step
            batch = order[step * train.batch_size : (step + 1) * train.batch_size]
            with self._layer_randomness(number):
                rate = learning_rate(train, number, steps)
                sums += self._step(self._x[batch], noise, rate) * len(batch)
            seen += len(batch)
            if time.monotonic() - last >= PROGRESS_INTERVAL_S:
                last = time.monotonic()
                yield Progress(epoch, step + 1, steps)
        figures = Terms(*(sums / seen).tolist())
        if not np.isfinite(figures.total):
            raise RunError("diverged", value=figures.total, epoch=epoch)
        self.epochs_done = epoch
        held_out = self.evaluate(self._held_out, seed=train.seed)
        yield EpochEnd(epoch, figures, held_out, rate, time.monotonic() - begin, self)

    def _step(self, x: Tensor, noise: Generator, rate: float) -> Tensor:
        if self._convolutional:
            x = x.contiguous(memory_format=torch.channels_last)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        objective = self.config.objective
        with self._autocast():
            output = self.model(x, noise)
        terms = negative_elbo(output, x, likelihood=objective.likelihood, beta=objective.beta)
        self.optimizer.zero_grad(set_to_none=True)
        terms.total.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return torch.stack((terms.total, terms.recon, terms.kl)).detach()

    @contextmanager
    def _layer_randomness(self, step: int) -> Iterator[None]:
        """Seeds the global generators that dropout draws from, and gives the old state back."""
        if not self.config.model.network.dropout:
            yield
            return
        devices = [torch.cuda.current_device()] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            seed = _generator(self.config.train.seed, step, "layers").initial_seed()
            torch.manual_seed(seed)
            yield

    def _autocast(self) -> AbstractContextManager[object]:
        if self.precision == "bf16":
            return torch.autocast(self.device.type, dtype=torch.bfloat16)
        return nullcontext()

    @torch.inference_mode()
    def evaluate(self, x: Tensor, *, seed: int) -> Terms:
        """Returns the objective's terms on images x, (N, C, H, W), in fp32, one z per image."""
        self.model.eval()
        objective = self.config.objective
        noise = torch.Generator(self.device).manual_seed(seed)
        sums = torch.zeros(3, dtype=torch.float64)
        for batch in torch.split(x, EVALUATION_BATCH):
            terms = negative_elbo(
                self.model(batch, noise),
                batch,
                likelihood=objective.likelihood,
                beta=objective.beta,
            )
            sums += torch.stack((terms.total, terms.recon, terms.kl)).double().cpu() * len(batch)
        return Terms(*(sums / len(x)).tolist())

    @torch.inference_mode()
    def held_out_codes(self) -> NDArray[np.float32]:
        """Returns the most likely codes of the held-out images, (N, D)."""
        self.model.eval()
        codes = [self.model.encode(x).mode() for x in torch.split(self._held_out, EVALUATION_BATCH)]
        return torch.cat(codes).cpu().numpy()

    def state(self) -> dict[str, Tensor]:
        """Returns all that resuming needs, as named tensors on the CPU."""
        state = {f"model.{name}": t for name, t in self.model.state_dict().items()}
        for number, moments in self.optimizer.state_dict()["state"].items():
            state |= {f"optimizer.{number}.{name}": t for name, t in moments.items()}
        state["epochs_done"] = torch.tensor(self.epochs_done)
        return {name: t.detach().cpu().contiguous() for name, t in state.items()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Goes on from what `state` returned.

        Raises:
            KeyError, RuntimeError: The state is another model's.
        """
        model = {k.removeprefix("model."): t for k, t in state.items() if k.startswith("model.")}
        self.model.load_state_dict(model)
        moments: dict[int, dict[str, Tensor]] = {}
        for key, tensor in state.items():
            if key.startswith("optimizer."):
                _, number, name = key.split(".")
                moments.setdefault(int(number), {})[name] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        self.epochs_done = int(state["epochs_done"])


def check_shape(config: RunConfig, images: Images) -> None:
    """Makes sure that a model takes these images.

    Raises:
        DataError: It does not.
    """
    side = config.model.image_size
    wanted = (config.model.channels, side, side)
    if images.x.shape[1:] != wanted:
        raise DataError(
            "data-shape",
            wanted="x".join(map(str, wanted)),
            name=images.name,
            value="x".join(map(str, images.x.shape[1:])),
        )


def _on_device(x: NDArray[np.uint8], device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(x)).to(device).float().div_(255.0)


def _generator(
    seed: int, number: int, purpose: str, device: torch.device | str = "cpu"
) -> Generator:
    # hashing keeps the streams of neighbouring seeds, epochs or steps, and purposes apart
    digest = hashlib.sha256(f"{seed}/{number}/{purpose}".encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:7], "big"))
