"""Skeletons of the two Kinects."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from actionpose.skeleton import Skeleton

__all__ = ["KINECT_20", "KINECT_21", "make_kinect_skeleton"]

_ARM = ("shoulder", "elbow", "wrist", "hand")
_LEG = ("hip", "knee", "ankle", "foot")


def _both_sides(*chain: str) -> list[tuple[str, ...]]:
    return [tuple(f"{side}_{name}" for name in chain) for side in ("left", "right")]


_LIMBS = [name for chain in (*_both_sides(*_ARM), *_both_sides(*_LEG)) for name in chain]


def make_kinect_skeleton(name: str, keypoints: Sequence[str], *, spine: Sequence[str]) -> Skeleton:
    """Make a skeleton of a body with four limbs of four joints on a spine.

    Parameters
    ----------
    name : str
        Its name.
    keypoints : sequence of str
        In the order of the data.
    spine : sequence of str
        From the hips up; the last but one, or last but two where there is a neck, joins the shoulders.
    """
    hips, shoulders = spine[0], next(n for n in spine if "shoulder" in n)
    return Skeleton(
        name=name,
        keypoints=keypoints,
        edges=[
            *pairwise(spine),
            *(edge for chain in (*_both_sides(*_ARM), *_both_sides(*_LEG)) for edge in pairwise(chain)),
            *((shoulders, f"{side}_shoulder") for side in ("left", "right")),
            *((hips, f"{side}_hip") for side in ("left", "right")),
        ],
        root=("left_hip", "right_hip"),
        scale=[(hips, shoulders)],
        angles=[
            (a, b, c)
            for a, b, c in (
                *_both_sides("shoulder", "elbow", "wrist"),
                *_both_sides("elbow", "shoulder", "hip"),
                *_both_sides("hip", "knee", "ankle"),
                *_both_sides("shoulder", "hip", "knee"),
                *((shoulders, *chain) for chain in _both_sides("shoulder", "elbow")),
                *((hips, *chain) for chain in _both_sides("hip", "knee")),
            )
        ],
    )


KINECT_21 = make_kinect_skeleton(
    "kinect_21",
    ["spine_base", "spine_mid", "neck", "head", *_LIMBS, "spine_shoulder"],
    spine=("spine_base", "spine_mid", "spine_shoulder", "neck", "head"),
)
"""Kinect v2 without hand tips and thumbs."""

KINECT_20 = make_kinect_skeleton(
    "kinect_20",
    ["hip_center", "spine", "shoulder_center", "head", *_LIMBS],
    spine=("hip_center", "spine", "shoulder_center", "head"),
)
"""Kinect v1."""
