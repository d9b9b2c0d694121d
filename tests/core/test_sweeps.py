"""Laws of sweeps and series: every combination once, gone on with, found among all runs."""

import json
from pathlib import Path

import pytest

from vae_core import runs, sweeps
from vae_core.__main__ import main
from vae_core.errors import InputError, RunError
from vae_core.moments import codes, has_several, moments
from vae_core.recipes import recipe
from vae_core.runs import open_run

BETA = recipe("vae-beta")


def config(**changes: object):
    small = {"data__name": "mnist-5k", "data__limit": 260, "train__epochs": 1}
    return BETA.config.replace(**(small | changes))


def test_a_plan_is_the_product_of_its_lists_in_stable_folders(tmp_path: Path) -> None:
    lists = {"seed": [3, 4], "beta": [0.05, 8, 8], "latent_dim": [2]}
    planned = sweeps.plan([(BETA, config())], tmp_path, lists)
    assert [one.path.name for one in planned] == [
        "vae-beta-b0.05-d2-s3",
        "vae-beta-b0.05-d2-s4",
        "vae-beta-b8-d2-s3",
        "vae-beta-b8-d2-s4",
    ]
    for one in planned:
        assert one.config == config(
            objective__beta=one.varied["beta"], train__seed=one.varied["seed"]
        )


def test_long_seeds_name_their_runs_whole(tmp_path: Path) -> None:
    planned = sweeps.plan([(BETA, config())], tmp_path, {"seed": [20241126, 20241127]})
    assert [one.path.name for one in planned] == ["vae-beta-s20241126", "vae-beta-s20241127"]


def test_a_list_of_any_length_is_not_read() -> None:
    assert len(sweeps.read_list("seed", ",".join(map(str, range(200))))) == 200
    with pytest.raises(InputError, match="1000 are the limit"):
        sweeps.read_list("seed", ",".join(map(str, range(20000))))


def test_a_plan_is_bounded(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="64"):
        sweeps.plan([(BETA, config())], tmp_path, {"seed": list(range(65))})


def test_a_sweep_trains_goes_on_and_is_a_series(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = ["sweep", "vae-beta", "--beta", "4,0.5,1", "--data", "mnist-5k", "--limit", "260"]
    typed += ["--epochs", "2", "--threads", "1", "--out", str(tmp_path), "--json"]
    assert main(typed) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["beta"] for row in rows] == [4, 0.5, 1]
    (series,) = sweeps.find_series(run for run in runs.list_runs(tmp_path))
    assert series.values == (0.5, 1, 4)
    for run in series.runs:
        (last,) = moments(run)
        assert last.epoch == 2
        assert codes(run, [last]).shape == (1, 500, 2)
        assert last.pictured
        assert not has_several(run)

    begun = {run.id: (run.path / runs.CARD).stat().st_mtime_ns for run in series.runs}
    assert main(typed) == 0  # nothing is left to do
    assert {run.id: (run.path / runs.CARD).stat().st_mtime_ns for run in series.runs} == begun
    assert main([*typed, "--epochs", "3"]) == 1
    assert "vae-beta-b4" in capsys.readouterr().err


def test_a_sweep_resumes_a_run_that_was_interrupted(tmp_path: Path) -> None:
    whole, broken = (
        sweeps.plan([(BETA, config(train__epochs=2))], tmp_path / name, {"beta": [2]})[0]
        for name in ("whole", "broken")
    )
    for _ in sweeps.train(whole, device="cpu", threads=1):
        pass
    for event in sweeps.train(broken, device="cpu", threads=1):
        if getattr(event, "held_out", None):
            break
    other = sweeps.Planned(broken.path, BETA, config(train__epochs=5), broken.varied)
    with pytest.raises(RunError):
        next(sweeps.train(other, device="cpu", threads=1))
    for _ in sweeps.train(broken, device="cpu", threads=1):
        pass
    assert open_run(broken.path).digest == open_run(whole.path).digest


def test_runs_that_differ_in_more_than_beta_are_no_series(small_run, small_config) -> None:
    found = [open_run(small_run(f"run-{seed}", seed=seed, epochs=1)) for seed in range(3)]
    assert sweeps.find_series(found) == ()


@pytest.mark.parametrize("text", ["x", "1,,2", ""])
def test_a_list_that_is_none_is_told(text: str, tmp_path: Path) -> None:
    code = main(["sweep", "vae-beta", "--beta", text, "--seed", "0.5", "--out", str(tmp_path)])
    assert code == 2
