"""Laws of picture files: each kind reads as a person sees it, and nonsense is one sentence."""

import io
import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vae_core import data, pictures
from vae_core.errors import InputError
from vae_core.mnist_like import mnist_like
from vae_core.pictures import FORMATS, grey, read_picture, squeezed


def file_of(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def read(content: bytes) -> NDArray[np.uint8]:
    return read_picture(content, name="digit.png")


@pytest.fixture(scope="module")
def digit() -> NDArray[np.uint8]:
    return data.load_gallery().x[2500, 0]  # a five


@pytest.mark.parametrize("kind", FORMATS)
def test_every_kind_of_file_is_read(digit: NDArray[np.uint8], kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    pixels = grey(read(file_of(Image.fromarray(digit), kind, **options)))
    assert np.abs(pixels.astype(int) - digit).max() <= (40 if kind == "JPEG" else 1)


def test_a_digit_of_the_gallery_as_a_file_is_that_digit(digit: NDArray[np.uint8]) -> None:
    assert np.array_equal(mnist_like(grey(read(file_of(Image.fromarray(digit))))).x[0], digit)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_as_the_camera_says(orientation: int) -> None:
    upright = np.zeros((20, 30, 3), np.uint8)
    upright[:5, :10] = 255  # one corner tells all eight ways apart
    undo = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
        8: lambda a: np.rot90(a, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(undo(upright)))
    assert np.array_equal(read(file_of(stored, exif=exif)), upright)


def test_sixteen_bits_of_grey_keep_their_levels() -> None:
    levels = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    assert np.array_equal(
        grey(read(file_of(Image.fromarray(levels)))), np.arange(256).reshape(16, 16)
    )


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "PA"])
def test_what_is_transparent_is_white(mode: str) -> None:
    picture = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (2, 2, 5, 7))
    if mode == "P":
        picture = picture.quantize(4)
    elif mode == "LA":
        picture = picture.convert("LA")
    pixels = grey(read(file_of(picture, "WEBP" if mode == "PA" else "PNG", lossless=True)))
    expected = np.full((8, 8), 255, np.uint8)
    expected[2:7, 2:5] = 0
    assert np.array_equal(pixels, expected)


def test_of_what_moves_the_first_frame_is_read() -> None:
    frames = [Image.new("L", (6, 6), level) for level in (200, 100, 0)]
    content = file_of(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (read(content) == 200).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK"])
def test_other_colours_are_read_too(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    pixels = read(file_of(Image.new("RGB", (9, 7), "white").convert(mode), kind))
    assert pixels.shape == (7, 9, 3)
    assert (pixels >= 253).all()


def test_large_pictures_are_kept_small() -> None:
    assert read(file_of(Image.new("L", (3000, 1500)))).shape == (512, 1024, 3)


def test_colours_for_an_encoder_of_colours() -> None:
    pixels = np.zeros((10, 20, 3), np.uint8)
    pixels[..., 1] = 200
    squared = squeezed(pixels, 32)
    assert squared.shape == (3, 32, 32)
    assert squared[:, 5, 5].tolist() == [0, 200, 0]


def refusal(content: bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        read(content)
    assert "digit.png" in str(caught.value)
    return caught.value


def png_of_size(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds almost nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + crc

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("side", [4001, 9_000, 60_000])
def test_a_size_beyond_the_limit_is_refused_before_it_is_decoded(
    side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(picture: Image.Image) -> Image.Image:
        pytest.fail("it was decoded")

    monkeypatch.setattr(pictures, "_as_seen", decode)
    assert refusal(png_of_size(side, side)).key == "picture-pixels"


def test_too_many_bytes_are_refused() -> None:
    assert refusal(bytes(pictures.MAX_BYTES + 1)).key == "picture-bytes"


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_that_was_cut_off_is_refused(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    content = file_of(Image.fromarray(noise), kind)
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        assert refusal(content[: int(share * len(content))]).key == "picture-unreadable"


@pytest.mark.parametrize("kind", ["TIFF", "ICO", "PPM", "PDF"])
def test_other_kinds_are_refused(kind: str) -> None:
    content = file_of(Image.new("RGB", (16, 16)), kind)
    assert refusal(content).key == "picture-unreadable"


@pytest.mark.parametrize(
    "content",
    [b"", b"no picture", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a" + bytes(40)],
)
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    assert refusal(content).key == "picture-unreadable"
