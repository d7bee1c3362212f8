"""What is shown on the terminal: data on stdout, narration on stderr."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.cells import set_cell_size
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from actionpose.decision import ActionEvent
    from actionpose.session import Tick
    from actionpose.sources import SourceInfo
    from actionpose.template import Template

__all__ = [
    "NOBODY_NOTE",
    "STILL_NOTE",
    "NoteReader",
    "StatusLine",
    "data",
    "event_line",
    "frame_progress",
    "narration",
    "simple_table",
    "template_line",
    "with_progress",
]

# Labels and file names are shown as they are, whatever brackets or colons they hold.
data = Console(highlight=False, markup=False, emoji=False)
narration = Console(stderr=True, highlight=False, markup=False, emoji=False)

NOBODY_NOTE = "Nobody was in view."
STILL_NOTE = "Nothing moves in it, so it is taken for a pose to hold."

_REDRAW_S = 1 / 15  # oftener is not read, and costs


class StatusLine:
    """One line at the bottom of the terminal, rewritten in place by a single write so that it does not flicker.

    A context manager that takes the line away in the end. Nothing is shown where stderr is not a terminal.
    """

    def __init__(self, *, enabled: bool = True) -> None:
        self.is_shown = enabled and sys.stderr.isatty()
        self._drawn_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def show(self, text: str) -> None:
        """Rewrite the line, at most fifteen times a second."""
        now = time.monotonic()
        if self.is_shown and now - self._drawn_at >= _REDRAW_S:
            self._drawn_at = now
            line = set_cell_size(text, shutil.get_terminal_size().columns - 1).rstrip()
            sys.stderr.write(f"\r{line}\x1b[K")
            sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away, to print above it or because it is over."""
        if self.is_shown:
            self._drawn_at = 0.0
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


@contextmanager
def frame_progress(info: SourceInfo) -> Iterator[Callable[[], None]]:
    """Show a progress bar on stderr, where that is a terminal; call what is given once for each frame."""
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("frames "),
        _RateColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
        console=narration,
        transient=True,
        disable=not narration.is_terminal,
    ) as progress:
        task = progress.add_task(info.name, total=info.n_frames)
        yield lambda: progress.advance(task)


def with_progress(ticks: Iterable[Tick], info: SourceInfo) -> Iterator[Tick]:
    """Yield the ticks of a session while a progress bar counts their frames."""
    with frame_progress(info) as advance:
        for tick in ticks:
            if tick.frame is not None:
                advance()
            yield tick


class _RateColumn(ProgressColumn):
    """Frames per second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.finished_speed or task.speed or 0:.0f} fps")


class NoteReader:
    """Tells which of a growing list of notes have not been shown yet."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def new(self, notes: Iterable[str]) -> list[str]:
        """Return the notes that were never in `notes` before."""
        fresh = [note for note in notes if note not in self._seen]
        self._seen.update(fresh)
        return fresh


def event_line(event: ActionEvent) -> str:
    """Return an event as one line for people."""
    return (
        f"{event.start_time:8.2f} - {event.end_time:.2f} s  {event.label}"
        f"  (distance {event.distance:.2f} of {event.threshold:.2f})"
    )


def template_line(template: Template) -> str:
    """Return a template as one line for people."""
    return f"{template.id[:8]}  {template.label}  {template.sequence.duration:.1f} s"


def simple_table(*columns: str) -> Table:
    """Return an empty table without frames, in the one style that all commands share."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column)
    return table
