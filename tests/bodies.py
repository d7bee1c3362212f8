"""A standing body that waves or squats, as keypoints: what recordings are made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from actionpose.pose import FloatArray, PoseSequence
from actionpose.skeleton import COCO_17

ARM = COCO_17.indices(["right_elbow", "right_wrist"])
LEGS = COCO_17.indices([f"{side}_{joint}" for side in ("left", "right") for joint in ("hip", "knee", "ankle")])
BODY = np.array(
    [[0, -60], [3, -63], [-3, -63], [6, -60], [-6, -60], [18, -45], [-18, -45], [25, -22], [-25, -22],
     [27, 0], [-27, 0], [11, 0], [-11, 0], [12, 40], [-12, 40], [12, 80], [-12, 80]], dtype=float,
)  # fmt: skip


def body(
    active: tuple[float, float] | None = (1.0, 2.5),
    *,
    duration: float = 4.0,
    rate_hz: float = 30.0,
    noise: float = 0.003,
    move: str = "wave",
    seed: int = 0,
    scale: float = 3.0,
    **changes: Any,
) -> PoseSequence:
    """A standing body, seen at 640 x 480, that moves its right arm or squats during `active`."""
    random = np.random.default_rng(seed)
    time = np.arange(round(duration * rate_hz)) / rate_hz
    position = np.repeat(BODY[None], len(time), axis=0)
    if active is not None:
        phase = np.clip((time - active[0]) / (active[1] - active[0]), 0, 1)
        if move == "wave":
            lift = np.sin(np.pi * phase) ** 0.5
            position[:, ARM, 1] -= np.outer(lift, [30, 75])
            position[:, ARM[1], 0] += 15 * lift * np.sin(6 * np.pi * phase)
        else:
            position[:, :13, 1] += 30 * np.sin(np.pi * phase)[:, None]
    position += random.normal(scale=noise * 45, size=position.shape)
    return PoseSequence(skeleton=COCO_17, time=time, position=position * scale + [320, 240], **changes)


def with_confidence(sequence: PoseSequence, keypoints: list[int], values: FloatArray | float) -> PoseSequence:
    confidence = sequence.confidence.copy()
    confidence[:, keypoints] = values if np.isscalar(values) else np.asarray(values)[:, None]
    return PoseSequence(
        skeleton=sequence.skeleton, time=sequence.time, position=sequence.position, confidence=confidence
    )
