"""Sending events without ever waiting for a receiver."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from actionpose.decision import ActionEvent
from actionpose.errors import ActionposeError
from actionpose.outputs.base import Output

__all__ = ["Dispatcher", "OutputStatus", "describe_output"]

_CAPACITY = 256  # events waiting for one receiver
_KEEP_S = 30.0  # an event older than this is no news to whoever comes back
_FIRST_DELAY_S = 0.25
_LAST_DELAY_S = 4.0
_LONGEST_REASON = 200  # characters; a receiver may answer anything


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputStatus:
    """How one output is doing.

    Parameters
    ----------
    name : str
        What to call it on screen.
    n_sent, n_waiting : int
        Events the receiver took, and those it is still to get.
    n_dropped : int
        Events that were never sent, because too many were waiting or the end had come.
    n_failed : int
        Events the receiver refused, or could not be given in thirty seconds.
    error : str
        Why the last attempt failed; empty after one that did not.
    """

    name: str
    n_sent: int = 0
    n_waiting: int = 0
    n_dropped: int = 0
    n_failed: int = 0
    error: str = ""


def describe_output(status: OutputStatus) -> str:
    """Return in a line what became of the events for an output, and why they do not arrive."""
    counts = {"waiting": status.n_waiting, "failed": status.n_failed, "dropped": status.n_dropped}
    parts = [f"{status.n_sent} sent", *(f"{n} {what}" for what, n in counts.items() if n)]
    return f"{status.name}: {', '.join(parts)}" + (f" - {status.error}" if status.error else "")


class Dispatcher:
    """Gives every event to every output, each in a thread of its own.

    A receiver that is slow or gone fills a queue of its own, of which the oldest events are dropped, and holds up
    neither the caller nor the other receivers. It is tried again, after 0.25 s and ever more up to 4 s. A context
    manager.

    Parameters
    ----------
    outputs : sequence of Output
        Closed in the end.
    """

    def __init__(self, outputs: Sequence[Output]) -> None:
        self._channels = [_Channel(output) for output in outputs]

    @property
    def statuses(self) -> tuple[OutputStatus, ...]:
        """How each output is doing."""
        return tuple(channel.status() for channel in self._channels)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should be told: which receiver does not take its events, and why."""
        return tuple(f"{status.name}: {status.error}" for status in self.statuses if status.error)

    def send(self, event: ActionEvent) -> None:
        """Give an event to all outputs; returns at once."""
        for channel in self._channels:
            channel.put(event)

    def close(self, *, timeout_s: float = 0.5) -> None:
        """Send what is waiting, for as long as `timeout_s`, and close the outputs. May be called twice."""
        deadline = time.monotonic() + timeout_s
        for channel in self._channels:
            channel.end()
        for channel in self._channels:
            channel.join(deadline)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Channel:
    """The queue and the thread of one output."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._changed = threading.Condition()  # for all below
        self._waiting: deque[tuple[float, ActionEvent]] = deque()
        self._n_sent = self._n_dropped = self._n_failed = 0
        self._error = ""
        self._is_ending = False
        self._thread = threading.Thread(target=self._send_all, name=f"actionpose-output {output.name}", daemon=True)
        self._thread.start()

    def status(self) -> OutputStatus:
        with self._changed:
            return OutputStatus(
                name=self._output.name,
                n_sent=self._n_sent,
                n_waiting=len(self._waiting),
                n_dropped=self._n_dropped,
                n_failed=self._n_failed,
                error=self._error,
            )

    def put(self, event: ActionEvent) -> None:
        with self._changed:
            if self._is_ending:
                self._n_dropped += 1
                return
            if len(self._waiting) >= _CAPACITY:
                self._waiting.popleft()
                self._n_dropped += 1
            self._waiting.append((time.monotonic(), event))
            self._changed.notify_all()

    def end(self) -> None:
        with self._changed:
            self._is_ending = True
            self._changed.notify_all()

    def join(self, deadline: float) -> None:
        self._thread.join(timeout=max(0.0, deadline - time.monotonic()))
        if self._thread.is_alive():  # inside a write that waits; what follows would come too late
            with self._changed:
                self._error = self._error or "no answer by the end"
                self._drop_rest()

    def _send_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_ending)
                if not self._waiting:
                    break
                put_at, event = self._waiting.popleft()
            self._send(event, until=put_at + _KEEP_S)
        try:
            self._output.close()
        except (OSError, ActionposeError) as error:
            self._error = _reason(error)

    def _send(self, event: ActionEvent, *, until: float) -> None:
        delay = _FIRST_DELAY_S
        while True:
            try:
                self._output.write(event)
            except Exception as error:  # one of a plug-in, too, must not silence the outputs for good
                may_help = isinstance(error, OSError)
                with self._changed:
                    self._error = _reason(error)
                    if not may_help or time.monotonic() + delay > until or self._is_ending:
                        self._n_failed += 1
                        if may_help and self._is_ending:
                            self._drop_rest()
                        return
                    self._changed.wait_for(lambda: self._is_ending, timeout=delay)
                delay = min(2 * delay, _LAST_DELAY_S)
            else:
                with self._changed:
                    self._n_sent += 1
                    self._error = ""
                return

    def _drop_rest(self) -> None:
        self._n_dropped += len(self._waiting)
        self._waiting.clear()


def _reason(error: Exception) -> str:
    reason = _in_words(error)
    return reason if len(reason) <= _LONGEST_REASON else f"{reason[:_LONGEST_REASON]}..."


def _in_words(error: Exception) -> str:
    if isinstance(error, ActionposeError):
        return f"{error.message} {error.hint}".strip()
    if isinstance(error, OSError):
        return error.strerror or str(error) or "no answer"
    return f"{type(error).__name__}: {error}"
