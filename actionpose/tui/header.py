"""The lines at the top of every screen: where one can go, and how the session does."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widget import Widget

if TYPE_CHECKING:
    from actionpose.session import RunnerState, SessionStats
    from actionpose.tui.app import ActionposeApp

__all__ = ["SCREENS", "HeaderBar", "describe_session"]

SCREENS = {"live": "Live", "library": "Library", "record": "Record", "test": "Test", "settings": "Settings"}

_REFRESH_S = 0.5
_STYLES = {
    "running": "$text-success", "failed": "$text-error", "lost": "$text-error", "reconnecting": "$text-warning",
}  # fmt: skip
_SYMBOLS = {"running": "●", "paused": "‖", "ended": "■"}


class HeaderBar(Widget):
    """Names of the screens with their keys; below, the source, the model, rate, latency and state."""

    app: ActionposeApp
    DEFAULT_CSS = """
    HeaderBar {
        dock: top; height: 2; background: $panel; color: $foreground; padding: 0 1; text-wrap: nowrap;
        link-style: none; link-style-hover: bold; link-background-hover: $panel; link-color-hover: $foreground;
    }
    """

    def on_mount(self) -> None:
        """Keep up with the session."""
        self._shown = Content()
        self.set_interval(_REFRESH_S, self._look)

    def _look(self) -> None:
        if self.screen.is_current and self._compose_lines() != self._shown:
            self.refresh()

    def render(self) -> Content:
        """Return both lines, or the second alone in a low terminal."""
        self._shown = self._compose_lines()
        return self._shown

    def _compose_lines(self) -> Content:
        status = describe_session(self.app.feed.state, self.app.feed.stats, width=self.content_size.width)
        return status if self.size.height == 1 else Content("\n").join([self._tabs(), status])

    def _tabs(self) -> Content:
        """Return all names, or that of this screen alone where there is no room for the others."""
        tabs = self._name_tabs(SCREENS)
        return tabs if tabs.cell_length <= self.content_size.width else self._name_tabs({self.app.current_mode})

    def _name_tabs(self, named: Collection[str]) -> Content:
        parts = []
        for number, (mode, name) in enumerate(SCREENS.items(), 1):
            style = "bold reverse" if mode == self.app.current_mode else "$foreground-muted"
            title = f" {number} {name} " if mode in named else f" {number} "
            parts.append(Content.styled(title, style).stylize(f"@click=app.switch_mode('{mode}')"))
        return Content(" ").join(parts)


def describe_session(state: RunnerState, stats: SessionStats | None, *, width: int) -> Content:
    """Return one line: state, source, model, rate and latency; what matters least goes first where it is narrow."""
    symbol = _SYMBOLS.get(state.phase, "○" if state.phase == "loading" else "▲")
    what = f"{symbol} {state.opening or state.phase}"
    parts = [
        Content.styled(what, f"bold {_STYLES.get(state.phase, '$foreground-muted')}"),
        Content(state.source),
        *_rates(stats),
        Content.styled(state.model, "$foreground-muted"),
    ]
    parts = [part for part in parts if part.plain]
    separator = Content.styled("  ·  ", "$foreground-disabled")
    while len(parts) > 1 and sum(len(part.plain) + 5 for part in parts) - 5 > width:
        parts.pop()
    return separator.join(parts)


def _rates(stats: SessionStats | None) -> list[Content]:
    if stats is None or not math.isfinite(stats.rate_hz):
        return []
    return [Content(f"{stats.rate_hz:.0f} fps"), Content(f"{1000 * stats.latency_p95_s:.0f} ms latency")]
