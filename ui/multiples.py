"""Small multiples of a series: a plane and a grid a run, side by side in its order."""

import base64
import html

from ui import films
from ui.i18n import t
from vae_core.sweeps import Series, Value
from vae_core.thumbnails import codes_png

# A sheet's first row are reconstructions: the grid beneath them is shown alone. Pictures are ink on
# black; blended by difference they become ink on whatever lies beneath them.
STYLE = """<style>
.multiples {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: 0.8rem; }
.multiples figure { margin: 0; }
.multiples figure div { aspect-ratio: 1; overflow: hidden; }
.multiples img { display: block; width: 100%; }
.multiples .grid img { margin-top: -10%; image-rendering: pixelated; mix-blend-mode: difference; }
.multiples figcaption { font-size: 0.86rem; }
.multiples a { color: inherit; }
.multiples .empty { border: 1px dashed rgba(128, 128, 128, 0.5); border-radius: 6px; }
</style>"""


def planes(series: Series) -> str:
    """Returns HTML: each run's codes in its own plane, turned as in the film."""
    film = films.series_film(series)
    cells = []
    for moment, codes, plane in zip(film.moments, film.codes, film.planes, strict=True):
        png = base64.b64encode(codes_png(codes, film.y, plane)).decode()
        cells.append(_cell(film.axis, moment["value"], f"data:image/png;base64,{png}", ""))
    return _all(cells)


def grids(series: Series) -> str:
    """Returns HTML: what each run's decoder makes of its plane."""
    film = films.series_film(series)
    return _all(
        _cell(film.axis, moment["value"], f"{film.address}/frames/{moment['name']}.png", "grid")
        for moment in film.moments
    )


def name_of(axis: str, value: Value) -> str:
    """A value of a series' axis, for people."""
    shown = value if isinstance(value, str) else f"{value:g}"
    return t(f"beta_series.value-{axis}", value=shown)


def _cell(axis: str, value: Value, source: str, kind: str) -> str:
    name = html.escape(name_of(axis, value))
    picture = f'<img src="{html.escape(source)}" alt="{name}" loading="lazy">'
    return f'<figure><div class="{kind}">{picture}</div><figcaption>{name}</figcaption></figure>'


def _all(cells) -> str:
    return f'{STYLE}<div class="multiples" data-testid="multiples">{"".join(cells)}</div>'
