"""Small questions on top of a screen: yes or no, a line of text, a path."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Button, Checkbox, Input, Static

__all__ = ["Answer", "Confirm", "PathSuggester", "Prompt", "typed_path"]

_CSS = """
{name} {{
    align: center middle;
    #dialog {{
        width: 64; max-width: 100%; height: auto; max-height: 100%;
        padding: 1 2; background: $panel; border: round $primary;
    }}
    #title {{ text-style: bold; margin-bottom: 1; }}
    #note {{ color: $text-muted; margin-top: 1; }}
    TickBox {{ margin-top: 1; border: none; padding: 0; background: transparent; }}
    #buttons {{ height: auto; margin-top: 1; align-horizontal: right; }}
    Button {{ margin-left: 2; min-width: 10; }}
    &.-low #dialog, &.-narrow #dialog {{ padding: 0; border: none; }}
    &.-low #title, &.-low TickBox, &.-low #buttons {{ margin: 0; }}
    &.-low #note {{ display: none; }}
}}
"""


class TickBox(Checkbox, inherit_bindings=False):
    """A box that shows by more than its colour whether it is ticked, and leaves Enter to the dialog."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "toggle_button", "Tick")]
    BUTTON_LEFT, BUTTON_INNER, BUTTON_RIGHT = "[", " ", "]"

    def watch_value(self) -> None:
        """Show the new value."""
        self.BUTTON_INNER = "x" if self.value else " "
        super().watch_value()


class Answer(NamedTuple):
    """What was typed, and whether the box below was ticked."""

    text: str
    is_ticked: bool


class Confirm(ModalScreen[bool]):
    """Asks whether to do something; Escape is no.

    Parameters
    ----------
    question : str
        What is to be confirmed.
    yes : str
        What the button that does it says.
    """

    DEFAULT_CSS = _CSS.format(name="Confirm")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "Yes"),
        Binding("n,escape", "dismiss(False)", "No"),
    ]

    def __init__(self, question: str, *, yes: str) -> None:
        super().__init__()
        self._question = question
        self._yes = yes

    def compose(self) -> ComposeResult:
        """Put the question over two buttons."""
        with VerticalScroll(id="dialog", can_focus=False):
            yield Static(self._question, markup=False)
            with Horizontal(id="buttons"):
                yield Button("Cancel", id="no", compact=True)
                yield Button(self._yes, id="yes", variant="primary", compact=True)

    def on_mount(self) -> None:
        """Begin where Enter does what was asked for."""
        self.query_one("#yes").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer."""
        self.dismiss(event.button.id == "yes")


class Prompt(ModalScreen[Answer | None]):
    """Asks for a line of text; Escape gives None.

    Parameters
    ----------
    title : str
        What it is for.
    text : str
        What stands there at first.
    note : str
        A remark below.
    option : str
        Text of a box to tick; without it there is none.
    suggester : Suggester, optional
        Offers how what was typed may go on.
    may_be_empty : bool
        Whether no text is an answer.
    """

    DEFAULT_CSS = _CSS.format(name="Prompt")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel"),
        Binding("enter", "accept", "Accept"),
    ]

    def __init__(
        self,
        title: str,
        *,
        text: str = "",
        note: str = "",
        option: str = "",
        suggester: Suggester | None = None,
        may_be_empty: bool = False,
    ) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._note = note
        self._option = option
        self._suggester = suggester
        self._may_be_empty = may_be_empty

    def compose(self) -> ComposeResult:
        """Put title, line, box and note on top of each other."""
        with VerticalScroll(id="dialog", can_focus=False):
            yield Static(self._title, id="title", markup=False)
            yield Input(self._text, suggester=self._suggester, compact=True)
            if self._option:
                yield TickBox(self._option, compact=True)
            tick = "Tab and Space tick the box, " if self._option else ""
            note = f"{tick}Enter accepts, Escape cancels."
            note = note[0].upper() + note[1:]
            yield Static(f"{self._note} {note}".strip(), id="note", markup=False)
            with Horizontal(id="buttons"):
                yield Button("Cancel", id="no", compact=True)
                yield Button("OK", id="yes", variant="primary", compact=True)

    def on_input_submitted(self) -> None:
        """Answer."""
        self.action_accept()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer, or do not."""
        if event.button.id == "yes":
            self.action_accept()
        else:
            self.dismiss(None)

    def action_accept(self) -> None:
        """Answer with what is typed."""
        text = self.query_one(Input).value.strip()
        if text or self._may_be_empty:
            self.dismiss(Answer(text, bool(self._option) and self.query_one(TickBox).value))


class PathSuggester(Suggester):
    """Completes the path being typed by what is on the disk."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """Return the first entry that begins so, folders with a slash; None where there is none."""
        return await asyncio.to_thread(_complete, value)


def typed_path(text: str) -> Path:
    """Return the path that was typed; a ``~`` is the user's folder where there is one."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def _complete(value: str) -> str | None:
    folder, slash, beginning = value.rpartition("/")
    try:
        entries = sorted(typed_path(folder + slash or ".").iterdir())
    except OSError:
        return None
    for entry in entries:
        if beginning and entry.name.startswith(beginning):
            return f"{folder}{slash}{entry.name}{'/' if entry.is_dir() else ''}"
    return None
