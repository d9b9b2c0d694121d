"""Laws of the making of digits: MNIST's come back as they are, others wherever they stood."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vae_core import data
from vae_core.errors import InputError
from vae_core.inference import open_session
from vae_core.mnist_like import mnist_like
from vae_core.runs import SHIPPED, open_run

Grey = NDArray[np.uint8]


@pytest.fixture(scope="module")
def digits() -> Grey:
    return data.load_gallery().x[::50, 0]  # (100, 28, 28), ten of each class


@pytest.fixture(scope="module")
def session():
    return open_session(open_run(SHIPPED / "vae-keras-dense"))


def remade(pictures: list[Grey]) -> Grey:
    return np.stack([mnist_like(picture).x for picture in pictures])


def on_sheet(digit: Grey, scale: float, rng: np.random.Generator) -> Grey:
    """The digit enlarged, somewhere on a black sheet."""
    side = round(28 * scale)
    large = Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC)
    sheet = np.zeros((2 * side, 3 * side), np.uint8)
    top, left = rng.integers(0, side), rng.integers(0, 2 * side)
    sheet[top : top + side, left : left + side] = large
    return sheet


def moved(session, before: Grey, after: Grey) -> NDArray[np.float64]:
    """How far each digit's code moved, in units of z."""
    return np.linalg.norm(session.encode(after).mu - session.encode(before).mu, axis=1)


def test_most_digits_of_mnist_come_back_as_they_are(digits: Grey) -> None:
    error = np.abs(remade(list(digits))[:, 0].astype(int) - digits)
    assert (error.max(axis=(1, 2)) <= 1).mean() >= 0.85  # 254 may become 255: MNIST stretched too


def test_a_digit_of_mnist_keeps_its_code(session, digits: Grey) -> None:
    distance = moved(session, digits, remade(list(digits)))
    assert np.median(distance) < 0.01
    assert np.quantile(distance, 0.95) < 0.1


@pytest.mark.parametrize("scale", [2, 5, 9.3])
def test_a_digit_comes_back_from_wherever_and_however_large_it_stands(
    session, digits: Grey, scale: float, rng: np.random.Generator
) -> None:
    distance = moved(session, digits, remade([on_sheet(digit, scale, rng) for digit in digits]))
    assert np.median(distance) < 0.15
    assert np.quantile(distance, 0.9) < 0.6


def test_whole_enlargement_and_another_place_change_nothing(digits: Grey) -> None:
    plain = remade(list(digits))
    larger = remade(
        [np.pad(digit.repeat(4, 0).repeat(4, 1), ((9, 30), (50, 2))) for digit in digits]
    )
    assert np.abs(plain.astype(int) - larger).max() <= 1


def test_dark_on_light_paper_is_inverted_and_said(digits: Grey) -> None:
    for digit in digits[::10]:
        dark_on_light = mnist_like(255 - digit)
        assert dark_on_light.inverted
        assert np.array_equal(dark_on_light.x, mnist_like(digit).x)
        assert not mnist_like(digit).inverted


def test_paper_may_be_grey_and_noisy(session, digits: Grey, rng: np.random.Generator) -> None:
    sheets = [on_sheet(digit, 8, rng) for digit in digits]
    photos = [
        np.clip(200 - 0.6 * sheet + rng.normal(0, 6, sheet.shape), 0, 255).astype(np.uint8)
        for sheet in sheets
    ]
    distance = moved(session, digits, remade(photos))
    assert np.median(distance) < 0.15
    assert np.quantile(distance, 0.9) < 0.8


def test_the_longer_side_is_twenty_and_the_centre_of_mass_is_the_centre() -> None:
    picture = np.zeros((200, 300), np.uint8)
    picture[20:120, 30:55] = 255  # 25 wide, 100 high
    made = mnist_like(picture)
    assert made.scaled == (5, 20)
    rows, columns = np.nonzero(made.x[0])
    assert (np.ptp(columns) + 1, np.ptp(rows) + 1) == (5, 20)
    assert abs(rows.mean() - 14) <= 0.5
    assert abs(columns.mean() - 14) <= 0.5


@pytest.mark.parametrize("size", [28, 32, 64])
def test_other_encoders_get_their_own_size(digits: Grey, size: int) -> None:
    made = mnist_like(digits[5], size=size)
    assert made.x.shape == (1, size, size)
    assert max(made.scaled) == round(size * 20 / 28)


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (28, 28)])
@pytest.mark.parametrize("level", [0, 127, 255])
def test_paper_without_ink_is_one_sentence(shape: tuple[int, int], level: int) -> None:
    with pytest.raises(InputError, match="no digit"):
        mnist_like(np.full(shape, level, np.uint8))


@pytest.mark.parametrize("shape", [(2, 2), (2, 3000), (5000, 3), (7, 7), (640, 480)])
def test_any_shape_of_picture_becomes_an_image(shape: tuple[int, int]) -> None:
    picture = np.zeros(shape, np.uint8)
    picture[: -(-shape[0] // 3), : -(-shape[1] // 3)] = 255
    made = mnist_like(picture)
    assert made.x.shape == (1, 28, 28)
    assert made.x.max() == 255
    assert max(made.scaled) == 20
