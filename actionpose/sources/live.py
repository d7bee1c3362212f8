"""What cameras and network streams share: a thread that reads, forgets old frames, and reconnects."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import perf_counter
from types import TracebackType
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from actionpose.errors import SourceError
from actionpose.pose import Frame
from actionpose.sources.base import SourceInfo, SourceStatus

__all__ = ["LOST_AFTER_S", "Capture", "LiveSource"]

LOST_AFTER_S = 3.0
_FIRST_DELAY_S = 0.25
_LAST_DELAY_S = 1.0  # with connecting, a device that comes back is found within 3 s


class Capture(Protocol):
    """An open device, used by one thread at a time."""

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height in pixels, where known."""
        ...

    @property
    def rate_hz(self) -> float | None:
        """Nominal frame rate, where known."""
        ...

    def read(self) -> npt.NDArray[np.uint8]:
        """Wait for the next picture, RGB. Raises `SourceError` when the device is lost."""
        ...

    def close(self) -> None:
        """Let go of the device."""
        ...


class LiveSource:
    """The newest picture of a device, whenever it is asked for.

    Neither FFmpeg nor OpenCV can be interrupted while they wait for a picture, or be closed by another thread
    without a crash. So one thread opens, reads and closes the device, and all others only wait for it here, as
    briefly as they like. Pictures nobody read are dropped; `Frame.index` counts them.

    Parameters
    ----------
    open_capture : callable
        Opens the device, or raises `SourceError`; called again whenever the device is lost.
    name : str
        What to call it on screen.
    """

    def __init__(self, open_capture: Callable[[], Capture], *, name: str) -> None:
        self._open_capture = open_capture
        capture = open_capture()
        self._info = SourceInfo(name=name, is_live=True, rate_hz=capture.rate_hz, size=capture.size)
        self._changed = threading.Condition()
        self._latest: Frame | None = None
        self._failure: BaseException | None = None
        self._is_closed = False
        self._is_lost = False
        self._n_losses = 0
        self._n_frames = 0
        self._start = self._last = perf_counter()
        self._thread = threading.Thread(target=self._run, args=(capture,), name=f"read {name}", daemon=True)
        self._thread.start()

    @property
    def info(self) -> SourceInfo:
        """What is known of the device."""
        return self._info

    @property
    def status(self) -> SourceStatus:
        """``running``, ``reconnecting`` while the device is lost or silent, ``ended`` after `close`."""
        if self._is_closed:
            return "ended"
        return "reconnecting" if self._is_lost or perf_counter() - self._last > LOST_AFTER_S else "running"

    @property
    def notes(self) -> tuple[str, ...]:
        """How often the device was lost."""
        times = "once" if self._n_losses == 1 else f"{self._n_losses} times"
        return (f"{self._info.name} was lost {times}.",) if self._n_losses else ()

    def read(self) -> Frame | None:
        """Wait for a frame newer than the last one; None once closed."""
        with self._changed:
            while self._latest is None and not self._is_closed:
                self._changed.wait(0.5)  # not for ever, or Ctrl-C would not be heard on Windows
            frame, self._latest = self._latest, None
            if self._failure is not None:
                raise self._failure
            return frame

    def close(self) -> None:
        """Wake every reader and let go of the device as soon as it answers."""
        with self._changed:
            self._is_closed = True
            self._latest = None
            self._changed.notify_all()
        self._thread.join(timeout=0.5)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, capture: Capture | None) -> None:
        try:
            while capture is not None:
                try:
                    self._pump(capture)
                finally:
                    capture.close()
                capture = self._reconnect()
        except BaseException as error:  # whatever it was, it belongs to the reader, who would wait for ever
            with self._changed:
                self._failure, self._is_closed = error, True
                self._changed.notify_all()

    def _pump(self, capture: Capture) -> None:
        """Publish pictures until the device is lost or the source closed."""
        while not self._is_closed:
            try:
                image = capture.read()
            except SourceError:
                return
            with self._changed:
                now = perf_counter()
                if not self._n_frames:
                    self._start = now
                elif now <= self._last:
                    continue
                self._latest = Frame(index=self._n_frames, time=now - self._start, image=image)
                self._last = now
                self._n_frames += 1
                self._is_lost = False
                self._changed.notify_all()

    def _reconnect(self) -> Capture | None:
        """Open the device again, however long it takes; None once closed."""
        delay = _FIRST_DELAY_S
        with self._changed:
            self._is_lost = True
            self._n_losses += not self._is_closed
        while True:
            with self._changed:
                if self._changed.wait_for(lambda: self._is_closed, timeout=delay):
                    return None
            try:
                return self._open_capture()
            except SourceError:
                delay = min(2 * delay, _LAST_DELAY_S)
