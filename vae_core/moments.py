"""A run's past: the codes and pictures that it kept at each moment of its training.

Codes come in the held-out images' order, as points of one plane, and those of neighbouring moments
are turned onto each other where their axes are principal directions, which have no sign and no
order of their own. Read by the time machine; written by `worker.keep_look`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors

from vae_core import latent, runs
from vae_core.errors import PlaygroundError, RunError
from vae_core.latent import Plane
from vae_core.runs import Run

MAX_MOMENTS = 201  # of a film; of a longer history, as many evenly spread
MAX_FILE_BYTES = 16 * 2**20
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Moment:
    """A moment at which codes were kept.

    Attributes:
        name: What its files are called.
        epoch: Epochs done; within the first one, 0.
        step: Optimizer steps done.
        terms: Held-out figures in nats per image: "total", "recon", "kl"; none before an epoch's
            end.
        plane: The square of latent space that its kept grid shows, if it shows one.
        pictured: Whether it has a sheet of pictures.
    """

    name: str
    epoch: int
    step: int
    terms: dict[str, float]
    plane: Plane | None
    pictured: bool


def has_several(run: Run) -> bool:
    """Whether a run kept codes of more than one moment, so that there is something to play."""
    return len(list(islice((run.path / runs.LATENTS).glob("*.safetensors"), 2))) == 2


def moments(run: Run, *, limit: int = MAX_MOMENTS) -> tuple[Moment, ...]:
    """Returns the moments of which a run kept codes, oldest first; the first and last are among."""
    steps = steps_per_epoch(run)
    found = []
    for line in run.moments:
        epoch, step = line.get("epoch"), line.get("step", 0)
        if not isinstance(epoch, int) or not isinstance(step, int):
            continue
        step = epoch * steps if epoch else step
        name = f"{epoch:04d}" if epoch else f"0000-{step:06d}"
        if epoch > run.card.epochs_done or not _latents(run.path, name).is_file():
            continue
        found.append(
            Moment(
                name,
                epoch,
                step,
                terms(line),
                _plane(line),
                _frame(run.path, name).is_file(),
            )
        )
    if len(found) <= limit:
        return tuple(found)
    return tuple(found[i] for i in np.linspace(0, len(found) - 1, limit).round().astype(int))


def codes(
    run: Run,
    of: Iterable[Moment],
    rows: NDArray[np.int64] | slice = slice(None),
    *,
    newest: bool = True,
) -> NDArray[np.float16]:
    """Returns the kept codes as points, (M, N, 2), of the held-out images in these rows.

    Of two units they are the codes themselves, and nothing is turned. One unit lies along the
    first axis. Principal directions are turned onto the newest moment's, or else onto the oldest's.

    Raises:
        RunError: A file is damaged, or two are no codes of the same images.
    """
    kept = [_points(run.path, moment.name) for moment in of]
    points = np.stack([places[rows] for places, _ in _alike(run.path, kept)])
    if all(principal for _, principal in kept):
        # the last moment of a run is the one that people know
        home = len(points) - 1 if newest else 0
        points = points @ np.stack(latent.aligned(list(points), home))
    return points.astype(np.float16)


def frame(run: Run, name: str) -> bytes:
    """Returns the PNG sheet of a moment: ten reconstructions above a grid of ten times ten.

    Raises:
        RunError: The run kept no sheet of that name.
    """
    known = {moment.name for moment in moments(run, limit=len(run.moments)) if moment.pictured}
    if name in known:
        content = _read(_frame(run.path, name))
        if content.startswith(PNG):
            return content
    raise RunError("moment-missing", path=run.id, name=name[:40])


def steps_per_epoch(run: Run) -> int:
    """Returns the optimizer steps of one epoch; 1 where the card does not say how many images."""
    full, rest = divmod(int(run.card.data.get("n_train", 0)), run.card.config.train.batch_size)
    return max(1, full + (rest > 1))


def terms(line: dict[str, object]) -> dict[str, float]:
    """Returns the held-out figures of a line of a history."""
    held_out = line.get("held_out")
    return dict(held_out) if isinstance(held_out, dict) else {}


def _plane(line: dict[str, object]) -> Plane | None:
    value = line.get("plane")
    try:
        return Plane.from_dict(value) if isinstance(value, dict) else None
    except PlaygroundError:
        return None


def _latents(path: Path, name: str) -> Path:
    return path / runs.LATENTS / f"{name}.safetensors"


def _frame(path: Path, name: str) -> Path:
    return path / runs.FRAMES / f"{name}.png"


def _points(path: Path, name: str) -> tuple[NDArray[np.float32], bool]:
    """Returns kept codes in two dimensions, (N, 2), and whether their axes are principal ones."""
    file = _latents(path, name)
    try:
        tensors = load_tensors(_read(file))
        kept = (tensors["pca"] if "pca" in tensors else tensors["mu"]).astype(np.float32)
    except (SafetensorError, KeyError, ValueError) as error:
        raise RunError("moments-damaged", path=path.name, name=name) from error
    if kept.ndim != 2 or not 1 <= kept.shape[1] <= 3 or not np.isfinite(kept).all():
        raise RunError("moments-damaged", path=path.name, name=name)
    return latent.planar(kept), "pca" in tensors or kept.shape[1] > 2


def _alike(
    path: Path, kept: Sequence[tuple[NDArray[np.float32], bool]]
) -> Sequence[tuple[NDArray[np.float32], bool]]:
    if not kept or any(len(points) != len(kept[0][0]) for points, _ in kept):
        raise RunError("moments-damaged", path=path.name, name=runs.LATENTS)
    return kept


def _read(file: Path) -> bytes:
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise RunError("moments-damaged", path=file.parents[1].name, name=file.name)
        return file.read_bytes()
    except OSError as error:
        raise RunError("moments-damaged", path=file.parents[1].name, name=file.name) from error
