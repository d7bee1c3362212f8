"""What the person before the camera is to do now, large enough to be read from there."""

from __future__ import annotations

import math

from textual.content import Content
from textual.widget import Widget

from actionpose.recorder import RecorderState
from actionpose.tui.big_text import draw_big

__all__ = ["Stage", "describe_phase"]


def describe_phase(state: RecorderState, *, phase_s: float) -> str:
    """Return one large word for a recorder's state."""
    match state.phase:
        case "countdown" | "pause":
            return f"{math.ceil(state.time_left or 0.0)}"
        case "waiting":
            return "go!" if state.advice.startswith("Go") else "still"
        case "recording":
            return f"rec {phase_s if state.time_left is None else state.time_left:.1f}"
        case _:
            return "done"


class Stage(Widget):
    """One large word and one line."""

    DEFAULT_CSS = """
    Stage { height: auto; min-height: 4; padding: 0 1; background: $panel; color: $foreground; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._word, self._line, self._style = "", "", ""

    def show(self, word: str, line: str, *, style: str = "bold $text-accent") -> None:
        """Show a word large, and a line below."""
        if (word, line, style) != (self._word, self._line, self._style):
            is_other_line = line != self._line  # that may need more rows
            self._word, self._line, self._style = word, line, style
            self.refresh(layout=is_other_line)

    def render(self) -> Content:
        """Return the lines."""
        width = self.content_size.width
        big = None if getattr(self.app, "ascii", False) else draw_big(self._word, width=width)
        lines = [Content.styled(row, self._style) for row in big or [self._word]]
        return Content("\n").join([*lines, Content(self._line)])
