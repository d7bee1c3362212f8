"""What one person seems to be doing: the label, how sure it is, and how near every action is."""

from __future__ import annotations

import math
from collections.abc import Mapping

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from actionpose.recognizer import ActionState, RecognizerState
from actionpose.template import UNKNOWN
from actionpose.tui.big_text import HEIGHT, draw_big

__all__ = ["PersonPanel", "describe_nearness", "draw_bar"]

_MARK = 2 / 3  # of a bar's length: where the threshold is
_FAR = 9.99  # distances beyond are not told apart
_FAR_OFF = 2.0  # there it does not matter how far
_MIN_ROWS_FOR_BIG = HEIGHT + 3


def describe_nearness(action: ActionState) -> str:
    """Return why an action is recognised or not, as ``1.30 x its threshold``."""
    return f"{min(action.ratio, _FAR):.2f} x its threshold" if math.isfinite(action.ratio) else "nothing to compare"


def _describe_rejection(nearest: ActionState) -> str:
    """Return why nothing is recognised."""
    if not math.isfinite(nearest.ratio):
        return "nothing to compare yet"
    return f"nearest {nearest.label}, {f'{nearest.ratio - 1:.0%} too far' if nearest.ratio < _FAR_OFF else 'far off'}"


def draw_bar(action: ActionState, *, width: int) -> tuple[str, str]:
    """Draw how near an action is: the nearer, the longer; two thirds of the length is the threshold.

    Returns
    -------
    (str, str)
        What is left and right of the mark that stands for the threshold.
    """
    mark = round(_MARK * width)
    length = min(float(width), mark / max(action.ratio, 1e-6)) if math.isfinite(action.ratio) else 0.0
    whole = int(length)
    bar = ("━" * whole + "╸" * (length - whole >= 0.5)).ljust(width)
    return bar[:mark], bar[mark:width]


class PersonPanel(Widget):
    """The label large, how sure it is, and a bar for each action."""

    DEFAULT_CSS = """
    PersonPanel { width: 1fr; height: auto; max-height: 100%; padding: 0 1; }
    """

    def __init__(self, *, track_id: int) -> None:
        super().__init__()
        self.track_id = track_id
        self._state = RecognizerState()
        self._label = UNKNOWN
        self._counts: Mapping[str, int] = {}
        self._is_named = False
        self._shown = Content()

    def show(self, state: RecognizerState, *, label: str, counts: Mapping[str, int], is_named: bool) -> None:
        """Show a state; `label` is what to show large, `is_named` whether to say whose it is."""
        is_higher = (len(state.actions), is_named) != (len(self._state.actions), self._is_named)
        self._state, self._label, self._counts, self._is_named = state, label, counts, is_named
        if is_higher or (self.size and self._compose_lines() != self._shown):
            self.refresh(layout=is_higher)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """Return how many rows it has to show."""
        return HEIGHT + 2 + max(1, len(self._state.actions)) + self._is_named

    def render(self) -> Content:
        """Return all lines."""
        self._shown = self._compose_lines()
        return self._shown

    def _compose_lines(self) -> Content:
        width, height = self.content_size
        heading = self._heading(width, height)
        rows = max(1, height - len(heading) - 1)
        return Content("\n").join([*heading, Content(), *self._bars(width, rows)])

    def _heading(self, width: int, height: int) -> list[Content]:
        is_known = self._label != UNKNOWN
        style = "bold $text-success" if is_known else "$foreground-muted"
        is_drawn = height >= _MIN_ROWS_FOR_BIG and not getattr(self.app, "ascii", False)
        big = draw_big(self._label, width=width) if is_drawn else None
        lines = [Content.styled(f"Person {self.track_id + 1}", "$foreground-muted")] if self._is_named else []
        lines += [Content.styled(row, style) for row in big or [self._label[:width]]]
        if big is None and height >= _MIN_ROWS_FOR_BIG:
            lines += [Content()] * (HEIGHT - 1)
        return [*lines, Content(self._sureness()[:width])]

    def _sureness(self) -> str:
        if not self._state.actions:
            return ""
        nearest = min(self._state.actions, key=lambda action: action.ratio)
        if self._label == UNKNOWN:
            return _describe_rejection(nearest)
        own = next((action for action in self._state.actions if action.label == self._label), nearest)
        if own.ratio < 1:
            return f"sure {1 - own.ratio:4.0%}"
        return "just recognised"

    def _bars(self, width: int, rows: int) -> list[Content]:
        actions = self._state.actions
        if len(actions) > rows:
            nearest = sorted(actions, key=lambda action: action.ratio)[:rows]
            actions = tuple(action for action in actions if action in nearest)
        name_width = min(max((len(action.label) for action in actions), default=0), max(6, width // 3))
        is_wide = width >= name_width + 40
        return [self._bar_line(action, width, name_width, is_wide=is_wide) for action in actions]

    def _bar_line(self, action: ActionState, width: int, name_width: int, *, is_wide: bool) -> Content:
        is_near = action.ratio < 1
        nearness = describe_nearness(action) if is_wide else f"{min(action.ratio, _FAR):.2f} x"
        count = f"{self._counts.get(action.label, 0):3d}"
        bar_width = max(3, width - name_width - len(f"{nearness:>6}") - len(count) - 4)
        before, after = draw_bar(action, width=bar_width)
        style = "$text-success" if is_near else "$foreground-muted"
        return Content.assemble(
            (action.label[:name_width].ljust(name_width), "bold" if is_near else ""), " ",
            (before, style), ("┃", "$foreground"), (after, style), " ",
            (f"{nearness:>6}", "bold" if is_near else ""), " ",
            (count, "$foreground-muted" if count.strip() == "0" else ""),
        )  # fmt: skip
