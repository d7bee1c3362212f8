"""What a puppet can do: key poses for each action, and their performance over time.

A pose is one direction per limb, so it fits a body of any size. A performance adds minimum-jerk movements from key
pose to key pose (Flash & Hogan 1985, J. Neurosci. 5(7)); where two overlap they are summed, which is how people glide
through a via point (Flash & Henis 1991, J. Cogn. Neurosci. 3(3)).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from actionpose.pose import FloatArray

__all__ = ["ACTIONS", "IDLE", "PARTS", "Performance", "perform"]

IDLE = "idle"

# Every part is a direction in the body's own frame: x to the puppet's left (the image's right), y down, z backwards.
# `root` is not a direction: metres to the left, metres of jump, radians of trunk twist.
_SIDED = ("upper_arm", "forearm", "thumb", "thigh", "shin", "foot")
PARTS = ("root", "spine", "head", *(f"{side}_{part}" for side in ("left", "right") for part in _SIDED))
_INDEX = {part: i for i, part in enumerate(PARTS)}
_ROOT = _INDEX["root"]

# In the tables below a direction reads (out, up, front): away from the body's midline (for spine and head: to the
# puppet's left), up, towards the camera. A part without a side means both. A part that a key pose does not name
# stays where it was, and after the last one the puppet returns to rest.
_Directions = dict[str, tuple[float, float, float]]
_Key = tuple[float, _Directions]  # seconds until the next key pose, what moves

_REST: _Directions = {
    "root": (0, 0, 0),
    "spine": (0, 1, 0),
    "head": (0, 1, 0.05),
    "upper_arm": (0.22, -1, 0),
    "forearm": (0.12, -1, 0.18),
    "thumb": (-0.5, 0, 0.8),
    "thigh": (0.06, -1, 0.04),
    "shin": (0.04, -1, -0.06),
    "foot": (0.35, -0.3, 1),
}

_ARMS_UP: _Directions = {"upper_arm": (0.3, 1, 0.05), "forearm": (0.02, 1, 0.05), "thumb": (-1, 0, 0.3)}
_ARMS_OUT: _Directions = {"upper_arm": (1, 0, 0.1), "forearm": (1, 0.1, 0.15), "thumb": (0, 0.5, 1)}
_ARMS_DOWN: _Directions = {part: _REST[part] for part in ("upper_arm", "forearm", "thumb")}
_LEGS_TOGETHER: _Directions = {"thigh": _REST["thigh"], "shin": _REST["shin"]}
_LEGS_APART: _Directions = {"thigh": (0.42, -1, 0.04), "shin": (0.38, -1, -0.06)}
_JUMP: _Directions = {"root": (0, 0.09, 0)}
_LAND: _Directions = {"root": (0, 0, 0)}
_SQUAT: _Directions = {
    "spine": (0, 0.9, 0.4),
    "head": (0, 1, 0.1),
    "thigh": (0.4, -0.5, 0.8),
    "shin": (-0.05, -0.85, -0.45),
    "upper_arm": (0.15, -0.1, 1),
    "forearm": (0, 0.1, 1),
    "thumb": (-0.5, 1, 0),
}
_HANDS_APART: _Directions = {"upper_arm": (0.5, -0.8, 0.4), "forearm": (0.35, 0.4, 0.8), "thumb": (-0.2, 1, 0)}
_HANDS_TOGETHER: _Directions = {"upper_arm": (0.15, -0.8, 0.5), "forearm": (-0.8, 0.4, 0.65)}
_GUARD: _Directions = {"upper_arm": (0.25, -1, 0.25), "forearm": (-0.35, 0.75, 0.6), "thumb": (-1, 0.3, 0)}
_WHEEL: _Directions = {"upper_arm": (0.2, -0.85, 0.55), "forearm": (-0.12, 0.3, 1), "thumb": (-0.6, 1, 0)}


def _wave_to(out: float) -> _Directions:
    return {"right_forearm": (out, 0.9, 0.2)}


def _steer(turn: float) -> _Directions:
    return {
        "left_upper_arm": (0.2 - 0.15 * turn, -0.85 + 0.3 * turn, 0.55),
        "left_forearm": (-0.12 - 0.5 * turn, 0.3 + 0.7 * turn, 0.9),
        "right_upper_arm": (0.2 + 0.15 * turn, -0.85 - 0.3 * turn, 0.55),
        "right_forearm": (-0.12 + 0.5 * turn, 0.3 - 0.7 * turn, 0.9),
        "root": (0, 0, 0.12 * turn),
    }


def _circle(*, seconds: float, turns: int, steps: int = 8) -> list[_Key]:
    angles = np.arange(turns * steps + 1) * 2 * np.pi / steps
    return [
        (
            seconds / steps,
            {"upper_arm": (1, 0.3 * np.sin(a), 0.3 * np.cos(a)), "forearm": (1, 0.5 * np.sin(a), 0.5 * np.cos(a))},
        )
        for a in angles
    ]


def _knee_up(side: str) -> _Directions:
    other = "left" if side == "right" else "right"
    return {
        f"{side}_thigh": (0.1, -0.3, 1),
        f"{side}_shin": (0.02, -1, -0.1),
        f"{other}_thigh": _REST["thigh"],
        f"{other}_shin": _REST["shin"],
        f"{other}_upper_arm": (0.2, -1, 0.35),
        f"{other}_forearm": (-0.1, 0.2, 1),
        f"{side}_upper_arm": (0.2, -1, -0.3),
        f"{side}_forearm": (0.1, -1, 0.5),
    }


# One-handed actions use the right hand, whoever performs them: a left-handed wave is another action to a recogniser.
ACTIONS: Mapping[str, Sequence[_Key]] = {
    IDLE: [],
    "wave": [
        (0.6, {"right_upper_arm": (1, -0.1, 0.25), "right_forearm": (0.3, 1, 0.2), "right_thumb": (-1, 0, 0.2)}),
        *[(0.3, _wave_to(0.75)), (0.3, _wave_to(-0.3))] * 3,
        (0.3, _wave_to(0.3)),
    ],
    "clap": [(0.5, _HANDS_APART), *[(0.28, _HANDS_TOGETHER), (0.28, _HANDS_APART)] * 3],
    "raise_both_arms": [(0.5, _ARMS_OUT), (0.9, _ARMS_UP), (0.5, _ARMS_OUT)],
    "hold_arms_up": [(0.5, _ARMS_OUT), (0.9, _ARMS_UP), (3.0, _ARMS_UP), (0.5, _ARMS_OUT)],
    "squat": [(1.2, _SQUAT)],
    "jumping_jack": [
        *[
            (0.25, _ARMS_OUT | _JUMP | _LEGS_APART),
            (0.3, _ARMS_UP | _LAND),
            (0.25, _ARMS_OUT | _JUMP | _LEGS_TOGETHER),
            (0.3, _ARMS_DOWN | _LAND),
        ]
        * 2
    ],
    "punch": [
        (0.5, _GUARD),
        *[
            (0.35, {"right_upper_arm": (-0.1, 0.05, 1), "right_forearm": (-0.15, 0.05, 1), "root": (0, 0, 0.35)}),
            (0.4, {"right_upper_arm": (0.25, -1, 0.25), "right_forearm": (-0.35, 0.75, 0.6), "root": (0, 0, 0)}),
        ]
        * 2,
    ],
    "side_bend": [
        (0.5, {"right_upper_arm": (1, 0.2, 0.1), "right_forearm": (0.7, 0.8, 0.1)}),
        (
            1.1,
            {
                "spine": (0.45, 1, 0),
                "head": (0.55, 1, 0.05),
                "right_upper_arm": (-0.25, 1, 0),
                "right_forearm": (-0.9, 1, 0.1),
            },
        ),
        (
            0.6,
            {
                "spine": (0, 1, 0),
                "head": (0, 1, 0.05),
                "right_upper_arm": (1, 0.2, 0.1),
                "right_forearm": (0.7, 0.5, 0.1),
            },
        ),
    ],
    "kick": [
        (0.35, {"right_thigh": (0.1, -0.75, 0.6), "right_shin": (0.05, -0.8, -0.6), "left_upper_arm": (0.6, -1, 0.2)}),
        (0.4, {"right_thigh": (0.15, -0.45, 1), "right_shin": (0.15, -0.5, 0.9), "right_foot": (0.2, 0.6, 0.8)}),
        (0.35, {"right_thigh": (0.1, -0.8, 0.5), "right_shin": (0.05, -0.9, -0.5), "right_foot": _REST["foot"]}),
    ],
    "point": [
        (1.4, {"right_upper_arm": (0.75, -0.1, 0.6), "right_forearm": (0.8, 0.1, 0.6), "right_thumb": (0, 1, 0.3)})
    ],
    "scratch_head": [
        (0.7, {"right_upper_arm": (0.7, 0.6, 0.35), "right_forearm": (-0.9, 0.4, -0.1), "right_thumb": (0, -0.3, 1)}),
        *[(0.22, {"right_forearm": (-0.8, 0.65, -0.1)}), (0.22, {"right_forearm": (-0.95, 0.3, -0.1)})] * 3,
    ],
    "bow": [
        (
            1.3,
            {"spine": (0, 0.75, 0.65), "head": (0, 0.8, 0.6), "upper_arm": (0.2, -1, 0.1), "forearm": (0.05, -1, 0.15)},
        )
    ],
    "arm_circle": [(0.6, _ARMS_OUT), *_circle(seconds=0.9, turns=3)],
    "turn_steering_wheel": [(0.6, _WHEEL), *[(0.5, _steer(0.9)), (0.5, _steer(-0.9))] * 2, (0.4, _steer(0))],
    "march": [*[(0.4, _knee_up("right")), (0.4, _knee_up("left"))] * 2],
    "drink": [
        (
            0.9,
            {"right_upper_arm": (0.45, -0.5, 0.6), "right_forearm": (-0.7, 0.7, -0.05), "right_thumb": (-0.5, 0, -0.8)},
        ),
        (0.9, {"right_upper_arm": (0.6, -0.3, 0.6), "head": (0, 1, -0.15)}),
    ],
    "cross_arms": [
        (
            1.6,
            {
                "upper_arm": (0.15, -0.9, 0.3),
                "left_forearm": (-1, 0.2, 0.45),
                "right_forearm": (-1, 0.08, 0.6),
                "thumb": (0, 1, 0.2),
            },
        )
    ],
}

_OVERLAP = 1.3  # a movement lasts this much longer than the time until the next begins
_IDLE_S = 2.0  # what "idle" in a script lasts
_SWAY_HZ = np.array([0.13, 0.31])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Performance:
    """A script performed: closed form in time, so every frame rate samples the same motion.

    Parameters
    ----------
    onset, duration : array (M,)
        When each movement begins and how long it takes, in seconds; `onset` increases.
    change : array (M, P, 3)
        What it adds to the limb directions.
    before : array (M + 1, P, 3)
        The limb directions when all earlier movements are done.
    phase : array (2, P, 3)
        Phases of the sway of a body that stands, in radians.
    spans : tuple of (str, float, float)
        Labels with start and end in seconds; idling has none.
    seconds : float
        Length of the whole.
    """

    onset: FloatArray
    duration: FloatArray
    change: FloatArray
    before: FloatArray
    phase: FloatArray
    spans: tuple[tuple[str, float, float], ...]
    seconds: float

    def directions(self, time: float) -> FloatArray:
        """Return the limb directions (P, 3) at a time in seconds: unit vectors, except for ``root``."""
        first, last = np.searchsorted(self.onset, [time - self.duration.max(initial=0.0), time])
        progress = np.minimum((time - self.onset[first:last]) / self.duration[first:last], 1.0)
        done = progress**3 * (10 - 15 * progress + 6 * progress**2)
        pose: FloatArray = self.before[first] + np.tensordot(done, self.change[first:last], axes=1)
        pose += _SWAY * np.sin(2 * np.pi * _SWAY_HZ[:, None, None] * time + self.phase).sum(axis=0)
        pose[1:] /= np.linalg.norm(pose[1:], axis=1, keepdims=True)
        return pose


def perform(
    script: Sequence[str], *, rng: np.random.Generator, speed: float, pause: float, seconds: float | None
) -> Performance:
    """Perform actions one after the other, with idling before, between and after.

    Parameters
    ----------
    script : sequence of str
        Names from `ACTIONS`.
    rng : numpy.random.Generator
        Varies speed, amplitude, timing and the order of repeated rounds.
    speed : float
        1 is an unhurried adult.
    pause : float
        Mean seconds of idling between actions.
    seconds : float or None
        None: the script once, in order. Else rounds of the script in random order for as long as they fit.
    """
    phase = rng.uniform(0, 2 * np.pi, (2, *_REST_POSE.shape))
    onset: list[float] = []
    duration: list[float] = []
    change: list[FloatArray] = []
    spans: list[tuple[str, float, float]] = []
    now = pause * rng.uniform(0.7, 1.3)
    queue = list(script) if seconds is None else []
    while queue or seconds is not None:
        queue = queue or [str(name) for name in rng.permutation(np.asarray(script))]
        label = queue.pop(0)
        steps, poses = _vary(ACTIONS[label], rng=rng, speed=speed)
        starts = now + np.concatenate([[0.0], np.cumsum(steps[:-1])])
        end = float(starts[-1] + steps[-1] * _OVERLAP) if len(steps) else now + _IDLE_S
        if seconds is not None and end > seconds:
            break
        if len(steps):
            onset.extend(starts)
            duration.extend(steps * _OVERLAP)
            change.extend(np.diff(poses, axis=0))
            spans.append((label, now, end))
        now = end + pause * rng.uniform(0.7, 1.3)
    changes = np.array(change).reshape(-1, *_REST_POSE.shape)
    return Performance(
        onset=np.array(onset),
        duration=np.array(duration),
        change=changes,
        before=_REST_POSE + np.concatenate([np.zeros_like(_REST_POSE)[None], np.cumsum(changes, axis=0)]),
        phase=phase,
        spans=tuple(spans),
        seconds=now if seconds is None else seconds,
    )


def _vary(keys: Sequence[_Key], *, rng: np.random.Generator, speed: float) -> tuple[FloatArray, FloatArray]:
    """Return one performance: the seconds of each movement (M,) and the poses from rest to rest (M + 1, P, 3)."""
    tempo = speed * rng.uniform(0.87, 1.13)
    amplitude = rng.uniform(0.93, 1.05)
    steps, poses = [], [_REST_POSE]
    for seconds, named in keys:
        target = _placed(named, onto=poses[-1])
        moved = [_INDEX[part] for part in _sided(named)]
        target[moved] = _REST_POSE[moved] + amplitude * (target[moved] - _REST_POSE[moved])
        target[moved] += rng.normal(0, 0.03, (len(moved), 3)) * (np.array(moved) != _ROOT)[:, None]
        steps.append(seconds * rng.uniform(0.92, 1.08) / tempo)
        poses.append(target)
    if keys:
        steps.append(0.6 * rng.uniform(0.92, 1.08) / tempo)
        poses.append(_REST_POSE)
    return np.array(steps), np.array(poses)


def _sided(named: _Directions) -> dict[str, tuple[float, float, float]]:
    """Write ``forearm`` as ``left_forearm`` and ``right_forearm``."""
    return {
        part: direction
        for name, direction in named.items()
        for part in ((f"left_{name}", f"right_{name}") if name in _SIDED else (name,))
    }


def _placed(named: _Directions, *, onto: FloatArray) -> FloatArray:
    """Return a copy of a pose with the named parts set, turned from (out, up, front) into (x, y, z)."""
    pose = onto.copy()
    for part, (out, up, front) in _sided(named).items():
        if part == "root":
            pose[_ROOT] = out, up, front
        else:
            vector = np.array([-out if part.startswith("right") else out, -up, -front])
            pose[_INDEX[part]] = vector / np.linalg.norm(vector)
    return pose


_REST_POSE = _placed(_REST, onto=np.zeros((len(PARTS), 3)))
_SWAY = np.full((len(PARTS), 3), 0.012)
_SWAY[_ROOT] = 0.006, 0.0, 0.03
_SWAY[[i for i, part in enumerate(PARTS) if part.endswith(("thigh", "shin", "foot"))]] = 0.004  # feet stay put
