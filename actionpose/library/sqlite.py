"""A library in an SQLite file: opening it, waiting in line to write to it, and its errors in the user's words."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from actionpose.errors import LibraryError, LibraryLockedError
from actionpose.library.engine import LOCK_TIMEOUT_S, NO_LIBRARY_HINT, Words, create_engine, purpose_of
from actionpose.private import make_private_folder, open_private
from actionpose.whole_file import try_lock

__all__ = ["DAMAGED_HINT", "describe_error", "open_sqlite"]

_BEGIN_WRITING = "BEGIN IMMEDIATE"
_SHARING_BYTES = 32_768  # that SQLite takes for the file beside a library
_POLL_S = 0.001  # between two attempts of a writer that waits


def open_sqlite(path: Path | None, *, read_only: bool) -> Engine:
    """Connect to a file, which is made when needed, or to a new library in memory.

    Raises
    ------
    LibraryError
        If there is no such file to read, or it cannot be made.
    """
    if path is None:
        engine = create_engine(URL.create("sqlite"), poolclass=StaticPool)
    else:
        engine = create_engine(_make_url(path, read_only=read_only))

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # else sqlite3 begins transactions late, and not at all for CREATE TABLE
        connection.execute(f"PRAGMA busy_timeout = {round(LOCK_TIMEOUT_S * 1000)}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        purpose = purpose_of(connection)
        if purpose == "read":
            connection.exec_driver_sql("BEGIN")
            return
        deadline = time.monotonic() + LOCK_TIMEOUT_S
        if purpose == "migrate":
            # Dropping a table whose rows are referred to would fail: a new one takes its place.
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            connection.info["has_migrated"] = True
            # Readers and a writer work at once then; the file remembers it.
            _insist(connection, "PRAGMA journal_mode = WAL", deadline)
        _begin_writing(connection, path, deadline)

    @event.listens_for(engine, "checkin")
    def restore(connection: sqlite3.Connection | None, record: ConnectionPoolEntry) -> None:
        if connection is not None and record.info.pop("has_migrated", False):
            connection.execute("PRAGMA foreign_keys = ON")

    return engine


def _make_url(path: Path, *, read_only: bool) -> URL:
    """Choose how to open the file; a new one, and its folder, is made."""
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
    can_share = os.access(path.parent, os.W_OK) and not _lacks_room_to_share(path)
    if can_share and not read_only:
        return URL.create("sqlite", database=str(path))
    query = {"uri": "true", "mode": "ro"}
    if not can_share and not _size(f"{path}-wal"):
        query["immutable"] = "1"  # SQLite cannot make the files it needs for sharing, and nobody else has them open
    return URL.create("sqlite", database=f"file:{quote(str(path.absolute()))}", query=query)


def _lacks_room_to_share(path: Path) -> bool:
    """Whether the disk is too full for the file by which processes share a library, and none has made it before."""
    if not hasattr(os, "statvfs") or _size(f"{path}-shm") >= _SHARING_BYTES:
        return False
    disk = os.statvfs(path.parent)
    return disk.f_bavail * disk.f_frsize < _SHARING_BYTES


def _size(path: str) -> int:
    """Size of a file in bytes, 0 where there is none."""
    with contextlib.suppress(OSError):
        return os.stat(path).st_size  # noqa: PTH116  its name is made of another
    return 0


def _begin_writing(connection: Connection, path: Path | None, deadline: float) -> None:
    """Begin a transaction that writes, when it is this one's turn.

    SQLite lets a waiting writer try again after longer and longer pauses, so that it starves beside a process that
    writes in a tight loop. Here a writer tries at short intervals; and while one does, all others, the process in the
    loop too, wait in line behind it.
    """
    if path is None:
        connection.exec_driver_sql(_BEGIN_WRITING)
        return
    line = Path(f"{path}-line")
    if line.exists() or not _succeeds(connection, _BEGIN_WRITING):
        with _being_next(line, path, deadline):
            _insist(connection, _BEGIN_WRITING, deadline)


@contextlib.contextmanager
def _being_next(line: Path, library: Path, deadline: float) -> Iterator[None]:
    """Hold the lock of a file that exists only as long; go without it where it cannot be made or locked."""
    file = None
    with contextlib.suppress(OSError):
        file = _lock(line, library, deadline)
    try:
        yield
    finally:
        if file is not None:
            with contextlib.suppress(OSError):
                line.unlink()
            file.close()


def _lock(line: Path, library: Path, deadline: float) -> BinaryIO | None:
    """Make and lock a file; None where others have it locked for too long.

    Raises
    ------
    OSError
        If the folder or the file system does not allow it.
    """
    while time.monotonic() < deadline:
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(line.open("ab"))
            if try_lock(file.fileno()) and os.fstat(file.fileno()).st_nlink:  # 0 once who was next removed it
                with contextlib.suppress(OSError):
                    line.chmod(stat.S_IMODE(library.stat().st_mode))  # so that all who share the library can lock it
                stack.pop_all()
                return file
        time.sleep(_POLL_S)
    return None


def _insist(connection: Connection, statement: str, deadline: float) -> None:
    """Run a statement as soon as the file is not locked.

    Raises
    ------
    sqlalchemy.exc.OperationalError
        If it still is at the deadline.
    """
    while not _succeeds(connection, statement, is_last=time.monotonic() > deadline):
        time.sleep(_POLL_S)


def _succeeds(connection: Connection, statement: str, *, is_last: bool = False) -> bool:
    """Run a statement; False where the file is locked, without waiting, unless this is the last attempt."""
    cursor = connection.connection.cursor()  # SQLAlchemy's own way takes ten times as long
    cursor.execute("PRAGMA busy_timeout = 0")
    try:
        cursor.execute(statement)
    except sqlite3.OperationalError as error:
        if not is_last and _name(error) == "SQLITE_BUSY":
            return False
        connection.exec_driver_sql(statement)  # raises what SQLAlchemy makes of the error
    finally:
        cursor.execute(f"PRAGMA busy_timeout = {round(LOCK_TIMEOUT_S * 1000)}")
        cursor.close()
    return True


DAMAGED_HINT = "Restore a copy, or import exported templates into a new one."

_WORDS: dict[str, Words] = {
    "SQLITE_BUSY": (
        LibraryLockedError,
        f"is locked: another process has been writing to it for more than {LOCK_TIMEOUT_S:g} s",
        "Close the other program, or wait until it is done, and try again.",
    ),
    "SQLITE_READONLY": (
        LibraryLockedError,
        "cannot be written to: the file or its folder is read-only, or the disk is full",
        "Change the permissions, free some space, or work on a copy: --library COPY.sqlite",
    ),
    "SQLITE_FULL": (
        LibraryError,
        "cannot grow: the disk is full. What was saved before is intact",
        "Free some space and try again.",
    ),
    "SQLITE_IOERR": (LibraryError, "cannot be read or written", "Check the disk it is on, and its free space."),
    "SQLITE_CANTOPEN": (LibraryError, "cannot be opened", "Check the path and its permissions."),
    "SQLITE_NOTADB": (LibraryError, "is not a database", NO_LIBRARY_HINT),
    "SQLITE_CORRUPT": (
        LibraryError,
        "is damaged",
        DAMAGED_HINT,
    ),
}


def describe_error(cause: BaseException | None) -> Words | None:
    """Return what an SQLite error means for the user; None for one that tells best itself, and for other errors."""
    return _WORDS.get(_name(cause))


def _name(cause: BaseException | None) -> str:
    extended: str = getattr(cause, "sqlite_errorname", "")
    if extended == "SQLITE_IOERR_SHMSIZE":  # keeps even readers from a library on a full disk
        return "SQLITE_FULL"
    return "_".join(extended.split("_")[:2])  # the extended code says more than we need
