"""The gallery is what it says, splits never overlap, and missing data are one sentence."""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from vae_core import data
from vae_core.errors import DataError


def rows(images: data.Images) -> set[bytes]:
    return {row.tobytes() for row in images.x.reshape(len(images), -1)}


def test_the_gallery_is_five_hundred_digits_of_each_class_in_order() -> None:
    gallery = data.load_gallery()
    assert gallery.x.shape == (5000, 1, 28, 28)
    assert gallery.x.dtype == np.uint8
    assert gallery.x.flags.c_contiguous
    assert_array_equal(gallery.y, np.repeat(np.arange(10), 500))
    assert gallery.class_names == tuple("0123456789")
    assert gallery.x.max() == 255
    assert gallery.x.min() == 0
    assert 30 < gallery.x.mean() < 36  # white digits on black
    assert len(rows(gallery)) == 5000


def test_the_gallery_is_loaded_once() -> None:
    assert data.load_gallery() is data.load_gallery("mnist")


def test_the_gallerys_own_split_has_no_digit_twice() -> None:
    train, held_out = data.load("mnist-5k", "train"), data.load("mnist-5k", "held-out")
    assert (len(train), len(held_out)) == (4500, 500)
    assert not rows(train) & rows(held_out)
    assert rows(train) | rows(held_out) == rows(data.load("mnist-5k", "all"))
    assert_array_equal(np.bincount(held_out.y), [50] * 10)


def test_a_digest_sees_pixels_labels_and_shape() -> None:
    x, y = np.zeros((2, 1, 2, 2), np.uint8), np.zeros(2, np.int64)
    digest = data.Images(x, y, ("a",), "one").digest
    assert data.Images(x.copy(), y.copy(), ("a",), "other").digest == digest
    assert data.Images(x + np.uint8(1), y, ("a",), "one").digest != digest
    assert data.Images(x, y + 1, ("a",), "one").digest != digest
    assert data.Images(x.reshape(2, 1, 1, 4), y, ("a",), "one").digest != digest


def test_mnist_trains_on_all_that_the_gallery_does_not_show(data_folder: Path) -> None:
    train, held_out = data.load("mnist", "train"), data.load("mnist", "held-out")
    assert (len(train), len(held_out)) == (55_000, 5_000)
    gallery = data.load_gallery()
    assert rows(held_out) == rows(gallery)
    assert not rows(train) & rows(gallery)
    order = np.argsort(held_out.y, kind="stable")
    assert_array_equal(held_out.x[order], gallery.x)


def test_the_test_images_are_in_no_other_part(data_folder: Path) -> None:
    test = data.load("mnist", "test")
    assert len(test) == 10_000
    assert not rows(test) & rows(data.load("mnist", "train"))
    assert not rows(test) & rows(data.load_gallery())


def test_fashion_mnist_is_split_by_the_same_rule(data_folder: Path) -> None:
    if not (data_folder / "FashionMNIST" / "raw").is_dir():
        pytest.skip("FashionMNIST is not in LATENT_DATA")
    train, held_out = data.load("fashion-mnist", "train"), data.load("fashion-mnist", "held-out")
    assert (len(train), len(held_out)) == (55_000, 5_000)
    assert_array_equal(np.bincount(held_out.y), [500] * 10)
    assert data.load_gallery("fashion-mnist").y.tolist() == sorted(held_out.y)
    assert len(held_out.class_names) == 10


@pytest.mark.parametrize(
    ("name", "split", "words"),
    [("cats", "train", "mnist-5k"), ("mnist-5k", "test", "held-out"), ("mnist", "all", "test")],
)
def test_an_unknown_name_is_refused_with_the_known_ones(name: str, split: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        data.load(name, split)


def test_a_missing_folder_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENT_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="LATENT_DATA") as caught:
        data.load("mnist", "test")
    assert "nowhere" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(data.load_gallery()) == 5000  # what is built in needs no folder


def test_an_empty_folder_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENT_DATA", str(tmp_path))
    with pytest.raises(DataError, match="LATENT_DATA") as caught:
        data.load("mnist", "test")
    assert caught.value.key == "data-missing"


def idx(path: Path, array: np.ndarray) -> None:
    """Writes bytes in the IDX format: magic number, then sizes, then the numbers."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a data set of the right shape: blank images, labels in turns."""
    monkeypatch.setenv("LATENT_DATA", str(tmp_path))
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for kind, n in (("train", 60_000), ("t10k", 10_000)):
        idx(raw / f"{kind}-images-idx3-ubyte", np.zeros((n, 28, 28), np.uint8))
        idx(raw / f"{kind}-labels-idx1-ubyte", np.arange(n) % 10)
    return raw


def test_whole_files_are_read(own_folder: Path) -> None:
    test = data.load("mnist", "test")
    assert_array_equal(test.y, np.arange(10_000) % 10)
    assert not test.x.any()


@pytest.mark.parametrize("damage", ["cut", "empty", "few", "text", "labels"])
def test_damaged_files_are_one_sentence(damage: str, own_folder: Path) -> None:
    file = own_folder / "t10k-images-idx3-ubyte"
    if damage == "cut":
        os.truncate(file, 1000)
    elif damage == "empty":
        os.truncate(file, 0)
    elif damage == "few":
        idx(file, np.zeros((9, 28, 28)))
    elif damage == "text":
        file.write_text("this is not a data set")
    else:
        idx(own_folder / "t10k-labels-idx1-ubyte", np.full(10_000, 10))
    with pytest.raises(DataError) as caught:
        data.load("mnist", "test")
    assert caught.value.key == "data-damaged"
    assert "\n" not in str(caught.value)


def test_held_out_digits_that_are_not_the_gallerys_are_noticed(own_folder: Path) -> None:
    with pytest.raises(DataError, match="gallery"):
        data.load("mnist", "held-out")
