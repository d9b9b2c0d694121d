"""Files that leave the app decode back to what went in, and ONNX computes what torch computes."""

import io
import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image, ImageSequence
from torch import nn

from vae_core import exports
from vae_core.config import RunConfig
from vae_core.errors import InputError
from vae_core.inference import to_uint8
from vae_core.models import DecodedImages, build
from vae_core.recipes import RECIPES

Rng = np.random.Generator
# exporting takes seconds: one recipe of each network, those of conditional ones are elsewhere
NETWORKS = {
    recipe.config.model.model_dump_json(): name
    for name, recipe in RECIPES.items()
    if not recipe.config.model.n_classes
}


def pixels(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture)


def grey(rng: Rng, n: int, side: int = 28) -> np.ndarray:
    return rng.integers(0, 256, size=(n, 1, side, side), dtype=np.uint8)


def test_one_image_comes_back_from_a_png_as_it_was(rng: Rng) -> None:
    x = grey(rng, 1)
    assert_array_equal(pixels(exports.png_bytes(x, columns=1)), x[0, 0])


def test_a_colour_image_comes_back_from_a_png_as_it_was(rng: Rng) -> None:
    x = rng.integers(0, 256, size=(1, 3, 5, 7), dtype=np.uint8)
    assert_array_equal(pixels(exports.png_bytes(x, columns=1)), x[0].transpose(1, 2, 0))


def test_floats_become_bytes_in_the_one_way_there_is(rng: Rng) -> None:
    x = rng.uniform(size=(1, 1, 9, 9)).astype(np.float32)
    assert_array_equal(pixels(exports.png_bytes(x, columns=1)), to_uint8(x)[0, 0])


def test_a_sheet_is_read_row_by_row_with_gaps_of_black(rng: Rng) -> None:
    x = grey(rng, 5, 4)
    sheet = pixels(exports.png_bytes(x, columns=3, scale=2, gap=1))
    assert sheet.shape == (2 * 8 + 1, 3 * 8 + 2)
    for number, (row, column) in enumerate([(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]):
        cell = sheet[row * 9 : row * 9 + 8, column * 9 : column * 9 + 8]
        for i in (0, 1):  # each pixel became a square of four
            for j in (0, 1):
                assert_array_equal(cell[i::2, j::2], x[number, 0])
    assert not sheet[8].any()
    assert not sheet[:, [8, 17]].any()
    assert not sheet[9:, 18:].any()


def test_a_strip_is_as_wide_as_its_images(rng: Rng) -> None:
    assert pixels(exports.png_bytes(grey(rng, 3), columns=20)).shape == (28, 84)


@pytest.mark.parametrize("size", [28, 56, 256])
def test_a_gif_keeps_every_grey_level_and_plays_there_and_back(rng: Rng, size: int) -> None:
    x = grey(rng, 6)
    x[0, 0].flat[:256] = np.arange(256)  # no level is missing
    content = exports.gif_bytes(x, size=size, duration_ms=60)
    with Image.open(io.BytesIO(content)) as animation:
        assert animation.info["loop"] == 0
        assert animation.info["duration"] == 60
        frames = [np.asarray(f.convert("L")) for f in ImageSequence.Iterator(animation)]
    assert len(frames) == 10
    middles = (np.arange(28) + 0.5) * size / 28
    at = np.ix_(middles.astype(int), middles.astype(int))
    for frame, number in zip(frames, [0, 1, 2, 3, 4, 5, 4, 3, 2, 1], strict=True):
        assert frame.shape == (size, size)
        assert_array_equal(frame[at], x[number, 0])


def test_a_gif_may_play_one_way(rng: Rng) -> None:
    with Image.open(
        io.BytesIO(exports.gif_bytes(grey(rng, 6), size=28, ping_pong=False))
    ) as animation:
        assert animation.n_frames == 6


def test_a_gif_of_still_pictures_lasts_as_long_as_a_moving_one() -> None:
    content = exports.gif_bytes(np.zeros((5, 1, 28, 28)), size=28, duration_ms=100)
    with Image.open(io.BytesIO(content)) as animation:
        lasting = sum(f.info["duration"] for f in ImageSequence.Iterator(animation))
    assert lasting == 8 * 100


def test_a_colour_gif_of_few_colours_is_exact(rng: Rng) -> None:
    colours = rng.integers(0, 256, size=(8, 3), dtype=np.uint8)
    x = colours[rng.integers(0, 8, size=(2, 6, 6))].transpose(0, 3, 1, 2)
    with Image.open(io.BytesIO(exports.gif_bytes(x, size=6))) as animation:
        for number, frame in enumerate(ImageSequence.Iterator(animation)):
            assert_array_equal(np.asarray(frame.convert("RGB")), x[number].transpose(1, 2, 0))


@pytest.mark.parametrize(
    "shape", [(28, 28), (1, 28, 28), (0, 1, 28, 28), (2, 4, 8, 8), (2, 2, 8, 8)]
)
def test_what_are_no_images_is_refused(shape: tuple[int, ...]) -> None:
    x = np.zeros(shape)
    with pytest.raises(InputError, match="shape"):
        exports.png_bytes(x, columns=1)
    with pytest.raises(InputError, match="shape"):
        exports.gif_bytes(x)


@pytest.mark.parametrize("option", [{"columns": 0}, {"scale": 0}, {"gap": -1}])
def test_a_sheet_without_room_is_refused(option: dict[str, int]) -> None:
    with pytest.raises(InputError):
        exports.png_bytes(np.zeros((1, 1, 4, 4)), **{"columns": 1, **option})


@pytest.mark.parametrize("option", [{"size": 27}, {"duration_ms": 10}])
def test_an_animation_that_cannot_be_shown_is_refused(option: dict[str, int]) -> None:
    with pytest.raises(InputError):
        exports.gif_bytes(np.zeros((2, 1, 28, 28)), **option)


def onnx_outputs(content: bytes, z: np.ndarray) -> np.ndarray:
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    assert [node.name for node in session.get_inputs()] == ["z"]
    assert [node.name for node in session.get_outputs()] == ["x"]
    (x,) = session.run(None, {"z": z})
    return x


@pytest.mark.parametrize("name", NETWORKS.values())
def test_the_onnx_decoder_of_every_recipe_computes_what_torch_computes(name: str, rng: Rng) -> None:
    config: RunConfig = RECIPES[name].config
    model = build(config.model, seed=3)
    with torch.no_grad():  # running statistics other than 0 and 1, or batch norm would go unseen
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2.0)
    model.train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        content = exports.onnx_bytes(DecodedImages(model), torch.zeros(1, model.code_size))
    assert model.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    model.eval()
    for n in (1, 2, 7):  # the batch is free
        z = rng.normal(size=(n, model.code_size)).astype(np.float32)
        with torch.inference_mode():
            wanted = model.decode(torch.from_numpy(z)).numpy()
        assert_allclose(onnx_outputs(content, z), wanted, atol=1e-5)


def test_a_missing_exporter_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(InputError, match="pip install onnxscript"):
        exports.onnx_bytes(nn.Identity(), torch.zeros(1, 2))
