"""The table of the library's takes, and what it is searched and filtered by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from rich.cells import cell_len
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input, Select

from actionpose.tui.listing import COLUMNS, Column, Row
from actionpose.tui.table import Table

__all__ = ["SearchLine", "TagFilter", "TakesTable"]

_SORTED, _REVERSED = "▲", "▼"
_NARROWED_FIRST = ("source", "tags", "action")
_MIN_WIDTH = 6


class SearchLine(Input):
    """What the takes are searched for; its own keys are told of at the bottom."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "To what was found", key_display="enter"),
        Binding("escape", "screen.clear", "Clear"),
    ]


class TagFilter(Select[str]):
    """Offers the tags that are in use; hidden while there are none."""

    DEFAULT_CSS = """
    TagFilter {
        width: 20;
        &.-unused { display: none; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__([], prompt="all tags", compact=True, id=id, classes="-unused")
        self._offered: list[str] = []

    def offer(self, tags: list[str]) -> None:
        """Offer other tags; the one that is chosen stays so while it is in use."""
        if tags == self._offered:
            return
        chosen, self._offered = self.selection, tags
        self.set_options((Content(tag), tag) for tag in tags)  # brackets in it are no markup
        if chosen in tags:
            self.value = chosen
        self.set_class(not tags, "-unused")


class TakesTable(Table):
    """Rows of the library; a wider table has more columns."""

    DEFAULT_CSS = """
    TakesTable { height: 1fr; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: Sequence[Row] = ()
        self._sorted_by = ("action", False)
        self._layout: list[tuple[str, int]] = []

    def show(self, rows: Sequence[Row], *, sorted_by: tuple[str, bool]) -> None:
        """Show other rows, the cursor on the same take where it is still there.

        Parameters
        ----------
        rows : sequence of Row
            In the order to show.
        sorted_by : (str, bool)
            Key of the column they are sorted by, and whether in reverse.
        """
        current, index = self.current, self.cursor_row
        self._shown, self._sorted_by = rows, sorted_by
        columns = self._columns_that_fit()
        layout = self._measure(columns)
        if layout != self._layout:
            self.clear(columns=True)
            for column, (title, width) in zip(columns, layout, strict=True):
                self.add_column(Text(title, justify=_justify(column)), width=width, key=column.key)
            self._layout = layout
        else:
            self.clear()
        for row in rows:
            self.add_row(*(_cell(column, row) for column in columns), key=row.template.id)
        ids = [row.template.id for row in rows]
        if current is not None and current.template.id in ids:
            index = ids.index(current.template.id)
        self.move_cursor(row=min(max(0, index), len(rows) - 1), animate=False)

    def update_row(self, row: Row) -> None:
        """Show a row that has changed but keeps its place."""
        self._shown = [row if row.template.id == old.template.id else old for old in self._shown]
        for column in self._columns_that_fit():
            self.update_cell(row.template.id, column.key, _cell(column, row))

    @property
    def current(self) -> Row | None:
        """The row that the cursor is on; None of an empty table."""
        return self._shown[self.cursor_row] if 0 <= self.cursor_row < len(self._shown) else None

    def select(self, template_id: str) -> None:
        """Put the cursor on a take, if it is shown."""
        for index, row in enumerate(self._shown):
            if row.template.id == template_id:
                self.move_cursor(row=index, animate=False)

    def on_resize(self) -> None:
        """Show what fits now."""
        if self._measure(self._columns_that_fit()) != self._layout:
            self.show(self._shown, sorted_by=self._sorted_by)

    def _columns_that_fit(self) -> list[Column]:
        return [column for column in COLUMNS if column.from_width <= self.size.width]

    def _measure(self, columns: Sequence[Column]) -> list[tuple[str, int]]:
        """Title and width of each column, those of running text narrowed until all fit."""
        titles = [self._title(column) for column in columns]
        widths = [
            max([cell_len(title), *(cell_len(column.text(row)) for row in self._shown)])
            for column, title in zip(columns, titles, strict=True)
        ]
        excess = sum(widths) + 2 * self.cell_padding * len(widths) - self.scrollable_content_region.width
        for key in _NARROWED_FIRST:
            for index, column in enumerate(columns):
                if column.key == key and excess > 0:
                    narrower = max(min(widths[index], _MIN_WIDTH), widths[index] - excess)
                    excess -= widths[index] - narrower
                    widths[index] = narrower
        return list(zip(titles, widths, strict=True))

    def _title(self, column: Column) -> str:
        key, is_reversed = self._sorted_by
        return f"{column.title} {_REVERSED if is_reversed else _SORTED}" if column.key == key else column.title


def _cell(column: Column, row: Row) -> Text:
    style = "" if row.template.enabled else "dim"
    return Text(column.text(row), style=style, justify=_justify(column), no_wrap=True, overflow="ellipsis")


def _justify(column: Column) -> Literal["left", "right"]:
    return "right" if column.is_number else "left"
