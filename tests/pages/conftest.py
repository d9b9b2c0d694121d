"""Shelves of runs for the screens: small untrained ones, made in a moment, whole or broken."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from vae_core import runs
from vae_core.config import (
    ConvConfig,
    DataConfig,
    DenseConfig,
    ModelConfig,
    ObjectiveConfig,
    RunConfig,
)
from vae_core.models import build

MakeRun = Callable[..., Path]
CONV = ConvConfig(
    encoder_channels=(2, 2, 2),
    encoder_strides=(2, 2, 1),
    decoder_channels=(2, 2, 2),
    decoder_strides=(1, 2, 2),
)


@pytest.fixture
def make_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeRun:
    """Puts a run on a shelf of the test's own; until it is called the app finds no run at all."""
    monkeypatch.setattr(runs, "SHIPPED", tmp_path / "shipped")
    monkeypatch.setenv("LATENT_RUNS", str(tmp_path / "runs"))

    def make(
        run_id: str,
        *,
        family: str = "vae",
        latent_dim: int = 2,
        total: float | None = 140.0,
        noise: float = 0.0,
        **model: object,
    ) -> Path:
        network = CONV if family == "vq" else DenseConfig(encoder_widths=(8,), decoder_widths=(8,))
        config = RunConfig(
            model=ModelConfig(family=family, network=network, latent_dim=latent_dim, **model),
            objective=ObjectiveConfig(noise=noise),
            data=DataConfig(name="mnist-5k"),
        )
        folder = tmp_path / "runs" / run_id
        folder.mkdir(parents=True)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            digest = runs.write_weights(folder, build(config.model))
        measured = {} if total is None else {"test": {"total": total, "n": 10_000.0}}
        card = runs.Card(
            name=run_id,
            recipe="test",
            config=config,
            epochs_done=1,
            weights_sha256=digest,
            metrics=measured,
        )
        runs.write_card(folder, card)
        return folder

    return make


@pytest.fixture
def shelf(make_run: MakeRun) -> MakeRun:
    """An AE and its VAE twin."""
    make_run("ae-tiny", family="ae", total=130.0)
    make_run("vae-tiny")
    return make_run
