"""The application: its screens, keys, colours, and the one library and session behind them."""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import signal
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.events import Event, Key, Paste
from textual.filter import LineFilter
from textual.screen import Screen
from textual.theme import Theme

from actionpose.errors import ActionposeError, FallbackWarning
from actionpose.sources import Source, open_source
from actionpose.tui.ascii_filter import AsciiFilter
from actionpose.tui.feed import OF_SOURCE, Feed, LoadEstimator, OpenSource
from actionpose.tui.header import SCREENS
from actionpose.tui.keyboard import Keyboard
from actionpose.tui.preferences import Refused, Settings, save_settings
from actionpose.tui.safe_filter import SafeFilter

if TYPE_CHECKING:
    from actionpose.estimators.base import KeypointEstimator
    from actionpose.library import TemplateLibrary

__all__ = ["ActionposeApp", "load_model"]

_LOOK_S = 0.1
_SCREENS = {
    "live": ("actionpose.tui.live", "LiveScreen"),
    "library": ("actionpose.tui.library", "LibraryScreen"),
    "record": ("actionpose.tui.record", "RecordScreen"),
    "test": ("actionpose.tui.testing", "TestScreen"),
    "settings": ("actionpose.tui.settings", "SettingsScreen"),
}

# Okabe & Ito's palette, told apart with any colour vision.
_DARK = Theme(
    name="dark", dark=True, primary="#56B4E9", secondary="#0072B2", accent="#56B4E9", warning="#E69F00",
    success="#009E73", error="#D55E00", foreground="#E4E4E4", background="#121212", surface="#1C1C1C", panel="#262626",
)  # fmt: skip
_LIGHT = Theme(
    name="light", dark=False, primary="#0072B2", secondary="#56B4E9", accent="#0072B2", warning="#B87400",
    success="#00805C", error="#B84E00", foreground="#1C1C1C", background="#FAFAFA", surface="#EEEEEE", panel="#E4E4E4",
)  # fmt: skip


def load_model(settings: Settings, source: Source) -> KeypointEstimator | None:
    """Load the keypoint model of the settings; None for a source that brings poses instead of pictures."""
    from actionpose.estimators import load_estimator
    from actionpose.sources.replay import ReplaySource

    if source.info.size is None or isinstance(source, ReplaySource):
        return None
    return load_estimator(settings.model, max_people=settings.people)


def _screen(mode: str) -> Callable[[], Screen[None]]:
    """Return what makes a screen; its module is imported when it is first looked at."""
    module, name = _SCREENS[mode]

    def make() -> Screen[None]:
        screen: Screen[None] = getattr(importlib.import_module(module), name)()
        return screen

    return make


class ActionposeApp(App[None]):
    """Record, manage, test and watch, with the keyboard alone or a mouse.

    Parameters
    ----------
    library : TemplateLibrary or callable
        What opens it, once the first screen is shown; the caller closes it.
    settings : Settings
        What to begin with.
    settings_path : path
        Where changes of them are saved.
    recordings : path
        Folder for the keypoints of what is recorded.
    ascii_only : bool
        Whether to print no character beyond ASCII.
    open_source, load_estimator : callable
        How sources are opened and models loaded.
    """

    TITLE = "actionpose"
    MODES = {mode: _screen(mode) for mode in SCREENS}  # noqa: RUF012
    DEFAULT_MODE = "live"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(f"{n},f{n}", f"switch_mode('{m}')", f"Go to {SCREENS[m]}", show=False)
            for n, m in enumerate(SCREENS, 1)
        ),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("ctrl+t", "toggle_theme", "Theme", show=False, tooltip="Light or dark"),
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c", "quit", "Quit", show=False, priority=True),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (60, "-medium"), (120, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-low"), (16, "-normal"), (36, "-tall")]  # noqa: RUF012
    CSS = """
    Screen { background: $background; }
    .hint { color: $foreground-muted; }
    .-low HeaderBar { height: 1; }
    ToastRack { layer: default; max-height: 50%; }
    Toast { width: 1fr; max-width: 100%; margin: 0; padding: 0 1; }
    .-narrow KeyBar, .-low KeyBar { display: none; }
    .-narrow ToastRack, .-low ToastRack { margin-bottom: 0; }
    """

    def __init__(
        self,
        *,
        library: TemplateLibrary | Callable[[], TemplateLibrary],
        settings: Settings,
        settings_path: Path,
        recordings: Path,
        ascii_only: bool = False,
        open_source: OpenSource = open_source,
        load_estimator: LoadEstimator = load_model,
    ) -> None:
        self.ascii = ascii_only  # before the base class asks for filters
        super().__init__()
        self._library = library
        self._library_lock = threading.Lock()
        self.settings = settings
        self.settings_path = settings_path
        self.recordings = recordings
        self.open_source = open_source
        self._load_estimator = load_estimator
        self._ascii_filter, self._safe_filter = AsciiFilter(), SafeFilter()
        self.failure: ActionposeError | None = None  # why it could not go on
        self.refused: dict[str, Refused] = {}  # by name of the setting, until it is another
        self._unsaved: dict[str, tuple[Any, Any]] = {}  # values before and now, of what is being opened
        self._told: set[str] = set()
        self._warnings: list[str] = []
        self._show_other_warning = warnings.showwarning
        self._keyboard = Keyboard(self, super().on_event)
        self.feed = Feed(lambda: self.library, settings, open_source=open_source, load_estimator=load_estimator)
        for theme in (_DARK, _LIGHT):
            self.register_theme(theme)
        self.theme = settings.theme if settings.theme in self.available_themes else _DARK.name

    @property
    def library(self) -> TemplateLibrary:
        """The template library, for any thread."""
        with self._library_lock:
            if callable(self._library):
                self._library = self._library()
            return self._library

    def load_estimator(self, source: Source) -> KeypointEstimator | None:
        """Load the settings' model, which takes seconds; None for a source that brings poses."""
        return self._load_estimator(self.settings, source)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return what every line passes through on its way to the terminal."""
        filters = [*super().get_line_filters(), self._safe_filter]
        return [*filters, self._ascii_filter] if self.ascii else filters

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Yield what the command palette offers."""
        from actionpose.tui.help import list_keys

        for key in list_keys(screen):
            run = partial(self.run_action, key.action, key.node)
            yield SystemCommand(key.description, f"Key {key.title}", run)

    def on_load(self) -> None:
        """Listen to warnings before any screen reads the library, which may raise some."""
        warnings.showwarning = self._show_warning

    def on_mount(self) -> None:
        """Begin, with the first screen shown before anything heavy is loaded."""
        self.theme_changed_signal.subscribe(self, self._keep_theme)
        self._leave_on_signals()
        self.set_interval(_LOOK_S, self._look)
        self._keyboard.start()
        self.call_after_refresh(self._start)

    async def on_event(self, event: Event) -> None:
        """Hold back the keys that are typed ahead, all but the one that leaves in any case."""
        is_typed = isinstance(event, Key | Paste) and not event.is_forwarded
        if is_typed and not (isinstance(event, Key) and event.key == "ctrl+c"):
            self._keyboard.put(event)
        else:
            await super().on_event(event)

    async def _start(self) -> None:
        try:
            await asyncio.to_thread(lambda: self.library)
        except ActionposeError as error:
            self.failure = error
            self.exit(return_code=1)
            return
        with self._reporting():
            self.feed.start()

    def on_unmount(self) -> None:
        """Stop the session."""
        self._keyboard.stop()
        self.feed.close()
        warnings.showwarning = self._show_other_warning

    def report(self, error: ActionposeError) -> None:
        """Show an error and what to do about it."""
        text = "\n".join(filter(None, (error.message, error.hint)))
        self.notify(text, title="Error", severity="error", timeout=10, markup=False)

    def change_settings(self, **changes: Any) -> None:
        """Change settings, go on with them and save them; a source and a model are saved once they were opened.

        What cannot be opened is in `refused`, and what was before goes on.

        Raises
        ------
        ActionposeError
            If a value makes no sense or cannot be used; nothing is changed.
        """
        self.forget_refused(*changes)
        changes = {name: value for name, value in changes.items() if getattr(self.settings, name) != value}
        if not changes:
            return
        settings = dataclasses.replace(self.settings, **changes)
        self.feed.apply(settings)
        for name in changes.keys() & set(OF_SOURCE):
            before, _ = self._unsaved.get(name, (getattr(self.settings, name), None))
            self._unsaved[name] = before, changes[name]
        self.settings = settings
        self._save({name: value for name, value in changes.items() if name not in OF_SOURCE})

    def forget_refused(self, *names: str) -> None:
        """Take up another value, or the one from before, for settings that were refused."""
        if any(self.refused.pop(name, None) for name in names) and not self._unsaved and self.feed.state.note:
            self.feed.forget_refusal()

    def _save(self, changes: dict[str, Any]) -> None:
        if changes:
            with self._reporting():
                save_settings(self.settings_path, changes)

    def _conclude(self) -> None:
        """Save the source and the model that could be opened, and go back from those that could not."""
        if not self._unsaved or (opened := self.feed.opened) is None:
            return
        if any(getattr(opened.settings, name) != getattr(self.settings, name) for name in OF_SOURCE):
            return  # of what was wished for before
        if not opened.why_refused:
            self._save({name: now for name, (_, now) in self._unsaved.items()})
            self._unsaved.clear()
            return
        for name, (_, now) in self._unsaved.items():
            self.refused[name] = Refused(str(now), opened.why_refused)
        if self.feed.state.phase != "failed":  # else there is nothing to go back to
            before = {name: value for name, (value, _) in self._unsaved.items()}
            self._unsaved.clear()
            self.settings = dataclasses.replace(self.settings, **before)
            self.feed.keep(self.settings)

    def action_toggle_theme(self) -> None:
        """Change between light and dark."""
        self.theme = _LIGHT.name if self.current_theme.dark else _DARK.name

    def action_help(self) -> None:
        """Explain the screen and its keys."""
        from actionpose.tui.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.screen))

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except ActionposeError as error:
            self.report(error)

    def _keep_theme(self, theme: Theme) -> None:
        self.change_settings(theme=theme.name)

    def _look(self) -> None:
        self.feed.look()
        self._conclude()
        notes = (*self.feed.notes, *self._warnings, *filter(None, [self.feed.state.note]))
        for note in notes:
            if note not in self._told:
                self.notify(note, severity="warning", timeout=8, markup=False)
        self._told.update(notes)

    def _show_warning(self, message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        """Keep ours for the next look, from any thread: on standard error nobody would see it."""
        if issubclass(category, FallbackWarning):
            self._warnings.append(str(message))
        else:
            self._show_other_warning(message, category, *where, **more)

    def _leave_on_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for name in ("SIGTERM", "SIGHUP"):
            with suppress(AttributeError, NotImplementedError, RuntimeError):  # not on every system, not in a thread
                loop.add_signal_handler(getattr(signal, name), self.exit)
