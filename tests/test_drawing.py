from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from actionpose.decision import ActionEvent
from actionpose.drawing import VideoWriter, annotate, draw_label, draw_pose, draw_timeline, label_color
from actionpose.errors import InvalidDataError, RecordingError
from actionpose.pose import Frame, Pose
from actionpose.recognizer import RecognizerState
from actionpose.skeleton import UPPER_BODY_6

Image = npt.NDArray[np.uint8]

POINTS = np.array([[100.0, 60], [40, 60], [110, 100], [30, 100], [115, 140], [25, 140]])
LEFT, RIGHT = (230, 159, 0), (86, 180, 233)


def gray(height: int = 240, width: int = 320) -> Image:
    return np.full((height, width, 3), 90, dtype=np.uint8)


def pose(points: npt.ArrayLike = POINTS, confidence: float = 1.0) -> Pose:
    return Pose(skeleton=UPPER_BODY_6, time=0.0, position=np.asarray(points, float), confidence=np.full(6, confidence))


def event(label: str, start: float, end: float, *, track_id: int = 0) -> ActionEvent:
    return ActionEvent(
        label=label, start_time=start, end_time=end, report_time=end + 0.2, distance=0.5, threshold=1.0,
        template_id="t", track_id=track_id,
    )  # fmt: skip


def is_near(image: Image, color: tuple[int, int, int], tolerance: int = 3) -> npt.NDArray[np.bool_]:
    return np.asarray((np.abs(image.astype(int) - color) <= tolerance).all(axis=2))


def test_the_sides_have_colours_of_their_own() -> None:
    image = gray()
    draw_pose(image, pose())
    assert tuple(image[140, 115]) == LEFT
    assert tuple(image[140, 25]) == RIGHT
    assert is_near(image, (240, 240, 240)).any()  # between the shoulders
    assert not is_near(image, LEFT)[:, :60].any()


def test_the_less_certain_the_fainter() -> None:
    contrast = []
    for confidence in (0.05, 0.3, 0.6, 1.0):
        image = gray()
        draw_pose(image, pose(confidence=confidence))
        contrast.append(int(np.abs(image.astype(int) - 90).max()))
    assert contrast[0] == 0
    assert contrast == sorted(set(contrast))


def test_keypoints_that_were_not_seen_are_left_out() -> None:
    points = POINTS.copy()
    points[5] = np.nan
    image = gray()
    draw_pose(image, pose(points))
    assert (image[120:, :60] == 90).all()
    draw_pose(image, Pose.missing(UPPER_BODY_6, 0.0))
    draw_pose(image, Pose(skeleton=UPPER_BODY_6, time=0.0, position=np.zeros((6, 3))))


@pytest.mark.parametrize("offset", [[-1000, 0], [200, 100], [0, -100], [1e7, 1e7], [1e300, 0]])
def test_poses_beyond_the_edges_are_drawn_as_far_as_they_are_in_view(offset: list[float]) -> None:
    image = gray()
    draw_pose(image, pose(POINTS + offset))
    assert image.shape == (240, 320, 3)


@pytest.mark.parametrize("size", [(1, 1), (2, 900), (50, 40), (481, 639), (1080, 1920)])
def test_any_size_can_be_annotated(size: tuple[int, int]) -> None:
    image = gray(*size)
    frame = Frame(index=0, time=5.0, image=image)
    drawn = annotate(frame, [pose()], {0: RecognizerState(time=5.0)}, [event("wave", 1, 2), event("clap", 2, 6)])
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8
    assert (image == 90).all()


def test_a_frame_without_a_picture_cannot_be_annotated() -> None:
    with pytest.raises(InvalidDataError, match="no picture"):
        annotate(Frame(index=0, time=5.0), [], {}, [])


def test_every_body_has_its_label() -> None:
    frame = Frame(index=0, time=5.0, image=gray())
    one = annotate(frame, [], {0: RecognizerState(time=5.0)}, [])
    two = annotate(frame, [], {0: RecognizerState(time=5.0), 1: RecognizerState(time=5.0)}, [])
    changed_rows = [int((image[:120] != 90).any(axis=(1, 2)).sum()) for image in (one, two)]
    assert changed_rows[1] == 2 * changed_rows[0]


def test_an_event_is_shown_for_a_while_after_its_report() -> None:
    states = {0: RecognizerState(time=0.0)}
    color = label_color("wave")
    shown = []
    for time in (2.0, 2.3, 3.6, 4.0):
        image = annotate(Frame(index=0, time=time, image=gray()), [], states, [event("wave", 1, 2)])
        shown.append(bool(is_near(image[:100], color).any()))
    assert shown == [False, True, True, False]
    other = annotate(Frame(index=0, time=2.3, image=gray()), [], states, [event("wave", 1, 2, track_id=1)])
    assert not is_near(other[:100], color).any()


def test_the_time_line_has_a_block_where_the_event_was() -> None:
    image = gray(240, 400)
    draw_timeline(image, [event("wave", 4.0, 6.0), event("clap", -20, -10)], time=10.0, seconds=10.0)
    columns = np.flatnonzero(is_near(image, label_color("wave")).any(axis=0))
    assert (columns[0], columns[-1]) == (160, 238)
    assert (image[:150] == 90).all()


def test_events_move_out_of_the_time_line_at_the_left() -> None:
    image = gray(240, 400)
    draw_timeline(image, [event("wave", 0.0, 2.0)], time=11.0, seconds=10.0)
    columns = np.flatnonzero(is_near(image, label_color("wave")).any(axis=0))
    assert (columns[0], columns[-1]) == (0, 38)


@pytest.mark.parametrize("text", ["wave", "Ärme hoch", "рука", "挥手", "a" * 300, "", "\U0001f44b"])
def test_any_text_can_be_written(text: str) -> None:
    image = gray()
    height = draw_label(image, text, at=(10, 10))
    assert 10 < height < 40
    bright = is_near(image, (245, 245, 245), 40)[:, 24:]
    assert bright.any() == bool(text)
    assert not bright[10 + height :].any()


def test_text_is_not_replaced_by_question_marks() -> None:
    pictures = []
    for text in ("Ärme", "????", "Arme"):
        image = gray()
        draw_label(image, text, at=(10, 10))
        pictures.append(image)
    assert (pictures[0] != pictures[1]).any()
    assert (pictures[0] != pictures[2]).any()


def test_labels_keep_their_colour() -> None:
    assert label_color("wave") == label_color("wave")
    assert len({label_color(f"action {i}") for i in range(30)}) == 7
    assert label_color("unknown") not in {label_color(f"action {i}") for i in range(30)}


# Video


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
from actionpose.drawing import VideoWriter
from actionpose.errors import InvalidDataError, RecordingError
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
    assert "Check that the folder exists" in result.stdout
    assert list(tmp_path.iterdir()) == []
