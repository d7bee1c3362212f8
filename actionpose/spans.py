"""Labelled stretches of video: the CSV files that say which action is performed, or was recognised, from when to when.

There is one schema, read and written: ``video``, ``label``, ``start_s`` and ``end_s``, and columns that readers ignore.
"""

from __future__ import annotations

import codecs
import csv
import io
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, TextIO

from actionpose.decision import ActionEvent
from actionpose.errors import InvalidDataError
from actionpose.pose import FloatArray
from actionpose.safe_text import from_cell, to_cell
from actionpose.template import UNKNOWN, is_unknown, validate_label

__all__ = ["LabelledSpan", "load_spans", "load_spans_of", "parse_seconds", "to_seconds", "write_events"]

_FRAMES = ("start_frame", "end_frame")
_SECONDS = ("start_s", "end_s")
_OTHER_NAMES = {"start_time": "start_s", "end_time": "end_s"}  # of columns, in files of before there was one schema
_WRITTEN = ("video", "label", *_SECONDS, "report_s", "distance", "threshold", "template", "person", "repetitions")
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


def load_spans(path: str | Path, *, video: str | Path | None = None) -> list[LabelledSpan]:
    """Read labelled spans from a CSV file with a header line.

    The columns are ``video``, ``label`` and either ``start_frame``, ``end_frame`` or ``start_s``, ``end_s``
    (``start_time``, ``end_time`` mean the same), in any order; others are ignored. Commas, semicolons or tabs separate
    them; numbers have a decimal point or comma; seconds may be written ``mm:ss`` or ``hh:mm:ss``, too, and frames
    ``53.0``. Paths are separated by slashes or backslashes.

    Parameters
    ----------
    path : str or Path
        The CSV file, UTF-8, or UTF-16 as spreadsheets write it. Videos are looked for relative to its folder.
    video : str or Path, optional
        What a file without a column ``video`` is about. Default: the file must have one.

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
    text = _read(path)
    # Spreadsheets may say in a line of its own what separates the columns.
    said = re.match(r"\s*sep=([,;\t])\s*?(?=\n)", text, re.IGNORECASE)
    text = text[said.end() :] if said else text
    header = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = said[1] if said else max(",;\t", key=header.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    columns: list[str] | None = None
    spans: list[LabelledSpan] = []
    try:
        for row in rows:
            values = [value.strip() for value in row]
            if not any(values):
                continue
            where = f"{path}, line {rows.line_num}"
            if columns is None:
                columns = _read_columns(values, needs_video=video is None, where=where)
                continue
            if any(value.isdecimal() for value in values[len(columns) :]):  # else a remark, which may hold commas
                raise InvalidDataError(
                    f"{where}: expected a value for each of the {len(columns)} columns, found {len(values)} values.",
                    hint="Where commas separate the columns, a number with a decimal comma stands in quotes.",
                )
            cells = dict(zip_longest(columns, values[: len(columns)], fillvalue=""))
            spans.append(_parse_row(cells, folder=path.parent, video=video, where=where))
    except csv.Error as error:
        raise InvalidDataError(f"{path}, line {rows.line_num}: not CSV ({error}).", hint=_EXPECTED) from None
    if not spans:
        raise InvalidDataError(f"{path} holds no spans.", hint=f"Expected a header and one line per span. {_EXPECTED}")
    return spans


def load_spans_of(path: str | Path, video: str | Path) -> list[LabelledSpan]:
    """Read the spans of one video: those of its path, else those of its file name, wherever it lies.

    Parameters
    ----------
    path : str or Path
        The CSV file, see `load_spans`. All of a file without a column ``video`` is about this one.
    video : str or Path
        The video.

    Returns
    -------
    list of LabelledSpan
        Empty if the file is about other videos.

    Raises
    ------
    InvalidDataError
        As `load_spans` does.
    """
    of_name = [span for span in load_spans(path, video=video) if span.video.name == Path(video).name]
    of_path = [span for span in of_name if _is_same(span.video, Path(video))]
    return of_path or of_name


def write_events(file: TextIO, events: Iterable[ActionEvent], *, video: str | Path, folder: str | Path = ".") -> None:
    """Write what was recognised as a CSV file that `load_spans` reads.

    After the columns it reads there are ``report_s``, ``distance``, ``threshold``, ``template`` (its id), ``person``
    (the track) and ``repetitions``. Seconds are to the millisecond.

    Parameters
    ----------
    file : text file
        Where to.
    events : iterable of ActionEvent
        Of one video.
    video : str or Path
        What they were recognised in. A path is written relative to `folder`, with slashes; a text, such as the name
        of a camera, as it is.
    folder : str or Path
        Where the file will lie.
    """
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(_WRITTEN)
    name = to_cell(_relative_to(folder, video) if isinstance(video, Path) else video)
    for event in events:
        seconds = (round(time, 3) for time in (event.start_time, event.end_time, event.report_time))
        measures = (round(event.distance, 4), round(event.threshold, 4))
        rows.writerow(
            [name, to_cell(event.label), *seconds, *measures, event.template_id, event.track_id, event.repetitions]
        )


def parse_seconds(text: str) -> float:
    """Return the seconds of a text such as ``12.5``, ``12,5``, ``1:02.5`` or ``00:01:02``.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    *larger, seconds = text.strip().split(":")
    if not larger:
        return _parse_decimal(seconds)
    parts = [*map(int, larger), _parse_decimal(seconds)]
    if len(parts) > 3 or not all(0 <= part < 60 for part in parts[1:]) or not larger[0].isdigit():
        raise ValueError(f"not a time: {text!r}")
    return float(sum(part * 60.0**power for power, part in enumerate(reversed(parts))))


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


def _read(path: Path) -> str:
    try:
        content = path.read_bytes()
        is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return content.decode("utf-16" if is_utf16 else "utf-8-sig")
    except OSError as error:
        raise InvalidDataError(
            f"Cannot read the spans file {path}: {error.strerror}.", hint="Check the path of the CSV file."
        ) from None
    except UnicodeDecodeError:
        raise InvalidDataError(
            f"{path} is not UTF-8 text.", hint="Expected a CSV file; a spreadsheet saves one as “CSV UTF-8”."
        ) from None


def _is_same(a: Path, b: Path) -> bool:
    try:
        return a.resolve() == b.resolve()
    except OSError:  # a loop of links
        return False


def _relative_to(folder: str | Path, video: Path) -> str:
    try:
        return Path(os.path.relpath(video, folder)).as_posix()
    except ValueError:  # on another drive
        return video.absolute().as_posix()


def _read_columns(header: Sequence[str], *, needs_video: bool, where: str) -> list[str]:
    names = (re.sub(r"\s+", "_", name.lower()) for name in header)
    columns = [_OTHER_NAMES.get(name, name) for name in names]
    missing = [name for name in ("video", "label")[not needs_video :] if name not in columns]
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


def _parse_row(cells: Mapping[str, str], *, folder: Path, video: str | Path | None, where: str) -> LabelledSpan:
    label = from_cell(cells.get("label", ""))
    if "video" in cells:
        if not cells["video"]:
            raise InvalidDataError(f"{where}, column video: expected the path of a video, found nothing.")
        video = folder / from_cell(cells["video"]).replace("\\", "/")  # of a file that was written on Windows
    assert video is not None
    bounds: dict[str, Any]
    if set(_FRAMES) <= set(cells):
        bounds = {name: _parse_cell(_parse_frame, "a whole number", cells, name, where=where) for name in _FRAMES}
    else:
        expected = "a number of seconds, or a time as hh:mm:ss"
        bounds = {name: _parse_cell(parse_seconds, expected, cells, name, where=where) for name in _SECONDS}
    try:
        label = UNKNOWN if is_unknown(label) else validate_label(label)
    except InvalidDataError as error:
        raise InvalidDataError(f"{where}, column label: {error.message}", hint=error.hint) from None
    try:
        return LabelledSpan(video=Path(video), label=label, **bounds)
    except InvalidDataError as error:
        raise InvalidDataError(f"{where}, columns {' and '.join(bounds)}: {error.message}") from None


def _parse_cell(
    parse: Callable[[str], float], expected: str, cells: Mapping[str, str], name: str, *, where: str
) -> float:
    text = cells.get(name, "")
    try:
        return parse(text)
    except ValueError:
        found = repr(text) if text else "nothing"
        raise InvalidDataError(f"{where}, column {name}: expected {expected}, found {found}.") from None


def _parse_frame(text: str) -> int:
    number = _parse_decimal(text)
    if not number.is_integer():
        raise ValueError(f"not a whole number: {text!r}")
    return int(number)


def _parse_decimal(text: str) -> float:
    return float(text.replace(",", "."))
