"""Opening the library's database, its transactions, and its errors in the user's words.

What only SQLite needs is in `_open_sqlite` and what follows it; the rest runs on any database.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.pool import StaticPool

from actionpose.errors import LibraryError, LibraryLockedError, LibraryVersionError
from actionpose.library import rows
from actionpose.library.journal import recording_change
from actionpose.private import make_private_folder, open_private

__all__ = ["Database", "open_database", "reading", "writing"]

BUSY_TIMEOUT_S = 5.0
_ANOTHER = "Name another file, or one that does not exist yet: actionpose creates it."


@dataclass(frozen=True, slots=True)
class Database:
    """A database, what to call it (its path, or its URL without the password), and whether to leave it as it is.

    `of_thread` holds each thread's open change as `connection`, for the changes within it.
    """

    engine: Engine
    name: str
    read_only: bool
    of_thread: threading.local = field(default_factory=threading.local)


def open_database(location: str | Path, *, read_only: bool) -> Database:
    """Connect to a library, creating or migrating it when needed.

    Raises
    ------
    LibraryError
        If it cannot be opened, or is no library.
    LibraryVersionError
        If it was written by a newer actionpose.
    """
    database = _connect(location, read_only=read_only)
    try:
        with reading(database) as connection:
            version = _schema_version(connection)
            is_foreign = version is None and bool(sa.inspect(connection).get_table_names())
        if is_foreign:
            raise LibraryError(f"{database.name} is a database of something else.", hint=_ANOTHER)
        if version != rows.SCHEMA_VERSION:
            _migrate(database, version)
    except BaseException:
        database.engine.dispose()
        raise
    return database


@contextlib.contextmanager
def reading(database: Database) -> Iterator[Connection]:
    """Give one consistent view of the library.

    Raises
    ------
    LibraryError
        If the database fails; the message says what to do.
    """
    with _transaction(database, is_writing=False) as connection:
        yield connection


@contextlib.contextmanager
def writing(database: Database, *, is_undoable: bool = True) -> Iterator[Connection]:
    """Make one change: all of it is saved at the end of the block, or nothing when the block raises.

    A block inside another, of the same thread, is a part of that one. The change is written into the journal, unless
    it is not `is_undoable`.

    Raises
    ------
    LibraryLockedError
        If the library cannot be written to.
    LibraryError
        If the database fails otherwise.
    """
    if database.read_only:
        raise LibraryLockedError(f"{database.name} was opened read-only.", hint="Open it for writing to change it.")
    is_inner = getattr(database.of_thread, "connection", None) is not None
    with _transaction(database, is_writing=True) as connection:
        # First, so that on every database writers queue here and none works on what another is about to change.
        connection.execute(sa.update(rows.library).values(revision=rows.library.c.revision + 1))
        keeping = recording_change(connection) if is_undoable and not is_inner else contextlib.nullcontext()
        with keeping, _joined_by_inner(database, connection):
            yield connection


@contextlib.contextmanager
def _joined_by_inner(database: Database, connection: Connection) -> Iterator[None]:
    outer = getattr(database.of_thread, "connection", None)
    database.of_thread.connection = connection
    try:
        yield
    finally:
        database.of_thread.connection = outer


@contextlib.contextmanager
def _transaction(database: Database, *, is_writing: bool) -> Iterator[Connection]:
    outer: Connection | None = getattr(database.of_thread, "connection", None)
    if outer is not None:
        with outer.begin_nested() if is_writing else contextlib.nullcontext():
            yield outer
        return
    try:
        with database.engine.connect() as connection:
            connection.execution_options(is_writing=is_writing)
            with connection.begin():
                yield connection
    except exc.DBAPIError as error:
        raise _in_words(error, database.name) from error


def _connect(location: str | Path, *, read_only: bool) -> Database:
    if isinstance(location, Path) or "://" not in location:
        return _open_sqlite(Path(location), read_only=read_only)
    try:
        url = sa.make_url(location)
        if url.get_backend_name() == "sqlite" and not url.query:
            in_memory = url.database in (None, "", ":memory:")
            return _open_sqlite(None if in_memory else Path(str(url.database)), read_only=read_only)
        return Database(_create_engine(url), url.render_as_string(hide_password=True), read_only)
    except exc.ArgumentError:
        raise LibraryError(
            "The library's address is not a database URL.",
            hint="Give a path, or a URL such as postgresql+psycopg://user@host/database.",
        ) from None
    except ImportError as error:
        raise LibraryError(
            f"The database driver {error.name!r} is not installed.", hint=f"Install it: pip install {error.name}"
        ) from None


def _create_engine(url: URL, **options: Any) -> Engine:
    return sa.create_engine(
        url,
        json_serializer=lambda value: msgspec.json.encode(value).decode(),  # NaN becomes null: JSON has no NaN
        json_deserializer=msgspec.json.decode,
        **options,
    )


def _schema_version(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table(rows.VERSION_TABLE):
        return None
    version = sa.table(rows.VERSION_TABLE, sa.column("version_num", sa.String)).c.version_num
    return connection.execute(sa.select(version)).scalar()


def _migrate(database: Database, version: str | None) -> None:
    if version is not None and version > rows.SCHEMA_VERSION:
        raise LibraryVersionError(
            f"{database.name} was written by a newer actionpose: its version is {version}, "
            f"this one reads up to {rows.SCHEMA_VERSION}.",
            hint="Update: pip install --upgrade actionpose",
        )
    if database.read_only:
        raise LibraryError(
            f"{database.name} is empty or of an older version, and it was opened for reading only.",
            hint="Open it once for writing.",
        )
    if database.engine.dialect.name == "sqlite":
        _use_write_ahead_log(database)
    with _transaction(database, is_writing=True) as connection:
        if _schema_version(connection) != rows.SCHEMA_VERSION:  # another process may have come first
            _run_migrations(connection)


def _run_migrations(connection: Connection) -> None:
    import alembic.command  # here, since a library that is up to date opens without it
    import alembic.config

    config = alembic.config.Config()
    folder = Path(__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    alembic.command.upgrade(config, "head")


def _open_sqlite(path: Path | None, *, read_only: bool) -> Database:
    if path is None:
        engine = _create_engine(URL.create("sqlite"), poolclass=StaticPool)
    else:
        path = path.expanduser()
        engine = _create_engine(_sqlite_url(path, read_only=read_only))

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # else sqlite3 begins transactions late, and not at all for CREATE TABLE
        connection.execute(f"PRAGMA busy_timeout = {round(BUSY_TIMEOUT_S * 1000)}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that turns from reading to writing fails at once, without waiting, if another wrote meanwhile.
        is_writing = connection.get_execution_options().get("is_writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")

    return Database(engine, "the library in memory" if path is None else str(path), read_only)


def _sqlite_url(path: Path, *, read_only: bool) -> URL:
    """Choose how to open the file, making its folder when it is new."""
    if path.is_dir():
        raise LibraryError(f"{path} is a folder.", hint=f"Name the file: {path / 'library.sqlite'}")
    if not path.exists():
        if read_only:
            raise LibraryError(
                f"There is no library at {path}.", hint="Record a template first: actionpose record wave"
            )
        try:
            make_private_folder(path.parent)
        except OSError as error:
            raise LibraryError(
                f"Cannot create the folder {path.parent}: {error.strerror}.",
                hint="Name another place with --library or ACTIONPOSE_LIBRARY.",
            ) from None
        with contextlib.suppress(OSError):  # SQLite will say what is wrong
            os.close(open_private(path, os.O_CREAT))  # the files that SQLite puts beside it get the same permissions
        return URL.create("sqlite", database=str(path))
    can_write_folder = os.access(path.parent, os.W_OK)
    if can_write_folder and not read_only:
        return URL.create("sqlite", database=str(path))
    query = {"uri": "true", "mode": "ro"}
    if not can_write_folder and not Path(f"{path}-wal").exists():
        query["immutable"] = "1"  # SQLite cannot make the files it needs for sharing, and nobody else has them open
    return URL.create("sqlite", database=f"file:{quote(str(path.absolute()))}", query=query)


def _use_write_ahead_log(database: Database) -> None:
    """Let readers and a writer work at once; the file remembers it."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            with contextlib.closing(database.engine.raw_connection()) as connection:
                connection.cursor().execute("PRAGMA journal_mode = WAL")
                return
        except sqlite3.OperationalError as error:
            # SQLite does not wait by itself here when two processes create the library together.
            if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > deadline:
                raise _in_words(error, database.name) from error
            time.sleep(0.02)


_SQLITE_WORDS: dict[str, tuple[type[LibraryError], str, str]] = {
    "SQLITE_BUSY": (
        LibraryLockedError,
        f"is locked: another process has been writing to it for more than {BUSY_TIMEOUT_S:g} s",
        "Close the other program, or wait until it is done, and try again.",
    ),
    "SQLITE_READONLY": (
        LibraryLockedError,
        "cannot be written to: the file or its folder is read-only",
        "Change the permissions, or work on a copy: --library COPY.sqlite",
    ),
    "SQLITE_FULL": (
        LibraryError,
        "cannot grow: the disk is full. What was saved before is intact",
        "Free some space and try again.",
    ),
    "SQLITE_IOERR": (LibraryError, "cannot be read or written", "Check the disk it is on, and its free space."),
    "SQLITE_CANTOPEN": (LibraryError, "cannot be opened", "Check the path and its permissions."),
    "SQLITE_NOTADB": (LibraryError, "is not a database", _ANOTHER),
    "SQLITE_CORRUPT": (
        LibraryError,
        "is damaged",
        "Restore a copy, or import exported templates into a new one.",
    ),
}


def _in_words(error: exc.DBAPIError | sqlite3.Error, name: str) -> LibraryError:
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    extended: str = getattr(cause, "sqlite_errorname", "")
    # The extended code says more than we need, but for what keeps even readers from a library on a full disk.
    code = "SQLITE_FULL" if extended == "SQLITE_IOERR_SHMSIZE" else "_".join(extended.split("_")[:2])
    kind, what, hint = _SQLITE_WORDS.get(
        code, (LibraryError, f"failed: {cause}".splitlines()[0], "Check the database and try again.")
    )
    return kind(f"{name} {what}.", hint=hint)
