"""What every source promises."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from actionpose.pose import Frame
from actionpose.sources.base import Source
from actionpose.sources.camera import CameraSource
from actionpose.sources.images import ImageFolderSource
from actionpose.sources.puppet import PuppetSource
from actionpose.sources.replay import ReplaySource
from actionpose.sources.rotated import RotatedSource
from actionpose.sources.stream import StreamSource
from actionpose.sources.video import VideoSource
from tests.sources.mjpeg_server import MjpegServer
from tests.sources.test_camera import FakeCapture
from tests.sources.test_images import write_image
from tests.sources.videos import write_video
from tests.test_recording import write


def open_video(folder: Path) -> Source:
    return VideoSource(write_video(folder / "a.mp4", n_frames=12))


def open_variable_video(folder: Path) -> Source:
    return VideoSource(write_video(folder / "a.mkv", times=[0.0, 0.1, 0.11, 0.5, 0.7, 2.0]))


def open_images(folder: Path) -> Source:
    for i in range(12):
        write_image(folder / f"{i}.png")
    return ImageFolderSource(folder, rate_hz=30)


def open_replay(folder: Path) -> Source:
    return ReplaySource(write(folder / "r.jsonl", n_frames=12))


def open_puppet(_: Path) -> Source:
    return PuppetSource("wave", size=(120, 160))


def open_camera(_: Path) -> Source:
    return CameraSource(0, open_capture=lambda _: FakeCapture())


def open_rotated(folder: Path) -> Source:
    return RotatedSource(open_video(folder), 90)


OPENERS = [open_video, open_variable_video, open_images, open_replay, open_puppet, open_camera, open_rotated]


@pytest.fixture(params=[*OPENERS, None], ids=lambda opener: opener.__name__[5:] if opener else "stream")
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Source]:
    opener: Callable[[Path], Source] | None = request.param
    if opener is not None:
        with opener(tmp_path) as opened:
            yield opened
        return
    with MjpegServer() as server, StreamSource(server.url) as opened:
        yield opened


def read(source: Source, n_frames: int = 10) -> list[Frame]:
    frames = []
    while len(frames) < n_frames and (frame := source.read()) is not None:
        frames.append(frame)
    return frames


def test_it_is_a_source(source: Source) -> None:
    assert isinstance(source, Source)
    assert source.status == "running"
    assert source.notes == ()
    assert source.info.name
    assert source.info.rate_hz is None or source.info.rate_hz > 0


def test_frames_are_in_order(source: Source) -> None:
    frames = read(source)
    assert len(frames) >= 4
    times = [frame.time for frame in frames]
    indices = [frame.index for frame in frames]
    assert all(isinstance(time, float) and np.isfinite(time) for time in times)
    assert sorted(set(times)) == times
    assert sorted(set(indices)) == indices
    if not source.info.is_live:
        assert (indices[0], times[0]) == (0, 0.0)
        assert np.diff(indices).tolist() == [1] * (len(frames) - 1)


def test_pictures_are_rgb_of_the_promised_size(source: Source) -> None:
    for frame in read(source, 3):
        if frame.image is None:
            assert frame.poses is not None
            continue
        width, height = source.info.size or (0, 0)
        assert frame.image.shape == (height, width, 3)
        assert frame.image.dtype == np.uint8
        assert frame.image.flags.c_contiguous


def test_frames_are_not_overwritten_by_later_ones(source: Source) -> None:
    first = source.read()
    assert first is not None
    if first.image is not None:
        before = first.image.copy()
        read(source, 3)
        np.testing.assert_array_equal(first.image, before)


def test_files_end(source: Source) -> None:
    if not source.info.is_live:
        n_frames = len(read(source, 10_000))
        assert source.info.n_frames in (None, n_frames) or source.info.name == "a.mkv", "an estimate for some files"
        assert source.status == "ended"
        assert source.read() is None
        assert source.notes == ()


def test_closed_is_closed(source: Source) -> None:
    source.read()
    source.close()
    source.close()
    assert source.status == "ended"
    assert source.read() is None


def test_leaving_the_context_closes(source: Source) -> None:
    with source as entered:
        assert entered is source
    assert source.status == "ended"


def test_close_from_another_thread_ends_the_reading(source: Source) -> None:
    read_on = threading.Thread(target=read, args=(source, 10**9))
    read_on.start()
    source.close()
    read_on.join(timeout=2.0)
    assert not read_on.is_alive()
    assert source.status == "ended"
