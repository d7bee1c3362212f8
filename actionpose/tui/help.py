"""What a screen is for, and its keys."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import ActiveBinding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

__all__ = ["HelpScreen", "is_own_key", "list_keys"]

_GENERAL = ("app.focus", "screen.copy", "screen.minimize", "focus_")


class Key(NamedTuple):
    """Names of the keys that do something, what it is in words, and the action with the node it is called on."""

    names: tuple[str, ...]
    description: str
    action: str
    node: DOMNode

    @property
    def title(self) -> str:
        """All names."""
        return " or ".join(self.names)


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
        width = max((len(key.title) for key in self._keys), default=0)
        keys = Content("\n").join(
            Content.assemble((key.title.ljust(width), "bold $text-accent"), f"  {key.description}")
            for key in self._keys
        )
        keys += "\n\nPress escape to go back."
        with VerticalScroll(id="help"):
            yield Static(Content("\n\n").join([*map(Content, filter(None, [self._text])), keys]))

    def on_click(self) -> None:
        """Close."""
        self.dismiss()


def list_keys(screen: Screen[Any]) -> list[Key]:
    """Return the keys that do something on a screen; the screen's own first."""
    keys: dict[str, Key] = {}
    bindings = sorted(screen.active_bindings.values(), key=lambda active: active.node is not screen)
    for active in bindings:
        binding = active.binding
        what = binding.tooltip or binding.description
        if is_own_key(screen, active):
            key = keys.setdefault(what, Key((), what, binding.action, active.node))
            name = screen.app.get_key_display(binding)
            if name not in key.names:
                keys[what] = key._replace(names=(*key.names, name))
    return list(keys.values())


def is_own_key(screen: Screen[Any], active: ActiveBinding) -> bool:
    """Whether a key is the screen's or the application's, and not one of those that are the same everywhere."""
    binding = active.binding
    is_general = binding.system or binding.action.startswith(_GENERAL)
    return active.node in (screen, screen.app) and not is_general and bool(binding.description)
