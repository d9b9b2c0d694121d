"""A run's newest moment is read while it trains, and no file can make the reading fail."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vae_core import data, live, runs


def test_the_newest_moment_shows_codes_reconstructions_and_grid(
    small_run: Callable[..., Path],
) -> None:
    path = small_run(limit=200, epochs=2)
    assert live.newest(path) == "0002"
    look = live.look(path, "0002")
    held_out = data.load("mnist-5k", "held-out")
    assert look.epoch == 2
    assert look.codes is not None
    assert look.codes.shape == (len(held_out), 2)
    assert not look.projected
    assert look.reconstructions is not None
    assert look.grid is not None
    assert live.first_of_classes(held_out, 10).shape == (10, 1, 28, 28)
    first = live.look(path, min(f.stem for f in (path / runs.LATENTS).glob("0*")))
    assert first.epoch == 0


def test_before_the_first_moment_there_is_none(tmp_path: Path) -> None:
    assert live.newest(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"garbage" * 9, b"\xff" * 64])
def test_damaged_files_are_no_look(content: bytes, tmp_path: Path) -> None:
    for folder, kind in ((runs.LATENTS, "safetensors"), (runs.FRAMES, "png")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"0001.{kind}").write_bytes(content)
    look = live.look(tmp_path, "0001")
    assert look.codes is look.grid is look.reconstructions is None


def test_a_sheet_of_another_shape_is_no_look(tmp_path: Path) -> None:
    (tmp_path / runs.FRAMES).mkdir()
    Image.fromarray(np.zeros((30, 100), np.uint8)).save(tmp_path / runs.FRAMES / "0001.png")
    assert live.look(tmp_path, "0001").grid is None
