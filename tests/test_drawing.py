from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from actionpose.decision import ActionEvent
from actionpose.drawing import (
    annotate,
    annotated_size,
    draw_label,
    draw_pose,
    draw_timeline,
    label_colors,
    save_picture,
)
from actionpose.errors import InvalidDataError
from actionpose.pose import Frame, Pose
from actionpose.recognizer import RecognizerState
from actionpose.skeleton import UPPER_BODY_6

Image = npt.NDArray[np.uint8]

POINTS = np.array([[100.0, 60], [40, 60], [110, 100], [30, 100], [115, 140], [25, 140]])
WAVE = label_colors(["wave"])["wave"]
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
    assert drawn.shape[1::-1] == annotated_size(image.shape[1::-1])
    assert drawn.shape[0] > image.shape[0]
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
    shown = []
    for time in (2.0, 2.3, 3.6, 4.0):
        image = annotate(Frame(index=0, time=time, image=gray()), [], states, [event("wave", 1, 2)])
        shown.append(bool(is_near(image[:100], WAVE).any()))
    assert shown == [False, True, True, False]
    other = annotate(Frame(index=0, time=2.3, image=gray()), [], states, [event("wave", 1, 2, track_id=1)])
    assert not is_near(other[:100], WAVE).any()


def test_the_time_line_has_a_block_where_the_event_was() -> None:
    image = gray(240, 400)
    draw_timeline(image, [event("wave", 4.0, 6.0), event("clap", -20, -10)], time=10.0, seconds=10.0)
    columns = np.flatnonzero(is_near(image, WAVE).any(axis=0))
    assert (columns[0], columns[-1]) == (160, 238)
    assert (image[:150] == 90).all()


def test_the_time_line_covers_nothing_of_the_picture() -> None:
    image = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    drawn = annotate(Frame(index=0, time=5.0, image=image), [], {}, [event("wave", 1, 4)])
    assert (drawn[:240] == image).all()
    assert is_near(drawn[240:], WAVE).any()


def test_ticks_of_the_time_line_have_numbers() -> None:
    """Below each tick with room stands its second: at 8 s another one than at 9 s."""
    strips = []
    for time in (12.0, 13.0):
        image = gray(100, 1000)
        draw_timeline(image, [], time=time, seconds=10.0)
        strips.append(image[-12:])
    is_text = [is_near(strip, (170, 170, 170), 60) for strip in strips]
    assert all(mask[:, 100 * k - 20 : 100 * k + 20].any() for mask in is_text for k in range(1, 10))
    assert not is_text[0][:, 130:170].any()
    eight, nine = is_text[0][:, 580:620], is_text[1][:, 580:620]
    assert (eight != nine).any()
    assert (is_text[0][:, 680:720] == nine).all()


def test_events_move_out_of_the_time_line_at_the_left() -> None:
    image = gray(240, 400)
    draw_timeline(image, [event("wave", 0.0, 2.0)], time=11.0, seconds=10.0)
    columns = np.flatnonzero(is_near(image, WAVE).any(axis=0))
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


def test_actions_get_colours_of_their_own_in_order_of_appearance() -> None:
    names = [f"action {i}" for i in range(9)]
    colors = label_colors(["unknown", *names, *names])
    assert len({colors[name] for name in [*names[:7], "unknown"]}) == 8
    assert colors[names[7]] == colors[names[0]]
    assert label_colors(names[:3]) == {name: colors[name] for name in [*names[:3], "unknown"]}


def test_an_action_keeps_its_colour_when_it_is_reported() -> None:
    """On the label's bar before and after the report, and in the time line."""
    frame = Frame(index=0, time=3.0, image=gray())
    seen = [event("clap", 0.0, 1.0)]
    before = annotate(frame, [], {0: RecognizerState(label="wave")}, seen)
    after = annotate(frame, [], {0: RecognizerState(label="wave")}, [*seen, event("wave", 2.0, 2.7)])
    clap, wave = label_colors(["clap", "wave"])["clap"], label_colors(["clap", "wave"])["wave"]
    assert is_near(before[:120], wave).any()
    assert is_near(after[:120], wave).any()
    assert is_near(after[120:], wave).any()
    assert is_near(after[120:], clap).any()


@pytest.mark.parametrize("name", ["sheet.png", "sheet.jpg", "手.PNG"])
def test_a_picture_is_written_whole(tmp_path: Path, name: str) -> None:
    image = np.zeros((30, 40, 3), np.uint8)
    image[:, :20] = (255, 0, 0)
    save_picture(image, tmp_path / name)
    content = np.frombuffer((tmp_path / name).read_bytes(), np.uint8)
    read = cv2.cvtColor(cv2.imdecode(content, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    assert np.abs(read[15, 5].astype(int) - (255, 0, 0)).max() < 10
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["sheet.foo", "sheet"])
def test_a_picture_of_no_known_kind_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidDataError, match="as a picture"):
        save_picture(np.zeros((3, 3, 3), np.uint8), tmp_path / name)
    assert not list(tmp_path.iterdir())
