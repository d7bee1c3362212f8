from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionpose.pose import PoseSequence
from actionpose.skeleton import COCO_17, Skeleton
from actionpose.takes import Take, assess_take, compute_motion, template_from_take, trim_still
from tests.bodies import ARM, LEGS, body, with_confidence


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


def test_a_pose_to_hold_may_be_still_unless_the_other_takes_move() -> None:
    held, wave = body(None), trim_still(body())
    assert assess_take(held, may_be_still=True).ok
    assert assess_take(held, may_be_still=True).is_still
    assert assess_take(held, others=[body(None, seed=1, scale=2.0)], may_be_still=True).ok
    assert assess_take(held, others=[held, wave], may_be_still=True).problems[0].startswith("No motion was seen")
    assert not assess_take(wave, may_be_still=True).is_still


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


def test_takes_are_alike_wherever_a_keypoint_that_was_lost_is_said_to_be() -> None:
    random = np.random.default_rng(0)
    takes = []
    for seed in range(2):
        take = body(seed=seed)
        confidence = np.ones(take.position.shape[:2])
        lost = random.random(confidence.shape) < 0.08
        confidence[lost] = 0.02
        position = np.where(lost[..., None], random.uniform(0, 640, take.position.shape), take.position)
        takes.append(PoseSequence(skeleton=COCO_17, time=take.time, position=position, confidence=confidence))
    assert assess_take(takes[0], others=takes[1:]).problems == ()


def test_a_template_keeps_the_numbers() -> None:
    sequence = trim_still(body())
    take = Take(sequence=sequence, recorded=body(), verdict=assess_take(sequence))
    template = template_from_take("wave", take, provenance={"source": "camera 0"})
    assert template.label == "wave"
    assert template.sequence is sequence
    assert dict(template.quality) == dict(take.verdict.numbers)
    assert template.provenance["source"] == "camera 0"


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
