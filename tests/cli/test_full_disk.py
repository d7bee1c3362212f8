"""A disk that is full: one line says so, no half of a file is left, and what was found is shown."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.full_disk import NEEDS_LIMITS, mounted_without_room, run_without_room

pytestmark = [NEEDS_LIMITS, pytest.mark.usefixtures("taught")]


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted_without_room(tmp_path / "full") as folder:
        yield folder


def test_events_that_no_file_can_take_are_printed(run: Run, exam: Path, full_disk: Path) -> None:
    (full_disk / "events.csv").touch()
    result = run("recognize", exam, "-o", full_disk / "events.csv", code=1)
    assert [line.split()[2] for line in result.stdout.splitlines()] == ["action", "clap", "wave", "squat"]
    assert result.stderr.splitlines()[-2:] == [
        f"error: Cannot write {full_disk / 'events.csv'}: No space left on device.",
        _HINT,
    ]
    assert sorted(path.name for path in full_disk.iterdir()) == ["ballast", "events.csv"]


def test_a_video_that_cannot_be_written_costs_no_event(exam: Path, tmp_path: Path) -> None:
    before = _files(tmp_path)
    done = run_without_room("recognize", exam, "--annotate", "out.mp4", room_bytes=_FOR_LIBRARY, cwd=tmp_path)
    assert [line.split()[2] for line in done.stdout.splitlines()] == ["action", "clap", "wave", "squat"]
    assert _last_lines(done) == ["error: Cannot write out.mp4: File too large.", _HINT]
    assert done.returncode == 1
    assert _files(tmp_path) == before


_FOR_LIBRARY = 33_000  # bytes of what SQLite shares between processes
_HINT = "hint: Free some space, or choose another place."


def _last_lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    return done.stderr.splitlines()[-2:]


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if not path.name.endswith(("-wal", "-shm"))}


def test_a_recording_that_cannot_be_kept_ends_live_with_its_error(drill: Path, tmp_path: Path) -> None:
    done = run_without_room("live", drill, "--record", "session.jsonl.gz", room_bytes=_FOR_LIBRARY, cwd=tmp_path)
    assert done.stdout.count('"label"') == 2
    error, _ = _last_lines(done)
    assert error.startswith("error: Cannot write on to session.jsonl.gz: File too large; it keeps the ")
    assert done.returncode == 1


def test_a_recording_without_its_first_line_is_none(run: Run, drill: Path, full_disk: Path) -> None:
    recording = full_disk / "session.jsonl.gz"
    result = run("live", drill, "--record", recording, code=1)
    assert result.stdout.count('"label"') == 2
    assert f"error: Cannot write {recording}: No space left on device." in result.stderr.splitlines()
    assert [path.name for path in full_disk.iterdir()] == ["ballast"]


def test_a_file_of_live_that_lacks_events_fails_in_the_end(run: Run, drill: Path, full_disk: Path) -> None:
    result = run("live", drill, "--to", full_disk / "events.jsonl", code=1)
    assert result.stdout.count('"label"') == 2
    error, hint = result.stderr.splitlines()[-2:]
    assert error.startswith(f"error: {full_disk / 'events.jsonl'} lacks 2 of the events: No space left on device")
    assert hint == "hint: They were printed, too."
    assert (full_disk / "events.jsonl").read_bytes() == b""


def test_exports_and_pictures_say_which_file_has_no_room(run: Run, full_disk: Path) -> None:
    result = run("templates", "export", full_disk, code=1)
    assert f"error: Cannot write {full_disk}/clap-" in result.stderr
    assert [path.name for path in full_disk.iterdir()] == ["ballast"]


def test_a_library_without_room_is_told(run: Run, exam: Path, full_disk: Path) -> None:
    result = run("add", "clap", exam, "--library", full_disk / "library.sqlite", code=1)
    assert "library.sqlite cannot grow: the disk is full." in result.stderr


def test_a_library_on_a_full_disk_can_be_read(run: Run, exam: Path, taught: Path, tmp_path: Path) -> None:
    with mounted_without_room(tmp_path / "full", holding=taught) as full_disk:
        library = full_disk / taught.name
        assert run("recognize", exam, "--library", library).stdout == run("recognize", exam).stdout
        assert "the disk is full." in run("templates", "disable", "wave", "--library", library, code=1).stderr
        assert sorted(path.name for path in full_disk.iterdir()) == ["ballast", taught.name]
        (full_disk / "ballast").unlink()
        run("templates", "disable", "wave", "--library", library)
