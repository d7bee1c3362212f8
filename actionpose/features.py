"""From poses to feature vectors that do not care where, how large or (for angles) how turned the body is.

Every function takes positions with any leading dimensions, ``(..., K, D)``, so a whole sequence and a single frame
of a stream go through the same code and agree exactly. NaN in, NaN out, for the affected features alone.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from actionpose.body_frame import (
    MIN_CONFIDENCE,
    RootTracker,
    compute_root,
    compute_scale,
    measure_scale,
    track_root,
    typical_scale,
)
from actionpose.errors import InvalidDataError
from actionpose.pose import FloatArray, Pose, PoseSequence
from actionpose.skeleton import Skeleton

__all__ = [
    "FEATURES",
    "Feature",
    "FeatureFrame",
    "FeatureSettings",
    "FeatureStream",
    "compute_angles",
    "compute_directions",
    "compute_positions",
    "compute_root",
    "compute_scale",
    "compute_sequence_features",
    "replay",
    "typical_scale",
]

Feature = Literal["positions", "directions", "angles"]
_SAME_TIME_S = 1e-6
_MAX_RATE_HZ = 240.0
_LONGEST_GAP_S = 60.0
_SETTLE = 3.0  # time constants of the smoothing
FEATURES: tuple[Feature, ...] = ("positions", "directions", "angles")


def compute_positions(
    position: FloatArray, skeleton: Skeleton, *, scale: FloatArray | float, root: FloatArray | None = None
) -> FloatArray:
    """Keypoints in the body frame: relative to the root, in units of `scale`.

    Parameters
    ----------
    position : array (..., K, D)
        Any unit; NaN = not seen.
    skeleton : Skeleton
        Names the keypoints.
    scale : float or array (...,)
        Length of one unit, as `compute_scale` gives it.
    root : array (..., D), optional
        Origin of the body frame; default: `compute_root` of the positions.

    Returns
    -------
    array (..., K * D)
    """
    origin = compute_root(position, skeleton) if root is None else root
    body = (position - origin[..., None, :]) / np.asarray(scale)[..., None, None]
    return np.asarray(body.reshape(*position.shape[:-2], -1))


def compute_directions(position: FloatArray, skeleton: Skeleton) -> FloatArray:
    """Unit vectors along the skeleton's edges.

    Parameters
    ----------
    position : array (..., K, D)
        Any unit; NaN = not seen.
    skeleton : Skeleton
        Names the keypoints; E edges.

    Returns
    -------
    array (..., E * D)
        NaN where an end was not seen or both ends coincide.
    """
    if not skeleton.edges:
        return np.empty((*position.shape[:-2], 0))
    first, second = zip(*skeleton.edges, strict=True)
    edge = position[..., skeleton.indices(second), :] - position[..., skeleton.indices(first), :]
    return _unit(edge).reshape(*position.shape[:-2], -1)


def compute_angles(position: FloatArray, skeleton: Skeleton) -> FloatArray:
    """Joint angles at the vertices the skeleton names.

    Computed as ``2 atan2(|a - b|, |a + b|)`` of the unit vectors (Kahan), which keeps its precision near 0 and pi,
    where ``acos`` loses it, and holds in any number of dimensions.

    Parameters
    ----------
    position : array (..., K, D)
        Any unit; NaN = not seen.
    skeleton : Skeleton
        Names the keypoints; A angles.

    Returns
    -------
    array (..., A)
        Radians, 0 to pi. NaN where a keypoint was not seen or two coincide.
    """
    if not skeleton.angles:
        return np.empty((*position.shape[:-2], 0))
    first, vertex, last = (skeleton.indices(names) for names in zip(*skeleton.angles, strict=True))
    a = _unit(position[..., first, :] - position[..., vertex, :])
    b = _unit(position[..., last, :] - position[..., vertex, :])
    return np.asarray(2.0 * np.arctan2(np.linalg.norm(a - b, axis=-1), np.linalg.norm(a + b, axis=-1)))


def _unit(vector: FloatArray) -> FloatArray:
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    return np.asarray(vector / np.where(length > 0, length, np.nan))


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSettings:
    """How poses become a stream of feature vectors.

    Parameters
    ----------
    feature : str
        ``positions`` (body frame), ``directions`` (of the edges) or ``angles`` (of the joints).
    rate_hz : float
        Rate the stream is resampled to, whatever the camera's; at most 240.
    smoothing : float
        Weight of a new frame in the causal exponential average; 1 = none.
    min_confidence : float
        Keypoints less certain than this count as not seen.
    depth_weight : float
        Factor on the third coordinate of `positions`: the least certain one, of cameras with one eye above all.
    max_gap_s : float
        Poses further apart than this are not interpolated between: the stream starts anew. A keypoint that is gone
        for no longer is taken to be where it was. At most a minute.

    Raises
    ------
    InvalidDataError
        If a value is not one of the choices or out of range.
    """

    feature: Feature = "positions"
    rate_hz: float = 30.0
    smoothing: float = 0.35
    min_confidence: float = MIN_CONFIDENCE
    depth_weight: float = 0.7
    max_gap_s: float = 0.7

    def __post_init__(self) -> None:
        if self.feature not in FEATURES:
            raise InvalidDataError(f"feature must be one of {', '.join(FEATURES)}; got {self.feature!r}.")
        for name, high in (("rate_hz", _MAX_RATE_HZ), ("max_gap_s", _LONGEST_GAP_S)):
            if not 0 < getattr(self, name) <= high:
                raise InvalidDataError(f"{name} must be above 0 and at most {high:g}, got {getattr(self, name)}.")
        if not 0 < self.smoothing <= 1:
            raise InvalidDataError(
                f"smoothing is the weight of a new frame, above 0 and at most 1; got {self.smoothing}."
            )


@dataclass(frozen=True, slots=True, eq=False)
class FeatureFrame:
    """One instant of the feature stream.

    Parameters
    ----------
    time : float
        Seconds.
    vector : array (F,)
        Smoothed features; NaN = not seen.
    travel : array (D,)
        Smoothed place of the body's root in units of its size, for `positions`; empty for the other features. Only
        its change means anything.
    restarts : bool
        Whether the stream was interrupted just before.
    """

    time: float
    vector: FloatArray
    travel: FloatArray
    restarts: bool


class FeatureStream:
    """Poses at any times in, smoothed feature vectors at a fixed rate out; causal.

    Parameters
    ----------
    skeleton : Skeleton
        Of every pose to come.
    settings : FeatureSettings
        What to compute.
    scale : float, optional
        Size of the body. Default: estimated from the stream, and kept up to date.
    """

    def __init__(self, skeleton: Skeleton, settings: FeatureSettings, *, scale: float | None = None) -> None:
        self._skeleton = skeleton
        self._settings = settings
        self._fixed_scale = scale
        self.reset()

    def reset(self) -> None:
        """Forget the stream, and the size of the body in it."""
        self._size = _RunningSize()
        self._last: tuple[float, FloatArray] | None = None
        self._root_tracker = RootTracker(self._skeleton)
        self._restart(0.0)

    def _restart(self, time: float) -> None:
        self._origin_time = time
        self._n_frames = 0
        self._seen_time: FloatArray | None = None
        self._smoothing = _Smoothing(self._settings)
        self._root: FloatArray | None = None
        self._travel = np.zeros(1)
        self._root_tracker.reset()

    def update(self, pose: Pose) -> list[FeatureFrame]:
        """Return the frames of the fixed-rate stream that the pose completes: often one, sometimes none or several.

        Raises
        ------
        InvalidDataError
            If the pose's time does not increase.
        """
        last = self._last
        if last is not None and pose.time <= last[0]:
            raise InvalidDataError(f"Pose times must increase; got {pose.time:.3f} s after {last[0]:.3f} s.")
        is_interrupted = last is None or pose.time - last[0] > self._settings.max_gap_s
        if is_interrupted:
            self._restart(pose.time)
        is_seen = pose.confidence >= self._settings.min_confidence
        scale = self._fixed_scale or self._size.update(pose, is_seen)
        root = self._root_tracker.update(pose.position, is_seen, scale=scale)
        body = np.vstack([np.where(is_seen[:, None], pose.position, np.nan), root])
        frames: list[FeatureFrame] = []
        # Counted, not added up: their number is bounded by the longest gap, and no step is lost to rounding.
        n_due = 1 + math.floor((pose.time - self._origin_time + _SAME_TIME_S) * self._settings.rate_hz)
        for number in range(self._n_frames, n_due):
            time = self._origin_time + number / self._settings.rate_hz
            between = body
            if last is not None and not is_interrupted and time < pose.time - _SAME_TIME_S:
                since = last[0] if self._seen_time is None else self._seen_time
                between = body + (last[1] - body) * ((pose.time - time) / (pose.time - since))
            frames.append(self._smooth(time, between, scale, restarts=number == 0))
        self._n_frames = max(self._n_frames, n_due)
        self._remember(pose.time, body)
        return frames

    def _remember(self, time: float, body: FloatArray) -> None:
        """Keep what was seen for interpolating, and of what was not where it was last seen, and when."""
        is_missing = np.isnan(body[:, :1])
        if self._last is None or not is_missing.any():
            self._last, self._seen_time = (time, body), None
            return
        before = np.full_like(is_missing, self._last[0], dtype=float) if self._seen_time is None else self._seen_time
        since = np.where(is_missing, before, time)
        is_recent = time - since <= self._settings.max_gap_s
        self._last = (time, np.where(is_missing & is_recent, self._last[1], body))
        self._seen_time = since

    def _smooth(self, time: float, body: FloatArray, scale: float, *, restarts: bool) -> FeatureFrame:
        root = body[-1]
        vector = _encode(body[:-1], root, self._skeleton, self._settings, scale)
        travel = root[:0]
        if self._settings.feature == "positions":
            # Summed from steps: far from the origin, a change of scale would look like a leap.
            if not np.isnan(root).any():
                step = (root - (root if self._root is None else self._root)) / scale
                self._travel = self._travel + step * _depth_weight(self._settings, len(root))
                self._root = root
            travel = np.where(np.isnan(root), np.nan, self._travel)
        smoothed = self._smoothing.update(np.concatenate([vector, travel]))
        return FeatureFrame(time, smoothed[: len(vector)], smoothed[len(vector) :], restarts)


def compute_sequence_features(
    sequence: PoseSequence, settings: FeatureSettings, *, scale: float | None = None
) -> tuple[FloatArray, FloatArray]:
    """Features of a whole sequence at its own times, unsmoothed.

    Parameters
    ----------
    sequence : PoseSequence
        T frames.
    settings : FeatureSettings
        What to compute; the rate and the smoothing are not used.
    scale : float, optional
        Size of the body. Default: `typical_scale` of the sequence.

    Returns
    -------
    vector : array (T, F)
        NaN = not seen.
    travel : array (T, D) or (T, 0)
        As in `FeatureFrame`.
    """
    is_seen = sequence.confidence >= settings.min_confidence
    position = np.where(is_seen[..., None], sequence.position, np.nan)
    root = track_root(sequence, min_confidence=settings.min_confidence)
    scale = scale or typical_scale([sequence], min_confidence=settings.min_confidence)
    vector = _encode(position, root, sequence.skeleton, settings, scale)
    known = root[~np.isnan(root).any(axis=1)]
    travel = (root - known[0]) / scale * _depth_weight(settings, root.shape[-1]) if len(known) else root
    return vector, travel if settings.feature == "positions" else root[:, :0]


def replay(track: FloatArray, smoothing: float) -> FloatArray:
    """Return a track at the feature rate, (T, F), as a stream shows it: smoothed, and held until that caught up."""
    held = np.vstack([track, np.repeat(track[-1:], round(_SETTLE / smoothing), axis=0)])
    replayed = held.copy()
    for i in range(1, len(held)):
        replayed[i] = replayed[i - 1] + smoothing * (held[i] - replayed[i - 1])
    return replayed


class _Smoothing:
    """Causal exponential average of features of which any may be missing for a while.

    What comes back within `max_gap_s` goes on as if it had moved evenly in between; what was longer away begins anew.
    """

    def __init__(self, settings: FeatureSettings) -> None:
        self._weight = settings.smoothing
        self._max_gap_frames = settings.rate_hz * settings.max_gap_s
        self._smoothed: FloatArray | None = None  # as of when each feature was last seen, like `_raw`
        self._raw: FloatArray = np.empty(0)
        self._n_missed: FloatArray | None = None  # frames since then; None where all were seen in the last

    def update(self, raw: FloatArray) -> FloatArray:
        """Return the smoothed features, NaN where the raw ones are."""
        is_missing = np.isnan(raw)
        if self._smoothed is None:
            self._smoothed, self._raw = raw, raw
            self._n_missed = is_missing.astype(float) if is_missing.any() else None
            return raw
        if self._n_missed is None and not is_missing.any():
            self._smoothed = self._smoothed + self._weight * (raw - self._smoothed)
            self._raw = raw
            return self._smoothed
        n_missed = np.zeros(len(raw)) if self._n_missed is None else self._n_missed
        # An exponential average follows a ramp at a fixed distance, once the distance it began with has died away.
        keep = 1.0 - self._weight
        behind = (raw - self._raw) / (n_missed + 1) * keep / self._weight
        smoothed = raw - behind + (self._smoothed - self._raw + behind) * keep ** (n_missed + 1)
        smoothed = np.where(np.isnan(self._smoothed) | (n_missed >= self._max_gap_frames), raw, smoothed)
        self._smoothed = np.where(is_missing, self._smoothed, smoothed)
        self._raw = np.where(is_missing, self._raw, raw)
        self._n_missed = np.where(is_missing, n_missed + 1, 0.0) if is_missing.any() else None
        return np.where(is_missing, np.nan, self._smoothed)


class _RunningSize:
    """Median body size over the last seconds, from at most ten samples a second."""

    _WINDOW_S = 30.0
    _STEP_S = 0.1

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque()
        self._median = 1.0

    def update(self, pose: Pose, is_sure: npt.NDArray[np.bool_]) -> float:
        time = pose.time
        if self._samples and time - self._samples[-1][0] < self._STEP_S - _SAME_TIME_S:
            return self._median
        length = float(measure_scale(pose.position, is_sure, pose.skeleton))
        if length > 0:
            self._samples.append((time, length))
            while time - self._samples[0][0] > self._WINDOW_S:
                self._samples.popleft()
            self._median = float(np.median([sample for _, sample in self._samples]))
        return self._median


def _encode(
    position: FloatArray, root: FloatArray, skeleton: Skeleton, settings: FeatureSettings, scale: float
) -> FloatArray:
    if settings.feature == "positions":
        weight = _depth_weight(settings, position.shape[-1])
        return compute_positions(position * weight, skeleton, scale=scale, root=root * weight)
    compute = compute_directions if settings.feature == "directions" else compute_angles
    return compute(position, skeleton)


def _depth_weight(settings: FeatureSettings, n_dims: int) -> FloatArray:
    return np.array([1.0, 1.0, settings.depth_weight][:n_dims])
