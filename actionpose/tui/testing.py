"""The screen that tries the library on videos and recordings."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input, ProgressBar, Static

from actionpose.errors import ActionposeError
from actionpose.naming import describe_missing
from actionpose.session.recognizers import RecognizerSet, make_recognizer
from actionpose.template import UNKNOWN
from actionpose.tui.dialogs import PathSuggester, typed_path
from actionpose.tui.header import HeaderBar
from actionpose.tui.key_bar import KeyBar
from actionpose.tui.score import ScoreView
from actionpose.tui.table import MOVING, Table
from actionpose.tui.trace import TraceView
from actionpose.tui.trial import (
    Outcome,
    Progress,
    Trial,
    evaluate_trials,
    find_files,
    find_spans,
    list_outcomes,
    run_trial,
)

if TYPE_CHECKING:
    from actionpose.tui.app import ActionposeApp

__all__ = ["TestScreen"]

_PROGRESS_S = 0.1
_NAME_WIDTHS = 14, 60  # in a terminal of medium width, and in a wide one
_VERDICTS = {"": "", "right": "✓ right", "false": "✗ false", "wrong": "✗ wrong", "missed": "○ missed"}
_EMPTY = (
    "Nothing has been tried yet.\n\n"
    "Type the path of a video, of a recording or of a folder of them above and press Enter: everything that is "
    "recognised is listed here.\n\n"
    "With a table of what is performed (CSV with the columns video, label, start_s, end_s) it is scored too. A table "
    "of the same name beside the file is found by itself."
)


class _Field(Input):
    """A line whose Enter is told of at the bottom."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "submit", "Run", key_display="enter")]


class TestScreen(Screen[None]):
    """Runs files against the library, and shows what is recognised, missed and mistaken."""

    __test__ = False  # no test of pytest's
    app: ActionposeApp
    AUTO_FOCUS = ""  # a field that was left stays left: the keys that follow are commands
    HELP = (
        "Test the library on a video, a recording, or all of them in a folder.\n\n"
        "Every event is a row; its ratio and the curve below show how near its action came, in units of its threshold: "
        "below 1 it is recognised.\n\n"
        "A table of what is performed turns the list into a score: right, false (nothing was performed), wrong "
        "(something else was), missed. Give - in its place when none of the actions is performed at all: then every "
        f"event is a false alarm.\n\n{MOVING}"
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "choose", "Choose"),
        Binding("r", "run", "Run"),
        Binding("escape", "leave_field", "Leave the field"),
        Binding("escape", "cancel", "Cancel"),
        Binding("n", "mistake(1)", "Next mistake"),
        Binding("N", "mistake(-1)", "Mistake before", show=False),
    ]
    DEFAULT_CSS = """
    TestScreen {
        #form { height: 1; }
        #path { width: 3fr; }
        #spans { width: 2fr; margin-left: 1; }
        #progress { height: 1; padding: 0 1; }
        #progress ProgressBar { width: 40%; margin-right: 2; }
        #progress Bar { width: 1fr; }
        #doing { width: 1fr; height: 1; color: $text-muted; }
        #results { height: 1fr; }
        #events { width: 1fr; }
        #score { width: 40%; min-width: 30; padding: 0 1; border-left: solid $panel; }
        #empty { height: 1fr; padding: 1 2; color: $text-muted; }
        TraceView { height: 9; }
        &.-tall TraceView { height: 14; }
        TraceView.-empty { display: none; }
        &.-low TraceView, &.-narrow #score { display: none; }
    }
    """

    class Advanced(Message):
        """A trial has come further."""

        def __init__(self, doing: str, progress: Progress) -> None:
            super().__init__()
            self.doing = doing
            self.progress = progress

    class Tried(Message):
        """One file is done."""

        def __init__(self, trial: Trial) -> None:
            super().__init__()
            self.trial = trial

    class Failed(Message):
        """A file could not be tried."""

        def __init__(self, error: ActionposeError) -> None:
            super().__init__()
            self.error = error

    class Ended(Message):
        """Nothing is being tried any more."""

    def __init__(self) -> None:
        super().__init__()
        self._trials: list[Trial] = []
        self._outcomes: list[Outcome] = []
        self._cancelled = threading.Event()
        self._is_running = False
        self._has_run = False
        self._go_on_live: Callable[[], None] = lambda: None

    def compose(self) -> ComposeResult:
        """Put the question above, the answers below."""
        yield HeaderBar()
        with Horizontal(id="form"):
            yield _Field(placeholder="video, recording or folder", suggester=PathSuggester(), compact=True, id="path")
            yield _Field(
                placeholder="what is performed: CSV (optional)", suggester=PathSuggester(), compact=True, id="spans"
            )
        with Horizontal(id="progress"):
            yield ProgressBar(total=1.0, show_eta=True)
            yield Static(id="doing", markup=False)
        yield Static(_EMPTY, id="empty", markup=False)
        with Horizontal(id="results"):
            yield Table(id="events")
            with VerticalScroll(id="score", can_focus=False):
                yield ScoreView(id="figures")
        yield TraceView()
        yield KeyBar()

    def on_mount(self) -> None:
        """Wait for a path."""
        if self.app.recordings.is_dir():
            self.query_one("#path", Input).value = f"{self.app.recordings}/"
        self.query_one("#path").focus()
        self._show()

    def on_unmount(self) -> None:
        """Let the thread end."""
        self._cancelled.set()

    # Running

    def action_choose(self) -> None:
        """Go to the path."""
        self.query_one("#path").focus()

    def action_leave_field(self) -> None:
        """Leave the field for the keys."""
        self.set_focus(self.query_one("#events") if self._outcomes else None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Hide what cannot be done now."""
        if action == "leave_field":
            return isinstance(self.focused, Input)
        return self._is_running if action == "cancel" else True

    def on_input_submitted(self) -> None:
        """Run."""
        self.action_run()

    def action_run(self) -> None:
        """Run what is chosen against the library as it is now."""
        path = self.query_one("#path", Input).value.strip()
        if self._is_running or not path:
            return
        self._is_running = self._has_run = True
        self._go_on_live = self.app.feed.hold()  # two keypoint models at once would both be slow
        self._cancelled = threading.Event()
        self._trials, self._outcomes = [], []
        self._show()
        self.query_one("#events").focus()
        spans = self.query_one("#spans", Input).value.strip()
        # Not a worker of Textual: leaving the application would wait for it.
        threading.Thread(
            target=self._try_all,
            args=(self.app, typed_path(path), spans, self._cancelled),
            name="actionpose-trial",
            daemon=True,
        ).start()

    def action_cancel(self) -> None:
        """Stop running; what is done stays."""
        self._cancelled.set()

    def _try_all(self, app: ActionposeApp, path: Path, spans: str, cancelled: threading.Event) -> None:
        try:
            self.post_message(self.Advanced("reading the library", Progress(0.0, float("nan"), 0)))
            recognizer = make_recognizer(app.library, app.settings.recognizer)
            files = find_files(path)
            for number, file in enumerate(files):
                if cancelled.is_set():
                    break
                self._try(app, file, recognizer, spans, cancelled, number=number, n_files=len(files))
        except ActionposeError as error:
            self.post_message(self.Failed(error))
        finally:
            self.post_message(self.Ended())

    def _try(
        self,
        app: ActionposeApp,
        file: Path,
        recognizer: RecognizerSet,
        spans: str,
        cancelled: threading.Event,
        *,
        number: int,
        n_files: int,
    ) -> None:
        doing = file.name if n_files == 1 else f"{file.name}, {number + 1} of {n_files}"
        told = 0.0

        def tell(progress: Progress) -> None:
            nonlocal told
            if time.monotonic() - told >= _PROGRESS_S:
                told = time.monotonic()
                share = progress.share if n_files == 1 or progress.share == progress.share else 0.0
                self.post_message(self.Advanced(doing, progress._replace(share=(number + share) / n_files)))

        self.post_message(self.Advanced(f"opening {doing}", Progress(0.0, number / n_files, 0)))
        try:
            trial = run_trial(
                file,
                recognizer,
                find_spans(spans, file),
                open_source=partial(app.settings.open_source, app.open_source),
                load_estimator=app.load_estimator,
                on_progress=tell,
                is_cancelled=cancelled.is_set,
            )
        except ActionposeError as error:
            self.post_message(self.Failed(error))
        else:
            if trial is not None:
                performed = {label for label, _, _ in trial.spans or ()} - {UNKNOWN}
                missing = describe_missing(performed, app.library.labels())
                self.post_message(self.Tried(replace(trial, notes=(*trial.notes, *missing))))

    def on_test_screen_advanced(self, message: Advanced) -> None:
        """Show how far it is."""
        share = message.progress.share
        bar = self.query_one(ProgressBar)
        bar.update(total=None if share != share else 1.0, progress=0.0 if share != share else share)
        found = f" · {message.progress.n_events} found" if message.progress.n_events else ""
        self.query_one("#doing", Static).update(f"{message.doing}{found}")

    def on_test_screen_tried(self, message: Tried) -> None:
        """Show what was recognised in one more file."""
        self._trials.append(message.trial)
        self._outcomes += list_outcomes(message.trial)
        for note in message.trial.notes:
            self.notify(f"{message.trial.path.name}: {note}", severity="warning", markup=False)
        self._show()

    def on_test_screen_failed(self, message: Failed) -> None:
        """Say what went wrong."""
        self.app.report(message.error)

    def on_test_screen_ended(self) -> None:
        """Say what was done."""
        self._is_running = False
        self._go_on_live()
        n_files = len(self._trials)
        done = f"{len([o for o in self._outcomes if o.event])} events in {n_files} file{'s' if n_files != 1 else ''}"
        self.query_one("#doing", Static).update(f"cancelled · {done}" if self._cancelled.is_set() else done)
        self._show()

    # Showing

    def _show(self) -> None:
        is_empty = not self._trials and not self._is_running
        self.query_one("#empty").display = is_empty
        self.query_one("#results").display = not is_empty
        self.query_one("#progress").display = self._has_run
        self.query_one(ProgressBar).display = self._is_running
        self.refresh_bindings()
        self._show_events()
        self.query_one(ScoreView).show(self._trials, evaluate_trials(self._trials))
        self._show_trace()

    def _show_events(self) -> None:
        table = self.query_one(Table)
        row = table.cursor_row
        table.clear(columns=True)
        has_verdicts = any(outcome.verdict for outcome in self._outcomes)
        name_width = _NAME_WIDTHS[self.has_class("-wide")] if len(self._trials) > 1 else 0
        cells = [_cells(outcome, has_verdicts=has_verdicts, name_width=name_width) for outcome in self._outcomes]
        for title in cells[0] if cells else ("start", "end", "action", "ratio"):
            is_number = title in ("start", "end", "ratio")
            width = max([len(title), *(len(row[title]) for row in cells)])
            table.add_column(Text(title, justify="right" if is_number else "left"), width=width, key=title)
        for index, texts in enumerate(cells):
            table.add_row(*texts.values(), key=str(index))
        table.move_cursor(row=row)

    def on_data_table_row_highlighted(self) -> None:
        """Show the moment of the event under the cursor."""
        self._show_trace()

    def _show_trace(self) -> None:
        index = self.query_one(Table).cursor_row
        trace = self.query_one(TraceView)
        outcome = self._outcomes[index] if 0 <= index < len(self._outcomes) else None
        trace.set_class(outcome is None, "-empty")
        trace.show(outcome)

    def action_mistake(self, step: int) -> None:
        """Go to the next event that is not right, round the end; to the next of any where none is wrong."""
        table = self.query_one(Table)
        wanted = [i for i, outcome in enumerate(self._outcomes) if outcome.verdict in ("false", "wrong", "missed")]
        wanted = wanted or list(range(len(self._outcomes)))
        if wanted:
            row = table.cursor_row
            following = [i for i in wanted[::step] if (i - row) * step > 0]
            table.move_cursor(row=following[0] if following else wanted[::step][0])


def _shorten(name: str, width: int) -> str:
    """Return the end of a long name, which begins with the date as often as not."""
    name = name.removesuffix(".gz").removesuffix(".jsonl")
    return name if len(name) <= width else f"…{name[1 - width :]}"


def _cells(outcome: Outcome, *, has_verdicts: bool, name_width: int) -> dict[str, Text]:
    event = outcome.event
    cells = {"": Text(_VERDICTS[outcome.verdict])} if has_verdicts else {}
    cells |= {
        "start": Text(f"{outcome.start:.2f}", justify="right"),
        "end": Text(f"{outcome.end:.2f}", justify="right"),
        "action": Text(f"{outcome.label}, was {outcome.performed}" if outcome.performed else outcome.label),
        "ratio": Text(f"{event.distance / event.threshold:.2f}" if event else "", justify="right"),
    }
    if name_width:
        cells["file"] = Text(_shorten(outcome.trial.path.name, name_width))
    return cells
