"""Small runs for tests of maps, each trained for a moment on the built-in digits."""

from pathlib import Path

from tests.core.networks import NETWORKS
from vae_core import worker
from vae_core.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from vae_core.runs import Run, open_run


def small_run(folder: Path, run_id: str, **model: object) -> Run:
    """Trains a dense run of these settings into a folder of runs."""
    config = RunConfig(
        model=ModelConfig(network=NETWORKS["dense"], **{"family": "vae", **model}),
        train=TrainConfig(epochs=1, learning_rate=3e-3),
        data=DataConfig(name="mnist-5k", limit=1000),
    )
    path = folder / run_id
    worker.create_run(path, config, recipe="small", device="cpu", threads=1)
    for _ in worker.train_run(path):
        pass
    return open_run(path)
