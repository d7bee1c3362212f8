"""Curves drawn in braille dots, eight to a cell, or in plain ASCII marks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from actionpose.pose import FloatArray
from actionpose.tui.raster import iter_runs

__all__ = ["AXIS_WIDTH", "Curve", "CurvePlot", "draw_curves"]

_BRAILLE = 0x2800
_DOT_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
# Drawn and left-out dots in turn, so that curves can be told apart without colour.
_DASHES = ((1, 0), (5, 3), (1, 2))
_KEYS = ("━━", "╺╸", "··")
_MARKS = "*+o"
AXIS_WIDTH = 5


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A named line.

    Parameters
    ----------
    name : str
        For the legend.
    x, y : array (T,)
        Its points, x increasing; NaN in y leaves a gap.
    """

    name: str
    x: FloatArray
    y: FloatArray


def draw_curves(
    curves: Sequence[Curve],
    *,
    width: int,
    height: int,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    ascii_only: bool = False,
) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.int64]]:
    """Draw curves into a grid of terminal cells.

    Parameters
    ----------
    curves : sequence of Curve
        The first is drawn solid, the second dashed, the third dotted, and so on in turn.
    width, height : int
        Cells.
    x_range, y_range : (float, float)
        What the left and right, and the bottom and top edges stand for; what lies beyond y is drawn at the edge.
    ascii_only : bool
        One mark of ``*+o`` for each point, instead of braille dots.

    Returns
    -------
    characters : array (height, width) of str
        Top row first; a space where there is nothing.
    owner : array (height, width) of int
        Index of the last curve drawn in each cell; -1 where there is none.
    """
    characters = np.full((height, width), " ")
    owner = np.full((height, width), -1, dtype=np.int64)
    if width < 1 or height < 1:
        return characters, owner
    dots_x, dots_y = (1, 1) if ascii_only else (2, 4)
    bits = np.zeros((height, width), dtype=np.int64)
    for number, curve in enumerate(curves):
        for column, row in _iter_dots(curve, number, (width * dots_x, height * dots_y), x_range, y_range):
            cell = row // dots_y, column // dots_x
            owner[cell] = number
            if ascii_only:
                characters[cell] = _MARKS[number % len(_MARKS)]
            else:
                bits[cell] |= _DOT_BITS[row % dots_y][column % dots_x]
    for cell in map(tuple, np.argwhere(bits).tolist()):
        characters[cell] = chr(_BRAILLE + int(bits[cell]))
    return characters, owner


def _iter_dots(
    curve: Curve, number: int, size: tuple[int, int], x_range: tuple[float, float], y_range: tuple[float, float]
) -> Iterator[tuple[int, int]]:
    """Yield column and row of each dot, neighbouring columns joined by a vertical stroke."""
    n_columns, n_rows = size
    drawn, left_out = _DASHES[number % len(_DASHES)]
    at = np.linspace(*x_range, n_columns)
    y = np.interp(at, curve.x, curve.y, left=np.nan, right=np.nan) if len(curve.x) else np.full(n_columns, np.nan)
    low, high = y_range
    level = np.clip((high - y) / ((high - low) or 1.0), 0.0, 1.0) * (n_rows - 1)
    previous: int | None = None
    n_dots = 0
    for column in range(n_columns):
        if np.isnan(level[column]):
            previous = None
            continue
        row = round(float(level[column]))
        step = 1 if previous is None or row >= previous else -1
        first = row if previous is None or previous == row else previous + step
        for between in range(first, row + step, step):
            if n_dots % (drawn + left_out) < drawn:
                yield column, between
            n_dots += 1
        previous = row


class CurvePlot(Widget):
    """A plot with a legend, the range of y at its left and of x below; what does not fit is left out."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "curve-plot--first",
        "curve-plot--second",
        "curve-plot--third",
        "curve-plot--axis",
        "curve-plot--cursor",
    }
    DEFAULT_CSS = """
    CurvePlot {
        height: 8;
        .curve-plot--first { color: $text-primary; }
        .curve-plot--second { color: $text-warning; }
        .curve-plot--third { color: $text-success; }
        .curve-plot--axis { color: $text-muted; }
        .curve-plot--cursor { color: $text-muted; }
    }
    """

    at: reactive[float] = reactive(float("nan"))
    """Where on the x axis to draw the cursor; NaN = nowhere."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._curves: tuple[Curve, ...] = ()
        self._x_range = self._y_range = (0.0, 1.0)
        self._units = ("", "")
        self._lines: list[Strip] | None = None  # drawn once, until something changes; without the cursor
        self._cursor: int | None = None  # its column

    def show(
        self,
        curves: Sequence[Curve],
        *,
        x_range: tuple[float, float] | None = None,
        y_range: tuple[float, float] | None = None,
        units: tuple[str, str] = ("", ""),
    ) -> None:
        """Draw other curves.

        Parameters
        ----------
        curves : sequence of Curve
            Up to three are told apart.
        x_range, y_range : (float, float), optional
            What the edges stand for. Default: the extent of the curves.
        units : (str, str)
            Of x and y, written behind the numbers of the axes.
        """
        self._curves = tuple(curves)
        self._x_range = x_range or _extent([curve.x for curve in curves])
        self._y_range = y_range or _extent([curve.y for curve in curves])
        self._units = units
        self.clear_cache()

    def clear_cache(self) -> None:
        """Draw anew: size, colours or curves have changed."""
        self._lines = None
        self.refresh()

    def watch_at(self) -> None:
        """Move the cursor, and draw nothing else anew."""
        column = self._cursor_column()
        if column != self._cursor:
            area = self._area()
            self.refresh(*(Region(x, area.y, 1, area.height) for x in (column, self._cursor) if x is not None))
            self._cursor = column

    def on_resize(self) -> None:
        """Fit the new size."""
        self.clear_cache()

    def notify_style_update(self) -> None:
        """Take over other colours."""
        super().notify_style_update()
        self._lines = None

    def render_line(self, y: int) -> Strip:
        """Return one line of the plot."""
        if self._lines is None:
            self._lines, self._cursor = list(self._draw()), self._cursor_column()
        if y >= len(self._lines):
            return Strip.blank(self.size.width, self.visual_style.rich_style)
        line, x = self._lines[y], self._cursor
        if x is None or not self._area().contains(x, y) or line.crop(x, x + 1).text != " ":
            return line
        return Strip.join([line.crop(0, x), Strip([Segment("│", self._style("cursor"))], 1), line.crop(x + 1)])

    def _area(self) -> Region:
        """Where the curves are, between legend and axes as far as there is room for these."""
        width, height = self.size
        top, has_axes = int(height >= 3), height >= 5 and width >= 3 * AXIS_WIDTH
        left = AXIS_WIDTH + 1 if has_axes else 0
        return Region(left, top, width - left, height - top - has_axes)

    def _cursor_column(self) -> int | None:
        low, high = self._x_range
        area = self._area()
        if not low <= self.at <= high or not area:
            return None
        return area.x + round((self.at - low) / ((high - low) or 1.0) * (area.width - 1))

    def _draw(self) -> Iterator[Strip]:
        if not self._curves:
            return
        area, width = self._area(), self.size.width
        is_ascii = getattr(self.app, "ascii", False)
        characters, owner = draw_curves(
            self._curves,
            width=area.width,
            height=area.height,
            x_range=self._x_range,
            y_range=self._y_range,
            ascii_only=is_ascii,
        )
        if area.y:
            yield self._legend(area.x, is_ascii=is_ascii)
        styles = [self._style(name) for name in ("first", "second", "third")]
        axis = self._style("axis")
        for row in range(area.height):
            segments = [Segment(self._y_label(row, area.height), axis)] if area.x else []
            for start, end in iter_runs(owner[row]):
                number = int(owner[row, start])
                style = styles[number % 3] if number >= 0 else self.visual_style.rich_style
                segments.append(Segment("".join(characters[row, start:end]), style))
            yield Strip(segments, width)
        if area.x:
            yield Strip([Segment(self._x_labels(width, area.x), axis)])

    def _legend(self, left: int, *, is_ascii: bool) -> Strip:
        segments = [Segment(" " * left, self.visual_style.rich_style)]
        for number, curve in enumerate(self._curves):
            key = _MARKS[number % 3] if is_ascii else _KEYS[number % 3]
            style = self._style(("first", "second", "third")[number % 3])
            segments += [Segment(f"{key} {curve.name}", style), Segment("  ", self.visual_style.rich_style)]
        return Strip(segments).adjust_cell_length(self.size.width, self.visual_style.rich_style)

    def _y_label(self, row: int, n_rows: int) -> str:
        low, high = self._y_range
        text = _number(high, self._units[1]) if row == 0 else _number(low, self._units[1]) if row == n_rows - 1 else ""
        return f"{text:>{AXIS_WIDTH}} "

    def _x_labels(self, width: int, left: int) -> str:
        low, high = (_number(value, self._units[0]) for value in self._x_range)
        return " " * left + low + high.rjust(max(0, width - left - len(low)))

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"curve-plot--{name}")


def _extent(values: Sequence[FloatArray]) -> tuple[float, float]:
    known = np.concatenate([v[np.isfinite(v)] for v in values]) if values else np.empty(0)
    return (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)


def _number(value: float, unit: str) -> str:
    return f"{value:.3g}{unit}"
