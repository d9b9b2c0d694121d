"""Estimates come from runs of the same kind on this machine, or from real steps; both say so."""

from collections.abc import Callable
from pathlib import Path

import pytest

from vae_core import estimates, runs, worker
from vae_core.config import RunConfig

MACHINE = worker.versions()["machine"]


def test_an_earlier_run_of_the_same_kind_tells_the_time(
    small_run: Callable[..., Path], small_config: Callable[..., RunConfig]
) -> None:
    run = runs.open_run(small_run(limit=400, epochs=1))
    here = {"device": "cpu", "threads": 1, "machine": MACHINE}
    known = run.card.model_copy(update={"seconds": 10.0})
    run = runs.Run(run.path, known, run.weights_sha256)
    told = estimates.from_runs(small_config(limit=400, epochs=7), [run], **here)
    assert told is not None
    assert told.seconds == 70
    assert (told.source, told.run) == ("run", run.id)
    assert told.memory > estimates.PROCESS_BYTES
    for other in (
        small_config(limit=400, latent_dim=3),
        small_config(limit=500),
        small_config(limit=400).replace(train__batch_size=64),
    ):
        assert estimates.from_runs(other, [run], **here) is None
    config = small_config(limit=400)
    assert estimates.from_runs(config, [run], **{**here, "threads": 2}) is None
    assert estimates.from_runs(config, [run], **{**here, "machine": "another"}) is None


def test_a_run_of_another_machine_tells_the_time_roughly(
    small_run: Callable[..., Path], small_config: Callable[..., RunConfig]
) -> None:
    run = runs.open_run(small_run(limit=400, epochs=1))
    card = run.card.model_copy(update={"seconds": 10.0, "threads": 64, "versions": {}})
    run = runs.Run(run.path, card, run.weights_sha256)
    told = estimates.from_elsewhere(small_config(limit=800, epochs=3), [run], device="cpu")
    assert told is not None
    assert told.seconds == pytest.approx(60)
    assert (told.source, told.run) == ("elsewhere", run.id)
    whole = estimates.from_elsewhere(small_config(limit=None, epochs=1), [run], device="cpu")
    assert whole is not None
    assert whole.seconds == pytest.approx(10 * 4500 / 400)
    assert estimates.from_elsewhere(small_config(), [run], device="cuda") is None
    assert estimates.from_elsewhere(small_config(latent_dim=3), [run], device="cpu") is None


def test_of_several_runs_from_elsewhere_the_least_disturbed_one_tells(
    small_run: Callable[..., Path], small_config: Callable[..., RunConfig]
) -> None:
    run = runs.open_run(small_run(limit=400, epochs=1))
    known = [
        runs.Run(run.path, run.card.model_copy(update={"seconds": seconds}), run.weights_sha256)
        for seconds in (30.0, 10.0, 20.0)
    ]
    told = estimates.from_elsewhere(small_config(limit=400, epochs=1), known, device="cpu")
    assert told is not None
    assert told.seconds == pytest.approx(10)


def test_every_recipe_whose_run_is_shipped_has_an_estimate_before_anything_was_measured() -> None:
    shipped = [run for run in runs.list_runs(runs.SHIPPED) if isinstance(run, runs.Run)]
    for run in shipped:
        told = estimates.from_elsewhere(run.card.config, shipped, device=run.card.device)
        assert told is not None, run.id
        assert told.seconds > 1


@pytest.mark.slow
def test_real_steps_tell_time_and_memory(small_config: Callable[..., RunConfig]) -> None:
    told = estimates.measure(small_config(limit=1000, epochs=50), device="cpu")
    more = estimates.measure(small_config(limit=1000, epochs=5000), device="cpu")
    assert 0 < told.seconds < more.seconds
    assert told.memory > 50 * 2**20
    assert told.source == "measured"
