"""The screen Record: show it an action, see at once what each take is worth, and try it."""

from __future__ import annotations

import asyncio
import datetime as dt
import math
import re
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, ClassVar

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.suggester import SuggestFromList
from textual.widgets import DataTable, Footer, Input, Label, Static

from actionpose.errors import ActionposeError, InvalidDataError
from actionpose.recorder import RecorderSettings
from actionpose.session import SessionRecording
from actionpose.takes import Take, assess_take, template_from_take
from actionpose.template import validate_label
from actionpose.tui.attempts import Attempt, describe_verdict
from actionpose.tui.header import HeaderBar
from actionpose.tui.stage import Stage, describe_phase
from actionpose.tui.taking import BackgroundTaking, Taking
from actionpose.tui.trim import TrimScreen
from actionpose.tui.view import BodyView

if TYPE_CHECKING:
    from actionpose.tui.app import ActionposeApp

__all__ = ["RecordScreen"]

_REDRAW_S = 0.1
_BACKGROUND_S = 30.0
_VERDICT_WIDTH = 18
_REDO_COUNTDOWN_S = 2.0


class _Field(Input):
    """A line whose Enter is told of at the bottom."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "submit", "Record", key_display="enter")]


class RecordScreen(Screen[None]):
    """Records."""

    app: ActionposeApp
    HELP: ClassVar[str] = (
        "Type the name of the action and press enter. Hold still, perform it, and hold still again: a take begins and "
        "ends with the motion, and its still ends are cut off. To record a pose to hold, give the takes a length in "
        "seconds.\n"
        "Good takes are in the library at once; the others can be kept all the same, recorded again, or trimmed.\n"
        "A background recording shows what is not an action, half a minute of moving about, and makes false alarms "
        "rarer."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "record", "Record"),
        Binding("k", "keep", "Keep"),
        Binding("o", "redo", "Redo"),
        Binding("t", "trim", "Trim"),
        Binding("b", "background", "Background"),
        Binding("y", "try", "Try it"),
        Binding("e", "edit", "Name", show=False),
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
        DataTable { height: auto; max-height: 1fr; background: $background; }
        #advice { height: auto; padding: 1 0; color: $foreground-muted; }
        &.-narrow #view { display: none; }
        &.-low #advice, &.-low Stage { display: none; }
        &.-low #fields { padding: 0; }
    }
    """

    body = getters.query_one(BodyView)
    stage = getters.query_one(Stage)
    label = getters.query_one("#label", Input)
    table = getters.query_one(DataTable)
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
                        yield _Field(id="label", placeholder="its name, for instance wave", compact=True)
                    with Horizontal(classes="field"):
                        yield Label("Takes")
                        yield _Field("3", id="takes", type="integer", compact=True, classes="number")
                        yield Label("Seconds", classes="second")
                        yield _Field(id="seconds", placeholder="by motion", type="number", compact=True)
                yield DataTable(cursor_type="row", zebra_stripes=False)
                yield Static(id="advice", markup=False)
        yield Footer(show_command_palette=False)

    def __init__(self) -> None:
        super().__init__()
        self._attempts: list[Attempt] = []
        self._taking: Taking | BackgroundTaking | None = None
        self._stop_listening: Callable[[], None] = lambda: None
        self._recording: SessionRecording | None = None
        self._changing = asyncio.Lock()
        self._label = ""
        self._phase = ""

    def on_mount(self) -> None:
        """Begin to redraw."""
        for name, width in (("#", 2), ("length", 6), ("verdict", _VERDICT_WIDTH), ("", 4)):
            self.table.add_column(name, width=width, key=name or "kept")
        self.table.display = False
        self.set_interval(_REDRAW_S, self._redraw)
        self.label.focus()

    def on_screen_resume(self) -> None:
        """Offer the labels there are by now."""
        self._work(self._read_labels())

    def on_screen_suspend(self) -> None:
        """Stop when the user goes to another screen, not when a dialog lies over this one."""
        if self.app.current_mode != "record":
            self._finish()

    async def _read_labels(self) -> None:
        labels = await asyncio.to_thread(self.app.library.labels)
        self.label.suggester = SuggestFromList(labels, case_sensitive=False)

    @on(Input.Submitted)
    def _submit(self) -> None:
        self.action_record()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Dim or hide what cannot be done now."""
        if action == "leave_field":
            return isinstance(self.focused, Input)
        if action == "stop":
            return self._taking is not None
        if action in ("keep", "redo", "trim"):
            return False if self._taking else True if self._attempts else None
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
        try:
            self._label = validate_label(self.label.value)
        except InvalidDataError as error:
            self.app.report(error)
            self.label.focus()
            return
        if any(attempt.label != self._label for attempt in self._attempts):
            self._attempts.clear()
            self._fill_table()
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
            self._work(self._drop(attempt))
        self._begin_takes(takes=1, countdown_s=_REDO_COUNTDOWN_S)

    def action_keep(self) -> None:
        """Keep a take that is not kept; drop one that is."""
        if attempt := self._chosen():
            self._work(self._keep_or_drop(attempt))

    def action_trim(self) -> None:
        """Cut the chosen take by hand."""
        if attempt := self._chosen():
            self._work(self._trim(attempt))

    def action_try(self) -> None:
        """Go live with what is in the library now."""
        self._finish()
        self.app.switch_mode("live")

    def _begin_takes(self, **changes: Any) -> None:
        try:
            settings = RecorderSettings(**self._read_fields() | changes)
        except InvalidDataError as error:
            self.app.report(error)
            return
        self._begin(Taking(settings), name=self._label)

    def _read_fields(self) -> dict[str, Any]:
        takes, seconds = self.query_one("#takes", Input).value, self.query_one("#seconds", Input).value
        try:
            return {"takes": int(takes or 3), "seconds": float(seconds) if seconds.strip() else None}
        except ValueError:
            raise InvalidDataError(f"Takes and seconds are numbers; got {takes!r} and {seconds!r}.") from None

    def _begin(self, taking: Taking | BackgroundTaking, *, name: str) -> None:
        self.app.feed.make_ready()
        self._taking, self._phase = taking, ""
        self._open_recording(name)
        recording = self._recording

        def listen(tick: Any) -> None:
            taking.keep(tick)
            if recording:
                recording.keep(tick)

        self._stop_listening = self.app.feed.listen(listen)
        self.refresh_bindings()
        self.set_focus(self.table if self.table.display else None)

    def _open_recording(self, name: str) -> None:
        file_name = re.sub(r"[^\w-]+", "_", name)
        stem = f"{dt.datetime.now():%Y-%m-%d_%H%M%S}_{file_name}"
        try:
            self.app.recordings.mkdir(parents=True, exist_ok=True)
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
            self._work(asyncio.to_thread(self._recording.close))
        if isinstance(taking, BackgroundTaking):
            self._work(self._keep_background(taking))
        else:
            self._take_in(taking)
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
                return "ready", "Name the action and press enter."
            return "ready", "r: more takes, e: another action." if self._attempts else "e: name the action."
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
            attempt = Attempt(self._label, len(self._attempts) + 1, self._judge(take), self._provenance())
            self._attempts.append(attempt)
            if attempt.take.verdict.ok:
                self._work(self._keep(attempt))
            self._fill_table(choose=len(self._attempts) - 1)

    def _judge(self, take: Take) -> Take:
        """Compare a take with all that are kept: its recorder may have seen none of them."""
        others = [attempt.take.sequence for attempt in self._attempts if attempt.is_kept]
        if not others or not take.verdict.ok:
            return take
        verdict = assess_take(take.sequence, others=others, may_be_still=take.verdict.is_still)
        return Take(sequence=take.sequence, recorded=take.recorded, verdict=verdict)

    def _provenance(self) -> dict[str, str]:
        state = self.app.feed.state
        recording = self._recording.path.name if self._recording else ""
        named = {"source": state.source, "estimator": state.model, "recording": recording}
        return {name: value for name, value in named.items() if value}

    def _chosen(self) -> Attempt | None:
        row = self.table.cursor_row
        return self._attempts[row] if 0 <= row < len(self._attempts) else None

    def _fill_table(self, *, choose: int | None = None) -> None:
        row = self.table.cursor_row if choose is None else choose
        self.table.clear()
        for attempt in self._attempts:
            self.table.add_row(
                f"{attempt.number:2d}",
                f"{attempt.take.sequence.duration:4.1f} s",
                _cut(describe_verdict(attempt.take)),
                "kept" if attempt.is_kept else "-",
            )
        self.table.display = bool(self._attempts)
        self.table.move_cursor(row=row)
        if self._attempts and self.focused is None:
            self.table.focus()
        self.refresh_bindings()
        self._advise()

    @on(DataTable.RowHighlighted)
    def _advise(self) -> None:
        attempt = self._chosen()
        problems = " ".join(attempt.take.verdict.problems) if attempt else ""
        n_kept = sum(attempt.is_kept for attempt in self._attempts)
        kept = f"{n_kept} kept. Press y to try it now." if n_kept else ""
        self.advice.update(problems or kept)

    def _work(self, what: Coroutine[Any, Any, None]) -> None:
        """Do something that may take a while; what goes wrong is shown."""

        async def work() -> None:
            try:
                await what
            except ActionposeError as error:
                self.app.report(error)

        self.run_worker(work(), group="record")

    async def _keep_or_drop(self, attempt: Attempt) -> None:
        async with self._changing:  # a second key press waits for what the first one does
            await (self._drop(attempt) if attempt.is_kept else self._keep(attempt))

    async def _keep(self, attempt: Attempt) -> None:
        template = template_from_take(attempt.label, attempt.take, provenance=attempt.provenance)
        await asyncio.to_thread(self.app.library.add, template)
        attempt.template_id = template.id
        self._fill_table()

    async def _drop(self, attempt: Attempt) -> None:
        await asyncio.to_thread(self.app.library.remove, attempt.template_id)
        attempt.template_id = ""
        self._fill_table()

    async def _trim(self, attempt: Attempt) -> None:
        others = [other.take.sequence for other in self._attempts if other.is_kept and other is not attempt]
        title = f"Trim take {attempt.number} of {attempt.label}"
        take = await self.app.push_screen_wait(TrimScreen(attempt.take, title=title, others=others))
        if take is None:
            return
        attempt.take = take
        was_kept = attempt.is_kept
        if was_kept:
            await self._drop(attempt)
        if was_kept or take.verdict.ok:
            await self._keep(attempt)
        self._fill_table()

    async def _keep_background(self, taking: BackgroundTaking) -> None:
        sequence = taking.sequence
        if sequence is None:
            self.app.notify("Nobody was in view, so nothing was recorded.", severity="warning")
            return
        await asyncio.to_thread(self.app.library.add_background, sequence, provenance=self._provenance())
        self.app.notify(f"Background of {sequence.duration:.0f} s added: false alarms become rarer.")


def _cut(text: str) -> str:
    return text if len(text) <= _VERDICT_WIDTH else f"{text[: _VERDICT_WIDTH - 1]}…"
