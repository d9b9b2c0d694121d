"""What is wrong with a training is found, and what is right is left in peace."""

import numpy as np

from vae_core.diagnosis import active_units, findings


def history(totals: list[float], kl: float = 6.0) -> list[dict[str, object]]:
    lines: list[dict[str, object]] = [{"epoch": 0, "step": 4}]
    for epoch, total in enumerate(totals, 1):
        lines.append({"epoch": epoch, "held_out": {"total": total, "recon": total - kl, "kl": kl}})
    return lines


def keys(*args: object, **options: object) -> list[str]:
    return [f.key for f in findings(*args, **{"family": "vae", "latent_dim": 2, **options})]  # type: ignore[arg-type]


def test_a_healthy_training_is_left_in_peace(rng: np.random.Generator) -> None:
    assert keys(history([180, 160, 150, 149, 149]), mu=rng.normal(size=(100, 2))) == []
    assert keys([]) == keys([{"epoch": 0, "step": 1}]) == []


def test_a_kl_near_nothing_is_collapse_in_a_vae_alone() -> None:
    assert keys(history([206, 206], kl=0.01)) == ["collapse"]
    assert keys(history([150, 140], kl=0.0), family="ae") == []


def test_what_a_few_units_say_is_no_collapse_however_many_there_are() -> None:
    assert keys(history([100, 96], kl=21.4), latent_dim=512) == []
    assert keys(history([206, 206], kl=0.5), latent_dim=512) == ["collapse"]


def test_units_that_never_change_are_counted(rng: np.random.Generator) -> None:
    mu = rng.normal(size=(200, 5))
    mu[:, [1, 3]] = 7 + 0.05 * rng.normal(size=(200, 2))  # variance 0.0025
    assert active_units(mu).tolist() == [True, False, True, False, True]
    (found,) = findings(history([150]), family="vae", latent_dim=5, mu=mu)
    assert found.key == "dead-units"
    assert found.values == {"dead": 2, "n": 5}


def test_learning_by_heart_is_told_once_it_lasts() -> None:
    rising = [150.0, 140, 141, 142, 143, 144]
    assert keys(history(rising)) == []  # four epochs: it may come back
    (found,) = findings(history([*rising, 145]), family="ae", latent_dim=2)
    assert found.values == {"epoch": 2, "best": 140, "now": 145}
    assert keys(history([150.0, 140, 140.1, 140.2, 140.1, 140.2, 140.3])) == []
