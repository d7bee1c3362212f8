"""Whether a keypoint model is one to try: said after training, exporting and judging it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from actionpose.cli.terminal import echo
from actionpose.estimators.model_folder import is_model_folder

if TYPE_CHECKING:
    from actionpose.training.dataset import KeypointDataset

__all__ = ["find_training_faults_of", "judge_model", "say_verdict"]


def judge_model(model: Path, dataset: KeypointDataset, *, training: Path) -> list[str]:
    """Return what is wrong with a model, by the pictures of its dataset that are best for it.

    Parameters
    ----------
    model : Path
        A training or a model folder.
    dataset : KeypointDataset
        What it was trained on, with all parts.
    training : Path
        The training it is from.
    """
    from actionpose.training.evaluation import choose_part, predict_with
    from actionpose.training.verdict import find_faults

    part = choose_part(dataset)
    judged = dataset.of_part(part)
    faults = find_faults(judged, predict_with(model, judged)[0])
    faults += find_training_faults_of(training, dataset)
    if part == "train":
        faults.append(
            "No pictures were kept apart to judge it by, and those it was trained on flatter it: build the dataset "
            "with a --test part."
        )
    return faults


def find_training_faults_of(training: Path, dataset: KeypointDataset) -> list[str]:
    """Return why a training cannot have taught much; none for a model folder or a dataset it was not trained on."""
    from actionpose.training.dataset import compute_fingerprint
    from actionpose.training.errors import TrainingError
    from actionpose.training.verdict import find_training_faults

    if is_model_folder(training) or not (dataset.part == "train").any():
        return []
    from actionpose.training.checkpoint import read_progress

    try:
        n_steps, fingerprint = read_progress(training)
    except TrainingError:  # best.pt alone is enough to use it
        return []
    return (
        find_training_faults(dataset.of_part("train"), n_steps=n_steps)
        if fingerprint == compute_fingerprint(dataset)
        else []
    )


def say_verdict(faults: Sequence[str]) -> None:
    """Say what is wrong with a model, if anything is."""
    if faults:
        echo("This model is not one to rely on:", err=True)
        for fault in faults:
            echo(f"- {fault}", err=True)
