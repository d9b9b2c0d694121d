"""How long a training will take and how much memory, before it starts, and how that is known.

From an earlier run with the same network on this very machine, or from some seconds of real steps
in a process of their own (`python -m vae_core.estimates`), which are thrown away.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from vae_core.config import RunConfig
from vae_core.data.catalogue import DATASETS, FOLDER, GALLERY, HELD_OUT
from vae_core.errors import RunError, exit_code
from vae_core.runs import Card, Run

WARM_UP_S, MEASURE_S = 0.6, 2.0
PATIENCE_S = 120.0
PROCESS_BYTES = 450 * 2**20  # Python and torch, before the first tensor
COPIES = 6  # of the weights: their gradients, two moments, what is written, the state to resume
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Estimate:
    """What a training will need.

    Attributes:
        seconds: Until its last epoch is done, from the start.
        memory: Bytes of memory at their height.
        source: "run", "measured", or "elsewhere" for a run of another machine or on other images.
        run: The run that it was taken from, if it was.
    """

    seconds: float
    memory: int
    source: str
    run: str = ""


def from_runs(
    config: RunConfig, known: Iterable[Run], *, device: str, threads: int, machine: str
) -> Estimate | None:
    """Returns an estimate from the newest run of the same kind on this machine, or None.

    Network, data set, batch size and threads have to be the same; epochs and limits may differ.
    """
    alike = [run for run in known if _is_alike(run, config, device, threads, machine)]
    if not alike:
        return None
    card = max(alike, key=lambda run: run.card.created).card
    run = next(run for run in alike if run.card is card)
    done, n = int(card.data["n_train"]), int(card.data["n_train"])
    if card.config.data.limit is None and config.data.limit is not None:
        n = min(n, config.data.limit)
    seconds = float(card.seconds or 0) / card.epochs_done * config.train.epochs * n / done
    return Estimate(seconds, _memory(config, card, n), "run", run.id)


def from_elsewhere(config: RunConfig, known: Iterable[Run], *, device: str) -> Estimate | None:
    """Returns a rough estimate from a run of the same network wherever it was trained, or None.

    Time grows with the images; how fast that machine was, and with how many threads, is its own.
    The fastest of several says it best: what slowed the others was beside them, not in them.
    """
    n = _n_train(config)
    alike = [
        run
        for run in known
        if run.card.seconds
        and run.card.epochs_done
        and "n_train" in run.card.data
        and run.card.device == device
        and run.card.config.model == config.model
        and run.card.config.train.batch_size == config.train.batch_size
    ]
    if n is None or not alike:
        return None
    run = min(alike, key=_seconds_an_image)
    seconds = _seconds_an_image(run) * config.train.epochs * n
    return Estimate(seconds, _memory(config, run.card, n), "elsewhere", run.id)


def _seconds_an_image(run: Run) -> float:
    card = run.card
    return float(card.seconds or 0) / card.epochs_done / int(card.data["n_train"])


def _memory(config: RunConfig, card: Card, n: int) -> int:
    shape = config.model.channels * config.model.image_size**2
    images = 4 * shape * (n + int(card.data.get("n_held_out", 0)))
    return PROCESS_BYTES + 2 * images + 4 * COPIES * card.parameters


def _n_train(config: RunConfig) -> int | None:
    """Returns how many images are trained on; None where only reading them tells."""
    name = config.data.name
    if name not in DATASETS or name == FOLDER:
        return None
    # of the built-in digits a tenth is held out
    n = 9 * HELD_OUT // 10 if name == GALLERY else DATASETS[name].n_train - HELD_OUT
    return n if config.data.limit is None else min(n, config.data.limit)


def _is_alike(run: Run, config: RunConfig, device: str, threads: int, machine: str) -> bool:
    card = run.card
    known = card.config
    return (
        bool(card.seconds and card.epochs_done and "n_train" in card.data)
        and (card.device, card.threads, card.versions.get("machine")) == (device, threads, machine)
        and known.model == config.model
        and known.data.model_copy(update={"limit": config.data.limit}) == config.data
        and known.data.limit in (None, config.data.limit)
        and known.train.batch_size == config.train.batch_size
        and known.train.precision == config.train.precision
    )


def measure(config: RunConfig, *, device: str = "auto", threads: int = 1) -> Estimate:
    """Returns an estimate from some seconds of real steps, in a process of their own.

    Raises:
        RunError: The steps cannot be taken; the reason is the training's own.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("OMP_NUM_THREADS", None)
    asked = json.dumps(
        {
            "config": config.to_json(),
            "device": device,
            "threads": threads,
            "since": time.time(),  # a training's process has to start as well
        }
    )
    try:
        answer = subprocess.run(
            [sys.executable, "-m", "vae_core.estimates"],
            input=asked,
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunError("no-estimate", reason=str(error).splitlines()[0]) from error
    if answer.returncode:
        reason = (answer.stderr.strip().splitlines() or ["no reason was given"])[-1]
        raise RunError("no-estimate", reason=reason)
    return Estimate(**json.loads(answer.stdout))


def _take_steps(config: RunConfig, device: str, threads: int, since: float) -> Estimate:
    """Trains for `MEASURE_S` and reckons what all of it will take, from `since` on, Unix time."""
    from vae_core import data
    from vae_core.devices import prepare_training, resolve_device
    from vae_core.training import EpochEnd, Trainer

    prepare_training(threads)
    where = resolve_device(device)
    images = data.load(config.data, "train")
    held_out = data.load(config.data, "held-out")
    trainer = Trainer(config, images, held_out, device=where)
    start = time.time() - since
    # a pass without gradients costs about a third of one with them
    evaluation = 1 + len(held_out) / (3 * trainer.n_images)
    begun, first, rate = time.monotonic(), 0, 0.0
    warm = False
    epoch_s = None
    for event in trainer.epochs():
        passed = time.monotonic() - begun
        if isinstance(event, EpochEnd):
            epoch_s = event.seconds
            if passed > WARM_UP_S or event.epoch > 2:
                break
            continue
        step = getattr(event, "step", 0)
        if not warm and passed >= WARM_UP_S:
            warm, begun, first = True, time.monotonic(), step
        elif warm and passed >= MEASURE_S and step > first:
            rate = (step - first) / passed
            break
    if epoch_s is None:
        epoch_s = trainer.steps_per_epoch / rate * evaluation
    return Estimate(start + epoch_s * config.train.epochs, _peak_bytes(where.type), "measured")


def _peak_bytes(device: str) -> int:
    import torch

    try:
        import resource
    except ImportError:  # Windows does not say
        return PROCESS_BYTES
    unit = 1 if sys.platform == "darwin" else 1024
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return used + (torch.cuda.max_memory_allocated() if device == "cuda" else 0)


def main() -> None:
    """Reads a request as JSON from stdin, and writes the estimate as JSON."""
    if hasattr(os, "nice"):
        os.nice(10)  # clicks come first; as far back as trainings it would measure what is left
    asked = json.load(sys.stdin)
    config = RunConfig.from_json(asked["config"])
    estimate = _take_steps(config, asked["device"], asked["threads"], asked["since"])
    print(json.dumps(asdict(estimate)))


if __name__ == "__main__":
    sys.exit(exit_code(main))
