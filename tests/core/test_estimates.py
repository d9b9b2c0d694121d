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


@pytest.mark.slow
def test_real_steps_tell_time_and_memory(small_config: Callable[..., RunConfig]) -> None:
    told = estimates.measure(small_config(limit=1000, epochs=50), device="cpu")
    more = estimates.measure(small_config(limit=1000, epochs=5000), device="cpu")
    assert 0 < told.seconds < more.seconds
    assert told.memory > 50 * 2**20
    assert told.source == "measured"
