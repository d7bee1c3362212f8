from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from actionpose.body_frame import RootTracker, measure_scale, track_root, typical_scale
from actionpose.pose import FloatArray, PoseSequence
from actionpose.skeleton import UPPER_BODY_6, Skeleton
from tests.animal import ANIMAL, film
from tests.synthetic import frame_times, perform

SHOULDERS = UPPER_BODY_6.indices(["left_shoulder", "right_shoulder"])
K = ANIMAL.n_keypoints


def walk(n_frames: int = 40) -> FloatArray:
    """An animal that walks through the picture without moving a limb, (T, K, 2)."""
    standing = film([], np.array([0.0])).position[0]
    return standing + np.linspace(0.0, 100.0, n_frames)[:, None, None] * [1.0, 0.2]


def sequence(position: FloatArray, confidence: FloatArray | None = None, skeleton: Skeleton = ANIMAL) -> PoseSequence:
    time = np.arange(len(position)) / 30
    return PoseSequence(skeleton=skeleton, time=time, position=position, confidence=confidence)


def follow(poses: PoseSequence) -> FloatArray:
    """The origin as a stream has it."""
    tracker = RootTracker(poses.skeleton)
    scale = typical_scale([poses])
    return np.stack([tracker.update(p.position, p.confidence >= 0.3, scale=scale) for p in poses.iter_poses()])


def test_the_origin_is_the_mean_of_the_root_keypoints() -> None:
    position = walk()
    for root in (follow(sequence(position)), track_root(sequence(position))):
        np.testing.assert_allclose(root, position.mean(axis=1))


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_missing_keypoints_do_not_shift_it(share: float) -> None:
    position = walk()
    holed = position.copy()
    holed[1:][np.random.default_rng(0).random((len(position) - 1, K)) < share] = np.nan
    for root in (follow(sequence(holed)), track_root(sequence(holed))):
        np.testing.assert_allclose(root, position.mean(axis=1), atol=1e-9)


def test_what_a_clip_shows_late_counts_from_its_start() -> None:
    position = walk()
    holed = position.copy()
    holed[:10, 3] = np.nan
    np.testing.assert_allclose(track_root(sequence(holed)), position.mean(axis=1), atol=1e-9)


def test_without_any_root_keypoint_it_moves_as_most_of_the_others_do() -> None:
    spine = replace(ANIMAL, root=("withers", "rump"))
    position = walk()
    position[:, ANIMAL.index("tail"), 1] += 40 * np.sin(np.arange(len(position)))
    expected = position[:, ANIMAL.indices(["withers", "rump"])].mean(axis=1)
    holed = position.copy()
    holed[5:30][:, ANIMAL.indices(["withers", "rump"])] = np.nan
    for root in (follow(sequence(holed, skeleton=spine)), track_root(sequence(holed, skeleton=spine))):
        np.testing.assert_allclose(root, expected, atol=1e-9)


def test_a_body_whose_root_is_never_seen_has_an_origin_all_the_same() -> None:
    position = walk()
    position[:, ANIMAL.index("withers")] = np.nan
    root = follow(sequence(position, skeleton=replace(ANIMAL, root=("withers",))))
    np.testing.assert_allclose(root - root[0], position[:, 0] - position[0, 0], atol=1e-9)
    assert np.isnan(follow(sequence(np.full((3, K, 2), np.nan)))).all()


@pytest.mark.parametrize("is_single", [False, True])
def test_a_doubtful_keypoint_that_leaps_does_not_move_it(is_single: bool) -> None:
    skeleton = replace(ANIMAL, root=("back",)) if is_single else ANIMAL
    position, confidence = walk(), np.full((40, K), 0.9)
    expected = follow(sequence(position, skeleton=skeleton))
    back = ANIMAL.index("back")
    confidence[5:30, back] = 0.02
    position[5:30, back] = np.random.default_rng(1).uniform(0, 640, (25, 2))
    for root in (
        follow(sequence(position, confidence, skeleton)),
        track_root(sequence(position, confidence, skeleton)),
    ):
        np.testing.assert_allclose(root, expected, atol=0.05 * typical_scale([sequence(position, confidence)]))


@pytest.mark.parametrize("confidence", [0.001, 0.1, 0.29])
def test_a_plausible_guess_is_as_good_as_a_sighting(confidence: float) -> None:
    poses = perform("raise", n_dims=3)
    position = poses.position + np.linspace(0.0, 1.0, len(poses))[:, None, None]
    doubtful = np.ones(position.shape[:2])
    doubtful[:, SHOULDERS] = confidence
    expected = position[:, SHOULDERS].mean(axis=1)
    for root in (f(sequence(position, doubtful, UPPER_BODY_6)) for f in (follow, track_root)):
        np.testing.assert_allclose(root, expected, atol=1e-9)
    doubtful[:, SHOULDERS[0]] = 1.0
    for root in (f(sequence(position, doubtful, UPPER_BODY_6)) for f in (follow, track_root)):
        np.testing.assert_allclose(root, expected, atol=1e-9)


def test_a_guess_that_comes_late_is_believed_within_the_body_alone() -> None:
    position, confidence = walk(), np.full((40, K), 0.9)
    elbow = ANIMAL.index("elbow")
    position[:20, elbow] = np.nan
    confidence[:, elbow] = 0.1
    near = follow(sequence(position, confidence))
    np.testing.assert_allclose(near[30], position[30].mean(axis=0))
    position[20:, elbow] += 1000.0
    far = follow(sequence(position, confidence))
    np.testing.assert_allclose(far[30], np.delete(position[30], elbow, axis=0).mean(axis=0))


def test_the_size_is_that_of_sure_keypoints_and_else_a_guess() -> None:
    poses = film([], frame_times(0.0, 2.0))
    astray = film([], frame_times(0.0, 2.0), missing="anywhere", share=0.3)
    assert typical_scale([astray]) == pytest.approx(typical_scale([poses]), rel=0.05)
    is_sure = np.zeros((len(poses), K), dtype=bool)
    assert np.median(measure_scale(poses.position, is_sure, ANIMAL)) == pytest.approx(typical_scale([poses]))
