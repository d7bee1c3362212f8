"""NATOPS: six signals of aircraft handling, hands and arms alone (Song, Demirdjian & Davis, FG 2011)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from actionpose.datasets.arrays import Axes, load_arrays, make_clip, pick_names
from actionpose.errors import InvalidDataError
from actionpose.evaluation import ClipSet
from actionpose.pose import FloatArray
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
    train, train_labels, test, test_labels = load_arrays(
        path,
        train=("f", ("N", "T", 24)),
        train_label=("U", ("N",)),
        test=("f", ("M", "U", 24)),
        test_label=("U", ("M",)),
    )
    n_dims = len(axes)
    return [
        ClipSet(
            name="given split",
            templates=_make_clips(train, _read_labels(train_labels, path), n_dims),
            clips=_make_clips(test, _read_labels(test_labels, path), n_dims),
        )
    ]


def _read_labels(labels: npt.NDArray[np.str_], path: Path) -> list[str]:
    """Return the signal of each label: the file has their numbers as texts, ``"1.0"`` to ``"6.0"``."""
    try:
        numbers = labels.astype(np.float64)
    except ValueError as error:
        raise InvalidDataError(f"{path}: labels are numbers in this data set; {error}.") from None
    if not np.isfinite(numbers).all():
        raise InvalidDataError(f"{path}: labels are numbers in this data set, not {numbers.max()}.")
    return pick_names(_SIGNALS, numbers, path=path, first=1)


def _make_clips(values: FloatArray, labels: Sequence[str], n_dims: int) -> tuple[Template, ...]:
    position = values.reshape(*values.shape[:2], NATOPS_8.n_keypoints, 3)[..., :n_dims]
    return tuple(
        make_clip(label, clip, skeleton=NATOPS_8, rate_hz=_RATE_HZ)
        for clip, label in zip(position, labels, strict=True)
    )
