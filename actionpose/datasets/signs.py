"""Three signs as MediaPipe Holistic saw them, with hands that come and go."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from actionpose.datasets.arrays import Axes, draw_shots, hide_zeros, load_arrays, make_clip
from actionpose.evaluation import ClipSet
from actionpose.skeleton import BLAZEPOSE_33, HAND_21, Skeleton

__all__ = ["HOLISTIC_75", "load_signs"]

_RATE_HZ = 20.0  # not in the data; assumed
_SIDES = ("left", "right")

HOLISTIC_75 = Skeleton(
    name="holistic_75",
    keypoints=[*BLAZEPOSE_33.keypoints, *(f"{side}_hand_{name}" for side in _SIDES for name in HAND_21.keypoints)],
    edges=[
        *BLAZEPOSE_33.edges,
        *((f"{side}_hand_{a}", f"{side}_hand_{b}") for side in _SIDES for a, b in HAND_21.edges),
        *((f"{side}_wrist", f"{side}_hand_wrist") for side in _SIDES),
    ],
    angles=[
        *(BLAZEPOSE_33.angles or ()),
        *(
            (f"{side}_hand_{a}", f"{side}_hand_{b}", f"{side}_hand_{c}")
            for side in _SIDES
            for a, b, c in HAND_21.angles or ()
        ),
    ],
)
"""A body and its two hands."""


def load_signs(path: Path, *, axes: Axes = "xyz", shots: int = 1, draws: int = 20, seed: int = 0) -> list[ClipSet]:
    """Read the clips; a few of each sign, drawn at random many times, are the templates for the others.

    Parameters
    ----------
    path : Path
        ``mediapipe_signs.npz``.
    axes : str
        ``xyz``, or ``xy`` as a camera sees it.
    shots : int
        How many templates of each sign.
    draws : int
        How often they are drawn.
    seed : int
        Of the draws.

    Returns
    -------
    list of ClipSet
        One for each draw.

    Raises
    ------
    InvalidDataError
        If the file is not of this data set, or has not enough clips.
    """
    pose, left, right, labels = load_arrays(
        path,
        pose=("f", ("N", "T", 33, 4)),
        left_hand=("f", ("N", "T", 21, 3)),
        right_hand=("f", ("N", "T", 21, 3)),
        label=("U", ("N",)),
    )
    hands = np.concatenate([left, right], axis=2)
    # A hand's depth counts from its wrist, whose own is that of the body's wrist.
    wrists = pose[:, :, BLAZEPOSE_33.indices(f"{side}_wrist" for side in _SIDES), 2:3]
    depth = np.repeat(wrists, HAND_21.n_keypoints, axis=2)
    hands = hide_zeros(hands) + np.concatenate([np.zeros((*depth.shape[:-1], 2)), depth], axis=-1)
    position = np.concatenate([hide_zeros(pose[..., :3]), hands], axis=2)[..., : len(axes)]
    confidence = np.concatenate([pose[..., 3], np.ones(hands.shape[:-1])], axis=2)
    clips = [
        make_clip(str(label), clip, skeleton=HOLISTIC_75, rate_hz=_RATE_HZ, confidence=seen)
        for clip, seen, label in zip(position, confidence, labels, strict=True)
    ]
    return list(draw_shots(clips, shots=shots, draws=draws, seed=seed))
