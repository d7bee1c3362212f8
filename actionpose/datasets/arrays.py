"""What the adapters share: reading arrays, cutting clips, drawing the few clips that serve as templates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from actionpose.errors import InvalidDataError
from actionpose.evaluation import ClipSet
from actionpose.pose import FloatArray, PoseSequence
from actionpose.reading import ArrayLayout, read_arrays
from actionpose.skeleton import Skeleton
from actionpose.template import Template

__all__ = ["Axes", "cut_clips", "draw_shots", "find_files", "hide_zeros", "load_arrays", "make_clip", "pick_names"]

Axes = Literal["xyz", "xy"]


def load_arrays(path: Path, **layouts: tuple[str, tuple[int | str, ...]]) -> tuple[npt.NDArray[Any], ...]:
    """Read arrays of an ``.npz`` file, each given with the kinds and the shape of an `ArrayLayout`; floats as float64.

    Raises
    ------
    InvalidDataError
        If the file cannot be read, lacks an array, or has another in its place.
    """
    found = read_arrays(
        path,
        {name: ArrayLayout(kinds, shape) for name, (kinds, shape) in layouts.items()},
        what="of this data set",
        hint="Check the path, and that it is the data set you named.",
    )
    return tuple(array.astype(np.float64) if array.dtype.kind == "f" else array for array in found.values())


def pick_names(names: Sequence[str], numbers: npt.ArrayLike, *, path: Path, first: int = 0) -> list[str]:
    """Return the name of each number, counted from `first`.

    Raises
    ------
    InvalidDataError
        If there is no such name.
    """
    indices = np.asarray(numbers).astype(np.int64) - first
    if ((indices < 0) | (indices >= len(names))).any():
        raise InvalidDataError(f"{path} has labels beyond the {len(names)} of this data set.")
    return [str(names[i]) for i in indices.tolist()]


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
    """Cut arrays in which clips follow each other into those of each clip.

    Raises
    ------
    InvalidDataError
        If the lengths do not add up to those of the arrays.
    """
    # Compared one by one first: a sum of wild numbers may overflow to the right one.
    if (lengths < 1).any() or (lengths > len(arrays[0])).any() or lengths.sum() != len(arrays[0]):
        raise InvalidDataError(f"The clips' lengths do not add up to {len(arrays[0])} frames.")
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
    time = np.arange(len(position)) / rate_hz
    sequence = PoseSequence(
        skeleton=skeleton,
        time=time,
        position=position,
        confidence=confidence,  # type: ignore[arg-type]
    )
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
