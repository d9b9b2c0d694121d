"""A sheet of pictures of which one can be picked: by pointer, or by arrow keys and Enter.

The sheet is one PNG; beside it a lens shows the picture under the pointer enlarged.
"""

import base64
from collections.abc import Sequence

import numpy as np
import streamlit as st

from ui import assets
from vae_core import exports
from vae_core.inference import to_uint8

_component = st.components.v2.component("picture_sheet", js=assets.LOADER, isolate_styles=False)


def picture_sheet(
    images: np.ndarray,
    *,
    key: str,
    columns: int,
    names: Sequence[str],
    label: str,
    gap: int = 0,
    picked: int | None = None,
    width: str = "44rem",
) -> int | None:
    """Shows images (N, C, H, W) and returns the index of one in the run that follows a pick.

    Args:
        images: Bytes, or floats in [0, 1].
        key: The component's name on the page.
        columns: Images in a row.
        names: What each of them is, for the lens and for screen readers, (N,).
        label: What the sheet is.
        gap: Pixels of the images between neighbours.
        picked: The one that is framed.
        width: The sheet's greatest width, as CSS says it.
    """
    pixels = to_uint8(images)
    png = exports.png_bytes(pixels, columns=columns, gap=gap)
    result = _component(
        key=key,
        data={
            "module": assets.address("picture_sheet/main.js"),
            "png": f"data:image/png;base64,{base64.b64encode(png).decode()}",
            "side": pixels.shape[2:],
            "columns": min(columns, len(pixels)),
            "names": list(names),
            "label": label,
            "gap": gap,
            "picked": picked,
            "width": width,
            "colour": pixels.shape[1] == 3,
        },
        on_pick_change=_nothing,
    )
    pick = result.pick
    return pick if isinstance(pick, int) and 0 <= pick < len(pixels) else None


def _nothing() -> None:
    """Streamlit tells what was picked only where something listens to it."""
