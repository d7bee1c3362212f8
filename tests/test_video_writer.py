from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from actionpose.errors import RecordingError
from actionpose.video_writer import VideoWriter
from tests.full_disk import NEEDS_LIMITS, run_without_room

Image = npt.NDArray[np.uint8]


def gray(height: int, width: int) -> Image:
    return np.full((height, width, 3), 90, dtype=np.uint8)


def read_video(path: Path) -> tuple[list[float], list[Image]]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return [float(frame.time or 0) for frame in frames], [
        np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in frames
    ]


def write_video(path: Path, times: list[float], *, size: tuple[int, int] = (64, 48)) -> None:
    with VideoWriter(path, rate_hz=30, size=size) as writer:
        for i, time in enumerate(times):
            writer.write(np.full((size[1], size[0], 3), 20 * i, dtype=np.uint8), time)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_pictures_are_shown_at_their_times(tmp_path: Path, suffix: str) -> None:
    times = [5.0, 5.1, 5.15, 5.6, 5.6 + 1 / 30]
    write_video(tmp_path / f"a{suffix}", times)
    read_times, images = read_video(tmp_path / f"a{suffix}")
    assert read_times == pytest.approx([time - 5.0 for time in times], abs=1e-3)
    assert [round(float(image.mean()), -1) for image in images] == [0, 20, 40, 60, 80]
    assert [path.name for path in tmp_path.iterdir()] == [f"a{suffix}"]


@pytest.mark.parametrize("size", [(1, 1), (63, 47), (640, 3)])
def test_odd_sizes_grow_by_a_pixel(tmp_path: Path, size: tuple[int, int]) -> None:
    write_video(tmp_path / "a.mp4", [0.0, 0.1], size=size)
    _, images = read_video(tmp_path / "a.mp4")
    assert images[0].shape == (size[1] + size[1] % 2, size[0] + size[0] % 2, 3)


def test_pictures_of_another_size_are_scaled(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", rate_hz=30, size=(64, 48)) as writer:
        writer.write(gray(100, 100), 0.0)
    assert read_video(tmp_path / "a.mp4")[1][0].shape == (48, 64, 3)


def test_mpeg4_where_there_is_no_h264(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(av, "codecs_available", {"mpeg4"})
    write_video(tmp_path / "a.mp4", [0.0, 0.1, 0.3])
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"
    assert read_video(tmp_path / "a.mp4")[0] == pytest.approx([0.0, 0.1, 0.3], abs=1e-3)


def test_an_interrupted_video_is_playable(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"

    def record() -> None:
        with VideoWriter(path, rate_hz=30, size=(64, 48)) as writer:
            writer.write(gray(48, 64), 0.0)
            writer.write(gray(48, 64), 0.1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record()
    assert len(read_video(path)[0]) == 2


def test_the_old_video_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")
    writer = VideoWriter(path, rate_hz=30, size=(64, 48))
    writer.write(gray(48, 64), 0.0)
    assert path.read_bytes() == b"old"
    writer.close()
    writer.close()
    assert len(read_video(path)[0]) == 1


def test_without_a_picture_there_is_no_file(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", rate_hz=30, size=(64, 48)):
        pass
    assert list(tmp_path.iterdir()) == []


def test_videos_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"Expected a name ending in \.mp4"):
        VideoWriter(tmp_path / "a.txt", rate_hz=30, size=(64, 48))
    with pytest.raises(RecordingError, match="No such file"):
        VideoWriter(tmp_path / "none" / "a.mp4", rate_hz=30, size=(64, 48))


@pytest.mark.skipif(sys.platform == "win32", reason="no file size limit to stand in for a full disk")
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    script = f"""
import resource, signal
import numpy as np
from actionpose.errors import RecordingError
from actionpose.video_writer import VideoWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
random = np.random.default_rng(0)
try:
    with VideoWriter({str(tmp_path / "a.mp4")!r}, rate_hz=30, size=(320, 240)) as writer:
        for i in range(60):
            writer.write(random.integers(0, 255, (240, 320, 3), dtype=np.uint8), i / 30)
except RecordingError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert "Free some space" in result.stdout
    assert list(tmp_path.iterdir()) == []


@NEEDS_LIMITS
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize(("room_bytes", "n_pictures"), [(0, 1), (0, 60), (3000, 200)])
def test_a_full_disk_is_told_and_nothing_is_left(tmp_path: Path, suffix: str, room_bytes: int, n_pictures: int) -> None:
    done = run_without_room(tmp_path / f"a.{suffix}", n_pictures, room_bytes=room_bytes, program=_WRITE_NOISE)
    assert done.stdout == f"Cannot write {tmp_path / f'a.{suffix}'}: File too large.\n", done.stderr
    assert done.returncode == 0
    assert not list(tmp_path.iterdir())


_WRITE_NOISE = """
import sys
import numpy as np
from actionpose.errors import RecordingError
from actionpose.video_writer import VideoWriter

noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
try:
    with VideoWriter(sys.argv[1], rate_hz=30, size=(64, 64)) as writer:
        for i in range(int(sys.argv[2])):
            writer.write(np.roll(noise, i * 7, axis=0), i / 30)
except RecordingError as error:
    print(error.message)
"""


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_hole_of_years_is_shortened_to_what_a_video_can_hold(tmp_path: Path, suffix: str) -> None:
    write_video(tmp_path / f"a{suffix}", [0.0, 0.1, 1e9, 1e9 + 0.1])
    read_times, _ = read_video(tmp_path / f"a{suffix}")
    assert read_times == pytest.approx([0.0, 0.1, 3600.1, 3600.2], abs=2e-3)
