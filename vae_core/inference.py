"""Encoding and decoding for everybody who has arrays: numpy in, numpy out, batched, thread-safe.

A session shares one model among threads: evaluation mode, gradients off, never changed. `to_uint8`
is the one way in which decoded pictures become bytes, so that screen, server, command line and
export show the same.
"""

from dataclasses import dataclass
from threading import Lock

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.func import jvp

from vae_core.devices import resolve_device
from vae_core.distributions import DiagonalGaussian
from vae_core.errors import InputError
from vae_core.losses import bernoulli_nll, gaussian_kl, gaussian_nll
from vae_core.models import decoder_module
from vae_core.runs import Run

BATCH = 512

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
    """A run's model, ready to use. Make one with `open_session`."""

    def __init__(self, run: Run, device: torch.device) -> None:
        self.run = run
        self._device = device
        self._model = run.model().to(device)
        config = run.card.config.model
        self.latent_dim: int = config.latent_dim
        self.image_shape = (config.channels, config.image_size, config.image_size)

    def encode(self, x: ArrayLike) -> Codes:
        """Returns the posteriors of images x: (N, C, H, W) or (N, H, W), uint8 or in [0, 1].

        Raises:
            InputError: The shape or the numbers are not those of images.
        """
        mu, logvar = [], []
        with torch.inference_mode():
            for batch in torch.split(self._images(x), BATCH):
                posterior = self._model.encode(batch)
                mu.append(posterior.mode())
                if isinstance(posterior, DiagonalGaussian):
                    logvar.append(posterior.logvar)
        return Codes(
            _numpy(mu, self.latent_dim), _numpy(logvar, self.latent_dim) if logvar else None
        )

    def decode(self, z: ArrayLike) -> NDArray[np.float32]:
        """Returns images in [0, 1], (N, C, H, W), for codes z, (N, D).

        Raises:
            InputError: The shape is another, or a number is not finite.
        """
        codes = self._codes(z)
        if len(codes) == 0:
            return np.zeros((0, *self.image_shape), dtype=np.float32)
        with torch.inference_mode():
            batches = torch.split(codes, BATCH)
            return torch.cat([self._model.decode(batch) for batch in batches]).cpu().numpy()

    def metric(self, z: ArrayLike) -> NDArray[np.float64]:
        """Returns J^T J of the decoder at codes z (N, D), (N, D, D): what a step costs in pixels.

        J is the derivative of the decoded image, in [0, 1], by z. v^T J^T J v is the squared
        distance, over all pixels, by which a small step v changes the picture. One forward
        derivative per latent unit, exact, whatever the network.

        Raises:
            InputError: As `decode`.
        """
        metrics = [np.zeros((0, self.latent_dim, self.latent_dim))]
        for batch in torch.split(self._codes(z), BATCH):
            with _FORWARD, torch.no_grad():
                columns = [
                    jvp(self._model.decode, (batch,), (unit.expand_as(batch),))[1].flatten(1)
                    for unit in torch.eye(self.latent_dim, device=self._device)
                ]
            jacobian = torch.stack(columns, dim=2).double()  # (B, C * H * W, D)
            metrics.append((jacobian.mT @ jacobian).cpu().numpy())
        return np.concatenate(metrics)

    def reconstruct(self, x: ArrayLike) -> NDArray[np.float32]:
        """Returns the decoded most likely codes of images x, (N, C, H, W).

        Raises:
            InputError: As `encode`.
        """
        return self.decode(self.encode(x).mu)

    def ledger(self, x: ArrayLike, *, seed: int | None = None) -> Ledger:
        """Returns what images x cost, whatever the training loss was: Bernoulli nats, KL, MSE.

        Args:
            x: As `encode`.
            seed: One z per image is drawn from the posterior with this seed; at its mode if None.

        Raises:
            InputError: As `encode`.
        """
        recon, kl, mse = [], [], []
        generator = torch.Generator(self._device).manual_seed(seed or 0)
        with torch.inference_mode():
            for batch in torch.split(self._images(x), BATCH):
                posterior = self._model.encode(batch)
                z = posterior.mode() if seed is None else posterior.sample(generator)
                logits = self._model.decode_logits(z)
                recon.append(bernoulli_nll(logits, batch))
                kl.append(gaussian_kl(posterior))
                mse.append(gaussian_nll(logits, batch) / batch[0].numel())
        return Ledger(
            torch.cat(recon).cpu().numpy(),
            _numpy(kl, self.latent_dim),
            torch.cat(mse).cpu().numpy(),
        )

    def decoder(self) -> nn.Module:
        """Returns z -> images in [0, 1] as one module, for exporters."""
        return decoder_module(self._model)

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


def _numpy(batches: list[Tensor], latent_dim: int) -> NDArray[np.float32]:
    return torch.cat(batches).cpu().numpy().reshape(-1, latent_dim)
