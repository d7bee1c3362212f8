from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionpose.errors import InvalidDataError
from actionpose.pose import FloatArray, Pose, PoseSequence
from actionpose.recorder import (
    RecorderSettings,
    RecorderState,
    Take,
    TakeRecorder,
    assess_take,
    compute_motion,
    template_from_take,
    trim_still,
)
from actionpose.skeleton import COCO_17, Skeleton
from actionpose.sources.puppet import PuppetSource

ARM = COCO_17.indices(["right_elbow", "right_wrist"])
LEGS = COCO_17.indices([f"{side}_{joint}" for side in ("left", "right") for joint in ("hip", "knee", "ankle")])
BODY = np.array(
    [[0, -60], [3, -63], [-3, -63], [6, -60], [-6, -60], [18, -45], [-18, -45], [25, -22], [-25, -22],
     [27, 0], [-27, 0], [11, 0], [-11, 0], [12, 40], [-12, 40], [12, 80], [-12, 80]], dtype=float,
)  # fmt: skip


def body(
    active: tuple[float, float] | None = (1.0, 2.5),
    *,
    duration: float = 4.0,
    rate_hz: float = 30.0,
    noise: float = 0.003,
    move: str = "wave",
    seed: int = 0,
    scale: float = 3.0,
    **changes: Any,
) -> PoseSequence:
    """A standing body, seen at 640 x 480, that moves its right arm or squats during `active`."""
    random = np.random.default_rng(seed)
    time = np.arange(round(duration * rate_hz)) / rate_hz
    position = np.repeat(BODY[None], len(time), axis=0)
    if active is not None:
        phase = np.clip((time - active[0]) / (active[1] - active[0]), 0, 1)
        if move == "wave":
            lift = np.sin(np.pi * phase) ** 0.5
            position[:, ARM, 1] -= np.outer(lift, [30, 75])
            position[:, ARM[1], 0] += 15 * lift * np.sin(6 * np.pi * phase)
        else:
            position[:, :13, 1] += 30 * np.sin(np.pi * phase)[:, None]
    position += random.normal(scale=noise * 45, size=position.shape)
    return PoseSequence(skeleton=COCO_17, time=time, position=position * scale + [320, 240], **changes)


def with_confidence(sequence: PoseSequence, keypoints: list[int], values: FloatArray | float) -> PoseSequence:
    confidence = sequence.confidence.copy()
    confidence[:, keypoints] = values if np.isscalar(values) else np.asarray(values)[:, None]
    return PoseSequence(
        skeleton=sequence.skeleton, time=sequence.time, position=sequence.position, confidence=confidence
    )


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


# Motion and trimming


def test_motion_is_measured_in_body_sizes() -> None:
    small, large = compute_motion(body(scale=1.0, noise=0)), compute_motion(body(scale=7.0, noise=0))
    np.testing.assert_allclose(small, large, atol=1e-9)
    assert compute_motion(body(None)).max() < 0.3
    assert 2 < compute_motion(body()).max() < 15


def test_one_keypoint_that_jumps_is_not_motion() -> None:
    still = body(None, noise=0)
    position = still.position.copy()
    position[3:-3:7, 16] += 200
    assert compute_motion(PoseSequence(skeleton=COCO_17, time=still.time, position=position)).max() == 0


def test_motion_of_nothing_is_zero() -> None:
    unseen = PoseSequence(skeleton=COCO_17, time=np.arange(5) / 10, position=np.full((5, 17, 2), np.nan))
    assert compute_motion(unseen).tolist() == [0] * 5
    assert compute_motion(unseen[:1]).tolist() == [0]
    assert compute_motion(unseen[:0]).tolist() == []


def test_still_ends_are_cut_to_a_tenth_of_a_second() -> None:
    trimmed = trim_still(body((1.0, 2.5)))
    assert trimmed.time[0] == pytest.approx(0.9, abs=0.1)
    assert trimmed.time[-1] == pytest.approx(2.6, abs=0.1)


def test_a_held_pose_is_not_cut_to_nothing() -> None:
    held = body(None)
    assert trim_still(held) is held


def test_frames_out_of_view_are_cut_off_the_ends() -> None:
    moving = body((0.0, 3.0), duration=3.0)
    position = moving.position.copy()
    position[:30] = np.nan
    trimmed = trim_still(PoseSequence(skeleton=COCO_17, time=moving.time, position=position))
    assert trimmed.time[0] >= 0.85


@settings(max_examples=40, deadline=None)
@given(
    start=st.floats(0, 2),
    length=st.floats(0.2, 2),
    rate_hz=st.sampled_from([10.0, 15.0, 30.0, 60.0]),
    lost=st.floats(0, 0.2),
    seed=st.integers(0, 1000),
)
def test_trimming_is_a_slice_and_settles(start: float, length: float, rate_hz: float, lost: float, seed: int) -> None:
    sequence = body((start, start + length), rate_hz=rate_hz, seed=seed)
    position = sequence.position.copy()
    position[np.random.default_rng(seed).random(position.shape[:2]) < lost] = np.nan
    sequence = PoseSequence(skeleton=COCO_17, time=sequence.time + 100, position=position)
    once = trim_still(sequence)
    assert 2 <= len(once) <= len(sequence)
    first = int(np.searchsorted(sequence.time, once.time[0]))
    np.testing.assert_array_equal(once.time, sequence.time[first : first + len(once)])
    twice = trim_still(once)
    assert once.duration - twice.duration <= 0.2 + 2 / rate_hz


# Quality


def test_a_good_take_has_no_problems_and_its_numbers() -> None:
    quality = assess_take(trim_still(body()))
    assert quality.ok
    assert quality.problems == ()
    assert quality.numbers["rate_hz"] == pytest.approx(30)
    assert quality.numbers["duration_s"] == pytest.approx(1.7, abs=0.15)
    assert quality.numbers["confidence"] == quality.numbers["visible"] == 1
    assert quality.numbers["motion"] > 2


def test_legs_hidden_at_a_desk_are_fine() -> None:
    assert assess_take(trim_still(with_confidence(body(), LEGS, 0.05))).ok
    sequence = body()
    position = sequence.position.copy()
    position[:, LEGS] = np.nan
    assert assess_take(trim_still(PoseSequence(skeleton=COCO_17, time=sequence.time, position=position))).ok


@pytest.mark.parametrize("seen", [0.0, 0.4])
def test_a_hand_out_of_view_is_named(seen: float) -> None:
    sequence = body()
    is_seen = np.arange(len(sequence)) % 10 < 10 * seen
    quality = assess_take(trim_still(with_confidence(sequence, ARM[1:], is_seen.astype(float))))
    assert len(quality.problems) == 1
    assert f"The right wrist was seen in only {quality.numbers['visible']:.0%}" in quality.problems[0]
    assert "Step back" in quality.problems[0]


def test_feet_out_of_view_matter_in_a_squat() -> None:
    sequence = trim_still(body(move="squat"))
    assert assess_take(sequence).ok
    ankles = COCO_17.indices(["left_ankle", "right_ankle"])
    assert "ankle was seen in only 0%" in assess_take(with_confidence(sequence, ankles, 0.1)).problems[0]


def test_nobody_in_view() -> None:
    unseen = PoseSequence(skeleton=COCO_17, time=np.arange(60) / 30, position=np.full((60, 17, 2), np.nan))
    quality = assess_take(unseen)
    assert quality.problems[0].startswith("The body was in view in only 0% of the frames")
    assert all(np.isfinite(value) for value in quality.numbers.values())


def test_too_short() -> None:
    assert "Too short: 0.2 s" in assess_take(body().between(1.5, 1.72)).problems[0]
    assert "Too short" in assess_take(body()[:1]).problems[0]
    assert "Too short" in assess_take(body()[:0]).problems[0]


def test_no_motion() -> None:
    assert assess_take(body(None)).problems[0].startswith("No motion was seen")


def test_a_low_frame_rate() -> None:
    assert "Only 5.0 pictures per second" in assess_take(body(rate_hz=5)).problems[0]
    assert assess_take(body(rate_hz=10)).ok


@pytest.mark.parametrize("lost", ["positions", "frames"])
def test_gaps_in_tracking(lost: str) -> None:
    sequence = body()
    is_lost = (sequence.time > 1.5) & (sequence.time < 2.0)
    if lost == "positions":
        position = np.where(is_lost[:, None, None], np.nan, sequence.position)
        sequence = PoseSequence(skeleton=COCO_17, time=sequence.time, position=position)
    else:
        sequence = PoseSequence(skeleton=COCO_17, time=sequence.time[~is_lost], position=sequence.position[~is_lost])
    assert assess_take(trim_still(sequence)).problems[0].startswith("Tracking was lost for 0.5 s")


def test_a_take_must_resemble_one_of_the_others() -> None:
    waves = [trim_still(body(seed=i, scale=2.0 + i, active=(1.0, 2.2 + 0.2 * i))) for i in range(3)]
    squat = trim_still(body(move="squat", active=(1.0, 2.5)))
    assert assess_take(waves[0], others=waves[1:]).ok
    assert assess_take(waves[0], others=[squat, waves[1]]).ok
    assert assess_take(squat, others=waves).problems[0].startswith("Too unlike the other takes")


def test_a_template_keeps_the_numbers() -> None:
    sequence = trim_still(body())
    take = Take(sequence=sequence, recorded=body(), verdict=assess_take(sequence))
    template = template_from_take("wave", take, provenance={"source": "camera 0"})
    assert template.label == "wave"
    assert template.sequence is sequence
    assert dict(template.quality) == dict(take.verdict.numbers)
    assert template.provenance["source"] == "camera 0"


# The recorder


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


@pytest.mark.realdata
def test_repetitions_of_real_gestures_resemble_each_other(data_dir: Path) -> None:
    """One person gave two examples of each of 14 gestures: the second is accepted, another gesture is not."""
    chains = [
        ["base", "mid", "spine", "neck", "head"],
        *(["spine", *(f"{s}_{joint}" for joint in ("shoulder", "elbow", "wrist", "hand"))] for s in ("left", "right")),
        *(["base", *(f"{s}_{joint}" for joint in ("hip", "knee", "ankle", "foot"))] for s in ("left", "right")),
    ]  # fmt: skip
    names = ["base", "mid", "neck", "head", *(name for chain in chains[1:] for name in chain[1:]), "spine"]
    kinect = Skeleton(
        name="kinect_21",
        keypoints=names,
        edges=[edge for chain in chains for edge in itertools.pairwise(chain)],
        root=["base"],
        scale=[("base", "neck")],
    )
    stored = np.load(data_dir / "streams" / "jk2017_kinect" / "user_100.npz")
    takes = [
        PoseSequence(skeleton=kinect, time=np.arange(120) / 60, position=position)
        for position in stored["template_position"]
    ]
    labels = stored["template_label"].tolist()
    refused: dict[bool, list[bool]] = {True: [], False: []}
    for i, j in itertools.combinations(range(len(takes)), 2):
        if labels[i] == labels[j] or j - i == 3:  # some of the pairs of different gestures are enough
            problems = assess_take(takes[j], others=[takes[i]]).problems
            refused[labels[i] == labels[j]].append("Too unlike" in "".join(problems))
    assert np.mean(refused[True]) < 0.05
    assert np.mean(refused[False]) > 0.95
