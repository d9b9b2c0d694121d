"""What every view of the Generate screen asks of a run: decodes with a class or without, units."""

from typing import Any

import numpy as np
import streamlit as st

from ui import resources
from ui.controls import choose_one
from ui.i18n import plain, t
from vae_core import exports, sampling
from vae_core import takeaways as take
from vae_core.runs import Run


def decode(run: Run, z: np.ndarray, label: int | np.ndarray | None = None) -> np.ndarray:
    """The pictures (N, C, H, W) of codes z (N, D), of a class where the run is conditional."""
    session = resources.session(run)
    return session.decode(z) if label is None else session.decode(z, label)


def labels_of(run: Run, indices: np.ndarray) -> np.ndarray | None:
    """The classes of images of the gallery, for a run that wants to be told them."""
    return resources.gallery(run).y[indices] if is_conditional(run) else None


def is_conditional(run: Run) -> bool:
    """Whether encoder and decoder are told the class."""
    return run.card.config.model.n_classes > 0


def choose_class(run: Run, name: str = "class") -> int | None:
    """The class that a conditional run is to draw; None for a run that is not told any."""
    if not is_conditional(run):
        return None
    names = {str(k): plain(text) for k, text in enumerate(resources.gallery(run).class_names)}
    return int(choose_one(name, t("generate.class"), names, wrap=True))


def units(run: Run) -> sampling.Units:
    """What each latent unit of the run carries over its gallery."""
    return sampling.units(resources.gallery_codes(run).mu, resources.gallery_ledger(run).kl)


def place(z: np.ndarray) -> str:
    """A code of a few units in words: z = (0.50, −1.20)."""
    numbers = ", ".join(f"{value:.2f}" for value in z.tolist())
    return f"z = ({numbers})".replace("-", "\N{MINUS SIGN}")


def sheet_png(images: np.ndarray, *, columns: int, gap: int = 0) -> bytes:
    """The pictures as a PNG, up to 8 times as large as they are."""
    scale = max(1, min(8, 4096 // (columns * images.shape[-1])))
    return exports.png_bytes(images, columns=columns, scale=scale, gap=gap * scale)


def take_away(
    run: Run,
    images: np.ndarray,
    way: str,
    *,
    columns: int,
    file: str,
    key: str,
    **values: Any,
) -> None:
    """Offers the pictures as a PNG, and a notebook that decodes them anew in the same way.

    What a way needs is said at `vae_core.notebooks.decodes`.
    """
    with st.container(horizontal=True):
        png_button(images, columns=columns, file=file, key=key)
        st.download_button(
            t("download.notebook"),
            lambda: take.decodes_notebook(
                resources.session(run), way, images, columns=columns, **values
            ),
            f"{file}.ipynb",
            "application/x-ipynb+json",
            key=f"notebook-{key}",
            icon=":material/download:",
            on_click="ignore",
        )


def png_button(images: np.ndarray, *, columns: int, file: str, key: str, gap: int = 0) -> None:
    """Offers the pictures as a PNG."""
    st.download_button(
        t("generate.png"),
        lambda: sheet_png(images, columns=columns, gap=gap),
        f"{file}.png",
        "image/png",
        key=key,
        icon=":material/download:",
        on_click="ignore",
    )
