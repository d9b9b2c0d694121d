"""What the tests of the core share: randomness, data, and small runs that train in a second."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.core.networks import NETWORKS, VARIANTS
from vae_core import data
from vae_core.config import DataConfig, ModelConfig, RunConfig, TrainConfig


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.fixture
def data_folder() -> Path:
    """The folder of whole data sets; without one the test is skipped, but never in CI."""
    folder = data.data_folder()
    if not (folder / "MNIST" / "raw").is_dir():
        reason = "the whole MNIST is needed: set LATENT_DATA to the folder that holds it"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture
def small_config() -> Callable[..., RunConfig]:
    """Makes the settings of a run on 1,000 built-in digits: some tenths of a second an epoch."""

    def make(
        *,
        family: str = "vae",
        network: str = "dense",
        latent_dim: int = 2,
        epochs: int = 3,
        seed: int = 0,
        limit: int = 1000,
        variant: str = "",
    ) -> RunConfig:
        config = RunConfig(
            model=ModelConfig(family=family, network=NETWORKS[network], latent_dim=latent_dim),
            train=TrainConfig(epochs=epochs, seed=seed, learning_rate=3e-3),
            data=DataConfig(name="mnist-5k", limit=limit),
        )
        return config.replace(**VARIANTS[variant]) if variant else config

    return make


@pytest.fixture
def small_run(tmp_path: Path, small_config: Callable[..., RunConfig]) -> Callable[..., Path]:
    """Trains a small run to its end and returns its folder."""
    from vae_core import worker

    def make(name: str = "small", **settings: object) -> Path:
        path = tmp_path / name
        worker.create_run(path, small_config(**settings), recipe="small", device="cpu", threads=1)
        for _ in worker.train_run(path):
            pass
        return path

    return make
