"""Laws of film pictures: a point lies where its code says, and glides between two moments."""

import io

import numpy as np
import pytest
from PIL import Image, ImageColor

from vae_core import films
from vae_core.__main__ import main
from vae_core.figures import PETROFF10
from vae_core.latent import Plane
from vae_core.moments import moments
from vae_core.runs import open_run

PLANE = Plane((0.0, 0.0), 1.0)


def middle_of(picture: np.ndarray, label: int) -> tuple[float, float]:
    colour = np.array(ImageColor.getrgb(PETROFF10[label]))
    rows, columns = np.nonzero((picture.transpose(1, 2, 0) == colour).all(axis=-1))
    scale = films.SIDE / 2
    return columns.mean() / scale - 1, 1 - (rows.mean() - films.HEAD) / scale


def test_points_glide_from_moment_to_moment() -> None:
    codes = [[[-0.5, 0.5]], [[0.5, -0.5]]]
    pictures = films.frames(codes, [3], [PLANE, PLANE], ["a", "b"], [None, None])
    places = [middle_of(picture, 3) for picture in pictures]
    shares = np.linspace(0, 1, len(pictures))
    assert len(pictures) == 5
    assert np.allclose(places, np.stack([shares - 0.5, 0.5 - shares], axis=1), atol=0.02)


def test_a_long_film_keeps_to_its_length() -> None:
    n = 190
    pictures = films.frames(np.zeros((n, 1, 2)), [0], [PLANE] * n, [""] * n, [None] * n)
    assert len(pictures) == n


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_a_run_becomes_a_file_that_plays(kind: str, small_run, tmp_path) -> None:
    path, out = small_run(epochs=1), tmp_path / "film"
    assert main(["export", str(path), f"training-{kind}", "--out", str(out)]) == 0
    with Image.open(io.BytesIO(out.read_bytes())) as picture:
        assert picture.format == kind.upper()
        assert picture.n_frames >= len(moments(open_run(path)))
        assert picture.width > picture.height  # the sheet stands beside the plane
