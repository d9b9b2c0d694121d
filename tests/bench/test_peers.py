"""The training benchmark trains the peers' own networks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.training.peers import _luck, peers
from vae_core.config import RunConfig, TrainConfig
from vae_core.data import load
from vae_core.losses import bernoulli_nll
from vae_core.models import build, parameter_count
from vae_core.training import EpochEnd, Trainer

# encoder and decoder, as the peers' own summaries count them
PARAMETERS = {
    "example": (330_040, 322_784),
    "pythae": (412_180, 407_824),
    "keras": (69_076, 65_089),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_our_side_has_as_many_weights_as_the_peer(name: str) -> None:
    model = build(peers()[name].model)
    counts = parameter_count(model.encoder), parameter_count(model.decoder)
    assert counts == PARAMETERS[name]


def test_what_is_drawn_for_a_peer_is_what_our_side_draws(tmp_path: Path) -> None:
    n = 100  # one step an epoch: its loss is that of the weights to begin with
    config = RunConfig(
        model=peers()["keras"].model,
        train=TrainConfig(epochs=1, batch_size=n, seed=3, precision="fp32"),
    )
    whole = load("mnist-5k", "train")
    images = replace(whole, x=whole.x[:n], y=whole.y[:n])
    trainer = Trainer(config, images, images, device=torch.device("cpu"))
    with np.load(_luck(config, images, tmp_path)) as luck:
        drawn = {name: torch.from_numpy(luck[name]) for name in luck.files}
    weights = {name: drawn[name] for name, _ in trainer.model.named_parameters()}
    trainer.restore({**trainer.state(), **{f"model.{name}": w for name, w in weights.items()}})

    model = build(config.model, seed=0).eval()
    model.load_state_dict(weights)
    x = (torch.from_numpy(images.x).float() / 255)[drawn["order.1"]]
    with torch.inference_mode():
        posterior = model.encode(x)
        z = posterior.mode() + posterior.std * drawn["eps.1"]
        recon = bernoulli_nll(model.decode_logits(z), x).mean()
        kl = posterior.kl().sum(1).mean()
    (end,) = [event for event in trainer.epochs() if isinstance(event, EpochEnd)]
    assert end.train.recon == pytest.approx(recon.item(), rel=1e-5)
    assert end.train.kl == pytest.approx(kl.item(), rel=1e-5)
    torch.testing.assert_close(posterior.mode().std(0), torch.ones(2))
