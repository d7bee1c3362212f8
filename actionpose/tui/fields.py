"""Lines to type in, whose Enter gives the keys back to the screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.suggester import SuggestFromList
from textual.widgets import Input

__all__ = ["Field", "LabelField"]


class Field(Input):
    """A line whose Enter is told of at the bottom."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "submit", "Accept", key_display="enter")]


class LabelField(Field):
    """The name of an action: typed, completed by the right arrow key, or one of the known ones in turn."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "known(1)", "Known names", key_display="↑↓"),
        Binding("up", "known(-1)", "Known name before", show=False),
    ]

    _known: Sequence[str] = ()

    def offer(self, labels: Sequence[str]) -> None:
        """Know these names."""
        self._known = labels
        self.suggester = SuggestFromList(labels, case_sensitive=False)
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Offer known names where there are any."""
        return bool(self._known) if action == "known" else True

    def action_known(self, step: int) -> None:
        """Put the next known name in."""
        at = self._known.index(self.value) + step if self.value in self._known else min(0, step)
        self.value = self._known[at % len(self._known)]
        self.action_select_all()
