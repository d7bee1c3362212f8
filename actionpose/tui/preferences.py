"""What the user chose: from flags, environment and the settings file, in this order."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

import platformdirs
import tomlkit
from tomlkit.exceptions import TOMLKitError

from actionpose.errors import ActionposeError, InvalidDataError
from actionpose.private import make_private_folder
from actionpose.recognizer import Mode, RecognizerSettings
from actionpose.sources import Source, is_path
from actionpose.whole_file import remove_abandoned, save_whole

__all__ = ["Refused", "Settings", "default_settings_path", "load_settings", "save_settings"]

Feature = Literal["positions", "directions", "angles"]
Picture = Literal["camera", "skeleton"]

_HEADING = "Settings of actionpose. A flag or an environment variable such as ACTIONPOSE_SOURCE goes before them."
_MAX_RATE_HZ = 1e4
_KINDS = {str: "text", int: "a whole number", float: "a number", tuple: "a list of texts"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the terminal application works with.

    Parameters
    ----------
    source : str
        Camera number, file, address or puppet.
    model : str
        Keypoint model.
    people : int
        How many to follow at most.
    rate : float
        Frames per second of files and folders whose times are missing or wrong; 0 = as they say.
    rotate : int
        Degrees by which pictures are turned clockwise: 0, 90, 180 or 270.
    mode, feature, sensitivity, votes, ratio, window
        How to recognise, as in `RecognizerSettings`; `votes` is its `top`, `window` its `window_frames`.
    library : str
        Path or URL of the template library; empty for the default one.
    outputs : tuple of str
        Where events go besides the screen.
    picture : str
        ``camera``, or ``skeleton`` for lines alone.
    theme : str
        Name of the colour theme.

    Raises
    ------
    InvalidDataError
        If a value is not one of the choices or out of range.
    """

    source: str = "0"
    model: str = "mediapipe"
    people: int = 1
    rate: float = 0.0
    rotate: int = 0
    mode: Mode = "stream"
    feature: Feature = "positions"
    sensitivity: float = 1.0
    votes: int = 4
    ratio: float = 0.5
    window: int = 50
    library: str = ""
    outputs: tuple[str, ...] = ()
    picture: Picture = "camera"
    theme: str = "dark"

    def __post_init__(self) -> None:
        for name in ("source", "model"):
            if not getattr(self, name).strip():
                raise InvalidDataError(f"{name} must not be empty.")
        if not 1 <= self.people <= 10:
            raise InvalidDataError(f"people must be 1 to 10; got {self.people}.")
        if not 0 <= self.rate <= _MAX_RATE_HZ:
            raise InvalidDataError(f"rate must be 0 (as the file says) to {_MAX_RATE_HZ:g}; got {self.rate}.")
        for name, choices in (
            ("picture", get_args(Picture)),
            ("feature", get_args(Feature)),
            ("rotate", (0, 90, 180, 270)),
        ):
            if getattr(self, name) not in choices:
                raise InvalidDataError(
                    f"{name} must be one of {', '.join(map(str, choices))}; got {getattr(self, name)!r}."
                )
        self.recognizer  # noqa: B018  the recogniser's settings check themselves

    def open_source(self, opener: Callable[..., Source], spec: str) -> Source:
        """Open a source as it is to be read: at the rate and with the turn that were chosen, if any were."""
        chosen: dict[str, Any] = {}
        if self.rate and is_path(spec):
            chosen["rate_hz"] = self.rate
        if self.rotate:
            chosen["rotate"] = self.rotate
        return opener(spec, **chosen)

    @property
    def recognizer(self) -> RecognizerSettings:
        """What of this concerns the recogniser."""
        return RecognizerSettings(
            mode=self.mode,
            feature=self.feature,
            sensitivity=self.sensitivity,
            top=self.votes,
            ratio=self.ratio,
            window_frames=self.window,
        )


@dataclass(frozen=True, slots=True)
class Refused:
    """What was typed for a setting that could not be taken, and why."""

    text: str
    why: str


def default_settings_path() -> Path:
    """Return where the settings are kept: ``settings.toml`` in the user's configuration folder."""
    return platformdirs.user_config_path("actionpose", appauthor=False) / "settings.toml"


def load_settings(
    path: Path, *, flags: Mapping[str, Any] | None = None, environment: Mapping[str, str] = os.environ
) -> Settings:
    """Put the settings together: typed flag, else environment, else file, else default.

    Parameters
    ----------
    path : path
        The file; it need not exist.
    flags : mapping
        What was typed; None and empty values count as not typed.
    environment : mapping
        Variables: ``ACTIONPOSE_`` and the setting's name in capitals.

    Raises
    ------
    ActionposeError
        If the file cannot be read, has an unknown key or a wrong value; the message names the file and, for a key, the
        nearest that exists.
    """
    values = _read(path)
    for name, kind in _KIND_OF.items():
        variable = f"ACTIONPOSE_{name.upper()}"
        if text := environment.get(variable, "").strip():
            values[name] = _parse(text, kind, where=variable)
    values |= {name: value for name, value in (flags or {}).items() if value not in (None, ())}
    try:
        return Settings(**values)
    except InvalidDataError as error:
        raise InvalidDataError(error.message, hint=f"Look into {path}, the environment and the flags.") from None


def save_settings(path: Path, changes: Mapping[str, Any]) -> None:
    """Write some settings into the file, and leave everything else in it, comments too, as it is.

    Raises
    ------
    ActionposeError
        If the file cannot be read or written.
    """
    document = _parse_file(path)
    if not path.exists():
        document.add(tomlkit.comment(_HEADING))
    for name, value in changes.items():
        document[name] = list(value) if isinstance(value, tuple) else value
    try:
        make_private_folder(path.parent)
        save_whole(path, tomlkit.dumps(document).encode(), is_private=True)
    except (OSError, ActionposeError) as error:
        problem = error.message if isinstance(error, ActionposeError) else f"{path.parent}: {error.strerror}."
        raise ActionposeError(f"The settings are not saved. {problem}", hint="They hold until you leave.") from error


def _read(path: Path) -> dict[str, Any]:
    remove_abandoned(path.parent)
    values: dict[str, Any] = {}
    for name, value in _parse_file(path).unwrap().items():
        if name not in _KIND_OF:
            near = get_close_matches(name, _KIND_OF, n=1)
            raise ActionposeError(
                f"{path} has the unknown key {name!r}" + (f"; did you mean {near[0]!r}?" if near else "."),
                hint=f"The keys are {', '.join(_KIND_OF)}.",
            )
        values[name] = _check(value, _KIND_OF[name], where=f"{name} in {path}")
    return values


def _parse_file(path: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return tomlkit.document()
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise ActionposeError(
            f"The settings in {path} cannot be read: {error}.", hint="Correct the file, or delete it."
        ) from None


def _check(value: object, kind: type, *, where: str) -> Any:
    if kind is tuple and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InvalidDataError(f"{where} must be {_KINDS[kind]}; got {value!r}.")
    return value


def _parse(text: str, kind: type, *, where: str) -> Any:
    if kind is tuple:
        return tuple(text.split())
    try:
        return kind(text)
    except ValueError:
        raise InvalidDataError(f"{where} must be {_KINDS[kind]}; got {text!r}.") from None


def _plain_type(hint: Any) -> type:
    """``str`` for choices, ``tuple`` for tuples."""
    if hint in _KINDS:
        return hint  # type: ignore[no-any-return]
    return tuple if getattr(hint, "__origin__", None) is tuple else str


_KIND_OF = {field.name: _plain_type(get_type_hints(Settings)[field.name]) for field in fields(Settings)}
