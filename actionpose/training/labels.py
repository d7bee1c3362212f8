"""Labelled pictures on disk: a folder of images and one table that can be read and corrected by hand.

::

    FOLDER/labels.csv        one line per picture: image, source, time_s, reference_px, then x, y, v of each keypoint
    FOLDER/skeleton.json     what the keypoints are
    FOLDER/images/*.jpg      the pictures, whole

Deleting a line or a picture leaves it out; changing numbers corrects it. Positions are pixels of the picture, empty
where unlabelled; v is 0, 1 or 2 as in `KeypointDataset`.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from actionpose.errors import InvalidDataError
from actionpose.pose import FloatArray
from actionpose.reading import decode_json, read_bytes
from actionpose.recording.format import SkeletonRecord
from actionpose.safe_text import from_cell, to_cell
from actionpose.skeleton import Skeleton
from actionpose.training.dataset import DOUBTFUL, SURE, UNLABELLED
from actionpose.training.errors import TrainingError
from actionpose.training.pictures import describe_left_out
from actionpose.whole_file import save_whole

__all__ = ["LabelSet", "LabelledImage", "compute_reference", "load_labels", "save_labels"]

_TABLE, _SKELETON = "labels.csv", "skeleton.json"
_MAX_SKELETON_BYTES = 1 << 20
_MAX_PX = 1e10  # squared, of the largest picture's area
_LEADING = ("image", "source", "time_s", "reference_px")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledImage:
    """One picture of one body.

    Parameters
    ----------
    path : Path
        The picture.
    keypoints : array (K, 2)
        Pixels of the picture; NaN = unlabelled.
    visibility : array (K,) uint8
        0 no label, 1 doubtful, 2 sure.
    reference_px : float
        The unit that errors are measured in, pixels of the picture.
    source : str
        Where it is from.
    time : float
        Seconds in the source.
    area_px : float, optional
        Of the body's outline, pixels squared, where somebody drew it.
    size : (int, int), optional
        Width and height of the picture that was labelled, where the labels say so.

    Raises
    ------
    InvalidDataError
        If a keypoint is farther away than any picture is wide.
    """

    path: Path
    keypoints: FloatArray
    visibility: npt.NDArray[np.uint8]
    reference_px: float
    source: str = ""
    time: float = 0.0
    area_px: float | None = None
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        farthest = max(np.fmax.reduce(np.abs(self.keypoints), axis=None, initial=0.0), self.area_px or 0.0)
        if farthest > _MAX_PX:
            raise InvalidDataError(
                f"{self.path.name}: labels are pixels of the picture, got {farthest:.4g}.", hint="Correct that line."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSet:
    """Labelled pictures that share a skeleton.

    Parameters
    ----------
    skeleton : Skeleton
        Names the keypoints.
    images : sequence of LabelledImage
        The pictures.
    notes : sequence of str
        What was left out and why, a sentence each.
    has_seconds : bool
        Whether times are seconds of a video, so that a body is where it was a moment before; else they are at most an
        order.
    """

    skeleton: Skeleton
    images: Sequence[LabelledImage]
    notes: Sequence[str] = ()
    has_seconds: bool = True


def compute_reference(position: FloatArray, skeleton: Skeleton) -> float:
    """Return the length that errors are measured in: the mean of the skeleton's scale, else of the keypoints' box.

    Parameters
    ----------
    position : array (K, 2)
        Pixels; NaN = unlabelled.
    """
    pairs = np.array([(skeleton.index(a), skeleton.index(b)) for a, b in skeleton.scale or ()], dtype=int)
    if len(pairs):
        lengths = np.hypot(*(position[pairs[:, 0]] - position[pairs[:, 1]]).T)
        if np.isfinite(lengths).any():
            return max(float(np.nanmean(lengths)), 1.0)
    known = position[np.isfinite(position).all(axis=1)]
    return max(float(np.hypot(*np.ptp(known, axis=0))), 1.0) if len(known) else 1.0


def save_labels(labels: LabelSet, folder: str | Path) -> None:
    """Write table and skeleton; the pictures are where their paths say, inside `folder`."""
    folder = Path(folder)
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow([*_LEADING, *(to_cell(f"{name}_{axis}") for name in labels.skeleton.keypoints for axis in "xyv")])
    for item in labels.images:
        values: list[str | int] = []
        for (x, y), v in zip(item.keypoints, item.visibility, strict=True):
            values += [f"{x:.2f}", f"{y:.2f}", int(v)] if v else ["", "", UNLABELLED]
        path = item.path.relative_to(folder).as_posix()
        rows.writerow([to_cell(path), to_cell(item.source), f"{item.time:.3f}", f"{item.reference_px:.2f}", *values])
    save_whole(folder / _TABLE, table.getvalue().encode(), error=TrainingError)
    skeleton = msgspec.json.encode(SkeletonRecord.from_skeleton(labels.skeleton))
    save_whole(folder / _SKELETON, msgspec.json.format(skeleton, indent=2) + b"\n", error=TrainingError)


def load_labels(folder: str | Path) -> LabelSet:
    """Read a folder that `save_labels` wrote, and what was changed in it by hand since.

    Raises
    ------
    InvalidDataError
        If there is no such folder, or its table or skeleton cannot be read; the message names the line.
    """
    folder = Path(folder)
    skeleton = _load_skeleton(folder / _SKELETON)
    table = folder / _TABLE
    images: list[LabelledImage] = []
    missing: list[str] = []
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            rows.fieldnames = [from_cell(name) for name in rows.fieldnames or ()]
            expected = [*_LEADING, *(f"{name}_{axis}" for name in skeleton.keypoints for axis in "xyv")]
            absent = [name for name in expected if name not in (rows.fieldnames or ())]
            if absent:
                raise InvalidDataError(f"{table} lacks the columns {', '.join(absent[:6])}.")
            for row in rows:
                item = _read_row(row, folder, skeleton, f"{table}, line {rows.line_num}")
                if item.path.is_file():
                    images.append(item)
                else:
                    missing.append(row["image"])
    except FileNotFoundError:
        raise InvalidDataError(
            f"There is no {table}.", hint="Label pictures first: `actionpose keypoints collect VIDEO -o FOLDER`."
        ) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidDataError(f"{table} cannot be read: {error}.") from error
    n = len(images) + len(missing)
    notes = [describe_left_out(missing, n, f"pictures of {table}", "no longer there")] if missing else []
    if not images:
        raise InvalidDataError(
            " ".join([f"{table} has no picture that could be used.", *notes]),
            hint="Put them back where the table says, or collect anew.",
        )
    return LabelSet(skeleton=skeleton, images=images, notes=notes)


def _load_skeleton(path: Path) -> Skeleton:
    if not path.is_file():
        raise InvalidDataError(
            f"There is no {path}.", hint="A folder of labels is made by `actionpose keypoints collect`."
        )
    content = read_bytes(path, max_bytes=_MAX_SKELETON_BYTES, what="a skeleton")
    return decode_json(content, SkeletonRecord, where=f"{path} is not a skeleton").to_skeleton()


def _read_row(row: dict[str, str], folder: Path, skeleton: Skeleton, where: str) -> LabelledImage:
    try:
        path = folder / from_cell(row["image"])
        if not path.resolve().is_relative_to(folder.resolve()):
            raise InvalidDataError(f"{where}: the picture {row['image']!r} lies outside the folder.")
        keypoints = np.full((skeleton.n_keypoints, 2), np.nan)
        visibility = np.zeros(skeleton.n_keypoints, dtype=np.uint8)
        for i, name in enumerate(skeleton.keypoints):
            v = row[f"{name}_v"].strip()
            if row[f"{name}_x"].strip() and v != str(UNLABELLED):
                keypoints[i] = float(row[f"{name}_x"]), float(row[f"{name}_y"])
                if (said := int(v or SURE)) not in (UNLABELLED, DOUBTFUL, SURE):
                    raise ValueError(f"{name}_v must be {UNLABELLED}, {DOUBTFUL} or {SURE}, got {said}")
                visibility[i] = said
        reference, time = float(row["reference_px"]), float(row["time_s"] or 0)
        if not (math.isfinite(reference) and reference > 0 and math.isfinite(time)):
            raise ValueError("time_s and reference_px must be finite, and reference_px positive")
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        if isinstance(error, InvalidDataError):
            raise
        raise InvalidDataError(f"{where}: {error}.", hint="Correct the line, or delete it.") from error
    return LabelledImage(
        path=path,
        keypoints=keypoints,
        visibility=visibility,
        reference_px=reference,
        source=from_cell(row["source"] or ""),
        time=time,
    )
