"""Pictures as HTML on a page: one with its caption, several in a row, a whole sheet.

HTML wraps on a phone as Streamlit's columns do not. Grey pictures are ink on black; blended by
difference they become ink on whatever lies beneath them, dark on paper and light on a dark page.
"""

import base64
from collections.abc import Iterable
from html import escape

import numpy as np

from vae_core import exports
from vae_core.inference import to_uint8

STYLE = """<style>
.prints { display: flex; flex-wrap: wrap; align-items: flex-start; gap: 0.75rem 1rem; }
.prints figure { margin: 0; width: 6.5rem; }
.prints.wide figure { width: 100%; }
.prints img { display: block; width: 100%; image-rendering: pixelated; }
.prints img.ink { mix-blend-mode: difference; }
.prints figcaption { font-size: 0.85rem; line-height: 1.4; margin-top: 0.25rem; }
.prints .sign { align-self: center; font-size: 1.6rem; line-height: 6.5rem; margin-top: -1.2rem; }
.prints.rows { display: grid; grid-template-columns: minmax(6rem, 9rem) 1fr; gap: 0.5rem 1rem;
  align-items: center; }
.prints.rows p { margin: 0; font-size: 0.85rem; line-height: 1.4; }
.prints.rows figure { width: 100%; max-width: 46rem; }
@media (max-width: 30rem) {
  .prints.rows { grid-template-columns: 1fr; gap: 0.1rem; }
  .prints.rows figure { margin-bottom: 0.6rem; }
}
</style>"""


def figure(image: np.ndarray, caption: str, mark: str = "print") -> str:
    """One image (C, H, W) with its caption; `mark` is its test id."""
    return _figure(image[None], 1, caption, escape(caption), mark)


def row(parts: Iterable[str]) -> str:
    """Figures and signs in a row that wraps."""
    return f'{STYLE}<div class="prints">{"".join(parts)}</div>'


def sign(text: str) -> str:
    """What stands between two figures."""
    return f'<span class="sign">{escape(text)}</span>'


def sheet(images: np.ndarray, *, columns: int, alt: str, width: str = "44rem", gap: int = 0) -> str:
    """Images (N, C, H, W) as one picture, `columns` in a row, as wide as the page at most."""
    shown = _figure(images, columns, alt, "", "print-sheet", gap)
    return f'{STYLE}<div class="prints wide" style="max-width:{width}">{shown}</div>'


def rows(named: Iterable[tuple[str, np.ndarray]]) -> str:
    """Strips (n, C, H, W) beneath each other, each behind its name."""
    strips = (
        f"<p>{escape(name)}</p>{_figure(images, len(images), name, '', 'strip')}"
        for name, images in named
    )
    return f'{STYLE}<div class="prints rows">{"".join(strips)}</div>'


def _figure(
    images: np.ndarray, columns: int, alt: str, caption: str, mark: str, gap: int = 0
) -> str:
    pixels = to_uint8(images)
    png = base64.b64encode(exports.png_bytes(pixels, columns=columns, gap=gap)).decode()
    ink = ' class="ink"' if pixels.shape[1] == 1 else ""
    words = f"<figcaption>{caption}</figcaption>" if caption else ""
    return (
        f'<figure><img{ink} data-testid="{mark}" src="data:image/png;base64,{png}" '
        f'alt="{escape(alt)}">{words}</figure>'
    )
