"""Labelled stretches of video: the CSV files that say which action is performed from when to when."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from actionpose.errors import InvalidDataError
from actionpose.pose import FloatArray
from actionpose.template import UNKNOWN, validate_label

__all__ = ["LabelledSpan", "load_spans", "to_seconds"]

_FRAMES = ("start_frame", "end_frame")
_SECONDS = ("start_s", "end_s")
_EXPECTED = "The columns are video, label, and either start_frame, end_frame or start_s, end_s."


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledSpan:
    """One action in one video, from `start` up to, but not including, `end`.

    Either both seconds or both frame numbers are given.

    Parameters
    ----------
    video : Path
        The video file.
    label : str
        Name of the action, or ``unknown`` for a stretch in which nothing should be recognised.
    start_s, end_s : float, optional
        Seconds from the first frame of the video.
    start_frame, end_frame : int, optional
        Frame numbers, from 0.

    Raises
    ------
    InvalidDataError
        If the span is empty, begins before the video, or is given in neither or both of the two units.
    """

    video: Path
    label: str
    start_s: float | None = None
    end_s: float | None = None
    start_frame: int | None = None
    end_frame: int | None = None

    def __post_init__(self) -> None:
        given = [pair for pair in (_SECONDS, _FRAMES) if all(getattr(self, name) is not None for name in pair)]
        if len(given) != 1:
            raise InvalidDataError(
                f"Expected a start and an end for {self.label!r}, in seconds or in frames but not both."
            )
        start, end = (getattr(self, name) for name in given[0])
        if not (0 <= start < end and math.isfinite(end)):
            raise InvalidDataError(f"Expected 0 <= {given[0][0]} < {given[0][1]}, got {start} and {end}.")


def load_spans(path: str | Path) -> list[LabelledSpan]:
    """Read labelled spans from a CSV file with a header line.

    The columns are ``video``, ``label`` and either ``start_frame``, ``end_frame`` or ``start_s``, ``end_s``,
    in any order; others are ignored. Commas, semicolons (then with a decimal comma or point) or tabs
    separate them.

    Parameters
    ----------
    path : str or Path
        The CSV file. Videos are looked for relative to its folder.

    Returns
    -------
    list of LabelledSpan
        In the order of the file; empty lines are skipped.

    Raises
    ------
    InvalidDataError
        If the file cannot be read or holds no span, or a value is not what its column needs; the message
        names the line and the column.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidDataError(
            f"Cannot read the spans file {path}: {error.strerror}.", hint="Check the path of the CSV file."
        ) from None
    except UnicodeDecodeError:
        raise InvalidDataError(
            f"{path} is not UTF-8 text.", hint="Expected a CSV file; a spreadsheet saves one as “CSV UTF-8”."
        ) from None
    header = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=header.count)
    rows = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    columns: list[str] | None = None
    spans: list[LabelledSpan] = []
    try:
        for row in rows:
            values = [value.strip() for value in row]
            if not any(values):
                continue
            if columns is None:
                columns = _check_columns([name.lower() for name in values], where=f"{path}, line {rows.line_num}")
                continue
            cells = dict(zip_longest(columns, values[: len(columns)], fillvalue=""))
            if delimiter == ";":
                cells |= {name: cells[name].replace(",", ".") for name in _SECONDS if name in cells}
            spans.append(_parse_row(cells, folder=path.parent, where=f"{path}, line {rows.line_num}"))
    except csv.Error as error:
        raise InvalidDataError(f"{path}, line {rows.line_num}: not CSV ({error}).", hint=_EXPECTED) from None
    if not spans:
        raise InvalidDataError(f"{path} holds no spans.", hint=f"Expected a header and one line per span. {_EXPECTED}")
    return spans


def to_seconds(span: LabelledSpan, frame_times: FloatArray) -> tuple[float, float]:
    """Return the start and end of a span in seconds.

    Parameters
    ----------
    span : LabelledSpan
        In seconds or frames.
    frame_times : array (T,)
        Time of every frame of the video, seconds.

    Returns
    -------
    (float, float)
        Half-open, as the span is. A span up to the end of the video ends one frame after its last frame.

    Raises
    ------
    InvalidDataError
        If the video is shorter than the span.
    """
    if span.start_s is not None and span.end_s is not None:
        return span.start_s, span.end_s
    assert span.start_frame is not None
    assert span.end_frame is not None
    n_frames = len(frame_times)
    if span.end_frame > n_frames:
        raise InvalidDataError(
            f"The span of {span.label!r}, frames {span.start_frame} to {span.end_frame}, does not fit "
            f"{span.video.name}, which has {n_frames} frames.",
            hint="Frames count from 0, and end_frame may be at most the number of frames.",
        )
    if span.end_frame < n_frames:
        end = float(frame_times[span.end_frame])
    else:
        step = (frame_times[-1] - frame_times[0]) / (n_frames - 1) if n_frames > 1 else 0.0
        end = float(frame_times[-1] + step)
    return float(frame_times[span.start_frame]), end


def _check_columns(columns: list[str], *, where: str) -> list[str]:
    missing = [name for name in ("video", "label") if name not in columns]
    if missing:
        raise InvalidDataError(f"{where}: the header has no column {' or '.join(missing)}.", hint=_EXPECTED)
    n_pairs = sum(set(pair) <= set(columns) for pair in (_FRAMES, _SECONDS))
    if n_pairs != 1:
        found = "both" if n_pairs else "neither"
        raise InvalidDataError(
            f"{where}: expected the columns start_frame, end_frame or start_s, end_s, found {found}.",
            hint=_EXPECTED,
        )
    repeated = sorted({name for name in columns if name and columns.count(name) > 1})
    if repeated:
        raise InvalidDataError(f"{where}: the header names a column twice: {', '.join(repeated)}.", hint=_EXPECTED)
    return columns


def _parse_row(cells: Mapping[str, str], *, folder: Path, where: str) -> LabelledSpan:
    label = cells.get("label", "")
    if not cells.get("video"):
        raise InvalidDataError(f"{where}, column video: expected the path of a video, found nothing.")
    bounds: dict[str, Any]
    if set(_FRAMES) <= set(cells):
        bounds = {name: _parse_number(int, "a whole number", cells, name, where=where) for name in _FRAMES}
    else:
        bounds = {name: _parse_number(float, "a number of seconds", cells, name, where=where) for name in _SECONDS}
    try:
        label = label if label == UNKNOWN else validate_label(label)
    except InvalidDataError as error:
        raise InvalidDataError(f"{where}, column label: {error.message}", hint=error.hint) from None
    try:
        return LabelledSpan(video=folder / cells["video"], label=label, **bounds)
    except InvalidDataError as error:
        raise InvalidDataError(f"{where}, columns {' and '.join(bounds)}: {error.message}") from None


def _parse_number(
    kind: type[int] | type[float], expected: str, cells: Mapping[str, str], name: str, *, where: str
) -> float:
    text = cells.get(name, "")
    try:
        return kind(text)
    except ValueError:
        found = repr(text) if text else "nothing"
        raise InvalidDataError(f"{where}, column {name}: expected {expected}, found {found}.") from None
