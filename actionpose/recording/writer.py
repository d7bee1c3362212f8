"""Writing a recording, so that whatever happens leaves whole lines behind."""

from __future__ import annotations

import contextlib
import math
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NoReturn, Self

import msgspec

from actionpose.errors import InvalidDataError, RecordingError
from actionpose.pose import MAX_TIME_S, Pose
from actionpose.private import make_private_folder, open_private
from actionpose.recording.format import EndLine, FrameLine, HeaderLine, RecordingHeader
from actionpose.skeleton import Skeleton
from actionpose.whole_file import remove_abandoned, writing_error

__all__ = ["RecordingWriter"]

_GZIP = 16 + zlib.MAX_WBITS

_encode = msgspec.json.Encoder().encode  # NaN becomes null, and every float the shortest text that reads back the same


class RecordingWriter:
    """Writes a recording frame by frame; a context manager.

    Every frame is handed to the operating system before `append` returns: killing the process loses none.
    `close` forces the file to the disk. A name ending in ``.gz`` compresses.

    Parameters
    ----------
    path : path
        A new file, for the user alone to read, as are the folders that are made for it.
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
        self._last_time = math.nextafter(-MAX_TIME_S, -math.inf)
        self._last_index = -1
        self._whole_bytes = 0
        self._gzip = zlib.compressobj(wbits=_GZIP) if self.path.suffix == ".gz" else None
        try:
            make_private_folder(self.path.parent)
            remove_abandoned(self.path.parent)
            self._file: BinaryIO | None = open(  # noqa: SIM115  close() does
                self.path, "xb", buffering=0, opener=open_private
            )
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
        try:
            self._write_line(HeaderLine.from_header(self.header))
        except BaseException:
            self.path.unlink(missing_ok=True)  # without its first line it is no recording
            raise

    def append(self, frame_index: int, time: float, poses: Sequence[Pose]) -> None:
        """Write one frame; without poses when nobody was in view.

        Raises
        ------
        InvalidDataError
            If a pose has another skeleton, index or time do not increase, or the time cannot be one in seconds.
        RecordingError
            If the disk is full or the writer closed. What was written before stays a valid recording.
        """
        if frame_index <= self._last_index or not self._last_time < time <= MAX_TIME_S:
            raise InvalidDataError(
                f"Frames of a recording must come in order, at times up to {MAX_TIME_S:.0e} s: frame {frame_index} at "
                f"{time} s came after frame {self._last_index} at {self._last_time} s."
            )
        skeleton = self.header.skeleton
        for pose in poses:
            if pose.skeleton is not skeleton and pose.skeleton != skeleton:
                raise InvalidDataError(
                    f"The recording is of skeleton {skeleton.name!r}, but a {pose.skeleton.name!r} pose came."
                )
        self._write_line(FrameLine.from_poses(frame_index, float(time), poses))
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
        self._write_line(EndLine(n_frames=self.n_frames), last=True)
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

    def _write_line(self, line: HeaderLine | FrameLine | EndLine, *, last: bool = False) -> None:
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
        if not self._whole_bytes:
            raise writing_error(self.path, error, kind=RecordingError) from error
        raise RecordingError(
            f"Cannot write on to {self.path}: {error.strerror}; it keeps the {self.n_frames} frames so far.",
            hint="Free some disk space, then record again.",
        ) from error
