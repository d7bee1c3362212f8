"""What a source of frames is."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Protocol, Self, runtime_checkable

from actionpose.errors import SourceError
from actionpose.pose import Frame

__all__ = ["Source", "SourceInfo", "SourceStatus", "assumed_rate_note", "validate_rate"]

SourceStatus = Literal["running", "reconnecting", "ended"]

_MAX_RATE_HZ = 1e4  # of a high-speed camera


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceInfo:
    """What is known of a source before it is read.

    Parameters
    ----------
    name : str
        What to call it on screen: the file's name, ``camera 0``, the stream's URL without credentials.
    is_live : bool
        Whether frames come at their own pace (camera, stream) and are lost when nobody reads them.
    rate_hz : float, optional
        Nominal frame rate, where it is known.
    size : (int, int), optional
        Width and height of the pictures in pixels, or of those a recording was made from.
    n_frames : int, optional
        Number of frames to come, where it is known; an estimate for some files.
    """

    name: str
    is_live: bool
    rate_hz: float | None = None
    size: tuple[int, int] | None = None
    n_frames: int | None = None


@runtime_checkable
class Source(Protocol):
    """Anything frames can be read from: the seam for cameras, files and devices of your own.

    Opening happens in the constructor and raises `SourceError` with advice. Frame times strictly increase.
    A context manager: leaving it closes the source.
    """

    @property
    def info(self) -> SourceInfo:
        """What is known of the source."""
        ...

    @property
    def status(self) -> SourceStatus:
        """``running``, ``reconnecting`` while a live source is lost, or ``ended``."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should be told of the reading so far: damage, reconnections."""
        ...

    def read(self) -> Frame | None:
        """Return the next frame, or None once the source has ended or was closed.

        A live source that is lost keeps trying inside this call and returns when frames come again or when it
        is closed from another thread.
        """
        ...

    def close(self) -> None:
        """Let go of the device or file. May be called twice, and from another thread."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def validate_rate(rate_hz: float | None) -> None:
    """Raise `SourceError` if a rate that was given cannot be one."""
    if rate_hz is not None and not 0 < rate_hz <= _MAX_RATE_HZ:
        raise SourceError(f"A rate is above 0 and at most {_MAX_RATE_HZ:g} frames per second, got {rate_hz:g}.")


def assumed_rate_note(rate_hz: float | None, n_frames: int) -> tuple[str, ...]:
    """Return what to tell of a rate that was assumed, if one was; of a single frame it does not matter."""
    if rate_hz is None or n_frames < 2:
        return ()
    return (f"These pictures have no times, so {rate_hz:g} a second are assumed; say otherwise with --rate.",)
