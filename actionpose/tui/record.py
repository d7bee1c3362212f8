"""The screen Record: show it an action, see at once what each take is worth, and try it."""

from __future__ import annotations

import asyncio
import datetime as dt
import math
import re
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, ClassVar

from rich.markup import escape
from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import DataTable, Input, Label, Static

from actionpose.errors import ActionposeError, InvalidDataError
from actionpose.naming import describe_new
from actionpose.recorder import RecorderSettings
from actionpose.session import SessionRecording
from actionpose.template import validate_label
from actionpose.tui.attempts import Attempt, Attempts, describe_verdict
from actionpose.tui.fields import Field, LabelField
from actionpose.tui.header import HeaderBar
from actionpose.tui.key_bar import KeyBar
from actionpose.tui.stage import Stage, describe_phase
from actionpose.tui.table import MOVING, Table
from actionpose.tui.taking import BackgroundTaking, Taking
from actionpose.tui.trim import TrimScreen
from actionpose.tui.view import BodyView

if TYPE_CHECKING:
    from actionpose.tui.app import ActionposeApp

__all__ = ["RecordScreen"]

_REDRAW_S = 0.1
_BACKGROUND_S = 30.0
_COLUMNS = {"#": 2, "length": 6, "verdict": 8, "": 4}  # with their widths; the verdict has what is left over
_REDO_COUNTDOWN_S = 2.0


class RecordScreen(Screen[None]):
    """Records."""

    app: ActionposeApp
    AUTO_FOCUS = ""  # a field that was left stays left: the keys that follow are commands
    HELP: ClassVar[str] = (
        "Type the name of the action, or choose a known one with the arrow keys, and press enter; then r or space "
        "records. Hold still, perform it, and hold still again: a take begins and ends with the motion, and its still "
        "ends are cut off. To record a pose to hold, give the takes a length in seconds.\n"
        "Good takes are in the library at once; the others can be kept all the same, recorded again, or trimmed.\n"
        "A background recording shows what is not an action, half a minute of moving about, and makes false alarms "
        f"rarer.\n{MOVING}"
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r,space", "record", "Record", key_display="r"),
        Binding("K", "keep", "Keep"),
        Binding("o", "redo", "Redo"),
        Binding("t", "trim", "Trim"),
        Binding("b", "background", "Background"),
        Binding("y", "try", "Try it", show=False),
        Binding("e", "edit", "Name"),
        Binding("escape", "leave_field", "Leave the field"),
        Binding("escape", "stop", "Stop"),
    ]
    CSS = """
    RecordScreen {
        #scene { height: 1fr; }
        #view { width: 50%; layers: below above; }
        #view Stage { layer: above; dock: bottom; }
        #side { width: 1fr; padding: 0 1; }
        .field { height: 1; }
        .field Label { width: 10; color: $foreground-muted; }
        .field Input { width: 1fr; }
        .field .number { width: 5; }
        .field .second { margin: 0 0 0 2; }
        #fields { height: auto; padding: 1 0; }
        Table { height: 1fr; min-height: 3; scrollbar-size: 1 1; scrollbar-gutter: stable; }
        #advice { height: auto; padding: 1 0; color: $foreground-muted; }
        &.-narrow #view { display: none; }
        &.-low Stage { display: none; }
        &.-low #fields, &.-low #advice { padding: 0; }
    }
    """

    body = getters.query_one(BodyView)
    stage = getters.query_one(Stage)
    label = getters.query_one("#label", LabelField)
    table = getters.query_one(Table)
    advice = getters.query_one("#advice", Static)

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        yield HeaderBar()
        with Horizontal(id="scene"):
            with Vertical(id="view"):
                yield BodyView()
                yield Stage()
            with Vertical(id="side"):
                with Vertical(id="fields"):
                    with Horizontal(classes="field"):
                        yield Label("Action")
                        yield LabelField(id="label", placeholder="its name, for instance wave", compact=True)
                    with Horizontal(classes="field"):
                        yield Label("Takes")
                        yield Field("3", id="takes", type="integer", compact=True, classes="number")
                        yield Label("Seconds", classes="second")
                        yield Field(id="seconds", placeholder="by motion", type="number", compact=True)
                yield Table()
                yield Static(id="advice", markup=False)
        yield KeyBar()

    def __init__(self) -> None:
        super().__init__()
        self._attempts = Attempts(lambda: self.app.library)
        self._taking: Taking | BackgroundTaking | None = None
        self._stop_listening: Callable[[], None] = lambda: None
        self._recording: SessionRecording | None = None
        self._source = ""  # that the takes in the table are from
        self._n_before = 0  # takes in the table that are not of this set
        self._why_given_up = ""  # on the last set
        self._phase = ""

    def on_mount(self) -> None:
        """Begin to redraw."""
        for name, width in _COLUMNS.items():
            self.table.add_column(name, width=width, key=name or "kept")
        self.table.display = False
        self.set_interval(_REDRAW_S, self._redraw)
        self.label.focus()

    def on_screen_resume(self) -> None:
        """Offer the labels there are by now; what another source shows is another action until it is said."""
        self._work(self._read_labels())
        if self._attempts.takes and self._source != self.app.settings.source:
            self._attempts.begin("")
            self.label.value = ""
            self._fill_table()
            self.label.focus()

    def on_screen_suspend(self) -> None:
        """Stop when the user goes to another screen, not when a dialog lies over this one."""
        if self.app.current_mode != "record":
            self._finish()

    def on_unmount(self) -> None:
        """Close the recording that is under way when the application is left."""
        self._stop_listening()
        if self._recording:
            self._recording.close()

    async def _read_labels(self) -> None:
        self.label.offer(await asyncio.to_thread(self.app.library.labels))

    @on(Input.Submitted)
    def _submit(self) -> None:
        """Leave the fields for the keys, once the name is one."""
        if self._read_label():
            self.action_leave_field()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Dim or hide what cannot be done now."""
        if action == "leave_field":
            return isinstance(self.focused, Input)
        if action == "stop":
            return self._taking is not None
        if action in ("keep", "redo", "trim"):
            return False if self._taking else True if self._attempts.takes else None
        return True

    def action_edit(self) -> None:
        """Change the name."""
        self.label.focus()

    def action_leave_field(self) -> None:
        """Leave the field for the keys."""
        self.set_focus(self.table if self.table.display else None)

    def action_stop(self) -> None:
        """Stop recording."""
        self._finish()

    def action_record(self) -> None:
        """Begin to record takes, or stop."""
        if self._taking:
            self._finish()
            return
        if not (label := self._read_label()):
            return
        if label != self._attempts.label:
            self._work(self._tell_alike(label))
        self._source = self.app.settings.source
        self._attempts.begin(label)
        self._fill_table()
        self._work(self._attempts.read_known())
        self._begin_takes()

    def action_background(self) -> None:
        """Record what is not an action, or stop."""
        if self._taking:
            self._finish()
        else:
            self._begin(BackgroundTaking(_BACKGROUND_S), name="background")

    def action_redo(self) -> None:
        """Drop the chosen take and record another in its place."""
        attempt = self._chosen()
        if attempt is None:
            return
        if attempt.is_kept:
            self._work(self._attempts.drop(attempt))
        self._begin_takes(takes=1, countdown_s=_REDO_COUNTDOWN_S)

    def action_keep(self) -> None:
        """Keep a take that is not kept; drop one that is."""
        if attempt := self._chosen():
            self._work(self._attempts.toggle(attempt))

    def action_trim(self) -> None:
        """Cut the chosen take by hand."""
        if attempt := self._chosen():
            self._work(self._trim(attempt))

    def action_try(self) -> None:
        """Go live with what is in the library now."""
        self._finish()
        self.app.switch_mode("live")

    def _read_label(self) -> str:
        """Return the name that is typed; empty, and the focus on it, where it is none."""
        try:
            return validate_label(self.label.value)
        except InvalidDataError as error:
            self.app.report(error)
            self.label.focus()
            return ""

    def _begin_takes(self, **changes: Any) -> None:
        try:
            settings = RecorderSettings(**self._read_fields() | changes)
        except InvalidDataError as error:
            self.app.report(error)
            return
        self._begin(Taking(settings), name=self._attempts.label)

    def _read_fields(self) -> dict[str, Any]:
        takes, seconds = self.query_one("#takes", Input).value, self.query_one("#seconds", Input).value
        try:
            return {"takes": int(takes or 3), "seconds": float(seconds) if seconds.strip() else None}
        except ValueError:
            raise InvalidDataError(f"Takes and seconds are numbers; got {takes!r} and {seconds!r}.") from None

    def _begin(self, taking: Taking | BackgroundTaking, *, name: str) -> None:
        self.app.feed.make_ready()
        self._taking, self._phase = taking, ""
        self._n_before, self._why_given_up = len(self._attempts.takes), ""
        self.refresh_bindings()
        self.set_focus(self.table if self.table.display else None)
        self._work(self._begin_where_it_can_be_saved(taking, name=name))

    async def _begin_where_it_can_be_saved(self, taking: Taking | BackgroundTaking, *, name: str) -> None:
        try:
            await asyncio.to_thread(self.app.library.validate_writable)
        except ActionposeError:
            if self._taking is taking:
                self._taking = None
                self.refresh_bindings()
            raise
        if self._taking is not taking:  # stopped meanwhile
            return
        self._open_recording(name)
        recording = self._recording

        def listen(tick: Any) -> None:
            taking.keep(tick)
            if recording:
                recording.keep(tick)

        self._stop_listening = self.app.feed.listen(listen)

    def _open_recording(self, name: str) -> None:
        file_name = re.sub(r"[^\w-]+", "_", name)
        stem = f"{dt.datetime.now():%Y-%m-%d_%H%M%S}_{file_name}"
        try:
            self._recording = SessionRecording(self.app.recordings / f"{stem}.jsonl.gz")
        except (ActionposeError, OSError) as error:  # the takes matter more
            self._recording = None
            self.app.notify(f"Not kept as a recording: {error}", severity="warning", markup=False)

    def _finish(self) -> None:
        """End what is being recorded, and keep what there is of it."""
        taking, self._taking = self._taking, None
        if taking is None:
            return
        taking.stop()
        self._stop_listening()
        if self._recording:
            self._work(self._close(self._recording))
        if isinstance(taking, BackgroundTaking):
            self._work(self._keep_background(taking))
        else:
            self._take_in(taking)
            if taking.state and taking.state.has_given_up:
                self._why_given_up = self._explain_giving_up(taking.state.n_takes)
                self._advise()
        self._recording = None
        self.refresh_bindings()

    def _redraw(self) -> None:
        if not self.is_current:
            return
        tick = self.app.feed.latest
        if tick and tick.frame:
            self.body.show(tick, picture=self.app.settings.picture)
        if isinstance(self._taking, Taking):
            self._take_in(self._taking)
        if self._taking and (self._taking.is_done or self.app.feed.state.phase in ("ended", "failed")):
            self._finish()
        self.stage.show(*self._direct())

    def _direct(self) -> tuple[str, str]:
        """Return the large word and the line below it."""
        taking, state = self._taking, self.app.feed.state
        if isinstance(taking, BackgroundTaking):
            left = math.ceil(taking.seconds - taking.elapsed_s)
            return f"{left} s", "Do anything but the actions."
        if taking is None:
            if state.phase != "running":
                return state.phase, state.message or state.opening
            if isinstance(self.focused, Input):
                return "name", "Name the action and press enter."
            if self._why_given_up:
                return "gave up", "r tries again."
            label = self.label.value.strip()
            return ("ready", f"r or space: record {label}.") if label else ("name", "e: name the action.")
        if taking.state is None:
            return "wait", "Step into the picture."
        if taking.state.phase != self._phase:
            self._phase = taking.state.phase
            self.app.bell()  # who performs stands too far off to read
        where = f"{taking.state.take_number} of {taking.state.n_takes}"
        word = describe_phase(taking.state, phase_s=taking.phase_s)
        return word, ": ".join(filter(None, (where, taking.state.advice)))

    def _take_in(self, taking: Taking) -> None:
        for take in taking.finished():
            attempt = self._attempts.add(take, provenance=self._provenance())
            if attempt.take.verdict.ok:
                self._work(self._attempts.keep(attempt))
            self._fill_table(choose=len(self._attempts.takes) - 1)

    def _explain_giving_up(self, n_wanted: int) -> str:
        """Say that no more takes will come, what was most often wrong, and what to do."""
        takes = [attempt.take for attempt in self._attempts.takes[self._n_before :]]
        bad = [take for take in takes if not take.verdict.ok]
        kinds = [describe_verdict(take) for take in bad]
        often = bad[kinds.index(max(kinds, key=kinds.count))].verdict.problems[0] if bad else ""
        return (
            f"Gave up: {len(bad)} take{'s' * (len(bad) != 1)} had problems, {len(takes) - len(bad)} of {n_wanted} are "
            f"good. Most often: {often} Press r to try again, or K to keep the chosen take all the same."
        )

    def _provenance(self) -> dict[str, str]:
        state = self.app.feed.state
        recording = self._recording.path.name if self._recording else ""
        named = {"source": state.source, "estimator": state.model, "recording": recording}
        return {name: value for name, value in named.items() if value}

    def _chosen(self) -> Attempt | None:
        row = self.table.cursor_row
        return self._attempts.takes[row] if 0 <= row < len(self._attempts.takes) else None

    def _fill_table(self, *, choose: int | None = None) -> None:
        row = self.table.cursor_row if choose is None else choose
        self.table.clear()
        self._fit_verdict()
        for attempt in self._attempts.takes:
            self.table.add_row(
                f"{attempt.number:2d}",
                f"{attempt.take.sequence.duration:4.1f} s",
                escape(describe_verdict(attempt.take)),  # it may name a keypoint
                "kept" if attempt.is_kept else "-",
                height=None,  # as many lines as the verdict needs
            )
        self.table.display = bool(self._attempts.takes)
        self.table.move_cursor(row=row)
        if self._attempts.takes and self.focused is None:
            self.table.focus()
        self.refresh_bindings()
        self._advise()

    def _fit_verdict(self) -> None:
        """Give the verdicts the room that the other columns leave."""
        beside = 2 * self.table.cell_padding * len(_COLUMNS) + 1  # a column of scroll bar
        room = self.query_one("#side").content_size.width - beside
        width = max(_COLUMNS["verdict"], room - sum(_COLUMNS.values()) + _COLUMNS["verdict"])
        for column in self.table.columns.values():
            if column.key == "verdict":
                column.width = width

    @on(DataTable.RowHighlighted)
    def _advise(self) -> None:
        attempt = self._chosen()
        problems = " ".join(attempt.take.verdict.problems) if attempt else ""
        n_kept = self._attempts.n_kept
        kept = f"{n_kept} kept. Press y to try it now." if n_kept else ""
        self.advice.update("\n".join(filter(None, (self._why_given_up, problems or kept))))

    def _work(self, what: Coroutine[Any, Any, None]) -> None:
        """Do something that may take a while, and show what came of it."""

        async def work() -> None:
            try:
                await what
            except ActionposeError as error:
                self.app.report(error)
            self._fill_table()

        self.run_worker(work(), group="record")

    async def _tell_alike(self, label: str) -> None:
        for note in describe_new([label], await asyncio.to_thread(self.app.library.labels)):
            self.app.notify(note, severity="warning", timeout=8, markup=False)

    async def _close(self, recording: SessionRecording) -> None:
        await asyncio.to_thread(recording.close)
        for note in recording.notes:  # a full disk, for instance; the takes are safe
            self.app.notify(f"The recording is not whole: {note}", severity="warning", markup=False)

    async def _trim(self, attempt: Attempt) -> None:
        title = f"Trim take {attempt.number} of {attempt.label}"
        others = self._attempts.others(attempt.take, but=attempt)
        take = await self.app.push_screen_wait(TrimScreen(attempt.take, title=title, others=others))
        if take is not None:
            await self._attempts.exchange(attempt, take)

    async def _keep_background(self, taking: BackgroundTaking) -> None:
        sequence = taking.sequence
        if sequence is None:
            self.app.notify("Nobody was in view, so nothing was recorded.", severity="warning")
            return
        await asyncio.to_thread(self.app.library.add_background, sequence, provenance=self._provenance())
        self.app.notify(f"Background of {sequence.duration:.0f} s added: false alarms become rarer.")
