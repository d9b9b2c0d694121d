"""What the browser asks for directly: pictures, paths, tiles, the component's files.

GET only; nothing here writes (what Streamlit's uploads may is up to `ui.quota`). An address names
the run and the digest of its weights, so its answer never changes and every browser keeps it. A
mistake in an address is answered with one sentence.
"""

import base64
import gc
import json
import math
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import numpy as np
import streamlit as st
import torch
from anyio import to_thread
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui import assets, controls, films, head_start, layers, live_films, packing, resources, tiles
from ui.answers import FOREVER, NEVER, NotFoundError, found_run, sentences
from ui.owner import OwnerCookie
from ui.quota import UploadQuota
from ui.selection import Selection, select
from ui.views import View, n_classes, view
from vae_core import figures, latent
from vae_core.errors import InputError, PlaygroundError
from vae_core.exports import png_bytes
from vae_core.inference import to_uint8
from vae_core.runs import BrokenRun, Run
from vae_core.supervisor import Supervisor

MAX_FRAMES = 501
NEIGHBOURS = 8  # of an image, in each space
SHEET, SHEET_COLUMNS = 500, 25  # images of the gallery on a sheet, and in its rows
MAX_COORDINATE = 1e6
WANTED_FILES = 65_536
FIRST_VISIT_S = 15.0  # after the start, the time that the first visitor's page may take


# --- addresses and answers --------------------------------------------------------------------


def _run(request: Request, name: str = "run", digest: str = "digest") -> Run:
    """Returns the run that an address names, if its weights are still the ones named too."""
    return found_run(request.path_params[name], request.path_params[digest])


def _view(request: Request, part: str = "") -> View:
    """Returns what a map shows of a run: `slice=` names the plane, `class=` what is decoded."""
    query = request.query_params
    run = _run(request, f"run{part}", f"digest{part}")
    n = n_classes(run)
    label = _whole(query.get(f"class{part}"), "class", 0, n - 1) if n else None
    return view(run, query.get(f"slice{part}"), label)


def _place(request: Request, shown: View) -> tuple[np.ndarray, np.ndarray]:
    """Returns the place (2,) and the code (D,) that a query names by `z=u,v` or by `code=...`."""
    if "code" in request.query_params:
        z = _numbers(request, "code", len(shown.slice.origin)).astype(np.float32)
        return shown.slice.places(z), z
    place = _numbers(request, "z", 2)
    return place, shown.codes(place)


def _numbers(request: Request, what: str, n: int) -> np.ndarray:
    """Returns the n numbers `what=x,y,...` of a query."""
    text = request.query_params.get(what, "")
    try:
        z = np.array([float(number) for number in text.split(",")])
    except ValueError as error:
        raise InputError(
            "input-unreadable", what=what, reason=f"{text[:80]!r} is no list of numbers"
        ) from error
    if z.shape != (n,):
        raise InputError("input-shape", what=what, wanted=(n,), value=z.shape)
    for number in z:
        if not math.isfinite(number):
            raise InputError("input-not-finite", what=what, value=number)
        if abs(number) > MAX_COORDINATE:
            raise InputError(
                "input-range", what=what, low=-MAX_COORDINATE, high=MAX_COORDINATE, value=number
            )
    return z


def _whole(text: str | None, what: str, low: int, high: int) -> int:
    try:
        value = int(text or "")
    except ValueError as error:
        reason = f"{(text or '')[:80]!r} is no whole number"
        raise InputError("input-unreadable", what=what, reason=reason) from error
    if not low <= value <= high:
        raise InputError("input-range", what=what, low=low, high=high, value=value)
    return value


def _digit(request: Request, name: str, n: int) -> int:
    return _whole(request.query_params.get(name), name, 0, n - 1)


def _pixels(images: np.ndarray) -> str:
    """Returns images, bytes or floats in [0, 1], as base64 of their N*C*H*W bytes."""
    images = images if images.dtype == np.uint8 else to_uint8(images)
    return base64.b64encode(np.ascontiguousarray(images)).decode()


def _forever(content: dict[str, Any]) -> Response:
    return JSONResponse(content, headers=FOREVER)


# --- answers ----------------------------------------------------------------------------------


@sentences
def health(request: Request) -> Response:
    found = resources.runs()
    broken = [run.id for run in found if isinstance(run, BrokenRun) and not run.waits]
    n = sum(isinstance(run, Run) for run in found)
    answer = {"status": "ok", "runs": n, "broken": broken}
    return JSONResponse(answer, headers=NEVER)


@sentences
def asset(request: Request) -> Response:
    """A file of the component, or the plotly.js of the installed Plotly; compressed once."""
    if request.path_params["version"] != assets.VERSION:
        raise NotFoundError("The app has been updated since this page was opened: reload the page.")
    file = assets.ASSETS.get(request.path_params["name"])
    if file is None:
        raise NotFoundError("There is no such file.")
    kind = "text/css" if file.suffix == ".css" else "text/javascript"
    headers = {**FOREVER, "Vary": "Accept-Encoding"}
    encoding = packing.encoding_for(request.headers.get("accept-encoding", ""))
    if encoding is None:
        return Response(assets.content(file), media_type=kind, headers=headers)
    body = assets.packed(file, encoding)
    return Response(body, media_type=kind, headers={**headers, "Content-Encoding": encoding})


@sentences
def map_json(request: Request) -> Response:
    """All that draws a run's map."""
    return _kept_map(view(_run(request), request.query_params.get("slice")))


def _kept_map(shown: View) -> Response:
    """A class that opens one map asks for the same figure."""
    name = ("map", *shown.key)
    content = resources.answer(shown.run, name, lambda: json.dumps(_map(shown)).encode())
    return Response(content, media_type="application/json", headers=FOREVER)


def _map(shown: View) -> dict[str, Any]:
    """The figure, the square it shows, what its classes are."""
    run = shown.run
    gallery, places, plane = resources.gallery(run), shown.points, shown.plane
    figure = figures.latent_scatter(places, gallery.y, class_names=gallery.class_names, plane=plane)
    titles = shown.titles
    figure.update_layout(xaxis_title_text=titles[0], yaxis_title_text=titles[1])
    centres = latent.class_centres(places, gallery.y)
    return {
        "run": run.id,
        "digest": run.digest,
        "figure": json.loads(figure.to_json()),  # arrays as base64, as Plotly writes them
        "plane": plane.to_dict(),
        "slice": _slice(shown),
        "titles": titles,
        "image_shape": resources.session(run).image_shape,
        "class_names": gallery.class_names,
        "centres": [place.tolist() if np.isfinite(place).all() else None for place in centres],
        "n_classes": n_classes(run),
        "gallery": {"sheet": SHEET, "columns": SHEET_COLUMNS},
        "prior": run.card.config.model.family == "vae",
        "tiles": {"cells": tiles.CELLS, "max_level": tiles.MAX_LEVEL, "reach": tiles.REACH},
    }


def _slice(shown: View) -> dict[str, Any] | None:
    """A plane as the browser needs it, to say which code a place is; two units need none."""
    if shown.name is None:
        return None
    origin, basis = shown.slice.origin, shown.slice.basis
    zero = shown.slice.places(np.zeros(len(origin)))
    return {"origin": origin.tolist(), "basis": basis.tolist(), "zero": zero.tolist()}


@sentences
def place(request: Request) -> Response:
    """What the decoder makes of a place, and which image of the gallery lies nearest."""
    shown = _view(request)
    where, z = _place(request, shown)
    gallery = resources.gallery(shown.run)
    indices, distances = latent.nearest(resources.gallery_codes(shown.run).mu, z, NEIGHBOURS)
    index = int(indices[0])
    return _forever(
        {
            "z": (where if shown.name is None else z).tolist(),
            "place": where.tolist(),
            "image": _pixels(shown.decode(z[None])),
            "nearest": {
                "index": index,
                "label": int(gallery.y[index]),
                "distance": float(distances[0]),
                "original": _pixels(gallery.x[index]),
            },
            "near": indices.tolist(),
            "classes": _each_class(shown, z),
        }
    )


def _each_class(shown: View, z: np.ndarray) -> str | None:
    images = shown.decode_as_each_class(z)
    return None if images is None else _pixels(images)


@sentences
def point(request: Request) -> Response:
    """An image of the gallery: its posterior, its reconstruction, what it costs in nats."""
    run = _run(request)
    shown = view(run, request.query_params.get("slice"))
    gallery = resources.gallery(run)
    index = _digit(request, "index", len(gallery))
    codes, x, label = resources.gallery_codes(run), gallery.x[index : index + 1], gallery.y[index]
    own = shown.of_class(int(label))
    ledger, std = own.ledger(x), codes.std
    return _forever(
        {
            "index": index,
            "label": int(label),
            "z": codes.mu[index].tolist(),
            "place": shown.points[index].tolist(),
            "std": None if std is None else std[index].tolist(),
            "ellipse": None if std is None else shown.ellipses(std[[index]])[0].tolist(),
            "original": _pixels(x),
            "image": _pixels(own.decode(codes.mu[index : index + 1])),
            "recon": float(ledger.recon[0]),
            "kl": ledger.kl[0].tolist(),
            "total": float(ledger.total[0]),
            "mse": float(ledger.mse[0]),
            "near": _others(codes.mu, index)[0].tolist(),
            "classes": _each_class(shown, codes.mu[index]),
        }
    )


@sentences
def sheet(request: Request) -> Response:
    """Five hundred of the gallery's images on one sheet, without gaps."""
    images = resources.gallery(_run(request)).x
    last = (len(images) - 1) // SHEET
    number = _whole(request.path_params["sheet"], "A sheet's number", 0, last)
    png = png_bytes(images[number * SHEET :][:SHEET], columns=SHEET_COLUMNS)
    return Response(png, media_type="image/png", headers=FOREVER)


@sentences
def neighbours(request: Request) -> Response:
    """The images nearest to one of the gallery: by code, and pixel by pixel (both Euclidean)."""
    run = _run(request)
    gallery = resources.gallery(run)
    index = _digit(request, "index", len(gallery))
    spaces = {
        "latent": resources.gallery_codes(run).mu,
        "pixel": gallery.x.reshape(len(gallery), -1) / np.float32(255),
    }
    found = {name: _others(codes, index) for name, codes in spaces.items()}
    return _forever(
        {
            name: {
                "indices": indices.tolist(),
                "labels": gallery.y[indices].tolist(),
                "distances": distances.tolist(),
                "images": _pixels(gallery.x[indices]),
            }
            for name, (indices, distances) in found.items()
        }
    )


def _others(codes: np.ndarray, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the images nearest to one of them and how far they are, without itself."""
    indices, distances = latent.nearest(codes, codes[index], NEIGHBOURS + 1)
    others = np.flatnonzero(indices != index)[:NEIGHBOURS]
    return indices[others], distances[others]


@sentences
def layer(request: Request) -> Response:
    """What a layer of the run's map shows."""
    return _forever(layers.layer(_view(request), request.path_params["name"]))


@sentences
def path(request: Request) -> Response:
    """The pictures along a path between two images of the gallery."""
    shown = _view(request)
    gallery, mu = resources.gallery(shown.run), resources.gallery_codes(shown.run).mu
    start, end = (_digit(request, name, len(gallery)) for name in ("start", "end"))
    n = _whole(request.query_params.get("n", "101"), "n", 2, MAX_FRAMES)
    method = request.query_params.get("method", "linear")
    z = latent.interpolate(mu[start], mu[end], n, method=method)
    return _forever(
        {
            "z": z.tolist(),
            "images": _pixels(shown.decode(z)),
            **{
                name: {"index": i, "label": int(gallery.y[i]), "original": _pixels(gallery.x[i])}
                for name, i in (("start", start), ("end", end))
            },
        }
    )


def _selection(request: Request) -> Selection:
    query = request.query_params
    other = _view_of_link(query["on"], query.get("slice2")) if "on" in query else None
    return select(_view(request), query.get("outline", ""), query.get("labels"), drawn_on=other)


def _view_of_link(name: str, slice_name: str | None) -> View:
    """Returns the view of a run that a query names, "run/digest"."""
    run_id, _, digest = name.partition("/")
    return view(found_run(run_id, digest), slice_name)


@sentences
def selection(request: Request) -> Response:
    """The images whose codes lie inside an outline: how many, their mean, the decode of mean z."""
    found = _selection(request)
    return _forever(
        {
            "n": len(found.indices),
            "counts": found.counts,
            "z": found.z.tolist(),
            "mean": _pixels(found.mean_image),
            "image": _pixels(found.decoded),
        }
    )


@sentences
def selection_csv(request: Request) -> Response:
    return _download(_selection(request).csv(), "text/csv", f"{_run(request).id}-selection.csv")


@sentences
def selection_png(request: Request) -> Response:
    return _download(_selection(request).png(), "image/png", f"{_run(request).id}-selection.png")


def _download(content: str | bytes, kind: str, name: str) -> Response:
    disposition = f'attachment; filename="{name}"'  # a run's id has no letter that needs care
    headers = {**FOREVER, "Content-Disposition": disposition}
    return Response(content, media_type=kind, headers=headers)


@sentences
def transfer(request: Request) -> Response:
    """Where another run's encoder puts the picture that this run decodes at a place."""
    shown, other = _view(request), _view(request, "2")
    picture = shown.decode(_place(request, shown)[1][None])
    return _forever({"z": other.slice.places(other.encode(picture).mu[0]).tolist()})


@sentences
def tile(request: Request) -> Response:
    shown = _view(request)
    far = 2**30  # tiles.tile_plane knows the true bounds; this only keeps numbers small
    level, column, row = (
        _whole(request.path_params[name], f"A tile's {name}", -far, far)
        for name in ("level", "column", "row")
    )
    return _kept_tile(shown, level, column, row)


def _kept_tile(shown: View, *place: int) -> Response:
    """A class that moves over one map asks for the same tiles."""
    name = ("tile", *place, *shown.key)
    png = resources.answer(shown.run, name, lambda: tiles.tile_png(shown, *place))
    return Response(png, media_type="image/png", headers=FOREVER)


routes = [
    Route("/api/health", health),
    Route("/assets/{version}/{name:path}", asset),
    Route("/api/runs/{run}/{digest}/map.json", map_json),
    Route("/api/runs/{run}/{digest}/place", place),
    Route("/api/runs/{run}/{digest}/point", point),
    Route("/api/runs/{run}/{digest}/neighbours", neighbours),
    Route("/api/runs/{run}/{digest}/gallery/{sheet}.png", sheet),
    Route("/api/runs/{run}/{digest}/layer/{name}.json", layer),
    Route("/api/runs/{run}/{digest}/path", path),
    Route("/api/runs/{run}/{digest}/selection", selection),
    Route("/api/runs/{run}/{digest}/selection.csv", selection_csv),
    Route("/api/runs/{run}/{digest}/selection.png", selection_png),
    Route("/api/transfer/{run}/{digest}/{run2}/{digest2}", transfer),
    *films.routes,
    *live_films.routes,
    Route("/tiles/{run}/{digest}/{level}/{column}/{row}.png", tile),
]


# --- middleware -------------------------------------------------------------------------------

# Streamlit has an inline script and inline styles, and starts components from blob: addresses;
# plotly.js compiles its WebGL commands with `new Function`. Everything else is this server's.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' blob: 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' ws: wss: blob: data:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
SECURITY_HEADERS = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"referrer-policy", b"same-origin"),
)


class SecurityHeaders:
    """Lets a page load nothing from elsewhere, and be framed by nobody else."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                added = [pair for pair in SECURITY_HEADERS if pair[0] not in present]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class PackedStatic:
    """Sends Streamlit's own scripts and styles compressed, each packed once.

    Streamlit leaves them as they are because compressing anew for each visitor costs more than it
    saves. Their names carry a hash of their content, so one compressed copy serves for good.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        file = head_start.FILES.get(scope.get("path", "")) if _is_get(scope) else None
        encoding = file and packing.encoding_for(
            _header(scope, b"accept-encoding").decode("latin-1")
        )
        if file is None or encoding is None:
            await self.app(scope, receive, send)
            return
        kind = "text/css" if file.suffix == ".css" else "text/javascript"
        headers = {**FOREVER, "Vary": "Accept-Encoding", "Content-Encoding": encoding}
        # here, not in a thread: from the second time on it is a look-up
        answer = Response(assets.packed(file, encoding), media_type=kind, headers=headers)
        await answer(scope, receive, send)


class HeadStart:
    """Lets every page name at once what it will need; see `ui.head_start`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not (_is_get(scope) and b"text/html" in _header(scope, b"accept")):
            await self.app(scope, receive, send)
            return
        answer = await _whole_answer(self.app, scope, receive)
        if answer.headers.get("content-type", "").startswith("text/html"):
            tags = await to_thread.run_sync(self._tags, Request(scope))
            answer = _with_body(answer, answer.body.replace(b"<head>", b"<head>" + tags, 1))
        await answer(scope, receive, send)

    def _tags(self, request: Request) -> bytes:
        first = request.url.path.strip("/") == st.get_option("server.baseUrlPath").strip("/")
        runs = controls.mapped_runs() if first else ()
        run = controls.run_for(request.query_params.get("run"), runs) if runs else None
        return head_start.tags(run).encode()


def _is_get(scope: Scope) -> bool:
    return scope["type"] == "http" and scope["method"] == "GET"


def _header(scope: Scope, name: bytes) -> bytes:
    return dict(scope["headers"]).get(name, b"")


async def _whole_answer(app: ASGIApp, scope: Scope, receive: Receive) -> Response:
    """Returns what an app answers, whole and plain, as it would without conditions."""
    conditions = (b"if-none-match", b"if-modified-since", b"range", b"accept-encoding")
    headers = [pair for pair in scope["headers"] if pair[0] not in conditions]
    start: Message = {}
    body = bytearray()

    async def collect(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        elif message["type"] == "http.response.body":
            body.extend(message.get("body", b""))

    await app({**scope, "headers": headers}, receive, collect)
    answer = Response(bytes(body), start["status"])
    answer.raw_headers = list(start["headers"])
    return answer


def _with_body(answer: Response, body: bytes) -> Response:
    """Returns an answer with another body; what described the old one is dropped."""
    changed = Response(body, answer.status_code)
    described = (b"content-length", b"etag", b"last-modified", b"accept-ranges")
    kept = [pair for pair in answer.raw_headers if pair[0].lower() not in described]
    changed.raw_headers = [*kept, (b"content-length", str(len(body)).encode())]
    return changed


middleware = [
    Middleware(SecurityHeaders),
    Middleware(UploadQuota),
    Middleware(OwnerCookie),
    Middleware(PackedStatic),
    Middleware(HeadStart),
]


# --- start ------------------------------------------------------------------------------------


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[dict[str, Any]]:
    """Makes the first visitor's first answers ready, then keeps the collector off them."""
    _allow_many_files()
    torch.set_num_threads(1)  # decodes are tiny; the cores belong to other visitors
    packing_assets = threading.Thread(target=_pack_assets, name="packing", daemon=True)
    packing_assets.start()  # beside the warm-up: the compressor does not hold the interpreter
    await to_thread.run_sync(_warm_up_first)
    # later, for it would take a core from whoever opens the page at once; a daemon, since nobody
    # who stops the server waits for a map that nobody will see
    later = threading.Timer(FIRST_VISIT_S, _warm_up_later)
    later.daemon = True
    later.start()
    supervisor = Supervisor()
    supervisor.start(apart=True)
    yield {}
    later.cancel()
    supervisor.stop()  # trainings go on; the next server finds them


def _pack_assets() -> None:
    """Compresses what a first visitor needs, in the encoding that all of today's browsers read."""
    needed = [head_start.FILES[f"/{chunk}"] for chunks in head_start.chunks() for chunk in chunks]
    for file in (*needed, *assets.ASSETS.values()):
        assets.packed(file, "br")


def _warm_up_first() -> None:
    """Makes the map that a first visitor sees; all of them would keep the server from starting."""
    runs = controls.planar_runs()
    if runs:
        _warm_up(controls.run_for(None, runs))
    _freeze()


def _warm_up_later() -> None:
    """What the first visitor's page does not wait for: all other maps, and torch's derivatives."""
    mapped = controls.mapped_runs()
    # convolutional ones take seconds to encode: they come last
    for run in sorted(mapped, key=lambda run: run.card.config.model.network.kind == "conv"):
        _warm_up(run)
    for run in mapped[:1]:
        with suppress(PlaygroundError):
            shown = view(run, label=0 if n_classes(run) else None)
            shown.metric(np.zeros((1, 2)))  # torch gets ready for derivatives: once, seconds
    _freeze()


def _warm_up(run: Run) -> None:
    with suppress(PlaygroundError):
        _kept_map(view(run))
        _kept_tile(view(run, label=0 if n_classes(run) else None), 0, 0, 0)


def _freeze() -> None:
    """Hides what lives for good from the collector: a pass over torch's modules takes 0.1 s."""
    gc.collect()
    gc.freeze()


def _allow_many_files() -> None:
    """Raises this process's limit of open files: a session takes four, a class comes at once."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else min(WANTED_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
