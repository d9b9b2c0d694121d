"""Files that a person takes away: PNG sheets and strips, GIF and WebP films, ONNX networks.

Images come as arrays (N, C, H, W), bytes or floats in [0, 1]; a network comes as a module. All
enlarging is nearest-neighbour, so that a pixel stays a pixel. Nothing here touches the disk.
"""

import copy
import io
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from vae_core.errors import InputError
from vae_core.inference import to_uint8

if TYPE_CHECKING:
    from torch import Tensor, nn


# the oldest opset with all that our networks need, so that old runtimes read the file too
ONNX_OPSET = 18


def png_bytes(images: ArrayLike, *, columns: int, scale: int = 1, gap: int = 0) -> bytes:
    """Returns a PNG sheet of images (N, C, H, W), row by row; a strip has N columns.

    Args:
        images: uint8, or floats in [0, 1]; C is 1 (grey) or 3 (RGB).
        columns: Images in a row; the last row may be shorter.
        scale: Side of the square that each pixel becomes.
        gap: Black pixels between neighbours, after scaling.

    Raises:
        InputError: Images of another shape, none at all, or a number below its least value.
    """
    pixels = _pixels(images)  # (N, H, W, C)
    for what, value, low in (
        ("The number of columns", columns, 1),
        ("The scale", scale, 1),
        ("The gap", gap, 0),
    ):
        if value < low:
            raise InputError("input-range", what=what, low=low, high="many", value=value)
    columns = min(columns, len(pixels))
    rows = -(-len(pixels) // columns)
    pixels = pixels.repeat(scale, axis=1).repeat(scale, axis=2)
    _, height, width, channels = pixels.shape
    sheet = np.zeros(
        (rows * (height + gap) - gap, columns * (width + gap) - gap, channels), np.uint8
    )
    for number, picture in enumerate(pixels):
        top, left = (number // columns) * (height + gap), (number % columns) * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    file = io.BytesIO()
    _picture(sheet).save(file, "PNG")
    return file.getvalue()


def gif_bytes(
    images: ArrayLike, *, size: int = 256, duration_ms: int = 60, ping_pong: bool = True
) -> bytes:
    """Returns an endless GIF of images (N, C, H, W), enlarged so that the longer side is `size`.

    Grey levels survive exactly: the file's palette is the 256 greys. Colours are reduced to the
    best 256 of each frame.

    Args:
        images: uint8, or floats in [0, 1]; C is 1 (grey) or 3 (RGB).
        size: Longer side of the animation in pixels, at least the images' own.
        duration_ms: How long a frame stands, in steps of 10 ms, at least 20.
        ping_pong: Whether to play back to the start as well.

    Raises:
        InputError: Images of another shape, none at all, or a number below its least value.
    """
    frames = _frames(images, size, duration_ms, ping_pong)
    if frames[0].mode == "RGB":
        frames = [frame.quantize(256, dither=Image.Dither.NONE) for frame in frames]
    return _film(frames, "GIF", duration=duration_ms, optimize=False)


def webp_bytes(
    images: ArrayLike, *, size: int = 256, duration_ms: int = 60, ping_pong: bool = True
) -> bytes:
    """Returns an endless WebP without losses of images (N, C, H, W); arguments as `gif_bytes`.

    Raises:
        InputError: As `gif_bytes`.
    """
    frames = _frames(images, size, duration_ms, ping_pong)
    # effort 0 of 6 is ten times faster than the default, and already smaller than a GIF
    return _film(frames, "WEBP", duration=duration_ms, lossless=True, quality=20, method=0)


def onnx_bytes(
    module: "nn.Module",
    *examples: "Tensor",
    inputs: Sequence[str] = ("z",),
    outputs: Sequence[str] = ("x",),
) -> bytes:
    """Returns an ONNX file of a module, batch size free.

    The exporter is torch's own of today (`dynamo=True`); the older one is deprecated and warns.

    Args:
        module: What maps inputs to outputs; exported in evaluation mode and left as it was.
        examples: An input of the right shape for each name, (B, ...); B may be 1.
        inputs: The inputs' names in the file.
        outputs: The outputs' names in the file.

    Raises:
        InputError: The packages `onnx` or `onnxscript` are not installed.
    """
    import torch

    for package in ("onnx", "onnxscript"):
        if find_spec(package) is None:
            raise InputError("package-missing", package=package)
    # a batch of one would be taken for a constant
    several = tuple(torch.cat([one, one]) if len(one) < 2 else one for one in examples)
    # a cached model is shared between threads: its copy changes mode, never the model itself
    module = copy.deepcopy(module).eval()
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings():
        # torch's exporter meets its own deprecations; nothing that a caller could mend
        warnings.filterwarnings("ignore", message=".*treespec", category=FutureWarning)
        warnings.filterwarnings("ignore", message=".*axis name: batch", category=UserWarning)
        program: Any = torch.onnx.export(
            module,
            several,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=tuple({0: batch} for _ in several),
            opset_version=ONNX_OPSET,
            dynamo=True,
            verbose=False,
        )
    file: bytes = program.model_proto.SerializeToString()
    return file


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """Returns files by name as one ZIP; the same files give the same bytes."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            target.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def _frames(images: ArrayLike, size: int, duration_ms: int, ping_pong: bool) -> list[Image.Image]:
    """Returns a film's frames, enlarged, there and back again."""
    pixels = _pixels(images)  # (N, H, W, C)
    longer = max(pixels.shape[1:3])
    if size < longer:
        raise InputError(
            "input-range", what="The size of the film", low=longer, high="many", value=size
        )
    if duration_ms < 20:  # browsers show anything faster at 100 ms
        raise InputError(
            "input-range", what="A frame's duration in ms", low=20, high="many", value=duration_ms
        )
    height, width = (round(side * size / longer) for side in pixels.shape[1:3])
    frames = [_picture(frame).resize((width, height), Image.Resampling.NEAREST) for frame in pixels]
    return frames + frames[-2:0:-1] if ping_pong else frames


def _film(frames: list[Image.Image], kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], loop=0, **options)
    return file.getvalue()


def _pixels(images: ArrayLike) -> NDArray[np.uint8]:
    """Returns images as bytes with channels last, (N, H, W, C)."""
    array = np.asarray(images)
    if array.ndim != 4 or array.shape[1] not in (1, 3) or array.size == 0:
        raise InputError(
            "input-shape",
            what="The images",
            wanted="(N, C, H, W) with C = 1 or 3",
            value=array.shape,
        )
    pixels = array if array.dtype == np.uint8 else to_uint8(array)
    return np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))


def _picture(pixels: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
