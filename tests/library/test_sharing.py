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
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def test_two_processes_create_and_write_at_once_and_nothing_is_lost(path: Path) -> None:
    with running(ADD, path, "first", 100) as first, running(ADD, path, "second", 100) as second:
        written = first.communicate()[0].split() + second.communicate()[0].split()
        assert (first.returncode, second.returncode) == (0, 0)
    with TemplateLibrary.open(path) as library:
        assert len(written) == 200
        assert {template.id for template in library.templates()} == set(written)
        assert library.revision == 200


def test_a_reader_sees_what_another_process_writes(path: Path) -> None:
    with TemplateLibrary.open(path) as library, running(ADD, path, "wave", 30) as writer:
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


def test_a_current_library_opens_without_alembic_and_the_package_imports_without_a_database(path: Path) -> None:
    TemplateLibrary.open(path).close()
    script = """
import sys
import actionpose, actionpose.library
actionpose.library.default_location()
assert not {"sqlalchemy", "alembic", "numpy", "msgspec"} & set(sys.modules)
actionpose.library.TemplateLibrary.open(sys.argv[1]).close()
assert "sqlalchemy" in sys.modules
assert not {"alembic", "sqlalchemy.orm"} & set(sys.modules)
"""
    with running(script, path) as process:
        assert process.wait(timeout=60) == 0
