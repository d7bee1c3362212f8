from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionpose.pose import PoseSequence
from actionpose.recognizer import Recognizer, RecognizerSettings
from actionpose.tradeoff import SENSITIVITIES, Tradeoff, compute_tradeoff
from tests.synthetic import make_templates, perform

RATIOS = st.lists(st.floats(0.01, 2.0), max_size=20).map(lambda ratios: np.sort(np.array(ratios)))


def follow(*sequences: PoseSequence) -> PoseSequence:
    """Put clips one after the other, a frame apart."""
    poses, end = [], 0.0
    for sequence in sequences:
        poses += list(sequence.shifted(end - sequence.time[0]).iter_poses())
        end = poses[-1].time + 1 / 30
    return PoseSequence.from_poses(poses)


@given(alarms=RATIOS, takes=RATIOS, minutes=st.floats(0.1, 60.0))
def test_more_sensitivity_never_misses_more_nor_alarms_less(
    alarms: np.ndarray, takes: np.ndarray, minutes: float
) -> None:
    tradeoff = Tradeoff(minutes=minutes, alarm_ratios=alarms, take_ratios=takes)
    rates = [tradeoff.alarms_per_minute(sensitivity) for sensitivity in SENSITIVITIES]
    missed = [tradeoff.missed_share(sensitivity) for sensitivity in SENSITIVITIES]
    assert rates == sorted(rates)
    assert missed == sorted(missed, reverse=True) or not len(takes)


def test_what_is_not_known_is_said_to_be_unknown() -> None:
    tradeoff = compute_tradeoff(make_templates(n_takes=1))
    assert tradeoff.describe_alarms(1.0) == "unknown"
    assert math.isnan(tradeoff.alarms_per_minute(1.0))
    assert math.isnan(tradeoff.missed_share(1.0))


def test_no_false_alarm_is_a_bound_not_a_zero() -> None:
    tradeoff = Tradeoff(minutes=2.0, alarm_ratios=np.array([1.2]), take_ratios=np.empty(0))
    assert tradeoff.describe_alarms(1.0) == "under 1.5"
    assert tradeoff.describe_alarms(1.25) == "about 0.5"


def test_like_takes_are_not_missed_and_unlike_ones_are() -> None:
    alike = compute_tradeoff(make_templates(n_takes=2, noise=0.01))
    assert len(alike.take_ratios) == len(make_templates(n_takes=2))
    assert alike.missed_share(1.0) == 0.0
    mixed = make_templates(n_takes=1)
    odd = [type(mixed[0]).from_sequence(mixed[0].label, mixed[1].sequence)]
    assert compute_tradeoff(mixed + odd).missed_share(1.0) == 1.0


def test_mirror_images_neither_judge_nor_count() -> None:
    takes = make_templates(n_takes=1)
    with_images = compute_tradeoff([*takes, *(template.mirrored() for template in takes)])
    assert math.isnan(with_images.missed_share(1.0))
    assert with_images.describe_missed(1.0) == "too few takes"
    twice = make_templates(n_takes=2, noise=0.01)
    images = [template.mirrored() for template in twice]
    tradeoff = compute_tradeoff([*images, *twice])
    assert len(tradeoff.take_ratios) == len(twice)
    assert tradeoff.describe_missed(1.0) == "0 %"


@pytest.mark.parametrize("sensitivity", [0.8, 1.0, 1.25])
def test_expects_about_as_many_false_alarms_as_there_are(sensitivity: float) -> None:
    templates = [template for template in make_templates(n_takes=2, noise=0.01) if template.label != "wave"]
    moves = [perform("wave", seed=seed, duration=1.4) for seed in range(12)]
    meant = [perform(templates[0].label, seed=seed, duration=1.4) for seed in range(4)]
    background = follow(*moves, *meant)
    expected = compute_tradeoff(templates, [background]).alarms_per_minute(sensitivity)
    recognizer = Recognizer(templates, settings=RecognizerSettings(sensitivity=sensitivity))
    found = len(recognizer.recognize(background)) / (background.duration / 60)
    assert found > 0
    assert 0.5 * found <= expected <= 2 * found + 3 / (background.duration / 60)


def test_recordings_of_other_keypoints_are_left_out() -> None:
    templates = make_templates(n_takes=1)
    flat = templates[0].sequence
    other = PoseSequence(
        skeleton=flat.skeleton,
        time=flat.time,
        position=np.concatenate([flat.position, flat.position[..., :1]], axis=-1),
    )
    assert compute_tradeoff(templates, [other]).minutes == 0.0


def test_a_gap_in_the_background_is_no_time_without_false_alarms() -> None:
    background = follow(perform("cross"), perform("punch"))
    late = PoseSequence.from_poses([*background.iter_poses(), next(background.shifted(1e9).iter_poses())])
    templates = make_templates(("wave", "raise"))
    assert compute_tradeoff(templates, [late]).minutes == compute_tradeoff(templates, [background]).minutes
