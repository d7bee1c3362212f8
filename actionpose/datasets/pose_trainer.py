"""Pose Trainer: exercises with dumbbells, filmed and followed by OpenPose (Chen & Yang, 2018)."""

from __future__ import annotations

from pathlib import Path

from actionpose.datasets.arrays import cut_clips, draw_shots, load_arrays, make_clip
from actionpose.evaluation import ClipSet
from actionpose.skeleton import OPENPOSE_18

__all__ = ["load_pose_trainer"]

_RATE_HZ = 30.0  # not in the data; assumed


def load_pose_trainer(path: Path, *, shots: int = 1, draws: int = 20, seed: int = 0) -> list[ClipSet]:
    """Read the clips; a few of each exercise, drawn at random many times, are the templates for the others.

    Parameters
    ----------
    path : Path
        ``pose_trainer_openpose18.npz``.
    shots : int
        How many templates of each exercise.
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
    keypoints, lengths, labels = load_arrays(
        path, keypoints=("f", ("T", 18, 3)), length=("iu", ("N",)), label=("U", ("N",))
    )
    position, confidence = keypoints[..., :2], keypoints[..., 2]
    clips = [
        make_clip(str(label), clip, skeleton=OPENPOSE_18, rate_hz=_RATE_HZ, confidence=seen)
        for (clip, seen), label in zip(cut_clips(lengths, position, confidence), labels, strict=True)
    ]
    return list(draw_shots(clips, shots=shots, draws=draws, seed=seed))
