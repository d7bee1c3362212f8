from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from actionpose.errors import InvalidDataError
from actionpose.pose import Pose, PoseSequence
from actionpose.recorder import RecorderSettings, RecorderState, TakeRecorder
from actionpose.skeleton import COCO_17
from actionpose.sources.puppet import PuppetSource
from actionpose.takes import Take
from tests.bodies import ARM, body, with_confidence


def feed(recorder: TakeRecorder, *sequences: PoseSequence) -> list[RecorderState]:
    """Play sequences one after the other and return the states."""
    states, start = [], 0.0
    for sequence in sequences:
        states += [recorder.update(pose) for pose in sequence.shifted(start).iter_poses()]
        start += sequence.time[-1] + np.diff(sequence.time)[-1]
    return states


def takes_of(states: list[RecorderState]) -> list[Take]:
    return [state.take for state in states if state.take is not None]


def phases_of(states: list[RecorderState]) -> list[str]:
    phases = [state.phase for state in states]
    return [phase for i, phase in enumerate(phases) if i == 0 or phase != phases[i - 1]]


def test_automatic_takes_begin_and_end_with_the_motion() -> None:
    recorder = TakeRecorder(RecorderSettings(takes=2, countdown_s=1.0, pause_s=1.0))
    states = feed(recorder, body((2.5, 4.0), duration=7), body((1.0, 2.5), duration=4, seed=1))
    assert phases_of(states) == ["countdown", "waiting", "recording", "pause", "waiting", "recording", "done"]
    first, second = takes_of(states)
    assert first.verdict.ok
    assert second.verdict.ok
    assert (first.sequence.time[0], first.sequence.time[-1]) == pytest.approx((2.4, 4.1), abs=0.12)
    assert first.recorded.time[0] < first.sequence.time[0]
    assert first.recorded.time[-1] == pytest.approx(4.9, abs=0.2)
    assert second.sequence.time[0] == pytest.approx(7.9, abs=0.12)


@pytest.mark.parametrize("rate_hz", [10.0, 30.0])
def test_takes_are_found_through_the_jitter_of_an_estimator(rate_hz: float) -> None:
    puppet = PuppetSource("squat,squat", rate_hz=rate_hz, pause=2.5)
    recorder = TakeRecorder(RecorderSettings(takes=2, countdown_s=0.2, pause_s=0.5))
    random, jitter, states = np.random.default_rng(0), np.zeros((33, 3)), []
    for i in range(puppet.info.n_frames or 0):
        jitter = 0.6 * jitter + random.normal(scale=0.008, size=jitter.shape)  # metres
        pose = puppet.truth(i)
        states.append(recorder.update(replace(pose, position=pose.position + jitter)))
    takes = takes_of(states)
    assert [take.verdict.problems for take in takes] == [(), ()]
    for take, (_, start, end) in zip(takes, puppet.spans, strict=True):
        assert (take.sequence.time[0], take.sequence.time[-1]) == pytest.approx((start, end), abs=0.4)


def test_a_take_is_handed_over_exactly_once_and_before_the_next() -> None:
    recorder = TakeRecorder(RecorderSettings(takes=2, countdown_s=0, pause_s=0.5, seconds=2.0))
    states = feed(recorder, *[body((0.5, 1.5), duration=2.5, seed=seed) for seed in range(2)])
    handed_over = [i for i, state in enumerate(states) if state.take is not None]
    assert len(handed_over) == 2
    assert [states[i].phase for i in handed_over] == ["pause", "done"]
    assert [state.take_number for state in states][:: len(states) - 1] == [1, 2]


def test_fixed_length_takes_have_that_length() -> None:
    states = feed(TakeRecorder(RecorderSettings(takes=1, countdown_s=0.5, seconds=2.0)), body((0.8, 2.0)))
    assert phases_of(states) == ["countdown", "recording", "done"]
    assert states[0].time_left == pytest.approx(0.5)
    assert next(s for s in states if s.phase == "recording").time_left == pytest.approx(2.0)
    (take,) = takes_of(states)
    assert (take.recorded.time[0], take.recorded.time[-1]) == pytest.approx((0.5, 2.5), abs=0.04)
    assert len(take.sequence) < len(take.recorded)


def test_a_pose_to_hold_is_recorded_with_takes_of_a_fixed_length() -> None:
    settings = RecorderSettings(takes=2, countdown_s=0, pause_s=0.5, seconds=1.5)
    takes = takes_of(feed(TakeRecorder(settings), body(None, duration=6.0)))
    assert [take.verdict.ok for take in takes] == [True, True]
    assert [take.sequence.duration for take in takes] == pytest.approx([1.5, 1.5], abs=0.1)


def test_a_take_with_problems_is_repeated_until_the_retries_are_used_up() -> None:
    settings = RecorderSettings(takes=2, retries=1, countdown_s=0, pause_s=0.5, seconds=2.0)
    hidden = with_confidence(body((0.5, 1.5), duration=2.5), ARM, 0.0)
    good = body((0.5, 1.5), duration=2.5)
    states = feed(TakeRecorder(settings), hidden, good, good, good)
    assert [take.verdict.ok for take in takes_of(states)] == [False, True, True]
    assert [state.take_number for state in states if state.take] == [1, 2, 2]
    given_up = feed(TakeRecorder(settings), hidden, hidden, good)
    assert [take.verdict.ok for take in takes_of(given_up)] == [False, False]
    assert given_up[-1].phase == "done"
    assert [given_up[-1].has_given_up, any(state.has_given_up for state in states)] == [True, False]


def test_a_slip_in_the_first_take_does_not_spoil_the_rest() -> None:
    settings = RecorderSettings(takes=2, countdown_s=0, pause_s=0.5, seconds=2.0)
    slip = body((0.5, 1.5), duration=2.5, move="squat")
    good = body((0.5, 1.5), duration=2.5)
    assert [t.verdict.ok for t in takes_of(feed(TakeRecorder(settings), slip, good, good))] == [True, False, True]


def test_a_take_begins_only_after_stillness_and_with_somebody_in_view() -> None:
    recorder = TakeRecorder(RecorderSettings(takes=1, countdown_s=0))
    nobody = [recorder.update(Pose.missing(COCO_17, i / 30)) for i in range(60)]
    assert {state.phase for state in nobody} == {"waiting"}
    assert nobody[-1].advice == "Step into the picture."
    walking_in = [recorder.update(pose) for pose in body((0.0, 2.0), duration=2.0).shifted(2.0).iter_poses()]
    assert {state.phase for state in walking_in} == {"waiting"}
    assert walking_in[-1].advice == "Hold still for a moment."
    still = [recorder.update(pose) for pose in body(None, duration=1.0).shifted(4.0).iter_poses()]
    assert still[-1].advice == "Go: perform the action."
    acting = [recorder.update(pose) for pose in body((0.5, 2.0)).shifted(5.0).iter_poses()]
    assert takes_of(acting)[0].verdict.ok


def test_a_twitch_is_not_a_take() -> None:
    states = feed(TakeRecorder(RecorderSettings(countdown_s=0, min_s=0.6)), body((1.5, 1.7)))
    assert phases_of(states) == ["waiting", "recording", "waiting"]
    assert takes_of(states) == []


def test_a_body_that_leaves_ends_the_take() -> None:
    recorder = TakeRecorder(RecorderSettings(takes=1, countdown_s=0))
    feed(recorder, body((1.0, 3.0), duration=2.5))
    left = [recorder.update(Pose.missing(COCO_17, 2.5 + i / 30)) for i in range(40)]
    assert len(takes_of(left)) == 1


def test_motion_without_end_is_cut_at_the_longest_take() -> None:
    states = feed(TakeRecorder(RecorderSettings(takes=1, countdown_s=0, max_s=1.0)), body((1.0, 6.0), duration=6))
    (take,) = takes_of(states)
    assert take.recorded.duration == pytest.approx(1.5, abs=0.1)


def test_flush_hands_over_what_was_under_way() -> None:
    recorder = TakeRecorder(RecorderSettings(countdown_s=0, seconds=60))
    feed(recorder, body())
    state = recorder.flush()
    assert state.phase == "done"
    assert state.take is not None
    assert len(state.take.recorded) == 120
    assert recorder.flush().take is None
    assert recorder.update(Pose.missing(COCO_17, 99.0)).phase == "done"


def test_reset_begins_again() -> None:
    recorder = TakeRecorder(RecorderSettings(takes=1, countdown_s=0.2, seconds=2.0))
    first = feed(recorder, body())
    recorder.reset()
    second = feed(recorder, body())
    assert [s.phase for s in first] == [s.phase for s in second]
    np.testing.assert_array_equal(takes_of(first)[0].sequence.time, takes_of(second)[0].sequence.time)


def test_late_poses_are_ignored() -> None:
    recorder = TakeRecorder(RecorderSettings(takes=1, countdown_s=0, seconds=2.0))
    poses = list(body().iter_poses())
    states = [recorder.update(pose) for pose in (*poses[:30], *poses[10:30], *poses[29:])]
    assert len(takes_of(states)) == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"takes": 0}, "at least 1 take"),
        ({"retries": -1}, "0 retries"),
        ({"countdown_s": -1.0}, "countdown_s must be 0 or more"),
        ({"still_s": float("nan")}, "still_s must be 0 or more"),
        ({"seconds": 0.0}, "longer than 0 s"),
        ({"max_s": 0.1}, "max_s must be more than"),
    ],
)
def test_settings_are_checked(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidDataError, match=message):
        RecorderSettings(**values)
