"""Waits in many dimensions: PCA and t-SNE of 5,000 codes, a grid of 1,600 pictures.

The codes are the held-out images' own, of a shipped run with 128 units. t-SNE is measured as the
app has it: asked of the worker, from the press to the places in the cache, the start of its process
included; then one more is stopped on its way. With `--peer`, scikit-learn works the same codes out,
and how many neighbours either map keeps is compared (Venna & Kaski 2001).
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.stage import at_least, at_most, say

RUN = "vae-dense-128d"
GRIDS = ("vae-keras-dense", "vae-conv", "vae-deep")
SIDE = 40
PCA_LIMIT_S, TSNE_LIMIT_S, GRID_LIMIT_S, STOP_LIMIT_S = 0.5, 15.0, 1.0, 1.5
KEPT_LESS = 0.01
POLL_S = 0.02


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--peer", action="store_true", help="scikit-learn's t-SNE, too")
    parser.add_argument("--axes", type=int, choices=(2, 3), default=2, help="of t-SNE (default: 2)")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    from vae_core import data, projections, runs
    from vae_core.inference import open_session
    from vae_core.projections import Settings

    run = runs.open_run(runs.SHIPPED / RUN)
    codes = open_session(run).encode(data.load_gallery(run.card.config.data).x).mu
    begin = time.perf_counter()
    projections.pca(codes)
    pca_s = time.perf_counter() - begin
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LATENT_CACHE"] = str(Path(folder, "cache"))
        settings = Settings(n=arguments.axes)
        tsne_s, seen, places = _asked(codes, settings)
        stop_s = _stopped(codes, Settings(n=arguments.axes, seed=1))
    kept = projections.trustworthiness(codes, places)
    result = {
        "benchmark": "projections",
        "codes": list(codes.shape),
        "cores": os.cpu_count(),
        "pca_s": at_most(PCA_LIMIT_S, pca_s),
        "tsne_s": at_most(TSNE_LIMIT_S, tsne_s),
        "tsne_axes": arguments.axes,
        "tsne_shares_seen": seen,
        "tsne_trustworthiness": round(kept, 4),
        "stop_s": at_most(STOP_LIMIT_S, stop_s),
        "grids": {name: at_most(GRID_LIMIT_S, _grid(name)) for name in GRIDS},
    }
    if arguments.peer:
        result["peer"] = _peer(codes, settings, kept)
    return result


def _asked(codes: Any, settings: Any) -> tuple[float, int, Any]:
    """Seconds from asking to the places, how many different shares were seen, the places."""
    from vae_core import projector
    from vae_core.errors import RunError

    begin, shares = time.perf_counter(), set()
    projector.ask(codes, settings)
    while (found := projector.watch(codes, settings)).status != "done":
        if found.status in ("failed", "none"):
            raise RunError("not-writable", path="projection", reason=found.reason or found.status)
        shares.add(found.share)
        time.sleep(POLL_S)
    seconds = time.perf_counter() - begin
    say(f"t-SNE: {seconds:.1f} s")
    return seconds, len(shares), found.places


def _stopped(codes: Any, settings: Any) -> float:
    """Seconds from a press on stop, a third of the way through, to the end of the work."""
    from vae_core import projector

    projector.ask(codes, settings)
    while projector.watch(codes, settings).share < 1 / 3:
        time.sleep(POLL_S)
    begin = time.perf_counter()
    projector.stop(codes, settings)
    while projector.watch(codes, settings).status != "none":
        time.sleep(POLL_S)
    return time.perf_counter() - begin


def _grid(name: str) -> float:
    """Seconds of a grid's decoding, the second time: the first one sets torch up."""
    import torch

    from vae_core import runs
    from vae_core.inference import open_session
    from vae_core.sampling import quantile_lattice

    torch.set_num_threads(1)  # as in the server
    session, places = open_session(runs.open_run(runs.SHIPPED / name)), quantile_lattice(SIDE)
    session.decode(places[:64])
    begin = time.perf_counter()
    session.decode(places)
    seconds = time.perf_counter() - begin
    say(f"{SIDE} x {SIDE} of {name}: {seconds:.2f} s")
    return seconds


def _peer(codes: Any, settings: Any, kept: float) -> dict[str, Any]:
    from sklearn.manifold import TSNE

    from vae_core.projections import trustworthiness

    begin = time.perf_counter()
    theirs = TSNE(
        n_components=settings.n,
        perplexity=settings.perplexity,
        init="pca",
        random_state=0,
        n_jobs=-1,
    ).fit_transform(codes)
    seconds = time.perf_counter() - begin
    others = trustworthiness(codes, theirs)
    return {
        "seconds": round(seconds, 2),
        "trustworthiness": round(others, 4),
        "kept_as_many": at_least(others - KEPT_LESS, kept),
    }
