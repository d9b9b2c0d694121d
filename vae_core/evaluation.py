"""A run's figures on a data set: the ones that cards and tables quote."""

from dataclasses import dataclass

from vae_core.data import Images
from vae_core.errors import DataError
from vae_core.inference import Session


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
