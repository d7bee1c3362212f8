"""JK2017: sessions in which people were asked for one gesture after another (Taranta et al., CHI 2017)."""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np

from actionpose.datasets.arrays import Axes, find_files, load_arrays, make_clip, pick_names
from actionpose.datasets.kinect import KINECT_21
from actionpose.errors import InvalidDataError
from actionpose.evaluation import Span, Stream
from actionpose.pose import PoseSequence
from actionpose.skeleton import Skeleton
from actionpose.template import Template

__all__ = ["LEAP_21", "load_jk2017"]

_RATE_HZ = 30.0
_BODY_TEMPLATE_S, _HAND_TEMPLATE_S = 1.33, 3.3  # not in the data; assumed for all templates
_HAND_GESTURE = "explode"  # one that bodies are never asked for
_NEVER_SHOWN = "redrum"  # asked for, but without templates

_FINGERS = [[f"{name}_{i}" for i in range(1, 5)] for name in ("thumb", "index", "middle", "ring", "pinky")]

LEAP_21 = Skeleton(
    name="leap_21",
    keypoints=["palm", *(name for finger in _FINGERS for name in finger)],
    edges=[edge for finger in _FINGERS for edge in pairwise(("palm", *finger))],
    root=("palm",),
    scale=[("palm", "middle_4")],
    angles=[(a, b, c) for finger in _FINGERS for a, b, c in zip(finger, finger[1:], finger[2:], strict=False)],
)
"""A hand as Leap Motion sees it."""


def load_jk2017(
    folder: Path,
    *,
    axes: Axes = "xyz",
    users: Collection[str] = (),
    templates: Literal["own", "other"] = "own",
    shots: int | None = None,
) -> list[Stream]:
    """Read the sessions of bodies or hands.

    Parameters
    ----------
    folder : Path
        Holds a ``user_*.npz`` for each person.
    axes : str
        ``xyz``, or ``xy`` as a camera sees it.
    users : collection of str
        Numbers of the people to take; default: all.
    templates : str
        Spot each person's gestures by templates of that person, or by those of each other one in turn.
    shots : int, optional
        How many templates of each gesture; default: all there are, two.

    Returns
    -------
    list of Stream
        The unit is who showed the templates. Requests that were repeated do not count, nor those without templates.

    Raises
    ------
    InvalidDataError
        If there is no such user, or the files are not of this data set.
    """
    paths = {path.stem.removeprefix("user_"): path for path in find_files(folder, "user_*.npz")}
    missing = sorted(set(users) - set(paths))
    if missing:
        raise InvalidDataError(f"{folder} has no user {', '.join(missing)}; it has {', '.join(paths)}.")
    people = {user: _load_person(path, axes, shots) for user, path in paths.items() if not users or user in users}
    if templates == "own":
        pairs = [(user, user) for user in people]
    else:
        pairs = [(giver, user) for giver in people for user in people if giver != user]
    return [
        Stream(
            name=user if giver == user else f"{user} by {giver}",
            unit=user if giver == user else f"templates of {giver}",
            templates=people[giver][0],
            sequence=people[user][1],
            truth=people[user][2],
            are_requests=True,
        )
        for giver, user in pairs
    ]


def _load_person(
    path: Path, axes: Axes, shots: int | None
) -> tuple[tuple[Template, ...], PoseSequence, tuple[Span, ...]]:
    names, takes, take_labels, position, expected, command = load_arrays(
        path,
        label_names=("U", ("L",)),
        template_position=("f", ("N", "P", 21, 3)),
        template_label=("iu", ("N",)),
        stream_position=("f", ("T", 21, 3)),
        stream_expected=("iu", ("T",)),
        stream_command=("iu", ("T",)),
    )
    if not len(position):
        raise InvalidDataError(f"{path} holds no frames.")
    shown = pick_names(names.tolist(), take_labels, path=path)
    is_hand = _HAND_GESTURE in shown
    skeleton, template_s = (LEAP_21, _HAND_TEMPLATE_S) if is_hand else (KINECT_21, _BODY_TEMPLATE_S)
    n_dims = len(axes)
    templates = tuple(
        make_clip(label, take[..., :n_dims], skeleton=skeleton, rate_hz=len(take) / template_s, source=path.name)
        for i, (label, take) in enumerate(zip(shown, takes, strict=True))
        if shots is None or shown[:i].count(label) < shots
    )
    stream = PoseSequence(skeleton=skeleton, time=np.arange(len(position)) / _RATE_HZ, position=position[..., :n_dims])
    starts = [0, *(np.flatnonzero(np.diff(command)) + 1).tolist()]
    labels = pick_names(names.tolist(), expected[starts], path=path)
    requests = [
        # Half a frame early, so that rounding of times never moves a report from one request to another.
        (label, (start - 0.5) / _RATE_HZ, (end - 0.5) / _RATE_HZ)
        for label, following, (start, end) in zip(
            labels, [*labels[1:], ""], pairwise([*starts, len(position)]), strict=True
        )
        if label not in (_NEVER_SHOWN, following)
    ]
    return templates, stream, tuple(requests)
