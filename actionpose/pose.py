"""Frames, poses and sequences of poses: the nouns everything else speaks in.

Positions are in any one unit (metres for world coordinates, pixels for image coordinates, y down); times are in
seconds; a keypoint that was not seen is NaN, never 0. What trackers write when they lose a keypoint becomes NaN: a
confidence of 0, infinite coordinates and the largest numbers there are (all beyond `MAX_COORDINATE`), and the corner of
the picture, which is 0, 0 in two dimensions, unless a confidence of .5 or more says that it was seen there. (In three
dimensions the origin is a place like any other: many bodies are measured from their own hips.)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from actionpose.errors import InvalidDataError
from actionpose.skeleton import Skeleton

__all__ = ["MAX_COORDINATE", "MAX_TIME_S", "FloatArray", "Frame", "Pose", "PoseSequence"]

FloatArray = npt.NDArray[np.float64]

# Three centuries, so that the time of day (1.7e9 s since 1970) passes while milliseconds taken for seconds do not; a
# float of this size still tells microseconds apart, one much larger has no room for the steps of a stream.
MAX_TIME_S = 1e10

# A kilometre in nanometres, so that every unit passes; sums of powers of much larger ones would overflow.
MAX_COORDINATE = 1e12

_SHORTEST_STEP_S = 1e-9  # what a rate is told from; a shorter one would overflow
_CERTAIN = 0.5  # confidence from which a tracker that says 0, 0 means the place


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """One body at one instant.

    Parameters
    ----------
    skeleton : Skeleton
        Names the K keypoints.
    time : float
        Seconds, at most `MAX_TIME_S` either way.
    position : array (K, 2) or (K, 3)
        What actions are matched on: world coordinates where the estimator has them, else image coordinates.
        NaN = not seen, as is a confidence of 0, and 0, 0 without a confidence of at least .5.
    confidence : array (K,), optional
        0 to 1. Default: 1 where the position is known, else 0.
    image_position : array (K, 2), optional
        Pixels from the top left, y down; for drawing. NaN where the position is. Default: unknown, or `position`
        itself where that is 2-D.
    track_id : int
        Which person, animal or hand of the picture this is.

    Raises
    ------
    InvalidDataError
        If an array's shape does not fit the skeleton, or the time cannot be one in seconds.
    """

    skeleton: Skeleton
    time: float
    position: FloatArray
    confidence: FloatArray = None  # type: ignore[assignment]
    image_position: FloatArray | None = None
    track_id: int = 0

    def __post_init__(self) -> None:
        n_keypoints = self.skeleton.n_keypoints
        _set_arrays(self, leading=(n_keypoints,), skeleton=self.skeleton)
        object.__setattr__(self, "time", _checked_time(self.time))

    @classmethod
    def missing(cls, skeleton: Skeleton, time: float, *, n_dims: int = 3, track_id: int = 0) -> Pose:
        """Return a pose in which nothing was seen: all positions NaN, all confidences 0."""
        position = np.full((skeleton.n_keypoints, n_dims), np.nan)
        return cls(skeleton=skeleton, time=time, position=position, track_id=track_id)

    @property
    def is_missing(self) -> bool:
        """Whether no keypoint was seen."""
        return bool(np.isnan(self.position).all())


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseSequence:
    """One body over time.

    Parameters
    ----------
    skeleton : Skeleton
        Names the K keypoints.
    time : array (T,)
        Seconds, strictly increasing, at most `MAX_TIME_S` either way; the steps need not be equal.
    position : array (T, K, 2) or (T, K, 3)
        As in `Pose`: NaN = not seen.
    confidence : array (T, K), optional
        0 to 1. Default: 1 where the position is known, else 0.
    image_position : array (T, K, 2), optional
        Pixels, for drawing.

    Raises
    ------
    InvalidDataError
        If shapes do not fit together, or times do not increase or cannot be in seconds.

    Examples
    --------
    >>> import numpy as np
    >>> from actionpose.skeleton import UPPER_BODY_6
    >>> sequence = PoseSequence(skeleton=UPPER_BODY_6, time=np.arange(30) / 10, position=np.zeros((30, 6, 2)))
    >>> len(sequence), sequence.duration, sequence.between(1.0, 2.0).time[0]
    (30, 2.9, 1.0)
    """

    skeleton: Skeleton
    time: FloatArray
    position: FloatArray
    confidence: FloatArray = None  # type: ignore[assignment]
    image_position: FloatArray | None = None

    def __post_init__(self) -> None:
        time = _as_floats(self.time, "time")
        if time.ndim != 1:
            raise InvalidDataError(f"time must have shape (T,), got {time.shape}.")
        if not np.isfinite(time).all() or (np.diff(time) <= 0).any():
            raise InvalidDataError(
                "time must be finite and strictly increasing.",
                hint="Sort the frames and drop those with equal time stamps.",
            )
        for end in time[[0, -1]] if len(time) else ():
            _checked_time(float(end))
        object.__setattr__(self, "time", _read_only(time))
        _set_arrays(self, leading=(len(time), self.skeleton.n_keypoints), skeleton=self.skeleton)

    @classmethod
    def from_poses(cls, poses: Sequence[Pose]) -> PoseSequence:
        """Stack poses of one skeleton in order of time.

        Raises
        ------
        InvalidDataError
            If there are none, or they are of several skeletons or dimensions.
        """
        if not poses:
            raise InvalidDataError("Expected at least one pose, got none.")
        skeleton = poses[0].skeleton
        if any(p.skeleton != skeleton or p.position.shape != poses[0].position.shape for p in poses):
            raise InvalidDataError("All poses of a sequence must share one skeleton and dimension.")
        image = None
        if any(p.image_position is not None for p in poses):
            unknown = np.full((skeleton.n_keypoints, 2), np.nan)
            image = np.stack([unknown if p.image_position is None else p.image_position for p in poses])
        return cls(
            skeleton=skeleton,
            time=np.array([p.time for p in poses]),
            position=np.stack([p.position for p in poses]),
            confidence=np.stack([p.confidence for p in poses]),
            image_position=image,
        )

    def __len__(self) -> int:
        return len(self.time)

    def __getitem__(self, frames: slice) -> PoseSequence:
        image = None if self.image_position is None else self.image_position[frames]
        return replace(
            self,
            time=self.time[frames],
            position=self.position[frames],
            confidence=self.confidence[frames],
            image_position=image,
        )

    @property
    def duration(self) -> float:
        """Seconds from the first to the last frame (0 when there are fewer than two)."""
        return float(self.time[-1] - self.time[0]) if len(self) else 0.0

    @property
    def rate_hz(self) -> float:
        """Median frame rate (NaN when there are fewer than two frames)."""
        return float(1.0 / max(np.median(np.diff(self.time)), _SHORTEST_STEP_S)) if len(self) > 1 else float("nan")

    @property
    def n_dims(self) -> int:
        """2 or 3."""
        return int(self.position.shape[2])

    def iter_poses(self, *, track_id: int = 0) -> Iterator[Pose]:
        """Yield the poses one by one."""
        for i, time in enumerate(self.time):
            yield Pose(
                skeleton=self.skeleton,
                time=float(time),
                position=self.position[i],
                confidence=self.confidence[i],
                image_position=None if self.image_position is None else self.image_position[i],
                track_id=track_id,
            )

    def between(self, start: float, end: float) -> PoseSequence:
        """Return the frames with ``start <= time < end``, in seconds."""
        first, last = np.searchsorted(self.time, [start, end])
        return self[int(first) : int(last)]

    def shifted(self, seconds: float) -> PoseSequence:
        """Return the same sequence, `seconds` later."""
        return replace(self, time=self.time + seconds)

    def mirrored(self) -> PoseSequence:
        """Return the sequence as seen in a mirror: left and right keypoints swapped and x negated.

        Image positions are dropped, since the picture's width is not known.
        """
        order = self.skeleton.mirror_order()
        flip = np.array([-1.0, 1.0, 1.0][: self.n_dims])
        return replace(
            self, position=self.position[:, order] * flip, confidence=self.confidence[:, order], image_position=None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One picture of a source, or one instant of a recording.

    Parameters
    ----------
    index : int
        Number of the frame in its source, from 0, without gaps unless frames were dropped.
    time : float
        Seconds since the source's first frame: the presentation time of a file, the capture time of a camera.
    image : array (H, W, 3) uint8, optional
        RGB. None when a recording is replayed.
    poses : sequence of Pose, optional
        Poses that need no estimating: those of a replayed recording.

    Raises
    ------
    InvalidDataError
        If the time cannot be one in seconds, as in `Pose`.
    """

    index: int
    time: float
    image: npt.NDArray[np.uint8] | None = None
    poses: tuple[Pose, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "time", _checked_time(self.time))


def _set_arrays(owner: Pose | PoseSequence, *, leading: tuple[int, ...], skeleton: Skeleton) -> None:
    """Check, convert and freeze the arrays that `Pose` and `PoseSequence` share."""
    position = _as_floats(owner.position, "position")
    if position.shape[:-1] != leading or position.shape[-1] not in (2, 3):
        raise InvalidDataError(
            f"position must have shape {(*leading, 2)} or {(*leading, 3)} for skeleton {skeleton.name!r}, "
            f"got {position.shape}."
        )
    given = None
    if owner.confidence is not None:
        given = _as_floats(owner.confidence, "confidence")
        if given.shape != leading:
            raise InvalidDataError(f"confidence must have shape {leading}, got {given.shape}.")
        given = np.clip(np.nan_to_num(given), 0.0, 1.0)
    known = _find_places(position, given)
    position = np.where(known[..., None], position, np.nan)
    confidence = known.astype(np.float64) if given is None else np.where(known, given, 0.0)
    image = owner.image_position
    if image is not None:
        image = _as_floats(image, "image_position")
        if image.shape != (*leading, 2):
            raise InvalidDataError(f"image_position must have shape {(*leading, 2)}, got {image.shape}.")
        image = _read_only(np.where((known & _find_places(image, given))[..., None], image, np.nan))
    object.__setattr__(owner, "position", _read_only(position))
    object.__setattr__(owner, "confidence", _read_only(confidence))
    object.__setattr__(owner, "image_position", image)


def _find_places(position: FloatArray, confidence: FloatArray | None) -> npt.NDArray[np.bool_]:
    """Return which positions (..., D) are the place of something that was seen, array (...)."""
    is_place: npt.NDArray[np.bool_] = (np.abs(position) <= MAX_COORDINATE).all(axis=-1)
    if confidence is not None:
        is_place &= confidence > 0.0
    if position.shape[-1] == 2:
        is_corner = ~position.any(axis=-1)
        if is_corner.any():
            is_place &= ~is_corner if confidence is None else ~is_corner | (confidence >= _CERTAIN)
    return is_place


def _as_floats(values: object, name: str) -> FloatArray:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidDataError(f"{name} must be an array of numbers: {error}.") from None


def _read_only(array: FloatArray) -> FloatArray:
    if array.flags.writeable:
        array = array.copy()
        array.flags.writeable = False
    return array


def _checked_time(time: float) -> float:
    time = float(time)
    if not abs(time) <= MAX_TIME_S:
        raise InvalidDataError(
            f"time must be a finite number of seconds, at most {MAX_TIME_S:.0e} either way, got {time:g}.",
            hint="Divide milliseconds by 1e3, nanoseconds by 1e9." if math.isfinite(time) else "",
        )
    return time
