"""A video analysed: table, paths, and the video with keypoints drawn in."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from actionpose.charts import save_figure
from actionpose.errors import InvalidDataError, RecordingError
from actionpose.pose import Frame, Pose
from actionpose.sources import SourceInfo, open_source
from actionpose.sources.puppet import PuppetSource
from actionpose.training.trajectories import draw_trajectories, find_trajectories, save_trajectories
from tests.training.puppets import DOTS


class Walker:
    """Sees two dots that walk, and every fourth time nothing."""

    name, skeleton = "walker", DOTS

    def estimate(self, frame: Frame) -> list[Pose]:
        if frame.index % 4 == 3:
            return []
        position = np.array([[frame.index, 10.0], [20.0, 2.0 * frame.index]])
        return [Pose(skeleton=DOTS, time=frame.time, position=position, image_position=position)]

    def reset(self) -> None:
        pass


def test_what_is_found_is_written(tmp_path: Path) -> None:
    with PuppetSource("wave", rate_hz=6, size=(160, 120)) as source:
        calls: list[int] = []
        found = find_trajectories(
            source, Walker(), video=tmp_path / "v.mp4", on_frame=lambda: calls.append(1),  # type: ignore[arg-type]
            should_stop=lambda: len(calls) == 8,
        )  # fmt: skip
    assert len(found) == len(calls) == 8
    assert np.isnan(found.position[3]).all()
    np.testing.assert_array_equal(found.position[4], [[4, 10], [20, 8]])
    save_trajectories(found, tmp_path / "t.csv")
    rows = list(csv.DictReader((tmp_path / "t.csv").read_text().splitlines()))
    assert [row["bright_x"] for row in rows] == ["0.00", "1.00", "2.00", "", "4.00", "5.00", "6.00", ""]
    assert rows[3]["dark_confidence"] == "0"
    assert float(rows[6]["time_s"]) == pytest.approx(1.0, abs=1e-3)
    with open_source(tmp_path / "v.mp4") as video:
        assert video.info.size == (160, 120)
        assert len(list(iter(video.read, None))) == 8
    for size in ((160, 120), None):
        for path in save_figure(draw_trajectories(found, size=size), tmp_path / "paths"):
            assert path.stat().st_size > 1000


def test_a_video_that_cannot_be_written_does_not_lose_what_was_found(tmp_path: Path) -> None:
    problems: list[RecordingError] = []
    if not Path("/dev/full").exists():
        pytest.skip("there is no device that is always full")
    (tmp_path / "v.mkv").symlink_to("/dev/full")
    with PuppetSource("wave", rate_hz=6, size=(160, 120)) as source:
        found = find_trajectories(source, Walker(), video=tmp_path / "v.mkv", on_video_error=problems.append)  # type: ignore[arg-type]
    assert len(found) == source.info.n_frames
    assert [error.message for error in problems] == [f"Cannot write {tmp_path / 'v.mkv'}: No space left on device."]


def test_a_source_without_pictures_is_told() -> None:
    class Silent:
        info = SourceInfo(name="talk.jsonl", is_live=False)
        frames = iter([Frame(index=0, time=0.0, image=None)])

        def read(self) -> Frame | None:
            return next(self.frames, None)

    with pytest.raises(InvalidDataError, match=r"talk\.jsonl has no pictures"):
        find_trajectories(Silent(), Walker())  # type: ignore[arg-type]
