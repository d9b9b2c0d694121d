"""Learning rate and KL weight as functions of the step: without state, a resumed run needs none."""

import math

from vae_core.config import ObjectiveConfig, TrainConfig


def learning_rate(config: TrainConfig, step: int, steps_per_epoch: int) -> float:
    """Returns the learning rate of a step (0-based) under the config's schedule.

    `one_cycle` (Smith & Topin 2017, arXiv:1708.07120) climbs for the first tenth from a tenth of
    the peak and falls along a half cosine to a ten-thousandth of it; `step` multiplies by
    `step_gamma` every `step_epochs` epochs.
    """
    peak = config.learning_rate
    if config.schedule == "constant":
        return peak
    if config.schedule == "step":
        return float(peak * config.step_gamma ** (step // steps_per_epoch // config.step_epochs))
    total = config.epochs * steps_per_epoch
    climb = max(1, total // 10)
    if step < climb:
        return peak * (0.1 + 0.9 * step / climb)
    fraction = (step - climb) / max(1, total - climb)
    return peak * (1e-4 + (1 - 1e-4) * 0.5 * (1 + math.cos(math.pi * fraction)))


def kl_weight(objective: ObjectiveConfig, step: int, steps_per_epoch: int) -> float:
    """Returns the weight of the KL term at a step (0-based): beta, climbed to in a straight line.

    KL warm-up: Bowman et al. 2016 (arXiv:1511.06349), section 3.1.
    """
    climb = objective.warmup_epochs * steps_per_epoch
    return objective.beta * min(1.0, step / climb) if climb else objective.beta
