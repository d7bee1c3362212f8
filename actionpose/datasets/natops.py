"""NATOPS: six signals of aircraft handling, hands and arms alone (Song, Demirdjian & Davis, FG 2011)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from actionpose.datasets.arrays import Axes, make_clip, read_arrays
from actionpose.evaluation import ClipSet
from actionpose.skeleton import Skeleton
from actionpose.template import Template

__all__ = ["NATOPS_8", "load_natops"]

_RATE_HZ = 20.0
_SIDES = ("left", "right")
_SIGNALS = ("i have command", "all clear", "not clear", "spread wings", "fold wings", "lock wings")

NATOPS_8 = Skeleton(
    name="natops_8",
    keypoints=[f"{side}_{name}" for name in ("hand", "elbow", "wrist", "thumb") for side in _SIDES],
    edges=[
        (f"{side}_{a}", f"{side}_{b}")
        for side in _SIDES
        for a, b in (("elbow", "wrist"), ("wrist", "hand"), ("wrist", "thumb"))
    ],
)
"""Hands, elbows, wrists and thumbs."""


def load_natops(path: Path, *, axes: Axes = "xyz") -> list[ClipSet]:
    """Read the given split into templates and clips.

    Parameters
    ----------
    path : Path
        ``natops.npz``.
    axes : str
        ``xyz``, or ``xy`` as a camera sees it.

    Returns
    -------
    list of ClipSet
        One.

    Raises
    ------
    InvalidDataError
        If the file is not of this data set.
    """
    train, train_labels, test, test_labels = read_arrays(path, "train", "train_label", "test", "test_label")
    n_dims = len(axes)
    return [
        ClipSet(
            name="given split",
            templates=_make_clips(train, train_labels, n_dims),
            clips=_make_clips(test, test_labels, n_dims),
        )
    ]


def _make_clips(values: npt.NDArray[np.float32], labels: npt.NDArray[np.str_], n_dims: int) -> tuple[Template, ...]:
    position = values.reshape(*values.shape[:2], NATOPS_8.n_keypoints, 3)[..., :n_dims]
    return tuple(
        make_clip(_SIGNALS[int(float(label)) - 1], clip, skeleton=NATOPS_8, rate_hz=_RATE_HZ)
        for clip, label in zip(position, labels, strict=True)
    )
