"""Recordings, played again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from actionpose.errors import SourceError
from actionpose.recording import RecordingWriter
from actionpose.skeleton import UPPER_BODY_6
from actionpose.sources.replay import ReplaySource
from tests.test_recording import make_pose, write


def test_frames_hold_poses_and_no_picture(tmp_path: Path) -> None:
    with ReplaySource(write(tmp_path / "r.jsonl.gz")) as source:
        frame = source.read()
        assert source.skeleton.name == "upper_body_6"
        assert source.info.size == (64, 48)
    assert frame is not None
    assert frame.image is None
    assert frame.poses is not None
    np.testing.assert_array_equal(frame.poses[0].position, make_pose(0.0).position)


def test_a_cut_off_recording_is_played_and_told(tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl")
    path.write_bytes(path.read_bytes()[:-10])
    with ReplaySource(path) as source:
        n_frames = sum(1 for _ in iter(source.read, None))
        assert "cut off" in source.notes[0]
    assert n_frames == 4


def test_a_bad_line_ends_it_and_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:3], "hello", *lines[3:]]))
    with ReplaySource(path) as source:
        assert sum(1 for _ in iter(source.read, None)) == 2
        assert "line 4" in source.notes[0]
        assert source.status == "ended"


def test_no_recording(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text("hello\n")
    with pytest.raises(SourceError, match="not a recording"):
        ReplaySource(tmp_path / "r.jsonl")


def test_frame_numbers_for_seconds_are_put_right_by_a_rate(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "r.jsonl", skeleton=UPPER_BODY_6, estimator="none", source="test") as writer:
        for i in (0, 1, 2, 5):
            writer.append(i, float(i), [make_pose(float(i))])
    with ReplaySource(tmp_path / "r.jsonl", rate_hz=10) as source:
        frames = list(iter(source.read, None))
        assert source.info.rate_hz == 10
    assert [frame.time for frame in frames] == [0.0, 0.1, 0.2, 0.5], "frames that were dropped keep their instant"
    assert [pose.time for frame in frames for pose in frame.poses or ()] == [0.0, 0.1, 0.2, 0.5]
