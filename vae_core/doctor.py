"""What works on this machine, and the line to type for what does not."""

import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from vae_core.errors import PlaygroundError

PACKAGES = (
    "torch",
    "torchvision",
    "streamlit",
    "plotly",
    "numpy",
    "pillow",
    "safetensors",
    "pydantic",
)
OPTIONAL_PACKAGES = ("onnx", "onnxscript", "onnxruntime")


@dataclass(frozen=True)
class Finding:
    """One thing that was tried.

    Attributes:
        name: What it is.
        ok: Whether it works.
        detail: What was found.
        fix: The line to type, or "".
        needed: Whether the app cannot do without it.
    """

    name: str
    ok: bool
    detail: str
    fix: str = ""
    needed: bool = True


def examine() -> Iterator[Finding]:
    """Yields a finding for everything that the app, training and exports stand on."""
    python = platform.python_version()
    yield Finding("Python", sys.version_info >= (3, 11), python, "install Python 3.11 or newer")
    for package in PACKAGES:
        yield _package(package, needed=True)
    for package in OPTIONAL_PACKAGES:
        yield _package(package, needed=False)
    yield from _tried("torchvision imports", _torchvision, "pip install -r requirements.txt")
    yield from _tried("devices", _devices, "pip install -r requirements.txt")
    yield from _tried("built-in digits", _gallery, "pip install -r requirements.txt")
    yield from _data_sets()
    yield from _runs()
    yield _writable()


def _package(name: str, *, needed: bool) -> Finding:
    try:
        return Finding(name, True, version(name), needed=needed)
    except PackageNotFoundError:
        return Finding(name, False, "not installed", f"pip install {name}", needed)


def _tried(name: str, check: Callable[[], str], fix: str) -> Iterator[Finding]:
    try:
        yield Finding(name, True, check())
    except Exception as error:  # whatever is wrong here is exactly what the person asked about
        lines = str(error).splitlines() or [type(error).__name__]
        yield Finding(name, False, lines[0], fix)


def _torchvision() -> str:
    from vae_core.torchvision_compat import torchvision

    return str(torchvision().__version__)


def _devices() -> str:
    import torch

    from vae_core.devices import available_devices, resolve_precision, worker_threads

    found = available_devices()
    precision = resolve_precision("auto", torch.device(found[0]))
    return (
        f"{', '.join(found)}; trains in {precision} on {found[0]}, {worker_threads()} CPU threads"
    )


def _gallery() -> str:
    from vae_core.data import load_gallery

    return f"{len(load_gallery())} digits"


def _data_sets() -> Iterator[Finding]:
    from vae_core.data import DATASETS, data_folder, load

    for name, source in DATASETS.items():
        if source.reader is None:
            continue
        fix = "LATENT_DATA=<folder that holds it>, or train once with --download"
        try:
            yield Finding(
                name,
                True,
                f"{len(load(name, 'test'))} test images in {data_folder()}",
                needed=False,
            )
        except PlaygroundError as error:
            yield Finding(name, False, str(error), fix, needed=False)


def _runs() -> Iterator[Finding]:
    from vae_core.runs import BrokenRun, list_runs

    found = list_runs()
    good = [run.id for run in found if not isinstance(run, BrokenRun)]
    fix = "python -m vae_core train vae-keras-dense --data mnist-5k --epochs 20"
    yield Finding("runs", bool(good), ", ".join(good) or "none", "" if good else fix)
    for run in found:
        if isinstance(run, BrokenRun):
            yield Finding(f"run {run.id}", False, str(run.error), needed=False)


def _writable() -> Finding:
    from vae_core.runs import runs_roots

    folder = runs_roots()[1]
    nearest = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        return Finding(
            "folder for runs", False, f"{folder}: {reason}", "LATENT_RUNS=<folder you own>"
        )
    free = os.statvfs(nearest) if hasattr(os, "statvfs") else None
    room = f", {free.f_bavail * free.f_frsize / 1e9:.0f} GB free" if free else ""
    return Finding("folder for runs", True, f"{folder}{room}")
