from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionpose.errors import InvalidDataError
from actionpose.features import (
    FEATURES,
    Feature,
    FeatureFrame,
    FeatureSettings,
    FeatureStream,
    compute_angles,
    compute_directions,
    compute_positions,
    compute_root,
    compute_scale,
    compute_sequence_features,
    typical_scale,
)
from actionpose.pose import MAX_TIME_S, FloatArray, Pose, PoseSequence
from actionpose.skeleton import BLAZEPOSE_33, COCO_17, STANDARD_SKELETONS, UPPER_BODY_6, Skeleton
from tests.synthetic import Move, frame_times, perform, sample

MOVES = [Move("wave", 0.5, 2.0), Move("cross", 2.5, 4.0)]
SKELETONS = st.sampled_from(list(STANDARD_SKELETONS.values()))
SEEDS = st.integers(0, 2**32 - 1)


def scaled_positions(position: FloatArray, skeleton: Skeleton) -> FloatArray:
    return compute_positions(position, skeleton, scale=compute_scale(position, skeleton))


COMPUTE: dict[str, Callable[[FloatArray, Skeleton], FloatArray]] = {
    "positions": scaled_positions,
    "directions": compute_directions,
    "angles": compute_angles,
}


def random_body(seed: int, skeleton: Skeleton, n_dims: int) -> FloatArray:
    return np.random.default_rng(seed).normal(size=(3, skeleton.n_keypoints, n_dims))


def random_rotation(seed: int, n_dims: int) -> FloatArray:
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(n_dims, n_dims)))
    q *= np.sign(np.diag(r))
    q[:, 0] *= np.linalg.det(q)
    return np.asarray(q)


def run_stream(stream: FeatureStream, poses: PoseSequence | Sequence[Pose]) -> list[FeatureFrame]:
    listed = poses.iter_poses() if isinstance(poses, PoseSequence) else poses
    return [frame for pose in listed for frame in stream.update(pose)]


def vectors(frames: Sequence[FeatureFrame]) -> FloatArray:
    return np.stack([frame.vector for frame in frames])


def test_the_features_are_those_settings_take() -> None:
    assert set(FEATURES) == set(get_args(Feature)) == set(COMPUTE)


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("n_dims", [2, 3])
@given(seed=SEEDS, skeleton=SKELETONS, shift=st.floats(-1000, 1000), scale=st.floats(0.01, 1000))
def test_invariant_to_shift_and_scale(
    feature: str, n_dims: int, seed: int, skeleton: Skeleton, shift: float, scale: float
) -> None:
    position = random_body(seed, skeleton, n_dims)
    moved = scale * (position + shift * np.arange(1, n_dims + 1))
    before, after = COMPUTE[feature](position, skeleton), COMPUTE[feature](moved, skeleton)
    np.testing.assert_allclose(after, before, atol=1e-6)


@pytest.mark.parametrize("n_dims", [2, 3])
@given(seed=SEEDS, skeleton=SKELETONS)
def test_angles_are_invariant_to_rotation_and_the_others_turn_with_the_body(
    n_dims: int, seed: int, skeleton: Skeleton
) -> None:
    position = random_body(seed, skeleton, n_dims)
    rotation = random_rotation(seed, n_dims)
    turned = position @ rotation
    np.testing.assert_allclose(compute_angles(turned, skeleton), compute_angles(position, skeleton), atol=1e-6)
    for compute in (scaled_positions, compute_directions):
        rows = compute(position, skeleton).reshape(3, -1, n_dims) @ rotation
        np.testing.assert_allclose(compute(turned, skeleton), rows.reshape(3, -1), atol=1e-9)


@pytest.mark.parametrize("degrees", [0.0, 1e-5, 30.0, 90.0, 179.99999, 180.0])
def test_angles_are_radians_and_exact_near_the_ends(degrees: float) -> None:
    elbow = Skeleton(name="elbow", keypoints=["a", "b", "c"], angles=[("a", "b", "c")])
    angle = np.deg2rad(degrees)
    position = np.array([[2.0, 0.0], [0.0, 0.0], [3 * np.cos(angle), 3 * np.sin(angle)]])
    assert compute_angles(position, elbow).item() == pytest.approx(angle, abs=1e-12)


def test_positions_are_relative_to_the_root_in_units_of_scale() -> None:
    position = perform("wave", noise=0.0).position
    body = scaled_positions(position, UPPER_BODY_6).reshape(-1, 6, 2)
    np.testing.assert_allclose(body[:, 0] - body[:, 1], np.broadcast_to([1.0, 0.0], (len(body), 2)), atol=1e-9)
    np.testing.assert_allclose(body[:, :2].mean(axis=1), 0.0, atol=1e-9)


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("n_dims", [2, 3])
def test_nan_stays_with_the_features_it_touches(feature: str, n_dims: int) -> None:
    position = random_body(1, COCO_17, n_dims)
    whole = COMPUTE[feature](position, COCO_17)
    position[1, COCO_17.index("left_wrist")] = np.nan
    holed = COMPUTE[feature](position, COCO_17)
    lost = np.isnan(holed)
    n_touched = {"positions": n_dims, "directions": n_dims, "angles": 1}[feature]
    assert lost[1].sum() == n_touched
    assert not lost[[0, 2]].any()
    np.testing.assert_array_equal(holed[~lost], whole[~lost])


def test_coinciding_keypoints_have_no_direction() -> None:
    assert np.isnan(compute_directions(np.zeros((6, 2)), UPPER_BODY_6)).all()
    assert np.isnan(compute_angles(np.zeros((6, 2)), UPPER_BODY_6)).all()


def test_root_and_scale_survive_what_is_hidden() -> None:
    position = random_body(0, BLAZEPOSE_33, 3)[0]
    shoulders = BLAZEPOSE_33.indices(["left_shoulder", "right_shoulder"])
    hips = BLAZEPOSE_33.indices(["left_hip", "right_hip"])
    position[shoulders[1]] = np.nan
    np.testing.assert_allclose(compute_root(position, BLAZEPOSE_33), position[shoulders[0]])
    assert compute_scale(position, BLAZEPOSE_33) == pytest.approx(
        np.linalg.norm(position[shoulders[0]] - position[hips[0]])
    )
    position[hips] = np.nan
    assert compute_scale(position, BLAZEPOSE_33) > 0, "the mean edge stands in for the torso"
    nothing = np.full((33, 3), np.nan)
    assert np.isnan(compute_root(nothing, BLAZEPOSE_33)).all()
    assert np.isnan(compute_scale(nothing, BLAZEPOSE_33))


def test_typical_scale_is_the_median_size() -> None:
    poses = perform("wave", noise=0.0)
    assert typical_scale([poses]) == pytest.approx(100.0)
    unseen = PoseSequence(skeleton=UPPER_BODY_6, time=np.arange(3.0), position=np.full((3, 6, 2), np.nan))
    assert typical_scale([unseen]) == 1.0
    assert typical_scale([unseen, poses]) == pytest.approx(100.0)


def assert_batch_equals_stream(poses: PoseSequence, settings: FeatureSettings) -> None:
    vector, travel = compute_sequence_features(poses, settings, scale=80.0)
    frames = run_stream(FeatureStream(poses.skeleton, settings, scale=80.0), poses)
    assert travel.shape[1] == (poses.n_dims if settings.feature == "positions" else 0)
    np.testing.assert_allclose(vectors(frames), vector, atol=1e-6)
    np.testing.assert_allclose(np.stack([frame.travel for frame in frames]), travel, atol=1e-6)
    np.testing.assert_allclose([frame.time for frame in frames], poses.time)


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize(("skeleton", "n_dims"), [(UPPER_BODY_6, 2), (BLAZEPOSE_33, 2), (BLAZEPOSE_33, 3)])
@pytest.mark.parametrize("rate_hz", [30.0, 17.0])
def test_batch_and_stream_agree(feature: Feature, skeleton: Skeleton, n_dims: int, rate_hz: float) -> None:
    poses = sample(MOVES, 3.3 + frame_times(0.0, 4.0, rate_hz), skeleton=skeleton, n_dims=n_dims)
    position = poses.position + np.linspace(0, 50, len(poses))[:, None, None]  # walks, so that the travel counts
    walking = PoseSequence(skeleton=skeleton, time=poses.time, position=position)
    assert_batch_equals_stream(walking, FeatureSettings(feature=feature, rate_hz=rate_hz, smoothing=1.0))


@pytest.mark.parametrize("feature", FEATURES)
def test_batch_and_stream_agree_on_what_is_missing(feature: Feature) -> None:
    position = perform("wave").position.copy()
    position[10:20, UPPER_BODY_6.index("right_wrist")] = np.nan
    holed = PoseSequence(skeleton=UPPER_BODY_6, time=np.arange(len(position)) / 30, position=position)
    assert_batch_equals_stream(holed, FeatureSettings(feature=feature, smoothing=1.0))


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("smoothing", [1.0, 0.5])
@pytest.mark.parametrize("camera", [10.0, 15.0, 60.0, "jittered"])
def test_any_camera_rate_gives_the_same_frames(feature: Feature, smoothing: float, camera: float | str) -> None:
    settings = FeatureSettings(feature=feature, smoothing=smoothing)
    if camera == "jittered":
        time = frame_times(0.0, 4.5) + np.random.default_rng(3).uniform(-0.4, 0.4, 135) / 30
        time[0] = 0.0
    else:
        time = frame_times(0.0, 4.5, float(camera))
    expected = run_stream(
        FeatureStream(UPPER_BODY_6, settings, scale=100.0), sample(MOVES, frame_times(0.0, 4.5), noise=0)
    )
    found = run_stream(FeatureStream(UPPER_BODY_6, settings, scale=100.0), sample(MOVES, time, noise=0))
    n_frames = min(len(found), len(expected))
    assert n_frames >= 4.4 * 30 - 3
    np.testing.assert_allclose([f.time for f in found[:n_frames]], [f.time for f in expected[:n_frames]], atol=1e-9)
    # Halving the step quarters the error of linear interpolation.
    gap = float(np.diff(time).max())
    error = np.abs(vectors(found[:n_frames]) - vectors(expected[:n_frames]))
    assert error.max() < 25 * gap**2
    assert error.mean() < 2 * gap**2


def test_a_stream_is_causal() -> None:
    poses = sample(MOVES, frame_times(0.0, 4.0, 25.0))
    settings = FeatureSettings()
    stream, whole = FeatureStream(UPPER_BODY_6, settings), FeatureStream(UPPER_BODY_6, settings)
    frames = run_stream(whole, poses)
    first = run_stream(stream, poses[:40])
    np.testing.assert_array_equal(vectors(first), vectors(frames[: len(first)]))
    assert first[-1].time <= poses.time[39] + 1e-9
    np.testing.assert_array_equal(vectors(first + run_stream(stream, poses[40:])), vectors(frames))


def test_smoothing_is_an_exponential_average() -> None:
    poses = perform("raise")
    rough = vectors(run_stream(FeatureStream(UPPER_BODY_6, FeatureSettings(smoothing=1.0), scale=1.0), poses))
    smooth = vectors(run_stream(FeatureStream(UPPER_BODY_6, FeatureSettings(smoothing=0.25), scale=1.0), poses))
    expected = rough[0]
    for raw, found in zip(rough, smooth, strict=True):
        expected = expected + 0.25 * (raw - expected)
        np.testing.assert_allclose(found, expected)


def lose(poses: PoseSequence, frames: slice, keypoint: str = "right_wrist") -> PoseSequence:
    """The same poses, of which some do not show a keypoint."""
    position = poses.position.copy()
    position[frames, poses.skeleton.index(keypoint)] = np.nan
    return PoseSequence(skeleton=poses.skeleton, time=poses.time, position=position)


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("smoothing", [1.0, 0.35])
def test_what_was_missing_for_a_while_goes_on_as_if_it_had_moved_evenly(feature: Feature, smoothing: float) -> None:
    poses = perform("raise", noise=0.0)
    wrist = UPPER_BODY_6.index("right_wrist")
    track = vectors(run_stream(FeatureStream(UPPER_BODY_6, FeatureSettings(feature=feature, smoothing=1.0)), poses))
    settings = FeatureSettings(feature=feature, smoothing=smoothing)
    found = vectors(run_stream(FeatureStream(UPPER_BODY_6, settings), lose(poses, slice(10, 18))))
    lost = np.isnan(found[12])
    assert 0 < lost.sum() < found.shape[1]
    assert (feature != "positions") or lost.reshape(6, 2)[wrist].all()
    even = track.copy()
    for column in even[:, lost].T:
        column[9:19] = np.linspace(column[9], column[18], 10)
    even[9:19, lost] = np.linspace(track[9, lost], track[18, lost], 10)
    expected = [even[0]]
    for raw in even[1:]:
        expected.append(expected[-1] + smoothing * (raw - expected[-1]))
    np.testing.assert_allclose(found[18:], np.stack(expected)[18:], atol=1e-9)


def test_what_was_gone_for_long_begins_anew() -> None:
    poses = sample(MOVES, frame_times(0.0, 4.0), noise=0.0)
    lost = lose(poses, slice(30, 30 + 25))
    raw = vectors(run_stream(FeatureStream(UPPER_BODY_6, FeatureSettings(smoothing=1.0)), poses))
    found = vectors(run_stream(FeatureStream(UPPER_BODY_6, FeatureSettings(smoothing=0.2)), lost)).reshape(-1, 6, 2)
    np.testing.assert_allclose(found[55, 5], raw.reshape(-1, 6, 2)[55, 5], atol=1e-9)


def test_between_slow_poses_a_keypoint_comes_from_where_it_was_last_seen() -> None:
    poses = sample(MOVES, frame_times(0.0, 2.0, 10.0), noise=0.0)
    stream = FeatureStream(UPPER_BODY_6, FeatureSettings(smoothing=1.0), scale=1.0)
    found = vectors(run_stream(stream, lose(poses, slice(10, 11)))).reshape(-1, 6, 2)
    lost = np.isnan(found).any(axis=(1, 2))
    np.testing.assert_array_equal(np.flatnonzero(lost), [28, 29, 30])
    shoulders = UPPER_BODY_6.indices(["left_shoulder", "right_shoulder"])
    before, after = (poses.position[i, 5] - poses.position[i, shoulders].mean(axis=0) for i in (9, 11))
    np.testing.assert_allclose(found[31:34, 5], [before + (after - before) * k / 6 for k in (4, 5, 6)], atol=1e-9)


@pytest.mark.parametrize(("gap_s", "is_interruption"), [(0.3, False), (0.69, False), (0.72, True), (5.0, True)])
def test_long_gaps_restart_and_short_ones_are_bridged(gap_s: float, is_interruption: bool) -> None:
    poses = sample([], np.concatenate([frame_times(0.0, 1.0), 29 / 30 + gap_s + frame_times(0.0, 1.0)]))
    frames = run_stream(FeatureStream(UPPER_BODY_6, FeatureSettings()), poses)
    steps = np.diff([frame.time for frame in frames])
    restarts = [i for i, frame in enumerate(frames) if frame.restarts]
    if is_interruption:
        assert restarts == [0, 30]
        assert frames[30].time == pytest.approx(29 / 30 + gap_s)
        assert steps[29] == pytest.approx(gap_s)
    else:
        assert restarts == [0]
        np.testing.assert_allclose(steps, 1 / 30)


def test_unsure_and_missing_keypoints_become_nan_and_come_back() -> None:
    poses = perform("raise")
    confidence = np.ones((len(poses), 6))
    confidence[10:20, UPPER_BODY_6.index("right_wrist")] = 0.29
    doubtful = PoseSequence(skeleton=UPPER_BODY_6, time=poses.time, position=poses.position, confidence=confidence)
    frames = vectors(run_stream(FeatureStream(UPPER_BODY_6, FeatureSettings(smoothing=1.0)), doubtful))
    lost = np.isnan(frames).reshape(len(frames), 6, 2).all(axis=2)
    assert lost[10:20, 5].all()
    assert not lost[:10].any()
    assert not lost[21:].any()
    sure = run_stream(FeatureStream(UPPER_BODY_6, FeatureSettings(min_confidence=0.2)), doubtful)
    assert not np.isnan(vectors(sure)).any()


def test_a_missing_pose_is_a_frame_of_nan() -> None:
    poses = list(perform("raise").iter_poses())
    poses[15] = Pose.missing(UPPER_BODY_6, poses[15].time, n_dims=2)
    frames = run_stream(FeatureStream(UPPER_BODY_6, FeatureSettings()), poses)
    assert np.isnan(frames[15].vector).all()
    assert np.isnan(frames[15].travel).all()
    assert np.isfinite(vectors(frames[:15] + frames[17:])).all()


def test_the_size_of_the_body_is_learnt_from_the_stream() -> None:
    near, far = perform("wave", noise=0.0), perform("wave", noise=0.0)
    far = PoseSequence(skeleton=far.skeleton, time=far.time, position=far.position * 0.3 + 40.0)
    frames = [vectors(run_stream(FeatureStream(UPPER_BODY_6, FeatureSettings()), poses)) for poses in (near, far)]
    np.testing.assert_allclose(frames[0], frames[1], atol=1e-9)


def test_the_size_is_corrected_as_more_is_seen() -> None:
    poses = sample([], frame_times(0.0, 3.0), noise=0.0)
    position = poses.position.copy()
    position[:3] *= 3.0
    stream = FeatureStream(UPPER_BODY_6, FeatureSettings(smoothing=1.0))
    misjudged = PoseSequence(skeleton=UPPER_BODY_6, time=poses.time, position=position)
    shoulders = vectors(run_stream(stream, misjudged)).reshape(-1, 6, 2)[:, :2, 0]
    assert shoulders[3, 0] < 0.4, "one good look against one bad"
    assert shoulders[-1] == pytest.approx([0.5, -0.5])


def test_travel_follows_the_root_in_body_sizes() -> None:
    poses = sample([], frame_times(0.0, 2.0), noise=0.0)
    walk = np.linspace(0.0, 250.0, len(poses))
    position = poses.position + np.stack([walk, np.zeros_like(walk)], axis=1)[:, None]
    walking = PoseSequence(skeleton=UPPER_BODY_6, time=poses.time, position=position)
    stream = FeatureStream(UPPER_BODY_6, FeatureSettings(smoothing=1.0))
    travel = np.stack([frame.travel for frame in run_stream(stream, walking)])
    np.testing.assert_allclose(travel[:, 0] - travel[0, 0], walk / 100.0, atol=1e-6)
    np.testing.assert_allclose(travel[:, 1], travel[0, 1], atol=1e-6)


def test_reset_begins_anew_at_any_time() -> None:
    stream = FeatureStream(UPPER_BODY_6, FeatureSettings())
    poses = perform("punch")
    first = run_stream(stream, poses)
    stream.reset()
    again = run_stream(stream, poses)
    np.testing.assert_array_equal(vectors(first), vectors(again))
    assert again[0].restarts


@pytest.mark.parametrize(
    ("pose", "message"),
    [
        (Pose.missing(UPPER_BODY_6, 0.0, n_dims=2), "must increase; got 0.000 s after 0.000 s"),
        (Pose.missing(UPPER_BODY_6, -1.0, n_dims=2), "must increase"),
    ],
)
def test_stream_errors(pose: Pose, message: str) -> None:
    stream = FeatureStream(UPPER_BODY_6, FeatureSettings())
    stream.update(Pose(skeleton=UPPER_BODY_6, time=0.0, position=np.zeros((6, 2))))
    with pytest.raises(InvalidDataError, match=message):
        stream.update(pose)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"feature": "colours"}, "positions, directions, angles; got 'colours'"),
        ({"rate_hz": 0.0}, "rate_hz must be above 0"),
        ({"rate_hz": float("nan")}, "rate_hz must be above 0"),
        ({"smoothing": 0.0}, "smoothing"),
        ({"smoothing": 1.1}, "smoothing"),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidDataError, match=message):
        FeatureSettings(**settings)


def test_the_frames_that_a_pose_completes_are_bounded() -> None:
    settings = FeatureSettings()
    for start in (0.0, 1.7e9, MAX_TIME_S - 5.0):
        stream = FeatureStream(UPPER_BODY_6, settings)
        gaps = (0.0, settings.max_gap_s - 0.01, settings.max_gap_s + 0.01, 1.0)
        n_frames = [len(stream.update(pose)) for pose in iter_standing(start + np.cumsum(gaps))]
        assert n_frames == [1, 20, 1, 1], "after a longer gap the stream starts anew"


def iter_standing(times: FloatArray) -> Iterator[Pose]:
    for time in times:
        yield Pose(skeleton=UPPER_BODY_6, time=float(time), position=np.arange(12.0).reshape(6, 2))


@pytest.mark.parametrize("values", [{"rate_hz": 1e9}, {"rate_hz": float("inf")}, {"max_gap_s": float("nan")}])
def test_settings_that_would_make_endless_frames_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(InvalidDataError, match=f"{next(iter(values))} must be above 0 and at most"):
        FeatureSettings(**values)
