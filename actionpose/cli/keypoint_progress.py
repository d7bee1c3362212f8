"""What a step of making a keypoint model shows, and how Ctrl-C and other signals end it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from actionpose.cli.terminal import narration

__all__ = ["Stop", "draw_curve", "stepping_progress", "stopping_on_interrupt"]

# Windows has no SIGHUP.
_ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

_LEVELS = "▁▂▃▄▅▆▇█"
_CURVE_WIDTH = 16


def draw_curve(values: Sequence[float]) -> str:
    """Return how values went, from the first to the last and from the least to the most, in a line of characters."""
    places = [round(i * (len(values) - 1) / (_CURVE_WIDTH - 1)) for i in range(_CURVE_WIDTH)]
    shown = [values[i] for i in places] if len(values) > _CURVE_WIDTH else list(values)
    low, high = min(shown), max(shown)
    scale = (len(_LEVELS) - 1) / (high - low) if high > low else 0.0
    return "".join(_LEVELS[round((value - low) * scale)] for value in shown)


@contextmanager
def stepping_progress(what: str, total: int, unit: str = "") -> Iterator[Callable[..., None]]:
    """Show a bar on stderr, where that is a terminal; call what is given after each step.

    Keywords are passed on to rich's `Progress.update`.
    """
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
        console=narration,
        transient=True,
        disable=not narration.is_terminal,
    ) as progress:
        task = progress.add_task(what, total=total)
        yield lambda **changes: progress.update(task, **({"advance": 1} | changes))


@dataclass(slots=True)
class Stop:
    """Tells, when called, whether a signal asked for an end."""

    received: list[int] = field(default_factory=list)

    def __call__(self) -> bool:
        """Whether it did."""
        return bool(self.received)

    def leave_if_told(self) -> None:
        """End the process, as the signal would have, unless it was Ctrl-C, which only ends the present step."""
        number = next((n for n in self.received if n != signal.SIGINT), None)
        if number is not None:
            raise SystemExit(128 + number)


@contextmanager
def stopping_on_interrupt() -> Iterator[Stop]:
    """Give what tells whether Ctrl-C, SIGTERM or a closed terminal asked for an end; a second one ends it at once.

    What is ignored, as SIGHUP under nohup, stays so.
    """
    stop = Stop()

    def receive(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        stop.received.append(number)
        restore()

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    previous = {n: signal.getsignal(n) for n in _ENDING if signal.getsignal(n) is not signal.SIG_IGN}
    for number in previous:
        signal.signal(number, receive)
    try:
        yield stop
    finally:
        restore()
