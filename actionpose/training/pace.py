"""How much training fits into a time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from tempfile import TemporaryDirectory

import torch

from actionpose.training.dataset import KeypointDataset
from actionpose.training.settings import NetworkSettings, TrainingSettings
from actionpose.training.trainer import Progress, Trainer

__all__ = ["estimate_epochs"]

_N_TIMED = 5


def estimate_epochs(
    dataset: KeypointDataset, *, network: NetworkSettings, settings: TrainingSettings, minutes: float
) -> TrainingSettings:
    """Return the settings with as many epochs as take about so many minutes on this machine.

    torch is left with one thread where that is quicker than all: on a busy machine threads wait for each other.
    """
    with TemporaryDirectory() as scratch:
        trainer = Trainer(dataset, scratch, network=network, settings=replace(settings, epochs=100))
        steps = trainer.run()
        next(steps)  # the first sets things up
        step_s = {}
        for n_threads in {torch.get_num_threads(), 1}:
            torch.set_num_threads(n_threads)
            step_s[n_threads] = statistics.median(_time_of(steps) for _ in range(_N_TIMED))
    quickest = min(step_s, key=lambda n_threads: step_s[n_threads])
    torch.set_num_threads(quickest)
    return replace(settings, epochs=max(1, round(minutes * 60 / (step_s[quickest] * trainer.steps_per_epoch))))


def _time_of(steps: Iterator[Progress]) -> float:
    start = time.monotonic()
    next(steps)
    return time.monotonic() - start
