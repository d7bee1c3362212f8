"""The screen that shows what can be recognised, how good it is, and changes it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.screen import Screen
from textual.widgets import DataTable, Input, Static

from actionpose.bank import group_by_poses
from actionpose.errors import ActionposeError, LibraryError
from actionpose.health import TemplateHealth
from actionpose.library.changes import Change
from actionpose.naming import find_alike
from actionpose.template import Template
from actionpose.tui.compare import CompareScreen
from actionpose.tui.editor import Editor
from actionpose.tui.facts import describe_take
from actionpose.tui.header import HeaderBar
from actionpose.tui.key_bar import KeyBar
from actionpose.tui.listing import COLUMNS, Contents, Row, check_health, filter_rows, read_contents, sort_rows
from actionpose.tui.preview import TemplatePreview
from actionpose.tui.table import MOVING
from actionpose.tui.takes_table import SearchLine, TagFilter, TakesTable
from actionpose.tui.warping import compare_templates

if TYPE_CHECKING:
    from actionpose.tui.app import ActionposeApp

__all__ = ["LibraryScreen"]

_POLL_S = 1.0  # how often the library is asked whether another process changed it
_EMPTY = """\
There is nothing to recognise yet.

  3  record an action
  i  import template files"""
_SORT_KEYS = [column.key for column in COLUMNS if column.order]


class LibraryScreen(Screen[None]):
    """All takes in a table, the one under the cursor played beside it."""

    AUTO_FOCUS = "TakesTable"

    app: ActionposeApp
    HELP = (
        "The library: every row is one take of an action. The take under the cursor is played at the right, with the "
        "joint angles that move most, what is known of it, and what to do about it.\n\n"
        "Marked takes are changed together; without marks, the one under the cursor is. What you change here can be "
        "undone, step by step.\n\n"
        "Health compares every take with all others, as the recogniser would see them: typical is the take that the "
        "others of its action are nearest to; ! comes with advice at the right. A click on a heading sorts.\n\n"
        f"{MOVING}"
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search", key_display="/", show=False),
        Binding("escape", "clear", "Clear", show=False, tooltip="Clear search and marks"),
        Binding("space", "mark", "Mark"),
        Binding("a", "mark_all", "All", show=False, tooltip="Mark all or none"),
        Binding("s", "sort(1)", "Sort", show=False, tooltip="Sort by the next column"),
        Binding("S", "reverse", "Reverse", show=False, tooltip="Reverse the order"),
        Binding("r", "edit('rename')", "Rename"),
        Binding("t", "edit('tag')", "Tags", show=False),
        Binding("e", "edit('enable')", "On/off", show=False, tooltip="Turn on or off"),
        Binding("d,delete", "edit('remove')", "Delete", key_display="d"),
        Binding("D", "remove_unusable", "Clean", show=False, tooltip="Delete what cannot be used"),
        Binding("u", "undo", "Undo"),
        Binding("c", "compare", "Compare", show=False, tooltip="Compare two takes"),
        Binding("f", "edit('mirror')", "Mirror", show=False, tooltip="Add the mirror image (flip left and right)"),
        Binding("m", "edit('merge')", "Merge", show=False, tooltip="Merge actions"),
        Binding("i", "import", "Import"),
        Binding("x", "export", "Export"),
        Binding("p", "play", "Play", show=False, tooltip="Pause or play"),
    ]
    DEFAULT_CSS = """
    LibraryScreen {
        #takes { width: 3fr; }
        #filters { height: 1; }
        #filters Input { width: 1fr; }
        #empty { height: 1fr; padding: 1 2; color: $text-muted; }
        #status { height: 1; padding: 0 1; color: $text-muted; }
        #detail { width: 2fr; padding: 0 1; border-left: solid $panel; }
        #facts { height: auto; max-height: 50%; padding-top: 1; }
        &.-narrow #detail { display: none; }
        &.-narrow TagFilter, &.-low #status { display: none; }
        &.-low TemplatePreview CurvePlot { display: none; }
        &.-low #facts { display: none; }
    }
    """

    class Read(Message):
        """The library was read."""

        def __init__(self, contents: Contents) -> None:
            super().__init__()
            self.contents = contents

    class Changed(Message):
        """The library was changed on this screen."""

        def __init__(self, change: Change) -> None:
            super().__init__()
            self.change = change

    class Failed(Message):
        """Something could not be done."""

        def __init__(self, error: ActionposeError) -> None:
            super().__init__()
            self.error = error

    class Checked(Message):
        """The health of templates is known."""

        def __init__(self, templates: tuple[Template, ...], health: Mapping[str, TemplateHealth]) -> None:
            super().__init__()
            self.templates = templates
            self.health = health

    def __init__(self) -> None:
        super().__init__()
        self._contents = Contents()
        self._health: Mapping[str, TemplateHealth] = {}
        self._checked: tuple[Template, ...] = ()
        self._is_checking = False
        self._marked: set[str] = set()
        self._sorted_by = ("action", False)
        self._to_select = ""
        self._is_reading = self._must_look = False
        self._last_problem = ""

    def compose(self) -> ComposeResult:
        """Put the table at the left, the take at the right."""
        yield HeaderBar()
        with Horizontal():
            with Vertical(id="takes"):
                with Horizontal(id="filters"):
                    yield SearchLine(placeholder="/ to search", compact=True, id="search")
                    yield TagFilter(id="tag")
                yield TakesTable(id="table")
                yield Static(_EMPTY, id="empty", markup=False)
                yield Static(id="status", markup=False)
            with Vertical(id="detail"):
                yield TemplatePreview(id="preview")
                with VerticalScroll(id="facts", can_focus=False):
                    yield Static(id="take")
        yield KeyBar()

    def on_mount(self) -> None:
        """Read the library, and keep up with it."""
        self.query_one("#empty").display = False
        self._editor = Editor(
            self.app, self.app.library, on_change=lambda change: self.post_message(self.Changed(change))
        )
        self.set_focus(self.table)
        self.set_interval(_POLL_S, self._look)

    @property
    def table(self) -> TakesTable:
        """The table."""
        return self.query_one(TakesTable)

    # Reading

    def on_screen_resume(self) -> None:
        """Look at once what has changed meanwhile."""
        self._look()

    def _look(self) -> None:
        self._must_look = self._is_reading
        if self.is_current and not self._is_reading:
            self._is_reading = True
            self.run_worker(self._read(), group="read")

    async def _read(self) -> None:
        try:
            revision = await asyncio.to_thread(lambda: self.app.library.revision)
            if revision != self._contents.revision:
                self.post_message(self.Read(await asyncio.to_thread(read_contents, self.app.library)))
            self._last_problem = ""
        except LibraryError as error:
            if str(error) != self._last_problem:  # not again every second
                self._last_problem = str(error)
                self.post_message(self.Failed(error))
        finally:
            self._is_reading = False
            if self._must_look:  # something was changed while it was read
                self._look()

    def on_library_screen_read(self, message: Read) -> None:
        """Show what the library holds now."""
        self.query_one(TagFilter).offer(message.contents.tags)
        self._contents = message.contents
        self._marked &= {template.id for template in message.contents.templates}
        self.refresh_bindings()
        self._check()
        self._show()
        if self._to_select:
            self.table.select(self._to_select)
            self._to_select = ""

    def on_library_screen_changed(self, message: Changed) -> None:
        """Say what was done, and show it."""
        self._to_select = message.change.ids[0] if message.change.ids else ""
        self.notify(message.change.summary, markup=False)
        self._look()

    def on_library_screen_failed(self, message: Failed) -> None:
        """Say what went wrong."""
        self.app.report(message.error)

    # Health

    def _check(self) -> None:
        templates = self._contents.templates
        if self._is_checking or _essence(templates) == _essence(self._checked):
            return
        self._is_checking = True
        # Not a worker of Textual: leaving the application would wait for it.
        threading.Thread(target=self._check_all, args=(templates,), name="actionpose-health", daemon=True).start()

    def _check_all(self, templates: tuple[Template, ...]) -> None:
        try:
            health = check_health(templates)
        except ActionposeError as error:
            self.post_message(self.Failed(error))
            health = {}
        self.post_message(self.Checked(templates, health))

    def on_library_screen_checked(self, message: Checked) -> None:
        """Show the health, and check again if the library has changed meanwhile."""
        self._is_checking = False
        self._health, self._checked = message.health, message.templates
        self._check()
        self._show()

    # Showing

    def _show(self) -> None:
        if not self._contents.is_read:  # or a table hidden for a moment would lose the focus to the search line
            return
        rows = [self._row(template) for template in self._contents.templates]
        tag = self.query_one(TagFilter).selection or ""
        found = filter_rows(rows, self.query_one("#search", Input).value, tag=tag)
        key, is_reversed = self._sorted_by
        self.table.show(sort_rows(found, key, is_reversed=is_reversed), sorted_by=self._sorted_by)
        self._show_whether_empty(not rows)
        self._show_status(len(found))
        self._show_current()

    def _show_whether_empty(self, is_empty: bool) -> None:
        """Show the table, or what to do without one; the focus leaves the search line, or every key would be typed."""
        if self.table.display is is_empty:
            self.table.display = not is_empty
            self.query_one("#empty").display = is_empty
            self.set_focus(None if is_empty else self.table)

    def _row(self, template: Template) -> Row:
        action = self._contents.actions.get(template.label)
        return Row(
            template=template,
            tags=action.tags if action else (),
            alike=tuple(find_alike(template.label, self._contents.actions)),
            health=self._health.get(template.id),
            is_marked=template.id in self._marked,
            is_being_checked=self._is_checking,
        )

    def _show_status(self, n_found: int) -> None:
        n_all, n_actions = len(self._contents.templates), len(self._contents.actions)
        n_models = len(group_by_poses(self._contents.templates))
        parts = [
            f"{n_found} found" if n_found < n_all else "",
            f"{n_all} take{'s' * (n_all != 1)} of {n_actions} action{'s' * (n_actions != 1)}",
            f"{len(self._contents.unusable)} cannot be used (D deletes)" if self._contents.unusable else "",
            f"of {n_models} keypoint models, each fits its own" if n_models > 1 else "",
            f"{len(self._marked)} marked" if self._marked else "",
            "checking health" if self._is_checking else "",
        ]
        text = " · ".join(filter(None, parts)) if n_all or self._contents.unusable else ""
        self.query_one("#status", Static).update(text)

    def _show_current(self) -> None:
        row = self.table.current
        preview = self.query_one(TemplatePreview)
        preview.show(row.template if row else None)
        note = "Comparing it with all others …" if self._is_checking else "Its health cannot be told."
        self.query_one("#take", Static).update(describe_take(row, health_note=note) if row else "")

    def on_data_table_row_highlighted(self) -> None:
        """Show the take under the cursor."""
        self._show_current()

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        """Sort by the column, or turn the order round."""
        key = str(event.column_key.value)
        if key in _SORT_KEYS:
            self._sorted_by = (key, not self._sorted_by[1] if key == self._sorted_by[0] else False)
            self._show()

    def on_input_changed(self) -> None:
        """Search while typing."""
        self._show()

    def on_input_submitted(self) -> None:
        """Go back to what was found."""
        self.table.focus()

    def on_select_changed(self) -> None:
        """Show the actions with the tag."""
        self._show()
        if isinstance(self.focused, TagFilter):
            self.table.focus()

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Tell of the key that deletes what cannot be used where there is any of it."""
        return bool(self._contents.unusable) if action == "remove_unusable" else True

    def action_edit(self, what: str) -> None:
        """Change the marked takes, or the one under the cursor."""
        if chosen := self._chosen():
            self._start(getattr(self._editor, what)(chosen, self._contents.actions))

    def action_remove_unusable(self) -> None:
        """Remove what is stored and cannot be used."""
        if unusable := self._contents.unusable:
            self._start(self._editor.remove(unusable, self._contents.actions))

    def action_undo(self) -> None:
        """Take back the last change."""
        self._start(self._editor.undo())

    def action_import(self) -> None:
        """Read template files."""
        self._start(self._editor.import_files())

    def action_export(self) -> None:
        """Write the marked takes to files; all of them where none is marked."""
        templates = self._contents.templates
        if chosen := [t for t in templates if t.id in self._marked] or list(templates):
            self._start(self._editor.export(chosen))

    def action_compare(self) -> None:
        """Compare two marked takes, or the marked one with the one under the cursor."""
        chosen = self._chosen()
        if len(chosen) == 1 and self.table.current and self.table.current.template is not chosen[0]:
            chosen.append(self.table.current.template)
        if len(chosen) == 2:
            self._start(self._compare(*chosen))
        else:
            self.notify("Mark one take with Space and put the cursor on the other, or mark two.", title="Compare")

    async def _compare(self, first: Template, second: Template) -> None:
        comparison = await asyncio.to_thread(compare_templates, first, second)
        self.app.push_screen(CompareScreen(first, second, comparison))

    def _chosen(self) -> list[Template]:
        """Return the marked takes, or the one under the cursor."""
        current = self.table.current
        marked = [template for template in self._contents.templates if template.id in self._marked]
        return marked or ([current.template] if current else [])

    def _start(self, edit: Coroutine[None, None, None]) -> None:
        self.run_worker(self._guard(edit), group="edit")

    async def _guard(self, edit: Coroutine[None, None, None]) -> None:
        try:
            await edit
        except ActionposeError as error:
            self.post_message(self.Failed(error))

    def action_search(self) -> None:
        """Go to the search line."""
        self.query_one("#search").focus()

    def action_clear(self) -> None:
        """Show everything, nothing marked."""
        self.query_one("#search", Input).value = ""
        self.query_one(TagFilter).clear()
        self._marked.clear()
        self.table.focus()
        self._show()

    def action_mark(self) -> None:
        """Mark the take under the cursor, or take its mark away, and go on to the next."""
        if row := self.table.current:
            self._marked ^= {row.template.id}
            self.table.update_row(self._row(row.template))
            self.table.action_cursor_down()
            self._show_status(self.table.row_count)

    def action_mark_all(self) -> None:
        """Mark all that are shown, or none if they are."""
        shown = {str(key.value) for key in self.table.rows}
        self._marked = self._marked - shown if shown <= self._marked else self._marked | shown
        self._show()

    def action_sort(self, step: int) -> None:
        """Sort by the next column."""
        index = _SORT_KEYS.index(self._sorted_by[0])
        self._sorted_by = (_SORT_KEYS[(index + step) % len(_SORT_KEYS)], False)
        self._show()

    def action_reverse(self) -> None:
        """Turn the order round."""
        key, is_reversed = self._sorted_by
        self._sorted_by = (key, not is_reversed)
        self._show()

    def action_play(self) -> None:
        """Stop the preview, or play on."""
        self.query_one(TemplatePreview).toggle()


def _essence(templates: tuple[Template, ...]) -> set[tuple[str, str, bool, int]]:
    """What the health of templates follows from."""
    return {(t.id, t.label, t.enabled, len(t.sequence)) for t in templates}
