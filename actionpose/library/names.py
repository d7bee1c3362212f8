"""The names in a library, at once: for the shell, which asks at a key press and cannot wait for a database layer."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from urllib.parse import quote

from actionpose.library.location import default_location

__all__ = ["read_names"]

_QUERY = """
SELECT templates.id, actions.label FROM templates JOIN actions ON actions.id = templates.action_id
WHERE (templates.removal_id IS NOT NULL) = ? ORDER BY actions.label, templates.id
"""


def read_names(location: str | None = None, *, removed: bool = False) -> list[tuple[str, str]]:
    """Return the id and label of every template in a library that is a file, in order of label and id.

    Parameters
    ----------
    location : str, optional
        The file, or an address of SQLite's. Default: `default_location`.
    removed : bool
        Whether to return the removed ones, and them alone.

    Returns
    -------
    list of (str, str)
        Empty if there is no such library, or it is on a server.
    """
    path = Path((location or default_location()).removeprefix("sqlite:///")).expanduser()
    with contextlib.suppress(sqlite3.Error, OSError):
        if path.is_file():
            address = f"file:{quote(str(path.absolute()))}?mode=ro"
            with contextlib.closing(sqlite3.connect(address, uri=True, timeout=0.2)) as connection:
                return connection.execute(_QUERY, [removed]).fetchall()
    return []
