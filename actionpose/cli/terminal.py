"""What is shown on the terminal: data on stdout, narration on stderr.

All that the commands print goes through here, so that what files and receivers hold is text to be read and nothing
else: no escape sequence of theirs reaches the terminal.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

import click
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from actionpose.safe_text import printable
from actionpose.whole_file import writing_error

if TYPE_CHECKING:
    from actionpose.decision import ActionEvent
    from actionpose.library import UnusableTemplate
    from actionpose.session import Tick
    from actionpose.sources import SourceInfo
    from actionpose.template import Template

__all__ = [
    "NOBODY_FOUND_NOTE",
    "NOBODY_NOTE",
    "STILL_NOTE",
    "NoteReader",
    "StatusLine",
    "echo",
    "echo_json",
    "echo_text",
    "event_line",
    "frame_progress",
    "narration",
    "show_table",
    "simple_table",
    "template_line",
    "with_progress",
]


class _SafeConsole(Console):
    """Shows labels and file names as they are, whatever brackets, colons or control characters they hold."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **options)  # before it is measured

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control or segment.text == "\n":
                yield segment
            else:
                yield Segment(printable(segment.text), segment.style)


narration = _SafeConsole(stderr=True)

NOBODY_NOTE = "Nobody was in view."
NOBODY_FOUND_NOTE = (  # a model may miss those who are there
    "The keypoint model found nobody. It can miss people who are small in the picture, several side by side, or lying "
    "on their side; see --rotate."
)
STILL_NOTE = "Nothing moves in it, so it is taken for a pose to hold."

_REDRAW_S = 1 / 15  # oftener is not read, and costs
_NAME_WIDTH = 8  # cells that a name keeps in the narrowest table
_ALL = 1_000_000  # cells, more than any table has


def echo(line: object = "", *, err: bool = False) -> None:
    """Print one line: data, or narration with `err`.

    Raises
    ------
    ActionposeError
        If data cannot be written, as on a full disk. Narration that cannot be shown stops nothing.
    """
    with suppress(OSError) if err else _told_of_full_disk():
        click.echo(printable(str(line)), err=err)


def echo_json(record: object) -> None:
    """Print a record as indented JSON."""
    with _told_of_full_disk():
        click.echo(json.dumps(record, indent=2))  # beyond ASCII all is escaped in it


def echo_text(text: str) -> None:
    """Print what programs read, in UTF-8 whatever the terminal has; to a terminal, line by line as `echo` does."""
    if sys.stdout.isatty():
        for line in text.splitlines():
            echo(line)
        return
    with _told_of_full_disk():
        click.echo(text.encode(errors="replace"), nl=False)


@contextmanager
def _told_of_full_disk() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise writing_error("to standard output", error) from error


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
            line = set_cell_size(printable(text), shutil.get_terminal_size().columns - 1).rstrip()
            sys.stderr.write(f"\r{line}\x1b[K")
            sys.stderr.flush()

    def ring(self) -> None:
        """Sound the bell of the terminal."""
        if self.is_shown:
            sys.stderr.write("\a")
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


def template_line(template: Template | UnusableTemplate) -> str:
    """Return a template as one line for people."""
    from actionpose.template import Template

    if not isinstance(template, Template):
        return f"{template.id[:8]}  {template.label}  cannot be used"
    return f"{template.id[:8]}  {template.label}  {template.sequence.duration:.1f} s"


def simple_table(*columns: str, names: Collection[str]) -> Table:
    """Return an empty table without frames, in the one style that all commands share.

    Parameters
    ----------
    *columns : str
        What stands above them.
    names : collection of str
        Those that hold names: where the terminal is too narrow, they are folded. All others are never cut.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        is_name = column in names
        table.add_column(column, no_wrap=not is_name, overflow="fold" if is_name else "ignore")
    return table


def show_table(table: Table, file: TextIO | None = None) -> None:
    """Print a `simple_table` on stdout or into a file, as wide as it is unless a terminal is narrower.

    A terminal too narrow even for folded names breaks the lines itself.
    """
    console = _SafeConsole(file=file)
    width = console.measure(table, options=console.options.update(max_width=_ALL)).maximum
    if console.is_terminal:
        folded = sum(
            min(_NAME_WIDTH, widest) if not column.no_wrap else widest
            for column in table.columns
            for widest in [max(cell_len(printable(str(cell))) for cell in (column.header, *column.cells))]
        )
        width = min(width, max(console.width, folded + 2 * (len(table.columns) - 1)))
    console.width = max(width, 1)
    with _told_of_full_disk() if file is None else nullcontext():
        console.print(table)
