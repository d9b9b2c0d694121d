"""Processes that train an epoch when told to, in turns, and the environments that they need."""

import contextlib
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench import NotPossible
from bench.stage import ROOT, say
from vae_core.data import load
from vae_core.devices import worker_threads

SIDES = Path(__file__).parent / "sides"


class Side:
    """A process that runs one script of `sides`: an epoch when asked, and the test at the end."""

    def __init__(
        self,
        script: str,
        settings: Mapping[str, Any],
        python: Path,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        # whoever calls may have one thread in mind, for a web server: a side sets its own number,
        # and how its threads wait
        for name in ("OMP_NUM_THREADS", "GOMP_SPINCOUNT"):
            environment.pop(name, None)
        environment |= variables or {}
        self.seconds: list[float] = []
        self._script = script
        self._process = subprocess.Popen(
            [python, SIDES / script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self._tell(json.dumps(settings))

    def epoch(self) -> None:
        self._tell("epoch")
        self.seconds.append(self._answer()["seconds"])

    def figures(self) -> dict[str, Any]:
        """Returns what it took, and how well it does on the test images."""
        self._tell("test")
        return {
            "seconds": [round(s, 3) for s in self.seconds],
            "median_s": round(statistics.median(self.seconds), 3),
            "test": self._answer(),
        }

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the answer that fails to come says more
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise NotPossible(f"{self._script} has ended: what it said stands above")
        answer: dict[str, Any] = json.loads(line)
        return answer


def take_turns(
    scripts: Mapping[str, tuple[str, Path, Mapping[str, Any]]], *, epochs: int
) -> dict[str, dict[str, Any]]:
    """Trains all sides, an epoch each in turns, and returns the figures of each by its name.

    Args:
        scripts: For each name the script, the Python that runs it, and settings of its own.
        epochs: How many epochs each side trains.
    """
    with contextlib.ExitStack() as stack, _images() as images, tempfile.TemporaryDirectory() as out:
        common = {"images": str(images), "folder": out, "epochs": epochs}
        common["threads"] = worker_threads()
        sides = {}
        for name, (script, python, settings) in scripts.items():
            sides[name] = Side(script, {**common, **settings}, python)
            stack.callback(sides[name].stop)
        order = list(sides.items())
        for number in range(epochs):
            for name, side in order:
                side.epoch()
                say(f"epoch {number + 1}/{epochs}  {name}  {side.seconds[-1]:.2f} s")
            order.reverse()  # no side always follows the other
        return {name: side.figures() for name, side in sides.items()}


def environment(folder: Path, name: str, requirements: tuple[str, ...]) -> Path:
    """Returns the Python of an environment with these packages; makes it when it is missing.

    Raises:
        NotPossible: The packages cannot be had.
    """
    if not requirements:
        return Path(sys.executable)
    digest = hashlib.sha256(" ".join((sys.version, *requirements)).encode()).hexdigest()[:8]
    place = folder / f"{name}-{digest}"
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    whole = place / "complete"
    if not whole.exists():
        say(f"installing {', '.join(requirements)} into {place}")
        venv.create(place, with_pip=True, clear=True)
        command = [python, "-m", "pip", "install", "--quiet", *requirements]
        if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
            raise NotPossible(f"the peer {name} cannot be installed: {' '.join(requirements)}")
        whole.touch()
    return python


@contextlib.contextmanager
def _images() -> Iterator[Path]:
    """The images that all sides train on, and the test images, as a file any of them can read."""
    images, test = load("mnist", "train"), load("mnist", "test")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "images.npz")
        np.savez(path, x=images.x[:, 0], y=images.y, test_x=test.x[:, 0])
        yield path
