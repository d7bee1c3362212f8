"""A drawn animal seen from the side: ten keypoints in a picture, nine actions, and trackers that lose keypoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from actionpose.pose import FloatArray, PoseSequence
from actionpose.skeleton import Skeleton
from actionpose.template import Template
from tests.synthetic import Move, frame_times

ANIMAL = Skeleton(
    name="animal",
    keypoints=[
        *("nose", "ear", "withers", "back", "rump", "tail"),
        *("elbow", "front_paw", "knee", "hind_paw"),
    ],
    edges=[
        ("nose", "ear"), ("ear", "withers"), ("withers", "back"), ("back", "rump"), ("rump", "tail"),
        ("withers", "elbow"), ("elbow", "front_paw"), ("rump", "knee"), ("knee", "hind_paw"),
    ],
)  # fmt: skip
_STANDING = np.array(
    [[150, -70], [120, -85], [80, -40], [0, -45], [-80, -40], [-130, -60], [85, 10], [80, 60], [-75, 10], [-85, 60]],
    dtype=float,
)
_AT = np.array([330.0, 260.0])
_PICTURE = (640, 480)

# How each keypoint is displaced at the height of an action, and how many times it goes there and back.
_ACTIONS: dict[str, tuple[int, dict[str, tuple[float, float]]]] = {
    "nod": (2, {"nose": (-10, 60), "ear": (0, 35)}),
    "look up": (1, {"nose": (-45, -45), "ear": (-25, -15)}),
    "rear": (1, {"nose": (-70, -100), "ear": (-70, -95), "withers": (-50, -75), "back": (-20, -40),
                 "elbow": (-20, -80), "front_paw": (0, -110)}),
    "bow": (1, {"nose": (10, 80), "ear": (10, 70), "withers": (10, 50), "back": (5, 20), "elbow": (25, 40),
                "front_paw": (45, 0)}),
    "sit": (1, {"rump": (20, 70), "back": (5, 30), "tail": (15, 75), "knee": (30, 25), "hind_paw": (20, 0)}),
    "paw": (2, {"elbow": (15, -20), "front_paw": (50, -60)}),
    "kick": (2, {"knee": (-25, -15), "hind_paw": (-70, -55)}),
    "wag": (3, {"tail": (10, -60)}),
    "hop": (1, dict.fromkeys(ANIMAL.keypoints, (0, -70))),
}  # fmt: skip
ACTIONS = tuple(_ACTIONS)


def _draw(time: FloatArray, moves: Sequence[Move]) -> FloatArray:
    position = np.repeat(_STANDING[None], len(time), axis=0)
    position += 1.5 * np.sin(0.8 * time[:, None, None] + np.arange(20).reshape(10, 2))
    for move in moves:
        n_times, reach = _ACTIONS[move.label]
        phase = np.clip((time - move.start) / (move.end - move.start), 0.0, 1.0)
        for name, offset in reach.items():
            position[:, ANIMAL.index(name)] += np.outer(np.sin(np.pi * n_times * phase) ** 2, offset)
    return position + _AT


def film(
    moves: Sequence[Move],
    time: FloatArray,
    *,
    missing: Literal["nan", "zero", "anywhere"] = "nan",
    share: float = 0.0,
    seed: int = 0,
) -> PoseSequence:
    """The moves as a tracker saw them, in pixels; each keypoint is missed in a share of the frames.

    A missing keypoint is NaN; or at 0, 0 with confidence 0, as OpenPose writes it; or anywhere in the picture with a
    likelihood of .02, as DeepLabCut does.
    """
    random = np.random.default_rng(seed)
    position = _draw(time, moves)
    position += random.normal(scale=0.8, size=position.shape)
    is_missing = random.random(position.shape[:2]) < share
    confidence = np.where(is_missing, {"nan": 0.0, "zero": 0.0, "anywhere": 0.02}[missing], 0.95)
    lost = {
        "nan": np.nan,
        "zero": 0.0,
        "anywhere": random.uniform(0, 1, position.shape) * _PICTURE,
    }[missing]
    position = np.where(is_missing[..., None], lost, position)
    return PoseSequence(skeleton=ANIMAL, time=time, position=position, confidence=confidence)


def make_templates(*, n_takes: int = 1, seed: int = 100, **options: object) -> list[Template]:
    """Takes of all actions, each a little slower than the last."""
    return [
        Template.from_sequence(
            label,
            film(
                [Move(label, 0.0, 1.3 + 0.3 * take)],
                frame_times(0.0, 1.3 + 0.3 * take),
                seed=seed + 10 * i + take,
                **options,  # type: ignore[arg-type]
            ),
        )
        for i, label in enumerate(ACTIONS)
        for take in range(n_takes)
    ]


def script(*, seed: int = 0, pause: float = 1.5) -> list[Move]:
    """All actions in another order, each at its own speed, with pauses."""
    random = np.random.default_rng(seed)
    moves, now = [], 2.0
    for label in random.permutation(ACTIONS).tolist():
        duration = float(random.uniform(1.1, 1.7))
        moves.append(Move(label, now, now + duration))
        now += duration + pause
    return moves
