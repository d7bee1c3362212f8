"""The template library: domain types in and out of a database."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import sqlalchemy as sa

from actionpose.errors import InvalidDataError, LibraryError, TemplateNotFoundError
from actionpose.library.database import Database, open_database, reading, writing
from actionpose.library.files import ID_PATTERN, file_names, load_templates, save_template
from actionpose.library.importing import import_templates
from actionpose.library.journal import undo_last
from actionpose.library.location import default_location
from actionpose.library.lookup import (
    IS_KEPT,
    IS_REMOVED,
    Action,
    action_id,
    are_named,
    find_templates,
    merge_actions,
    select_actions,
)
from actionpose.library.rows import (
    StoredTemplate,
    UnusableTemplate,
    actions,
    backgrounds,
    changes,
    insert,
    insert_background,
    insert_template,
    library,
    removals,
    select_backgrounds,
    select_stored,
    select_templates,
    sequences,
    skeletons,
    templates,
    update_template,
)
from actionpose.naming import normalize_label
from actionpose.pose import PoseSequence
from actionpose.template import Template, validate_label

__all__ = ["TemplateLibrary"]


class TemplateLibrary:
    """Templates kept in a database, shared with other processes; a context manager.

    Every change is saved, all of it, when the method returns, and changes `revision` for every process that has the
    library open. Where a method takes a name or several, each is a label, an id, or as much of an id's beginning as no
    other template shares. Methods raise `TemplateNotFoundError` for a name that nothing has, `LibraryLockedError` when
    the library cannot be written to, and `LibraryError` when the database fails; any thread may call them.

    Examples
    --------
    >>> import numpy as np
    >>> from actionpose.skeleton import UPPER_BODY_6
    >>> clip = PoseSequence(skeleton=UPPER_BODY_6, time=np.arange(30) / 30, position=np.zeros((30, 6, 3)))
    >>> with TemplateLibrary.open("sqlite://") as library:  # in memory; give a path to keep it
    ...     _ = library.add(Template.from_sequence("wave", clip))
    ...     _ = library.rename("wave", "greet")
    ...     library.labels()
    ['greet']
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, location: str | Path | None = None, *, read_only: bool = False) -> Self:
        """Open a library, creating or migrating it when needed.

        Parameters
        ----------
        location : path or str, optional
            An SQLite file, or any SQLAlchemy URL. Default: `default_location`.
        read_only : bool
            Whether to leave the file as it is; it must exist then. A library in a place that cannot be written to is
            read all the same, and says so when it is changed.

        Raises
        ------
        LibraryError
            If it cannot be opened, or is not a library.
        LibraryVersionError
            If a newer actionpose wrote it.
        """
        return cls(open_database(default_location() if location is None else location, read_only=read_only))

    def close(self) -> None:
        """Let go of the database. May be called twice."""
        self._database.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def location(self) -> str:
        """The library's path, or its URL without the password."""
        return self._database.name

    @property
    def revision(self) -> int:
        """A number that every saved change by any process increases.

        A live loop that reads it before it reads the templates never misses a change.
        """
        with reading(self._database) as connection:
            return int(connection.execute(sa.select(library.c.revision)).scalar_one())

    def validate_writable(self) -> None:
        """Raise what saving something would raise, before anything was done that is to be saved.

        Raises
        ------
        LibraryLockedError
            If the library may only be read, or another process has been writing to it for too long.
        """
        with suppress(_IsWritable), writing(self._database):
            raise _IsWritable  # undoes it

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make several changes one: all are saved at the end of the block, or none when the block raises.

        Only this thread's; what it reads within the block holds its changes already, others see them at the end.
        """
        with writing(self._database):
            yield

    def templates(self, label: str | None = None) -> list[Template]:
        """Return all templates, the disabled ones too, or those of one label.

        In order of label, then age, then id, so that equal libraries give equal results. What cannot be used, such as a
        template whose times cannot be seconds, is left aside with a `FallbackWarning`; `unusable` returns it.
        """
        with reading(self._database) as connection:
            if label is None:
                return select_templates(connection, IS_KEPT)
            return select_templates(connection, IS_KEPT & (templates.c.action_id == action_id(connection, label)))

    def unusable(self) -> list[UnusableTemplate]:
        """Return what is stored but cannot be used, and why; it can be removed and restored like any other."""
        with reading(self._database) as connection:
            return [t for t in select_stored(connection, IS_KEPT) if isinstance(t, UnusableTemplate)]

    def get(self, name: str) -> Template:
        """Return the template with an id, or with the only id that begins so.

        Raises
        ------
        TemplateNotFoundError
            If there is none, or more than one.
        LibraryError
            If it cannot be used.
        """
        with reading(self._database) as connection:
            ids = find_templates(connection, name, IS_KEPT)
            if len(ids) > 1:
                raise TemplateNotFoundError(
                    f"{name!r} is an action with {len(ids)} templates.", hint=f"Give an id, such as {ids[0][:8]}."
                )
            found = select_stored(connection, templates.c.id.in_(ids))[0]
            if isinstance(found, UnusableTemplate):
                raise LibraryError(
                    f"Template {found.id} ({found.label}) cannot be used: {found.problem}",
                    hint=f"Take it out of the library: actionpose templates remove {found.id[:8]}",
                )
            return found

    def labels(self) -> list[str]:
        """Return the names of all actions in alphabetical order."""
        return [action.label for action in self.actions()]

    def actions(self) -> list[Action]:
        """Return all actions in alphabetical order."""
        with reading(self._database) as connection:
            return select_actions(connection)

    def add(self, template: Template) -> Template:
        """Save one template; see `add_all`."""
        return self.add_all([template])[0]

    def add_all(self, new: Iterable[Template]) -> list[Template]:
        """Save templates, all or none.

        Raises
        ------
        LibraryError
            If one of them has been added before, or removed and not purged.
        InvalidDataError
            If an id has other characters than letters, digits, ``-`` and ``_``, or is longer than 64.
        """
        new = list(new)
        for template in new:
            if not re.match(ID_PATTERN, template.id):
                raise InvalidDataError(
                    f"A template's id is 1 to 64 letters, digits, - and _; got {template.id[:100]!r}."
                )
        with writing(self._database) as connection:
            for template in new:
                if connection.execute(sa.select(templates.c.id).where(templates.c.id == template.id)).first():
                    raise LibraryError(
                        f"Template {template.id} ({template.label}) is in the library already.",
                        hint="Restore it if it was removed, or give the copy an id of its own.",
                    )
                insert_template(connection, template)
        return new

    def update(self, template: Template) -> Template:
        """Write a template over the one of its id; see `update_all`."""
        return self.update_all([template])[0]

    def update_all(self, changed: Iterable[Template]) -> list[Template]:
        """Write templates over those of their ids, all or none: their label, clip and everything else.

        Raises
        ------
        TemplateNotFoundError
            If one of them is not in the library, or was removed.
        """
        changed = list(changed)
        with writing(self._database) as connection:
            kept_ids = set(connection.execute(sa.select(templates.c.id).where(IS_KEPT)).scalars())
            for template in changed:
                if template.id not in kept_ids:
                    raise TemplateNotFoundError(
                        f"Template {template.id} ({template.label}) is not in the library, so it cannot be changed.",
                        hint="Add it, or restore it if it was removed.",
                    )
                update_template(connection, template)
        return changed

    def rename(self, old: str, new: str, *, merge: bool = False) -> Action:
        """Give an action another name.

        Parameters
        ----------
        old, new : str
            Labels.
        merge : bool
            Whether `new` may be an action that exists already: then its templates, notes and tags are joined by those
            of `old`.

        Raises
        ------
        LibraryError
            If `new` exists and `merge` is False.
        InvalidDataError
            If `new` cannot be a label.
        """
        new = validate_label(new)
        with writing(self._database) as connection:
            old_id = action_id(connection, old)
            same_label = actions.c.label == new
            if new == normalize_label(old):
                pass
            elif (target := connection.execute(sa.select(actions).where(same_label)).first()) is None:
                connection.execute(sa.update(actions).where(actions.c.id == old_id).values(label=new))
            else:
                existing = select_actions(connection, same_label)
                if existing and not merge:
                    raise LibraryError(
                        f"There is an action {new!r} already, with {existing[0].n_templates} templates.",
                        hint="Choose another name, or merge the two: actionpose templates rename --merge",
                    )
                merge_actions(connection, old_id, into_id=target.id)
            return select_actions(connection, same_label)[0]

    def set_notes(self, label: str, notes: str) -> Action:
        """Write an action's notes anew.

        Raises
        ------
        InvalidDataError
            If they hold characters that cannot be kept; see `set_tags`.
        """
        return self._update_action(label, {"notes": _validate_text(notes)})

    def set_tags(self, label: str, tags: Iterable[str]) -> Action:
        """Give an action these tags and no others; space around them and repetitions are dropped.

        Raises
        ------
        InvalidDataError
            If one holds the character NUL or half of a surrogate pair: not every database can keep them.
        """
        kept = {_validate_text(normalize_label(tag)) for tag in tags} - {""}
        return self._update_action(label, {"tags": sorted(kept)})

    def set_enabled(self, names: str | Iterable[str], enabled: bool) -> list[StoredTemplate]:
        """Let the recogniser use templates, or all of an action, or not; return those that this changed."""
        with writing(self._database) as connection:
            others = are_named(connection, names, IS_KEPT) & (templates.c.enabled != enabled)
            changed = templates.c.id.in_(list(connection.execute(sa.select(templates.c.id).where(others)).scalars()))
            connection.execute(sa.update(templates).where(changed).values(enabled=enabled))
            return select_stored(connection, changed)

    def remove(self, names: str | Iterable[str]) -> list[StoredTemplate]:
        """Remove templates, or all of an action, until `restore`; return what was removed."""
        with writing(self._database) as connection:
            chosen = are_named(connection, names, IS_KEPT)
            removal_id = insert(connection, removals, time=dt.datetime.now(dt.UTC))
            connection.execute(sa.update(templates).where(chosen).values(removal_id=removal_id))
            return select_stored(connection, chosen)

    def restore(self, names: str | Iterable[str] | None = None) -> list[StoredTemplate]:
        """Take back removed templates by ids or labels, or all that the last removal took.

        Called again and again without names it undoes one removal after another, and returns an empty list when
        there is none left.
        """
        with writing(self._database) as connection:
            chosen: sa.ColumnElement[bool]
            if names is None:
                last = sa.select(sa.func.max(templates.c.removal_id)).scalar_subquery()
                of_last = sa.select(templates.c.id).where(templates.c.removal_id == last)
                chosen = templates.c.id.in_(list(connection.execute(of_last).scalars()))
            else:
                chosen = are_named(connection, names, IS_REMOVED)
            connection.execute(sa.update(templates).where(chosen).values(removal_id=None))
            return select_stored(connection, chosen)

    def removed(self) -> list[StoredTemplate]:
        """Return the templates that `restore` can take back, the last removed first."""
        with reading(self._database) as connection:
            rows = connection.execute(sa.select(templates.c.id, templates.c.removal_id).where(IS_REMOVED))
            removal_by_id = {row.id: row.removal_id for row in rows}
            return sorted(select_stored(connection, IS_REMOVED), key=lambda t: removal_by_id[t.id], reverse=True)

    def undo(self) -> str:
        """Take back the last change by any process: adding, renaming, merging, tagging, removing and all others.

        Called again and again it takes back one after another; what was added is removed, and `restore` brings it back.

        Returns
        -------
        str
            What that change had done, such as ``renamed wave to greet``; empty when there is nothing to take back.
        """
        with writing(self._database, is_undoable=False) as connection:
            return undo_last(connection)

    def purge(self) -> int:
        """Delete for good what was removed, backgrounds too; return how many recordings that were.

        What was changed before cannot be undone any more.
        """
        with writing(self._database, is_undoable=False) as connection:
            n_deleted = 0
            for table in (templates, backgrounds):
                n_deleted += connection.execute(sa.delete(table).where(table.c.removal_id.is_not(None))).rowcount
            connection.execute(sa.delete(removals))
            connection.execute(sa.delete(changes))
            used = sa.union(sa.select(templates.c.sequence_id), sa.select(backgrounds.c.sequence_id))
            connection.execute(sa.delete(sequences).where(sequences.c.id.not_in(used)))
            used_skeletons = sa.select(sequences.c.skeleton_id)
            connection.execute(sa.delete(skeletons).where(skeletons.c.id.not_in(used_skeletons)))
            connection.execute(sa.delete(actions).where(actions.c.id.not_in(sa.select(templates.c.action_id))))
            return n_deleted

    def export(self, target: str | Path, *, names: str | Iterable[str] | None = None) -> list[Path]:
        """Write portable template files, each with the tags of its action and the notes on it.

        Parameters
        ----------
        target : path
            A folder, made when needed, that gets a file for each template; or, when it ends in ``.json``, the file
            for one template.
        names : str or iterable of str, optional
            Labels and ids of the templates to write. Default: all.

        Returns
        -------
        list of Path
            The files written.

        Raises
        ------
        LibraryError
            If a file cannot be written, or `target` is one file and the templates are more or fewer.
        """
        target = Path(target)
        with reading(self._database) as connection:
            condition = IS_KEPT if names is None else are_named(connection, names, IS_KEPT)
            chosen = select_templates(connection, condition)
            action_by_label = {action.label: action for action in select_actions(connection)}
        if target.suffix == ".json" and not target.is_dir():
            if len(chosen) != 1:
                raise LibraryError(
                    f"{target} holds one template, but {len(chosen)} were to be written.",
                    hint="Name a folder instead, or a single template.",
                )
            files = [target]
        else:
            files = [target / name for name in file_names(chosen)]
        for template, file in zip(chosen, files, strict=True):
            action = action_by_label[template.label]
            save_template(template, file, tags=action.tags, notes=action.notes)
        return files

    def import_(self, paths: str | Path | Iterable[str | Path], *, replace: bool = False) -> list[Template]:
        """Read portable template files into the library, all or none; actions get the tags and notes that come along.

        A template that is there already, with this id and the same content, is left alone, enabled or not; one that
        was removed is restored.

        Parameters
        ----------
        paths : path or iterable of paths
            Files, or folders of ``.json`` files.
        replace : bool
            Whether a file may take the place of a template that has the same id and another content.

        Returns
        -------
        list of Template
            What was added, replaced or restored.

        Raises
        ------
        TemplateFileError
            If any file is not a valid template file.
        LibraryError
            If two templates of one id differ, in the library or in the files, and `replace` is False.
        """
        from_file = load_templates(paths)
        with writing(self._database) as connection:
            return import_templates(connection, from_file, replace=replace)

    def backgrounds(self) -> list[PoseSequence]:
        """Return the recordings of nothing in particular that thresholds are calibrated on, oldest first."""
        with reading(self._database) as connection:
            return select_backgrounds(connection, backgrounds.c.removal_id.is_(None))

    def add_background(self, sequence: PoseSequence, *, provenance: Mapping[str, str] | None = None) -> None:
        """Save a recording in which none of the actions happens."""
        with writing(self._database) as connection:
            insert_background(connection, sequence, provenance or {})

    def remove_backgrounds(self) -> int:
        """Remove all background recordings until `restore_backgrounds`; return how many."""
        with writing(self._database) as connection:
            removal_id = insert(connection, removals, time=dt.datetime.now(dt.UTC))
            statement = sa.update(backgrounds).where(backgrounds.c.removal_id.is_(None))
            return connection.execute(statement.values(removal_id=removal_id)).rowcount

    def restore_backgrounds(self) -> int:
        """Take back the background recordings that the last removal took; return how many."""
        with writing(self._database) as connection:
            last = sa.select(sa.func.max(backgrounds.c.removal_id)).scalar_subquery()
            statement = sa.update(backgrounds).where(backgrounds.c.removal_id == last)
            return connection.execute(statement.values(removal_id=None)).rowcount

    def _update_action(self, label: str, values: Mapping[str, object]) -> Action:
        with writing(self._database) as connection:
            chosen = actions.c.id == action_id(connection, label)
            connection.execute(sa.update(actions).where(chosen).values(values))
            return select_actions(connection, chosen)[0]


class _IsWritable(Exception):
    """Breaks off a change that was only to be tried."""


def _validate_text(text: str) -> str:
    unfit = re.search("[\0\ud800-\udfff]", text)
    if unfit:
        raise InvalidDataError(
            f"Notes and tags cannot hold the character {unfit.group()!r}, which is at position {unfit.start()}.",
            hint="Take it out.",
        )
    return text
