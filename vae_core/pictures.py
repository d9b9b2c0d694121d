"""Picture files from outside, read with care: what is too large is refused before it is decoded.

PNG, JPEG, GIF, BMP and WEBP become RGB as a person sees them: turned as the camera says, on white
where they are transparent, the first frame where they move. Nothing is kept.
"""

import io
from threading import BoundedSemaphore

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from vae_core.errors import InputError

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")
MAX_BYTES = 10 * 2**20
MAX_PIXELS = 16_000_000
ENOUGH = 1024  # pixels of the longer side that are kept

# decoded in full, a picture takes up to 200 MB for a moment, and a class uploads all at once
_decoding = BoundedSemaphore(2)


def read_picture(content: bytes, *, name: str) -> NDArray[np.uint8]:
    """Returns a picture file's pixels, (H, W, 3), the longer side at most `ENOUGH`.

    Args:
        content: The file's bytes.
        name: What its sentence calls it, when it cannot be read.

    Raises:
        InputError: It is too large, damaged, or no picture of these formats.
    """
    if len(content) > MAX_BYTES:
        raise InputError("picture-bytes", name=name, limit=MAX_BYTES // 2**20)
    try:
        with _decoding, Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise _too_many_pixels(name, f"{width} x {height}")
            return np.asarray(_as_seen(picture))
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(name, "far more") from error
    except MemoryError:
        raise
    except Exception as error:  # decoders that are fed nonsense raise whatever they come upon
        known = ", ".join(FORMATS)
        raise InputError("picture-unreadable", name=name, known=known) from error


def grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns the luminance of RGB pixels (H, W, 3), (H, W)."""
    return np.asarray(Image.fromarray(picture).convert("L"))


def squeezed(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Returns RGB pixels (H, W, 3) as a square image for an encoder of colours, (3, size, size)."""
    small = Image.fromarray(picture).resize((size, size), Image.Resampling.BOX)
    return np.asarray(small).transpose(2, 0, 1)


def _too_many_pixels(name: str, value: str) -> InputError:
    return InputError("picture-pixels", name=name, value=value, limit=MAX_PIXELS // 1_000_000)


def _as_seen(picture: Image.Image) -> Image.Image:
    picture.draft("RGB", (ENOUGH, ENOUGH))  # a JPEG may decode at a fraction of its size
    picture.load()
    turned = ImageOps.exif_transpose(picture)
    if turned.mode.startswith("I"):  # 16 bits of grey, which Pillow would clip to white
        levels = np.asarray(turned).astype(np.uint32) // 257
        turned = Image.fromarray(levels.clip(0, 255).astype(np.uint8))
    if turned.has_transparency_data:
        seen = turned.convert("RGBA")
        turned = Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen)
    small = turned.convert("RGB")
    small.thumbnail((ENOUGH, ENOUGH), Image.Resampling.BOX)
    return small
