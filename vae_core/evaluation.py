"""A run's figures on a data set: the ones that cards and tables quote."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vae_core import metrics
from vae_core.data import Images
from vae_core.errors import DataError
from vae_core.inference import Session

NEIGHBOURS = 10  # that decide a class, among codes and among pictures
SURE = 0.9  # of a picture's neighbours that agree on its class, for it to be like one
DRAWN = 2000  # pictures drawn from a run
ACTIVE = 0.01  # nats that a unit in use costs at least, on average
BOX = 0.001  # of codes that may lie beyond each side of the box that an autoencoder is drawn from


@dataclass(frozen=True)
class Evaluation:
    """Means over n images, one seeded z each.

    `recon` is the Bernoulli cross-entropy whatever the training loss was, so that runs compare;
    `recon`, `kl` and `total` are nats per image, `mse` is per pixel.
    """

    n: int
    recon: float
    kl: float
    total: float
    mse: float


def evaluate(session: Session, images: Images, *, seed: int = 0) -> Evaluation:
    """Returns a session's figures on these images.

    Raises:
        DataError: The run takes images of another shape.
    """
    if images.x.shape[1:] != session.image_shape:
        wanted, value = ("x".join(map(str, s)) for s in (session.image_shape, images.x.shape[1:]))
        raise DataError("data-shape", wanted=wanted, name=images.name, value=value)
    labels = images.y if session.n_classes else None
    ledger = session.ledger(images.x, labels, seed=seed)
    # float64: ten thousand float32 sums would lose the last digits that a table shows
    recon, kl = (float(part.mean(dtype="float64")) for part in (ledger.recon, ledger.kl.sum(1)))
    mse = float(ledger.mse.mean(dtype="float64"))
    return Evaluation(n=len(images), recon=recon, kl=kl, total=recon + kl, mse=mse)


def survey(session: Session, known: Images, images: Images, *, seed: int = 0) -> dict[str, float]:
    """Returns what a run's codes and what it draws are like: the claims about it as numbers.

    A drawn picture is told its class by the 10 real pictures nearest to it, and is like one when 9
    of them agree. A VAE and a VQ-VAE draw from their prior; an autoencoder, which has none, evenly
    from the box that holds its codes. What does not apply to a run is left out.

    Args:
        session: The run.
        known: Held-out images, whose codes and pictures are what others are compared with.
        images: Test images.
        seed: Of what is drawn.
    """
    conditional, family = session.n_classes > 0, session.run.card.config.model.family
    codes = session.encode(known.x, known.y if conditional else None)
    others = session.encode(images.x, images.y if conditional else None).mu
    mu = codes.mu.astype(np.float64)
    found = {
        "n": float(len(known)),
        "knn": metrics.knn_accuracy(mu, known.y, others, images.y, k=NEIGHBOURS),
        "radius": float(np.linalg.norm(mu, axis=1).max()),
    }
    if family != "vq":
        found["centre"] = float(np.linalg.norm(mu.mean(axis=0)))
        found["std_least"], found["std_most"] = (
            float(limit) for limit in (mu.std(axis=0).min(), mu.std(axis=0).max())
        )
        divergence = metrics.prior_divergence(mu)
        if math.isfinite(divergence):
            found["prior_kl"] = divergence
    if codes.std is not None:
        found["posterior_std"] = float(codes.std.mean(dtype="float64"))
        kl = session.ledger(known.x, known.y if conditional else None).kl
        found["active"] = float((kl.mean(axis=0) > ACTIVE).sum())
    drawn = _drawn(session, mu, np.random.default_rng(seed), seed)
    flat = known.x.reshape(len(known), -1) / 255
    nearby = metrics.neighbours(flat, drawn.reshape(len(drawn), -1), NEIGHBOURS)
    shares = metrics.class_shares(known.y, nearby, len(known.class_names))
    found["like"] = float((metrics.agreement(shares) >= SURE).mean())
    counts = np.bincount(shares.argmax(axis=1), minlength=shares.shape[1]) / len(drawn)
    found["class_most"], found["class_least"] = float(counts.max()), float(counts.min())
    return {name: round(value, 6) for name, value in found.items()}


def _drawn(
    session: Session, mu: NDArray[np.float64], rng: np.random.Generator, seed: int
) -> NDArray[np.float32]:
    family = session.run.card.config.model.family
    if family == "vq":
        return session.decode_indices(session.sample_indices(DRAWN, seed=seed))
    labels = rng.integers(0, session.n_classes, DRAWN) if session.n_classes else None
    if family == "ae":
        low, high = np.quantile(mu, [BOX, 1 - BOX], axis=0)
        z = rng.uniform(low, high, (DRAWN, mu.shape[1]))
    else:
        z = rng.standard_normal((DRAWN, mu.shape[1]))
    return session.decode(z.astype(np.float32), labels)
