"""UTKinect-Action3D: five people, ten actions in two recordings each (Xia, Chen & Aggarwal, CVPRW 2012)."""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
from pathlib import Path

import numpy as np

from actionpose.datasets.arrays import Axes, find_files, hide_zeros, load_arrays
from actionpose.datasets.kinect import KINECT_20
from actionpose.errors import InvalidDataError
from actionpose.evaluation import Span, Stream
from actionpose.pose import PoseSequence
from actionpose.template import Template

__all__ = ["load_utkinect"]

_RATE_HZ = 30.0  # of the frame numbers; the frames themselves have gaps
_LEAST_BACKGROUND_S = 0.5


def load_utkinect(
    folder: Path, *, axes: Axes = "xyz", users: Collection[str] = (), background: bool = False
) -> list[Stream]:
    """Read both recordings of each person, each to be spotted in by templates cut from the other.

    Parameters
    ----------
    folder : Path
        Holds ``s01_e01.npz`` and so on.
    axes : str
        ``xyz``, or ``xy`` as a camera sees it.
    users : collection of str
        People to take, such as ``s01``; default: all.
    background : bool
        Calibrate on what is between the actions of the recording that the templates come from.

    Returns
    -------
    list of Stream
        The unit is the person.

    Raises
    ------
    InvalidDataError
        If there is no such person, or the files are not of this data set.
    """
    recordings: dict[str, list[Path]] = {}
    for path in find_files(folder, "s*_e*.npz"):
        recordings.setdefault(path.stem.partition("_")[0], []).append(path)
    missing = sorted(set(users) - set(recordings))
    if missing:
        raise InvalidDataError(f"{folder} has no user {', '.join(missing)}; it has {', '.join(recordings)}.")
    streams = []
    for user, paths in recordings.items():
        if users and user not in users:
            continue
        loaded = {path: _load_recording(path, axes) for path in paths}
        for path, (sequence, spans) in loaded.items():
            others = [recording for other, recording in loaded.items() if other != path]
            streams.append(
                Stream(
                    name=path.stem,
                    unit=user,
                    templates=tuple(template for other in others for template in _cut_templates(*other)),
                    sequence=sequence,
                    truth=spans,
                    background=tuple(part for other in others for part in _cut_background(*other))
                    if background
                    else (),
                )
            )
    return streams


def _load_recording(path: Path, axes: Axes) -> tuple[PoseSequence, tuple[Span, ...]]:
    frame, position, labels, starts, ends = load_arrays(
        path,
        frame=("iu", ("T",)),
        position=("f", ("T", 20, 3)),
        span_label=("U", ("N",)),
        span_start=("iu", ("N",)),
        span_end=("iu", ("N",)),
    )
    sequence = PoseSequence(skeleton=KINECT_20, time=frame / _RATE_HZ, position=hide_zeros(position)[..., : len(axes)])
    spans = zip(labels.tolist(), (starts / _RATE_HZ).tolist(), (ends / _RATE_HZ).tolist(), strict=True)
    return sequence, tuple(sorted(spans, key=lambda span: span[1]))


def _cut_templates(sequence: PoseSequence, spans: tuple[Span, ...]) -> list[Template]:
    return [Template.from_sequence(label, sequence.between(start, end)) for label, start, end in spans]


def _cut_background(sequence: PoseSequence, spans: tuple[Span, ...]) -> list[PoseSequence]:
    edges = [(0.0, 0.0), *((start, end) for _, start, end in spans), (np.inf, np.inf)]
    between = [sequence.between(end, start) for (_, end), (start, _) in pairwise(edges) if start > end]
    return [part for part in between if part.duration >= _LEAST_BACKGROUND_S]
