"""Events as key presses, for games and slides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actionpose.decision import ActionEvent
from actionpose.outputs.base import OutputError

__all__ = ["KeyboardOutput"]


class KeyboardOutput:
    """Presses and releases keys in whatever program has the focus.

    Parameters
    ----------
    keys : mapping of str to str
        What to press for an action: a character, a name such as ``space``, ``page_down`` or ``f5``, or several held
        together, ``ctrl+s``. Other actions press nothing.

    Attributes
    ----------
    labels : tuple of str
        The actions that have keys.

    Raises
    ------
    OutputError
        If pynput is not installed or there is no desktop, or a key has no such name.
    """

    def __init__(self, keys: Mapping[str, str]) -> None:
        self.name = "keyboard"
        try:
            from pynput import keyboard
        except ImportError as error:
            if error.name == "pynput":
                raise OutputError(
                    "Key presses need pynput, which is not installed.", hint="pip install 'actionpose[keyboard]'"
                ) from None
            raise OutputError(
                "Keys cannot be pressed here: no desktop was found.", hint="Run it in a terminal of the desktop."
            ) from None
        self.labels = tuple(keys)
        self._keys = {label: [_key(name, keyboard.Key) for name in _split(combo)] for label, combo in keys.items()}
        self._controller = keyboard.Controller()

    def write(self, event: ActionEvent) -> None:
        """Press the keys of an action."""
        keys = self._keys.get(event.label, [])
        for key in keys:
            self._controller.press(key)
        for key in reversed(keys):
            self._controller.release(key)

    def close(self) -> None:
        """No key is left pressed."""


def _split(combo: str) -> list[str]:
    """Split at plus signs, of which the last may be a key itself."""
    *held, last = combo[:-1].split("+")
    return [name for name in (*held, last + combo[-1:]) if name]


def _key(name: str, named_keys: Any) -> Any:
    if len(name) == 1:
        return name
    try:
        return named_keys[name.lower()]
    except KeyError:
        raise OutputError(
            f"There is no key {name!r}.",
            hint=f"Write a character, or one of {', '.join(key.name for key in named_keys)}.",
        ) from None
