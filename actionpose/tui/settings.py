"""The screen Settings: changed here, applied at once, and kept for the next time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.events import DescendantFocus
from textual.screen import Screen
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input, Label, Select, Static

from actionpose.errors import ActionposeError, InvalidDataError
from actionpose.outputs import describe_output
from actionpose.session.recognizers import fitting_templates
from actionpose.template import Template
from actionpose.tui.alarms import expect_alarms
from actionpose.tui.feed import OF_SOURCE
from actionpose.tui.fields import Field
from actionpose.tui.header import HeaderBar
from actionpose.tui.key_bar import KeyBar
from actionpose.tui.keyboard import UNAWAITED
from actionpose.tui.preferences import Refused
from actionpose.tui.slider import Slider

if TYPE_CHECKING:
    from actionpose.tui.app import ActionposeApp

__all__ = ["SettingsScreen"]

_LOOK_S = 0.5
_SOURCES = ("0", "1", "puppet:wave,clap?seconds=600", "puppet:wave?seconds=600", "http://", "rtsp://")
_TEXTS = {"source": "", "model": "", "outputs": "none"}
_NUMBERS = {"people": int, "rate": float, "votes": int, "window": int, "ratio": float}
_CHOICES: dict[str, tuple[str, ...] | tuple[int, ...]] = {
    "rotate": (0, 90, 180, 270),
    "mode": ("stream", "window"),
    "feature": ("positions", "directions", "angles"),
    "picture": ("camera", "skeleton"),
    "theme": ("dark", "light"),
}
_NAMES = {"votes": "Votes", "ratio": "Share to win", "window": "Window"}
_EXPLAINED = {
    "source": "camera number, video, stream, recording or puppet",
    "model": "mediapipe, auto, a .task file or a model's folder",
    "people": "how many to follow at most",
    "rate": "frames per second of files with no or wrong times; 0 = as they say",
    "rotate": "degrees by which pictures are turned clockwise",
    "sensitivity": "more to the right is found more often, false alarms too",
    "mode": "stream finds start and end; window votes",
    "feature": "what is compared",
    "votes": "window mode: how many of the nearest vote",
    "ratio": "window mode: share of the votes that wins",
    "window": "window mode: its length in frames",
    "outputs": "osc://, mqtt://, http://, key:, exec: or a .jsonl file; parted by ;",
    "picture": "skeleton shows lines alone, for privacy",
    "theme": "colours",
}


class SettingsScreen(Screen[None]):
    """Sets."""

    app: ActionposeApp
    AUTO_FOCUS = ""
    HELP: ClassVar[str] = (
        "Move with tab and shift+tab. A text is taken with enter, everything else at once.\n"
        "The sensitivity is set by what it costs: the false alarms per minute to expect, judged by the recordings of "
        "the background, and the share of performances missed, judged by the takes.\n"
        "What is changed here is saved; what was typed on the command line goes before it the next time."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "move(1)", "Next field"),
        Binding("shift+tab", "move(-1)", "Field before", show=False),
        Binding("escape", "leave", "Leave the field"),
    ]
    CSS = """
    SettingsScreen {
        #fields { padding: 1 1; scrollbar-size: 1 1; }
        .field { height: 1; }
        .field Label { width: 13; color: $foreground-muted; }
        .field Input, .field Select, .field Slider { width: 32; }
        &.-medium .field Slider { width: 24; }
        .field .why { width: 1fr; padding: 0 0 0 2; color: $foreground-muted; text-wrap: nowrap; }
        .gap { height: 1; }
        #outcome { display: none; }
        Field.-refused { color: $text-error; text-style: underline; }
        .why.-refused { color: $text-error; }
        .why { display: none; }
        #alarms { width: 1fr; padding: 0 0 0 2; color: $foreground-muted; }
        #explained, #where, #outcome { height: auto; padding: 0 1; color: $foreground-muted; }
        #explained { color: $foreground; }
        &.-low .gap, &.-low #where, &.-low #explained { display: none; }
        &.-wide .why { display: block; }
        &.-wide #explained { display: none; }
        &.-low #fields { padding: 0 1; }
        &.-narrow .field Input, &.-narrow .field Select, &.-narrow .field Slider { width: 1fr; }
    }
    """

    explained = getters.query_one("#explained", Static)
    outcome = getters.query_one("#outcome", Static)

    def __init__(self) -> None:
        super().__init__()
        self._last: Widget | None = None  # field that had the focus
        self._outcome: list[str] = []
        self._refused: dict[str, Refused] = {}  # as they are shown
        self._expect: Callable[[float], str] | None = None  # once it was found out

    def compose(self) -> ComposeResult:
        """Lay out the fields."""
        yield HeaderBar()
        with VerticalScroll(id="fields", can_focus=False):
            for names in (
                ("source", "model", "people", "rate", "rotate"),
                ("sensitivity", "mode", "feature", "votes", "ratio", "window"),
                ("outputs", "picture", "theme"),
            ):
                for name in names:
                    with Horizontal(classes="field"):
                        yield Label(_name(name))
                        yield self._make_field(name)
                        if name == "sensitivity":
                            yield Label(id="alarms", markup=False)
                        else:
                            yield Label(_EXPLAINED[name], classes="why", id=f"why-{name}", markup=False)
                yield Static(classes="gap")
        yield Static(id="outcome", markup=False)
        yield Static(id="explained", markup=False)
        yield Static(f"Saved in {self.app.settings_path}", id="where", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Keep up with the outputs, and with the theme, which has a key of its own."""
        self.set_interval(_LOOK_S, self._show_outcome)
        self.app.theme_changed_signal.subscribe(self, lambda _: self.call_later(self._show, "theme"))

    def on_screen_resume(self) -> None:
        """Show what was changed elsewhere."""
        for name in (*_CHOICES, *_TEXTS, *_NUMBERS):
            self._show(name)
        self._show_outcome()
        self._expect = None
        self._estimate()

    def on_screen_suspend(self) -> None:
        """Begin at the first field the next time, however soon a key comes then."""
        self._last = None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Hide what cannot be done now."""
        return self.focused is not None if action == "leave" else True

    def action_move(self, step: int) -> None:
        """Go to the next field, also after it was left."""
        fields = self.focus_chain
        at = fields.index(self._last) + step if self._last in fields else 0
        self.set_focus(fields[at % len(fields)])

    def action_leave(self) -> None:
        """Leave the field as it was, so that keys mean what the other screens say."""
        if isinstance(self.focused, Input):
            name = str(self.focused.id)
            self.app.forget_refused(name)
            self._show(name)
        self.set_focus(None)

    def on_descendant_focus(self, message: DescendantFocus) -> None:
        """Explain the field that has the focus."""
        self._last = message.widget
        name = str(message.widget.id)
        self.explained.update(f"{_name(name)}: {_EXPLAINED.get(name, '')}.")

    @on(Input.Submitted)
    def _accept_text(self, message: Input.Submitted) -> None:
        if self._take_text(message):
            self.set_focus(None)  # the keys are for the screen again

    @on(Input.Blurred)
    def _take_text(self, message: Input.Submitted | Input.Blurred) -> bool:
        name, text = str(message.input.id), message.value.strip()
        refused = self.app.refused.get(name)
        if isinstance(message, Input.Blurred) and refused and refused.text == text:
            return False  # it is known, and stays to be corrected
        try:
            self._change(name, self._read(name, text))
        except ActionposeError as error:
            self.app.refused[name] = Refused(text, str(error))
        self._show(name)
        self._show_outcome()
        return name not in self.app.refused

    @on(Select.Changed)
    def _change_choice(self, message: Select.Changed) -> None:
        self._change(str(message.select.id), message.value)

    @on(Slider.Changed)
    def _change_number(self, message: Slider.Changed) -> None:
        self._change("sensitivity", message.value)
        self._estimate()

    @work(exclusive=True, group=UNAWAITED)
    async def _estimate(self) -> None:
        """Say what the sensitivity costs, as soon as that is known."""
        library, settings = self.app.library, self.app.settings.recognizer
        try:
            if self._expect is None:
                self._expect = await asyncio.to_thread(
                    lambda: expect_alarms(self._used(library.templates()), library.backgrounds(), settings)
                )
            text = await asyncio.to_thread(self._expect, settings.sensitivity)
        except ActionposeError as error:
            text = error.message
        for label in self.query("#alarms").results(Label):  # gone when the application was left meanwhile
            label.update(text)

    def _used(self, templates: list[Template]) -> list[Template]:
        """Return the templates that the body in view is compared with; all of them where there is none of either."""
        tick = self.app.feed.latest
        poses = tick.poses if tick else ()
        fitting = fitting_templates(templates, poses[0].skeleton, poses[0].position.shape[1]) if poses else []
        return fitting or templates

    def _change(self, name: str, value: object) -> None:
        if name == "theme":
            self.app.theme = str(value)
        else:
            self.app.change_settings(**{name: value})
        if name in ("mode", "feature", "votes", "ratio", "window"):
            self._expect = None
            self._estimate()

    def _make_field(self, name: str) -> Input | Select[str] | Slider:
        value = getattr(self.app.settings, name)
        if name == "sensitivity":
            return Slider(value, low=0.5, high=1.5, step=0.05, id=name)
        if name in _CHOICES:
            choices = dict.fromkeys((*_CHOICES[name], value))
            return Select.from_values(list(choices), value=value, allow_blank=False, compact=True, id=name)
        suggester = SuggestFromList(_SOURCES) if name == "source" else None
        return Field(_text(value), id=name, compact=True, placeholder=_TEXTS.get(name, ""), suggester=suggester)

    def _show_outcome(self) -> None:
        """Say why a source or model could not be changed to, and how the outputs do."""
        feed = self.app.feed
        refused = self.app.refused
        lines = [f"▲ {_name(name)}: {refused[name].why}" for name in refused]
        lines += [f"▲ {feed.state.note}"] if feed.state.note and not refused.keys() & set(OF_SOURCE) else []
        lines += [describe_output(status) for status in feed.outputs]
        if dict(refused) != self._refused:
            changed = refused.keys() ^ self._refused.keys()
            self._refused = dict(refused)
            for name in (*changed, *refused):
                self._show(name)
        if lines != self._outcome:
            self._outcome = lines
            self.outcome.update("\n".join(lines))
            self.outcome.display = bool(lines)

    def _show(self, name: str) -> None:
        value = getattr(self.app.settings, name)
        if name in _CHOICES:
            with self.prevent(Select.Changed):
                self.query_one(f"#{name}", Select).value = value
        else:
            field, refused = self.query_one(f"#{name}", Input), self.app.refused.get(name)
            if not (field.has_focus and refused):  # it may be being corrected
                field.value = refused.text if refused else _text(value)
            field.set_class(refused is not None, "-refused")
            why = self.query_one(f"#why-{name}", Label)
            why.update(refused.why if refused else _EXPLAINED[name])
            why.set_class(refused is not None, "-refused")

    @staticmethod
    def _read(name: str, text: str) -> Any:
        if name == "outputs":
            return tuple(part.strip() for part in text.split(";") if part.strip())
        if name not in _NUMBERS:
            return text
        try:
            return _NUMBERS[name](text)
        except ValueError:
            kind = "a whole number" if _NUMBERS[name] is int else "a number"
            raise InvalidDataError(f"{_name(name)} is {kind}, got {text!r}.") from None


def _name(name: str) -> str:
    return _NAMES.get(name, name.capitalize())


def _text(value: object) -> str:
    return "; ".join(value) if isinstance(value, tuple) else str(value)
