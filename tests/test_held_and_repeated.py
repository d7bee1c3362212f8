"""Poses that are held and actions that are repeated, performed by a drawn person whose true poses are known."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

from actionpose.decision import EventDecider
from actionpose.evaluation import Span, match_events
from actionpose.matching import Match
from actionpose.pose import PoseSequence
from actionpose.recognizer import Recognizer
from actionpose.skeleton import UPPER_BODY_6
from actionpose.sources.puppet import PuppetSource
from actionpose.template import Template

IN_S, OUT_S = 1.4, 0.9  # how long the puppet takes into the pose and out of it, about


def perform(script: str, **options: Any) -> tuple[PoseSequence, tuple[Span, ...]]:
    with PuppetSource(script, **options) as puppet:
        poses = [puppet.truth(index) for index in range(puppet.info.n_frames or 0)]
        return PoseSequence.from_poses(poses), tuple(puppet.spans)


def show(label: str) -> Template:
    sequence, [(_, start, end)] = perform(label, body=1, seed=3)
    margin = 1.8 if label.startswith("hold") else 0.0
    return Template.from_sequence(label, sequence.between(start + margin, end - margin))


@functools.cache
def usual_recognizer() -> Recognizer:
    return Recognizer([show(label) for label in ("hold_arms_up", "raise_both_arms", "wave", "squat")])


@pytest.mark.parametrize("seed", [5, 6])
def test_a_held_pose_is_one_event_and_moving_through_it_is_none(seed: int) -> None:
    script = "wave,hold_arms_up,squat,raise_both_arms,hold_arms_up,clap"
    sequence, spans = perform(script, body=2, seed=seed, pause=1.5)
    events = usual_recognizer().recognize(sequence)
    known = [span for span in spans if span[0] != "clap"]
    assert [event.label for event in events] == [label for label, _, _ in known]
    for event, (label, start, end) in zip(events, known, strict=True):
        is_held = label == "hold_arms_up"
        assert event.start_time == pytest.approx(start + IN_S * is_held, abs=0.6)
        assert event.end_time == pytest.approx(end - OUT_S * is_held, abs=0.4)


@pytest.mark.parametrize("hold_s", [0.5, 4.0, 20.0])
def test_a_held_pose_lasts_as_long_as_it_is_held(hold_s: float) -> None:
    sequence, [(_, start, end)] = perform("hold_arms_up", body=2, seed=8)
    before, after = sequence.between(0.0, start + 2.0), sequence.between(end - 1.2, 1e9)
    held = np.repeat(before.position[-1:], round(hold_s * 30), axis=0)
    position = np.concatenate([before.position, held, after.position])
    longer = PoseSequence(skeleton=sequence.skeleton, time=np.arange(len(position)) / 30, position=position)
    [event] = usual_recognizer().recognize(longer)
    assert event.label == "hold_arms_up"
    assert event.end_time - event.start_time == pytest.approx(hold_s + 0.9, abs=0.6)


def test_there_and_back_at_once_is_no_hold() -> None:
    sequence, [(_, start, _)] = perform("hold_arms_up", body=2, seed=8)
    way = sequence.between(0.0, start + IN_S).position
    position = np.concatenate([way, way[::-1]])
    passing = PoseSequence(skeleton=sequence.skeleton, time=np.arange(len(position)) / 30, position=position)
    assert "hold_arms_up" not in [event.label for event in usual_recognizer().recognize(passing)]


@pytest.mark.parametrize("pause_s", [0.0, 0.4])
@pytest.mark.parametrize("label", ["squat", "raise_both_arms"])
def test_every_repetition_is_an_event(label: str, pause_s: float) -> None:
    sequence, spans = perform(",".join([label] * 30), body=2, seed=4, pause=pause_s)
    result = match_events(usual_recognizer().recognize(sequence), spans)
    assert (result.total.tp, result.total.fp, result.total.fn) == (30, 0, 0)


def raise_an_arm(hold_s: float, *, still_s: float = 0.0) -> PoseSequence:
    """Up in .4 s, stay there, down in .4 s."""
    up = 0.5 - 0.5 * np.cos(np.linspace(0.0, np.pi, 12))
    still = np.zeros(round(30 * still_s))
    angle = 2.5 * np.concatenate([still, up, np.ones(round(30 * hold_s)), up[::-1], still])
    upper_arm = 0.3 * np.stack([-np.sin(angle), np.cos(angle), 0 * angle], axis=1)
    position = np.tile(
        [[0.2, 0, 0], [-0.2, 0, 0], [0.2, 0.3, 0], [0, 0, 0], [0.2, 0.6, 0], [0, 0, 0]], (len(angle), 1, 1)
    )
    position[:, 3] = position[:, 1] + upper_arm
    position[:, 5] = position[:, 3] + upper_arm
    position += np.random.default_rng(7).normal(0.0, 0.004, position.shape)
    return PoseSequence(skeleton=UPPER_BODY_6, time=np.arange(len(angle)) / 30, position=position)


@pytest.mark.parametrize("hold_s", [0.0, 0.5, 2.0, 4.0])
def test_a_template_with_a_long_hold_knows_the_action_with_any(hold_s: float) -> None:
    recognizer = Recognizer([Template.from_sequence("raise", raise_an_arm(2.0))])
    [event] = recognizer.recognize(raise_an_arm(hold_s, still_s=2.0))
    assert event.start_time == pytest.approx(2.0, abs=0.2)
    assert event.end_time == pytest.approx(2.8 + hold_s, abs=0.3)


def test_takes_of_a_held_pose_make_one_event_together() -> None:
    is_held = np.array([True, True, False])
    decider = EventDecider(np.ones(3), label_of_template=np.array([0, 0, 1]), is_held=is_held)
    decided = []
    for now in range(20, 40):
        matches = [Match(now % 2, 0.5 - 0.01 * (now == 30), now - 20, now)] if now <= 32 else []
        decided += decider.update(now, matches)
    assert decided == [Match(0, 0.49, 0, 32)]


def test_a_held_pose_and_the_action_before_it_are_no_rivals() -> None:
    decider = EventDecider(np.ones(2), is_held=np.array([False, True]))
    decided = decider.update(40, [Match(0, 0.8, 10, 40)])
    for now in range(41, 80):
        decided += decider.update(now, [Match(1, 0.1, now - 10, now)] if 50 <= now < 70 else [])
    assert [(match.template, match.start_frame, match.end_frame) for match in decided] == [(0, 10, 40), (1, 40, 69)]
