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
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn.utils import clip_grad_norm_

from vae_core.captured import CapturedStep
from vae_core.config import RunConfig
from vae_core.data import Images
from vae_core.devices import resolve_precision
from vae_core.errors import DataError, RunError
from vae_core.losses import negative_elbo
from vae_core.models import VQVAE, Autoencoder, build
from vae_core.optimizer import AdamW
from vae_core.schedules import kl_weight, learning_rate
from vae_core.weights import FlatWeights
from vae_core.written_out import WrittenOutStep, can_write_out

PROGRESS_INTERVAL_S = 0.2
EVALUATION_BATCH = 1000
# shares of the first epoch after which its state is shown
SNAPSHOTS = (0, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)


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
class Snapshot:
    """Before or within the first epoch, where most happens; `step` counts the steps done."""

    step: int
    trainer: "Trainer"


@dataclass(frozen=True)
class EpochEnd:
    """An epoch's figures; `trainer` holds the state to save before the next event is asked for."""

    epoch: int
    train: Terms
    held_out: Terms
    learning_rate: float
    seconds: float
    trainer: "Trainer"


Event = Progress | Snapshot | EpochEnd


class Trainer:
    """A model, its optimizer and the data, between two epochs.

    Args:
        config: What to train; decides the weights together with device, threads and versions.
        images: The training images.
        held_out: Images that are only measured.
        device: Where to compute.
        precision: "fp32" or "bf16"; what the config's comes to on this device if None.
    """

    def __init__(
        self,
        config: RunConfig,
        images: Images,
        held_out: Images,
        *,
        device: torch.device,
        precision: str | None = None,
    ) -> None:
        check_shape(config, images)
        self.config = config
        self.device = device
        self.epochs_done = 0
        self.precision = precision or resolve_precision(config.train.precision, device)
        self._convolutional = config.model.network.kind == "conv"
        self.model = build(config.model, seed=config.train.seed).to(device)
        if self._convolutional:
            self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._weights = FlatWeights(self.model, half=self.precision == "bf16")
        decay = config.train.ema_decay
        self._average = _Average(self._weights, decay) if decay else None
        on_cuda = device.type == "cuda"
        # a step that is recorded finds what changes between steps at a fixed place on the device
        self._beta: Tensor | float = torch.zeros((), device=device) if on_cuda else 0.0
        self.optimizer = AdamW(self._weights.masters, weight_decay=config.train.weight_decay)
        self._noise = Generator(device)
        self._captured = (
            CapturedStep(self._take, device, batch_size=config.train.batch_size)
            if on_cuda and _recordable(config)
            else None
        )
        self._written_out = (
            WrittenOutStep(self._weights, config)
            if device.type == "cpu" and can_write_out(config)
            else None
        )
        self._x = torch.from_numpy(images.x[: config.data.limit]).to(device)  # uint8
        self._y = torch.from_numpy(images.y[: config.data.limit]).to(device)
        self._held_out = _pixels(torch.from_numpy(held_out.x).to(device))
        self._held_out_y = torch.from_numpy(held_out.y).to(device)

    @property
    def kept(self) -> Autoencoder:
        """The model that is measured and kept: the average of the weights where one is wanted."""
        return self.model if self._average is None else self._average.model

    @property
    def replays(self) -> bool:
        """Whether steps have been recorded on a CUDA device, and are replayed."""
        return self._captured is not None and self._captured.recorded

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

        The first epoch yields a `Snapshot` before it and after some of its steps as well.

        Raises:
            RunError: The loss is no longer finite; the state before that epoch is what was yielded
            last.
        """
        for epoch in range(self.epochs_done + 1, self.config.train.epochs + 1):
            yield from self._epoch(epoch)

    def _epoch(self, epoch: int) -> Iterator[Event]:
        begin = last = time.monotonic()
        train, steps = self.config.train, self.steps_per_epoch
        shuffler = Generator().manual_seed(stream_seed(train.seed, epoch, "order"))
        order = torch.randperm(len(self._x), generator=shuffler).to(self.device)
        noise = self._noise if self._captured is None else self._captured.noise
        noise.manual_seed(stream_seed(train.seed, epoch, "noise"))
        sums = torch.zeros(3, device=self.device)
        seen = 0
        snapshots = {round(share * steps) for share in SNAPSHOTS} if epoch == 1 else set()
        self._weights.computing.train()
        for step in range(steps):
            number = (epoch - 1) * steps + step
            if step in snapshots:
                yield Snapshot(step, self)
                self._weights.computing.train()
            batch = order[step * train.batch_size : (step + 1) * train.batch_size]
            with self._layer_randomness(number):
                rate = learning_rate(train, number, steps)
                sums.add_(self._step(batch, rate, number), alpha=batch.shape[0])
            seen += batch.shape[0]
            if time.monotonic() - last >= PROGRESS_INTERVAL_S:
                last = time.monotonic()
                yield Progress(epoch, step + 1, steps)
        figures = Terms(*(sums / seen).tolist())
        if not np.isfinite(figures.total):
            raise RunError("diverged", value=figures.total, epoch=epoch)
        self.epochs_done = epoch
        held_out = self.evaluate(self._held_out, self._held_out_y, seed=train.seed)
        yield EpochEnd(epoch, figures, held_out, rate, time.monotonic() - begin, self)

    def _step(self, rows: Tensor, rate: float, number: int) -> Tensor:
        """Takes one step on these rows, (B,), of the data; returns its terms, (3,)."""
        beta = kl_weight(self.config.objective, number, self.steps_per_epoch)
        if isinstance(self._beta, Tensor):
            self._beta.fill_(beta)
        else:
            self._beta = beta
        self.optimizer.set_rate(rate)
        figures = self._captured(rows) if self._captured else self._take(rows, self._noise)
        if self._average is not None:
            self._average.follow(number)
        return figures

    def _take(self, rows: Tensor, noise: Generator) -> Tensor:
        x = _pixels(self._x.index_select(0, rows))
        condition = self._condition(self._y.index_select(0, rows))
        if self._written_out is not None:
            assert isinstance(self._beta, float)
            seen = self._noisy(x, noise)
            figures = self._written_out(seen, x, noise, condition, beta=self._beta)
            self._weights.collect_written()
        else:
            figures = self._backward(x, noise, condition)
        if self.config.train.clip_norm:
            clip_grad_norm_([self._weights.masters], self.config.train.clip_norm)
        self.optimizer.step()
        self._weights.refresh()
        return figures

    def _backward(self, x: Tensor, noise: Generator, condition: Tensor | None) -> Tensor:
        """Leaves the gradients of a batch x, (B, C, H, W), for the optimizer; returns its terms."""
        if self._convolutional:
            x = x.contiguous(memory_format=torch.channels_last)
        objective = self.config.objective
        with self._autocast():
            output = self._weights.computing(self._noisy(x, noise), noise, condition)
        terms = negative_elbo(
            output,
            x,
            likelihood=objective.likelihood,
            beta=self._beta,
            kl_form=objective.kl_form,
            free_bits=objective.free_bits,
            commitment_weight=objective.commitment_weight,
        )
        terms.total.backward()  # type: ignore[no-untyped-call]
        self._weights.collect_gradients()
        self.model.learn_codebook(output, noise)
        return torch.stack((terms.total, terms.recon, terms.kl)).detach()

    def _condition(self, y: Tensor) -> Tensor | None:
        """Returns labels (B,) one-hot, (B, n_classes), where the model wants them."""
        n_classes = self.config.model.n_classes
        return F.one_hot(y, n_classes).float() if n_classes else None

    def _noisy(self, x: Tensor, noise: Generator) -> Tensor:
        std = self.config.objective.noise
        return noisy(x, std, noise) if std else x

    @contextmanager
    def _layer_randomness(self, step: int) -> Iterator[None]:
        """Seeds the global generators that dropout draws from, and gives the old state back."""
        if not self.config.model.network.dropout:
            yield
            return
        devices = [torch.cuda.current_device()] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(stream_seed(self.config.train.seed, step, "layers"))
            yield

    def _autocast(self) -> AbstractContextManager[object]:
        if self.precision == "bf16":
            return torch.autocast(self.device.type, dtype=torch.bfloat16)
        return nullcontext()

    @torch.inference_mode()
    def evaluate(self, x: Tensor, y: Tensor, *, seed: int) -> Terms:
        """Returns the objective's terms on images x, (N, C, H, W), in fp32, one z per image.

        The labels y, (N,), count where they condition the model.
        """
        model = self.kept.eval()
        objective = self.config.objective
        noise = torch.Generator(self.device).manual_seed(seed)
        sums = torch.zeros(3, dtype=torch.float64)
        for batch, labels in _batches(x, y):
            terms = negative_elbo(
                model(batch, noise, self._condition(labels)),
                batch,
                likelihood=objective.likelihood,
                beta=objective.beta,
                kl_form=objective.kl_form,
                free_bits=objective.free_bits,
                commitment_weight=objective.commitment_weight,
            )
            sums += torch.stack((terms.total, terms.recon, terms.kl)).cpu().double() * len(batch)
        return Terms(*(sums / len(x)).tolist())

    @torch.inference_mode()
    def held_out_codes(self) -> NDArray[np.float32]:
        """Returns the most likely codes of the held-out images, (N, D)."""
        model = self.kept.eval()
        codes = [
            model.encode(x, self._condition(y)).mode()
            for x, y in _batches(self._held_out, self._held_out_y)
        ]
        return torch.cat(codes).cpu().numpy()

    @torch.inference_mode()
    def decode(self, z: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float32]:
        """Returns images (B, C, H, W) for codes (B, D); labels (B,) count where they condition."""
        condition = self._condition(torch.from_numpy(labels).to(self.device))
        codes = torch.from_numpy(z).to(self.device)
        return self.kept.eval().decode(codes, condition).cpu().numpy()

    @torch.inference_mode()
    def prior_samples(self, n: int, *, seed: int) -> NDArray[np.float32]:
        """Returns n pictures of codes drawn from the prior, (n, C, H, W)."""
        model, noise = self.kept.eval(), torch.Generator(self.device).manual_seed(seed)
        if isinstance(model, VQVAE):
            indices = model.prior.sample(n, noise).reshape(n, model.side, model.side)
            return model.decode_indices(indices).cpu().numpy()
        z = torch.randn(n, model.code_size, generator=noise, device=self.device)
        return model.decode(z).cpu().numpy()

    @torch.inference_mode()
    def first_reconstructions(self, n: int) -> NDArray[np.float32]:
        """Returns the first held-out image of each class as the model rebuilds it, (n, C, H, W).

        Classes beyond the n-th are left out; with fewer than n, they come round again.
        """
        labels = torch.unique(self._held_out_y)
        rows = [int((self._held_out_y == label).nonzero()[0]) for label in labels]
        chosen = torch.tensor([rows[k % len(rows)] for k in range(n)], device=self.device)
        model, condition = self.kept.eval(), self._condition(self._held_out_y[chosen])
        z = model.encode(self._held_out[chosen], condition).mode()
        return model.decode(z, condition).cpu().numpy()

    def state(self) -> dict[str, Tensor]:
        """Returns all that resuming needs, as named tensors on the CPU."""
        state = {f"model.{name}": t for name, t in self.model.state_dict().items()}
        state |= {f"optimizer.{name}": t for name, t in self.optimizer.state().items()}
        if self._average is not None:
            state["average"] = self._average.flat
        state["epochs_done"] = torch.tensor(self.epochs_done)
        return {name: t.detach().cpu().contiguous() for name, t in state.items()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Goes on from what `state` returned.

        Raises:
            KeyError, RuntimeError, ValueError: The state is another model's, or another version's.
        """
        self.model.load_state_dict(_part(state, "model."))
        self._weights.refresh()
        if self._average is not None:
            self._average.flat.copy_(state["average"])
        self.optimizer.restore(_part(state, "optimizer."))
        self.epochs_done = int(state["epochs_done"])


class _Average:
    """The exponential moving average of the weights, over all steps while they are few.

    The decay climbs to its value as (1 + step) / (10 + step), so that the weights before the first
    step are soon forgotten.
    """

    def __init__(self, weights: FlatWeights, decay: float) -> None:
        self.flat = weights.masters.detach().clone()
        self.model = weights.copy_on(self.flat)
        self._weights, self._decay = weights, decay

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Moves towards the weights after a step (0-based)."""
        decay = min(self._decay, (1 + step) / (10 + step))
        self.flat.lerp_(self._weights.masters, 1 - decay)


def noisy(x: Tensor, std: float, generator: Generator) -> Tensor:
    """Returns images x with Gaussian noise of this standard deviation, kept in [0, 1]."""
    eps = torch.randn(x.shape, generator=generator, device=x.device)
    return (x + std * eps).clamp(0.0, 1.0)


def check_shape(config: RunConfig, images: Images) -> None:
    """Makes sure that a model takes these images, and their labels where it is conditional.

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
    n_classes = config.model.n_classes
    if n_classes and len(images.class_names) != n_classes:
        raise DataError(
            "data-classes", wanted=n_classes, name=images.name, value=len(images.class_names)
        )


def _recordable(config: RunConfig) -> bool:
    # dropout draws from the global generator, and a codebook asks the device between kernels
    return not (config.model.network.dropout or config.model.family == "vq")


def _batches(x: Tensor, y: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    yield from zip(torch.split(x, EVALUATION_BATCH), torch.split(y, EVALUATION_BATCH), strict=True)


def _part(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): t for k, t in state.items() if k.startswith(prefix)}


def _pixels(x: Tensor) -> Tensor:
    """Returns uint8 images as numbers in [0, 1]."""
    return x.float().div_(255.0)


def stream_seed(seed: int, number: int, purpose: str) -> int:
    """Returns what a generator is seeded with, for an epoch's or a step's "order" or "noise"."""
    # hashing keeps the streams of neighbouring seeds, epochs or steps, and purposes apart
    digest = hashlib.sha256(f"{seed}/{number}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:7], "big")
