"""A number set with the arrow keys or the mouse."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

__all__ = ["Slider"]


class Slider(Widget, can_focus=True):
    """A row with a knob.

    Parameters
    ----------
    value, low, high, step : float
        The number, its bounds, and what an arrow key changes.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,minus", "change(-1)", "Less", key_display="←"),
        Binding("right,plus", "change(1)", "More", key_display="→"),
    ]
    DEFAULT_CSS = """
    Slider {
        height: 1; width: 1fr; color: $foreground;
        &:focus { background: $surface; color: $text-accent; }
    }
    """
    value: reactive[float] = reactive(1.0)

    class Changed(Message):
        """The user moved the knob."""

        def __init__(self, slider: Slider, value: float) -> None:
            super().__init__()
            self.slider, self.value = slider, value

        @property
        def control(self) -> Slider:
            """Which slider."""
            return self.slider

    def __init__(self, value: float, *, low: float, high: float, step: float, id: str | None = None) -> None:
        super().__init__(id=id)
        self._low, self._high, self._step = low, high, step
        self.set_reactive(Slider.value, value)

    def action_change(self, steps: int) -> None:
        """Move the knob."""
        self._set(self.value + steps * self._step)

    def on_click(self, event: Click) -> None:
        """Move the knob to the mouse."""
        self._set(self._low + (self._high - self._low) * event.x / max(1, self._track_width - 1))

    @property
    def _track_width(self) -> int:
        return max(3, self.content_size.width - 6)

    def _set(self, value: float) -> None:
        value = round(round(value / self._step) * self._step, 6)
        value = min(self._high, max(self._low, value))
        if value != self.value:
            self.value = value
            self.post_message(self.Changed(self, value))

    def render(self) -> Content:
        """Return the track, the knob and the number."""
        width = self._track_width
        share = (self.value - self._low) / (self._high - self._low)
        knob = round(min(1.0, max(0.0, share)) * (width - 1))
        return Content.assemble(
            "━" * knob, ("●", "bold"), ("─" * (width - 1 - knob), "$foreground-disabled"), f" {self.value:5.2f}"
        )
