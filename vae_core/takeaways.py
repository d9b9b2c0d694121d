"""What a person takes away of a run: its plane, a path, its codes, its networks, a notebook.

The command line and the screens offer the same files. A session and its gallery go in, bytes come
out; what a conditional run shows is shown for one label.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vae_core import exports, films, latent, moments, notebooks, svg, tables
from vae_core.data import Images, held_out_labels
from vae_core.errors import InputError, RunError
from vae_core.figures import PETROFF10
from vae_core.inference import Codes, Session
from vae_core.runs import CARD, LATENTS, WEIGHTS, Run

if TYPE_CHECKING:
    from torch import Tensor, nn

SVG_PICTURES = 24  # decoded along a side of the drawn plane


@dataclass(frozen=True)
class Path:
    """A way between two images of the gallery, by their indices."""

    start: int
    end: int
    method: str = "linear"
    label: int | None = None


@dataclass(frozen=True)
class Film:
    """How a path becomes a film: pictures one way, side in pixels, ms a picture, back again."""

    frames: int = 51
    size: int = 256
    duration_ms: int = 60
    ping_pong: bool = True


def gallery_codes(session: Session, gallery: Images) -> Codes:
    """Returns the codes of a gallery, told its labels where the run is conditional."""
    return session.encode(gallery.x, gallery.y if session.n_classes else None)


def plane_of(session: Session, codes: Codes) -> latent.Plane:
    """Returns the square that a run's map shows.

    Raises:
        InputError: The codes do not lie in a plane.
    """
    if session.latent_dim != 2:
        raise InputError(
            "input-choice", what="latent_dim for a plane", known="2", value=session.latent_dim
        )
    return latent.plane_of(codes.mu)


def plane_png(session: Session, plane: latent.Plane, n: int, *, scale: int = 1) -> bytes:
    """Returns the decoded plane as a sheet of n x n pictures."""
    return exports.png_bytes(_decoded(session, plane, n), columns=n, scale=scale)


def plane_svg(session: Session, gallery: Images, codes: Codes, plane: latent.Plane) -> bytes:
    """Returns the map as a drawing: the decoded plane, the codes by class, axes, legend."""
    return svg.plane_svg(
        codes.mu,
        gallery.y,
        class_names=gallery.class_names,
        plane=plane,
        decoded=_decoded(session, plane, SVG_PICTURES),
        title=session.run.id,
    )


def codes_csv(gallery: Images, codes: Codes) -> bytes:
    """Returns the gallery's codes as CSV, a line an image."""
    text = tables.codes_csv(codes.mu, codes.std, gallery.y, gallery.class_names)
    return text.encode()


def path_frames(session: Session, codes: Codes, path: Path, n: int) -> NDArray[np.float32]:
    """Returns n decoded pictures along a path, (n, C, H, W).

    Raises:
        InputError: An index is outside the gallery, or the method is unknown.
    """
    for what, index in (("start", path.start), ("end", path.end)):
        if not 0 <= index < len(codes.mu):
            raise InputError("input-range", what=what, low=0, high=len(codes.mu) - 1, value=index)
    ends = codes.mu[path.start], codes.mu[path.end]
    z = latent.interpolate(*ends, n, method=path.method)
    return session.decode(z, _label(session, path.label))


def path_film(
    session: Session, codes: Codes, path: Path, film: Film, *, kind: str = "gif"
) -> bytes:
    """Returns a path as a film, "gif" or "webp"."""
    frames = path_frames(session, codes, path, film.frames)
    looks = {
        "size": film.size,
        "duration_ms": film.duration_ms,
        "ping_pong": film.ping_pong,
    }
    return FILMS[kind](frames, **looks)


FILMS: Mapping[str, Callable[..., bytes]] = {
    "gif": exports.gif_bytes,
    "webp": exports.webp_bytes,
}


def training_film(run: Run, *, kind: str = "gif", palette: Sequence[str] = PETROFF10) -> bytes:
    """Returns a run's kept moments as a film, "gif" or "webp", in the axes of the last one.

    Raises:
        RunError: It kept nothing, or what it kept is damaged.
        DataError: Its data set is not at hand.
    """
    kept = moments.moments(run)
    codes, y = moments.codes(run, kept), held_out_labels(run.card.config.data)
    if codes.shape[1] != len(y):
        raise RunError("moments-damaged", path=run.id, name=LATENTS)
    pictured = all(moment.pictured for moment in kept)
    names = [
        f"epoch {moment.epoch}, step {moment.step:,}" if moment.epoch else f"step {moment.step:,}"
        for moment in kept
    ]
    sheets = [moments.frame(run, moment.name) if pictured else None for moment in kept]
    planes = [latent.plane_of(codes[-1])] * len(kept)
    pictures = films.frames(codes, y, planes, names, sheets, palette=palette)
    return film_file(pictures, kind=kind)


def film_file(pictures: NDArray[np.uint8], *, kind: str) -> bytes:
    """Returns a film's pictures, (F, 3, H, W), as a file that plays on and on."""
    size = max(pictures.shape[2:])
    return FILMS[kind](pictures, size=size, duration_ms=80, ping_pong=False)


def decoder_onnx(session: Session) -> bytes:
    """Returns the decoder as ONNX: z, and y (int64) where the run is conditional, to x."""
    import torch

    z = torch.zeros(2, session.latent_dim)
    return _onnx(session, session.decoder(), z, "z", ("x",))


def encoder_onnx(session: Session) -> bytes:
    """Returns the encoder as ONNX: x, and y where the run is conditional, to mu (and logvar)."""
    import torch

    x = torch.zeros(2, *session.image_shape)
    variational = session.run.card.config.model.family == "vae"
    return _onnx(session, session.encoder(), x, "x", ("mu", "logvar") if variational else ("mu",))


def run_zip(session: Session) -> bytes:
    """Returns the run's card and weights (safetensors) as one ZIP: all that decoding needs."""
    run = session.run
    names = (CARD, WEIGHTS)
    return exports.zip_bytes({f"{run.id}/{n}": (run.path / n).read_bytes() for n in names})


def map_notebook(
    session: Session, plane: latent.Plane, z: NDArray[np.float32] | None = None
) -> bytes:
    """Returns a notebook that draws the map and decodes the place z, (2,), where one is pinned."""
    label = _label(session, None)
    parts = [
        notebooks.opening(session.run.id, session.run.digest),
        notebooks.the_map(plane.center, plane.half),
    ]
    if z is not None:
        image = session.decode(np.asarray(z, np.float32)[None], label)
        parts.append(notebooks.a_place(z, image, label=label))
    return notebooks.notebook_bytes(*parts)


def decodes_notebook(
    session: Session, way: str, images: NDArray[np.float32], *, columns: int, **values: Any
) -> bytes:
    """Returns a notebook that decodes anew what a screen shows, and compares it to the byte."""
    return notebooks.notebook_bytes(
        notebooks.opening(session.run.id, session.run.digest),
        notebooks.decodes(way, images, columns=columns, **values),
    )


def path_notebook(session: Session, codes: Codes, path: Path, n: int) -> bytes:
    """Returns a notebook that decodes a path in n pictures and compares them with the screen's."""
    frames = path_frames(session, codes, path, n)
    return notebooks.notebook_bytes(
        notebooks.opening(session.run.id, session.run.digest),
        notebooks.a_path(
            path.start,
            path.end,
            path.method,
            frames,
            n,
            label=_label(session, path.label),
        ),
    )


def _decoded(session: Session, plane: latent.Plane, n: int) -> NDArray[np.float32]:
    return session.decode(latent.lattice(plane, n), _label(session, None))


def _label(session: Session, label: int | None) -> int | None:
    """A conditional run is asked for its first class where nobody says which."""
    return (label or 0) if session.n_classes else None


def _onnx(
    session: Session, module: "nn.Module", example: "Tensor", name: str, outputs: tuple[str, ...]
) -> bytes:
    import torch

    from vae_core.models import Labelled

    if not session.n_classes:
        return exports.onnx_bytes(module, example, inputs=(name,), outputs=outputs)
    y = torch.zeros(2, dtype=torch.int64)
    labelled = Labelled(module, session.n_classes)
    return exports.onnx_bytes(labelled, example, y, inputs=(name, "y"), outputs=outputs)
