"""What a screen is for, and its keys."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

__all__ = ["HelpScreen"]

_GENERAL = ("app.focus", "screen.copy", "screen.minimize", "focus_")


class HelpScreen(ModalScreen[None]):
    """Explains the screen below it.

    Parameters
    ----------
    of : Screen
        Which; its `HELP` is shown, and its keys.
    """

    BINDINGS: ClassVar[list[BindingType]] = [("escape,question_mark,q,enter", "dismiss", "Close")]
    DEFAULT_CSS = """
    HelpScreen {
        align: center middle;
        #help { width: 72; max-width: 100%; height: auto; max-height: 100%; padding: 1 2; scrollbar-size: 1 1; }
        #help { background: $panel; }
    }
    """

    def __init__(self, of: Screen[Any]) -> None:
        super().__init__()
        self._text: str = getattr(of, "HELP", "")
        self._keys = list_keys(of)

    def compose(self) -> ComposeResult:
        """Lay out the text and the table of keys."""
        width = max((len(key) for key, _ in self._keys), default=0)
        keys = Content("\n").join(
            Content.assemble((key.ljust(width), "bold $text-accent"), f"  {what}") for key, what in self._keys
        )
        keys += "\n\nPress escape to go back."
        with VerticalScroll(id="help"):
            yield Static(Content("\n\n").join([*map(Content, filter(None, [self._text])), keys]))

    def on_click(self) -> None:
        """Close."""
        self.dismiss()


def list_keys(screen: Screen[Any]) -> list[tuple[str, str]]:
    """Return the keys that do something on a screen, and what; the screen's own first."""
    keys: dict[str, list[str]] = {}
    bindings = sorted(screen.active_bindings.values(), key=lambda active: active.node is not screen)
    for active in bindings:
        binding = active.binding
        is_own = active.node in (screen, screen.app) and not binding.action.startswith(_GENERAL)
        if is_own and not binding.system and binding.description:
            names = keys.setdefault(binding.description, [])
            names.append(screen.app.get_key_display(binding))
    return [(" or ".join(dict.fromkeys(names)), what) for what, names in keys.items()]
