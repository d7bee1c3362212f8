from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionpose.decision import ActionEvent, EventDecider, majority_vote, merge_repetitions
from actionpose.matching import Match
from actionpose.template import UNKNOWN

THRESHOLDS = np.array([1.0, 2.0])


def decider(patience_frames: float = 15.0) -> EventDecider:
    return EventDecider(THRESHOLDS, patience_frames=patience_frames)


def run(decider: EventDecider, matches: list[Match], until: int) -> list[tuple[int, Match]]:
    """Feed matches as they end; return what is reported, with the frame in which it was."""
    return [
        (now, reported)
        for now in range(1, until + 1)
        for reported in decider.update(now, [match for match in matches if match.end_frame == now])
    ]


@pytest.mark.parametrize(
    ("labels", "distances", "top", "ratio", "winner"),
    [
        pytest.param("aaaabbbb", [0.1, 0.2, 0.3, 0.4, 5, 5, 5, 5], 4, 0.5, "a", id="all agree"),
        pytest.param("aaabbb", [0.1, 0.2, 0.4, 0.3, 5, 5], 4, 0.5, "a", id="three of four"),
        pytest.param("aabb", [0.3, 0.4, 0.1, 0.9], 4, 0.5, "b", id="two of each: the nearer"),
        pytest.param("aabb", [0.3, 0.4, 0.1, 0.9], 4, 0.7, None, id="two of each, but more is asked"),
        pytest.param("aaabbb", [0.1, 5, 5, 5, 5, 5], 4, 0.5, None, id="one of four, the rest too far"),
        pytest.param("aaabbb", [0.1, 0.2, 5, 5, 5, 5], 4, 0.5, "a", id="two of four, the rest too far"),
        pytest.param("aaabbb", [5, 5, 5, 5, 5, 5], 4, 0.5, None, id="all too far"),
        pytest.param("aaabbb", [1, 1, 1, 1, 1, 1], 4, 0.5, None, id="at the threshold is too far"),
        pytest.param("ab", [0.1, 5], 4, 0.5, "a", id="one template each"),
        pytest.param("ab", [0.1, 0.2], 4, 0.5, "a", id="one template each, both near"),
        pytest.param("a", [0.1], 4, 0.5, "a", id="a lone template"),
        pytest.param("a", [5], 4, 0.5, None, id="a lone template too far"),
        pytest.param("aaab", [0.2, 0.3, 0.4, 0.1], 1, 0.5, "b", id="the nearest alone"),
        pytest.param("aaab", [0.2, 0.3, 0.4, 0.1], 4, 1.0, None, id="unanimity fails"),
        pytest.param("aaab", [0.2, 0.3, 0.4, 0.5], 3, 1.0, "a", id="unanimity"),
    ],
)
def test_majority_vote(labels: str, distances: list[float], top: int, ratio: float, winner: str | None) -> None:
    matches = [Match(i, float(distance), 0, 50) for i, distance in enumerate(distances)]
    vote = majority_vote(matches[::-1], list(labels), np.ones(len(labels)), top=top, ratio=ratio)
    if winner is None:
        assert (vote.label, vote.match) == (UNKNOWN, None)
    else:
        assert vote.label == winner
        assert vote.match is not None
        assert labels[vote.match.template] == winner
        assert vote.match.distance == min(d for label, d in zip(labels, distances, strict=True) if label == winner)


def test_each_template_has_its_own_threshold() -> None:
    matches = [Match(0, 0.5, 0, 50), Match(1, 0.6, 0, 50), Match(2, 0.65, 0, 50)]
    assert majority_vote(matches, ["a", "b", "b"], np.array([0.4, 0.7, 0.7])).label == "b"
    assert majority_vote(matches, ["a", "b", "b"], np.array([0.4, 0.7, 0.5])).label == UNKNOWN


@pytest.mark.parametrize(
    ("ratio", "hold"), [(0.01, 4), (0.2, 4), (0.4, 6), (0.6, 9), (0.99, 15)], ids=lambda value: str(value)
)
@pytest.mark.parametrize("template", [0, 1])
def test_the_surer_the_sooner(ratio: float, hold: int, template: int) -> None:
    match = Match(template, ratio * THRESHOLDS[template], 0, 30)
    assert run(decider(), [match], 60) == [(30 + hold, match)]


def test_patience_stretches_the_wait() -> None:
    match = Match(0, 0.8, 0, 30)
    assert run(decider(60.0), [match], 120) == [(30 + 48, match)]


@pytest.mark.parametrize("distance", [1.0, 1.5, np.inf])
def test_what_is_not_under_its_threshold_is_nothing(distance: float) -> None:
    judge = decider()
    assert run(judge, [Match(0, distance, 0, 30)], 90) == []
    assert judge.flush() == []


def test_overlapping_matches_are_one_event_the_best() -> None:
    matches = [
        Match(0, 0.9, 0, 28),
        Match(0, 0.6, 0, 30),
        Match(1, 0.8, 1, 31),
        Match(0, 0.5, 2, 32),
        Match(0, 0.7, 3, 33),
    ]
    [(frame, reported)] = run(decider(), matches, 90)
    assert reported == matches[2], "ratios are compared, not distances"
    assert frame == 31 + 6


def test_a_better_one_starts_the_wait_again() -> None:
    first, better = Match(0, 0.9, 0, 30), Match(0, 0.8, 5, 40)
    assert run(decider(), [first, better], 90) == [(52, better)]
    worse = Match(0, 0.95, 5, 40)
    assert run(decider(), [first, worse], 90) == [(44, first)], "a worse one does not"


def test_back_to_back_repetitions_are_an_event_each() -> None:
    repetitions = [Match(0, 0.3, 30 * i, 30 * (i + 1)) for i in range(4)]
    assert [match for _, match in run(decider(), repetitions, 200)] == repetitions


@pytest.mark.parametrize(
    ("template", "start", "is_new"),
    [(1, 30, True), (1, 25, True), (1, 23, True), (1, 22, False), (0, 30, True), (0, 28, True), (0, 27, False)],
)
def test_the_next_may_begin_a_little_before_the_last_ended(template: int, start: int, is_new: bool) -> None:
    length = 28  # a quarter of it is 7 frames, a tenth not 3
    first, second = Match(0, 0.1, 0, 30), Match(template, 0.1, start, start + length)
    reported = [match for _, match in run(decider(), [first, second], 100)]
    assert reported == ([first, second] if is_new else [first])


def test_flush_reports_the_candidate_once() -> None:
    judge = decider()
    match = Match(0, 0.9, 0, 30)
    assert judge.update(30, [match]) == []
    assert judge.flush() == [match]
    assert judge.flush() == []
    assert run(judge, [], 90) == []
    judge.update(35, [Match(0, 0.1, 4, 35)])
    assert judge.flush() == [], "what overlaps a flushed event is the same action"


def test_reset_forgets_candidate_and_last_event() -> None:
    judge = decider()
    match = Match(0, 0.3, 0, 30)
    judge.update(30, [match])
    judge.reset()
    assert judge.flush() == []
    assert run(judge, [match], 60) == [(34, match)]


@given(
    st.lists(st.tuples(st.integers(0, 1), st.floats(0.01, 3.0), st.integers(4, 40), st.integers(40, 300)), max_size=40)
)
def test_events_are_in_order_and_barely_overlap(drawn: list[tuple[int, float, int, int]]) -> None:
    matches = [Match(template, distance, end - length, end) for template, distance, length, end in drawn]
    judge = decider()
    events = [match for _, match in run(judge, matches, 320)] + judge.flush()
    assert all(judge.ratio(event) < 1.0 for event in events)
    for earlier, later in itertools.pairwise(events):
        assert earlier.end_frame - later.start_frame <= 0.25 * (later.end_frame - later.start_frame)
    assert bool(events) == any(judge.ratio(match) < 1.0 for match in matches)


# Repetitions


def event(label: str, start: float, end: float, *, distance: float = 0.5, track: int = 0) -> ActionEvent:
    return ActionEvent(
        label=label, start_time=start, end_time=end, report_time=end + 0.2,
        distance=distance, threshold=1.0, template_id=f"{label} {distance}", track_id=track,
    )  # fmt: skip


def test_repetitions_with_small_gaps_are_one() -> None:
    (merged,) = merge_repetitions(
        [event("squat", 4.5, 6), event("squat", 0, 2), event("squat", 2, 4, distance=0.1)], gap_s=0.5
    )
    assert (merged.start_time, merged.end_time, merged.report_time) == (0, 6, 6.2)
    assert (merged.repetitions, merged.distance, merged.template_id) == (3, 0.1, "squat 0.1")


@pytest.mark.parametrize(
    ("events", "repetitions"),
    [
        pytest.param([("squat", 0, 2), ("squat", 2.6, 4)], [1, 1], id="too far apart"),
        pytest.param([("squat", 0, 2), ("wave", 2, 2.2), ("squat", 2.3, 4)], [1, 1, 1], id="another between"),
        pytest.param([("squat", 0, 2), ("squat", 1.9, 4), ("wave", 4, 5)], [2, 1], id="overlapping"),
        pytest.param([], [], id="nothing"),
    ],
)
def test_what_is_one_set_and_what_is_not(events: list[tuple[str, float, float]], repetitions: list[int]) -> None:
    merged = merge_repetitions([event(*one) for one in events], gap_s=0.5)
    assert [one.repetitions for one in merged] == repetitions


def test_each_person_has_repetitions_of_their_own() -> None:
    mine = [event("squat", start, start + 2) for start in (0, 2, 4)]
    yours = [event("wave", start, start + 1, track=1) for start in (1.5, 2.5)]
    merged = merge_repetitions([*mine, *yours], gap_s=0.5)
    assert [(one.track_id, one.label, one.repetitions) for one in merged] == [(0, "squat", 3), (1, "wave", 2)]
