from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from actionpose.errors import ActionposeError, RecordingError
from actionpose.private import make_private_folder
from actionpose.whole_file import WholeFile, remove_abandoned, save_whole

posix = pytest.mark.skipif(os.name != "posix", reason="permissions and locks are those of POSIX")


@pytest.fixture
def umask_022() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_a_file_appears_whole_and_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_bytes(b"old")
    with WholeFile(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert _names(tmp_path) == ["events.csv"]


def test_what_fails_or_is_interrupted_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), WholeFile(path) as file:
        _fail_after(file, KeyboardInterrupt())
    WholeFile(path).discard()
    assert path.read_bytes() == b"old"
    assert _names(tmp_path) == ["events.csv"]


def test_no_space_is_told_with_the_name_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    with pytest.raises(RecordingError) as caught, WholeFile(path, error=RecordingError) as file:
        _fail_after(file, OSError(28, "No space left on device"))
    assert caught.value.message == f"Cannot write {path}: No space left on device."
    assert "Free some space" in caught.value.hint
    assert _names(tmp_path) == []


def test_a_missing_folder_and_a_folder_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ActionposeError, match="No such file or directory") as caught:
        WholeFile(tmp_path / "none" / "events.csv")
    assert "Make the folder" in caught.value.hint
    with pytest.raises(ActionposeError, match="directory"):
        WholeFile(tmp_path)


def test_the_longest_names_can_be_written(tmp_path: Path) -> None:
    save_whole(tmp_path / ("x" * 251 + ".csv"), b"here")
    assert (tmp_path / ("x" * 251 + ".csv")).read_bytes() == b"here"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there are no such devices")
def test_links_stay_links_and_devices_stay_devices(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_bytes(b"old")
    (tmp_path / "link.csv").symlink_to("real.csv")
    save_whole(tmp_path / "link.csv", b"new")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_bytes() == b"new"
    (tmp_path / "null").symlink_to("/dev/null")
    save_whole(tmp_path / "null", b"nothing")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    with pytest.raises(ActionposeError, match="No space left"):
        save_whole("/dev/full", b"nothing")


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _fail_after(file: BinaryIO, error: BaseException) -> None:
    file.write(b"half")
    raise error


@posix
@pytest.mark.usefixtures("umask_022")
def test_who_may_read_it_stays_as_it_was_and_is_chosen_for_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for is_private, expected in ((False, 0o644), (True, 0o600)):
        path.unlink(missing_ok=True)
        save_whole(path, b"", is_private=is_private)
        assert stat.S_IMODE(path.stat().st_mode) == expected
    for kept in (0o640, 0o444):
        path.chmod(kept)
        save_whole(path, b"new", is_private=True)
        assert stat.S_IMODE(path.stat().st_mode) == kept


KILLED = """
import os, signal, sys
from actionpose.whole_file import WholeFile
with WholeFile(sys.argv[1]) as file:
    file.write(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@posix
def test_what_a_killed_process_left_is_removed_and_what_is_being_written_is_not(tmp_path: Path) -> None:
    other = WholeFile(tmp_path / "other.csv")
    (tmp_path / "download.part").touch()  # somebody else's
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "killed.csv")], check=False, timeout=60)
    assert len(_names(tmp_path)) == 3
    remove_abandoned.cache_clear()  # as in a new process
    save_whole(tmp_path / "new.csv", b"")
    assert _names(tmp_path) == sorted([other.part.name, "new.csv", "download.part"])
    other.finish()
    assert _names(tmp_path) == ["download.part", "new.csv", "other.csv"]


@posix
@pytest.mark.usefixtures("umask_022")
def test_folders_that_are_made_are_private_and_others_left_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    make_private_folder(tmp_path / "old" / "new" / "newer")
    make_private_folder(tmp_path / "old")
    modes = [stat.S_IMODE((tmp_path / folder).stat().st_mode) for folder in ("old", "old/new", "old/new/newer")]
    assert modes == [0o755, 0o700, 0o700]
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        make_private_folder(tmp_path / "file")
