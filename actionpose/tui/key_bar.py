"""The line at the bottom: the keys that do something now, as many as there is room for."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

from actionpose.tui.help import is_own_key

__all__ = ["KeyBar"]

_ALWAYS = ("help", "quit")  # whatever else there is no room for
_ELSEWHERE = "switch_mode"  # the header says these


class _Item(NamedTuple):
    """One key, and whether it is told of before others."""

    key: str
    name: str
    description: str
    action: str
    is_enabled: bool
    is_important: bool

    @property
    def width(self) -> int:
        """Cells: a space at either side of the key, and one after the description."""
        return Content(f" {self.name} {self.description} ").cell_length


class KeyBar(Widget):
    """Keys with what they do, the important ones first; a click on one presses it."""

    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS = """
    KeyBar {
        dock: bottom; height: 1; background: $footer-background; color: $footer-foreground; text-wrap: nowrap;
        link-style: none; link-style-hover: none; link-color: $footer-description-foreground;
        link-background-hover: $block-hover-background; link-color-hover: $footer-key-foreground;
    }
    """

    def on_mount(self) -> None:
        """Keep up with what the keys do."""
        self.screen.bindings_updated_signal.subscribe(self, self._keep_up)

    def _keep_up(self, screen: Screen[object]) -> None:
        if screen is self.screen:
            self.refresh()

    def render(self) -> Content:
        """Return the keys there is room for."""
        parts = []
        for item in self._pick(self.content_size.width):
            dim = "" if item.is_enabled else " dim"
            part = Content.assemble(
                (f" {item.name} ", f"bold $footer-key-foreground{dim}"),
                (f"{item.description} ", f"$footer-description-foreground{dim}"),
            )
            parts.append(part.stylize(f"@click=app.simulate_key('{item.key}')") if item.is_enabled else part)
        return Content("").join(parts)

    def _pick(self, width: int) -> list[_Item]:
        """Return as many as fit: the ones of `_ALWAYS`, then the important ones, then the others."""
        items = self._list()
        chosen: list[_Item] = []
        for item in sorted(items, key=lambda item: (item.action not in _ALWAYS, not item.is_important)):
            if sum(other.width for other in chosen) + item.width <= width + 1:  # the last space may be cut off
                chosen.append(item)
        return sorted(chosen, key=lambda item: (not item.is_important, items.index(item)))

    def _list(self) -> list[_Item]:
        items: dict[str, _Item] = {}
        for active in sorted(self.screen.active_bindings.values(), key=lambda active: not active.binding.show):
            binding = active.binding
            if binding.action.startswith(_ELSEWHERE) or not (binding.show or is_own_key(self.screen, active)):
                continue
            name = self.app.get_key_display(binding)
            item = _Item(binding.key, name, binding.description, binding.action, active.enabled, binding.show)
            items.setdefault(binding.action, item)
        return list(items.values())
