"""`kill -9` at random times of the worker or of the server, until so many have been dealt.

After each, every file of the run is read as the app reads it, and no finished epoch may be missing.
At the end the resumed run has to equal, bit for bit, one that nobody has touched.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import NotPossible
from bench.stage import ROOT, say
from vae_core import jobs, live, pulse, runs
from vae_core.errors import CheckpointError, PlaygroundError
from vae_core.recipes import recipe

PATIENCE_S = 900.0
LOOKS = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--epochs-a-run", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0, help="of the times")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    rng = random.Random(arguments.seed)
    dealt = {"worker": 0, "server": 0}
    found: list[str] = []
    equal = n_runs = 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LATENT_RUNS"] = folder
        whole = _ask("whole", arguments.epochs_a_run)
        server = _serve()
        try:
            _wait(lambda: jobs.job(whole).status == "finished")
            reference = (whole / runs.WEIGHTS).read_bytes()
            while sum(dealt.values()) < arguments.kills:
                n_runs += 1
                path = _ask(str(n_runs), arguments.epochs_a_run)
                epochs = 0
                while jobs.job(path).status != "finished":
                    time.sleep(rng.uniform(0.05, 3.0))
                    # a server that is killed before it has started anything proves nothing
                    if sum(dealt.values()) < arguments.kills and _lives(path):
                        whom = rng.choice(("worker", "worker", "server"))
                        if whom == "server":
                            server.kill()
                            server.wait()
                            server = _serve()
                            dealt[whom] += 1
                        else:
                            dealt[whom] += _kill_worker(path)
                    epochs = _check(path, epochs, found)
                    job = jobs.job(path)
                    if job.status == "failed":  # three deaths within one epoch: a person would, too
                        jobs.resume(path)
                equal += (path / runs.WEIGHTS).read_bytes() == reference
                say(f"run {n_runs}: {dealt}, faults {len(found)}, bit-identical {equal}")
        finally:
            server.kill()
            server.wait()
            for path in jobs.folders(Path(folder)):
                _kill_worker(path)
    return {
        "kills": dealt,
        "runs": n_runs,
        "bit_identical": equal,
        "faults": found,
        "met": not found and equal == n_runs,
    }


def _ask(request: str, epochs: int) -> Path:
    config = recipe("vae-shallow").config.replace(
        data__name="mnist-5k", data__limit=2000, train__epochs=epochs
    )
    run_id = jobs.submit(config, owner="bench", request=request, recipe="vae-shallow", device="cpu")
    return jobs.root() / run_id


def _serve() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "vae_core", "queue", "--serve"]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL)


def _lives(path: Path) -> bool:
    beat = pulse.read_beat(path)
    return beat is not None and pulse.alive(beat.pid, beat.born)


def _kill_worker(path: Path) -> bool:
    beat = pulse.read_beat(path)
    if beat is None or not _lives(path):
        return False
    os.kill(beat.pid, signal.SIGKILL)
    return True


def _check(path: Path, before: int, found: list[str]) -> int:
    """Reads all that a screen reads; returns the epochs that are done."""
    card = runs.read_card(path)
    if card.epochs_done < before:
        found.append(f"{path.name}: {before} epochs were done, {card.epochs_done} are")
    if card.epochs_done:
        try:
            _open(path)
        except PlaygroundError as error:
            found.append(str(error))
        lines = [line for line in runs.read_history(path) if line.get("epoch")]
        if len(lines) < card.epochs_done:
            found.append(f"{path.name}: {len(lines)} lines of {card.epochs_done} epochs")
    for file in path.glob(f"{runs.LATENTS}/[0-9]*"):
        if live.codes(path, file.stem)[0] is None:
            found.append(f"{file} is not readable")
    for name in (runs.STATE, jobs.TICKET):
        if (path / name).exists():
            try:
                json.loads((path / name).read_bytes())
            except FileNotFoundError:
                pass  # finished in this moment
            except ValueError:
                found.append(f"{name} is not readable")
    return card.epochs_done


def _open(path: Path) -> None:
    """Opens a run as a screen does, which is drawn again when training has gone on meanwhile.

    Raises:
        PlaygroundError: Its weights are not sound, or it is never at rest.
    """
    for attempt in range(LOOKS):
        try:
            runs.open_run(path).model()
        except CheckpointError as error:
            if error.key != "weights-replaced" or attempt == LOOKS - 1:
                raise
        else:
            return


def _wait(until: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not until():
        if time.monotonic() > deadline:
            raise NotPossible("The undisturbed run did not end in time; is the machine busy?")
        time.sleep(0.1)
