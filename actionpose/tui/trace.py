"""How near the actions came around one moment of a trial, and what was performed and recognised then."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from actionpose.evaluation import Span
from actionpose.template import UNKNOWN
from actionpose.tui.curves import AXIS_WIDTH, Curve, CurvePlot
from actionpose.tui.trial import Outcome, Trial

__all__ = ["TraceView", "draw_spans"]

_MARGIN_S = 2.0
_TOP_RATIO = 2.5


class TraceView(Vertical):
    """The distance of an action over its threshold, above the spans of what was performed and recognised."""

    DEFAULT_CSS = """
    TraceView {
        border-top: solid $panel;
        CurvePlot { height: 1fr; }
        #trace-spans { height: auto; color: $text-muted; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._outcome: Outcome | None = None

    def compose(self) -> ComposeResult:
        """Put the curves over the spans."""
        yield CurvePlot(id="trace-plot")
        yield Static(id="trace-spans", markup=False)

    def show(self, outcome: Outcome | None) -> None:
        """Show the time around an event, or nothing."""
        self._outcome = outcome
        self._draw()

    def on_resize(self) -> None:
        """Fit the new width."""
        self._draw()

    def _draw(self) -> None:
        outcome = self._outcome
        plot, below = self.query_one(CurvePlot), self.query_one("#trace-spans", Static)
        if outcome is None:
            plot.show(())
            below.update("")
            return
        x_range = (max(0.0, outcome.start - _MARGIN_S), outcome.end + _MARGIN_S)
        plot.show(_curves(outcome, x_range), x_range=x_range, y_range=(0.0, _TOP_RATIO), units=(" s", ""))
        trial = outcome.trial
        events = [(event.label, event.start_time, event.end_time) for event in trial.events]
        rows = {"found": events} | ({} if trial.spans is None else {"truth": list(trial.spans)})
        width = self.content_size.width - AXIS_WIDTH - 1
        below.update(
            "\n".join(f"{name:>{AXIS_WIDTH}} {draw_spans(spans, x_range, width)}" for name, spans in rows.items())
        )


def draw_spans(spans: Sequence[Span], x_range: tuple[float, float], width: int) -> str:
    """Draw labelled spans as ``[wave──]`` on a line of `width` cells that stands for a stretch of time."""
    line = [" "] * max(0, width)
    low, high = x_range
    for label, start, end in spans:
        if label == UNKNOWN or end <= low or start >= high or width < 1:
            continue
        first, last = (round((min(max(at, low), high) - low) / (high - low) * (width - 1)) for at in (start, end))
        room = last - first - 1
        text = f"[{label[:room]:─<{room}}]" if room >= 1 else "|"
        line[first : first + len(text)] = text
    return "".join(line[:width])


def _curves(outcome: Outcome, x_range: tuple[float, float]) -> list[Curve]:
    """The action, the other one that came nearest during it, and the threshold."""
    trial = outcome.trial
    shown = (trial.time >= x_range[0]) & (trial.time <= x_range[1])
    time, ratio = trial.time[shown], trial.ratio[shown]
    curves = [
        Curve(trial.labels[index], time, ratio[:, index]) for index in _columns(outcome, trial) if ratio[:, index].size
    ]
    return [*curves, Curve("threshold", np.array(x_range), np.ones(2))]


def _columns(outcome: Outcome, trial: Trial) -> list[int]:
    during = (trial.time >= outcome.start) & (trial.time <= outcome.end)
    nearest = np.nan_to_num(trial.ratio[during], nan=np.inf).min(axis=0, initial=np.inf)
    own = [index for index, label in enumerate(trial.labels) if label == outcome.label]
    others = [int(i) for i in np.argsort(nearest, kind="stable") if i not in own]
    return (own + others)[:2]
