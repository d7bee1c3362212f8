"""How the learning rate goes up and down."""

from __future__ import annotations

import math

from actionpose.training.settings import TrainingSettings

__all__ = ["PLATEAU_FACTOR", "PLATEAU_PATIENCE", "compute_learning_rate"]

PLATEAU_PATIENCE, PLATEAU_FACTOR = 5, 1 / 3

_STEPS_AT = ((0.85, 0.01), (0.6, 0.1))


def compute_learning_rate(settings: TrainingSettings, *, step: int, n_steps: int, plateau_factor: float) -> float:
    """Return the learning rate of a step.

    Parameters
    ----------
    settings : TrainingSettings
        Its highest learning rate, warm-up and schedule.
    step, n_steps : int
        Steps made before this one, and in all.
    plateau_factor : float
        What a plateau schedule is down to, as a share.
    """
    done = step / n_steps
    if done < settings.warm_up:
        return settings.learning_rate * (step + 1) / math.ceil(settings.warm_up * n_steps)
    if settings.schedule == "cosine":
        factor = 0.5 * (1 + math.cos(math.pi * (done - settings.warm_up) / (1 - settings.warm_up)))
    elif settings.schedule == "steps":
        factor = next((factor for at, factor in _STEPS_AT if done >= at), 1.0)
    else:
        factor = plateau_factor
    return settings.learning_rate * factor
