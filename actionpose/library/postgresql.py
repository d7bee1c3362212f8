"""A library on a PostgreSQL server: opening it, its transactions, and its errors in the user's words."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine

from actionpose.errors import LibraryError, LibraryLockedError
from actionpose.library.engine import LOCK_TIMEOUT_S, Words, create_engine, purpose_of

__all__ = ["describe_error", "is_postgresql", "open_postgresql"]

_NAMES = ("postgresql", "postgres")
_CONNECT_TIMEOUT_S = 10
_MIGRATION_LOCK = int.from_bytes(b"actnpose")  # any number that no other program locks


def is_postgresql(url: URL) -> bool:
    """Whether a URL names a PostgreSQL server."""
    return url.get_backend_name() in _NAMES


def open_postgresql(url: URL) -> Engine:
    """Connect to a database on a server.

    Raises
    ------
    LibraryError
        If the driver is not installed.
    """
    if url.drivername in _NAMES:
        url = url.set(drivername="postgresql+psycopg")
    is_libpq = url.get_driver_name().startswith("psycopg")
    timeout = {"connect_timeout": _CONNECT_TIMEOUT_S} if is_libpq and "connect_timeout" not in url.query else {}
    try:
        # A connection that was lost while nobody used it is made anew.
        engine = create_engine(url, pool_pre_ping=True, connect_args=timeout)
    except ImportError:
        raise LibraryError(
            f"The database driver {url.get_driver_name()!r} is not installed.",
            hint="Install it: pip install 'actionpose[postgres]'",
        ) from None

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"SET lock_timeout = {round(LOCK_TIMEOUT_S * 1000)}")  # else it waits for others for ever
        cursor.close()
        connection.commit()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        purpose = purpose_of(connection)
        # Who reads sees one state of all tables; who writes sees, once it is its turn, what was written meanwhile.
        level = "REPEATABLE READ READ ONLY" if purpose == "read" else "READ COMMITTED"
        connection.exec_driver_sql(f"SET TRANSACTION ISOLATION LEVEL {level}")
        if purpose == "migrate":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")

    return engine


_WORDS: dict[str, Words] = {
    "55P03": (
        LibraryLockedError,
        f"is locked: another process has been writing to it for more than {LOCK_TIMEOUT_S:g} s",
        "Close the other program, or wait until it is done, and try again.",
    ),
    "25006": (
        LibraryLockedError,
        "cannot be written to: the server lets this user or database only be read",
        "Connect to the server that takes changes, or ask who runs it.",
    ),
    "42501": (
        LibraryLockedError,
        "does not let this user do that",
        "Ask who runs the server for the rights to select, insert, update and delete, or connect as another user.",
    ),
    "53100": (
        LibraryError,
        "cannot grow: the server's disk is full. What was saved before is intact",
        "Free some space there and try again.",
    ),
}


def describe_error(cause: BaseException | None) -> Words | None:
    """Return what a PostgreSQL error means for the user; None for one that tells best itself, and for other errors."""
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    if state is None and type(cause).__module__.startswith("psycopg") and type(cause).__name__ == "OperationalError":
        reason = str(cause).splitlines()[0].removeprefix("connection failed: ")
        hint = "Check that the server runs, and the address, the user and the password."
        return LibraryError, f"cannot be reached: {reason}", hint
    return _WORDS.get(state or "")
