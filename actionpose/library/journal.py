"""The journal: what the rows that a change touched held before, so that any process can undo it.

No change deletes a row or writes over arrays, so the few columns that a change can touch are all there is to keep. What
does delete, `TemplateLibrary.purge`, ends the journal.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from actionpose.library.rows import actions, backgrounds, changes, insert, removals, templates

__all__ = ["recording_change", "undo_last"]

_MAX_CHANGES = 100  # that can be undone; older ones are forgotten
_TABLES = (actions, templates, backgrounds)

_Rows = Mapping[Any, Mapping[str, Any]]  # by their ids
_Touched = list[tuple[Any, dict[str, Any] | None]]


@contextlib.contextmanager
def recording_change(connection: Connection) -> Iterator[None]:
    """Write into the journal what the block changes, if it changes anything."""
    before = [_read_rows(connection, table) for table in _TABLES]
    yield
    after = [_read_rows(connection, table) for table in _TABLES]
    touched = {table.name: list(_find_touched(*pair)) for table, *pair in zip(_TABLES, before, after, strict=True)}
    if any(touched.values()):
        now, summary = dt.datetime.now(dt.UTC), _summarize(before, after)
        newest = insert(connection, changes, time=now, summary=summary, before=touched)
        connection.execute(sa.delete(changes).where(changes.c.id <= newest - _MAX_CHANGES))


def undo_last(connection: Connection) -> str:
    """Take back the last change in the journal, and strike it out; what it added is removed.

    Returns
    -------
    str
        What that change had done, in words; empty if there is none.
    """
    last = connection.execute(sa.select(changes).order_by(changes.c.id.desc()).limit(1)).first()
    if last is None:
        return ""
    _free_labels(connection, last.before[actions.name])
    for table in _TABLES:
        _put_back(connection, table, last.before[table.name])
    connection.execute(sa.delete(changes).where(changes.c.id == last.id))
    return str(last.summary)


def _read_rows(connection: Connection, table: sa.Table) -> _Rows:
    return {row["id"]: dict(row) for row in connection.execute(sa.select(table).order_by(table.c.id)).mappings()}


def _find_touched(before: _Rows, after: _Rows) -> Iterator[tuple[Any, dict[str, Any] | None]]:
    """Yield the id of each row that differs and what the columns that differ held; None for a new row."""
    for key, row in after.items():
        old = before.get(key)
        if old is None:
            yield key, None
        elif old != row:
            yield key, {name: value for name, value in old.items() if value != row[name]}


def _free_labels(connection: Connection, touched: _Touched) -> None:
    """Let nothing hold the labels that actions are to have again: each label is of one action alone."""
    wanted = {key: old["label"] for key, old in touched if old and "label" in old}
    for key in wanted:
        connection.execute(sa.update(actions).where(actions.c.id == key).values(label=uuid.uuid4().hex))
    for key, label in wanted.items():
        # Made since, and by changes that have been undone: all it has are templates that were removed again.
        holder = connection.execute(sa.select(actions.c.id).where(actions.c.label == label)).scalar()
        if holder is not None:
            connection.execute(sa.update(templates).where(templates.c.action_id == holder).values(action_id=key))
            connection.execute(sa.delete(actions).where(actions.c.id == holder))


def _put_back(connection: Connection, table: sa.Table, touched: _Touched) -> None:
    new = [key for key, old in touched if old is None]
    if new and "removal_id" in table.c:
        removal_id = insert(connection, removals, time=dt.datetime.now(dt.UTC))
        is_there = table.c.id.in_(new) & table.c.removal_id.is_(None)
        connection.execute(sa.update(table).where(is_there).values(removal_id=removal_id))
    for key, old in touched:
        if old is not None:
            if "created" in old:  # JSON has no dates
                old["created"] = dt.datetime.fromisoformat(old["created"])
            connection.execute(sa.update(table).where(table.c.id == key).values(old))


def _summarize(before: list[_Rows], after: list[_Rows]) -> str:
    """Say in words what a change did, such as "renamed wave to greet"."""
    actions_before, templates_before, _ = before
    actions_now, templates_now, _ = after
    label_before, label_now = ({key: row["label"] for key, row in rows.items()} for rows in (before[0], after[0]))
    was_used, is_used = (
        {row["action_id"] for row in rows.values() if row["removal_id"] is None}
        for rows in (templates_before, templates_now)
    )
    labels_by_deed: dict[str, list[str]] = defaultdict(list)
    moves: dict[tuple[int, int], int] = defaultdict(int)
    for key, row in templates_now.items():
        old, label = templates_before.get(key), label_now[row["action_id"]]
        if old is None:
            labels_by_deed["added"].append(label)
        elif old["removal_id"] != row["removal_id"]:
            labels_by_deed["removed" if old["removal_id"] is None else "restored"].append(label)
        elif old["action_id"] != row["action_id"]:
            moves[old["action_id"], row["action_id"]] += 1
        elif old["enabled"] != row["enabled"]:
            labels_by_deed["enabled" if row["enabled"] else "disabled"].append(label)
        elif old != row:
            labels_by_deed["changed"].append(label)
    parts = [f"{deed} {_count(len(labels))} of {_join(labels)}" for deed, labels in labels_by_deed.items()]
    for (source, target), number in moves.items():
        old_label, new_label = label_before[source], label_now[target]
        if source in is_used:
            parts.append(f"moved {_count(number)} of {old_label} to {new_label}")
        elif target in was_used:
            parts.append(f"merged {old_label} into {new_label}")
        else:
            parts.append(f"renamed {old_label} to {new_label}")
    for key, row in actions_now.items():
        old = actions_before.get(key)
        if old and old["label"] != row["label"]:
            parts.append(f"renamed {old['label']} to {row['label']}")
        for column in ("tags", "notes") if old and not moves else ():
            if old and old[column] != row[column]:
                parts.append(f"changed the {column} of {row['label']}")
    return "; ".join(parts) or "changed the background recordings"


def _count(number: int) -> str:
    return "1 template" if number == 1 else f"{number} templates"


def _join(labels: list[str]) -> str:
    distinct = sorted(set(labels))
    return ", ".join(distinct) if len(distinct) < 4 else f"{len(distinct)} actions"
