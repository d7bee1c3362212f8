"""A PostgreSQL server for the tests, from what is installed on this machine: one for all workers of a test run."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import shlex
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

__all__ = ["Server", "database_name", "find_programs", "serve"]

_USER = "postgres"  # whom Debian's package makes; the server refuses to run as root
_FAST = "-c fsync=off -c full_page_writes=off -c listen_addresses= -c max_connections=200"


class Server:
    """A running server.

    Parameters
    ----------
    folder : Path
        Where its socket is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def url(self, database: str, *, user: str = _USER) -> str:
        """Return the address of a database."""
        return f"postgresql://{user}@/{database}?host={self._folder}"

    def run(self, statement: str, database: str = "postgres") -> None:
        """Run a statement outside of a transaction."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement)

    def disconnect(self, url: str) -> None:
        """Break all connections to a database."""
        self.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database_name(url)}'")

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """Make a database for as long as the block lasts, and give its address."""
        name = f"t{uuid.uuid4().hex}"
        self.run(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            self.run(f"DROP DATABASE {name} WITH (FORCE)")


def database_name(url: str) -> str:
    """Return the name of the database that an address leads to."""
    return url.partition("@/")[2].partition("?")[0]


def find_programs() -> Path | None:
    """Return the folder of the newest server's programs; None where there is no server."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    program = shutil.which("initdb")
    return Path(program).resolve().parent if program else None


@contextlib.contextmanager
def serve(programs: Path, shared: Path) -> Iterator[Server]:
    """Start a server, or share the one that another process with the same folder `shared` started.

    The last one to leave stops it.
    """
    with contextlib.ExitStack() as stack:
        users = stack.enter_context((shared / "postgres-users").open("a"))
        with _locked(shared / "postgres-lock"):
            place = shared / "postgres-folder"
            if not place.exists():
                place.write_text(_start(programs))
            folder = Path(place.read_text())
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield Server(folder)
        finally:
            with _locked(shared / "postgres-lock"), contextlib.suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _run(programs / "pg_ctl", "stop", "-D", folder / "data", "-m", "immediate")
                place.unlink()
                shutil.rmtree(folder)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _start(programs: Path) -> str:
    folder = Path(tempfile.mkdtemp(prefix="actionpose-postgres-", dir="/tmp"))  # a socket's path must be short
    if os.geteuid() == 0:
        user = pwd.getpwnam(_USER)
        os.chown(folder, user.pw_uid, user.pw_gid)
        folder.chmod(0o755)
    _run(programs / "initdb", "-D", folder / "data", "-U", _USER, "-A", "trust", "-E", "UTF8", "--no-sync")
    options = f"{_FAST} -c unix_socket_directories={folder}"
    _run(programs / "pg_ctl", "start", "-w", "-D", folder / "data", "-l", folder / "log", "-o", options)
    return str(folder)


def _run(*command: object) -> None:
    line = [str(part) for part in command]
    if os.geteuid() == 0:
        line = ["su", _USER, "-s", "/bin/sh", "-c", shlex.join(line)]
    done = subprocess.run(line, capture_output=True, text=True, cwd="/tmp", check=False)  # its user may not be in ours
    assert done.returncode == 0, f"{shlex.join(line)} failed: {done.stdout}{done.stderr}"
