"""What a step of making a keypoint model shows, and how Ctrl-C ends it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from actionpose.cli.terminal import narration

__all__ = ["draw_curve", "stepping_progress", "stopping_on_interrupt"]

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


@contextmanager
def stopping_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Give what tells whether Ctrl-C was pressed; a second one does what it always does."""
    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        received.append(number)
        signal.signal(signal.SIGINT, previous)

    previous = signal.signal(signal.SIGINT, stop)
    try:
        yield lambda: bool(received)
    finally:
        signal.signal(signal.SIGINT, previous)
