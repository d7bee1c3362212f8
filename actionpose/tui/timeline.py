"""The last half minute, with a block for each action."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.content import Content
from textual.widget import Widget

from actionpose.decision import ActionEvent

__all__ = ["Timeline", "draw_blocks"]

SPAN_S = 30.0
_TICK_S = 10.0
_MAX_TRACKS = 4
_COLORS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#6FA8FF", "#FF8C5A", "#CC79A7")


def draw_blocks(events: Iterable[ActionEvent], *, end_s: float, width: int) -> list[tuple[int, int, str]]:
    """Return first and last column and text of each event's block; the text tells it apart without colour."""
    blocks = []
    for event in events:
        columns = [round(width * (1 - (end_s - t) / SPAN_S)) for t in (event.start_time, event.end_time)]
        start, end = max(0, columns[0]), min(width, max(columns[1], columns[0] + 1))
        if end > start:
            room = end - start
            text = f"[{event.label[: room - 2].center(room - 2, ' ')}]" if room >= 3 else event.label[:1] * room
            blocks.append((start, end, text))
    return blocks


class Timeline(Widget):
    """A row of blocks for each person, and the time below."""

    DEFAULT_CSS = """
    Timeline { height: auto; padding: 0 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._events: Sequence[ActionEvent] = ()
        self._tracks: tuple[int, ...] = (0,)
        self._labels: dict[str, int] = {}
        self._end_s = 0.0

    def show(self, events: Iterable[ActionEvent], *, time: float) -> None:
        """Show the events of the last 30 s before `time`."""
        width = max(1, self.content_size.width)
        step = SPAN_S / width
        end_s = step * int(time / step)  # blocks move by whole columns
        recent = [event for event in events if event.end_time > end_s - SPAN_S]
        tracks = tuple(sorted({event.track_id for event in recent}))[:_MAX_TRACKS] or (0,)
        if (recent, tracks, end_s) == (self._events, self._tracks, self._end_s):
            return
        is_taller = len(tracks) != len(self._tracks)
        is_moved = bool(recent or self._events)
        for event in recent:
            self._labels.setdefault(event.label, len(self._labels))
        self._events, self._tracks, self._end_s = recent, tracks, end_s
        if is_moved or is_taller:
            self.refresh(layout=is_taller)

    def render(self) -> Content:
        """Return the rows of blocks and the axis."""
        width = max(1, self.content_size.width)
        rows = [
            self._row([event for event in self._events if event.track_id == track], width) for track in self._tracks
        ]
        return Content("\n").join([*rows, Content.styled(_axis(width), "$foreground-muted")])

    def _row(self, events: Sequence[ActionEvent], width: int) -> Content:
        parts: list[Content | tuple[str, str]] = []
        column = 0
        for event in events:
            for start, end, text in draw_blocks([event], end_s=self._end_s, width=width):
                first = max(column, start)
                if first < end:
                    parts.append(("─" * (first - column), "$foreground-disabled"))
                    color = _COLORS[self._labels[event.label] % len(_COLORS)]
                    parts.append((text[first - start :], f"bold black on {color}"))
                    column = end
        return Content.assemble(*parts, ("─" * (width - column), "$foreground-disabled"))


def _axis(width: int) -> str:
    """``-30 s`` to ``now``, each mark where its time is."""
    axis = [" "] * width
    for ago in range(int(SPAN_S), 0, -int(_TICK_S)):
        mark = f"-{ago} s"
        start = round(width * (1 - ago / SPAN_S))
        if start + len(mark) + 4 <= width:
            axis[start : start + len(mark)] = mark
    axis[max(0, width - 3) :] = "now"[-width:]
    return "".join(axis)
