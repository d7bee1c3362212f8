from __future__ import annotations

import builtins
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from actionpose.bank import MatchSettings, TemplateBank
from actionpose.cost import COMPARED_FRAMES
from actionpose.dtw import IntArray
from actionpose.errors import InvalidDataError
from actionpose.features import FEATURES, Feature, FeatureFrame, FeatureSettings, FeatureStream
from actionpose.matching import Match, StreamMatcher, WindowMatcher
from actionpose.pose import FloatArray, PoseSequence
from actionpose.skeleton import BLAZEPOSE_33, UPPER_BODY_6
from actionpose.template import Template
from tests import naive
from tests.synthetic import ACTIONS, Move, frame_times, make_templates, perform, sample

MOVES = [Move("wave", 0.3, 1.7), Move("raise", 2.0, 3.4)]


def make_bank(labels: Iterable[str] = ACTIONS, *, feature: Feature = "positions", **options: Any) -> TemplateBank:
    settings = MatchSettings(features=FeatureSettings(feature=feature))
    return TemplateBank(make_templates(tuple(labels), n_takes=1, **options), settings)


def make_frames(bank: TemplateBank, moves: list[Move] = MOVES, seconds: float = 4.0) -> list[FeatureFrame]:
    poses = sample(moves, frame_times(0.0, seconds), skeleton=bank.skeleton, n_dims=bank.n_dims, seed=5)
    stream = FeatureStream(bank.skeleton, bank.settings.features)
    return [frame for pose in poses.iter_poses() for frame in stream.update(pose)]


def hide(frame: FeatureFrame, features: Any = slice(None), *, travel: bool = False) -> FeatureFrame:
    vector = frame.vector.copy()
    vector[features] = np.nan
    lost = np.full_like(frame.travel, np.nan)
    return FeatureFrame(frame.time, vector, lost if travel else frame.travel, frame.restarts)


def distances(matcher: StreamMatcher | WindowMatcher, frames: Iterable[FeatureFrame]) -> FloatArray:
    rows = []
    for frame in frames:
        matcher.update(frame)
        rows.append(matcher.distances.copy())
    return np.stack(rows)


def ends(matcher: StreamMatcher, frames: Iterable[FeatureFrame]) -> tuple[FloatArray, IntArray]:
    """Distance and start of every template's match after every frame, (T, N) each."""
    rows = []
    for frame in frames:
        matcher.update(frame)
        rows.append(matcher.ends())
    distance, start, _ = zip(*rows, strict=True)
    return np.stack(distance), np.stack(start)


def naive_ends(bank: TemplateBank, frames: list[FeatureFrame], i: int) -> tuple[FloatArray, FloatArray]:
    stream = np.stack([np.concatenate([frame.vector, frame.travel]) for frame in frames])
    settings = bank.settings
    held = (naive.hold(stream, n_frames) for n_frames in (COMPARED_FRAMES, bank.max_gap_frames))
    about = (*held, bank.tracks[i], bank.weights[i])
    known = {
        "n_features": bank.n_features,
        "lag": round(settings.lag_s * settings.features.rate_hz),
        "stillness": settings.stillness,
    }
    cost = naive.local_cost(*about, **known, position_weight=settings.position_weight)
    distance, start, n_matched = naive.streaming_dtw(
        cost, naive.pause_cost(*about, **known), is_long=bool(bank.is_long[i])
    )
    return distance / (len(bank.tracks[i]) + n_matched), start


# --- the bank -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("n_dims", [2, 3])
def test_bank_compiles_templates_to_even_tracks(feature: Feature, n_dims: int) -> None:
    bank = make_bank(feature=feature, n_dims=n_dims)
    assert bank.lengths.tolist() == [len(track) for track in bank.tracks]
    assert (bank.lengths == round(perform("wave", duration=1.3).duration * 30)).all()
    np.testing.assert_allclose(bank.weights.mean(axis=1), 1.0)
    for track, timed in zip(bank.tracks, bank.timed_tracks, strict=True):
        assert track.shape[1] == bank.n_features + (n_dims if feature == "positions" else 0)
        np.testing.assert_allclose(track[0], timed[0], atol=1e-9)
        np.testing.assert_allclose(track[-1], timed[-1], atol=0.02)  # smoothing has all but caught up
        steps = np.linalg.norm(np.diff(track, axis=0), axis=1)
        assert steps.max() < 3 * np.median(steps)


@pytest.mark.parametrize(("duration", "length"), [(0.1, 12), (1.0, 30), (20.0, 150)])
@pytest.mark.parametrize("rate_hz", [10.0, 60.0])
def test_track_lengths_follow_duration_within_bounds(duration: float, length: int, rate_hz: float) -> None:
    poses = perform("wave", duration=duration + 1 / rate_hz, rate_hz=rate_hz)
    assert TemplateBank([Template.from_sequence("wave", poses)], MatchSettings()).lengths.item() == length


def test_what_moves_weighs_more() -> None:
    bank = make_bank(["wave"], noise=0.0)
    weight = dict(zip(UPPER_BODY_6.keypoints, bank.weights[0][: bank.n_features].reshape(6, 2), strict=True))
    assert weight["right_wrist"].min() > 2 * weight["left_wrist"].max()
    assert weight["left_wrist"].min() > 0


def test_a_keypoint_never_seen_weighs_nothing_and_one_lost_for_a_while_is_filled_in() -> None:
    position = perform("wave").position.copy()
    position[:, 4] = np.nan
    position[10:15, 5] = np.nan
    poses = PoseSequence(skeleton=UPPER_BODY_6, time=np.arange(len(position)) / 30, position=position)
    bank = TemplateBank([Template.from_sequence("wave", poses)], MatchSettings())
    assert not bank.weights[0][8:10].any()
    assert bank.weights[0][[*range(8), *range(10, 14)]].mean() == pytest.approx(1.0)
    assert np.isnan(bank.tracks[0][:, 8:10]).all()
    assert np.isfinite(np.delete(bank.tracks[0], [8, 9], axis=1)).all()
    matcher = StreamMatcher(bank)
    assert np.isfinite(distances(matcher, make_frames(bank))[60:]).all()
    assert matcher.distances.shape == (1,)


def test_bank_errors() -> None:
    with pytest.raises(InvalidDataError, match="no template to recognise") as caught:
        TemplateBank([], MatchSettings())
    assert "actionpose record" in caught.value.hint
    flat, deep = make_templates(["wave"], n_takes=1), make_templates(["raise"], n_takes=1, n_dims=3)
    with pytest.raises(InvalidDataError, match="'wave' has upper_body_6 in 2-D, 'raise' has upper_body_6 in 3-D"):
        TemplateBank(flat + deep, MatchSettings())
    other = make_templates(["raise"], n_takes=1, skeleton=BLAZEPOSE_33)
    with pytest.raises(InvalidDataError, match="'raise' has blazepose_33"):
        TemplateBank(flat + other, MatchSettings())


# --- stream -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("feature", "n_dims"), [("positions", 2), ("positions", 3), ("directions", 2), ("angles", 3)])
@pytest.mark.parametrize("holes", ["none", "some", "travel"])
def test_stream_equals_naive(feature: Feature, n_dims: int, holes: str) -> None:
    bank = make_bank(("wave", "raise"), feature=feature, n_dims=n_dims, rate_hz=12.0)
    frames = make_frames(bank, seconds=1.5)
    random = np.random.default_rng(6)
    if holes != "none":
        for i in [*range(0, len(frames), 4), *range(1, len(frames), 4)]:
            lost = random.choice(bank.n_features, size=bank.n_features // 3, replace=False)
            frames[i] = hide(frames[i], lost, travel=holes == "travel")
    found, found_start = ends(StreamMatcher(bank), frames)
    for i in range(2):
        expected, start = naive_ends(bank, frames, i)
        np.testing.assert_allclose(found[:, i], expected, rtol=1e-5)
        finite = np.isfinite(expected)
        np.testing.assert_array_equal(found_start[finite, i], start[finite])


@pytest.mark.parametrize("far", [1e4, 1e30])
def test_a_broken_pose_is_far_from_everything_and_soon_forgotten(far: float) -> None:
    bank = make_bank()
    frames = make_frames(bank)
    usual = distances(StreamMatcher(bank), frames)
    vector = frames[10].vector.copy()
    vector[3] = far
    frames[10] = FeatureFrame(frames[10].time, vector, frames[10].travel, frames[10].restarts)
    broken = distances(StreamMatcher(bank), frames)
    assert not np.isnan(broken).any()
    np.testing.assert_array_equal(broken[-1], usual[-1])


def test_a_frame_that_shows_too_little_says_nothing() -> None:
    bank = make_bank(["wave"])
    frames = [hide(frame, slice(2, None), travel=True) for frame in make_frames(bank, seconds=1.5)]
    expected, _ = naive_ends(bank, frames, 0)
    np.testing.assert_allclose(distances(StreamMatcher(bank), frames)[:, 0], expected, rtol=1e-5)


@pytest.mark.parametrize("template", range(len(ACTIONS)))
def test_the_performed_action_is_the_nearest(template: int) -> None:
    bank = make_bank()
    frames = make_frames(bank, [Move(ACTIONS[template], 0.5, 2.1)], seconds=2.6)
    matcher = StreamMatcher(bank)
    best = min((match for frame in frames for match in matcher.update(frame)), key=lambda match: match.distance)
    assert best.template == template
    assert frames[best.start_frame].time == pytest.approx(0.5, abs=0.35)
    assert frames[best.end_frame - 1].time == pytest.approx(2.1, abs=0.25)


def test_limits_hide_what_is_beyond_them() -> None:
    bank = make_bank()
    frames = make_frames(bank)
    everything, limited = StreamMatcher(bank), StreamMatcher(bank, limits=np.array([0.4, 0.0, np.inf, 0.4]))
    limits = [0.4, 0.0, np.inf, 0.4]
    for frame in frames:
        kept = [match for match in everything.update(frame) if match.distance < limits[match.template]]
        assert limited.update(frame) == kept


@pytest.mark.parametrize(("start", "end"), [(0, 12), (30, 75), (58, 105)])
@pytest.mark.parametrize("hole", [False, True])
def test_judge_equals_naive(start: int, end: int, hole: bool) -> None:
    bank = make_bank(("wave", "raise"))
    frames = make_frames(bank)[:105]
    if hole:
        frames[60] = hide(frames[60], 4)
        frames[40:75] = [hide(frame, 5) for frame in frames[40:75]]  # too long to be remembered
    matcher = StreamMatcher(bank)
    distances(matcher, frames)
    stream = np.stack([np.concatenate([frame.vector, frame.travel]) for frame in frames])
    stretch = naive.hold(stream, bank.max_gap_frames)[start:end]
    for i in range(2):
        expected = naive.judge(2.0, stretch, bank.tracks[i], bank.weights[i])
        match = matcher.judge(i, 2.0, start=start, end=end)
        assert match.distance == pytest.approx(expected, rel=1e-5)
        assert (match.template, match.start_frame, match.end_frame) == (i, start, end)


def test_judge_only_ever_adds_distance() -> None:
    bank = make_bank()
    matcher = StreamMatcher(bank)
    for frame in make_frames(bank):
        matches = matcher.update(frame)
        for match in matches:
            assert match.distance >= matcher.distances[match.template] - 1e-12
            assert match.end_frame == matcher.n_frames
    small = matcher.judge(0, 1.0, start=matcher.n_frames - 10, end=matcher.n_frames)
    assert small.distance > 1.2, "an idle stretch is too small for any template"


@pytest.mark.parametrize("extent", ["one feature", "one frame"])
def test_a_frame_with_a_hole_changes_nothing_once_it_has_left(extent: str) -> None:
    bank = make_bank()
    frames = make_frames(bank, [Move("wave", 0.2, 1.0), Move("raise", 5.0, 6.5)], seconds=7.0)
    holed = list(frames)
    if extent == "one feature":
        holed[20] = hide(frames[20], 7)
    else:
        holed[20] = hide(frames[20], travel=True)
    whole, start = ends(StreamMatcher(bank), frames)
    found, start_with_hole = ends(StreamMatcher(bank), holed)
    assert not np.isnan(found).any()
    has_left = np.minimum(start, start_with_hole) > 20 + bank.lag_frames
    assert has_left[-20:].all()
    np.testing.assert_allclose(found[has_left], whole[has_left], rtol=1e-5)
    if extent == "one feature":
        np.testing.assert_array_equal(found[:20], whole[:20])
        assert (found[20] != whole[20]).any()


def test_matches_bridge_a_short_absence_and_restart_after_a_long_one() -> None:
    bank = make_bank()
    frames = make_frames(bank)
    matcher = StreamMatcher(bank)
    distances(matcher, frames[:30])
    before = matcher.distances.copy()
    absent = hide(frames[30], travel=True)
    for _ in range(int(0.7 * 30)):
        assert matcher.update(absent) == []
        np.testing.assert_array_equal(matcher.distances, before)
        assert matcher.n_frames == 30
    matcher.update(absent)
    assert matcher.n_frames == 0
    fresh = StreamMatcher(bank)
    np.testing.assert_array_equal(distances(matcher, frames[40:]), distances(fresh, frames[40:]))


def test_an_interruption_restarts() -> None:
    bank = make_bank()
    frames = make_frames(bank)
    matcher, fresh = StreamMatcher(bank), StreamMatcher(bank)
    distances(matcher, frames[:50])
    np.testing.assert_array_equal(distances(matcher, frames), distances(fresh, frames))
    assert matcher.n_frames == len(frames)


def test_progress_rises_with_the_performance() -> None:
    bank = make_bank()
    frames = make_frames(bank, [Move("raise", 0.5, 2.0)], seconds=2.2)
    matcher = StreamMatcher(bank)
    progress = []
    for frame in frames:
        matcher.update(frame)
        progress.append(matcher.progress[1])
    assert ((np.array(progress) >= 0) & (np.array(progress) <= 1)).all()
    assert progress[35] < 0.6 < 0.9 < progress[59]


def test_a_long_stream_costs_no_memory_and_stays_exact() -> None:
    bank = make_bank(["wave"])
    frames = make_frames(bank, [Move("wave", 0.5, 2.0)], seconds=2.5)
    matcher, fresh = StreamMatcher(bank), StreamMatcher(bank)
    for _ in range(8):  # the history of 360 frames turns over
        for frame in frames:
            matcher.update(FeatureFrame(frame.time, frame.vector, frame.travel, False))
    idle = [FeatureFrame(0.0, frames[0].vector, frames[0].travel, False)] * 60
    for frame in idle + frames:
        last = matcher.update(FeatureFrame(frame.time, frame.vector, frame.travel, False))
    for frame in idle + frames:
        expected = fresh.update(FeatureFrame(frame.time, frame.vector, frame.travel, False))
    shift = matcher.n_frames - fresh.n_frames
    assert [(m.template, m.start_frame - shift) for m in last] == [(m.template, m.start_frame) for m in expected]
    assert [m.distance for m in last] == pytest.approx([m.distance for m in expected])


# --- window -------------------------------------------------------------------------------------------------------


def run_window(bank: TemplateBank, backend: str, *, seconds: float = 2.0, window_frames: int = 30) -> list[list[Match]]:
    matcher = WindowMatcher(bank, window_frames=window_frames, backend=backend)  # type: ignore[arg-type]
    return [matcher.update(frame) for frame in make_frames(bank, seconds=seconds)]


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("window_frames", [1, 12, 30])
def test_window_equals_naive(feature: Feature, window_frames: int) -> None:
    bank = make_bank(("wave", "raise", "cross"), feature=feature, rate_hz=15.0)
    frames = make_frames(bank, seconds=1.3)
    matcher = WindowMatcher(bank, window_frames=window_frames)
    for t, frame in enumerate(frames):
        found = matcher.update(frame)
        if t + 1 < window_frames:
            assert found == []
            assert np.isinf(matcher.distances).all()
        elif t % 4 == 0:
            window = np.stack([f.vector for f in frames[t + 1 - window_frames : t + 1]])
            for match, track in zip(found, bank.timed_tracks, strict=True):
                cost = np.linalg.norm(window[:, None] - track[None, :, : bank.n_features], axis=2)
                expected = naive.dtw(cost) / (window_frames + len(track))
                assert match.distance == pytest.approx(expected, rel=1e-5)
                assert (match.start_frame, match.end_frame) == (t + 1 - window_frames, t + 1)


def test_fastdtw_ranks_as_exact_does() -> None:
    bank = make_bank(rate_hz=10.0)
    exact, approximate = (run_window(bank, backend, seconds=1.7)[-1] for backend in ("exact", "fastdtw"))
    near = [match.template for match in sorted(exact, key=lambda match: match.distance)]
    assert near == [match.template for match in sorted(approximate, key=lambda match: match.distance)]
    assert ACTIONS[near[0]] == "wave"
    for a, b in zip(exact, approximate, strict=True):
        assert a.distance <= b.distance + 1e-9, "an approximation is never below the optimum"
        assert b.distance == pytest.approx(a.distance, rel=0.1)


def test_fastdtw_missing_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_fastdtw(name: str, *rest: Any) -> Any:
        if name == "fastdtw":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_fastdtw)
    with pytest.raises(InvalidDataError, match="not installed") as caught:
        WindowMatcher(make_bank(["wave"]), backend="fastdtw")
    assert "actionpose[fastdtw]" in caught.value.hint


def test_window_takes_what_is_not_seen_as_where_it_was() -> None:
    bank = make_bank()
    frames = make_frames(bank, seconds=2.0)
    held = [*frames[:40], hide(frames[40], [10, 11]), *frames[41:]]
    frozen = frames[40].vector.copy()
    frozen[[10, 11]] = frames[39].vector[[10, 11]]
    told = [*frames[:40], FeatureFrame(0.0, frozen, frames[40].travel, False), *frames[41:]]
    np.testing.assert_array_equal(
        distances(WindowMatcher(bank, window_frames=30), held), distances(WindowMatcher(bank, window_frames=30), told)
    )
    first = WindowMatcher(bank, window_frames=5)
    assert not np.isnan(distances(first, [hide(frame) for frame in frames[:8]])).any()


def test_window_forgets_on_reset_and_interruption() -> None:
    bank = make_bank()
    frames = make_frames(bank, seconds=2.0)
    matcher, fresh = WindowMatcher(bank, window_frames=30), WindowMatcher(bank, window_frames=30)
    distances(matcher, frames)
    assert matcher.progress.tolist() == [1.0] * 4
    matcher.reset()
    assert (matcher.n_frames, matcher.progress.tolist()) == (0, [0.0] * 4)
    np.testing.assert_array_equal(distances(matcher, frames[:45]), distances(fresh, frames[:45]))
    matcher.update(frames[0])
    assert matcher.n_frames == 1, "the first frame of a stream says that it begins"
