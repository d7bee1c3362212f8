from __future__ import annotations

import dataclasses
import functools
import itertools
import tracemalloc
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from actionpose.decision import ActionEvent
from actionpose.errors import InvalidDataError
from actionpose.features import FEATURES
from actionpose.pose import Pose, PoseSequence
from actionpose.recognizer import Recognizer, RecognizerSettings
from actionpose.skeleton import COCO_17, Skeleton
from actionpose.template import UNKNOWN, Template
from tests.synthetic import (
    ACTIONS,
    BODIES,
    UNKNOWN_MOVE,
    Move,
    frame_times,
    idle,
    make_templates,
    sample,
    script,
)

SCRIPT = script(["wave", "raise", UNKNOWN_MOVE, "punch", "cross"], seed=1, pause=2.0)
TIME = frame_times(0.0, SCRIPT[-1].end + 2.0)
SKELETON, N_DIMS = BODIES["upper_body_6"], 2


def make_recognizer(
    *,
    n_takes: int = 1,
    labels: tuple[str, ...] = ACTIONS,
    skeleton: Skeleton = SKELETON,
    n_dims: int = N_DIMS,
    **settings: Any,
) -> Recognizer:
    """Window mode is told what idling looks like; stream mode need not be."""
    templates = make_templates(labels, n_takes=n_takes, skeleton=skeleton, n_dims=n_dims)
    background = idle(5.0, skeleton=skeleton, n_dims=n_dims, seed=77) if settings.get("mode") == "window" else None
    return Recognizer(templates, background=background, settings=RecognizerSettings(**settings))


@functools.cache
def usual_recognizer() -> Recognizer:
    return make_recognizer()


@functools.cache
def usual_events() -> tuple[ActionEvent, ...]:
    return tuple(usual_recognizer().recognize(sample(SCRIPT, TIME, seed=99)))


def overlap_s(event: ActionEvent, move: Move) -> float:
    return min(event.end_time, move.end) - max(event.start_time, move.start)


# --- what it recognises ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize(
    ("body", "n_dims"), [("upper_body_6", 2), ("upper_body_6", 3), ("blazepose_33", 2), ("blazepose_33", 3)]
)
def test_stream_mode_finds_each_action_once_when_it_was(feature: str, body: str, n_dims: int) -> None:
    recognizer = make_recognizer(feature=feature, skeleton=BODIES[body], n_dims=n_dims)
    events = recognizer.recognize(sample(SCRIPT, TIME, skeleton=BODIES[body], n_dims=n_dims, seed=99))
    wanted = [move for move in SCRIPT if move.label != UNKNOWN_MOVE]
    assert [event.label for event in events] == [move.label for move in wanted]
    for event, move in zip(events, wanted, strict=True):
        assert event.start_time == pytest.approx(move.start, abs=0.5)
        assert event.end_time == pytest.approx(move.end, abs=0.3)
        assert event.end_time <= event.report_time + 1e-9
        assert event.report_time - event.end_time < 0.55
        assert event.distance < event.threshold


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize(("body", "n_dims"), [("upper_body_6", 2), ("blazepose_33", 3)])
def test_window_mode_finds_the_actions_and_nothing_in_the_pauses(feature: str, body: str, n_dims: int) -> None:
    recognizer = make_recognizer(mode="window", feature=feature, window_frames=45, skeleton=BODIES[body], n_dims=n_dims)
    moves = script(ACTIONS, seed=1, pause=2.0)
    time = frame_times(0.0, moves[-1].end + 2.0)
    events = recognizer.recognize(sample(moves, time, skeleton=BODIES[body], n_dims=n_dims, seed=99))
    for move in moves:
        found = [event for event in events if overlap_s(event, move) > 0]
        best = min(found, key=lambda event: event.distance)
        assert best.label == move.label
        assert best.end_time - best.start_time == pytest.approx(45 / 30)
        # A window may lie anywhere over an action that is shorter or longer.
        assert best.start_time == pytest.approx(move.start, abs=0.9)
        assert best.end_time == pytest.approx(move.end, abs=0.9)
    assert all(any(overlap_s(event, move) > 0 for move in moves) for event in events)


def test_window_mode_reports_an_action_once() -> None:
    moves = script(ACTIONS, seed=1, pause=2.0)
    recognizer = make_recognizer(mode="window", window_frames=45)
    events = recognizer.recognize(sample(moves, frame_times(0.0, moves[-1].end + 2.0), seed=99))
    assert [event.label for event in events] == [move.label for move in moves]


def test_window_mode_is_silent_on_idling_it_was_not_shown() -> None:
    settings = RecognizerSettings(mode="window")
    assert Recognizer(make_templates(n_takes=1), settings=settings).recognize(idle(6.0, seed=3)) == []


def test_fastdtw_backend_finds_the_action() -> None:
    recognizer = make_recognizer(mode="window", backend="fastdtw", window_frames=15, rate_hz=10.0)
    events = recognizer.recognize(sample([Move("raise", 2.0, 3.4)], frame_times(0.0, 4.5), seed=2))
    assert {event.label for event in events} == {"raise"}


@pytest.mark.parametrize("feature", FEATURES)
def test_stream_mode_is_silent_on_idle_and_unknown_motion(feature: str) -> None:
    moves = script([UNKNOWN_MOVE] * 3, seed=4)
    poses = sample(moves, frame_times(0.0, moves[-1].end + 2.0), seed=5, noise=0.01)
    assert make_recognizer(feature=feature).recognize(poses) == []


# Of six keypoints in the plane a raised hand is nearly half a wave: there it takes a little less sensitivity.
@pytest.mark.parametrize(("body", "n_dims", "sensitivity"), [("blazepose_33", 3, 1.0), ("upper_body_6", 2, 0.9)])
@pytest.mark.parametrize("label", ACTIONS)
def test_an_action_without_a_template_is_unknown(label: str, body: str, n_dims: int, sensitivity: float) -> None:
    others = tuple(other for other in ACTIONS if other != label)
    recognizer = make_recognizer(labels=others, skeleton=BODIES[body], n_dims=n_dims, sensitivity=sensitivity)
    moves = [Move(label, 1.0, 2.5)]
    sequence = sample(moves, frame_times(0.0, 4.0), skeleton=BODIES[body], n_dims=n_dims, seed=6)
    assert recognizer.recognize(sequence) == []


@pytest.mark.parametrize("rate_hz", [10.0, 15.0, 60.0])
def test_a_camera_of_another_rate_gives_the_same_actions(rate_hz: float) -> None:
    events = usual_recognizer().recognize(sample(SCRIPT, frame_times(0.0, TIME[-1], rate_hz), seed=99))
    assert [event.label for event in events] == [event.label for event in usual_events()]
    for found, expected in zip(events, usual_events(), strict=True):
        assert found.start_time == pytest.approx(expected.start_time, abs=0.25)
        assert found.end_time == pytest.approx(expected.end_time, abs=0.25)


def test_repetitions_without_a_pause_are_an_event_each() -> None:
    moves = [Move("raise", 1.0 + 1.3 * i, 1.0 + 1.3 * (i + 1)) for i in range(4)]
    events = usual_recognizer().recognize(sample(moves, frame_times(0.0, 7.5), seed=7))
    assert [event.label for event in events] == ["raise"] * 4
    for event, move in zip(events, moves, strict=True):
        assert overlap_s(event, move) > 0.7 * (move.end - move.start)


def test_two_takes_serve_as_well_as_one() -> None:
    recognizer = make_recognizer(n_takes=2)
    events = recognizer.recognize(sample(SCRIPT, TIME, seed=99))
    assert [event.label for event in events] == [event.label for event in usual_events()]
    assert len(recognizer.state.actions) == len(ACTIONS)


def test_an_event_says_who_did_it_and_what_it_resembled() -> None:
    templates = make_templates(n_takes=1)
    recognizer = Recognizer(templates)
    poses = sample([Move("wave", 1.0, 2.4)], frame_times(0.0, 3.5), seed=8)
    events = [event for pose in poses.iter_poses(track_id=7) for event in recognizer.update(pose)]
    [event] = events + recognizer.flush()
    assert (event.track_id, event.template_id, event.label) == (7, templates[0].id, "wave")


# --- the stream -----------------------------------------------------------------------------------------------------


@hypothesis_settings(max_examples=4, deadline=None)
@given(cuts=st.lists(st.integers(0, 150), max_size=6))
def test_recognize_is_what_an_update_loop_says_however_it_is_cut(cuts: list[int]) -> None:
    recognizer = usual_recognizer()
    poses = sample([Move("wave", 1.0, 2.4), Move("cross", 3.0, 4.2)], frame_times(0.0, 5.0), seed=9)
    expected = recognizer.recognize(poses)
    recognizer.reset()
    events: list[ActionEvent] = []
    for first, last in itertools.pairwise(sorted({0, 150, *cuts})):
        events += [event for pose in poses[first:last].iter_poses() for event in recognizer.update(pose)]
    assert events + recognizer.flush() == expected
    assert [event.label for event in expected] == ["wave", "cross"]


@pytest.mark.parametrize("mode", ["stream", "window"])
def test_reset_gives_identical_results(mode: str) -> None:
    recognizer = make_recognizer(mode=mode)
    poses = sample([Move("punch", 1.0, 2.4)], frame_times(0.0, 3.5), seed=10)
    first = recognizer.recognize(poses)
    recognizer.recognize(sample(SCRIPT[:1], TIME[:120], seed=11))
    assert recognizer.recognize(poses) == first != []
    assert [event.label for event in first] == ["punch"] or mode == "window"


def test_a_copy_has_a_stream_of_its_own() -> None:
    first = make_recognizer(labels=("wave", "raise"))
    poses = sample([Move("raise", 1.0, 2.4)], frame_times(0.0, 3.5), seed=12)
    for pose in poses[:40].iter_poses():
        first.update(pose)
    before = first.state
    events = first.copy().recognize(poses)
    assert [event.label for event in events] == ["raise"]
    assert first.state == before
    rest = [event for pose in poses[40:].iter_poses() for event in first.update(pose)] + first.flush()
    assert rest == events


def test_times_of_the_stream_are_times_of_the_events() -> None:
    poses = sample(SCRIPT, TIME, seed=99).shifted(1000.0)
    events = usual_recognizer().recognize(poses)
    for event, expected in zip(events, usual_events(), strict=True):
        for name in ("start_time", "end_time", "report_time"):
            assert getattr(event, name) == pytest.approx(getattr(expected, name) + 1000.0, abs=0.05)


def test_flush_reports_what_the_end_of_the_stream_cut_short() -> None:
    recognizer = usual_recognizer()
    recognizer.reset()
    poses = sample([Move("raise", 1.0, 2.4)], frame_times(0.0, 2.45), seed=12)
    assert [event for pose in poses.iter_poses() for event in recognizer.update(pose)] == []
    [event] = recognizer.flush()
    assert event.label == "raise"
    assert event.end_time == pytest.approx(2.4, abs=0.25)
    assert recognizer.flush() == []


def test_people_who_leave_and_come_back_are_recognised() -> None:
    poses = list(sample([Move("wave", 1.0, 2.4), Move("raise", 6.0, 7.4)], frame_times(0.0, 8.5), seed=13).iter_poses())
    gone = [Pose.missing(SKELETON, pose.time, n_dims=2) if 3.2 < pose.time < 5.0 else pose for pose in poses]
    away = [pose for pose in poses if not 3.2 < pose.time < 5.0]
    for seen in (gone, away):
        recognizer = usual_recognizer()
        recognizer.reset()
        events = [event for pose in seen for event in recognizer.update(pose)]
        assert [event.label for event in events] == ["wave", "raise"]
        assert events[1].start_time == pytest.approx(6.0, abs=0.4)
        assert events[1].end_time == pytest.approx(7.4, abs=0.3)


@pytest.mark.parametrize("mode", ["stream", "window"])
def test_missing_keypoints_are_borne(mode: str) -> None:
    poses = sample([Move("raise", 2.0, 3.5)], frame_times(0.0, 5.0), seed=14)
    position = poses.position.copy()
    random = np.random.default_rng(15)
    position[random.uniform(size=position.shape[:2]) < 0.1] = np.nan
    events = make_recognizer(mode=mode).recognize(PoseSequence(skeleton=SKELETON, time=poses.time, position=position))
    assert {event.label for event in events} == {"raise"}


def test_nothing_but_missing_poses_is_nothing() -> None:
    for mode in ("stream", "window"):
        recognizer = make_recognizer(mode=mode)
        poses = [Pose.missing(SKELETON, float(time), n_dims=2) for time in frame_times(0.0, 3.0)]
        assert [event for pose in poses for event in recognizer.update(pose)] + recognizer.flush() == []
        assert recognizer.state.label == UNKNOWN


# --- state ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["stream", "window"])
def test_state_before_during_and_after(mode: str) -> None:
    recognizer = make_recognizer(mode=mode)
    before = recognizer.state
    assert before.label == UNKNOWN
    assert np.isnan(before.time)
    assert [action.label for action in before.actions] == sorted(ACTIONS)
    assert all(action.distance == np.inf and action.progress == 0.0 for action in before.actions)
    poses = sample([Move("raise", 2.0, 3.5)], frame_times(0.0, 5.5), seed=16)
    labels = []
    for pose in poses.iter_poses():
        recognizer.update(pose)
        state = recognizer.state
        labels.append(state.label)
        assert state.time == pytest.approx(pose.time, abs=0.04)
        assert all(0.0 <= action.progress <= 1.0 and action.threshold > 0 for action in state.actions)
        best = min(state.actions, key=lambda action: action.ratio)
        assert state.label == (best.label if best.ratio < 1.0 else UNKNOWN)
    assert labels[0] == labels[-1] == UNKNOWN
    assert set(labels) == {UNKNOWN, "raise"} or mode == "window"
    assert labels[round(3.5 * 30)] == "raise"
    recognizer.reset()
    assert np.isnan(recognizer.state.time)
    assert recognizer.state.actions == before.actions


# --- settings and errors --------------------------------------------------------------------------------------------


def test_disabled_templates_are_ignored() -> None:
    templates = [dataclasses.replace(t, enabled=t.label != "wave") for t in make_templates(n_takes=1)]
    recognizer = Recognizer(templates)
    assert [action.label for action in recognizer.state.actions] == ["cross", "punch", "raise"]
    assert "wave" not in {event.label for event in recognizer.recognize(sample(SCRIPT[:1], TIME[:160], seed=99))}


@pytest.mark.parametrize("background", [idle(4.0), [idle(4.0), idle(2.0, seed=1)], []], ids=["one", "two", "none"])
def test_a_quiet_background_takes_nothing_away(background: Any) -> None:
    events = Recognizer(make_templates(n_takes=1), background=background).recognize(sample(SCRIPT, TIME, seed=99))
    assert [event.label for event in events] == [event.label for event in usual_events()]


def test_sensitivity_decides_between_missing_and_firing() -> None:
    poses = sample(SCRIPT, TIME, seed=99)
    assert make_recognizer(sensitivity=0.02).recognize(poses) == []
    assert len(make_recognizer(sensitivity=3.0).recognize(poses)) >= 4


def test_without_templates() -> None:
    disabled = [dataclasses.replace(t, enabled=False) for t in make_templates(["wave"])]
    for templates in ([], disabled):
        with pytest.raises(InvalidDataError, match="no template to recognise"):
            Recognizer(templates)


def test_templates_of_several_skeletons_or_dimensions() -> None:
    flat = make_templates(["wave"], n_takes=1)
    for odd in ({"n_dims": 3}, {"skeleton": BODIES["blazepose_33"]}):
        with pytest.raises(InvalidDataError, match="must share"):
            Recognizer(flat + make_templates(["raise"], n_takes=1, **odd))


def test_a_pose_of_another_skeleton() -> None:
    with pytest.raises(InvalidDataError, match=r"'upper_body_6' in 2-D .*'coco_17' in 3-D"):
        make_recognizer(labels=("wave",)).update(Pose.missing(COCO_17, 0.0))


def test_a_pose_of_another_dimension() -> None:
    with pytest.raises(InvalidDataError, match="-D"):
        make_recognizer(labels=("wave",)).recognize(sample([], frame_times(0.0, 1.0), n_dims=3))


def test_times_that_do_not_increase() -> None:
    recognizer = make_recognizer(labels=("wave",))
    recognizer.update(Pose.missing(SKELETON, 1.0, n_dims=2))
    with pytest.raises(InvalidDataError, match="must increase"):
        recognizer.update(Pose.missing(SKELETON, 1.0, n_dims=2))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mode": "magic"}, "mode must be one of stream, window; got 'magic'"),
        ({"backend": "slow"}, "backend must be one of exact, fastdtw; got 'slow'"),
        ({"feature": "colours"}, "feature must be one of positions, directions, angles"),
        ({"rate_hz": 0.0}, "rate_hz"),
        ({"sensitivity": 0.0}, "sensitivity must be above 0"),
        ({"sensitivity": float("nan")}, "sensitivity"),
        ({"min_confidence": 1.5}, "min_confidence"),
        ({"window_frames": 1}, "window_frames"),
        ({"top": 0}, "top must be above 0"),
        ({"ratio": 1.1}, "ratio"),
        ({"ratio": 0.0}, "ratio"),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidDataError, match=message):
        RecognizerSettings(**settings)


# --- whole recordings and clips -------------------------------------------------------------------------------------


def test_trace_shows_every_event_at_its_end() -> None:
    recognizer = usual_recognizer()
    sequence = sample(SCRIPT, TIME, seed=99)
    trace = recognizer.trace(sequence)
    assert trace.distance.shape == trace.start_time.shape == (len(trace.time), len(trace.labels))
    assert trace.labels == ACTIONS
    np.testing.assert_allclose(np.diff(trace.time), 1 / 30)
    for event in usual_events():
        template = trace.template_ids.index(event.template_id)
        row = int(np.abs(trace.time - (event.end_time - 1 / 30)).argmin())
        assert trace.distance[row, template] == pytest.approx(event.distance, rel=1e-5)
        assert trace.start_time[row, template] == pytest.approx(event.start_time)
        assert trace.threshold[template] == pytest.approx(event.threshold)


def test_trace_leaves_the_stream_alone_and_shows_nothing_where_nobody_is() -> None:
    recognizer = make_recognizer()
    sequence = sample(SCRIPT, TIME, seed=99)
    events = [event for pose in sequence.between(0.0, 2.0).iter_poses() for event in recognizer.update(pose)]
    hidden = sequence.position.copy()
    hidden[90:150] = np.nan
    absent = PoseSequence(skeleton=SKELETON, time=sequence.time, position=hidden)
    trace = recognizer.trace(absent)
    gone = (trace.time > TIME[92]) & (trace.time < TIME[148])
    assert np.isinf(trace.distance[gone]).all()
    assert np.isnan(trace.start_time[gone]).all()
    assert (trace.start_time[trace.time > 6.0] > 4.9).all()
    events += [event for pose in sequence.between(2.0, 1e9).iter_poses() for event in recognizer.update(pose)]
    assert [event.label for event in events + recognizer.flush()] == [event.label for event in usual_events()]


@pytest.mark.parametrize("label", ACTIONS)
def test_classify_ranks_the_actions_by_nearness_to_a_whole_clip(label: str) -> None:
    recognizer = make_recognizer(n_takes=2)
    actions = recognizer.classify(sample([Move(label, 0.0, 2.4)], frame_times(0.0, 2.4), seed=12))
    assert actions[0].label == label
    assert sorted(action.label for action in actions) == sorted(ACTIONS)
    assert [action.ratio for action in actions] == sorted(action.ratio for action in actions)
    assert actions[0].ratio < 0.5 * actions[1].ratio


def test_trace_and_classify_compare_as_a_stream_does_in_every_mode() -> None:
    """Distances of a window and of a stream are no measure for each other's thresholds."""
    sequence, background = sample(SCRIPT, TIME, seed=99), idle(5.0, skeleton=SKELETON, n_dims=N_DIMS, seed=77)
    templates = make_templates()
    stream, window = (
        Recognizer(templates, background=background, settings=RecognizerSettings(mode=mode))
        for mode in ("stream", "window")
    )
    ours, theirs = stream.trace(sequence), window.copy().trace(sequence)
    np.testing.assert_array_equal(ours.distance, theirs.distance)
    np.testing.assert_array_equal(ours.threshold, theirs.threshold)
    assert stream.classify(sequence) == window.classify(sequence)
    assert stream.state.actions[0].threshold != window.state.actions[0].threshold


def test_trace_and_classify_refuse_another_body() -> None:
    sequence = sample([Move("wave", 0.0, 1.0)], frame_times(0.0, 1.0), skeleton=BODIES["blazepose_33"], n_dims=3)
    for ask in (usual_recognizer().trace, usual_recognizer().classify):
        with pytest.raises(InvalidDataError, match="Expected poses of 'upper_body_6' in 2-D"):
            ask(sequence)


def test_the_other_hand_is_recognised_by_the_mirrored_template_alone() -> None:
    templates = make_templates(["wave", "raise"], n_takes=1)
    stream = sample([Move("wave", 1.0, 2.5)], frame_times(0.0, 4.0), seed=6)
    other_hand = PoseSequence(skeleton=SKELETON, time=stream.time, position=stream.mirrored().position)
    assert [event.label for event in Recognizer(templates).recognize(other_hand)] == []
    mirrored = [template.mirrored() for template in templates]
    [event] = Recognizer([*templates, *mirrored]).recognize(other_hand)
    assert (event.label, event.template_id) == ("wave", mirrored[0].id)


def test_the_time_of_day_gives_the_same_events() -> None:
    now = 1.7e9
    events = usual_recognizer().copy().recognize(sample(SCRIPT, TIME, seed=99).shifted(now))
    assert [event.label for event in events] == [event.label for event in usual_events()]
    for event, usual in zip(events, usual_events(), strict=True):
        assert event.start_time - now == pytest.approx(usual.start_time, abs=1e-5)
        assert event.end_time - now == pytest.approx(usual.end_time, abs=1e-5)


@pytest.mark.parametrize("mode", ["stream", "window"])
def test_a_template_of_two_minutes_needs_no_more_memory_than_one_of_half_a_minute(mode: str) -> None:
    first = make_templates(("wave",), n_takes=1)[0]
    long = dataclasses.replace(first, label="long", sequence=stretched(first.sequence, 119.0))
    tracemalloc.start()
    try:
        Recognizer([first, long], settings=RecognizerSettings(mode=mode))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 250 * 2**20


def stretched(sequence: PoseSequence, duration: float) -> PoseSequence:
    return dataclasses.replace(sequence, time=np.linspace(0.0, duration, len(sequence)))


@pytest.mark.parametrize("mode", ["stream", "window"])
def test_a_template_like_standing_still_breaks_nothing(mode: Literal["stream", "window"]) -> None:
    wave = make_templates(("wave",), n_takes=1, skeleton=SKELETON, n_dims=N_DIMS)[0]
    position = np.repeat(wave.sequence.position[:1], len(wave.sequence), axis=0)
    still = Template(label="still", sequence=dataclasses.replace(wave.sequence, position=position))
    recognizer = Recognizer([wave, still], settings=RecognizerSettings(mode=mode))
    recognizer.recognize(sample(SCRIPT, TIME, seed=99))
    assert all(action.ratio > 0 for action in recognizer.state.actions)
