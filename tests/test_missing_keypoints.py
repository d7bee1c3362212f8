"""What trackers write when they lose a keypoint costs no action and makes none up."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from actionpose.datasets import load_dataset
from actionpose.evaluation import ClipSet, match_events
from actionpose.evaluation.counts import Counts
from actionpose.features import Feature
from actionpose.pose import PoseSequence
from actionpose.recognizer import Recognizer, RecognizerSettings
from tests.animal import ACTIONS, film, make_templates, script
from tests.synthetic import frame_times

Missing = Literal["nan", "zero", "anywhere"]


def spot(missing: Missing, share: float, *, seed: int, rate_hz: float = 30.0, feature: Feature = "positions") -> Counts:
    """Nine actions by one template each, all seen by the same tracker."""
    templates = make_templates(missing=missing, share=share, seed=1000 * seed + 100)
    moves = script(seed=seed)
    stream = film(moves, frame_times(0.0, moves[-1].end + 2.0, rate_hz), missing=missing, share=share, seed=seed)
    events = Recognizer(templates, settings=RecognizerSettings(feature=feature)).recognize(stream)
    return match_events(events, [(move.label, move.start, move.end) for move in moves], iou=0.3).total


@pytest.mark.parametrize("missing", ["nan", "zero", "anywhere"])
@pytest.mark.parametrize("seed", [0, 4])
def test_a_twentieth_of_the_keypoints_missing_changes_nothing(missing: Missing, seed: int) -> None:
    assert spot(missing, 0.05, seed=seed) == Counts(tp=len(ACTIONS), fp=0, fn=0)


@pytest.mark.parametrize("missing", ["nan", "zero", "anywhere"])
@pytest.mark.parametrize("seed", [0, 4])
def test_a_fifth_missing_makes_up_no_action(missing: Missing, seed: int) -> None:
    found = spot(missing, 0.2, seed=seed)
    assert found.fp == 0
    assert found.tp >= len(ACTIONS) - 1


def test_a_slow_camera_may_miss_keypoints_too() -> None:
    found = spot("nan", 0.2, seed=1, rate_hz=10.0)
    assert found.fp == 0
    assert found.tp >= len(ACTIONS) - 1


@pytest.mark.parametrize("feature", ["directions", "angles"])
def test_other_features_find_the_actions_as_well(feature: Feature) -> None:
    assert spot("nan", 0.2, seed=0, feature=feature).tp >= len(ACTIONS) - 2


def test_zeros_are_taken_for_missing_without_a_confidence() -> None:
    moves = script(seed=0)
    seen = film(moves, frame_times(0.0, moves[-1].end + 2.0), share=0.05)
    zeros = PoseSequence(skeleton=seen.skeleton, time=seen.time, position=np.nan_to_num(seen.position))
    recognizer = Recognizer(make_templates())
    assert recognizer.recognize(zeros) == recognizer.recognize(seen)


@pytest.mark.slow
@pytest.mark.realdata
def test_exercises_are_told_apart_as_openpose_wrote_them(data_dir: Path) -> None:
    # Keypoints that OpenPose did not find, a fifth of them all, are 0, 0 with confidence 0. Two templates of each of
    # the three exercises, drawn three times, leave 70 clips each time.
    loaded = load_dataset(f"pose-trainer:{data_dir / 'clips' / 'pose_trainer_openpose18.npz'}", shots=2, draws=3)
    draws = [draw for draw in loaded if isinstance(draw, ClipSet)]
    n_right = 0
    with threadpool_limits(limits=1, user_api="blas"):
        for draw in draws:
            recognizer = Recognizer(draw.templates)
            for clip in draw.clips:
                n_right += any(event.label == clip.label for event in recognizer.recognize(clip.sequence))
    assert sum(len(draw.clips) for draw in draws) == 210
    assert n_right >= 182
