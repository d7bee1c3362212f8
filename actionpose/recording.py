"""Recordings: the poses of a stream, written down frame by frame as they come.

A recording (``*.jsonl``, ``*.jsonl.gz``) is lines of JSON: a header, a line for each frame, and a last line
that says the recording was closed properly. Lines are only ever appended, and each reaches the operating
system at once, so a file cut off at any byte is good up to its last whole line.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Annotated, BinaryIO, Final, Literal, NoReturn, Self

import msgspec
import numpy as np

from actionpose.errors import InvalidDataError, RecordingError
from actionpose.pose import Frame, Pose, PoseSequence
from actionpose.skeleton import Skeleton

__all__ = [
    "Recording",
    "RecordingHeader",
    "RecordingReader",
    "RecordingWriter",
    "SkeletonRecord",
    "iter_recording",
    "load_recording",
]

_FORMAT: Final = "actionpose-recording"
_VERSION: Final = 1
_ADVICE = "Recordings are made by `actionpose record`."

_MAX_LINE_BYTES = 16 * 2**20  # a hundred people of a thousand keypoints; more is no recording
_GZIP = 16 + zlib.MAX_WBITS

_Names = Annotated[tuple[str, ...], msgspec.Meta(max_length=1000)]
_Pairs = Annotated[tuple[tuple[str, str], ...], msgspec.Meta(max_length=5000)]
_Triples = Annotated[tuple[tuple[str, str, str], ...], msgspec.Meta(max_length=5000)]


class SkeletonRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A skeleton written out in full, as files hold it: what it means never depends on today's defaults."""

    name: str
    keypoints: _Names
    edges: _Pairs
    symmetry: _Pairs
    root: _Names
    scale: _Pairs
    angles: _Triples

    @classmethod
    def from_skeleton(cls, skeleton: Skeleton) -> SkeletonRecord:
        """Write a skeleton out."""
        return cls(
            name=skeleton.name,
            keypoints=tuple(skeleton.keypoints),
            edges=tuple(skeleton.edges),
            symmetry=tuple(skeleton.symmetry or ()),
            root=tuple(skeleton.root or ()),
            scale=tuple(skeleton.scale or ()),
            angles=tuple(skeleton.angles or ()),
        )

    def to_skeleton(self) -> Skeleton:
        """Return the skeleton.

        Raises
        ------
        InvalidDataError
            If its names do not fit together.
        """
        return Skeleton(
            name=self.name,
            keypoints=self.keypoints,
            edges=self.edges,
            symmetry=self.symmetry,
            root=self.root,
            scale=self.scale,
            angles=self.angles,
        )


_Row = list[float | None]  # null = not seen


class _PoseRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    track_id: int
    position: list[_Row]
    confidence: _Row
    image_position: list[_Row] | None


class _FrameLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="frame"):
    index: Annotated[int, msgspec.Meta(ge=0)]
    time: float
    poses: list[_PoseRecord]


class _EndLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="end"):
    n_frames: int


class _HeaderLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: Literal["actionpose-recording"]
    version: Literal[1]
    created: Annotated[dt.datetime, msgspec.Meta(tz=True)]
    source: str
    estimator: str
    rate_hz: float | None
    size: tuple[int, int] | None
    skeleton: SkeletonRecord


class _FormatOnly(msgspec.Struct, frozen=True):
    format: str
    version: int


_decode_format = msgspec.json.Decoder(_FormatOnly).decode
_decode_header = msgspec.json.Decoder(_HeaderLine).decode
_decode_line = msgspec.json.Decoder(_FrameLine | _EndLine).decode
_encode = msgspec.json.Encoder().encode  # NaN becomes null, and every float the shortest text that reads back the same


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingHeader:
    """What a recording says of itself in its first line.

    Parameters
    ----------
    skeleton : Skeleton
        Of every pose in it.
    estimator : str
        Name of the keypoint model that found the poses.
    source : str
        Name of the source they were found in.
    rate_hz : float, optional
        Nominal frame rate of the source.
    size : (int, int), optional
        Width and height in pixels of the pictures.
    created : datetime
        When the recording began, with time zone.
    """

    skeleton: Skeleton
    estimator: str
    source: str
    rate_hz: float | None = None
    size: tuple[int, int] | None = None
    created: dt.datetime = field(default_factory=_now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A recording in memory.

    Parameters
    ----------
    header : RecordingHeader
        Skeleton, estimator, source, rate, size and date.
    frames : sequence of Frame
        Frames without an image, in order of time.
    is_complete : bool
        Whether it was closed properly; otherwise it was cut off and what follows its last whole line is lost.
    """

    header: RecordingHeader
    frames: tuple[Frame, ...]
    is_complete: bool

    def sequences(self) -> dict[int, PoseSequence]:
        """Return the poses of each track, from the first frame it is in to the last.

        Frames between, in which the body was not found, hold NaN.

        Raises
        ------
        InvalidDataError
            If a track has both 2-D and 3-D poses.
        """
        spans: dict[int, list[int]] = {}
        for i, frame in enumerate(self.frames):
            for pose in frame.poses or ():
                spans.setdefault(pose.track_id, [i, i])[1] = i
        return {track_id: self._sequence(track_id, first, last) for track_id, (first, last) in sorted(spans.items())}

    def _sequence(self, track_id: int, first: int, last: int) -> PoseSequence:
        found = [
            (frame.time, next((pose for pose in frame.poses or () if pose.track_id == track_id), None))
            for frame in self.frames[first : last + 1]
        ]
        n_dims = next(pose.position.shape[1] for _, pose in found if pose is not None)
        skeleton = self.header.skeleton
        return PoseSequence.from_poses(
            [pose or Pose.missing(skeleton, time, n_dims=n_dims, track_id=track_id) for time, pose in found]
        )


class RecordingWriter:
    """Writes a recording frame by frame; a context manager.

    Every frame is handed to the operating system before `append` returns: killing the process loses none.
    `close` forces the file to the disk. A name ending in ``.gz`` compresses.

    Parameters
    ----------
    path : path
        A new file; missing folders are made.
    skeleton, estimator, source, rate_hz, size
        As in `RecordingHeader`.

    Raises
    ------
    RecordingError
        If the file exists already or cannot be written.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        skeleton: Skeleton,
        estimator: str,
        source: str,
        rate_hz: float | None = None,
        size: tuple[int, int] | None = None,
    ) -> None:
        self.path = Path(path)
        self.header = RecordingHeader(skeleton=skeleton, estimator=estimator, source=source, rate_hz=rate_hz, size=size)
        self.n_frames = 0
        self._last_time = float("-inf")
        self._last_index = -1
        self._whole_bytes = 0
        self._gzip = zlib.compressobj(wbits=_GZIP) if self.path.suffix == ".gz" else None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO | None = self.path.open("xb", buffering=0)
        except OSError as error:
            if self.path.exists():
                raise RecordingError(
                    f"{self.path} exists already; a recording is never written over.",
                    hint="Choose another name, or move the old file away.",
                ) from None
            raise RecordingError(
                f"Cannot create the recording {self.path}: {error.strerror}.",
                hint="Choose a folder you can write to.",
            ) from None
        self._write_line(
            _HeaderLine(
                format=_FORMAT,
                version=_VERSION,
                created=self.header.created,
                source=source,
                estimator=estimator,
                rate_hz=rate_hz,
                size=size,
                skeleton=SkeletonRecord.from_skeleton(skeleton),
            )
        )

    def append(self, frame_index: int, time: float, poses: Sequence[Pose]) -> None:
        """Write one frame; without poses when nobody was in view.

        Raises
        ------
        InvalidDataError
            If a pose has another skeleton, or index or time do not increase.
        RecordingError
            If the disk is full or the writer closed. What was written before stays a valid recording.
        """
        if frame_index <= self._last_index or not time > self._last_time or not np.isfinite(time):
            raise InvalidDataError(
                f"Frames of a recording must come in order: frame {frame_index} at {time} s came after "
                f"frame {self._last_index} at {self._last_time} s."
            )
        skeleton = self.header.skeleton
        for pose in poses:
            if pose.skeleton is not skeleton and pose.skeleton != skeleton:
                raise InvalidDataError(
                    f"The recording is of skeleton {skeleton.name!r}, but a {pose.skeleton.name!r} pose came."
                )
        self._write_line(_FrameLine(index=frame_index, time=float(time), poses=[_to_record(pose) for pose in poses]))
        self._last_index, self._last_time = frame_index, time
        self.n_frames += 1

    def close(self) -> None:
        """Write the closing line and force the file to the disk. May be called twice.

        Raises
        ------
        RecordingError
            If the disk is full.
        """
        if self._file is None:
            return
        self._write_line(_EndLine(n_frames=self.n_frames), last=True)
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            self._fail(error)
        self._file.close()
        self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write_line(self, line: _HeaderLine | _FrameLine | _EndLine, *, last: bool = False) -> None:
        if self._file is None:
            raise RecordingError(f"The recording {self.path} is closed.", hint="Begin a new one.")
        data = _encode(line) + b"\n"
        try:
            if self._gzip is not None:
                data = self._gzip.compress(data) + self._gzip.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)
            remaining = memoryview(data)
            while remaining:
                remaining = remaining[self._file.write(remaining) :]
            self._whole_bytes += len(data)
        except OSError as error:
            self._fail(error)
        except BaseException:  # Ctrl-C in mid-line
            self._abandon()
            raise

    def _abandon(self) -> None:
        """Leave a file of whole lines behind."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.truncate(self._whole_bytes)
            with contextlib.suppress(OSError):
                self._file.close()
        self._file = None

    def _fail(self, error: OSError) -> NoReturn:
        self._abandon()
        raise RecordingError(
            f"Cannot write on to {self.path}: {error.strerror}; it keeps the {self.n_frames} frames so far.",
            hint="Free some disk space, then record again.",
        ) from error


class RecordingReader:
    """Reads a recording frame by frame; an iterator over `Frame` and a context manager.

    Parameters
    ----------
    path : path
        A recording, compressed or not.

    Raises
    ------
    RecordingError
        If the file cannot be read, is no recording, or was written by a newer actionpose. While iterating: if
        a whole line is malformed; the message names the line.

    Attributes
    ----------
    header : RecordingHeader
        The first line.
    is_complete : bool
        Whether the closing line has been read and no line before it is missing.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.is_complete = False
        try:
            self._file = self.path.open("rb")
        except OSError as error:
            raise RecordingError(
                f"Cannot open the recording {self.path}: {error.strerror}.", hint="Check the path."
            ) from None
        try:
            self._lines = _iter_lines(self._file, self.path)
            self.header = self._read_header()
        except BaseException:
            self.close()
            raise
        self._frames = self._iter_frames()

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        if self._file.closed:
            raise StopIteration
        return next(self._frames)

    def close(self) -> None:
        """Close the file; iterating then ends. May be called twice."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read_header(self) -> RecordingHeader:
        line, is_whole = next(self._lines, (b"", False))
        if not line.strip(b"\0\n"):
            raise RecordingError(f"{self.path} is empty: nothing was recorded.")
        try:
            found = _decode_format(line)
            if found.format == _FORMAT and found.version > _VERSION:
                raise RecordingError(
                    f"{self.path} is a recording of version {found.version}, newer than {_VERSION}.",
                    hint="Update actionpose.",
                )
            header = _decode_header(line)
            skeleton = header.skeleton.to_skeleton()
        except (msgspec.MsgspecError, InvalidDataError, RecursionError, UnicodeDecodeError) as error:
            cause = _reason(error) if is_whole else "it was cut off in its first line"
            raise RecordingError(f"{self.path} is not a recording: {cause}.", hint=_ADVICE) from None
        return RecordingHeader(
            skeleton=skeleton,
            estimator=header.estimator,
            source=header.source,
            rate_hz=header.rate_hz,
            size=header.size,
            created=header.created,
        )

    def _iter_frames(self) -> Iterator[Frame]:
        last = Frame(index=-1, time=float("-inf"))
        n_frames = 0
        for number, (line, is_whole) in enumerate(self._lines, start=2):
            try:
                record = _decode_line(line)
                if isinstance(record, _EndLine):
                    self.is_complete = record.n_frames == n_frames
                    continue
                frame = _to_frame(record, self.header.skeleton)
                if frame.index <= last.index or frame.time <= last.time:
                    raise InvalidDataError("index and time must be greater than those of the line before")
            except (msgspec.MsgspecError, InvalidDataError, RecursionError, UnicodeDecodeError) as error:
                if not is_whole:
                    return
                raise RecordingError(
                    f"{self.path}, line {number}: {_reason(error)}.",
                    hint="Remove that line to read the others.",
                ) from None
            yield frame
            last = frame
            n_frames += 1


def load_recording(path: str | Path) -> Recording:
    """Read a whole recording.

    A file that was cut off anywhere behind its first line loads up to its last whole line.

    Raises
    ------
    RecordingError
        As `RecordingReader`.
    """
    with RecordingReader(path) as reader:
        frames = tuple(reader)
        return Recording(header=reader.header, frames=frames, is_complete=reader.is_complete)


def iter_recording(path: str | Path) -> Iterator[Frame]:
    """Yield the frames of a recording without holding them all.

    Raises
    ------
    RecordingError
        As `RecordingReader`.
    """
    with RecordingReader(path) as reader:
        yield from reader


def _to_record(pose: Pose) -> _PoseRecord:
    return _PoseRecord(
        track_id=pose.track_id,
        position=pose.position.tolist(),
        confidence=pose.confidence.tolist(),
        image_position=None if pose.image_position is None else pose.image_position.tolist(),
    )


def _to_frame(line: _FrameLine, skeleton: Skeleton) -> Frame:
    poses = tuple(
        Pose(
            skeleton=skeleton,
            time=line.time,
            position=_to_array(record.position),
            confidence=_to_array(record.confidence),
            image_position=None if record.image_position is None else _to_array(record.image_position),
            track_id=record.track_id,
        )
        for record in line.poses
    )
    return Frame(index=line.index, time=line.time, poses=poses)


def _to_array(rows: list[_Row] | _Row) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    try:
        array = np.array(rows, dtype=np.float64)  # None becomes NaN
    except ValueError:
        raise InvalidDataError("the rows of a pose differ in length") from None
    array.flags.writeable = False
    return array


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return (error.message if isinstance(error, InvalidDataError) else str(error)).rstrip(".")


def _iter_lines(file: BinaryIO, path: Path) -> Iterator[tuple[bytes, bool]]:
    """Yield each line without its end, and whether it has one: only the last may lack it."""
    parts: list[bytes] = []
    n_bytes = 0
    number = 1
    for chunk in _iter_chunks(file):
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            yield b"".join([*parts, end]), True
            parts, n_bytes = [], 0
            number += 1
        parts.append(rest)
        n_bytes += len(rest)
        if n_bytes > _MAX_LINE_BYTES:
            raise RecordingError(
                f"{path}, line {number}: longer than {_MAX_LINE_BYTES >> 20} MiB, so this is no recording.",
                hint=_ADVICE,
            )
    if n_bytes:
        yield b"".join(parts), False


def _iter_chunks(file: BinaryIO) -> Iterator[bytes]:
    """Yield the plain bytes of a file, up to where a compressed one breaks off."""
    chunk = file.read(2**16)
    if not chunk.startswith(b"\x1f\x8b"):
        while chunk:
            yield chunk
            chunk = file.read(2**16)
        return
    inflate = zlib.decompressobj(wbits=_GZIP)
    while chunk:
        # Small bites: zlib gives back nothing of a bite in which the data turns bad.
        for start in range(0, len(chunk), 512):
            data = chunk[start : start + 512]
            while data and not inflate.eof:
                try:
                    plain = inflate.decompress(data, 2**16)
                except zlib.error:
                    return
                data = inflate.unconsumed_tail
                yield plain
        chunk = file.read(2**16)
