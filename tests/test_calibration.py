from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from actionpose.bank import MatchSettings, TemplateBank
from actionpose.calibration import (
    calibrate_thresholds,
    calibrate_window_thresholds,
    replay_template,
)
from actionpose.features import FEATURES, Feature, FeatureSettings
from actionpose.pose import FloatArray, PoseSequence
from actionpose.skeleton import BLAZEPOSE_33
from actionpose.template import Template
from actionpose.trace import compute_trace
from tests.synthetic import ACTIONS, Move, frame_times, idle, make_templates, perform, sample

Calibrate = Callable[..., FloatArray]
BOTH = pytest.mark.parametrize("calibrate", [calibrate_thresholds, calibrate_window_thresholds])


def make_bank(
    labels: Sequence[str] = ACTIONS, *, n_takes: int = 1, feature: Feature = "positions", **options: Any
) -> TemplateBank:
    settings = MatchSettings(features=FeatureSettings(feature=feature))
    return TemplateBank(make_templates(labels, n_takes=n_takes, **options), settings)


def in_passing(label: str) -> PoseSequence:
    """A recording in which an action is performed after all."""
    return sample([Move(label, 1.0, 2.4)], frame_times(0.0, 4.0), seed=8)


@BOTH
@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("n_dims", [2, 3])
def test_every_template_gets_a_threshold(calibrate: Calibrate, feature: Feature, n_dims: int) -> None:
    thresholds = calibrate(make_bank(feature=feature, n_dims=n_dims))
    assert thresholds.shape == (4,)
    assert np.isfinite(thresholds).all()
    assert thresholds.min() > 0


@BOTH
@pytest.mark.parametrize("n_takes", [1, 2])
def test_one_label_alone_works(calibrate: Calibrate, n_takes: int) -> None:
    thresholds = calibrate(make_bank(["wave"], n_takes=n_takes))
    assert thresholds.shape == (n_takes,)
    assert np.isfinite(thresholds).all()
    assert thresholds.min() > 0


@BOTH
@pytest.mark.parametrize("sensitivity", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("background", [[], [in_passing("wave")]], ids=["alone", "background"])
def test_sensitivity_scales_every_threshold(
    calibrate: Calibrate, sensitivity: float, background: list[PoseSequence]
) -> None:
    bank = make_bank()
    plain = calibrate(bank, background=background)
    np.testing.assert_allclose(calibrate(bank, background=background, sensitivity=sensitivity), sensitivity * plain)


@BOTH
def test_background_lowers_thresholds_but_not_below_half(calibrate: Calibrate) -> None:
    bank = make_bank()
    plain = calibrate(bank)
    found = calibrate(bank, background=[in_passing("wave")])
    assert found[0] == pytest.approx(0.5 * plain[0]), "the wave itself cannot be told from a wave"
    assert (found <= 1.45 * plain).all()
    assert (found >= 0.5 * plain).all()


def test_the_longer_a_background_moves_the_further_thresholds_rise_above_it() -> None:
    bank = make_bank()
    plain = calibrate_thresholds(bank)
    rise = [calibrate_thresholds(bank, background=[in_passing("wave")] * n)[1:] / plain[1:] for n in (1, 3, 100, 200)]
    assert (rise[0] > 1.0).all()
    assert (rise[1] > rise[0]).all()
    assert (rise[2] <= 1.45 + 1e-9).all()
    np.testing.assert_allclose(rise[3], rise[2])


def test_more_of_the_same_background_changes_nothing_for_windows() -> None:
    bank = make_bank()
    once = calibrate_window_thresholds(bank, background=[in_passing("wave")])
    np.testing.assert_allclose(calibrate_window_thresholds(bank, background=[in_passing("wave")] * 3), once)


def test_a_quiet_background_changes_nothing_in_a_stream() -> None:
    bank = make_bank()
    np.testing.assert_array_equal(calibrate_thresholds(bank, background=[idle(5.0)]), calibrate_thresholds(bank))


def test_takes_of_a_label_share_a_threshold_between_half_and_one_and_a_half() -> None:
    thresholds = calibrate_thresholds(make_bank(n_takes=2)).reshape(4, 2)
    np.testing.assert_array_equal(thresholds[:, 0], thresholds[:, 1])
    assert thresholds.min() > 0.5
    assert thresholds.max() <= 1.1 * 9**0.15


def make_long_bank(moves: dict[str, str], *, duration: float) -> TemplateBank:
    """A template of each label, as long as told."""
    takes = {
        label: perform(move, duration=duration, seed=i, skeleton=BLAZEPOSE_33, n_dims=3)
        for i, (label, move) in enumerate(moves.items())
    }
    return TemplateBank([Template.from_sequence(label, take) for label, take in takes.items()], MatchSettings())


def rises_of_long_templates(bank: TemplateBank, monkeypatch: pytest.MonkeyPatch) -> FloatArray:
    raised = calibrate_thresholds(bank)
    monkeypatch.setattr("actionpose.calibration._LONG_MARGIN", 0.0)
    return np.asarray(raised / calibrate_thresholds(bank))


@pytest.mark.parametrize(("duration", "rise"), [(1.5, 1.0), (2.0, 1.0), (2.5, 1.09), (3.0, 1.18), (4.5, 1.18)])
def test_long_templates_get_room_by_how_many_actions_there_are_to_tell_from(
    duration: float, rise: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = make_long_bank({label: label for label in ACTIONS}, duration=duration)
    np.testing.assert_allclose(rises_of_long_templates(bank, monkeypatch), rise, atol=0.01)


def test_a_long_template_that_is_near_most_actions_gets_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    moves = {"wave": "wave", "raise": "raise", **{f"punch {i}": "punch" for i in range(9)}}
    wave, *_, punch = rises_of_long_templates(make_long_bank(moves, duration=3.5), monkeypatch)
    assert wave == pytest.approx(1.3)
    assert punch == 1.0


def test_a_rare_action_among_many_takes_of_another_is_calibrated() -> None:
    wave, punch = make_templates(["wave", "punch"], n_takes=1)
    thresholds = calibrate_thresholds(TemplateBank([*[wave] * 70, punch, *[wave] * 70], MatchSettings()))
    assert np.isfinite(thresholds).all()


def test_thresholds_part_the_labels() -> None:
    bank = make_bank()
    thresholds = calibrate_thresholds(bank)
    distance = compute_trace(bank, [replay_template(bank, i) for i in range(4)]).nearest()
    assert (np.diag(distance) < 0.3 * thresholds).all()
    assert (distance + np.diag([np.inf] * 4) > thresholds).all()


def test_a_replayed_template_is_found_and_one_reversed_is_another_motion() -> None:
    bank = make_bank(["wave", "punch"])
    forward, backward = replay_template(bank, 0), replay_template(bank, 0, is_reversed=True)
    assert compute_trace(bank, [forward]).nearest()[0, 0] < 0.2
    np.testing.assert_allclose(forward[0], bank.timed_tracks[0][0])
    np.testing.assert_allclose(backward[0], bank.timed_tracks[0][-1])
    assert np.isfinite(backward).all()
    # Held at the end until the smoothing has caught up.
    np.testing.assert_allclose(forward[-1], bank.timed_tracks[0][-1], atol=0.05)


def test_a_template_with_a_keypoint_never_seen_is_calibrated() -> None:
    position = perform("wave").position.copy()
    position[:, 4] = np.nan
    poses = PoseSequence(skeleton=perform("wave").skeleton, time=np.arange(len(position)) / 30, position=position)
    templates = make_templates(["raise", "cross"], n_takes=1)
    bank = TemplateBank([type(templates[0]).from_sequence("wave", poses), *templates], MatchSettings())
    for thresholds in (calibrate_thresholds(bank), calibrate_window_thresholds(bank)):
        assert np.isfinite(thresholds).all()
        assert thresholds.min() > 0
