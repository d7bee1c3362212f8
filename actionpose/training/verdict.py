"""Whether a trained model is one to try: what is wrong with it, and what to do."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from actionpose.pose import FloatArray
from actionpose.training.dataset import UNLABELLED, KeypointDataset
from actionpose.training.evaluation import evaluate_keypoints

__all__ = ["FEW_STEPS", "find_faults", "find_training_faults"]

FEW_STEPS = 200
"""Steps below which hardly any model has learnt anything; good ones took 800 to 2 500 (docs/keypoints.md)."""

_FEW_PICTURES = 50
_FEW_LABELS = 10
_NEVER_RIGHT = 0.1  # PCK@0.2 below which a part is as good as never found
_MOSTLY_RIGHT = 0.5
_COLLAPSED = 0.3  # share of the labels' spread, over the parts of a picture or the pictures of a part
_ENOUGH_TO_JUDGE = 3


def find_faults(dataset: KeypointDataset, predicted: FloatArray) -> list[str]:
    """Return what is wrong with a model by what it predicts, in sentences that say what to do; none if it will do.

    Parameters
    ----------
    dataset : KeypointDataset
        What is true, best of pictures that were not trained on.
    predicted : array (N, K, 2)
        Pixels of its crops.
    """
    faults = []
    is_labelled = dataset.visibility > UNLABELLED
    truth = np.where(is_labelled[:, :, None], dataset.to_picture(dataset.keypoints), np.nan)
    found = np.where(is_labelled[:, :, None], dataset.to_picture(predicted), np.nan)
    share = _compare_spread(found, truth, axis=1)
    if share < _COLLAPSED:
        faults.append(
            f"It puts all parts on about one point: they lie {100 * share:.0f} % as far apart as the labels do. "
            "Train for longer, or with a smaller --sigma."
        )
    crop_truth = np.where(is_labelled[:, :, None], dataset.keypoints.astype(np.float64), np.nan)
    crop_found = np.where(is_labelled[:, :, None], predicted, np.nan)
    share = _compare_spread(crop_found, crop_truth, axis=0)
    if share < _COLLAPSED:
        faults.append(
            "It finds the parts in about the same places whatever a picture shows: they move "
            f"{100 * share:.0f} % as much as the labels do. Train for longer, or on more and more varied pictures."
        )
    scores = evaluate_keypoints(dataset, predicted)["all"]
    total = scores.pop("all").pck_20
    lost = [name for name, s in scores.items() if s.pck_20.n >= _ENOUGH_TO_JUDGE and s.pck_20.value < _NEVER_RIGHT]
    if total.value < _MOSTLY_RIGHT:
        faults.append(
            f"Only {100 * total.value:.0f} % of the keypoints are within a fifth of the reference length (PCK@0.2). "
            "Train for longer, or on more pictures; `keypoints evaluate --worst FILE.jpg` shows where it errs."
        )
    if 0 < len(lost) < len(scores):
        faults.append(
            f"Never or hardly ever right: {_list(lost)}. Are the labels of these right, and is there enough to see in "
            "a picture of this --size?"
        )
    return faults


def find_training_faults(trained_on: KeypointDataset, *, n_steps: int | None) -> list[str]:
    """Return why a training cannot have taught much, in sentences that say what to do; none if it may have.

    Parameters
    ----------
    trained_on : KeypointDataset
        The pictures it was trained on.
    n_steps : int, optional
        Steps it made, where that is known.
    """
    faults = []
    if len(trained_on) < _FEW_PICTURES:
        faults.append(
            f"It was trained on {len(trained_on)} pictures, and will be wrong in others. Label a hundred or more, as "
            "varied as what it is to see."
        )
    if n_steps is not None and n_steps < FEW_STEPS:
        faults.append(
            f"The training made {n_steps} steps, and a good model takes some thousand: give it more --minutes or "
            "--epochs, or make a step quicker by a smaller --size or --width."
        )
    n_labels = (trained_on.visibility > UNLABELLED).sum(axis=0)
    least = min(_FEW_LABELS, len(trained_on) / 2)
    rare = [
        f"{name} ({n})" for name, n in zip(trained_on.skeleton.keypoints, n_labels.tolist(), strict=True) if n < least
    ]
    if rare:
        faults.append(f"Labelled in few of the pictures it was trained on: {_list(rare)}. Label more of these.")
    return faults


def _compare_spread(found: FloatArray, truth: FloatArray, *, axis: int) -> float:
    """Return how far points (N, K, 2) lie apart along an axis, as a share of how far they should.

    1 where there are too few of them, or they should all lie in one place.
    """
    counts = np.isfinite(truth).all(axis=2).sum(axis=axis)
    enough = counts >= (2 if axis == 1 else _ENOUGH_TO_JUDGE)
    if not enough.any():
        return 1.0
    chosen = [np.compress(enough, points, axis=1 - axis) for points in (found, truth)]
    is_, should_be = (float(np.sqrt(np.median(np.nanvar(points, axis=axis).sum(axis=1)))) for points in chosen)
    return is_ / should_be if should_be >= 1 else 1.0


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
