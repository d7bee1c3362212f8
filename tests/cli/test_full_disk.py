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
