"""Where a body is and how large: the frame that it is measured in, from the keypoints that can be believed.

A keypoint is sure when its confidence reaches a minimum, doubtful when it has a place but not that confidence, and
else missing. What is missing is taken to stay where it was, relative to the rest of the body. What is doubtful is
believed where it is expected: a model's guess at a hidden hip is a better origin than none, but what leaps across the
picture is no guess at anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from actionpose.pose import FloatArray, PoseSequence
from actionpose.skeleton import Skeleton

__all__ = [
    "MIN_CONFIDENCE",
    "RootTracker",
    "compute_root",
    "compute_scale",
    "measure_scale",
    "track_root",
    "typical_scale",
]

BoolArray = npt.NDArray[np.bool_]

MIN_CONFIDENCE = 0.3  # from which a keypoint is sure
_REACH = 0.3  # body sizes, within which of its expected place a doubtful keypoint is believed


def compute_root(position: FloatArray, skeleton: Skeleton) -> FloatArray:
    """Origin of the body frame: the mean of the skeleton's root keypoints that were seen.

    Of a sequence, `track_root` gives an origin that does not jump when one of them is missing.

    Parameters
    ----------
    position : array (..., K, D)
        Any unit; NaN = not seen.
    skeleton : Skeleton
        Names the keypoints.

    Returns
    -------
    array (..., D)
        NaN where no root keypoint was seen.
    """
    return _mean(position[..., skeleton.indices(skeleton.root or ()), :], axis=-2)


def compute_scale(position: FloatArray, skeleton: Skeleton) -> FloatArray:
    """Mean distance between the skeleton's scale pairs; where none was seen, the mean length of the edges that were.

    Parameters
    ----------
    position : array (..., K, D)
        Any unit; NaN = not seen.
    skeleton : Skeleton
        Names the keypoints.

    Returns
    -------
    array (...,)
        In the unit of `position`; NaN where nothing was seen.
    """
    length = _mean_length(position, skeleton, skeleton.scale or ())
    if not np.isnan(length).any():
        return length
    return np.where(np.isnan(length), _mean_length(position, skeleton, skeleton.edges), length)


def measure_scale(position: FloatArray, is_sure: BoolArray, skeleton: Skeleton) -> FloatArray:
    """`compute_scale` of the keypoints that can be believed.

    A pair with a doubtful end counts if it is half to twice as long as the sure ones are in the mean, or if none is
    sure: a model's guess at hidden hips is a better measure than none.

    Parameters
    ----------
    position : array (..., K, D)
        Any unit; NaN = not seen.
    is_sure : array (..., K) of bool
        Which keypoints are sure.
    skeleton : Skeleton
        Names the keypoints.

    Returns
    -------
    array (...,)
        In the unit of `position`; NaN where nothing was seen.
    """
    if is_sure.all():
        return compute_scale(position, skeleton)
    first, second = (skeleton.indices(names) for names in zip(*(skeleton.scale or ()), strict=True))
    lengths = np.linalg.norm(position[..., first, :] - position[..., second, :], axis=-1)
    sure = np.where(is_sure[..., first] & is_sure[..., second], lengths, np.nan)
    usual = _mean(sure, axis=-1)[..., None]
    is_odd = np.isnan(sure) & ((lengths < usual / 2) | (lengths > usual * 2))
    length = _mean(np.where(is_odd, np.nan, lengths), axis=-1)
    if not np.isnan(length).any():
        return length
    edges = _mean_length(np.where(is_sure[..., None], position, np.nan), skeleton, skeleton.edges)
    return np.where(np.isnan(length), np.where(np.isnan(edges), compute_scale(position, skeleton), edges), length)


def typical_scale(sequences: Iterable[PoseSequence], *, min_confidence: float = MIN_CONFIDENCE) -> float:
    """Median of `measure_scale` over all frames of the sequences; 1 where the body's size was never seen."""
    lengths = np.concatenate([measure_scale(s.position, s.confidence >= min_confidence, s.skeleton) for s in sequences])
    lengths = lengths[lengths > 0]
    return float(np.median(lengths)) if len(lengths) else 1.0


class RootTracker:
    """Follows the origin of the body frame from pose to pose, so that it moves with the body alone.

    It is the mean of the skeleton's root keypoints. One that is missing counts where it last was relative to the
    origin, and so does a doubtful one that is not where it is expected. While none can be believed, the origin moves
    as most of the other keypoints do.

    Parameters
    ----------
    skeleton : Skeleton
        Of every pose to come.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        self._indices = skeleton.indices(skeleton.root or ())
        self._is_root = np.isin(np.arange(skeleton.n_keypoints), self._indices)
        self.reset()

    def reset(self) -> None:
        """Forget the body."""
        self._offset: FloatArray | None = None  # of each keypoint from the origin when it was last believed
        self._root: FloatArray | None = None

    def update(self, position: FloatArray, is_sure: BoolArray, *, scale: float) -> FloatArray:
        """Return the origin for the next pose.

        Parameters
        ----------
        position : array (K, D)
            Any unit; NaN = missing.
        is_sure : array (K,) of bool
            Which keypoints are sure.
        scale : float
            Size of the body, in that unit.

        Returns
        -------
        array (D,)
            NaN where there is nothing to tell it by.
        """
        is_known = ~np.isnan(position[:, 0])
        believed = is_sure & is_known
        if self._offset is None:
            self._offset = np.full(position.shape, np.nan)
        if believed[self._indices].all():
            root: FloatArray = position[self._indices].sum(axis=0) / len(self._indices)
        else:
            if not is_sure[is_known].all():
                believed = believed | self._find_plausible(position, believed, is_known, scale)
            root = self._locate(position, believed)
            if np.isnan(root[0]):
                return root
        np.subtract(position, root, out=self._offset, where=believed[:, None])
        self._root = root
        return root

    def _find_plausible(self, position: FloatArray, sure: BoolArray, is_known: BoolArray, scale: float) -> BoolArray:
        """Return which doubtful keypoints are where they are expected."""
        assert self._offset is not None
        doubtful = is_known & ~sure
        is_new = np.isnan(self._offset[:, 0])
        if is_new[self._indices].all() and not sure[self._indices].any():
            return doubtful  # as good as anything
        root = self._locate(position, sure)
        if np.isnan(root[0]):
            if self._root is None:
                return np.zeros_like(doubtful)
            root = self._root
        offset = position - root
        distance = np.linalg.norm(offset, axis=1)
        astray = np.linalg.norm(offset - self._offset, axis=1)
        # What was never believed is expected no farther out than what is sure.
        is_near = np.where(is_new, distance <= distance[sure].max(initial=0.0), astray <= _REACH * scale)
        return np.asarray(doubtful & is_near)

    def _locate(self, position: FloatArray, believed: BoolArray) -> FloatArray:
        """Return the origin by the keypoints that are believed, and by where the others last were."""
        assert self._offset is not None
        is_placed = ~np.isnan(self._offset[:, 0])
        seen = believed & self._is_root
        if seen.any():
            lost = self._is_root & ~seen & is_placed
            return np.asarray((position[seen].sum(axis=0) + self._offset[lost].sum(axis=0)) / seen.sum())
        others = believed & is_placed
        if others.any():
            return np.asarray(np.median(position[others] - self._offset[others], axis=0))
        if self._root is None and believed.any():
            return np.asarray(position[believed].mean(axis=0))
        return np.full(position.shape[1], np.nan)


def track_root(sequence: PoseSequence, *, min_confidence: float = MIN_CONFIDENCE) -> FloatArray:
    """Origin of the body frame in every frame, as `RootTracker` follows it, array (T, D).

    What is missing at first counts where it was first seen.
    """
    is_sure = sequence.confidence >= min_confidence
    skeleton = sequence.skeleton
    indices = skeleton.indices(skeleton.root or ())
    root = compute_root(sequence.position, skeleton)
    if (is_sure & ~np.isnan(sequence.position[..., 0]))[:, indices].all():
        return root
    scale = typical_scale([sequence], min_confidence=min_confidence)
    tracker = RootTracker(skeleton)
    for order in (range(len(sequence) - 1, -1, -1), range(len(sequence))):
        for i in order:
            root[i] = tracker.update(sequence.position[i], is_sure[i], scale=scale)
    return root


def _mean_length(position: FloatArray, skeleton: Skeleton, pairs: Sequence[tuple[str, str]]) -> FloatArray:
    if not pairs:
        return np.full(position.shape[:-2], np.nan)
    first, second = zip(*pairs, strict=True)
    offset = position[..., skeleton.indices(first), :] - position[..., skeleton.indices(second), :]
    return _mean(np.linalg.norm(offset, axis=-1), axis=-1)


def _mean(values: FloatArray, *, axis: int) -> FloatArray:
    """Mean over what is known; NaN, and no warning, where nothing is."""
    known = ~np.isnan(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))
