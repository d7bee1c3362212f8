"""Video files: true times, the picture as a player shows it, and honest words about damage."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from actionpose.errors import SourceError
from actionpose.pose import Frame
from actionpose.sources.base import Source
from actionpose.sources.video import VideoSource
from tests.sources.videos import cut, rotate_mp4, write_video


def read_all(source: Source) -> list[Frame]:
    frames = []
    while (frame := source.read()) is not None:
        frames.append(frame)
    return frames


def is_red(pixel: np.ndarray) -> bool:
    return bool(pixel[0] > 150 and pixel[2] < 100)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.ts", "a.mov"])
def test_constant_rate(tmp_path: Path, name: str) -> None:
    codec = "mpeg4" if name == "a.avi" else "libx264"
    with VideoSource(write_video(tmp_path / name, codec=codec)) as source:
        frames = read_all(source)
    assert [frame.index for frame in frames] == list(range(30))
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(30) / 30, atol=1e-3)
    assert source.info.rate_hz == pytest.approx(30)
    assert source.info.size == (64, 48)
    assert source.info.n_frames == 30
    assert source.notes == ()
    image = frames[0].image
    assert image is not None
    assert is_red(image[20, 10])
    assert not is_red(image[20, 50])


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_variable_rate_and_a_late_start(tmp_path: Path, name: str) -> None:
    times = 3.0 + np.cumsum([0.0, 0.04, 0.1, 0.033, 0.5, 0.001, 1.2])
    with VideoSource(write_video(tmp_path / name, times=times, codec="mpeg4")) as source:
        np.testing.assert_allclose([frame.time for frame in read_all(source)], times - 3.0, atol=1e-9)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_mark_is_obeyed(tmp_path: Path, degrees: int) -> None:
    path = write_video(tmp_path / "a.mp4")
    rotate_mp4(path, degrees)
    with VideoSource(path) as source:
        frame = source.read()
    assert frame is not None
    assert frame.image is not None
    height, width = frame.image.shape[:2]
    assert source.info.size == (width, height) == ((64, 48) if degrees == 180 else (48, 64))
    assert frame.image.flags.c_contiguous
    # The red left half goes up, to the right, or down.
    x, y = {90: (width // 2, 5), 180: (width - 5, height // 2), 270: (width // 2, height - 5)}[degrees]
    assert is_red(frame.image[y, x])
    assert not is_red(frame.image[-1 - y, -1 - x])


def test_one_pixel(tmp_path: Path) -> None:
    with VideoSource(write_video(tmp_path / "a.mkv", codec="ffv1", size=(1, 1), n_frames=3)) as source:
        frames = read_all(source)
    assert [f.image.shape for f in frames if f.image is not None] == [(1, 1, 3)] * 3


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.avi", "mpeg4", {}),
        ("a.mkv", "libx264", {}),
        ("faststart.mp4", "libx264", {"movflags": "faststart"}),
        ("fragments.mp4", "libx264", {"movflags": "frag_keyframe+empty_moov"}),
    ],
)
def test_truncated_file_gives_what_is_there_and_says_so(
    tmp_path: Path, name: str, codec: str, options: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    path = cut(write_video(tmp_path / name, codec=codec, n_frames=60, noise=True, **options))
    with VideoSource(path) as source:
        frames = read_all(source)
        assert source.status == "ended"
        assert "ends early" in source.notes[0]
    assert 5 < len(frames) < 45
    assert (np.diff([frame.time for frame in frames]) > 0).all()
    assert capfd.readouterr().err == ""


def test_truncated_mp4_without_its_index_gets_advice(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = cut(write_video(tmp_path / "a.mp4", noise=True))
    with pytest.raises(SourceError, match="not a video") as caught:
        VideoSource(path)
    assert "index" in caught.value.hint
    assert capfd.readouterr().err == ""


def test_a_hole_in_the_middle_is_told(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", n_frames=60, noise=True)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4000] = bytes(4000)
    path.write_bytes(data)
    with VideoSource(path) as source:
        frames = read_all(source)
    assert 30 < len(frames) < 60
    assert frames[-1].time > 1.5, "what comes after the hole is read"
    assert any("damaged" in note for note in source.notes)


@pytest.mark.parametrize("seed", range(30))
def test_no_damage_crashes_it(tmp_path: Path, seed: int, capfd: pytest.CaptureFixture[str]) -> None:
    path = write_video(tmp_path / "a.mp4", n_frames=10)
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    for position in rng.integers(0, len(data), 20):
        data[position] = rng.integers(256)
    path.write_bytes(data)
    try:
        with VideoSource(path) as source:
            times = [frame.time for frame in read_all(source)]
            assert (np.diff(times) > 0).all()
    except SourceError:
        pass  # beyond reading, and says so
    assert capfd.readouterr().err == ""


def test_files_that_are_no_videos(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("This is not a video.\n" * 20)
    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    for name, message in [
        ("empty.mp4", "empty"),
        ("text.mp4", "not a video"),
        ("sound.wav", "no picture"),
        ("none.mp4", "no file"),
        (".", "folder"),
    ]:
        with pytest.raises(SourceError, match=message) as caught:
            VideoSource(tmp_path / name)
        assert caught.value.hint


def test_a_colon_or_percent_in_the_name_is_no_protocol(tmp_path: Path) -> None:
    with VideoSource(write_video(tmp_path / "b.mp4").rename(tmp_path / "12:30 50%d*.mp4")) as source:
        assert len(read_all(source)) == 30


@pytest.mark.realdata
def test_real_video_has_every_frame(data_dir: Path) -> None:
    with VideoSource(data_dir / "video/exercise.avi") as source:
        frames = read_all(source)
    assert len(frames) == 393
    assert source.notes == ()
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(393) / 10, atol=1e-9)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.ts"])
@pytest.mark.parametrize(
    ("aspect", "size"), [(Fraction(2), (128, 48)), (Fraction(1, 2), (64, 96)), (Fraction(8, 9), (64, 54))]
)
def test_pixels_are_made_square(tmp_path: Path, name: str, aspect: Fraction, size: tuple[int, int]) -> None:
    path = write_video(tmp_path / name, codec="mpeg4" if name == "a.avi" else "libx264", aspect=aspect)
    with VideoSource(path) as source:
        frames = read_all(source)
        assert source.info.size == size
    for frame in frames:
        assert frame.image is not None
        assert frame.image.shape == (size[1], size[0], 3)
        assert is_red(frame.image[size[1] // 2, size[0] // 4])
        assert not is_red(frame.image[size[1] // 2, size[0] * 3 // 4])


def test_they_are_square_before_the_picture_is_turned(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", aspect=Fraction(2), n_frames=2)
    rotate_mp4(path, 90)
    with VideoSource(path) as source:
        assert source.info.size == (48, 128)


def test_pixels_of_an_impossible_shape_are_taken_for_square(tmp_path: Path) -> None:
    with VideoSource(write_video(tmp_path / "a.mp4", aspect=Fraction(200), n_frames=2)) as source:
        assert source.info.size == (64, 48)


@pytest.mark.parametrize(
    ("form", "codec", "rate_hz"),
    [("h264", "libx264", 50.0), ("m4v", "mpeg4", 50.0), ("mpeg2video", "mpeg2video", 50.0), ("mjpeg", "mjpeg", 25.0)],
)
def test_the_rate_of_raw_video_is_what_its_coding_names_and_is_told(
    tmp_path: Path, form: str, codec: str, rate_hz: float
) -> None:
    path = write_video(tmp_path / f"raw.{form}", codec=codec, form=form, rate=50, n_frames=20)
    with VideoSource(path) as source:
        times = [frame.time for frame in read_all(source)]
        assert source.info.rate_hz == rate_hz
        assert [note for note in source.notes if f"so {rate_hz:g} a second are assumed" in note]
    np.testing.assert_allclose(times, np.arange(20) / rate_hz)
    with VideoSource(path, rate_hz=12.5) as source:
        times = [frame.time for frame in read_all(source)]
        assert source.info.rate_hz == 12.5
        assert source.notes == ()
    np.testing.assert_allclose(times, np.arange(20) / 12.5)


def test_a_single_raw_picture_has_no_rate_to_tell_of(tmp_path: Path) -> None:
    with VideoSource(write_video(tmp_path / "a.mjpeg", codec="mjpeg", form="mjpeg", n_frames=1)) as source:
        assert len(read_all(source)) == 1
        assert source.notes == ()


def test_a_rate_that_is_given_goes_before_the_times_of_the_file(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", times=np.arange(12.0), codec="mpeg4")
    with VideoSource(path, rate_hz=10) as source:
        np.testing.assert_allclose([frame.time for frame in read_all(source)], np.arange(12) / 10)
        assert source.notes == ()
    with pytest.raises(SourceError, match="rate is above 0"):
        VideoSource(path, rate_hz=0)


def test_a_stamp_that_cannot_be_a_time_counts_as_missing(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", codec="mpeg4", n_frames=4)
    with VideoSource(path) as source:
        first = source.read()
        source._origin = Fraction(-(10**13))  # what a file says whose first stamp was damaged
        frames = read_all(source)
    assert first is not None
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(1, 4) / 30)


def test_pictures_that_would_fill_the_memory_are_refused_by_what_the_head_says(tmp_path: Path, monkeypatch) -> None:
    path = write_video(tmp_path / "a.mkv", codec="mpeg4", size=(640, 480))
    monkeypatch.setattr("actionpose.sources.video._MAX_PIXELS", 640 * 480)
    with VideoSource(path) as source:
        assert len(read_all(source)) == 30
    monkeypatch.setattr("actionpose.sources.video._MAX_PIXELS", 640 * 480 - 1)
    with pytest.raises(SourceError, match="has pictures of 640x480 pixels; at most"):
        VideoSource(path)


def test_a_video_whose_pictures_grow_too_large_later_breaks_off_there(tmp_path: Path, monkeypatch) -> None:
    """MPEG-1 tells the size anew with every group of pictures."""
    small, large = (
        write_video(tmp_path / f"{width}.mpg", codec="mpeg1video", size=(width, 480), n_frames=10)
        for width in (320, 640)
    )
    both = tmp_path / "both.m1v"
    both.write_bytes(b"".join(elementary(path) for path in (small, large)))
    with VideoSource(both) as source:
        assert {frame.image.shape[1] for frame in read_all(source)} == {320, 640}
    monkeypatch.setattr("actionpose.sources.video._MAX_PIXELS", 400 * 480)
    with VideoSource(both) as source:
        assert {frame.image.shape[1] for frame in read_all(source)} == {320}
        assert "damaged" in "".join(source.notes)


def elementary(path: Path) -> bytes:
    """The coded pictures of a video without their container."""
    with av.open(str(path)) as container:
        return b"".join(bytes(packet) for packet in container.demux(video=0))
