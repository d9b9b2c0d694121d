"""Trains one run folder, as a process of its own (`python -m vae_core.worker RUN`) or in this one.

After each epoch everything that the next one needs is on disk in one atomic file, so a process
killed at any moment loses at most the epoch under way, and resuming gives the weights of a run that
was never interrupted. The folder is locked while it is written. Settings come from the card alone.
"""

import argparse
import datetime
import math
import os
import platform
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from vae_core import data, exports, latent, pulse, runs
from vae_core.background import stand_back
from vae_core.config import RunConfig
from vae_core.devices import (
    prepare_training,
    resolve_device,
    resolve_precision,
    worker_threads,
)
from vae_core.errors import InputError, RunError, exit_code
from vae_core.files import read_json, remove, sweep, write_bytes, write_json
from vae_core.models import parameter_count
from vae_core.training import EpochEnd, Event, Snapshot, Trainer

LOCK, LOG = ".lock", "log.txt"
HEARTBEAT_S = 2.0
FRAME_COLUMNS = 10  # pictures in a row of a kept sheet
KEPT_EPOCHS = 15  # of a longer training every second epoch is kept, or every third ...
LOOK_S = 2.0  # between two looks at a training that nobody keeps, but those who watch see
LOCK_PATIENCE_S = 0.25
MAX_THREADS = 256  # that are believed of a machine which cannot be asked


def create_run(
    path: Path,
    config: RunConfig,
    *,
    recipe: str,
    differs: str = "",
    name: str = "",
    device: str = "auto",
    threads: int | None = None,
    command: str = "",
    keeps: Literal["all", "last"] = "all",
    elsewhere: bool = False,
) -> None:
    """Makes the folder of a run that has not begun.

    Args:
        path: The folder; missing or empty.
        config: What to train.
        recipe: Where the settings come from.
        differs: How they differ from the recipe's source.
        name: Display name; the recipe's if empty.
        device: One of `devices.DEVICES`; resolved now, and kept.
        threads: CPU threads of the training; all cores if None. Part of what decides the weights.
        command: What was typed, for the card.
        keeps: Of which moments codes and pictures are kept.
        elsewhere: It is for another machine: this one need not have the device and the threads.

    Raises:
        RunError: The folder is in use or cannot be written.
        ConfigError: The device is not there.
        InputError: This machine has not so many threads.
    """
    where = torch.device(device) if elsewhere else resolve_device(device)
    most = MAX_THREADS if elsewhere else worker_threads()
    if threads is not None and not 1 <= threads <= most:
        raise InputError("input-range", what="threads", low=1, high=most, value=threads)
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise RunError("run-exists", path=path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError("not-writable", path=path, reason=error.strerror or str(error)) from error
    card = runs.Card(
        name=name or recipe,
        recipe=recipe,
        differs=differs,
        config=config,
        device=where.type,
        precision=resolve_precision(config.train.precision, where),
        threads=threads or worker_threads(),
        versions=versions(),
        command=command,
        keeps=keeps,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )
    runs.write_card(path, card)


def train_run(path: Path, *, download: bool = False) -> Iterator[Event]:
    """Trains what is left of a run, writing the folder before each `EpochEnd` is passed on.

    Raises:
        RunError: Another process trains it, it has finished, or it cannot be written.
        PlaygroundError: As the data set, the settings and the loss have it.
    """
    with locked(path), pulse.beating(path) as heart:
        sweep(path)
        card = runs.read_card(path)
        epochs = card.config.train.epochs
        if card.epochs_done >= epochs:
            raise RunError("run-finished", path=path.name, epochs=epochs)
        write_state(path, "running", card)
        try:
            yield from _train(path, card, heart, download=download)
            pulse.clear(path)
        except Halted as halt:
            card = runs.read_card(path)
            write_state(path, halt.wish, card)
            pulse.forget_wish(path)
            done = {"done": card.epochs_done, "epochs": epochs}
            raise RunError(f"run-{halt.wish}", path=path.name, **done) from None
        except Exception as error:  # told, lest the queue try it again and again
            heart.last_words(error)
            with suppress(RunError):  # a full disk has no room for it: the last words say it
                fields = pulse.error_fields(error)
                reason = fields["reason"]
                write_state(path, "failed", runs.read_card(path), error=fields, reason=reason)
            raise


class Halted(Exception):
    """Ends training between two steps, as somebody wished."""

    def __init__(self, wish: str) -> None:
        super().__init__(wish)
        self.wish = wish


def _train(path: Path, card: runs.Card, heart: pulse.Pulse, *, download: bool) -> Iterator[Event]:
    # the number of threads decides the order of additions, so it belongs to the run
    prepare_training(card.threads)
    settings = card.config.data
    images = data.load(settings, "train", download=download)
    held_out = data.load(settings, "held-out")
    trainer = Trainer(
        card.config,
        images,
        held_out,
        device=resolve_device(card.device),
        precision=card.precision,
    )
    old_data = card.data
    card = card.model_copy(
        update={
            "data": {
                "name": settings.name,
                "source": data.DATASETS[settings.name].citation,
                "licence": data.DATASETS[settings.name].licence,
                "train": images.digest,
                "held_out": held_out.digest,
                "n_train": trainer.n_images,
                "n_held_out": len(held_out),
            },
            "parameters": parameter_count(trainer.model),
            # it may have been asked for on another machine
            "versions": card.versions if card.epochs_done else versions(),
        }
    )
    if (path / runs.RESUME).exists():
        if any(card.data.get(key) != value for key, value in old_data.items()):
            raise RunError("run-not-resumable", path=path.name, reason="its data set has changed")
        _restore(path, trainer)
    history = [
        line
        for line in runs.read_history(path)
        if trainer.epochs_done and line["epoch"] <= trainer.epochs_done
    ]
    begun = last = time.monotonic()
    looked, looks = -math.inf, list[str]()
    for event in trainer.epochs():
        heart.work()
        if isinstance(event, EpochEnd):
            name = f"{event.epoch:04d}"
            due = card.keeps == "all" and time.monotonic() - looked >= LOOK_S
            due = due or is_kept(event.epoch, card)
            look = {}
            if due:
                look, looked = keep_look(path, trainer, name), time.monotonic()
            history.append({**_history_line(event), **look})
            card = _save(path, card, event, history)
            if due:  # browsers may still ask for the look before
                looks = [*looks[-1:], name]
                _forget_passing(path, card, [name] if card.finished else looks)
            begun = time.monotonic()
        elif isinstance(event, Snapshot):
            if card.keeps == "all":
                look = keep_look(path, trainer, f"0000-{event.step:06d}")
                history.append({"epoch": 0, "step": event.step, **look})
                runs.write_history(path, history)
        elif time.monotonic() - last >= HEARTBEAT_S:
            last = time.monotonic()
            rate = round(event.step / (last - begun), 2)
            write_state(path, "running", card, step=event.step, steps=event.steps, rate=rate)
        yield event
        if heart.wanted and not card.finished:
            raise Halted(heart.wanted)


def _save(
    path: Path, card: runs.Card, event: EpochEnd, history: list[dict[str, object]]
) -> runs.Card:
    """Writes an epoch, the state to resume from last: killed before it, the epoch is redone."""
    trainer = event.trainer
    finished = event.epoch == card.config.train.epochs
    runs.write_history(path, history)
    digest = runs.write_weights(path, trainer.kept)
    seconds = sum(float(str(line.get("seconds", 0.0))) for line in history)
    held_out = {
        "total": event.held_out.total,
        "recon": event.held_out.recon,
        "kl": event.held_out.kl,
    }
    card = card.model_copy(
        update={
            "weights_sha256": digest,
            "weights": runs.kept_as(trainer.kept),
            "epochs_done": event.epoch,
            "seconds": round(seconds, 2),
            "metrics": {**card.metrics, "held-out": {k: round(v, 4) for k, v in held_out.items()}},
        }
    )
    runs.write_card(path, card)
    if finished:
        for name in (runs.RESUME, runs.STATE):
            remove(path / name)
    else:
        write_state(path, "running", card)
        write_bytes(path / runs.RESUME, save_tensors(trainer.state()))
    return card


def is_kept(epoch: int, card: runs.Card) -> bool:
    """Whether a run keeps how it looked after this epoch: evenly spread ones, and the last."""
    epochs = card.config.train.epochs
    if epoch == epochs:
        return True
    return card.keeps == "all" and epoch % -(-epochs // KEPT_EPOCHS) == 0


def _forget_passing(path: Path, card: runs.Card, shown: Sequence[str]) -> None:
    """Removes looks that were only for those who watch, but for those still shown."""
    for file in (path / runs.LATENTS).glob("[0-9]*.safetensors"):
        epoch = int(file.stem[:4])
        if epoch and file.stem not in shown and not is_kept(epoch, card):
            remove(path / runs.FRAMES / f"{file.stem}.png")
            remove(file)


def keep_look(path: Path, trainer: Trainer, name: str) -> dict[str, object]:
    """Keeps what the time machine shows of one moment: codes, reconstructions, a grid.

    The grid is 10 x 10: of the plane that holds the codes, where they have two units (then that
    `plane` is returned, for the history); of one column a class, where the model is conditional;
    else of codes drawn from the prior with a fixed seed.

    Raises:
        RunError: The codes are not finite, or nothing can be written.
    """
    mu = trainer.held_out_codes()
    if not np.isfinite(mu).all():
        raise RunError("diverged", value="not finite", epoch=trainer.epochs_done + 1)
    runs.write_latents(path, name, mu)
    model = trainer.config.model
    plane = latent.plane_of(mu) if mu.shape[1] == 2 and not model.n_classes else None
    labels = np.tile(np.arange(FRAME_COLUMNS), FRAME_COLUMNS) % max(1, model.n_classes)
    if plane:
        grid = trainer.decode(latent.lattice(plane, FRAME_COLUMNS), labels)
    elif model.n_classes:
        styles = np.random.default_rng(0).standard_normal((FRAME_COLUMNS, mu.shape[1]))
        grid = trainer.decode(styles.astype(np.float32).repeat(FRAME_COLUMNS, axis=0), labels)
    else:
        grid = trainer.prior_samples(FRAME_COLUMNS**2, seed=0)
    images = np.concatenate((trainer.first_reconstructions(FRAME_COLUMNS), grid))
    runs.write_frame(path, name, exports.png_bytes(images, columns=FRAME_COLUMNS))
    return {"plane": plane.to_dict()} if plane else {}


def _restore(path: Path, trainer: Trainer) -> None:
    try:
        trainer.restore(load_tensors((path / runs.RESUME).read_bytes()))
    except (OSError, SafetensorError, KeyError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise RunError("run-not-resumable", path=path.name, reason=reason) from error


def _history_line(event: EpochEnd) -> dict[str, object]:
    return {
        "epoch": event.epoch,
        "train": {k: round(v, 4) for k, v in vars(event.train).items()},
        "held_out": {k: round(v, 4) for k, v in vars(event.held_out).items()},
        "learning_rate": event.learning_rate,
        "seconds": round(event.seconds, 3),
    }


def write_state(path: Path, status: str, card: runs.Card, **more: object) -> None:
    """Replaces `state.json`: a status, with the epochs and the time (Unix, s; for people).

    "queued", "starting", "running", "paused", "stopped" or "failed". A finished run has none: its
    card says so. Whether a process lives is told by its heartbeat (`pulse`).

    Raises:
        RunError: It cannot be written.
    """
    state = {
        "status": status,
        "epochs_done": card.epochs_done,
        "epochs": card.config.train.epochs,
        "pid": os.getpid(),
        "heartbeat": time.time(),
        **more,
    }
    write_json(path / runs.STATE, state)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds a run's lock; the system frees it when the process ends, however it ends.

    Raises:
        RunError: Another process holds it, or there is no run.
    """
    if not (path / runs.CARD).is_file():
        raise RunError("run-missing", path=path)
    lock = FileLock(path / LOCK)
    try:
        # whoever asks whether a run is being trained holds its lock for a moment
        lock.acquire(timeout=LOCK_PATIENCE_S, poll_interval=0.02)
    except Timeout as error:
        raise RunError("run-busy", path=path.name, pid=_busy_pid(path)) from error
    except OSError as error:
        raise RunError("not-writable", path=path, reason=error.strerror or str(error)) from error
    try:
        yield
    finally:
        # the file stays: unlinking it would let two later processes lock two files of one name
        lock.release()


def _busy_pid(path: Path) -> str:
    try:
        return f"process {read_json(path / runs.STATE)['pid']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "its number is not known"


def versions() -> dict[str, str]:
    """Returns the versions that decide a run's weights."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "machine": f"{platform.system()} {platform.machine()}, {_processor()}",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or "unknown processor"


def command_line(arguments: list[str]) -> str:
    """Returns what to type for these arguments of the command line."""
    return shlex.join(["python", "-m", "vae_core", *arguments])


def main() -> None:
    """Trains the run folder that is named on the command line; prints a line an epoch on stderr."""
    parser = argparse.ArgumentParser(prog="python -m vae_core.worker", description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a run that `create_run` made")
    work(parser.parse_args().run)


def work(path: Path) -> None:
    """Trains what is left of a run and prints a line an epoch on stderr.

    Raises:
        PlaygroundError: As `train_run`.
    """
    stand_back()
    for event in train_run(path):
        if isinstance(event, EpochEnd):
            print(f"epoch {event.epoch}: {event.held_out.total:.2f} nats", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(exit_code(main))
