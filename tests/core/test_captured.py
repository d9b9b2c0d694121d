"""Recorded steps are the steps: only a machine with a CUDA device can tell."""

from collections.abc import Callable

import pytest
import torch

from vae_core import captured, data
from vae_core.config import RunConfig
from vae_core.training import EpochEnd, Trainer

MakeConfig = Callable[..., RunConfig]

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="a CUDA device is needed to record a step"
)


def trainer(config: RunConfig) -> Trainer:
    images, held_out = (data.load(config.data.name, split) for split in ("train", "held-out"))
    return Trainer(config, images, held_out, device=torch.device("cuda"))


def states(part: Trainer) -> list[dict[str, torch.Tensor]]:
    """The state after each epoch that is left."""
    return [
        {name: t.clone() for name, t in part.state().items()}
        for event in part.epochs()
        if isinstance(event, EpochEnd)
    ]


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


@pytest.mark.parametrize("network", ["dense", "conv"])
def test_recorded_steps_come_to_the_weights_of_steps_one_by_one(
    small_config: MakeConfig, network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_config(network=network, epochs=2)
    recorded = trainer(config)
    with_graph = states(recorded)
    assert recorded.replays
    monkeypatch.setattr(captured, "WARM_UP_STEPS", 10**9)
    eager = trainer(config)
    without = states(eager)
    assert not eager.replays
    for name, value in without[-1].items():
        torch.testing.assert_close(with_graph[-1][name], value, rtol=1e-3, atol=1e-4)


def test_the_same_seed_and_an_interruption_give_the_same_weights(small_config: MakeConfig) -> None:
    config = small_config(epochs=3)
    whole, again = states(trainer(config)), states(trainer(config))
    assert equal(whole[-1], again[-1])
    resumed = trainer(config)
    resumed.restore(whole[0])
    assert equal(states(resumed)[-1], whole[-1])


def test_what_cannot_be_recorded_is_trained_all_the_same(
    small_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = trainer(small_config(epochs=2))
    step = part._take

    def asks_the_device(rows: torch.Tensor, noise: torch.Generator) -> torch.Tensor:
        figures = step(rows, noise)
        figures.sum().item()
        return figures

    assert part._captured is not None
    monkeypatch.setattr(part._captured, "_step", asks_the_device)
    ends = [event for event in part.epochs() if isinstance(event, EpochEnd)]
    assert part._captured.failure
    assert not part.replays
    assert ends[-1].train.total < ends[0].train.total
