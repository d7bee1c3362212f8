"""Actions, and finding them and their templates by name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from actionpose.errors import TemplateNotFoundError
from actionpose.library.rows import actions, templates
from actionpose.naming import find_near, normalize_label

__all__ = [
    "IS_KEPT",
    "IS_REMOVED",
    "Action",
    "action_id",
    "are_named",
    "describe_action",
    "find_templates",
    "merge_actions",
    "select_actions",
]

IS_KEPT = templates.c.removal_id.is_(None)
IS_REMOVED = templates.c.removal_id.is_not(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """An action the library has templates of.

    Parameters
    ----------
    label : str
        Its name.
    notes : str
        Anything worth remembering.
    tags : tuple of str
        Words to find it by.
    created : datetime
        When its first template was recorded.
    n_templates, n_enabled : int
        How many templates it has, and how many of them the recogniser uses.
    """

    label: str
    notes: str
    tags: tuple[str, ...]
    created: dt.datetime
    n_templates: int
    n_enabled: int


def select_actions(connection: Connection, condition: sa.ColumnElement[bool] | None = None) -> list[Action]:
    """Read actions that have templates, in order of their labels."""
    n_enabled = sa.func.sum(sa.case((templates.c.enabled, 1), else_=0))
    statement = (
        sa.select(actions, sa.func.count().label("n_templates"), n_enabled.label("n_enabled"))
        .join_from(actions, templates)
        .where(IS_KEPT if condition is None else IS_KEPT & condition)
        .group_by(actions.c.id)
    )
    found = [
        Action(
            label=row.label,
            notes=row.notes,
            tags=tuple(row.tags),
            created=row.created,
            n_templates=row.n_templates,
            n_enabled=row.n_enabled,
        )
        for row in connection.execute(statement)
    ]
    return sorted(found, key=lambda action: action.label)


def merge_actions(connection: Connection, from_id: int, *, into_id: int) -> None:
    """Join one action's templates, the removed ones too, notes and tags to another's.

    Its row stays, for undoing; an action is one that has templates.
    """
    source, target = (
        connection.execute(sa.select(actions).where(actions.c.id == key)).one() for key in (from_id, into_id)
    )
    joined = {
        "notes": "\n".join(notes for notes in (target.notes, source.notes) if notes),
        "tags": sorted({*target.tags, *source.tags}),
        "created": min(target.created, source.created),
    }
    connection.execute(sa.update(actions).where(actions.c.id == into_id).values(joined))
    connection.execute(sa.update(templates).where(templates.c.action_id == from_id).values(action_id=into_id))
    connection.execute(sa.update(actions).where(actions.c.id == from_id).values(notes="", tags=[]))


def describe_action(connection: Connection, label: str, *, tags: Iterable[str], notes: str) -> None:
    """Join tags and notes to those that an action has; notes that it has are not repeated."""
    action = connection.execute(sa.select(actions).where(actions.c.label == label)).one()
    joined = {
        "notes": action.notes if notes in action.notes else "\n".join(filter(None, (action.notes, notes))),
        "tags": sorted({*action.tags, *tags}),
    }
    connection.execute(sa.update(actions).where(actions.c.id == action.id).values(joined))


def action_id(connection: Connection, label: str) -> int:
    """Return the row of an action that has templates.

    Raises
    ------
    TemplateNotFoundError
        If there is none; the hint names the nearest.
    """
    statement = sa.select(actions.c.label, actions.c.id).join_from(actions, templates).where(IS_KEPT).distinct()
    id_by_label = {row.label: int(row.id) for row in connection.execute(statement)}
    label = normalize_label(label)
    if label not in id_by_label:
        raise TemplateNotFoundError(f"There is no action {label!r}.", hint=_nearest(label, id_by_label))
    return id_by_label[label]


def are_named(
    connection: Connection, names: str | Iterable[str], condition: sa.ColumnElement[bool]
) -> sa.ColumnElement[bool]:
    """Return the condition of being named by any of the names, as `find_templates` reads them."""
    label_by_id = _read_labels(connection, condition)
    is_removed = condition is IS_REMOVED
    found = [_find(name, label_by_id, is_removed) for name in ([names] if isinstance(names, str) else names)]
    return templates.c.id.in_({key for ids in found for key in ids})


def find_templates(connection: Connection, name: str, condition: sa.ColumnElement[bool]) -> list[str]:
    """Return the ids of the templates that a label, an id or the beginning of an id names.

    Raises
    ------
    TemplateNotFoundError
        If there is none, or several ids begin so.
    """
    return _find(name, _read_labels(connection, condition), condition is IS_REMOVED)


def _read_labels(connection: Connection, condition: sa.ColumnElement[bool]) -> dict[str, str]:
    statement = sa.select(templates.c.id, actions.c.label).join_from(templates, actions).where(condition)
    return {row.id: row.label for row in connection.execute(statement)}


def _find(name: str, label_by_id: dict[str, str], is_removed: bool) -> list[str]:
    name = normalize_label(name)
    if name in label_by_id:
        return [name]
    of_label = sorted(key for key, label in label_by_id.items() if label == name)
    if of_label:
        return of_label
    beginning = sorted(key for key in label_by_id if name and key.startswith(name))
    if len(beginning) > 1:
        raise TemplateNotFoundError(
            f"{len(beginning)} templates have ids that begin with {name!r}: {', '.join(beginning[:5])}"
            f"{', ...' if len(beginning) > 5 else ''}.",
            hint="Give more of the id.",
        )
    if not beginning:
        kind = "removed template or action" if is_removed else "template or action"
        known = [*label_by_id.values(), *label_by_id]
        raise TemplateNotFoundError(f"There is no {kind} {name!r}.", hint=_nearest(name, known))
    return beginning


def _nearest(name: str, known: Iterable[str]) -> str:
    known = list(known)
    if not known:
        return "The library holds none: record an action, for instance `actionpose record wave`."
    if near := find_near(name, known):
        return f"Did you mean {' or '.join(near)}?"
    return "`actionpose templates list` shows what there is."
