"""Encoding and decoding for everybody who has arrays: numpy in, numpy out, batched, thread-safe.

A session shares one model among threads: evaluation mode, gradients off, never changed. `to_uint8`
is the one way in which decoded pictures become bytes, so that screen, server, command line and
export show the same.
"""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from threading import Lock

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.func import jvp

from vae_core.devices import keep_freed_memory, resolve_device
from vae_core.distributions import DiagonalGaussian
from vae_core.errors import InputError
from vae_core.losses import bernoulli_nll, gaussian_kl, gaussian_nll
from vae_core.models import VQVAE, DecodedImages, EncodedImages
from vae_core.runs import Run

# at a time; so few that the maps of a convolutional decoder stay in the processor's cache
BATCH = {"dense": 128, "conv": 32}

Labels = ArrayLike | None

# torch keeps the level of forward differentiation in one global for all threads
_FORWARD = Lock()


@dataclass(frozen=True)
class Codes:
    """Posteriors of N images: `mu` (N, D); `logvar` (N, D), or None for an autoencoder's points."""

    mu: NDArray[np.float32]
    logvar: NDArray[np.float32] | None

    @property
    def std(self) -> NDArray[np.float32] | None:
        """Standard deviations, (N, D), or None."""
        return None if self.logvar is None else np.exp(0.5 * self.logvar)


@dataclass(frozen=True)
class Ledger:
    """What each of N images costs: `recon` (N,) and `kl` (N, D) in nats; `mse` (N,) per pixel."""

    recon: NDArray[np.float32]
    kl: NDArray[np.float32]
    mse: NDArray[np.float32]

    @property
    def total(self) -> NDArray[np.float32]:
        """Recon + KL, (N,), in nats: -ELBO for one z, at beta 1."""
        return np.asarray(self.recon + self.kl.sum(1))


class Session:
    """A run's model, ready to use. Make one with `open_session`.

    Where the run is conditional, `n_classes` is not 0 and every verb wants `labels`: one class for
    all, or one for each image or code, (N,).

    Attributes:
        latent_dim: Numbers in a code, D; of a VQ-VAE, of the whole flattened map of vectors.
        image_shape: (C, H, W).
        n_classes: How many classes the model is told apart; 0 where it is told none.
        codebook: A VQ-VAE's vectors, (K, length); None elsewhere.
        code_side: Side of a VQ-VAE's map of indices; 0 elsewhere.
    """

    def __init__(self, run: Run, device: torch.device) -> None:
        self.run = run
        self._device = device
        self._model = run.model().to(device)
        config = run.card.config.model
        self._batch = BATCH[config.network.kind]
        if config.network.kind == "conv":
            keep_freed_memory()
            self._model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.latent_dim: int = self._model.code_size
        self.image_shape = (config.channels, config.image_size, config.image_size)
        self.n_classes: int = config.n_classes
        self.codebook: NDArray[np.float32] | None = None
        self.code_side = 0
        if isinstance(self._model, VQVAE):
            self.codebook = self._model.codebook.vectors.cpu().numpy()
            self.code_side = self._model.side

    def encode(self, x: ArrayLike, labels: Labels = None) -> Codes:
        """Returns the posteriors of images x: (N, C, H, W) or (N, H, W), uint8 or in [0, 1].

        Raises:
            InputError: The shape or the numbers are not those of images, or labels are amiss.
        """
        mu, logvar = [], []
        with torch.inference_mode():
            for batch, condition in self._batches(self._images(x), labels):
                posterior = self._model.encode(batch, condition)
                mu.append(posterior.mode())
                if isinstance(posterior, DiagonalGaussian):
                    logvar.append(posterior.logvar)
        return Codes(_numpy(mu), _numpy(logvar) if logvar else None)

    def decode(self, z: ArrayLike, labels: Labels = None) -> NDArray[np.float32]:
        """Returns images in [0, 1], (N, C, H, W), for codes z, (N, D).

        Raises:
            InputError: The shape is another, a number is not finite, or labels are amiss.
        """
        codes = self._codes(z)
        if len(codes) == 0:
            return np.zeros((0, *self.image_shape), dtype=np.float32)
        batches = list(self._batches(codes, labels))
        # where torch leaves the other cores alone, as in the server, a large grid takes them itself
        workers = 1 if torch.get_num_threads() > 1 else min(os.cpu_count() or 1, len(batches))
        if workers == 1:
            return _numpy(map(self._decode, batches))
        with ThreadPoolExecutor(workers) as pool:
            return _numpy(pool.map(self._decode, batches))

    def _decode(self, batch: tuple[Tensor, Tensor | None]) -> Tensor:
        with torch.inference_mode():  # of a thread, not of a process
            return self._model.decode(*batch)

    def metric(
        self, z: ArrayLike, labels: Labels = None, *, directions: ArrayLike | None = None
    ) -> NDArray[np.float64]:
        """Returns J^T J of the decoder at codes z (N, D), (N, D, D): what a step costs in pixels.

        J is the derivative of the decoded image, in [0, 1], by z. v^T J^T J v is the squared
        distance, over all pixels, by which a small step v changes the picture. One forward
        derivative per direction, exact, whatever the network.

        Args:
            z: As `decode`.
            labels: As `decode`.
            directions: Steps (K, D) to take instead of those along the D units; then (N, K, K).

        Raises:
            InputError: As `decode`.
        """
        steps = np.eye(self.latent_dim) if directions is None else directions
        units = self._codes(steps)
        metrics = [np.zeros((0, len(units), len(units)))]
        for batch, condition in self._batches(self._codes(z), labels):
            decode = partial(self._model.decode, condition=condition)
            with _FORWARD, torch.no_grad():
                columns = [
                    jvp(decode, (batch,), (unit.expand_as(batch),))[1].flatten(1) for unit in units
                ]
            # on the host: Apple's devices have no float64
            jacobian = torch.stack(columns, dim=2).cpu().double()  # (B, C * H * W, D)
            metrics.append((jacobian.mT @ jacobian).numpy())
        return np.concatenate(metrics)

    def reconstruct(self, x: ArrayLike, labels: Labels = None) -> NDArray[np.float32]:
        """Returns the decoded most likely codes of images x, (N, C, H, W).

        Raises:
            InputError: As `encode`.
        """
        return self.decode(self.encode(x, labels).mu, labels)

    def ledger(self, x: ArrayLike, labels: Labels = None, *, seed: int | None = None) -> Ledger:
        """Returns what images x cost, whatever the training loss was: Bernoulli nats, KL, MSE.

        Args:
            x: As `encode`.
            labels: As `encode`.
            seed: One z per image is drawn from the posterior with this seed; at its mode if None.

        Raises:
            InputError: As `encode`.
        """
        recon, kl, mse = [], [], []
        generator = torch.Generator(self._device).manual_seed(seed or 0)
        with torch.inference_mode():
            for batch, condition in self._batches(self._images(x), labels):
                posterior = self._model.encode(batch, condition)
                z = posterior.mode() if seed is None else posterior.sample(generator)
                logits = self._model.decode_logits(z, condition)
                recon.append(bernoulli_nll(logits, batch))
                kl.append(gaussian_kl(posterior))
                mse.append(gaussian_nll(logits, batch) / batch[0].numel())
        return Ledger(_numpy(recon), _numpy(kl), _numpy(mse))

    # --- of a VQ-VAE ---

    def encode_indices(self, x: ArrayLike) -> NDArray[np.int64]:
        """Returns which codebook vectors stand for images x, (N, side, side).

        Raises:
            InputError: As `encode`, or the run is no VQ-VAE.
        """
        model, found = self._vq(), []
        with torch.inference_mode():
            for batch, _ in self._batches(self._images(x), None):
                found.append(model.encode(batch).indices)
        return torch.cat(found).cpu().numpy()

    def decode_indices(self, indices: ArrayLike) -> NDArray[np.float32]:
        """Returns images in [0, 1], (N, C, H, W), for maps of indices, (N, side, side).

        Raises:
            InputError: The shape is another, an index names no vector, or the run is no VQ-VAE.
        """
        model, found = self._vq(), np.asarray(indices)
        if found.ndim != 3 or found.shape[1:] != (self.code_side, self.code_side):
            wanted = f"(N, {self.code_side}, {self.code_side})"
            raise InputError("input-shape", what="indices", wanted=wanted, value=found.shape)
        last = len(model.codebook.vectors) - 1
        if found.dtype.kind not in "iu" or ((found < 0) | (found > last)).any():
            raise InputError(
                "input-range", what="indices", low=0, high=last, value=found.ravel()[:4].tolist()
            )
        with torch.inference_mode():
            batches = torch.split(torch.from_numpy(found.astype(np.int64)), self._batch)
            return _numpy([model.decode_indices(batch.to(self._device)) for batch in batches])

    def sample_indices(self, n: int, *, seed: int, temperature: float = 1.0) -> NDArray[np.int64]:
        """Returns n maps of indices, (n, side, side), drawn from the learned prior.

        Raises:
            InputError: The temperature is not above 0, or the run is no VQ-VAE.
        """
        model = self._vq()
        if not 0 < temperature <= 100:
            raise InputError(
                "input-range", what="The temperature", low="above 0", high=100, value=temperature
            )
        noise = torch.Generator(self._device).manual_seed(seed)
        with torch.inference_mode():
            drawn = model.prior.sample(n, noise, temperature=temperature)
        return drawn.reshape(n, self.code_side, self.code_side).cpu().numpy()

    # --- for exporters ---

    def decoder(self) -> nn.Module:
        """Returns z (and the one-hot condition, if any) -> images in [0, 1] as one module."""
        return DecodedImages(self._model)

    def encoder(self) -> nn.Module:
        """Returns images (and the one-hot condition, if any) -> mu (and logvar) as one module."""
        return EncodedImages(self._model)

    def _vq(self) -> VQVAE:
        if not isinstance(self._model, VQVAE):
            raise InputError(
                "input-choice", what="The run's family", known="vq", value=self._model.config.family
            )
        return self._model

    def _batches(self, rows: Tensor, labels: Labels) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Yields batches of images or codes, each with its condition where the model wants one."""
        condition = self._condition(labels, len(rows))
        conditions = repeat(None) if condition is None else torch.split(condition, self._batch)
        yield from zip(torch.split(rows, self._batch), conditions, strict=False)

    def _condition(self, labels: Labels, n: int) -> Tensor | None:
        if not self.n_classes:
            if labels is not None:
                raise InputError("input-labels-unwanted", run=self.run.id)
            return None
        if labels is None:
            raise InputError("input-labels-missing", run=self.run.id, high=self.n_classes - 1)
        found = np.asarray(labels)
        if found.ndim == 0:
            found = np.full(n, found)
        if found.shape != (n,):
            raise InputError("input-shape", what="labels", wanted=f"({n},)", value=found.shape)
        high = self.n_classes - 1
        if found.dtype.kind not in "iu" or ((found < 0) | (found > high)).any():
            value = found[:4].tolist()
            raise InputError("input-range", what="labels", low=0, high=high, value=value)
        y = torch.from_numpy(found.astype(np.int64)).to(self._device)
        return F.one_hot(y, self.n_classes).float()

    def _codes(self, z: ArrayLike) -> Tensor:
        codes = np.asarray(z, dtype=np.float32)
        if codes.ndim != 2 or codes.shape[1] != self.latent_dim:
            raise InputError(
                "input-shape", what="z", wanted=f"(N, {self.latent_dim})", value=codes.shape
            )
        if not np.isfinite(codes).all():
            raise InputError("input-not-finite", what="z", value=codes.ravel()[:4].tolist())
        return torch.from_numpy(codes).to(self._device)

    def _images(self, x: ArrayLike) -> Tensor:
        images = np.asarray(x)
        if images.ndim == 3:
            images = images[:, None]
        if images.ndim != 4 or images.shape[1:] != self.image_shape or len(images) == 0:
            wanted = "(N, {}, {}, {}), N at least 1".format(*self.image_shape)
            raise InputError("input-shape", what="images", wanted=wanted, value=images.shape)
        if images.dtype == np.uint8:
            return torch.from_numpy(np.ascontiguousarray(images)).to(self._device).float() / 255.0
        pixels = images.astype(np.float32)
        if not (np.isfinite(pixels).all() and pixels.min() >= 0 and pixels.max() <= 1):
            found = f"{pixels.min()} to {pixels.max()}"
            raise InputError("input-range", what="pixels", low=0, high=1, value=found)
        return torch.from_numpy(pixels).to(self._device)


def open_session(run: Run, *, device: str = "cpu") -> Session:
    """Returns a session of a run.

    Raises:
        CheckpointError: The weights are missing, damaged or not the card's.
        ConfigError: The device is not there.
    """
    return Session(run, resolve_device(device))


def to_uint8(images: ArrayLike) -> NDArray[np.uint8]:
    """Returns round(255 * x) for images x in [0, 1], of the same shape; bytes pass unchanged."""
    pixels = np.asarray(images)
    if pixels.dtype == np.uint8:
        return pixels
    scaled: NDArray[np.uint8] = np.rint(np.clip(pixels, 0.0, 1.0) * 255.0).astype(np.uint8)
    return scaled


def _numpy(batches: Iterable[Tensor]) -> NDArray[np.float32]:
    return torch.cat(list(batches)).cpu().numpy()
