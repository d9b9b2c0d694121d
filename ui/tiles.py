"""The decoded plane as map tiles: what hovering in the browser is blended from.

A tile of level k covers 1/2^k of the plane's side and holds 17 x 17 decodes, so that it shows
16 x 16 cells and shares its edge with its neighbours. Columns count from the plane's left, rows
from its top; they may lie outside, where the same grid simply goes on.
"""

from ui.views import View
from vae_core.errors import InputError
from vae_core.exports import png_bytes
from vae_core.inference import to_uint8
from vae_core.latent import Plane, lattice

CELLS = 16  # cells along a tile's side
MAX_LEVEL = 7  # 2048 cells a side: finer than any screen shows
REACH = 4  # planes beyond the home plane's edge, for codes that lie far out


def tile_plane(plane: Plane, level: int, column: int, row: int) -> Plane:
    """Returns the square that a tile covers.

    Raises:
        InputError: There is no such tile.
    """
    if not 0 <= level <= MAX_LEVEL:
        raise InputError("input-range", what="A tile's level", low=0, high=MAX_LEVEL, value=level)
    side = 2**level
    low, high = -REACH * side, (REACH + 1) * side - 1
    for what, value in (("column", column), ("row", row)):
        if not low <= value <= high:
            raise InputError(
                "input-range", what=f"A tile's {what}", low=low, high=high, value=value
            )
    left, _, _, top = plane.bounds
    half = plane.half / side
    return Plane(center=(left + (2 * column + 1) * half, top - (2 * row + 1) * half), half=half)


def tile_png(view: View, level: int, column: int, row: int) -> bytes:
    """Returns a tile's decodes as one PNG sprite without gaps."""
    places = lattice(tile_plane(view.plane, level, column, row), CELLS + 1)
    return png_bytes(to_uint8(view.decode(view.codes(places))), columns=CELLS + 1)
