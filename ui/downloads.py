"""Files to take away: one small control with the kinds of file, and what can be set about them.

A file is made when its button is clicked, never before. The choices are of the moment, so they are
not in the link.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import streamlit as st

from ui import resources, state
from ui.i18n import t
from ui.views import View
from vae_core import exports
from vae_core import takeaways as take
from vae_core.runs import Run

STRIP = 20  # pictures of a strip and of a notebook
SIZES = (112, 168, 256, 336, 512)
LIMITS = {"frames": (5, 101), "duration": (20, 300)}


@dataclass(frozen=True)
class Offer:
    """A kind of file: what its name ends with, its MIME type, and who makes it."""

    suffix: str
    mime: str
    make: Callable[[], bytes]


def download(name: str, offers: Mapping[str, Offer], file: str) -> None:
    """A button for each kind of file, side by side."""
    with st.container(horizontal=True):
        for kind, offer in offers.items():
            st.download_button(
                t(f"download.{kind}"),
                offer.make,
                file + offer.suffix,
                offer.mime,
                key=f"{name}-{kind}",
                on_click="ignore",
            )


def path_downloads(run: Run, path: take.Path) -> None:
    """What can be taken away of a way between two images."""
    with st.popover(t("download.label"), icon=":material/download:", key="downloads"):
        _path_files(run, path)


@st.fragment
def _path_files(run: Run, path: take.Path) -> None:
    film = _film()
    session, codes = resources.session(run), resources.gallery_codes(run)

    def strip() -> bytes:
        frames = take.path_frames(session, codes, path, STRIP)
        return exports.png_bytes(frames, columns=STRIP, scale=4)

    offers = {
        "gif": Offer(".gif", "image/gif", lambda: take.path_film(session, codes, path, film)),
        "webp": Offer(
            ".webp", "image/webp", lambda: take.path_film(session, codes, path, film, kind="webp")
        ),
        "strip": Offer(".png", "image/png", strip),
        "notebook": Offer(
            ".ipynb",
            "application/x-ipynb+json",
            lambda: take.path_notebook(session, codes, path, STRIP),
        ),
    }
    download("path", offers, f"{run.id}_{path.start}-to-{path.end}_{path.method}")


def _film() -> take.Film:
    """How a film looks: its side, how many pictures, how long each, and whether it comes back."""
    st.caption(t("download.film"))
    size = st.select_slider(t("download.size"), SIZES, value=256, key="film-size")
    low, high = LIMITS["frames"]
    frames = st.slider(t("download.frames"), low, high, take.Film.frames, key="film-frames")
    low, high = LIMITS["duration"]
    duration = st.slider(
        t("download.duration"), low, high, take.Film.duration_ms, step=10, key="film-duration"
    )
    back = st.toggle(t("download.ping-pong"), value=True, key="film-back")
    return take.Film(frames, int(size), duration, back)


def map_downloads(view: View) -> None:
    """What can be taken away of a map: its codes, a drawing, the networks, a notebook."""
    run = view.run
    session, gallery = resources.session(run), resources.gallery(run)
    codes = resources.gallery_codes(run)
    offers = {"csv": Offer(".csv", "text/csv", lambda: take.codes_csv(gallery, codes))}
    if view.name is None and view.label is None:  # two units: the plane is the latent space
        plane = resources.plane(run)
        offers |= {
            "svg": Offer(
                ".svg",
                "image/svg+xml",
                lambda: take.plane_svg(session, gallery, codes, plane),
            ),
            "notebook": Offer(
                ".ipynb",
                "application/x-ipynb+json",
                lambda: take.map_notebook(session, plane, _pinned(codes.mu)),
            ),
        }
    offers |= {
        "decoder": Offer(
            "-decoder.onnx", "application/octet-stream", lambda: take.decoder_onnx(session)
        ),
        "encoder": Offer(
            "-encoder.onnx", "application/octet-stream", lambda: take.encoder_onnx(session)
        ),
        "weights": Offer(".zip", "application/zip", lambda: take.run_zip(session)),
    }
    with st.popover(t("download.label"), icon=":material/download:", key="downloads"):
        download("map", offers, run.id)


def _pinned(mu: np.ndarray) -> np.ndarray | None:
    """The place that the link pins, be it a place or an image's code."""
    index = state.whole("digit", len(mu), default=-1)
    if index >= 0:
        return np.asarray(mu[index])
    try:
        z = np.array((state.chosen("z") or "").split(","), np.float32)
    except ValueError:
        return None
    return z if z.shape == (2,) and np.isfinite(z).all() else None
