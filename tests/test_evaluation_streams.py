from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from actionpose.evaluation import (
    Answer,
    ClipSet,
    Evaluation,
    Rejection,
    Stream,
    UnknownScores,
    answer_clips,
    compute_f1_interval,
    evaluate_events,
    hold_out,
    leave_one_out,
    match_events,
    score_answers,
    score_stream,
    spot_actions,
)
from actionpose.pose import PoseSequence
from actionpose.recognizer import RecognizerSettings
from tests.test_evaluation import arms, event, template

MOVES = ("raise", "spread", "flap")


def join(*parts: PoseSequence, pause_s: float = 1.0) -> tuple[PoseSequence, list[tuple[float, float]]]:
    """Put sequences one after another, each pose held for a while in between; also return from when to when each is."""
    n_still = round(30 * pause_s)
    position, bounds, n_frames = [], [], 0
    for part in parts:
        still = np.repeat(part.position[:1], n_still, axis=0)
        position += [still, part.position]
        bounds.append(((n_frames + n_still) / 30, (n_frames + n_still + len(part)) / 30))
        n_frames += n_still + len(part)
    position.append(np.repeat(parts[-1].position[-1:], n_still, axis=0))
    stacked = np.concatenate(position)
    skeleton = parts[0].skeleton
    return PoseSequence(skeleton=skeleton, time=np.arange(len(stacked)) / 30, position=stacked), bounds


@pytest.fixture(scope="module")
def stream() -> Stream:
    sequence, bounds = join(*(arms(move, seed=10 + i) for i, move in enumerate(MOVES)))
    return Stream(
        name="drill",
        unit="ann",
        templates=tuple(template(move, f"{move}.mp4", i) for i, move in enumerate(MOVES)),
        sequence=sequence,
        truth=tuple((move, *bound) for move, bound in zip(MOVES, bounds, strict=True)),
    )


def test_actions_are_spotted_in_a_stream(stream: Stream) -> None:
    (events,) = spot_actions([stream], RecognizerSettings())
    result = evaluate_events(stream, events)
    assert result.total.f1 == 1
    assert result.duration_s == pytest.approx(len(stream.sequence) / 30)
    assert result.end_error_s < 0.3


def test_requests_are_scored_as_requests(stream: Stream) -> None:
    (events,) = spot_actions([stream], RecognizerSettings())
    asked = replace(stream, are_requests=True, truth=(("raise", 0, 3.5), ("spread", 3.5, 6), ("flap", 6, 9.5)))
    assert evaluate_events(asked, events).iou is None
    assert evaluate_events(asked, events).total.tp == 3


def test_streams_of_the_same_templates_share_a_recogniser(stream: Stream) -> None:
    other = replace(stream, name="other", templates=stream.templates[:1])
    first, again, single = spot_actions([stream, stream, other], RecognizerSettings())
    assert first == again
    assert {found.label for found in single} == {"raise"}


def test_an_action_that_is_not_shown_is_strange(stream: Stream) -> None:
    scores = score_stream(stream, "flap", RecognizerSettings())
    assert scores.is_unknown.tolist() == [False, False, True]
    assert scores.score[:2].max() < min(1.0, scores.score[2])
    rejection = Rejection.from_scores([score_stream(stream, move, RecognizerSettings()) for move in MOVES])
    assert rejection.auroc == 1
    assert set(rejection.labels) == set(MOVES)
    assert rejection.interval == (1, 1)
    assert rejection.to_dict()["labels"]["flap"] == 1


def test_actions_without_a_template_do_not_count(stream: Stream) -> None:
    scores = score_stream(stream.without("raise"), "flap", RecognizerSettings())
    assert scores.is_unknown.tolist() == [False, True]


def test_rejection_is_the_mean_of_each_recording() -> None:
    def table(label: str, unknown: list[float], known: list[float], unit: str) -> UnknownScores:
        score = np.array(unknown + known)
        is_unknown = np.arange(len(score)) < len(unknown)
        return UnknownScores(label=label, score=score, is_unknown=is_unknown, units=(unit,) * len(score))

    tables = [
        table("wave", [2.0], [1.0], "ann"),
        table("wave", [math.inf], [math.inf], "bob"),
        table("bow", [], [1.0], "ann"),  # was not performed: does not count
    ]
    rejection = Rejection.from_scores(tables)
    assert rejection.labels == {"wave": 0.75}
    assert rejection.auroc == 0.75
    assert rejection.interval == (0.5, 1.0)
    low, high = Rejection.from_scores([table("wave", [1.0, 3.0], [0.5, 2.0], "ann")]).interval
    assert low < 0.75 < high  # one person alone: what happened is resampled
    nothing = Rejection.from_scores([])
    assert math.isnan(nothing.auroc)
    assert nothing.to_dict() == {"auroc": None, "interval": [None, None], "labels": {}}


def test_the_interval_of_f1_resamples_people_or_else_what_happened() -> None:
    right = match_events([event("wave", 0, 1)], [("wave", 0, 1)])
    wrong = match_events([event("wave", 5, 6)], [("wave", 0, 1)])
    assert compute_f1_interval([right, wrong], ["ann", "bob"]) == (0.0, 1.0)
    assert compute_f1_interval([right, right], ["ann", "ann"]) == (1.0, 1.0)
    low, high = compute_f1_interval([Evaluation.merge([right] * 15 + [wrong])], ["ann"])
    assert 0.8 < low < 30 / 32 < high <= 1.0
    assert all(math.isnan(value) for value in compute_f1_interval([match_events([], [])], ["ann"]))


# Clips


@pytest.fixture(scope="module")
def clips() -> ClipSet:
    return ClipSet(
        name="moves",
        templates=tuple(template(move, f"{move}.mp4", i) for i, move in enumerate(MOVES[:2])),
        clips=tuple(template(move, f"other {move}.mp4", 10 + i) for i, move in enumerate(MOVES)),
    )


@pytest.mark.parametrize("whole", [True, False])
def test_clips_are_told_apart(clips: ClipSet, whole: bool) -> None:
    answers = list(answer_clips(clips, whole=whole))
    assert [answer.truth for answer in answers] == ["raise", "spread", "unknown"]
    assert [answer.said for answer in answers] == ["raise", "spread", "unknown"]
    assert [answer.label for answer in answers[:2]] == ["raise", "spread"]
    assert answers[2].ratio > 1


def test_an_answer_is_of_its_person(clips: ClipSet) -> None:
    clip = clips.clips[0]
    answer = Answer(clip=clip, truth="raise", label="raise", ratio=0.5)
    assert answer.unit == clip.id
    assert replace(answer, clip=replace(clip, provenance={"person": "ann"})).unit == "ann"


def test_unknown_clips_are_scored(clips: ClipSet) -> None:
    scores = score_answers("spread", answer_clips(clips.without("spread")))
    assert scores.is_unknown.tolist() == [False, True]  # nobody was ever shown the third
    assert scores.score[0] < 1 < scores.score[1]


def test_the_templates_of_a_source_are_one_set() -> None:
    library = [template("raise", "a.mp4", 0), template("raise", "b.mp4", 1), template("spread", "b.mp4", 2)]
    first, second = hold_out(library)
    assert (first.name, len(first.clips), len(first.templates)) == ("a.mp4", 1, 2)
    assert (second.name, [clip.label for clip in second.clips], len(second.templates)) == ("b.mp4", ["raise"], 1)


def test_whole_templates_are_recognised_by_those_of_other_sources() -> None:
    library = [template(label, f"{label}{i}.mp4", i) for label in MOVES for i in range(2)]
    assert leave_one_out(library, whole=True).accuracy == 1
    result = leave_one_out(library, unknown=("flap",), whole=True)
    assert result.accuracy == 1
    assert result.confusion.counts[-1].sum() == 2
