"""Several processes with one library, and processes that are killed."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from actionpose.library import TemplateLibrary
from tests.library.conftest import make_template

ROOT = Path(__file__).parents[2]

ADD = """
import sys
from actionpose.library import TemplateLibrary
from tests.library.conftest import make_template
path, prefix, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
with TemplateLibrary.open(path) as library:
    for i in range(n):
        print(library.add(make_template(prefix, id=f"{prefix}-{i}")).id, flush=True)
"""


@contextlib.contextmanager
def running(script: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_two_processes_create_and_write_at_once_and_nothing_is_lost(location: str) -> None:
    with running(ADD, location, "first", 100) as first, running(ADD, location, "second", 100) as second:
        written = first.communicate()[0].split() + second.communicate()[0].split()
        assert (first.returncode, second.returncode) == (0, 0)
    with TemplateLibrary.open(location) as library:
        assert len(written) == 200
        assert {template.id for template in library.templates()} == set(written)
        assert library.revision == 200


def test_a_reader_sees_what_another_process_writes(location: str) -> None:
    with TemplateLibrary.open(location) as library, running(ADD, location, "wave", 30) as writer:
        n_seen, revision, deadline = [0], library.revision, time.monotonic() + 60
        while n_seen[-1] < 30:
            assert time.monotonic() < deadline
            if library.revision != revision:
                revision = library.revision
                n_seen.append(len(library.templates()))
            time.sleep(0.005)
        assert n_seen == sorted(n_seen)
        assert writer.wait(timeout=60) == 0


@pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL")
def test_killing_a_writer_loses_nothing_that_was_acknowledged(path: Path) -> None:
    acknowledged: list[str] = []
    for n_before_killing in (1, 7, 20):
        with running(ADD, path, f"run{n_before_killing}", 10_000) as writer:
            assert writer.stdout is not None
            for _ in range(n_before_killing):
                acknowledged.append(writer.stdout.readline().strip())
            writer.kill()
            acknowledged += writer.stdout.read().split()
        with contextlib.closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    with TemplateLibrary.open(path) as library:
        assert set(acknowledged) <= {template.id for template in library.templates()}
        library.add_background(library.templates()[0].sequence)


def test_a_current_library_opens_without_alembic_and_the_package_imports_without_a_database(location: str) -> None:
    TemplateLibrary.open(location).close()
    script = """
import sys
import actionpose, actionpose.library
actionpose.library.default_location()
assert not {"sqlalchemy", "alembic", "numpy", "msgspec"} & set(sys.modules)
actionpose.library.TemplateLibrary.open(sys.argv[1]).close()
assert "sqlalchemy" in sys.modules
assert not {"alembic", "sqlalchemy.orm"} & set(sys.modules)
"""
    with running(script, location) as process:
        assert process.wait(timeout=60) == 0


CREATE = """
import sys
from actionpose.library import TemplateLibrary
import actionpose.library.library, alembic.command, sqlalchemy.dialects.postgresql
print("ready", flush=True)
sys.stdin.readline()
TemplateLibrary.open(sys.argv[1]).close()
"""


def test_three_processes_open_a_new_library_at_once(location: str) -> None:
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(running(CREATE, location)) for _ in range(3)]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]
    with TemplateLibrary.open(location) as library:
        assert library.templates() == []


LOOP = """
import sys, time
from actionpose.library import TemplateLibrary
from tests.library.conftest import make_template
with TemplateLibrary.open(sys.argv[1]) as library:
    print("ready", flush=True)
    sys.stdin.readline()
    n, end = 0, time.monotonic() + float(sys.argv[2])
    while time.monotonic() < end:
        library.set_notes("wave", str(n))
        n += 1
    print(n)
"""


def test_two_processes_that_write_in_a_tight_loop_get_equal_shares(location: str) -> None:
    with TemplateLibrary.open(location) as library:
        library.add(make_template("wave"))
    with running(LOOP, location, 3) as first, running(LOOP, location, 3) as second:
        for process in (first, second):
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        counts = sorted(int(process.communicate("go\n")[0]) for process in (first, second))
    assert counts[0] > 0.5 * counts[1], counts
