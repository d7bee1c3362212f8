"""COCO's average precision of keypoints, number for number what pycocotools gives.

Lin et al. 2014, arXiv:1405.0312; the rules are those of cocodataset.org, "keypoint evaluation".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from actionpose.pose import FloatArray
from actionpose.training.metrics import COCO_SIGMAS, compute_oks

__all__ = ["AveragePrecision", "ImageBodies", "ImageDetections", "compute_average_precision"]

_THRESHOLDS = np.linspace(0.5, 0.95, 10)
_RECALLS = np.linspace(0, 1, 101)
_MOST_PER_IMAGE = 20
_MEDIUM, _LARGE = (32.0**2, 96.0**2), (96.0**2, 1e10)
_ALL = (0.0, 1e10)

_BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBodies:
    """The true bodies of one image.

    Parameters
    ----------
    keypoints : array (N, K, 2)
        Pixels.
    visibility : array (N, K)
        0 unlabelled, 1 hidden, 2 visible. A body without a label is neither asked for nor counted against.
    area : array (N,)
        Of the outline, square pixels.
    box : array (N, 4)
        Left, top, width, height.
    is_crowd : array (N,) of bool
        Bodies that are neither asked for nor counted against.
    """

    keypoints: FloatArray
    visibility: npt.NDArray[np.uint8]
    area: FloatArray
    box: FloatArray
    is_crowd: _BoolArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDetections:
    """What was found in one image: keypoints (M, K, 2) in pixels, and a score (M,) for each body."""

    keypoints: FloatArray
    score: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragePrecision:
    """Averages over OKS thresholds .5 to .95, at .5 and at .75, by size of the bodies, and the same of recall.

    NaN where there is no such body (pycocotools says -1).
    """

    ap: float
    ap50: float
    ap75: float
    ap_medium: float
    ap_large: float
    ar: float
    ar50: float
    ar75: float
    ar_medium: float
    ar_large: float


@dataclass(frozen=True, slots=True)
class _Matched:
    """Detections of one image, best first: score (M,), and for each threshold whether matched and whether ignored."""

    score: FloatArray
    is_matched: _BoolArray
    is_ignored: _BoolArray
    n_wanted: int


def compute_average_precision(
    bodies: Sequence[ImageBodies], detections: Sequence[ImageDetections], *, sigmas: FloatArray = COCO_SIGMAS
) -> AveragePrecision:
    """Compute COCO's measures.

    Parameters
    ----------
    bodies, detections : sequence
        One of each for every image, in the same order.
    sigmas : array (K,)
        How exactly each keypoint can be labelled.
    """
    values: dict[str, float] = {}
    for name, area in (("", _ALL), ("_medium", _MEDIUM), ("_large", _LARGE)):
        matched = [_match(b, d, area, sigmas) for b, d in zip(bodies, detections, strict=True)]
        precision, recall = _accumulate(matched)
        values |= {f"ap{name}": float(precision.mean()), f"ar{name}": float(recall.mean())}
        if not name:
            for at, i in ((50, 0), (75, 5)):
                values |= {f"ap{at}": float(precision[i].mean()), f"ar{at}": float(recall[i])}
    return AveragePrecision(**values)


def _match(bodies: ImageBodies, found: ImageDetections, area: tuple[float, float], sigmas: FloatArray) -> _Matched:
    """Give each detection, best first, the most similar body that is still free; wanted bodies before others."""
    best = np.argsort(-found.score, kind="mergesort")[:_MOST_PER_IMAGE]
    keypoints, score = found.keypoints[best], found.score[best]
    is_unwanted = bodies.is_crowd | ~(bodies.visibility > 0).any(axis=1)
    is_unwanted = is_unwanted | (bodies.area < area[0]) | (bodies.area > area[1])
    order = np.argsort(is_unwanted, kind="mergesort")
    is_unwanted, is_crowd = is_unwanted[order], bodies.is_crowd[order]
    similar = _compare(keypoints, bodies, sigmas)[:, order]
    shape = (len(_THRESHOLDS), len(keypoints))
    is_matched, is_ignored = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    for t, threshold in enumerate(_THRESHOLDS):
        is_taken = np.zeros(len(order), dtype=bool)
        for d in range(len(keypoints)):
            least, choice = min(threshold, 1 - 1e-10), -1
            for g in range(len(order)):
                if is_taken[g] and not is_crowd[g]:
                    continue
                if choice >= 0 and not is_unwanted[choice] and is_unwanted[g]:
                    break
                if similar[d, g] >= least:
                    least, choice = similar[d, g], g
            if choice >= 0:
                is_taken[choice] = True
                is_matched[t, d], is_ignored[t, d] = True, is_unwanted[choice]
    extent = np.ptp(keypoints, axis=1).prod(axis=1) if len(keypoints) else np.empty(0)
    is_ignored |= ~is_matched & ((extent < area[0]) | (extent > area[1]))
    return _Matched(score, is_matched, is_ignored, int((~is_unwanted).sum()))


def _compare(keypoints: FloatArray, bodies: ImageBodies, sigmas: FloatArray) -> FloatArray:
    """OKS (M, N); a body without labels is compared by how far keypoints lie outside twice its box."""
    similar = compute_oks(keypoints, bodies.keypoints, bodies.visibility, bodies.area, sigmas)
    for g in np.flatnonzero(~(bodies.visibility > 0).any(axis=1)):
        left, top, width, height = bodies.box[g]
        low = np.array([left - width, top - height])
        high = np.array([left + 2 * width, top + 2 * height])
        beyond = np.maximum(0, low - keypoints) + np.maximum(0, keypoints - high)
        spread = np.square(2 * sigmas) * (bodies.area[g] + np.spacing(1)) * 2
        similar[:, g] = np.exp(-np.square(beyond).sum(axis=2) / spread).mean(axis=1)
    return similar


def _accumulate(images: Sequence[_Matched]) -> tuple[FloatArray, FloatArray]:
    """Return precision (thresholds, 101 recalls), made to fall only, and the highest recall (thresholds,)."""
    n_wanted = sum(image.n_wanted for image in images)
    if not n_wanted:
        return np.full((len(_THRESHOLDS), len(_RECALLS)), np.nan), np.full(len(_THRESHOLDS), np.nan)
    order = np.argsort(-np.concatenate([image.score for image in images]), kind="mergesort")
    is_matched = np.concatenate([image.is_matched for image in images], axis=1)[:, order]
    is_ignored = np.concatenate([image.is_ignored for image in images], axis=1)[:, order]
    right = np.cumsum(is_matched & ~is_ignored, axis=1, dtype=np.float64)
    wrong = np.cumsum(~is_matched & ~is_ignored, axis=1, dtype=np.float64)
    recall = right / n_wanted
    precision = right / (right + wrong + np.spacing(1))
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    sampled = np.zeros((len(_THRESHOLDS), len(_RECALLS)))
    for t in range(len(_THRESHOLDS)):
        at = np.searchsorted(recall[t], _RECALLS, side="left")
        there = at < recall.shape[1]
        sampled[t, there] = precision[t, at[there]]
    return sampled, recall[:, -1] if recall.shape[1] else np.zeros(len(_THRESHOLDS))
