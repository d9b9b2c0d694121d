"""Learning rates are functions of the step: known ends, bounds, and numbers by hand."""

import pytest

from vae_core.config import ObjectiveConfig, TrainConfig
from vae_core.schedules import kl_weight, learning_rate

STEPS = 10


def rates(**settings: object) -> list[float]:
    config = TrainConfig(**{"epochs": 30, "learning_rate": 2e-3, **settings})
    return [learning_rate(config, step, STEPS) for step in range(config.epochs * STEPS)]


def test_a_constant_rate_is_constant() -> None:
    assert set(rates(schedule="constant")) == {2e-3}


def test_steps_fall_by_gamma_after_their_epochs_by_hand() -> None:
    found = rates(schedule="step", step_gamma=0.5, step_epochs=10)
    assert found[:100] == [2e-3] * 100
    assert found[100:200] == pytest.approx([1e-3] * 100)
    assert found[200:] == pytest.approx([5e-4] * 100)


def test_one_cycle_climbs_to_the_peak_and_falls_to_almost_nothing() -> None:
    found = rates(schedule="one_cycle")
    top = found.index(max(found))
    assert found[0] == pytest.approx(2e-4)
    assert top == 30
    assert found[top] == pytest.approx(2e-3)
    assert found[: top + 1] == sorted(found[: top + 1])
    assert found[top:] == sorted(found[top:], reverse=True)
    assert found[-1] < 2e-3 * 1e-3


@pytest.mark.parametrize("schedule", ["constant", "step", "one_cycle"])
@pytest.mark.parametrize("epochs", [1, 2, 50])
def test_every_rate_is_positive_and_at_most_the_peak(schedule: str, epochs: int) -> None:
    found = rates(schedule=schedule, epochs=epochs)
    assert all(0 < rate <= 2e-3 * (1 + 1e-12) for rate in found)


def test_one_step_in_all_still_learns() -> None:
    config = TrainConfig(epochs=1, learning_rate=1e-3)
    assert learning_rate(config, 0, 1) > 0


def test_the_weight_of_the_kl_climbs_in_a_line_and_stays() -> None:
    objective = ObjectiveConfig(beta=4.0, warmup_epochs=2)
    found = [kl_weight(objective, step, STEPS) for step in range(5 * STEPS)]
    assert found[:3] == pytest.approx([0.0, 0.2, 0.4])
    assert found[2 * STEPS :] == [4.0] * (3 * STEPS)
    assert [kl_weight(ObjectiveConfig(beta=4.0), step, STEPS) for step in (0, 99)] == [4.0, 4.0]
