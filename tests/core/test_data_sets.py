"""Sets that torchvision reads, pictures of another size, folders, sheets: read right or refused."""

import dataclasses
import string
from http.client import IncompleteRead
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.core.test_data import idx, rows
from vae_core import data
from vae_core.config import DataConfig
from vae_core.data import images, official, sheet
from vae_core.errors import DataError

OFFICIAL = [name for name, source in data.DATASETS.items() if source.reader]


@pytest.mark.parametrize("name", data.DATASETS)
def test_every_data_set_says_whose_it_is_and_names_its_classes_once(name: str) -> None:
    source = data.DATASETS[name]
    assert source.citation
    assert source.licence
    assert len(set(source.class_names)) == len(source.class_names)
    assert DataConfig(name=name).name == name


@pytest.mark.parametrize("name", OFFICIAL)
def test_what_is_held_out_is_no_more_than_a_map_shows(name: str) -> None:
    source = data.DATASETS[name]
    assert source.held_out_per_class * len(source.class_names) >= 0.9 * data.HELD_OUT
    assert source.held_out_per_class * len(source.class_names) <= data.HELD_OUT
    assert data.HELD_OUT == 500 * 10  # which is the rule of the built-in digits


def test_the_classes_of_emnist_are_those_of_its_files() -> None:
    from torchvision.datasets import EMNIST

    for split in ("balanced", "letters"):
        theirs = [name for name in EMNIST.classes_split_dict[split] if name != "N/A"]
        ours = data.DATASETS[f"emnist-{split}"].class_names
        assert len(ours) == len(theirs)
        assert "".join(ours).lower() == "".join(theirs).lower()
    assert data.DATASETS["emnist-letters"].class_names == tuple(string.ascii_uppercase)


@pytest.fixture
def emnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """A small EMNIST of letters on the disk, its pictures on their side; returns them upright."""
    monkeypatch.setenv("LATENT_DATA", str(tmp_path))
    small = dataclasses.replace(data.DATASETS["emnist-letters"], n_train=26 * 200, n_test=26)
    monkeypatch.setitem(data.DATASETS, "emnist-letters", small)
    raw = tmp_path / "EMNIST" / "raw"
    raw.mkdir(parents=True)
    upright = np.random.default_rng(0).integers(0, 256, (26 * 200, 28, 28), dtype=np.uint8)
    for part, n in (("train", 26 * 200), ("test", 26)):
        prefix = f"emnist-letters-{part}"
        idx(raw / f"{prefix}-images-idx3-ubyte", upright[:n].transpose(0, 2, 1))
        idx(raw / f"{prefix}-labels-idx1-ubyte", np.arange(n) % 26 + 1)
    return upright


def test_letters_stand_upright_and_are_counted_from_a(emnist: np.ndarray) -> None:
    test = data.load("emnist-letters", "test")
    assert_array_equal(test.x[:, 0], emnist[:26])
    assert_array_equal(test.y, np.arange(26))
    assert test.class_names[test.y[2]] == "C"


def test_training_and_held_out_letters_are_apart(emnist: np.ndarray) -> None:
    train, held_out = (data.load("emnist-letters", part) for part in ("train", "held-out"))
    assert_array_equal(np.bincount(held_out.y), [5000 // 26] * 26)
    assert len(train) + len(held_out) == len(emnist)
    assert not rows(train) & rows(held_out)
    assert (np.diff(data.load_gallery("emnist-letters").y) >= 0).all()


def reader_of(monkeypatch: pytest.MonkeyPatch, make: object) -> None:
    monkeypatch.setattr(official, "_reader", lambda source: make)


def test_colours_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENT_DATA", str(tmp_path))
    x = np.random.default_rng(0).integers(0, 256, (10_000, 32, 32, 3), dtype=np.uint8)
    made = SimpleNamespace(data=x, targets=[k % 10 for k in range(10_000)])
    reader_of(monkeypatch, lambda *_, **__: made)
    test = data.load("cifar-10", "test")
    assert test.x.shape == (10_000, 3, 32, 32)
    assert_array_equal(test.x[7, 1], x[7, :, :, 1])


@pytest.mark.parametrize(
    "error",
    [
        URLError("[Errno -3] Temporary failure in name resolution"),
        RuntimeError("Error downloading a.gz:\nTried b, got:\n<urlopen error no route to host>\n"),
        IncompleteRead(b""),
        TimeoutError("timed out"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_network_is_one_sentence(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATENT_DATA", str(tmp_path))

    def fail(*_: object, **__: object) -> None:
        print("Downloading")  # where torchvision talks, results would be spoiled
        raise error

    reader_of(monkeypatch, fail)
    with pytest.raises(DataError, match="network") as caught:
        data.load("kmnist", "train", download=True)
    assert "\n" not in str(caught.value)
    assert "urlopen" not in str(caught.value)


def test_what_was_downloaded_is_held_against_its_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATENT_DATA", str(tmp_path))

    def forged(*_: object, train: bool, **__: object) -> object:
        n = 60_000 if train else 10_000
        return SimpleNamespace(data=np.zeros((n, 28, 28), np.uint8), targets=np.arange(n) % 10)

    reader_of(monkeypatch, forged)
    with pytest.raises(DataError, match="digest"):
        data.load("fashion-mnist", "train", download=True)


def test_the_known_digests_are_those_of_the_official_files(data_folder: Path) -> None:
    for part in ("train", "test"):
        found = official.official("mnist", data_folder, train=part == "train")
        assert found.digest == data.DATASETS["mnist"].digests[part]


# --- another size, other channels -------------------------------------------------------------


@pytest.mark.parametrize("size", [14, 28, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_digits_take_any_size_and_channels(size: int, channels: int) -> None:
    digits = data.load_gallery(DataConfig(name="mnist-5k", size=size, channels=channels))
    assert digits.x.shape == (5000, channels, size, size)
    assert (digits.x == digits.x[:, :1]).all()  # grey is three equal channels
    ink = data.load_gallery().x.mean((1, 2, 3))
    np.testing.assert_allclose(digits.x.mean((1, 2, 3)), ink, atol=3)


def test_an_even_picture_stays_even_and_no_pixel_overshoots() -> None:
    even = np.full((1, 1, 28, 28), 77, np.uint8)
    assert (images.fit(even, 64, 1) == 77).all()
    edge = np.zeros((1, 1, 28, 28), np.uint8)
    edge[..., 14:] = 200
    assert images.fit(edge, 64, 1).max() == 200
    assert images.fit(edge, 28, 1) is edge


def test_the_limit_of_training_changes_no_gallery() -> None:
    assert data.load_gallery(DataConfig(limit=7)) is data.load_gallery(DataConfig())


# --- a folder of pictures ---------------------------------------------------------------------


@pytest.fixture
def pictures(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Two classes of twenty pictures of odd sizes, some of them twice, one damaged."""
    for name in ("cats", "dogs", ".hidden"):
        (tmp_path / name).mkdir()
        for k in range(20):
            pixels = rng.integers(0, 256, (40 + k, 50, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{k:02d}.png")
            if k < 5:
                Image.fromarray(pixels).save(tmp_path / name / f"copy-{k}.png")
    (tmp_path / "cats" / "broken.png").write_bytes(b"this is no picture")
    (tmp_path / "cats" / "notes.txt").write_text("no picture either")
    return tmp_path


def test_a_folder_is_read_class_by_class(pictures: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = DataConfig(name="folder", folder=str(pictures), size=16, channels=3)
    train, held_out = data.load(config, "train"), data.load(config, "held-out")
    assert train.class_names == ("cats", "dogs")
    assert train.x.shape[1:] == (3, 16, 16)
    assert len(train) + len(held_out) == 50
    assert 4 <= len(held_out) <= 8  # a tenth of forty, some of them twice
    assert not rows(train) & rows(held_out)
    assert [r.getMessage() for r in caplog.records if "broken.png" in r.getMessage()]
    assert "\n" not in caplog.records[0].getMessage()


def test_a_folder_that_is_none_or_empty_or_endless_is_one_sentence(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vae_core.data import folder

    def refused(path: Path, key: str) -> None:
        with pytest.raises(DataError) as caught:
            data.load(DataConfig(name="folder", folder=str(path)), "train")
        assert caught.value.key == key

    refused(tmp_path / "nowhere", "data-folder-unreadable")
    refused(pictures / "cats" / "notes.txt", "data-folder-unreadable")
    refused(pictures / "cats", "data-folder-few")
    monkeypatch.setattr(folder, "MAX_FILES", 10)
    refused(pictures, "data-folder-large")
    monkeypatch.setattr(folder, "MAX_FILES", 1000)
    monkeypatch.setattr(folder, "MAX_NUMBERS", 1000)
    refused(pictures, "data-folder-large")


# --- galleries that travel --------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_a_sheet_comes_back_as_it_was(channels: int, tmp_path: Path) -> None:
    some = data.load_gallery().take(np.arange(0, 5000, 37), "some").fitted(channels=channels)
    path = tmp_path / "some.png"
    path.write_bytes(data.sheet_bytes(some, data.DATASETS["mnist"]))
    back = sheet.read_sheet(path)
    assert back.digest == some.digest
    assert (back.name, back.class_names) == (some.name, some.class_names)
    with Image.open(path) as picture:
        assert "CC BY-SA 3.0" in picture.info["gallery"]


@pytest.mark.parametrize("damage", ["pixels", "text", "counts", "cut", "other", "none"])
def test_a_damaged_sheet_is_one_sentence(damage: str, tmp_path: Path) -> None:
    some = data.load_gallery().take(np.arange(0, 5000, 37), "some")
    path = tmp_path / "some.png"
    path.write_bytes(data.sheet_bytes(some, data.DATASETS["mnist"]))
    with Image.open(path) as picture:
        pixels, text = np.array(picture), picture.info["gallery"]
    about = PngInfo()
    if damage == "pixels":
        pixels[5, 5] ^= 1
    if damage == "counts":
        text = text.replace('"counts": [', '"counts": [9000, ').replace(
            '"class_names": [', '"class_names": ["x", '
        )
    if damage != "text":
        about.add_text("gallery", text)
    Image.fromarray(pixels).save(path, pnginfo=about)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:5000])
    if damage == "other":
        path.write_text("no picture")
    if damage == "none":
        path.unlink()
    with pytest.raises(DataError) as caught:
        sheet.read_sheet(path)
    assert caught.value.key == "data-damaged"
    assert "\n" not in str(caught.value)


def test_garments_are_shown_where_their_data_set_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATENT_DATA", str(tmp_path / "nowhere"))
    gallery = data.load_gallery("fashion-mnist")
    assert gallery.x.shape == (5000, 1, 28, 28)
    assert_array_equal(gallery.y, np.repeat(np.arange(10), 500))
    assert gallery.class_names[9] == "Ankle boot"


@pytest.mark.parametrize("path", sorted(data.SHEETS.glob("*.png")), ids=lambda path: path.stem)
def test_a_shipped_sheet_holds_the_held_out_images(path: Path, data_folder: Path) -> None:
    if path.stem == "fashion-mnist" and not (data_folder / "FashionMNIST" / "raw").is_dir():
        pytest.skip("FashionMNIST is not in LATENT_DATA")
    assert data.load_gallery(path.stem).digest == data.load(path.stem, "held-out").by_class().digest
    assert path.stat().st_size < 4_000_000
