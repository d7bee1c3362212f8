"""Libraries that are missing, foreign, old, new, locked, read-only, damaged or full."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import actionpose.library.database
import actionpose.library.postgresql
import actionpose.library.sqlite
from actionpose.errors import FallbackWarning, LibraryError, LibraryLockedError, LibraryVersionError
from actionpose.library import TemplateLibrary, default_location, rows
from tests.library.conftest import assert_same, execute, make_template


class TestDefaultLocation:
    """Where the library is when nobody says."""

    @pytest.fixture(autouse=True)
    def in_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("ACTIONPOSE_LIBRARY", raising=False)
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))

    def test_the_environment_comes_first(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        Path("templates").mkdir()
        monkeypatch.setenv("ACTIONPOSE_LIBRARY", str(tmp_path / "mine.sqlite"))
        with TemplateLibrary.open() as library:
            assert library.location == str(tmp_path / "mine.sqlite")

    def test_then_the_project(self, monkeypatch: pytest.MonkeyPatch) -> None:
        Path("templates").mkdir()
        monkeypatch.setenv("ACTIONPOSE_LIBRARY", "")
        assert Path(default_location()) == Path("templates/library.sqlite")

    def test_then_the_users_data(self) -> None:
        location = Path(default_location())
        assert location.name == "library.sqlite"
        assert location.parent.name == "actionpose"
        assert location.is_absolute()


def test_opening_makes_the_folder_and_closing_leaves_one_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "50% of my #templates?.sqlite"
    with TemplateLibrary.open(str(path)) as library:
        library.add(make_template())
        assert library.location == str(path)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    for location in (path, f"sqlite:///{tmp_path}/other.sqlite"):
        with TemplateLibrary.open(location) as library:
            assert len(library.templates()) == (location == path)
    with TemplateLibrary.open(path, read_only=True) as library:
        assert library.labels() == ["wave"]


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_only_the_user_may_read_a_new_library_and_an_old_one_stays_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with TemplateLibrary.open(folder / "library.sqlite") as library:
        library.add(make_template())
        modes = {path.name: oct(path.stat().st_mode & 0o777) for path in (folder, *folder.iterdir())}
    private = {f"library.sqlite{suffix}": "0o600" for suffix in ("", "-wal", "-shm")}
    assert modes == {"new": "0o700", **private}
    (folder / "library.sqlite").chmod(0o664)
    with TemplateLibrary.open(folder / "library.sqlite") as library:
        library.remove("wave")
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o664}


@pytest.mark.parametrize("location", ["sqlite"], indirect=True)
def test_the_file_is_set_up_for_safety(library: TemplateLibrary) -> None:
    with library._database.engine.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


def test_migrations_make_the_tables_that_the_code_expects(library: TemplateLibrary) -> None:
    folder = Path(actionpose.library.database.__file__).parent / "migrations"
    assert ScriptDirectory(str(folder)).get_heads() == [rows.SCHEMA_VERSION]
    with library._database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": rows.VERSION_TABLE})
        assert compare_metadata(context, rows.metadata) == []


def test_an_older_library_keeps_what_it_holds_and_can_undo_from_now_on(location: str) -> None:
    with TemplateLibrary.open(location) as library:
        library.add(make_template("wave"))
    execute(location, "DROP TABLE changes")
    execute(location, "UPDATE actionpose_version SET version_num = '0001'")
    with TemplateLibrary.open(location) as library:
        assert library.labels() == ["wave"]
        assert library.undo() == ""
        library.rename("wave", "greet")
        assert library.undo() == "renamed wave to greet"


NEXT_REVISION = """
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{head}"


def upgrade():
    with op.batch_alter_table("actions") as actions:  # on SQLite a new table in the place of the old one
        actions.add_column(sa.Column("colour", sa.String(20), nullable=False, server_default="red"))
        actions.alter_column("notes", new_column_name="remarks")
"""


def test_a_revision_of_the_tables_keeps_all_data_and_older_programs_say_so(
    location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next revision, whatever it may be, changes a table that others refer to, with data before and after it."""
    before = [make_template("wave", 0), make_template("wave", 1), make_template("clap", 2)]
    with TemplateLibrary.open(location) as library:
        library.add_all(before)
        library.set_notes("wave", "right hand")
        library.remove("clap")
    with monkeypatch.context() as of_next:
        folder = tmp_path / "migrations"
        shutil.copytree(actionpose.library.database.MIGRATIONS, folder)
        (folder / "versions" / "v9999_next.py").write_text(NEXT_REVISION.format(head=rows.SCHEMA_VERSION))
        of_next.setattr(actionpose.library.database, "MIGRATIONS", folder)
        of_next.setattr(rows, "SCHEMA_VERSION", "9999")
        with pytest.raises(LibraryError, match="older version, and it was opened for reading only"):
            TemplateLibrary.open(location, read_only=True)
        for _ in range(2):
            with TemplateLibrary.open(location) as library:
                for template in before[:2]:
                    assert_same(library.get(template.id), template)
                assert len(library.removed()) == 1
    execute(location, "UPDATE actions SET colour = 'blue' WHERE label = 'wave' AND remarks = 'right hand'")
    with pytest.raises(LibraryVersionError, match=r"version is 9999, this one reads up to"):
        TemplateLibrary.open(location)
    execute(location, "ALTER TABLE actions RENAME COLUMN remarks TO notes")
    execute(location, "UPDATE actionpose_version SET version_num = :version", version=rows.SCHEMA_VERSION)
    with TemplateLibrary.open(location) as library:  # with what the newer program wrote
        assert [(a.label, a.notes, a.n_templates) for a in library.actions()] == [("wave", "right hand", 2)]
        assert [template.label for template in library.restore()] == ["clap"]
        library.add(make_template("clap", 3))


def test_a_newer_library(location: str) -> None:
    TemplateLibrary.open(location).close()
    execute(location, "UPDATE actionpose_version SET version_num = '0999'")
    for read_only in (False, True):
        with pytest.raises(LibraryVersionError, match=r"newer actionpose.*0999.*Update"):
            TemplateLibrary.open(location, read_only=read_only)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"just a text file, no database at all\n" * 100, "is not a database"),
        (b"SQLite format 3\0" + b"\xff" * 4000, "is (not a database|damaged)"),
    ],
)
def test_a_file_that_is_no_database_is_left_alone(path: Path, content: bytes, message: str) -> None:
    path.write_bytes(content)
    with pytest.raises(LibraryError, match=rf"library\.sqlite {message}"):
        TemplateLibrary.open(path)
    assert path.read_bytes() == content


def test_a_library_whose_schema_is_damaged_is_called_so(path: Path) -> None:
    """SQLite quotes what it did not understand, and then its message is no text in any encoding."""
    TemplateLibrary.open(path).close()
    content = path.read_bytes()
    path.write_bytes(content.replace(b" NOT NULL", b" \xc8OT NULL"))
    assert path.read_bytes() != content
    with pytest.raises(LibraryError, match=r"library\.sqlite is damaged\..*Restore a copy"):
        TemplateLibrary.open(path)


def test_a_database_of_something_else_is_left_alone(location: str) -> None:
    execute(location, "CREATE TABLE songs (title TEXT)")
    with pytest.raises(LibraryError, match="database of something else"):
        TemplateLibrary.open(location)
    execute(location, "DROP TABLE songs")
    with pytest.raises(LibraryError, match="empty or of an older version"):
        TemplateLibrary.open(location, read_only=True)


def test_an_empty_file_becomes_a_library(path: Path) -> None:
    path.touch()
    with pytest.raises(LibraryError, match=r"empty or of an older version.*Open it once for writing"):
        TemplateLibrary.open(path, read_only=True)
    with TemplateLibrary.open(path) as library:
        assert library.templates() == []


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("postgresql+nosuchdriver://me:secret@host/db", "not a database URL"),
        ("nosuch://host", "not a database URL"),
        ("://", "not a database URL"),
        (".", "is a folder"),
    ],
)
def test_an_address_that_leads_nowhere(location: str, message: str) -> None:
    with pytest.raises(LibraryError, match=message) as caught:
        TemplateLibrary.open(location)
    assert "secret" not in str(caught.value)


def test_a_driver_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(LibraryError, match=r"driver 'psycopg' is not installed.*pip install 'actionpose\[postgres\]'"):
        TemplateLibrary.open("postgresql+psycopg://me:secret@host/db")


def test_reading_only_needs_a_library(path: Path) -> None:
    with pytest.raises(LibraryError, match="There is no library at"):
        TemplateLibrary.open(path, read_only=True)
    assert not path.exists()


def test_a_locked_library_can_be_read_and_says_so_when_written(location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (actionpose.library.sqlite, actionpose.library.postgresql):
        monkeypatch.setattr(module, "LOCK_TIMEOUT_S", 0.1)
    with TemplateLibrary.open(location) as library, TemplateLibrary.open(location) as other:
        with other.transaction():
            with pytest.raises(LibraryLockedError, match=r"another process.*Close the other program"):
                library.add(make_template())
            with pytest.raises(LibraryLockedError, match="another process"):
                library.validate_writable()
            assert library.templates() == []
        library.add(make_template())
        assert library.labels() == ["wave"]


def test_read_only_changes_nothing(location: str) -> None:
    with TemplateLibrary.open(location) as library:
        library.add(make_template())
    with TemplateLibrary.open(location, read_only=True) as library:
        for change in changes(library):
            with pytest.raises(LibraryLockedError, match=r"opened read-only\. Open it for writing"):
                change()
        assert library.labels() == ["wave"]
        assert library.revision == 1


def changes(library: TemplateLibrary) -> list[Callable[[], object]]:
    return [
        lambda: library.add(make_template("clap")),
        lambda: library.remove("wave"),
        library.purge,
        library.validate_writable,
    ]


def test_a_library_is_found_writable_and_stays_as_it_is(library: TemplateLibrary) -> None:
    library.validate_writable()
    assert library.revision == 0
    assert library.undo() == ""


@contextlib.contextmanager
def as_ordinary_user() -> Iterator[None]:
    """Let permissions count, also where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
@pytest.mark.parametrize(("folder_mode", "file_mode"), [(0o555, 0o444), (0o555, 0o666), (0o777, 0o444)])
@pytest.mark.parametrize("is_open_elsewhere", [False, True])
def test_a_library_that_may_only_be_read(folder_mode: int, file_mode: int, is_open_elsewhere: bool) -> None:
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        path = folder / "library.sqlite"
        TemplateLibrary.open(path).close()
        path.chmod(0o644)  # shared with others before it is used
        elsewhere = TemplateLibrary.open(path)
        elsewhere.add(make_template())
        if is_open_elsewhere:
            stack.enter_context(elsewhere)
        else:
            elsewhere.close()
        path.chmod(file_mode)
        folder.chmod(folder_mode)
        stack.callback(folder.chmod, 0o700)
        with as_ordinary_user(), TemplateLibrary.open(path) as library:
            assert library.labels() == ["wave"]
            assert library.revision == 1
            for change in changes(library):
                with pytest.raises(
                    LibraryLockedError, match=r"file or its folder is read-only, .*\. Change the permissions"
                ):
                    change()


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_a_place_where_nothing_can_be_made() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        with as_ordinary_user():
            with pytest.raises(LibraryError, match=r"cannot be opened.*permissions"):
                TemplateLibrary.open(folder / "library.sqlite")
            with pytest.raises(LibraryError, match=r"Cannot create the folder .*--library"):
                TemplateLibrary.open(folder / "new" / "library.sqlite")
        folder.chmod(0o700)


def test_a_full_disk_loses_nothing(path: Path) -> None:
    with TemplateLibrary.open(path) as library:
        library.add(make_template("wave", id="a"))
        with library._database.engine.connect() as connection:
            n_pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {n_pages}")
        with pytest.raises(LibraryError, match=r"disk is full.*Free some space"):
            library.add_all(make_template("clap", seed=i) for i in range(20))
        assert library.labels() == ["wave"]
        assert library.revision == 1
    with TemplateLibrary.open(path) as library:
        library.add(make_template("clap"))
        assert library.labels() == ["clap", "wave"]


def test_damaged_arrays_are_reported(location: str, library: TemplateLibrary) -> None:
    library.add(make_template())
    for content in (b"", b"\x93NUMPY\x01\x00", b"no array" * 100):
        execute(location, "UPDATE sequences SET position = :content", content=content)
        with pytest.warns(FallbackWarning, match="arrays cannot be read"):
            assert library.templates() == []
