"""A run's newest codes are read while it trains, and no file can make the reading fail."""

from collections.abc import Callable
from pathlib import Path

import pytest

from vae_core import data, live, runs


def test_the_newest_moment_has_codes_of_all_that_is_held_out(
    small_run: Callable[..., Path],
) -> None:
    path = small_run(limit=200, epochs=2)
    assert live.newest(path) == "0002"
    codes, projected = live.codes(path, "0002")
    assert codes is not None
    assert codes.shape == (len(data.load("mnist-5k", "held-out")), 2)
    assert not projected


def test_before_the_first_moment_there_is_none(tmp_path: Path) -> None:
    assert live.newest(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"garbage" * 9, b"\xff" * 64])
def test_damaged_files_have_no_codes(content: bytes, tmp_path: Path) -> None:
    (tmp_path / runs.LATENTS).mkdir()
    (tmp_path / runs.LATENTS / "0001.safetensors").write_bytes(content)
    assert live.codes(tmp_path, "0001")[0] is None
