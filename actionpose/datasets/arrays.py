"""What the adapters share: reading arrays, cutting clips, drawing the few clips that serve as templates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from actionpose.errors import InvalidDataError
from actionpose.evaluation import ClipSet
from actionpose.pose import FloatArray, PoseSequence
from actionpose.skeleton import Skeleton
from actionpose.template import Template

__all__ = ["Axes", "cut_clips", "draw_shots", "find_files", "hide_zeros", "make_clip", "read_arrays"]

Axes = Literal["xyz", "xy"]


def read_arrays(path: Path, *names: str) -> tuple[npt.NDArray[Any], ...]:
    """Read arrays of an ``.npz`` file; nothing in it is ever executed.

    Raises
    ------
    InvalidDataError
        If the file cannot be read or lacks an array.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            missing = [name for name in names if name not in arrays]
            if missing:
                raise InvalidDataError(
                    f"{path} has no array {', '.join(missing)}; it has {', '.join(arrays)}.",
                    hint="Check that it is the data set you named.",
                )
            return tuple(arrays[name] for name in names)
    except (OSError, ValueError, BadZipFile, AttributeError, TypeError) as error:
        if isinstance(error, InvalidDataError):
            raise
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not an .npz file"
        raise InvalidDataError(f"Cannot read {path}: {reason}.", hint="Check the path.") from None


def find_files(folder: Path, pattern: str) -> list[Path]:
    """Return the files of a folder that fit a pattern, in order.

    Raises
    ------
    InvalidDataError
        If there is none.
    """
    found = sorted(folder.glob(pattern)) if folder.is_dir() else []
    if not found:
        raise InvalidDataError(f"{folder} holds no {pattern}.", hint="Give the folder that holds the data set's files.")
    return found


def hide_zeros(position: npt.ArrayLike) -> FloatArray:
    """Return positions (..., D) in which those that are 0 in every coordinate, which means not seen, are NaN."""
    position = np.asarray(position, dtype=np.float64)
    return np.where((position == 0).all(axis=-1, keepdims=True), np.nan, position)


def cut_clips(lengths: npt.NDArray[Any], *arrays: npt.NDArray[Any]) -> list[tuple[npt.NDArray[Any], ...]]:
    """Cut arrays in which clips follow each other into those of each clip."""
    bounds = [0, *np.cumsum(lengths).tolist()]
    return [tuple(array[start:end] for array in arrays) for start, end in pairwise(bounds)]


def make_clip(
    label: str,
    position: FloatArray,
    *,
    skeleton: Skeleton,
    rate_hz: float,
    confidence: FloatArray | None = None,
    **provenance: str,
) -> Template:
    """Make a labelled clip of frames at an even rate."""
    sequence = PoseSequence(skeleton=skeleton, time=np.arange(len(position)) / rate_hz, position=position)
    if confidence is not None:
        sequence = replace(sequence, confidence=confidence)
    return Template.from_sequence(label, sequence, provenance=provenance)


def draw_shots(clips: Sequence[Template], *, shots: int, draws: int, seed: int) -> Iterator[ClipSet]:
    """Draw a few clips of each label to serve as templates for all the others, many times.

    Raises
    ------
    InvalidDataError
        If a label has not more clips than are drawn.
    """
    of_label = {label: [c for c in clips if c.label == label] for label in sorted({c.label for c in clips})}
    scarce = [label for label, found in of_label.items() if len(found) <= shots]
    if scarce:
        raise InvalidDataError(f"Expected more than {shots} clips of every label; {', '.join(scarce)} has not as many.")
    random = np.random.default_rng(seed)
    for draw in range(draws):
        templates = [
            found[i] for found in of_label.values() for i in random.choice(len(found), size=shots, replace=False)
        ]
        drawn = {template.id for template in templates}
        yield ClipSet(
            name=f"draw {draw + 1}",
            templates=tuple(templates),
            clips=tuple(clip for clip in clips if clip.id not in drawn),
        )
