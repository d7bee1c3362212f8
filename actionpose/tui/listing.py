"""The library as rows of a table: what is in it, which rows are wanted, and in which order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from actionpose.bank import group_by_poses
from actionpose.errors import InvalidDataError
from actionpose.health import TemplateHealth, check_templates
from actionpose.library import Action, TemplateLibrary, UnusableTemplate
from actionpose.template import Template

__all__ = ["COLUMNS", "Column", "Contents", "Row", "check_health", "filter_rows", "read_contents", "sort_rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a library held at one moment.

    Parameters
    ----------
    revision : int
        Of the library; -1 = it has not been read yet.
    templates : tuple of Template
        All that are kept, in the library's order.
    unusable : tuple of UnusableTemplate
        What is stored besides and cannot be used.
    actions : mapping of str to Action
        By label.
    """

    revision: int = -1
    templates: tuple[Template, ...] = ()
    unusable: tuple[UnusableTemplate, ...] = ()
    actions: Mapping[str, Action] = field(default_factory=dict)

    @property
    def is_read(self) -> bool:
        """Whether this is what a library held, and not what is there before."""
        return self.revision >= 0

    @property
    def tags(self) -> list[str]:
        """All tags, in alphabetical order."""
        return sorted({tag for action in self.actions.values() for tag in action.tags})


def read_contents(library: TemplateLibrary) -> Contents:
    """Read all of a library."""
    revision = library.revision  # first, so that a change meanwhile is seen as one
    actions = {action.label: action for action in library.actions()}
    return Contents(
        revision=revision,
        templates=tuple(library.templates()),
        unusable=tuple(library.unusable()),
        actions=actions,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Row:
    """One template as the table shows it; `health` is None where it is not known, or not yet.

    `alike` are other actions whose names are nearly this one's.
    """

    template: Template
    tags: tuple[str, ...] = ()
    alike: tuple[str, ...] = ()
    health: TemplateHealth | None = None
    is_marked: bool = False
    is_being_checked: bool = False

    @property
    def verdict(self) -> str:
        """One or two words on its health."""
        if not self.template.enabled:
            return "off"
        if self.health is None:
            return "…" if self.is_being_checked else "–"
        n_notes = len(self.health.problems)
        if n_notes:
            return "! 1 note" if n_notes == 1 else f"! {n_notes} notes"
        return "typical" if self.health.is_exemplar and not math.isnan(self.health.own_ratio) else "good"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of the table.

    Parameters
    ----------
    key, title : str
        Name of the column, and what stands above it.
    text : callable
        What a row shows in it.
    order : callable
        What it is sorted by; None where there is no order.
    from_width : int
        Cells the table needs before the column is worth its place.
    is_number : bool
        Whether to align it at the right.
    """

    key: str
    title: str
    text: Callable[[Row], str]
    order: Callable[[Row], object] | None = None
    from_width: int = 0
    is_number: bool = False


COLUMNS = (
    Column(key="mark", title=" ", text=lambda row: "●" if row.is_marked else " "),
    Column(key="action", title="action", text=lambda row: row.template.label, order=lambda row: _folded(row.template)),
    Column(key="id", title="take", text=lambda row: row.template.id[:8], from_width=56),
    Column(
        key="seconds",
        title="s",
        text=lambda row: f"{row.template.sequence.duration:.1f}",
        order=lambda row: row.template.sequence.duration,
        is_number=True,
    ),
    Column(
        key="rate",
        title="fps",
        text=lambda row: f"{row.template.sequence.rate_hz:.0f}",
        order=lambda row: row.template.sequence.rate_hz,
        from_width=50,
        is_number=True,
    ),
    Column(
        key="health",
        title="health",
        text=lambda row: row.verdict,
        order=lambda row: ("!" not in row.verdict, row.verdict),
        from_width=26,
    ),
    Column(key="tags", title="tags", text=lambda row: ", ".join(row.tags), order=lambda row: row.tags, from_width=34),
    Column(
        key="created",
        title="recorded",
        text=lambda row: f"{row.template.created.astimezone():%Y-%m-%d %H:%M}",
        order=lambda row: row.template.created,
        from_width=76,
    ),
    Column(
        key="source",
        title="source",
        text=lambda row: row.template.provenance.get("source", ""),
        order=lambda row: row.template.provenance.get("source", ""),
        from_width=90,
    ),
)


def filter_rows(rows: Iterable[Row], words: str, *, tag: str = "") -> list[Row]:
    """Return the rows that have all the words in label, tags, id or source, and the tag where one is given."""
    wanted = words.casefold().split()
    return [row for row in rows if (not tag or tag in row.tags) and all(word in _searchable(row) for word in wanted)]


def sort_rows(rows: Sequence[Row], key: str, *, is_reversed: bool = False) -> list[Row]:
    """Return the rows in the order of a column; equal ones stay as they are."""
    column = next(column for column in COLUMNS if column.key == key)
    assert column.order is not None
    return sorted(rows, key=column.order, reverse=is_reversed)  # type: ignore[arg-type]


def check_health(templates: Sequence[Template]) -> dict[str, TemplateHealth]:
    """Check the enabled templates, those of each keypoint model among themselves; return the health of each id."""
    groups = group_by_poses(template for template in templates if template.enabled)
    return {health.template_id: health for group in groups for health in _check_group(group)}


def _check_group(group: list[Template]) -> list[TemplateHealth]:
    try:
        return check_templates(group)
    except InvalidDataError:  # nothing seen in any of them, for instance: there is nothing to say
        return []


def _folded(template: Template) -> tuple[str, str]:
    return template.label.casefold(), template.label


def _searchable(row: Row) -> str:
    template = row.template
    return " ".join([template.label, *row.tags, template.id, template.provenance.get("source", "")]).casefold()
