from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from actionpose.errors import InvalidDataError
from actionpose.pose import Frame, Pose, PoseSequence
from actionpose.skeleton import COCO_17, UPPER_BODY_6


def sequence(n_frames: int = 20, *, n_dims: int = 2, rate_hz: float = 10.0, **changes: Any) -> PoseSequence:
    random = np.random.default_rng(0)
    arguments: dict[str, Any] = {
        "skeleton": UPPER_BODY_6,
        "time": np.arange(n_frames) / rate_hz,
        "position": random.normal(size=(n_frames, 6, n_dims)),
    }
    return PoseSequence(**{**arguments, **changes})


@pytest.mark.parametrize("lost", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("n_dims", [2, 3])
def test_a_keypoint_lost_in_one_coordinate_is_missing_in_all(lost: float, n_dims: int) -> None:
    position = np.ones((4, 6, n_dims))
    position[1, 2, 0] = lost
    poses = sequence(4, position=position, confidence=np.full((4, 6), 0.8))
    assert np.isnan(poses.position[1, 2]).all()
    assert np.isnan(poses.position).sum() == n_dims
    assert poses.confidence[1, 2] == 0.0
    assert poses.confidence.sum() == pytest.approx(0.8 * 23)


@pytest.mark.parametrize("n_dims", [2, 3])
def test_a_confidence_of_nothing_is_a_keypoint_not_seen(n_dims: int) -> None:
    confidence = np.full((2, 6), 0.9)
    confidence[0, 1] = 0.0
    poses = sequence(2, n_dims=n_dims, confidence=confidence, image_position=np.full((2, 6, 2), 5.0))
    assert np.isnan(poses.position[0, 1]).all()
    assert np.isnan(poses.position).sum() == n_dims
    assert poses.image_position is not None
    assert np.isnan(poses.image_position[0, 1]).all()
    assert np.isnan(poses.image_position).sum() == 2
    pose = Pose(skeleton=UPPER_BODY_6, time=0.0, position=np.ones((6, n_dims)), confidence=confidence[0])
    np.testing.assert_array_equal(np.isnan(pose.position).all(axis=1), confidence[0] == 0.0)


@pytest.mark.parametrize(
    ("confidence", "is_seen"), [(None, False), (0.0, False), (0.3, False), (0.49, False), (0.5, True), (1.0, True)]
)
def test_the_corner_of_the_picture_is_nowhere_unless_a_confidence_vouches_for_it(
    confidence: float | None, is_seen: bool
) -> None:
    position = np.full((6, 2), 40.0)
    position[3] = 0.0
    given = None if confidence is None else np.full(6, confidence)
    pose = Pose(skeleton=UPPER_BODY_6, time=0.0, position=position, confidence=given, image_position=position)
    assert np.isfinite(pose.position[3]).all() == is_seen
    assert pose.confidence[3] == ((confidence or 0.0) if is_seen else 0.0)
    assert pose.image_position is not None
    assert np.isfinite(pose.image_position[3]).all() == is_seen
    again = next(PoseSequence.from_poses([pose]).iter_poses())
    np.testing.assert_array_equal(again.position, pose.position)


def test_one_coordinate_of_0_is_a_place_and_so_is_the_origin_of_the_world() -> None:
    position = np.full((6, 2), 40.0)
    position[3] = 0.0, 7.0
    position[4] = 7.0, 0.0
    assert np.isfinite(Pose(skeleton=UPPER_BODY_6, time=0.0, position=position).position).all()
    from_the_hips = np.zeros((6, 3))
    assert not Pose(skeleton=UPPER_BODY_6, time=0.0, position=from_the_hips).is_missing


def test_an_image_position_of_what_was_not_seen_is_nan() -> None:
    position, image = np.ones((6, 3)), np.full((6, 2), 9.0)
    position[1] = np.nan
    image[2, 0] = np.inf
    pose = Pose(skeleton=UPPER_BODY_6, time=0.0, position=position, image_position=image)
    assert pose.image_position is not None
    np.testing.assert_array_equal(np.isnan(pose.image_position).all(axis=1), [False, True, True, False, False, False])
    assert np.isnan(pose.image_position).sum() == 4


def test_confidence_defaults_to_what_is_known_and_is_clipped() -> None:
    position = np.ones((2, 6, 2))
    position[0, 0] = np.nan
    np.testing.assert_array_equal(sequence(2, position=position).confidence, [[0, 1, 1, 1, 1, 1], [1] * 6])
    confidence = np.array([[1.5, -1.0, np.nan, 0.2, 0.0, 1.0]])
    np.testing.assert_array_equal(sequence(1, confidence=confidence).confidence, [[1.0, 0.0, 0.0, 0.2, 0.0, 1.0]])


def test_arrays_are_read_only_copies() -> None:
    time, position = np.arange(3.0), np.ones((3, 6, 2))
    poses = sequence(3, time=time, position=position, image_position=position)
    time[0], position[0] = -1.0, 7.0
    assert poses.time[0] == 0.0
    assert poses.image_position is not None
    assert (poses.position == 1.0).all()
    assert (poses.image_position == 1.0).all()
    for array in (poses.time, poses.position, poses.confidence, poses.image_position):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time": np.zeros((3, 1))}, r"time must have shape \(T,\), got \(3, 1\)"),
        ({"time": [0.0, 0.0, 0.1]}, "strictly increasing"),
        ({"time": [0.0, 0.2, 0.1]}, "strictly increasing"),
        ({"time": [0.0, np.nan, 0.1]}, "finite"),
        ({"time": ["a", "b", "c"]}, "time must be an array of numbers"),
        ({"position": np.zeros((3, 5, 2))}, r"\(3, 6, 2\) or \(3, 6, 3\) for skeleton 'upper_body_6', got \(3, 5, 2\)"),
        ({"position": np.zeros((3, 6, 4))}, r"got \(3, 6, 4\)"),
        ({"position": np.zeros((4, 6, 2))}, r"got \(4, 6, 2\)"),
        ({"confidence": np.zeros((3, 5))}, r"confidence must have shape \(3, 6\), got \(3, 5\)"),
        ({"image_position": np.zeros((3, 6, 3))}, r"image_position must have shape \(3, 6, 2\)"),
    ],
)
def test_sequences_are_validated(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidDataError, match=message):
        sequence(3, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time": np.nan}, "finite number of seconds"),
        ({"position": np.zeros((6, 1))}, r"\(6, 2\) or \(6, 3\)"),
        ({"confidence": np.zeros(5)}, r"\(6,\), got \(5,\)"),
        ({"image_position": np.zeros((5, 2))}, r"\(6, 2\), got \(5, 2\)"),
    ],
)
def test_poses_are_validated(changes: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"skeleton": UPPER_BODY_6, "time": 0.0, "position": np.zeros((6, 2)), **changes}
    with pytest.raises(InvalidDataError, match=message):
        Pose(**arguments)


@pytest.mark.parametrize("n_dims", [2, 3])
def test_missing_pose(n_dims: int) -> None:
    pose = Pose.missing(COCO_17, 1.5, n_dims=n_dims, track_id=4)
    assert pose.is_missing
    assert pose.position.shape == (17, n_dims)
    assert (pose.time, pose.track_id, pose.confidence.sum()) == (1.5, 4, 0.0)
    assert not Pose(skeleton=UPPER_BODY_6, time=0.0, position=np.ones((6, 2))).is_missing


@pytest.mark.parametrize(
    ("start", "end", "times"),
    [(0.2, 0.4, [0.2, 0.3]), (-1.0, 0.15, [0.0, 0.1]), (0.85, 9.0, [0.9]), (0.4, 0.4, []), (0.31, 0.39, [])],
)
def test_between_is_half_open(start: float, end: float, times: list[float]) -> None:
    poses = sequence(10, image_position=np.zeros((10, 6, 2)))
    part = poses.between(start, end)
    assert part.time.tolist() == times
    assert part.image_position is not None
    assert len(part.image_position) == len(part.position) == len(part.confidence) == len(part) == len(times)


@pytest.mark.parametrize("n_dims", [2, 3])
def test_mirrored_swaps_sides_and_negates_x(n_dims: int) -> None:
    poses = sequence(5, n_dims=n_dims, image_position=np.zeros((5, 6, 2)))
    mirrored = poses.mirrored()
    left, right = UPPER_BODY_6.index("left_wrist"), UPPER_BODY_6.index("right_wrist")
    np.testing.assert_array_equal(mirrored.position[:, left, 0], -poses.position[:, right, 0])
    np.testing.assert_array_equal(mirrored.position[:, left, 1:], poses.position[:, right, 1:])
    assert mirrored.image_position is None
    np.testing.assert_array_equal(mirrored.mirrored().position, poses.position)


def test_from_poses_undoes_iter_poses() -> None:
    poses = sequence(6, n_dims=3, image_position=np.ones((6, 6, 2)), confidence=np.full((6, 6), 0.5))
    listed = list(poses.iter_poses(track_id=3))
    assert {pose.track_id for pose in listed} == {3}
    again = PoseSequence.from_poses(listed)
    for name in ("time", "position", "confidence", "image_position"):
        np.testing.assert_array_equal(getattr(again, name), getattr(poses, name))


def test_from_poses_fills_image_positions_that_some_lack() -> None:
    seen = Pose(skeleton=UPPER_BODY_6, time=0.0, position=np.zeros((6, 3)), image_position=np.ones((6, 2)))
    image = PoseSequence.from_poses([seen, Pose.missing(UPPER_BODY_6, 0.1)]).image_position
    assert image is not None
    assert np.isnan(image[1]).all()
    assert (image[0] == 1.0).all()


@pytest.mark.parametrize(
    ("poses", "message"),
    [
        ([], "at least one pose"),
        ([Pose.missing(UPPER_BODY_6, 0.0), Pose.missing(COCO_17, 0.1)], "one skeleton"),
        ([Pose.missing(UPPER_BODY_6, 0.0, n_dims=2), Pose.missing(UPPER_BODY_6, 0.1)], "dimension"),
        ([Pose.missing(UPPER_BODY_6, 0.1), Pose.missing(UPPER_BODY_6, 0.1)], "strictly increasing"),
    ],
)
def test_from_poses_errors(poses: list[Pose], message: str) -> None:
    with pytest.raises(InvalidDataError, match=message):
        PoseSequence.from_poses(poses)


@pytest.mark.parametrize(("n_frames", "duration", "rate_hz"), [(0, 0.0, np.nan), (1, 0.0, np.nan), (11, 1.0, 10.0)])
def test_duration_and_rate(n_frames: int, duration: float, rate_hz: float) -> None:
    poses = sequence(n_frames)
    assert poses.duration == pytest.approx(duration)
    assert poses.rate_hz == pytest.approx(rate_hz, nan_ok=True)
    assert poses.shifted(2.0).duration == pytest.approx(duration)


def test_slices_and_shifts_keep_the_rest() -> None:
    poses = sequence(10)
    np.testing.assert_array_equal(poses[2:5].position, poses.position[2:5])
    np.testing.assert_allclose(poses.shifted(-0.5).time, poses.time - 0.5)
    np.testing.assert_array_equal(poses.shifted(-0.5).position, poses.position)


def test_a_frame_needs_neither_image_nor_poses() -> None:
    frame = Frame(index=3, time=0.1)
    assert (frame.image, frame.poses) == (None, None)


@pytest.mark.parametrize("time", [1.7e12, -1.7e12, 1e300])
def test_milliseconds_are_not_taken_for_seconds(time: float) -> None:
    position = np.zeros((6, 2))
    makers = (
        lambda: Pose(skeleton=UPPER_BODY_6, time=time, position=position),
        lambda: PoseSequence(skeleton=UPPER_BODY_6, time=sorted([0.0, time]), position=[position, position]),
        lambda: Frame(index=0, time=time),
    )
    for make in makers:
        with pytest.raises(InvalidDataError, match="finite number of seconds") as caught:
            make()
        assert "milliseconds" in caught.value.hint


def test_the_time_of_day_is_a_time() -> None:
    assert Pose(skeleton=UPPER_BODY_6, time=1.7e9, position=np.zeros((6, 2))).time == 1.7e9


def test_the_rate_of_frames_at_nearly_one_time_is_a_number() -> None:
    sequence = PoseSequence(skeleton=UPPER_BODY_6, time=[0.0, 5e-324], position=np.zeros((2, 6, 2)))
    assert np.isfinite(sequence.rate_hz)


@pytest.mark.parametrize("far", [3.4e38, -3.4e38, 1e150, np.inf])
def test_numbers_that_are_nowhere_are_keypoints_that_were_not_seen(far: float) -> None:
    position = np.ones((6, 2))
    position[2, 1] = far
    pose = Pose(skeleton=UPPER_BODY_6, time=0.0, position=position, image_position=position)
    for points in (pose.position, pose.image_position):
        assert np.isnan(points).all(axis=1).tolist() == [False, False, True, False, False, False]
    assert pose.confidence.tolist() == [1, 1, 0, 1, 1, 1]


def test_a_body_in_nanometres_is_one() -> None:
    position = np.full((6, 3), 2e9)
    assert Pose(skeleton=UPPER_BODY_6, time=0.0, position=position).position.tolist() == position.tolist()
