"""How good keypoints are. Arrays are (N, K, 2) pixels and (N, K) masks; unlabelled keypoints never count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from actionpose.errors import InvalidDataError
from actionpose.pose import FloatArray
from actionpose.skeleton import COCO_17, Skeleton

__all__ = [
    "COCO_SIGMAS",
    "Score",
    "compute_auc",
    "compute_errors",
    "compute_nme",
    "compute_oks",
    "compute_pck",
    "find_sigmas",
]

_BoolArray = npt.NDArray[np.bool_]
_Lengths = npt.NDArray[np.floating[Any]]

# COCO's, from nose to ankles: how much people differ when they label the same keypoint.
COCO_SIGMAS: FloatArray = np.array(
    [.026, .025, .025, .035, .035, .079, .079, .072, .072, .062, .062, .107, .107, .087, .087, .089, .089]
)  # fmt: skip

_COCO_SIGMA_OF = dict(zip(COCO_17.keypoints, COCO_SIGMAS.tolist(), strict=True))
_OTHER_SIGMA = 0.05

_Z95 = 1.959964


def find_sigmas(skeleton: Skeleton) -> FloatArray:
    """Return how exactly each keypoint can be labelled: COCO's number where it has one of this name, else 0.05."""
    return np.array([_COCO_SIGMA_OF.get(name, _OTHER_SIGMA) for name in skeleton.keypoints])


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A measure and its 95 % interval, over `n` keypoints."""

    value: float
    low: float
    high: float
    n: int


def compute_errors(predicted: FloatArray, truth: FloatArray, counts: _BoolArray) -> FloatArray:
    """Return the distance (N, K) of each keypoint from the truth in pixels; NaN where it does not count.

    Raises
    ------
    InvalidDataError
        If shapes do not fit together.
    """
    if predicted.shape != truth.shape or counts.shape != truth.shape[:2]:
        raise InvalidDataError(
            f"Expected as many predictions as truths, got {predicted.shape}, {truth.shape} and a mask {counts.shape}."
        )
    errors: FloatArray = np.hypot(*np.moveaxis(np.where(counts[:, :, None], predicted - truth, np.nan), 2, 0))
    return errors


def compute_pck(errors: FloatArray, reference: _Lengths, *, threshold: float = 0.2) -> Score:
    """Percentage of correct keypoints: the share within `threshold` of a reference length.

    Yang & Ramanan 2013, IEEE TPAMI 35(12). With the torso for a reference it is PCK, with the head's size PCKh
    (Andriluka et al. 2014, CVPR).

    Parameters
    ----------
    errors : array (N, K)
        As `compute_errors` gives them.
    reference : array (N,)
        Pixels.
    threshold : float
        Share of the reference.

    Returns
    -------
    Score
        With Wilson's interval, which takes keypoints for independent; neighbouring frames are not, so it is too narrow.
    """
    ratio = errors / np.asarray(reference, dtype=np.float64)[:, None]
    known = ratio[~np.isnan(ratio)]
    n = len(known)
    if not n:
        return Score(value=float("nan"), low=float("nan"), high=float("nan"), n=0)
    share = float((known <= threshold).mean())
    middle = (share + _Z95**2 / (2 * n)) / (1 + _Z95**2 / n)
    half = _Z95 / (1 + _Z95**2 / n) * np.sqrt(share * (1 - share) / n + _Z95**2 / (4 * n**2))
    return Score(value=share, low=max(0.0, float(middle - half)), high=min(1.0, float(middle + half)), n=n)


def compute_auc(errors: FloatArray, reference: _Lengths, *, highest: float = 0.2) -> float:
    """Area under the PCK curve from a threshold of 0 to `highest`, exactly, as a share of the greatest possible."""
    ratio = errors / np.asarray(reference, dtype=np.float64)[:, None]
    known = ratio[~np.isnan(ratio)]
    return float(np.maximum(0.0, 1 - known / highest).mean()) if len(known) else float("nan")


def compute_nme(errors: FloatArray, reference: _Lengths) -> float:
    """Mean error in units of a reference length (N,), such as the distance between the eyes."""
    ratio = errors / np.asarray(reference, dtype=np.float64)[:, None]
    return float(np.nanmean(ratio)) if np.isfinite(ratio).any() else float("nan")


def compute_oks(
    predicted: FloatArray, truth: FloatArray, visibility: npt.NDArray[np.uint8], area: FloatArray, sigmas: FloatArray
) -> FloatArray:
    """Object keypoint similarity of each prediction with each truth, as COCO defines it.

    Parameters
    ----------
    predicted : array (M, K, 2)
        Pixels.
    truth : array (N, K, 2)
        Pixels.
    visibility : array (N, K)
        Above 0 = labelled. A truth without labels has similarity 0 here.
    area : array (N,)
        Of each truth's outline, square pixels.
    sigmas : array (K,)
        Such as `COCO_SIGMAS`.

    Returns
    -------
    array (M, N)
        0 to 1.
    """
    squared = np.square(predicted[:, None] - np.nan_to_num(truth)[None]).sum(axis=3)
    spread = np.square(2 * sigmas)[None, :] * (area[:, None] + np.spacing(1)) * 2
    is_labelled = visibility > 0
    similar = np.where(is_labelled[None], np.exp(-squared / spread[None]), 0.0).sum(axis=2)
    oks: FloatArray = similar / np.maximum(is_labelled.sum(axis=1), 1)
    return oks
