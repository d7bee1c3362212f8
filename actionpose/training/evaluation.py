"""A model judged by a dataset's labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from actionpose.errors import InvalidDataError
from actionpose.estimators.model_folder import is_model_folder, read_model
from actionpose.pose import FloatArray
from actionpose.training.average_precision import (
    AveragePrecision,
    ImageBodies,
    ImageDetections,
    compute_average_precision,
)
from actionpose.training.dataset import DOUBTFUL, SURE, KeypointDataset, Part
from actionpose.training.metrics import Score, compute_auc, compute_errors, compute_nme, compute_pck, find_sigmas

__all__ = [
    "KeypointScore",
    "choose_part",
    "compute_dataset_precision",
    "evaluate_keypoints",
    "measure_by",
    "measure_errors",
    "predict_with",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeypointScore:
    """How good one keypoint is, or all of them.

    Parameters
    ----------
    pck_10, pck_20, pck_50 : Score
        Share within a tenth, a fifth and half of the reference length.
    auc : float
        Area under the PCK curve up to 0.2.
    nme : float
        Mean error in reference lengths.
    median_px, mean_px : float
        Error in pixels of the pictures that were labelled, whatever size the model sees them in.
    """

    pck_10: Score
    pck_20: Score
    pck_50: Score
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
    lengths = dataset.picture_reference_px
    for labels, least in levels.items():
        errors = measure_errors(dataset, predicted, least=least)
        scores = {"all": _score(errors, lengths)}
        for i, name in enumerate(dataset.skeleton.keypoints):
            scores[name] = _score(errors[:, i : i + 1], lengths)
        result[labels] = scores
    return result


def measure_errors(dataset: KeypointDataset, predicted: FloatArray, *, least: int = DOUBTFUL) -> FloatArray:
    """Return how far predictions are from the labels (N, K), pixels of the pictures that the crops were cut from.

    Parameters
    ----------
    dataset : KeypointDataset
        What is true.
    predicted : array (N, K, 2)
        Pixels of its crops.
    least : int
        Labels of lower visibility do not count: their error is NaN.
    """
    counts = dataset.visibility >= least
    return compute_errors(dataset.to_picture(predicted), dataset.to_picture(dataset.keypoints), counts)


def choose_part(dataset: KeypointDataset) -> Part:
    """Return the part that a model is best judged by: the test, else what was for validation, else all there is."""
    parts: tuple[Part, ...] = ("test", "validation")
    return next((part for part in parts if (dataset.part == part).any()), "train")


def compute_dataset_precision(
    dataset: KeypointDataset, predicted: FloatArray, confidence: FloatArray
) -> AveragePrecision:
    """Compute COCO's average precision of a model that was told where the bodies are.

    Each crop counts as a picture of one body, in pixels of the picture it was cut from; the score of a prediction is
    its mean confidence. Without outlines, areas are estimated (see `KeypointDataset`); keypoints that COCO does not
    have take 0.05 for sigma.

    Parameters
    ----------
    dataset : KeypointDataset
        What is true.
    predicted : array (N, K, 2)
        Pixels of its crops.
    confidence : array (N, K)
        0 to 1.
    """
    truth, found = np.nan_to_num(dataset.to_picture(dataset.keypoints)), dataset.to_picture(predicted)
    area = dataset.area * np.square(dataset.picture_scale)
    bodies = [
        ImageBodies(
            keypoints=truth[i : i + 1],
            visibility=dataset.visibility[i : i + 1],
            area=area[i : i + 1],
            box=dataset.box[i : i + 1].astype(np.float64),
            is_crowd=np.zeros(1, dtype=bool),
        )
        for i in range(len(dataset))
    ]
    detections = [
        ImageDetections(keypoints=found[i : i + 1], score=confidence[i : i + 1].mean(axis=1))
        for i in range(len(dataset))
    ]
    return compute_average_precision(bodies, detections, sigmas=find_sigmas(dataset.skeleton))


def measure_by(dataset: KeypointDataset, first: str, second: str) -> KeypointDataset:
    """Return the crops in which two keypoints are labelled, their distance being the reference length.

    With the ears for instance errors are measured as for PCKh, with the eyes as for the NME of faces.

    Raises
    ------
    InvalidDataError
        If there are no such keypoints, or no crop has both.
    """
    pair = dataset.keypoints[:, dataset.skeleton.indices([first, second])].astype(np.float64)
    length = np.hypot(*(pair[:, 0] - pair[:, 1]).T)
    is_known = np.nan_to_num(length) >= 1
    if not is_known.any():
        raise InvalidDataError(f"No picture has both {first} and {second} labelled, a pixel or more apart.")
    return replace(dataset[is_known], reference_px=length[is_known].astype(np.float32))


def _score(errors: FloatArray, lengths: FloatArray) -> KeypointScore:
    known = errors[~np.isnan(errors)]
    return KeypointScore(
        pck_10=compute_pck(errors, lengths, threshold=0.1),
        pck_20=compute_pck(errors, lengths, threshold=0.2),
        pck_50=compute_pck(errors, lengths, threshold=0.5),
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
