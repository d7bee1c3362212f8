"""The thread that reads a source ahead of the loop."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

from actionpose.pose import Frame
from actionpose.sources.base import Source

__all__ = ["HEARTBEAT_S", "Capture", "Reader"]

HEARTBEAT_S = 0.2  # the longest wait that Ctrl-C, stop() or a screen has to sit out

_READ_AHEAD_FRAMES = 4
_RATE_WINDOW_S = 3.0
_LONGEST_WAIT_S = 60.0  # for the next frame of a file that is played: a longer hole is jumped over


@dataclass(frozen=True, slots=True)
class Capture:
    """A frame, and when it was there on the clock of `time.perf_counter`."""

    frame: Frame
    at: float


class Reader:
    """A thread that reads ahead: every frame in order, or at real-time pace the newest one alone.

    Parameters
    ----------
    source : Source
        Open; closed here only where it would not stop reading otherwise.
    realtime : bool
        Play a file by its time stamps. Live sources always come at their own pace.
    """

    def __init__(self, source: Source, *, realtime: bool) -> None:
        self.realtime = realtime or source.info.is_live
        self.n_read = 0
        self.n_dropped = 0
        self._source = source
        self._is_live = source.info.is_live
        self._origin: float | None = None
        self._last_index: int | None = None
        self._arrivals: deque[tuple[float, int]] = deque()
        self._captures: deque[Capture] = deque()
        self._changed = threading.Condition()
        self._paused_at: float | None = None
        self._is_closed = False
        self._has_ended = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._read_all, name="actionpose-reader", daemon=True)

    @property
    def has_ended(self) -> bool:
        """Whether everything was read and handed over."""
        with self._changed:
            return self._has_ended and not self._captures

    @property
    def rate_hz(self) -> float:
        """Frames the source delivered per second of late, dropped ones included; NaN before the second."""
        with self._changed:
            if len(self._arrivals) < 2:
                return float("nan")
            (first, n_first), (last, n_last) = self._arrivals[0], self._arrivals[-1]
            now = time.perf_counter()
            return (n_last - n_first) / ((now if now - last > 1.0 else last) - first)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def next(self) -> Capture | None:
        """Return what was read, or None after `HEARTBEAT_S` without, or at the end.

        Raises
        ------
        BaseException
            What the source raised, once all that was read before is handed over.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._captures or self._has_ended, timeout=HEARTBEAT_S)
            if self._captures:
                self._changed.notify_all()
                return self._captures.popleft()
            if self._error is not None:
                raise self._error
            return None

    def pause(self) -> None:
        """Hold a file where it is; let the frames of a live source pass."""
        with self._changed:
            self._paused_at = time.perf_counter()
            if self.realtime:
                self.n_dropped += len(self._captures)
                self._captures.clear()

    def resume(self) -> None:
        """Go on after `pause`."""
        with self._changed:
            if self._paused_at is not None and self._origin is not None:
                self._origin += time.perf_counter() - self._paused_at
            self._paused_at = None
            self._arrivals.clear()
            self._changed.notify_all()

    def close(self, *, closes_source: bool = False) -> None:
        """Join the thread. May be called twice.

        Parameters
        ----------
        closes_source : bool
            Close the source at once, rather than only if it does not return from its read.
        """
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        if closes_source:
            self._source.close()
        if self._thread.ident is None:
            return
        self._thread.join(timeout=HEARTBEAT_S)
        if self._thread.is_alive():  # inside read(), waiting for a live source that may never come back
            self._source.close()
            self._thread.join(timeout=2.0)

    def _read_all(self) -> None:
        try:
            while (frame := self._source.read()) is not None and self._put(frame):
                pass
        except BaseException as error:
            self._error = error  # raised again in the thread that consumes
        finally:
            with self._changed:
                self._has_ended = True
                self._changed.notify_all()

    def _put(self, frame: Frame) -> bool:
        """Hand over a frame; False once nobody wants any more."""
        with self._changed:
            if self._is_live:
                n_missed = 0 if self._last_index is None else max(0, frame.index - self._last_index - 1)
                self._last_index = frame.index
                if self._paused_at is not None:
                    return not self._is_closed
                self.n_read += n_missed
                self.n_dropped += n_missed
            elif self.realtime:
                self._wait_until_due(frame)
            else:
                self._changed.wait_for(lambda: len(self._captures) < _READ_AHEAD_FRAMES or self._is_closed)
            if self.realtime and self._captures:
                self._captures.popleft()
                self.n_dropped += 1
            now = time.perf_counter()
            self.n_read += 1
            self._captures.append(Capture(frame, now))
            self._arrivals.append((now, self.n_read))
            while now - self._arrivals[0][0] > _RATE_WINDOW_S:
                self._arrivals.popleft()
            self._changed.notify_all()
            return not self._is_closed

    def _wait_until_due(self, frame: Frame) -> None:
        now = time.perf_counter()
        if self._origin is None:
            self._origin = now - frame.time
        self._origin = min(self._origin, now + _LONGEST_WAIT_S - frame.time)
        while not self._is_closed:
            wait_s = None if self._paused_at is not None else self._origin + frame.time - time.perf_counter()
            if wait_s is not None and wait_s <= 0:
                return
            self._changed.wait(wait_s)
