"""Reading a recording, whole or cut off."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from actionpose.errors import InvalidDataError, RecordingError
from actionpose.pose import Frame, Pose, PoseSequence
from actionpose.recording.format import FORMAT, VERSION, EndLine, FrameLine, HeaderLine, RecordingHeader

__all__ = ["Recording", "RecordingReader", "iter_recording", "load_recording"]

_ADVICE = "Recordings are made by `actionpose record`."
_MAX_LINE_BYTES = 16 * 2**20  # a hundred people of a thousand keypoints; more is no recording
_GZIP = 16 + zlib.MAX_WBITS


class _FormatOnly(msgspec.Struct, frozen=True):
    format: str
    version: int


_decode_format = msgspec.json.Decoder(_FormatOnly).decode
_decode_header = msgspec.json.Decoder(HeaderLine).decode
_decode_line = msgspec.json.Decoder(FrameLine | EndLine).decode


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
            raise RecordingError(f"{self.path} is empty: nothing was recorded.", hint=_ADVICE)
        try:
            found = _decode_format(line)
            if found.format == FORMAT and found.version > VERSION:
                raise RecordingError(
                    f"{self.path} is a recording of version {found.version}, newer than {VERSION}.",
                    hint="Update actionpose.",
                )
            return _decode_header(line).to_header()
        except (msgspec.MsgspecError, InvalidDataError, RecursionError, UnicodeDecodeError) as error:
            cause = _reason(error) if is_whole else "it was cut off in its first line"
            raise RecordingError(f"{self.path} is not a recording: {cause}.", hint=_ADVICE) from None

    def _iter_frames(self) -> Iterator[Frame]:
        last_index, last_time = -1, float("-inf")
        n_frames = 0
        for number, (line, is_whole) in enumerate(self._lines, start=2):
            try:
                record = _decode_line(line)
                if isinstance(record, EndLine):
                    self.is_complete = record.n_frames == n_frames
                    continue
                frame = record.to_frame(self.header.skeleton)
                if frame.index <= last_index or frame.time <= last_time:
                    raise InvalidDataError("index and time must be greater than those of the line before")
            except (msgspec.MsgspecError, InvalidDataError, RecursionError, UnicodeDecodeError) as error:
                if not is_whole:
                    return
                raise RecordingError(
                    f"{self.path}, line {number}: {_reason(error)}.",
                    hint="Remove that line to read the others.",
                ) from None
            yield frame
            last_index, last_time = frame.index, frame.time
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
