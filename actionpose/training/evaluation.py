"""A model judged by a dataset's labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from actionpose.errors import InvalidDataError
from actionpose.estimators.model_folder import is_model_folder, read_model
from actionpose.pose import FloatArray
from actionpose.training.dataset import DOUBTFUL, SURE, KeypointDataset
from actionpose.training.metrics import Score, compute_auc, compute_errors, compute_nme, compute_pck

__all__ = ["KeypointScore", "evaluate_keypoints", "predict_with"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeypointScore:
    """How good one keypoint is, or all of them.

    Parameters
    ----------
    pck_10, pck_20 : Score
        Share within a tenth and a fifth of the reference length.
    auc : float
        Area under the PCK curve up to 0.2.
    nme : float
        Mean error in reference lengths.
    median_px, mean_px : float
        Error in crop pixels.
    """

    pck_10: Score
    pck_20: Score
    auc: float
    nme: float
    median_px: float
    mean_px: float


def evaluate_keypoints(dataset: KeypointDataset, predicted: FloatArray) -> dict[str, dict[str, KeypointScore]]:
    """Score predictions.

    Parameters
    ----------
    dataset : KeypointDataset
        What is true.
    predicted : array (N, K, 2)
        Pixels of its crops.

    Returns
    -------
    dict
        For ``all`` labels and, where some are doubtful, for ``sure`` ones: scores of ``all`` keypoints and of each by
        its name.
    """
    result = {}
    levels = {"all": DOUBTFUL, "sure": SURE} if (dataset.visibility == DOUBTFUL).any() else {"all": DOUBTFUL}
    truth = dataset.keypoints.astype(np.float64)
    for labels, least in levels.items():
        errors = compute_errors(predicted, truth, dataset.visibility >= least)
        scores = {"all": _score(errors, dataset.reference_px)}
        for i, name in enumerate(dataset.skeleton.keypoints):
            scores[name] = _score(errors[:, i : i + 1], dataset.reference_px)
        result[labels] = scores
    return result


def _score(errors: FloatArray, lengths: npt.NDArray[np.float32]) -> KeypointScore:
    known = errors[~np.isnan(errors)]
    return KeypointScore(
        pck_10=compute_pck(errors, lengths, threshold=0.1),
        pck_20=compute_pck(errors, lengths, threshold=0.2),
        auc=compute_auc(errors, lengths),
        nme=compute_nme(errors, lengths),
        median_px=float(np.median(known)) if len(known) else float("nan"),
        mean_px=float(known.mean()) if len(known) else float("nan"),
    )


def predict_with(path: str | Path, dataset: KeypointDataset) -> tuple[FloatArray, FloatArray]:
    """Return keypoints (N, K, 2) in crop pixels and confidence (N, K) as a model sees them.

    Parameters
    ----------
    path : path
        A model folder, run without torch, or the folder of a training.
    dataset : KeypointDataset
        Its crops must be of the model's size and colour.

    Raises
    ------
    InvalidDataError
        If the model is of another skeleton or takes other pictures.
    EstimatorError, TrainingError
        If it cannot be loaded.
    """
    if is_model_folder(path):
        from actionpose.estimators.onnx import load_session, run_session

        description, weights = read_model(path)
        _check_fit(dataset, description.skeleton.keypoints, description.size, description.channels)
        session = load_session(weights, description)
        found = [run_session(session, crop[None]) for crop in dataset.image]
        return np.concatenate([keypoints for keypoints, _ in found]), np.concatenate([c for _, c in found])
    from actionpose.training.checkpoint import load_model, predict

    model = load_model(path)
    _check_fit(dataset, model.skeleton.keypoints, model.size, model.channels)
    return predict(model.network, dataset.image)


def _check_fit(dataset: KeypointDataset, keypoints: Sequence[str], size: tuple[int, int], channels: int) -> None:
    if tuple(dataset.skeleton.keypoints) != tuple(keypoints):
        raise InvalidDataError(
            f"The model's keypoints are {', '.join(keypoints)}, the dataset's {', '.join(dataset.skeleton.keypoints)}.",
            hint="Build the dataset with the model's skeleton.",
        )
    if (dataset.size, dataset.channels) != (size, channels):
        raise InvalidDataError(
            f"The model takes pictures of {size[0]}x{size[1]} with {channels} channels, the dataset's are "
            f"{dataset.size[0]}x{dataset.size[1]} with {dataset.channels}.",
            hint="Build the dataset with the model's --size and --colour.",
        )
