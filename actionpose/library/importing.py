"""Template files into the database."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from actionpose.errors import LibraryError
from actionpose.library.files import TemplateFile, have_same_content
from actionpose.library.lookup import IS_KEPT, describe_action
from actionpose.library.rows import insert_template, select_stored, templates, update_template
from actionpose.template import Template

__all__ = ["import_templates"]


def import_templates(
    connection: Connection, from_file: Mapping[Path, TemplateFile], *, replace: bool
) -> list[Template]:
    """Write templates that are not there yet, restore those that were removed, and return both.

    Parameters
    ----------
    connection : Connection
        Of a transaction.
    from_file : mapping of Path to TemplateFile
        What each file holds.
    replace : bool
        Whether a file may take the place of a template that has the same id and another content.

    Raises
    ------
    LibraryError
        If two templates of one id differ and `replace` is False.
    """
    kept_ids = set(connection.execute(sa.select(templates.c.id).where(IS_KEPT)).scalars())
    ids = [read.template.id for read in from_file.values()]
    in_library = {t.id: t for t in select_stored(connection, templates.c.id.in_(ids))}
    changed = []
    for file, read in from_file.items():
        template = read.template
        present = in_library.get(template.id)
        if present is None:
            insert_template(connection, template)
        elif not (is_same := isinstance(present, Template) and have_same_content(template, present)) and not replace:
            raise LibraryError(
                f"{file} differs from the template {template.id} ({present.label}) in the library.",
                hint="Import with --replace to take the file's content.",
            )
        elif template.id not in kept_ids or not is_same:
            update_template(connection, template)
        else:
            continue
        describe_action(connection, template.label, tags=read.tags, notes=read.notes)
        changed.append(template)
    return changed
