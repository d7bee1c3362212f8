"""What a recorded take is worth: how the body moves in it, what to cut off, and whether it can serve as a template."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from actionpose.body_frame import MIN_CONFIDENCE, measure_scale, track_root
from actionpose.dtw import dtw_distances
from actionpose.features import compute_positions
from actionpose.pose import FloatArray, PoseSequence
from actionpose.skeleton import Skeleton
from actionpose.template import Template

__all__ = [
    "MOTION_SPAN_S",
    "START_MOTION",
    "STILL_MOTION",
    "Take",
    "TakeQuality",
    "assess_take",
    "compute_motion",
    "template_from_take",
    "trim_still",
]

# Body sizes per second, as `compute_motion` gives them. Two people holding a plank, seen by MediaPipe, stay under
# .5 in 90 % of the frames; gestures and exercises peak at 3 to 9.
STILL_MOTION = 0.5
START_MOTION = 0.8
MOTION_SPAN_S = 0.2  # over which speed is measured; over less, jitter at 30 Hz looks like motion

_SEEN = 0.5  # confidence from which a keypoint counts as seen
_MIN_SEEN = 0.6  # of the frames
_MIN_RATE_HZ = 8.0
_MIN_DURATION_S = 0.3
_MAX_GAP_S = 0.35
# Two examples by one person of 14 gestures (JK2017) differ by .41 in the median and at most .84; examples of
# different gestures by 1.6, 1 % of them by less than .87.
_MAX_UNLIKENESS = 0.9
_PATH_FRAMES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeQuality:
    """What `assess_take` found.

    Parameters
    ----------
    problems : tuple of str
        Why the take should be repeated, each with what to do; empty for a good take.
    numbers : mapping of str to float
        ``rate_hz``, ``duration_s``, ``confidence`` (mean of the keypoints that matter), ``visible`` (fraction
        of the frames in which the worst-seen of them was seen) and ``motion`` (peak, body sizes per second).
    """

    problems: tuple[str, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "numbers", MappingProxyType(dict(self.numbers)))

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong with the take."""
        return not self.problems

    @property
    def is_still(self) -> bool:
        """Whether the body hardly moved, as in a pose to hold."""
        return self.numbers.get("motion", 0.0) < START_MOTION


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """One finished performance of an action.

    Parameters
    ----------
    sequence : PoseSequence
        What makes the template: the recording without its still ends.
    recorded : PoseSequence
        All of it.
    verdict : TakeQuality
        Whether it is any good.
    """

    sequence: PoseSequence
    recorded: PoseSequence
    verdict: TakeQuality


def template_from_take(label: str, take: Take, *, provenance: Mapping[str, str] | None = None) -> Template:
    """Make a template of a take, with the numbers of its verdict as the template's quality."""
    return Template(label=label, sequence=take.sequence, provenance=provenance or {}, quality=take.verdict.numbers)


def compute_motion(sequence: PoseSequence) -> FloatArray:
    """How fast the body moves in every frame: the speed of its fastest joint, in the world or in the picture.

    World coordinates that hang on the hips hardly change while the hips go down; the picture shows it. Speed is
    measured over 0.2 s, after a median filter over three frames, so that one keypoint that jumps for one frame is not
    taken for motion. Joints are the keypoints that the skeleton's angles use.

    Parameters
    ----------
    sequence : PoseSequence
        T frames.

    Returns
    -------
    array (T,)
        Body sizes (lengths of the torso, where the skeleton has one) per second; 0 where nothing was seen.
    """
    motion = _compute_position_motion(sequence)
    if sequence.image_position is None:
        return motion
    pictured = replace(sequence, position=sequence.image_position, image_position=None)
    return np.maximum(motion, _compute_position_motion(pictured))


def _compute_position_motion(sequence: PoseSequence) -> FloatArray:
    time, n_frames = sequence.time, len(sequence)
    size = _body_size(sequence)
    if n_frames < 2 or np.isnan(size):
        return np.zeros(n_frames)
    joints = _joints(sequence.skeleton)
    is_seen = sequence.confidence[:, joints, None] >= _SEEN
    position = np.where(is_seen, sequence.position[:, joints], np.nan)
    neighbours = np.stack([position[[0, *range(n_frames - 1)]], position, position[[*range(1, n_frames), -1]]])
    position = np.median(np.where(np.isnan(neighbours), position, neighbours), axis=0)

    start = np.clip(time - MOTION_SPAN_S / 2, time[0], max(time[0], time[-1] - MOTION_SPAN_S))
    before = np.minimum(np.searchsorted(time, start - 1e-6), n_frames - 2)
    after = np.maximum(np.searchsorted(time, start + MOTION_SPAN_S + 1e-6, "right") - 1, before + 1)
    step = np.nan_to_num(np.linalg.norm(position[after] - position[before], axis=2)).max(axis=1)
    return np.asarray(step / (time[after] - time[before]) / size)


def trim_still(sequence: PoseSequence) -> PoseSequence:
    """Cut off the ends in which the body is still or out of view, all but about 0.1 s.

    A sequence without any motion, such as a held pose, is returned whole.

    Parameters
    ----------
    sequence : PoseSequence
        Any length.

    Returns
    -------
    PoseSequence
        A slice of `sequence`, with its times.
    """
    motion = compute_motion(sequence)
    moving = np.flatnonzero(motion >= max(STILL_MOTION, 0.1 * motion.max(initial=0.0)))
    if not len(moving) or motion.max() < START_MOTION:
        return sequence
    return sequence[max(0, int(moving[0]) - 1) : int(moving[-1]) + 2]


def assess_take(
    sequence: PoseSequence, *, others: Sequence[PoseSequence] = (), may_be_still: bool = False
) -> TakeQuality:
    """Judge whether a take can serve as a template.

    Parameters
    ----------
    sequence : PoseSequence
        The take, without its still ends.
    others : sequence of PoseSequence
        Takes of the same action, skeleton and dimension; a good take resembles at least one of them.
    may_be_still : bool
        Whether the action may be a pose to hold, which it is when nothing moves in the other takes either.

    Returns
    -------
    TakeQuality
        The problems in plain words, and the numbers behind them.
    """
    if len(sequence) < 2:
        return TakeQuality(problems=("Too short: nothing was recorded. Perform the whole action.",))
    joints = _joints_that_matter(sequence)
    seen = (sequence.confidence >= _SEEN)[:, joints].mean(axis=0)
    numbers = {
        "rate_hz": sequence.rate_hz,
        "duration_s": sequence.duration,
        "confidence": float(sequence.confidence[:, joints].mean()),
        "visible": float(seen.min()),
        "motion": float(compute_motion(sequence).max()),
    }
    problems = [
        *_find_timing_problems(sequence),
        *_find_view_problems(sequence, dict(zip(joints, seen.tolist(), strict=True))),
    ]
    is_still = numbers["motion"] < START_MOTION
    if not problems and is_still and not (may_be_still and all(map(_is_still, others))):
        problems.append("No motion was seen. Perform the action; a pose to hold needs takes of a fixed length.")
    if not problems and not is_still and others and _compute_unlikeness(sequence, others) > _MAX_UNLIKENESS:
        problems.append("Too unlike the other takes. Do as before; if this take is the right one, remove the others.")
    return TakeQuality(problems=tuple(problems), numbers={name: round(value, 3) for name, value in numbers.items()})


def _is_still(sequence: PoseSequence) -> bool:
    return bool(compute_motion(sequence).max(initial=0.0) < START_MOTION)


def _find_timing_problems(sequence: PoseSequence) -> list[str]:
    problems = []
    if sequence.duration < _MIN_DURATION_S:
        problems.append(
            f"Too short: {sequence.duration:.1f} s. Perform the whole action, a little slower, "
            "or give it a longer fixed length."
        )
    if sequence.rate_hz < _MIN_RATE_HZ:
        problems.append(
            f"Only {sequence.rate_hz:.1f} pictures per second; at least {_MIN_RATE_HZ:.0f} are needed. "
            "Add light, close other programs, or choose a lower camera resolution."
        )
    return problems


def _find_view_problems(sequence: PoseSequence, seen: Mapping[int, float]) -> list[str]:
    """Say what of the body was out of view; `seen` is the fraction of frames for each joint that matters."""
    is_in_view = (sequence.confidence[:, list(seen)] >= _SEEN).any(axis=1)
    worst = min(seen, key=seen.__getitem__)
    if is_in_view.mean() < _MIN_SEEN:
        return [
            f"The body was in view in only {is_in_view.mean():.0%} of the frames. "
            "Step back until the camera sees all that moves, and add light."
        ]
    if seen[worst] < _MIN_SEEN:
        return [
            f"The {sequence.skeleton.keypoints[worst].replace('_', ' ')} was seen in only {seen[worst]:.0%} "
            "of the frames. Step back, or turn so that the camera sees it all the time."
        ]
    gap_s = np.diff(sequence.time[is_in_view]).max(initial=0.0)
    if gap_s > max(_MAX_GAP_S, 3 / sequence.rate_hz):
        return [
            f"Tracking was lost for {gap_s:.1f} s. Stay in the picture, move a little slower, "
            "and keep others out of it."
        ]
    return []


def _joints(skeleton: Skeleton) -> list[int]:
    """Return the keypoints that the angles use: no face, no toes, whose motion says little. All, without angles."""
    used = {name for angle in skeleton.angles or () for name in angle}
    return sorted(skeleton.indices(used or skeleton.keypoints))


def _joints_that_matter(sequence: PoseSequence) -> list[int]:
    """Return the joints that move in the body frame, and those farther out on a limb that moves.

    A hand out of view must be missed although nothing was seen of its motion; hidden legs at a desk must not.
    """
    skeleton = sequence.skeleton
    joints = _joints(skeleton)
    is_seen = sequence.confidence >= _SEEN
    root = np.nan_to_num(track_root(sequence))
    position = np.where(is_seen[..., None], sequence.position - root[:, None], np.nan)
    position = np.where(np.isnan(position).all(axis=0), 0.0, position)
    spread = np.nanquantile(position, 0.9, axis=0) - np.nanquantile(position, 0.1, axis=0)
    extent = np.linalg.norm(np.where(is_seen.mean(axis=0)[:, None] >= 0.2, spread, 0.0), axis=1)
    moving = {k for k in range(skeleton.n_keypoints) if extent[k] > 0 and extent[k] >= 0.3 * extent.max()}
    moving |= _farther_out(moving, skeleton)
    usual = [k for k in joints if is_seen[:, k].mean() >= 0.5]
    return [k for k in joints if k in moving] or usual or joints


def _farther_out(keypoints: set[int], skeleton: Skeleton) -> set[int]:
    """Return the keypoints that hang on the given ones, seen from the skeleton's root."""
    neighbours: dict[int, list[int]] = {k: [] for k in range(skeleton.n_keypoints)}
    for a, b in skeleton.edges:
        i, j = skeleton.index(a), skeleton.index(b)
        neighbours[i].append(j)
        neighbours[j].append(i)
    parents: dict[int, int | None] = dict.fromkeys(skeleton.indices(skeleton.root or ()))
    hanging: set[int] = set()
    queue = deque(parents)
    while queue:
        k = queue.popleft()
        for child in neighbours[k]:
            if child not in parents:
                parents[child] = k
                queue.append(child)
                if k in keypoints or k in hanging:
                    hanging.add(child)
    return hanging


def _compute_unlikeness(sequence: PoseSequence, others: Sequence[PoseSequence]) -> float:
    """Compute the DTW distance to the nearest of the others, in units of how far the joints move."""
    joints = sorted({k for each in (sequence, *others) for k in _joints_that_matter(each)})
    path, *paths = (_resampled_path(each, joints) for each in (sequence, *others))
    offset = np.stack(paths)[:, None] - path[None, :, None]
    distance = dtw_distances(np.linalg.norm(offset, axis=-1), [_PATH_FRAMES] * len(paths)) / _PATH_FRAMES
    reach = [np.linalg.norm(p - p.mean(axis=0), axis=1).mean() for p in (path, *paths)]
    return float((distance / np.maximum((reach[0] + np.array(reach[1:])) / 2, 1e-9)).min())


def _resampled_path(sequence: PoseSequence, joints: list[int]) -> FloatArray:
    """Body-frame positions of the joints at evenly spaced times, (32, F); what was not seen is filled in."""
    is_seen = sequence.confidence >= MIN_CONFIDENCE
    position = compute_positions(
        np.where(is_seen[..., None], sequence.position, np.nan),
        sequence.skeleton,
        scale=_body_size(sequence),
        root=track_root(sequence),
    )
    position = position.reshape(len(sequence), -1, sequence.n_dims)[:, joints].reshape(len(sequence), -1)
    times = np.linspace(sequence.time[0], sequence.time[-1], _PATH_FRAMES)
    path = np.zeros((_PATH_FRAMES, position.shape[1]))
    for column, values in zip(path.T, position.T, strict=True):
        known = ~np.isnan(values)
        if known.any():
            column[:] = np.interp(times, sequence.time[known], values[known])
    return path


def _body_size(sequence: PoseSequence) -> float:
    """Median length of the body's unit over the sequence; NaN where nothing was seen."""
    is_sure = sequence.confidence >= MIN_CONFIDENCE
    size = measure_scale(sequence.position, is_sure, sequence.skeleton)
    if np.isnan(size).all():  # the torso is hidden: anything of the body's order will do
        skeleton = replace(sequence.skeleton, scale=sequence.skeleton.edges)
        size = 2 * measure_scale(sequence.position, is_sure, skeleton)
    known = size[size > 0]
    return float(np.median(known)) if len(known) else float("nan")
