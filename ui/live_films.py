"""Films of trainings under way: what the time machine plays while a run still trains.

They are read from the run's folder, whatever its weights are at, by the run's id alone. A film is
made once for each new moment, however many watch; a browser fetches of it what it does not have.
"""

from contextlib import suppress
from dataclasses import replace

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ui import films, resources
from ui.answers import NEVER, NotFoundError, sentences
from ui.films import Film
from vae_core import jobs, latent, moments, runs
from vae_core.errors import PlaygroundError, RunError
from vae_core.jobs import Job
from vae_core.runs import Run
from vae_core.thumbnails import codes_png

ATTEMPTS = 3  # to read all moments between two changes

_films: resources.Memory[Film] = resources.Memory(48)
_newest: resources.Memory[str | None] = resources.Memory(512)
_planes: resources.Memory[bytes] = resources.Memory(512)


def address_of(job: Job) -> str:
    """Where a training's film is fetched, without an end."""
    return f"/api/live/{job.id}"


def newest(job: Job) -> str | None:
    """The name of the newest moment of which all was kept, or None before there is one."""
    try:
        written = (job.path / runs.HISTORY).stat().st_mtime_ns
    except OSError:
        return None

    def find() -> str | None:
        of = moments.moments(_run(job))
        return of[-1].name if of else None

    # the history is written after what it tells of, and the card after the history
    return _newest.get((job.id, job.card.created, job.card.epochs_done, written), find)


def film(job: Job) -> Film:
    """Returns the film of a training up to now.

    Raises:
        PlaygroundError: It kept nothing yet, or its data set is not at hand.
    """
    for _ in range(ATTEMPTS - 1):
        with suppress(RunError):  # a moment only for those who watch went away while it was read
            return _film_now(job)
    return _film_now(job)


def _film_now(job: Job) -> Film:
    run = _run(job)
    of = moments.moments(run)
    key = job.id, job.card.created, tuple(moment.name for moment in of)

    def make() -> Film:
        steps = 0 if job.card.epochs_done else job.steps
        made = films.film_of(run, of, address_of(job), steps=steps, newest=False)
        return replace(made, final=False)

    return _films.get(key, make)


def plane_png(job: Job, onto: Job | None) -> bytes:
    """Returns a training's newest codes as a small picture, turned onto another's.

    Raises:
        PlaygroundError: As `film`.
    """
    shown = film(job)
    other = film(onto) if onto and onto.id != job.id else None
    key = tuple((one.address, one.moments[-1]["name"]) for one in (shown, other) if one)

    def make() -> bytes:
        codes = np.asarray(shown.codes[-1], np.float32)
        if other and np.array_equal(other.y, shown.y):
            codes = codes @ latent.procrustes(codes, np.asarray(other.codes[-1], np.float32))
        return codes_png(codes, shown.y, latent.plane_of(codes))

    return _planes.get(key, make)


def _run(job: Job) -> Run:
    """The run as its folder has it; of unfinished ones the weights are not looked at."""
    return Run(job.path, job.card, job.card.weights_sha256)


# --- routes -----------------------------------------------------------------------------------


def _job(run_id: str) -> Job:
    try:
        return jobs.job(jobs.root() / runs.check_run_id(run_id))
    except PlaygroundError as error:
        raise NotFoundError(f"There is no training named {run_id[:80]!r}.") from error


def _film(request: Request) -> Film:
    return film(_job(request.path_params["run"]))


@sentences
def _codes(request: Request) -> Response:
    """The codes of one moment: what a browser that has the others lacks."""
    found = _film(request)
    names = [moment["name"] for moment in found.moments]
    if request.path_params["name"] not in names:
        return films.passed()
    codes = found.codes[names.index(request.path_params["name"])]
    body = np.ascontiguousarray(codes, "<f2").tobytes()
    return Response(body, media_type="application/octet-stream", headers=NEVER)


@sentences
def _plane(request: Request) -> Response:
    onto = request.query_params.get("onto")
    png = plane_png(_job(request.path_params["run"]), _job(onto) if onto else None)
    # its address names the moments that it shows
    headers = {"Cache-Control": "private, max-age=86400"}
    return Response(png, media_type="image/png", headers=headers)


routes = [
    *films.routes_of("/api/live/{run}", _film),
    Route("/api/live/{run}/codes/{name}.f16", _codes),
    Route("/api/live/{run}/plane.png", _plane),
]
