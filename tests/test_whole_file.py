from __future__ import annotations

import stat
import sys
from pathlib import Path
from typing import BinaryIO

import pytest

from actionpose.errors import ActionposeError, RecordingError
from actionpose.whole_file import WholeFile, save_whole


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
