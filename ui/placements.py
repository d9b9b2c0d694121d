"""Where encoders put one digit that a person brought, and how that looks on a page.

The page shows these as HTML, which wraps on a phone as Streamlit's columns do not. Names of runs
are text from outside and are escaped.
"""

import base64
from dataclasses import dataclass
from html import escape

import numpy as np

from ui import resources
from ui.controls import data_url, run_caption
from ui.i18n import t
from vae_core import latent
from vae_core.inference import to_uint8
from vae_core.mnist_like import Digit, mnist_like
from vae_core.runs import Run

# Pictures are ink on black; blended by difference they become ink on whatever lies beneath them.
STYLE = """<style>
.yours { display: flex; flex-wrap: wrap; gap: 1rem 1.5rem; }
.yours p, .yours h3 { margin: 0; padding: 0; font-size: 0.92rem; line-height: 1.45; }
.yours h3 { font-weight: 600; }
.yours figure { margin: 0; width: 6.5rem; }
.yours figcaption { font-size: 0.82rem; opacity: 0.8; }
.yours img { display: block; width: 100%; aspect-ratio: 1; image-rendering: pixelated; }
.yours .ink { mix-blend-mode: difference; outline: 1px solid rgba(128, 128, 128, 0.3); }
.yours .frame { position: relative; border: 1px solid rgba(128, 128, 128, 0.4); overflow: hidden; }
.yours .here {
  position: absolute; width: 14px; height: 14px; margin: -7px; border-radius: 50%;
  border: 3px solid currentColor;
}
.yours.near { display: grid; grid-template-columns: repeat(5, minmax(0, 1fr)); gap: 0.75rem; }
.yours.near figure { width: auto; }
.yours.fed figure { width: 9rem; }
.yours.fed p { flex: 1 1 10rem; }
.yours article { flex: 0 1 16rem; display: grid; gap: 0.4rem; align-content: start; }
.yours .pair { display: flex; gap: 0.75rem; }
</style>"""


@dataclass(frozen=True)
class Placement:
    """One run's answer to a digit: `mu` and `std` (D,), reconstruction (C, H, W), costs in nats."""

    run: Run
    digit: Digit
    mu: np.ndarray
    std: np.ndarray | None
    reconstruction: np.ndarray
    recon: float
    kl: float


def placement(run: Run, grey: np.ndarray) -> Placement:
    """Returns what a run makes of a grey picture (H, W), made MNIST-like for its encoder.

    Raises:
        InputError: There is nothing on the picture.
    """
    session = resources.session(run)
    digit = mnist_like(grey, size=session.image_shape[1])
    x = digit.x.repeat(session.image_shape[0], axis=0)[None]
    codes, ledger = session.encode(x), session.ledger(x)
    return Placement(
        run=run,
        digit=digit,
        mu=codes.mu[0],
        std=None if codes.std is None else codes.std[0],
        reconstruction=to_uint8(session.decode(codes.mu))[0],
        recon=float(ledger.recon[0]),
        kl=float(ledger.kl[0].sum()),
    )


def fed(placed: Placement) -> str:
    """The very image that the encoder gets, and what was done to make it."""
    digit = placed.digit
    size = digit.x.shape[-1]
    width, height = digit.scaled
    inverted = t("encode_yours.inverted") if digit.inverted else ""
    made = t("encode_yours.made", width=width, height=height, size=size)
    picture = _ink(digit.x, t("encode_yours.fed", size=size), "fed")
    return f'{STYLE}<div class="yours fed">{picture}<p>{escape(f"{inverted} {made}")}</p></div>'


def nearest(placed: Placement, k: int = 5) -> str:
    """The digits of the gallery whose codes are nearest to this one's."""
    gallery = resources.gallery(placed.run)
    found = latent.nearest(resources.gallery_codes(placed.run).mu, placed.mu, k)
    pictures = (
        _ink(
            gallery.x[index],
            t(
                "encode_yours.neighbour",
                label=gallery.class_names[gallery.y[index]],
                distance=distance,
            ),
            "neighbour",
        )
        for index, distance in zip(found.indices.tolist(), found.distances.tolist(), strict=True)
    )
    return f'<div class="yours near">{"".join(pictures)}</div>'


def cards(placements: list[Placement]) -> str:
    """Each run's small map with the place on it, its reconstruction, and its figures."""
    return f'<div class="yours">{"".join(map(_card, placements))}</div>'


def _card(placed: Placement) -> str:
    x, y = placed.mu.tolist()
    costs = {"recon": f"{placed.recon:.1f}", "kl": f"{placed.kl:.1f}"}
    if placed.std is None:
        lines = [t("map.ledger_ae", **costs)]
    else:
        std = {"x": f"{placed.std[0]:.3f}", "y": f"{placed.std[1]:.3f}"}
        total = f"{placed.recon + placed.kl:.1f}"
        lines = [t("map.ledger", **costs, total=total), t("map.posterior", **std)]
    sentences = "".join(f"<p>{escape(line)}</p>" for line in lines)
    reconstruction = _ink(placed.reconstruction, t("map.reconstruction"), "rebuilt")
    return (
        f'<article data-testid="placed" data-run="{escape(placed.run.id)}" data-z="{x},{y}">'
        f"<h3>{escape(placed.run.id)}</h3><p>{escape(run_caption(placed.run))}</p>"
        f'<div class="pair">{_small_map(placed)}{reconstruction}</div>{sentences}</article>'
    )


def _small_map(placed: Placement) -> str:
    """The run's codes, and a ring where the digit landed; on the frame if that is beyond it."""
    left, right, bottom, top = resources.plane(placed.run).bounds
    x, y = placed.mu.tolist()
    across, down = ((x - left) / (right - left), (top - y) / (top - bottom))
    across, down = (100 * min(max(share, 0.0), 1.0) for share in (across, down))
    png = base64.b64encode(resources.thumbnail(placed.run)).decode()
    place = f"z = ({x:.2f}, {y:.2f})".replace("-", "\N{MINUS SIGN}")
    return (
        f'<figure><div class="frame"><img src="data:image/png;base64,{png}" '
        f'alt="{escape(t("encode_yours.small_map", place=place))}">'
        f'<span class="here" style="left:{across:.2f}%;top:{down:.2f}%"></span></div>'
        f"<figcaption>{place}</figcaption></figure>"
    )


def _ink(image: np.ndarray, caption: str, mark: str) -> str:
    words = escape(caption)
    return (
        f'<figure><img class="ink" data-testid="{mark}" src="{data_url(image)}" alt="{words}">'
        f"<figcaption>{words}</figcaption></figure>"
    )
