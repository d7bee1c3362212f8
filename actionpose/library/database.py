"""Opening the library's database, its transactions, and its errors in the user's words, on any database."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import Connection, Engine

from actionpose.errors import InvalidDataError, LibraryError, LibraryLockedError, LibraryVersionError
from actionpose.library import rows
from actionpose.library.engine import NO_LIBRARY_HINT, Purpose, create_engine
from actionpose.library.journal import recording_change
from actionpose.library.postgresql import describe_error as describe_postgresql_error
from actionpose.library.postgresql import is_postgresql, open_postgresql
from actionpose.library.sqlite import DAMAGED_HINT, open_sqlite
from actionpose.library.sqlite import describe_error as describe_sqlite_error

__all__ = ["Database", "open_database", "reading", "writing"]

MIGRATIONS = Path(__file__).parent / "migrations"


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
            raise LibraryError(f"{database.name} is a database of something else.", hint=NO_LIBRARY_HINT)
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
    with _transaction(database, "read") as connection:
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
    with _transaction(database, "write") as connection:
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
def _transaction(database: Database, purpose: Purpose) -> Iterator[Connection]:
    outer: Connection | None = getattr(database.of_thread, "connection", None)
    if outer is not None:
        with outer.begin_nested() if purpose == "write" else contextlib.nullcontext():
            yield outer
        return
    try:
        with database.engine.connect() as connection:
            connection.execution_options(purpose=purpose)
            with connection.begin():
                yield connection
    except UnicodeEncodeError as error:
        raise _unfit_text(error) from error
    except UnicodeDecodeError as error:  # a damaged file's tables are named in SQLite's own message
        raise LibraryError(f"{database.name} is damaged.", hint=DAMAGED_HINT) from error
    except exc.StatementError as error:
        if isinstance(error.orig, UnicodeEncodeError):
            raise _unfit_text(error.orig) from error
        raise _in_words(error, database.name) from error


def _connect(location: str | Path, *, read_only: bool) -> Database:
    if isinstance(location, Path) or "://" not in location:
        return _open_file(Path(location), read_only=read_only)
    try:
        url = sa.make_url(location)
        if url.get_backend_name() == "sqlite" and not url.query:
            in_memory = url.database in (None, "", ":memory:")
            return _open_file(None if in_memory else Path(str(url.database)), read_only=read_only)
        engine = open_postgresql(url) if is_postgresql(url) else create_engine(url, pool_pre_ping=True)
        return Database(engine, url.render_as_string(hide_password=True), read_only)
    except exc.ArgumentError:
        raise LibraryError(
            "The library's address is not a database URL.",
            hint="Give a path, or a URL such as postgresql://user@host/database.",
        ) from None
    except ImportError as error:
        raise LibraryError(
            f"The database driver {error.name!r} is not installed.", hint=f"Install it: pip install {error.name}"
        ) from None


def _open_file(path: Path | None, *, read_only: bool) -> Database:
    path = path and path.expanduser()
    engine = open_sqlite(path, read_only=read_only)
    return Database(engine, "the library in memory" if path is None else str(path), read_only)


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
    with _transaction(database, "migrate") as connection:
        if _schema_version(connection) != rows.SCHEMA_VERSION:  # another process may have come first
            _run_migrations(connection)


def _run_migrations(connection: Connection) -> None:
    import alembic.command  # here, since a library that is up to date opens without it
    import alembic.config

    config = alembic.config.Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    alembic.command.upgrade(config, "head")


def _unfit_text(error: UnicodeEncodeError) -> InvalidDataError:
    return InvalidDataError(
        f"The text {error.object!r} cannot be kept: it holds half of a surrogate pair.", hint="Take that out."
    )


def _in_words(error: exc.StatementError, name: str) -> LibraryError:
    words = describe_sqlite_error(error.orig) or describe_postgresql_error(error.orig)
    if words is None:
        words = LibraryError, f"failed: {error.orig}".splitlines()[0], "Check the database and try again."
    kind, what, hint = words
    return kind(f"{name} {what}.", hint=hint)
