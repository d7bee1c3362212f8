"""Recordings, played again."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from actionpose.errors import RecordingError, SourceError
from actionpose.pose import Frame
from actionpose.recording import RecordingReader
from actionpose.skeleton import Skeleton
from actionpose.sources.base import SourceInfo, SourceStatus, validate_rate

__all__ = ["ReplaySource"]


class ReplaySource:
    """The frames of a recording: poses without pictures, so nothing needs estimating.

    Parameters
    ----------
    path : path
        A recording, ``*.jsonl`` or ``*.jsonl.gz``.
    rate_hz : float, optional
        Frames per second, where the recording's times are wrong. Default: its times are taken.

    Raises
    ------
    SourceError
        If it is no recording that can be read, or the rate is none.
    """

    def __init__(self, path: str | Path, *, rate_hz: float | None = None) -> None:
        validate_rate(rate_hz)
        self._rate_hz = rate_hz
        try:
            self._reader = RecordingReader(path)
        except RecordingError as error:
            raise SourceError(error.message, hint=error.hint) from error
        self._lock = threading.Lock()
        self._status: SourceStatus = "running"
        self._notes: tuple[str, ...] = ()
        header = self._reader.header
        self._info = SourceInfo(
            name=Path(path).name, is_live=False, rate_hz=rate_hz or header.rate_hz, size=header.size
        )

    @property
    def info(self) -> SourceInfo:
        """What is known of the recording; `size` is that of the pictures it was made from."""
        return self._info

    @property
    def skeleton(self) -> Skeleton:
        """Skeleton of its poses."""
        return self._reader.header.skeleton

    @property
    def status(self) -> SourceStatus:
        """``running`` or ``ended``."""
        return self._status

    @property
    def notes(self) -> tuple[str, ...]:
        """Once it has ended: whether the recording was cut off or is damaged."""
        return self._notes

    def read(self) -> Frame | None:
        """Return the next frame, or None at the end or after `close`."""
        with self._lock:
            if self._status == "ended":
                return None
            try:
                frame = next(self._reader, None)
            except RecordingError as error:
                frame = None
                self._notes = (f"Reading stopped early: {error.message}",)
            if frame is None:
                if not self._reader.is_complete and not self._notes:
                    self._notes = ("The recording was cut off; its whole lines were read.",)
                self._end()
            return frame if frame is None or self._rate_hz is None else _retimed(frame, frame.index / self._rate_hz)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _end(self) -> None:
        self._status = "ended"
        self._reader.close()


def _retimed(frame: Frame, time: float) -> Frame:
    """Return a frame, and the poses in it, at another time."""
    poses = tuple(dataclasses.replace(pose, time=time) for pose in frame.poses or ())
    return dataclasses.replace(frame, time=time, poses=poses)
