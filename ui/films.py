"""Films of latent planes: a run's moments, or the runs of a series, one picture after another.

A film is what the time machine plays: for each moment codes as points of one plane, figures, and a
sheet of pictures. The browser fetches it by addresses that name digests and may keep it for ever;
all that follows the slider happens there.
"""

import base64
import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ui import resources
from ui.answers import FOREVER, NEVER, NotFoundError, found_run, sentences
from vae_core import data, exports, latent, moments, sweeps
from vae_core import films as drawn
from vae_core.errors import RunError
from vae_core.inference import to_uint8
from vae_core.latent import Plane
from vae_core.runs import Run
from vae_core.sweeps import Series
from vae_core.takeaways import film_file

MAX_POINTS = 10_000  # of a film; of more images, evenly many
MAX_SERIES = 24  # runs of a series in a film
ROW = 10  # pictures in a row of a sheet
SHEET, SHEET_COLUMNS = 500, 25  # images behind the points on a sheet, and in its rows
SEED = 0

_films: resources.Memory["Film"] = resources.Memory(12)
_sheets: resources.Memory[bytes] = resources.Memory(64)
_series: resources.Memory[tuple[Series, ...]] = resources.Memory(len(sweeps.AXES))


@dataclass(frozen=True)
class Film:
    """All moments of a film.

    Attributes:
        address: Where its parts are fetched, without an end.
        axis: What the moments differ in, "epoch" or one of `sweeps.AXES`.
        codes: Points by moment, (M, N, 2), float16.
        y: The points' labels, (N,).
        class_names: What the labels mean.
        planes: The square that holds each moment's codes.
        home: The moment whose square is shown at first.
        moments: What the browser is told of each: name, figures, the square of its grid.
        curve: All measured (x, recon, kl); more than there are moments where codes were not kept.
        originals: The first image of each of the first ten classes, (10, C, H, W).
        sheet: The PNG sheet of a moment, by its name.
        images: The images behind the points, (N, C, H, W), in the points' order.
        final: Whether it will never change.
    """

    address: str
    axis: str
    codes: np.ndarray
    y: np.ndarray
    class_names: tuple[str, ...]
    planes: tuple[Plane, ...]
    home: int
    moments: tuple[dict[str, Any], ...]
    curve: tuple[tuple[float, float, float], ...]
    originals: np.ndarray
    sheet: Callable[[str], bytes]
    images: Callable[[], np.ndarray]
    final: bool = True

    def content(self) -> dict[str, Any]:
        """What the browser is told first."""
        return {
            "axis": self.axis,
            "n": len(self.y),
            "labels": base64.b64encode(self.y.astype("<u2")).decode(),
            "class_names": self.class_names,
            "image_shape": self.originals.shape[1:],
            "originals": base64.b64encode(np.ascontiguousarray(self.originals)).decode(),
            "codes": f"{self.address}/film.f16",
            "grows": not self.final,
            "images": {
                "address": f"{self.address}/images",
                "sheet": SHEET,
                "columns": SHEET_COLUMNS,
            },
            "home": self.home,
            "curve": self.curve,
            "moments": [
                {
                    **moment,
                    "plane": plane.to_dict(),
                    "sheet": moment["pictured"] and f"{self.address}/frames/{moment['name']}.png",
                }
                for moment, plane in zip(self.moments, self.planes, strict=True)
            ],
        }


# --- a run's moments --------------------------------------------------------------------------


def filmed_runs() -> tuple[Run, ...]:
    """The runs that kept codes of several moments."""
    return tuple(
        run for run in resources.runs() if isinstance(run, Run) and moments.has_several(run)
    )


def address_of(run: Run) -> str:
    """Where a run's film is fetched, without an end."""
    return f"/api/runs/{run.id}/{run.digest}"


def run_film(run: Run) -> Film:
    """Returns the film of a run's training.

    Raises:
        PlaygroundError: It kept nothing, what it kept is damaged, or its data set is not at hand.
    """
    return _films.get((run.id, run.digest), lambda: _run_film(run))


def _run_film(run: Run) -> Film:
    return film_of(run, moments.moments(run), address_of(run))


def film_of(
    run: Run, of: Sequence[moments.Moment], address: str, *, steps: int = 0, newest: bool = True
) -> Film:
    """Returns the film of moments that a run kept.

    Args:
        run: The run; while it trains its weights do not matter.
        of: The moments.
        address: Where the film's parts are fetched, without an end.
        steps: Steps of an epoch, where the card does not know them yet.
        newest: Whether principal directions are turned onto the newest moment's; else the oldest's,
            so that what is shown stays while more moments come.

    Raises:
        PlaygroundError: There is no moment, one is damaged, or its data set is not at hand.
    """
    if not of:
        raise RunError("moments-damaged", path=run.id, name="latents")
    labels = data.held_out_labels(run.card.config.data)
    codes = moments.codes(run, of, newest=newest)
    if codes.shape[1] != len(labels):
        raise RunError("moments-damaged", path=run.id, name="latents")
    kept, gallery = _rows(len(labels)), resources.gallery(run)
    steps = steps or moments.steps_per_epoch(run)
    return Film(
        address=address,
        axis="epoch",
        codes=codes[:, kept],
        y=labels[kept],
        class_names=gallery.class_names,
        planes=tuple(latent.plane_of(points) for points in codes),
        home=len(of) - 1,
        moments=tuple(
            {
                "name": moment.name,
                "x": moment.step / steps,
                "at": moment.step,
                "epoch": moment.epoch,
                "step": moment.step,
                "terms": moment.terms,
                "grid": moment.plane and moment.plane.to_dict(),
                "pictured": moment.pictured,
            }
            for moment in of
        ),
        curve=tuple(_curve(line["epoch"], moments.terms(line)) for line in run.history),
        originals=_firsts(run),
        sheet=lambda name: moments.frame(run, name),
        images=lambda: _held_out(run)[kept],
        final=run.card.finished,
    )


def _held_out(run: Run) -> np.ndarray:
    """The held-out images in the data set's order, in which runs keep codes, (N, C, H, W)."""
    config = run.card.config.data
    if config.name == data.GALLERY:  # its gallery shows more than what is held out
        return data.load(config, "held-out").x
    by_class = resources.gallery(run).x
    images = np.empty_like(by_class)
    images[np.argsort(data.held_out_labels(config), kind="stable")] = by_class
    return images


def _firsts(run: Run) -> np.ndarray:
    """The first image of each class, of those that the run's sheets rebuild, (10, C, H, W)."""
    config = run.card.config.data
    # of the built-in digits only some are held out, and the gallery shows them all
    images = (
        data.load(config, "held-out") if config.name == data.GALLERY else resources.gallery(run)
    )
    firsts = [int(np.flatnonzero(images.y == label)[0]) for label in np.unique(images.y)]
    return images.x[[firsts[k % len(firsts)] for k in range(ROW)]]


def _rows(n: int) -> np.ndarray:
    return np.linspace(0, n - 1, min(n, MAX_POINTS)).round().astype(int)


def _curve(x: float, terms: dict[str, float]) -> tuple[float, float, float]:
    return x, terms.get("recon", math.nan), terms.get("kl", math.nan)


# --- a series ---------------------------------------------------------------------------------


def all_series(axis: str = "beta") -> tuple[Series, ...]:
    """The series along one of `sweeps.AXES` among all runs."""
    found = [run for run in resources.runs() if isinstance(run, Run)]
    key = axis, tuple((run.id, run.digest) for run in found)
    return _series.get(key, lambda: sweeps.find_series(found, axis=axis))


def series_digest(series: Series) -> str:
    """Returns what names a series and all of its weights in an address."""
    names = ",".join([series.axis, *(f"{run.id}/{run.digest}" for run in series.runs)])
    return hashlib.sha256(names.encode()).hexdigest()[:12]


def series_address(series: Series) -> str:
    """Where a series' film is fetched, without an end."""
    return f"/api/series/{series_digest(series)}"


def series_film(series: Series) -> Film:
    """Returns the film of a series: its runs in order, each turned onto its neighbour.

    Raises:
        PlaygroundError: The runs' data set is not at hand.
    """
    return _films.get(("series", series_digest(series)), lambda: _series_film(series))


def _series_film(series: Series) -> Film:
    chosen = series.runs[:MAX_SERIES]
    xs = [_across(series.axis, value, i) for i, value in enumerate(series.values[: len(chosen)])]
    home = 0 if series.axis == "beta" else float(np.median(xs))  # the ELBO's own, or the middle one
    middle = min(range(len(chosen)), key=lambda i: abs(xs[i] - home))
    codes = [latent.planar(resources.gallery_codes(run).mu) for run in chosen]
    turns = latent.aligned(codes, middle)
    gallery = resources.gallery(chosen[0])
    points = np.stack([mu @ turn for mu, turn in zip(codes, turns, strict=True)])
    planes = tuple(latent.plane_of(one) for one in points)
    by_name = {
        run.id: (run, turn, plane) for run, turn, plane in zip(chosen, turns, planes, strict=True)
    }

    def sheet(name: str) -> bytes:
        if name not in by_name:
            raise NotFoundError(f"There is no run named {name[:80]!r} in this series.")
        run = by_name[name][0]
        return _sheets.get((run.id, run.digest, middle), lambda: _series_sheet(*by_name[name]))

    terms = series.terms[: len(chosen)]
    kept = _rows(len(gallery))
    return Film(
        address=series_address(series),
        axis=series.axis,
        codes=np.clip(points[:, kept], -6e4, 6e4).astype(np.float16),
        y=gallery.y[kept],
        class_names=gallery.class_names,
        planes=planes,
        home=middle,
        moments=tuple(
            {
                "name": run.id,
                "x": xs[i],
                "at": i,
                "value": value,
                "terms": terms[i],
                "grid": planes[i].to_dict() if run.card.config.model.latent_dim == 2 else None,
                "pictured": True,
            }
            for i, (run, value) in enumerate(zip(chosen, series.values, strict=False))
        ),
        curve=tuple(_curve(x, one) for x, one in zip(xs, terms, strict=True)),
        originals=_firsts(chosen[0]),
        sheet=sheet,
        images=lambda: gallery.x[kept],
    )


def _series_sheet(run: Run, turn: np.ndarray, plane: Plane) -> bytes:
    """Returns the sheet of a run of a series: its grid lies in the turned plane."""
    session = resources.session(run)
    if session.latent_dim == 2:
        z = latent.lattice(plane, ROW) @ turn.T
    else:
        z = np.random.default_rng(SEED).standard_normal((ROW * ROW, session.latent_dim))
    labels = np.zeros(ROW * ROW, int) if session.n_classes else None
    grid = session.decode(z.astype(np.float32), labels)
    firsts = _firsts(run)
    told = np.arange(ROW) % session.n_classes if session.n_classes else None
    rebuilt = session.decode(session.encode(firsts, told).mu, told)
    return exports.png_bytes(to_uint8(np.concatenate([rebuilt, grid])), columns=ROW)


def _across(axis: str, value: sweeps.Value, number: int) -> float:
    """Where a value stands on the slider's curves: its logarithm; what has no size, its number."""
    sized = axis in ("beta", "latent_dim") and not isinstance(value, str)
    return math.log10(max(float(value), 1e-6)) if sized else float(number)


# --- files ----------------------------------------------------------------------------------


def projected_units(run: Run) -> int:
    """Returns how many units the codes have of which a run's film shows two directions; else 0."""
    units = resources.session(run).latent_dim
    return units if units > 2 else 0


def series_gif(series: Series) -> bytes:
    """Returns a series' film as a GIF, each plane in its own axes."""
    film = series_film(series)
    pictures = drawn.frames(
        film.codes,
        film.y,
        film.planes,
        [_plain_name(film.axis, moment["value"]) for moment in film.moments],
        [film.sheet(moment["name"]) for moment in film.moments],
    )
    return film_file(pictures, kind="gif")


def _plain_name(axis: str, value: sweeps.Value) -> str:
    shown = value if isinstance(value, str) else f"{value:g}"
    return shown if axis == "recipe" else f"{axis} = {shown}"


# --- routes -----------------------------------------------------------------------------------


def _of_run(request: Request) -> Film:
    return run_film(found_run(request.path_params["run"], request.path_params["digest"]))


def _of_series(request: Request) -> Film:
    asked = request.path_params["digest"]
    for axis in sweeps.AXES:
        for series in all_series(axis):
            if series_digest(series) == asked:
                return series_film(series)
    raise NotFoundError("This series has changed: reload the page.")


def _kept(film: Film) -> dict[str, str]:
    return FOREVER if film.final else NEVER


def passed() -> Response:
    """The answer for a moment that a training keeps no more: it had it only for those who watch."""
    return Response(status_code=204, headers=NEVER)


def routes_of(prefix: str, found: Callable[[Request], Film]) -> list[Route]:
    """The routes below a prefix at which the parts of the film that is found there are fetched."""

    @sentences
    def content(request: Request) -> Response:
        film = found(request)
        return JSONResponse(_without_nan(film.content()), headers=_kept(film))

    @sentences
    def codes(request: Request) -> Response:
        film = found(request)
        body = np.ascontiguousarray(film.codes, "<f2").tobytes()
        headers = dict(_kept(film))
        if not film.final:  # it may have changed since its content was told
            headers["Moments"] = ",".join(moment["name"] for moment in film.moments)
        return Response(body, media_type="application/octet-stream", headers=headers)

    @sentences
    def frame(request: Request) -> Response:
        film = found(request)
        try:
            png = film.sheet(request.path_params["name"])
        except RunError:
            if film.final:
                raise
            return passed()
        return Response(png, media_type="image/png", headers=_kept(film))

    @sentences
    def images(request: Request) -> Response:
        film, asked = found(request), request.path_params["number"]
        if asked * SHEET >= len(film.y):
            raise NotFoundError("There are not so many images.")
        png = exports.png_bytes(film.images()[asked * SHEET :][:SHEET], columns=SHEET_COLUMNS)
        return Response(png, media_type="image/png", headers=FOREVER)

    return [
        Route(f"{prefix}/film.json", content),
        Route(f"{prefix}/film.f16", codes),
        Route(f"{prefix}/frames/{{name}}.png", frame),
        Route(f"{prefix}/images/{{number:int}}.png", images),
    ]


def _without_nan(value: Any) -> Any:
    """JSON has no word for a number that was not measured; the browser reads null."""
    if isinstance(value, dict):
        return {name: _without_nan(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


routes = [
    *routes_of("/api/runs/{run}/{digest}", _of_run),
    *routes_of("/api/series/{digest}", _of_series),
]
