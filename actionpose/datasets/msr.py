"""MSR-Action3D: clips of twenty actions by ten people (Li, Zhang & Liu, CVPRW 2010)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from actionpose.datasets.arrays import Axes, cut_clips, hide_zeros, load_arrays, make_clip, pick_names
from actionpose.datasets.kinect import make_kinect_skeleton
from actionpose.evaluation import ClipSet

__all__ = ["MSR_20", "load_msr"]

_RATE_HZ = 15.0
_TRAIN_SUBJECTS = (1, 3, 5, 7, 9)
_ACTIONS = (
    "high arm wave", "horizontal arm wave", "hammer", "hand catch", "forward punch", "high throw", "draw x",
    "draw tick", "draw circle", "hand clap", "two hand wave", "side boxing", "bend", "forward kick", "side kick",
    "jogging", "tennis swing", "tennis serve", "golf swing", "pick up and throw",
)  # fmt: skip

# Not Kinect v1's own order: bone lengths show these neighbours, and the arm that waves is the right one.
MSR_20 = make_kinect_skeleton(
    "msr_20",
    [
        *("left_shoulder", "right_shoulder", "shoulder_center", "spine", "left_hip", "right_hip", "hip_center"),
        *(
            f"{side}_{name}"
            for name in ("elbow", "wrist", "hand", "knee", "ankle", "foot")
            for side in ("left", "right")
        ),
        "head",
    ],
    spine=("hip_center", "spine", "shoulder_center", "head"),
)
"""The joints of Kinect v1 in the order of this data set."""


def load_msr(path: Path, *, axes: Axes = "xyz") -> list[ClipSet]:
    """Read the cross-subject test: templates of subjects 1, 3, 5, 7 and 9, clips of the others.

    Parameters
    ----------
    path : Path
        ``msr_action3d.npz``.
    axes : str
        ``xyz``, or ``xy`` as a camera sees it.

    Returns
    -------
    list of ClipSet
        One. Clips in which nobody was tracked are left out.

    Raises
    ------
    InvalidDataError
        If the file is not of this data set.
    """
    position, lengths, labels, subjects = load_arrays(
        path, position=("f", ("T", 20, 3)), length=("iu", ("N",)), label=("iu", ("N",)), subject=("iu", ("N",))
    )
    position = hide_zeros(position)[..., : len(axes)]
    clips = [
        make_clip(label, clip, skeleton=MSR_20, rate_hz=_RATE_HZ, person=f"subject {subject}")
        for (clip,), label, subject in zip(
            cut_clips(lengths, position), pick_names(_ACTIONS, labels, path=path, first=1), subjects, strict=True
        )
        if not np.isnan(clip).all()
    ]
    train = {f"subject {subject}" for subject in _TRAIN_SUBJECTS}
    return [
        ClipSet(
            name="cross-subject",
            templates=tuple(clip for clip in clips if clip.provenance["person"] in train),
            clips=tuple(clip for clip in clips if clip.provenance["person"] not in train),
        )
    ]
