"""Runnable notebooks that rebuild what a screen shows: the run, its digest, the same pictures.

Plain nbformat 4.5 JSON. Every value goes in as a Python literal, and the last line of a part
compares the SHA-256 of the pictures with that of those on the screen.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from numpy.typing import ArrayLike

from vae_core.inference import to_uint8

Cells = list[tuple[str, str]]

_OPEN = """\
import hashlib

import numpy as np
from PIL import Image

from vae_core import data, exports, figures, latent, sampling
from vae_core.inference import open_session, to_uint8
from vae_core.runs import open_run, runs_roots

RUN, DIGEST = {run!r}, {digest!r}
run = open_run(next(root / RUN for root in runs_roots() if (root / RUN).is_dir()))
if run.digest != DIGEST:
    raise SystemExit(f"{{RUN}} has other weights by now: {{run.digest}} instead of {{DIGEST}}")
session = open_session(run)
gallery = data.load_gallery(run.card.config.data)
labels = gallery.y if session.n_classes else None
codes = session.encode(gallery.x, labels)


def same(images, sha256):
    \"\"\"Whether pictures are, to the byte, those of the screen.\"\"\"
    return hashlib.sha256(to_uint8(images).tobytes()).hexdigest() == sha256"""

_MAP = """\
plane = latent.Plane(center={center!r}, half={half!r})
figures.latent_scatter(codes.mu, gallery.y, class_names=gallery.class_names, plane=plane)"""

_PLACE = """\
z = np.array([{z!r}], np.float32)
image = session.decode(z{label})
print("as on the screen:", same(image, {sha256!r}))
pixels = to_uint8(image[0]).transpose(1, 2, 0).squeeze()
Image.fromarray(pixels).resize((280, 280), Image.Resampling.NEAREST)"""

_PATH = """\
START, END, METHOD, N = {start!r}, {end!r}, {method!r}, {n!r}
z = latent.interpolate(codes.mu[START], codes.mu[END], N, method=METHOD)
frames = session.decode(z{label})
print("as on the screen:", same(frames, {sha256!r}))
sheet = exports.png_bytes(frames, columns=min(N, 20), scale=2)
Image.open(__import__("io").BytesIO(sheet))"""

_DECODES = """\
{code}
images = session.decode(z{label})
print("as on the screen:", same(images, {sha256!r}))
Image.open(__import__("io").BytesIO(exports.png_bytes(images, columns={columns!r}, scale=2)))"""

# what z is, by the way in which it came about
_WAYS = {
    "even": """\
plane = latent.Plane(center={center!r}, half={half!r})
z = sampling.on_units(latent.lattice(plane, {n!r}), {units!r}, session.latent_dim)""",
    "quantile": """\
z = sampling.on_units(sampling.quantile_lattice({n!r}), {units!r}, session.latent_dim)""",
    "prior": """\
z = sampling.from_prior({n!r}, session.latent_dim, seed={seed!r}, temperature={temperature!r})""",
    "box": """\
z = sampling.from_box(codes.mu, {n!r}, seed={seed!r})""",
    "codes": """\
z = sampling.from_codes(codes.mu, {n!r}, seed={seed!r}, temperature={temperature!r})""",
    "classes": """\
drawn = {{"seed": {seed!r}, "temperature": {temperature!r}}}
z = sampling.from_classes(codes.mu, gallery.y, {n!r}, **drawn)""",
    "styles": """\
styles = sampling.from_prior({n!r}, session.latent_dim, seed={seed!r})
z = np.repeat(styles, session.n_classes, axis=0)
each_class = np.tile(np.arange(session.n_classes), {n!r})""",
    "sweep": """\
start = {start}
z = np.concatenate([sampling.traverse(start, unit, values) for unit, values in {swept!r}])""",
}


def sha256(images: ArrayLike) -> str:
    """Returns the SHA-256 of pictures as they are shown, in bytes."""
    return hashlib.sha256(to_uint8(images).tobytes()).hexdigest()


def opening(run: str, digest: str) -> Cells:
    """Returns the cells that open a run, by its id and the digest of its weights."""
    about = (
        f"# {run}\n\nMade by Latent Playground. Run it where the project is installed or in its "
        f"folder. It opens the run `{run}` with the weights `{digest}` and rebuilds what was on "
        "the screen."
    )
    return [("markdown", about), ("code", _OPEN.format(run=run, digest=digest))]


def the_map(center: Sequence[float], half: float) -> Cells:
    """Returns the cells that draw the map on a plane."""
    values = {"center": tuple(map(float, center)), "half": float(half)}
    return [("markdown", "## The map"), ("code", _MAP.format(**values))]


def a_place(z: Iterable[float], image: ArrayLike, *, label: int | None = None) -> Cells:
    """Returns the cells that decode z, (D,), which is `image`, (1, C, H, W), on the screen."""
    values = {"z": [float(v) for v in z], "label": _label(label), "sha256": sha256(image)}
    return [("markdown", "## The pinned place"), ("code", _PLACE.format(**values))]


def a_path(
    start: int, end: int, method: str, frames: ArrayLike, n: int, *, label: int | None = None
) -> Cells:
    """Returns the cells that lead from one image of the gallery to another in n `frames`."""
    values = {
        "start": int(start),
        "end": int(end),
        "method": method,
        "n": int(n),
        "label": _label(label),
        "sha256": sha256(frames),
    }
    return [("markdown", "## The path"), ("code", _PATH.format(**values))]


def decodes(
    way: str, images: ArrayLike, *, columns: int, label: int | str | None = None, **values: object
) -> Cells:
    """Returns the cells that decode codes which came about in a way of `_WAYS`, with its values.

    Args:
        way: "even", "quantile", "prior", "box", "codes", "classes", "styles" or "sweep".
        images: What they are on the screen, (N, C, H, W).
        columns: Of the sheet.
        label: A conditional run's class, or the name that the way gives to its labels.
        values: Plain numbers, and tuples of them.
    """
    if way == "sweep":
        index = values.pop("index")
        values["start"] = f"codes.mu[{index!r}]" if index is not None else "codes.mu.mean(axis=0)"
    said = f", {label}" if isinstance(label, str) else _label(label)
    code = _WAYS[way].format(**values)
    cell = _DECODES.format(code=code, label=said, sha256=sha256(images), columns=columns)
    return [("markdown", "## The pictures"), ("code", cell)]


def notebook_bytes(*parts: Iterable[tuple[str, str]]) -> bytes:
    """Returns a notebook of these cells, as Jupyter reads it."""
    cells = [cell for part in parts for cell in part]
    notebook = {
        "cells": [_cell(number, *cell) for number, cell in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode()


def _cell(number: int, kind: str, text: str) -> dict[str, Any]:
    cell: dict[str, Any] = {
        "cell_type": kind,
        "id": f"cell-{number}",
        "metadata": {},
        "source": text.splitlines(keepends=True),
    }
    return cell if kind == "markdown" else {**cell, "execution_count": None, "outputs": []}


def _label(label: int | None) -> str:
    return "" if label is None else f", {int(label)}"
