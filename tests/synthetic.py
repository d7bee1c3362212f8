"""Bodies that move as told: exact keypoints of known actions at known times, sampled at any times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from actionpose.pose import FloatArray, PoseSequence
from actionpose.skeleton import BLAZEPOSE_33, UPPER_BODY_6, Skeleton
from actionpose.template import Template

ACTIONS = ("wave", "raise", "punch", "cross")
UNKNOWN_MOVE = "flap"  # performed in streams, never a template


@dataclass(frozen=True, slots=True)
class Move:
    """An action and when it is performed, in seconds."""

    label: str
    start: float
    end: float


def limb_angles(time: FloatArray, moves: Sequence[Move]) -> FloatArray:
    """Lift of each upper arm, bend of each elbow and both arms' turn to the camera, (T, 5) radians.

    A body that performs nothing sways a little.
    """
    rest = [0.15, 0.15, 0.1, 0.1, 0.05]
    angles: FloatArray = np.stack([at + 0.02 * np.sin(0.9 * time + i) for i, at in enumerate(rest)], axis=1)
    for move in moves:
        phase = np.clip((time - move.start) / (move.end - move.start), 0.0, 1.0)
        rise = np.sin(np.pi * phase) ** 2
        left, right, left_bend, right_bend, turn = angles.T
        match move.label:
            case "wave":
                right += 1.0 * rise
                right_bend += rise * (1.2 + 1.0 * np.sin(6 * np.pi * phase))
            case "raise":
                left += 1.35 * rise
                right += 1.35 * rise
            case "punch":
                left += 1.3 * rise
                left_bend += 1.9 * np.sin(2 * np.pi * phase) ** 2
                turn += 0.4 * rise
            case "cross":
                left += 0.6 * rise
                right += 0.6 * rise
                left_bend -= 2.4 * rise
                right_bend -= 2.4 * rise
                turn += 0.5 * rise
            case "flap":
                left += 1.3 * np.sin(3 * np.pi * phase) ** 2
                right -= 0.5 * np.sin(3 * np.pi * phase) ** 2
            case _:
                raise ValueError(move.label)
    return angles


def body(angles: FloatArray, skeleton: Skeleton, n_dims: int) -> FloatArray:
    """Keypoints, (T, K, D): y down, z away from the camera, one unit from shoulder to shoulder."""
    lift, bend, turn = angles[:, :2], angles[:, 2:4], angles[:, 4:]
    position: dict[str, FloatArray] = {
        name: np.broadcast_to(np.array(place, dtype=float), (len(angles), 3)) for name, place in _STILL.items()
    }
    for i, (name, outward) in enumerate((("left", 1.0), ("right", -1.0))):
        at = position[f"{name}_shoulder"]
        for joint, angle, length in (("elbow", lift, 0.75), ("wrist", lift + bend, 0.7), ("index", lift + bend, 0.2)):
            step = [outward * np.sin(angle[:, i]), np.cos(angle[:, i]) * np.cos(turn[:, 0]), -np.sin(turn[:, 0])]
            at = at + length * np.stack(np.broadcast_arrays(*step), axis=1)
            position[f"{name}_{joint}"] = at
        position[f"{name}_pinky"] = position[f"{name}_index"] + [0.05, 0.0, 0.02]
        position[f"{name}_thumb"] = position[f"{name}_index"] - [0.05, 0.0, 0.02]
    return np.stack([position[name] for name in skeleton.keypoints], axis=1)[..., :n_dims]


def sample(
    moves: Sequence[Move],
    time: FloatArray,
    *,
    skeleton: Skeleton = UPPER_BODY_6,
    n_dims: int = 2,
    noise: float = 0.005,
    seed: int = 0,
) -> PoseSequence:
    """The moves as seen at the given times, in pixels (2-D) or metres (3-D), with noise in shoulder widths."""
    position = body(limb_angles(np.asarray(time, dtype=float), moves), skeleton, n_dims)
    position = position + np.random.default_rng(seed).normal(scale=max(noise, 1e-300), size=position.shape)
    size, place = (100.0, np.array([320.0, 200.0])) if n_dims == 2 else (0.4, np.array([0.1, -0.2, 2.0]))
    return PoseSequence(skeleton=skeleton, time=time, position=position * size + place)


def frame_times(start: float, end: float, rate_hz: float = 30.0) -> FloatArray:
    return start + np.arange(round((end - start) * rate_hz)) / rate_hz


def perform(label: str, *, duration: float = 1.5, rate_hz: float = 30.0, **options: object) -> PoseSequence:
    """One action from its first to its last frame."""
    time = frame_times(0.0, duration, rate_hz)
    return sample([Move(label, 0.0, duration)], time, **options)  # type: ignore[arg-type]


def idle(seconds: float, **options: object) -> PoseSequence:
    """Nothing in particular."""
    return sample([], frame_times(0.0, seconds), **options)  # type: ignore[arg-type]


def make_templates(labels: Sequence[str] = ACTIONS, *, n_takes: int = 2, **options: object) -> list[Template]:
    """Takes of each action, each a little slower than the last."""
    return [
        Template.from_sequence(label, perform(label, duration=1.3 + 0.3 * take, seed=10 * i + take, **options))  # type: ignore[arg-type]
        for i, label in enumerate(labels)
        for take in range(n_takes)
    ]


def script(labels: Sequence[str], *, seed: int = 0, pause: float = 1.5) -> list[Move]:
    """The actions one after another, each at its own speed, with pauses."""
    random = np.random.default_rng(seed)
    moves, now = [], 2.0
    for label in labels:
        duration = float(random.uniform(1.2, 1.9))
        moves.append(Move(label, now, now + duration))
        now += duration + pause
    return moves


def _both(name: str, x: float, y: float, z: float) -> dict[str, tuple[float, float, float]]:
    return {f"left_{name}": (x, y, z), f"right_{name}": (-x, y, z)}


_STILL = {
    "nose": (0.0, -0.7, -0.2),
    "mouth_left": (0.07, -0.6, -0.18),
    "mouth_right": (-0.07, -0.6, -0.18),
    **_both("eye_inner", 0.05, -0.78, -0.17),
    **_both("eye", 0.09, -0.78, -0.16),
    **_both("eye_outer", 0.13, -0.78, -0.14),
    **_both("ear", 0.2, -0.75, 0.0),
    **_both("shoulder", 0.5, 0.0, 0.0),
    **_both("hip", 0.3, 1.4, 0.0),
    **_both("knee", 0.32, 2.5, -0.02),
    **_both("ankle", 0.33, 3.5, 0.05),
    **_both("heel", 0.33, 3.6, 0.1),
    **_both("foot_index", 0.4, 3.65, -0.2),
}
BODIES = {"upper_body_6": UPPER_BODY_6, "blazepose_33": BLAZEPOSE_33}
