"""Runs that differ in their seed alone: what of them is compared, and how."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vae_core import latent, runs, seed_table, sweeps
from vae_core.__main__ import main
from vae_core.errors import InputError


def test_maps_that_are_turned_mirrored_moved_or_larger_are_the_same(
    rng: np.random.Generator,
) -> None:
    codes = rng.normal(size=(50, 2))
    turn = np.array([[0.6, 0.8], [0.8, -0.6]])
    assert latent.disparity(codes, 3 * codes @ turn + 5) == pytest.approx(0, abs=1e-12)


def test_a_disparity_is_scipys_and_symmetric(rng: np.random.Generator) -> None:
    from scipy.spatial import procrustes

    codes = rng.normal(size=(50, 3))
    for other in (rng.normal(size=(50, 3)), codes + 0.5 * rng.normal(size=(50, 3))):
        wanted = procrustes(codes, other)[2]
        assert latent.disparity(codes, other) == pytest.approx(wanted)
        assert latent.disparity(other, codes) == pytest.approx(wanted)


@pytest.mark.parametrize("other", [np.zeros((4, 2)), np.ones((3, 2)), np.full((4, 2), np.nan)])
def test_what_cannot_be_compared_is_refused(other: np.ndarray) -> None:
    with pytest.raises(InputError):
        latent.disparity(np.arange(8.0).reshape(4, 2), other)


def test_repeats_differ_in_their_seed_alone(small_run: Callable[..., Path]) -> None:
    made = {"epochs": 1, "limit": 300}
    found = [small_run(f"s{seed}", seed=seed, **made) for seed in (2, 0)]
    found += [small_run("other", seed=1, latent_dim=3, **made), small_run("again", **made)]
    (group,) = sweeps.find_repeats(map(runs.open_run, found), least=2)
    assert [run.id for run in group] == ["s0", "s2"]
    assert not sweeps.find_repeats(group)
    assert 0 < seed_table.layout(group) < 1
    assert seed_table.layout([group[0], group[0]]) == pytest.approx(0, abs=1e-9)


def test_the_spread_is_of_all_of_them_or_of_none(small_run: Callable[..., Path]) -> None:
    run = runs.open_run(small_run("one", epochs=1, limit=300))

    def told(seed: int, **figures: float) -> runs.Run:
        config = run.card.config.replace(train__seed=seed)
        metrics = {"test": figures}
        card = run.card.model_copy(update={"config": config, "metrics": metrics})
        return dataclasses.replace(run, card=card)

    group = [told(1, total=130.0, kl=7.0), told(2, total=132.0), told(3, total=134.0, kl=7.0)]
    lines = seed_table.page([group], command="typed").splitlines()
    assert "| `small` | 2 | 132.00 |  |  |  |  |  |  |" in lines
    assert "| `small` | 3 | 132.00 ± 2.00 |  |  |  |  |  |  | 0.00 |" in lines
    assert "Written by `typed`" in lines[2]


def test_the_command_trains_what_is_missing_and_writes_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data_folder: Path
) -> None:
    monkeypatch.setenv("LATENT_RUNS", str(tmp_path / "runs"))
    page = tmp_path / "seeds.md"
    typed = ["seeds", "vae-beta", "--seed", "1,2", "--data", "mnist-5k", "--limit", "260"]
    typed += ["--epochs", "1", "--threads", "1", "--out", str(page)]
    assert main(typed) == 0
    first = page.read_text()
    assert "| `vae-beta` | 1 |" in first
    assert "| `vae-beta` | 2 |" in first
    weights = tmp_path / "runs" / "vae-beta-s1" / runs.WEIGHTS
    before = weights.stat().st_mtime_ns
    assert main(typed) == 0
    assert (page.read_text(), weights.stat().st_mtime_ns) == (first, before)
