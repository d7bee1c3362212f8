from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionpose.decision import ActionEvent
from actionpose.errors import InvalidDataError
from actionpose.evaluation import Confusion, Evaluation, Span, leave_one_out, match_events, match_requests
from actionpose.pose import PoseSequence
from actionpose.recognizer import RecognizerSettings
from actionpose.skeleton import UPPER_BODY_6
from actionpose.template import Template


def event(label: str, start: float, end: float, report: float | None = None) -> ActionEvent:
    return ActionEvent(
        label=label,
        start_time=start,
        end_time=end,
        report_time=end + 0.2 if report is None else report,
        distance=0.5,
        threshold=1.0,
        template_id="t",
    )


def test_events_equal_to_the_spans_are_all_right() -> None:
    spans: list[Span] = [("wave", 0, 1), ("clap", 1, 2), ("wave", 5, 6)]
    result = match_events([event(*span) for span in spans], spans)
    assert (result.total.tp, result.total.fp, result.total.fn) == (3, 0, 0)
    assert result.total.precision == result.total.recall == result.total.f1 == 1
    assert {label: counts.tp for label, counts in result.labels.items()} == {"clap": 1, "wave": 2}
    assert (result.start_error_s, result.end_error_s, result.false_alarms_per_minute) == (0, 0, 0)
    assert result.delay_s == pytest.approx(0.2)


def test_half_an_overlap_is_enough_and_less_is_not() -> None:
    assert match_events([event("wave", 0.1, 0.2)], [("wave", 0.1, 0.3)]).total.tp == 1
    result = match_events([event("wave", 0.1, 0.19)], [("wave", 0.1, 0.3)])
    assert (result.total.tp, result.total.fp, result.total.fn) == (0, 1, 1)
    assert match_events([event("wave", 0.1, 0.19)], [("wave", 0.1, 0.3)], iou=0.4).total.tp == 1


def test_only_one_event_can_find_a_span() -> None:
    result = match_events([event("wave", 0, 0.9), event("wave", 0, 1)], [("wave", 0, 1)])
    assert (result.total.tp, result.total.fp, result.total.fn) == (1, 1, 0)
    assert result.end_error_s == 0


def test_the_greatest_overlap_is_paired_first() -> None:
    events = [event("wave", 0.4, 2.0), event("wave", 0.0, 1.0)]
    result = match_events(events, [("wave", 0, 1.1), ("wave", 0.5, 2.0)])
    assert result.total.tp == 2
    assert result.start_error_s == pytest.approx(0.05)


def test_confusion_tells_mistaken_from_missed_and_invented() -> None:
    spans: list[Span] = [("wave", 0, 1), ("clap", 2, 3), ("clap", 4, 5)]
    events = [event("wave", 0, 1), event("wave", 2, 3), event("bow", 8, 9)]
    result = match_events(events, spans)
    assert result.confusion.labels == ("bow", "clap", "wave", "unknown")
    assert result.confusion.counts.tolist() == [[0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 1, 0], [1, 0, 0, 0]]
    assert (result.labels["wave"].fp, result.labels["clap"].fn, result.labels["bow"].fp) == (1, 2, 1)
    assert math.isnan(result.labels["clap"].precision)
    assert math.isnan(result.labels["bow"].recall)


def test_spans_labelled_unknown_want_no_event() -> None:
    result = match_events([event("wave", 0, 1)], [("unknown", 0, 1), ("unknown", 2, 3)])
    assert (result.total.tp, result.total.fp, result.total.fn) == (0, 1, 0)
    assert result.confusion.counts.tolist() == [[0, 0], [1, 0]]


def test_false_alarms_are_counted_by_the_minute() -> None:
    events = [event("wave", 0, 1), event("wave", 29, 30)]
    assert match_events(events, []).false_alarms_per_minute == pytest.approx(4)
    assert match_events(events, [], duration_s=120).false_alarms_per_minute == pytest.approx(1)


def test_nothing_compared_with_nothing_has_no_ratios() -> None:
    result = match_events([], [])
    assert math.isnan(result.total.f1)
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))["total"] == {
        "tp": 0, "fp": 0, "fn": 0, "precision": None, "recall": None, "f1": None,
    }  # fmt: skip


def test_everything_goes_to_json() -> None:
    values = match_events([event("wave", 0, 1)], [("wave", 0, 1)]).to_dict()
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert values["labels"]["wave"]["f1"] == 1
    assert values["confusion"] == {"labels": ["wave", "unknown"], "counts": [[1, 0], [0, 0]]}


def test_wrong_arguments() -> None:
    with pytest.raises(InvalidDataError, match="iou"):
        match_events([], [], iou=0)
    with pytest.raises(InvalidDataError, match="ends after its start"):
        match_events([], [("wave", 1, 1)])


stretches = st.lists(
    st.tuples(st.sampled_from(["wave", "clap", "bow"]), st.integers(0, 50), st.integers(1, 20)).map(
        lambda v: (v[0], v[1] / 10, (v[1] + v[2]) / 10)
    ),
    max_size=8,
)


@given(events=stretches, spans=stretches, iou=st.sampled_from([0.1, 0.5, 0.9]))
def test_every_event_and_span_is_counted_once(events: list[Span], spans: list[Span], iou: float) -> None:
    result = match_events([event(*e) for e in events], spans, iou=iou)
    assert result.total.tp + result.total.fp == len(events)
    assert result.total.tp + result.total.fn == len(spans)
    for label, counts in result.labels.items():
        assert counts.tp + counts.fp == sum(e[0] == label for e in events)
        assert counts.tp + counts.fn == sum(s[0] == label for s in spans)
    assert result.confusion.counts[-1, -1] == 0
    assert match_events([event(*e) for e in events], spans, iou=iou / 2).total.tp >= result.total.tp


@given(spans=stretches)
def test_a_span_is_found_by_itself(spans: list[Span]) -> None:
    assert match_events([event(*span) for span in spans], spans, iou=1.0).total.tp == len(spans)


def test_streams_are_added_up() -> None:
    first = match_events([event("wave", 0, 1), event("bow", 8, 9)], [("wave", 0, 1)], duration_s=60)
    second = match_events([event("clap", 0.1, 1.3)], [("clap", 0, 1), ("wave", 2, 3)], duration_s=60)
    both = Evaluation.merge([first, second])
    assert (both.total.tp, both.total.fp, both.total.fn) == (2, 1, 1)
    assert both.confusion.labels == ("bow", "clap", "wave", "unknown")
    assert both.false_alarms_per_minute == pytest.approx(0.5)
    assert both.end_error_s == pytest.approx(0.15)
    with pytest.raises(InvalidDataError, match="at least one"):
        Evaluation.merge([])


@given(pairs=st.lists(st.tuples(st.sampled_from(["a", "b", "unknown"]), st.sampled_from(["a", "c", "unknown"]))))
def test_a_confusion_is_the_pairs_it_was_made_of(pairs: list[tuple[str, str]]) -> None:
    assert sorted(Confusion.from_pairs(pairs).pairs) == sorted(pairs)


# Requests


def test_the_first_event_of_the_action_asked_for_is_right() -> None:
    events = [event("wave", 0, 1), event("wave", 2, 3), event("clap", 12, 13), event("wave", 40, 41)]
    result = match_requests(events, [("wave", 0, 10), ("wave", 10, 20), ("bow", 20, 30)])
    # The second wave is one too many, the clap is wrong and the wave missed, the bow is missed, the last outside.
    assert (result.total.tp, result.total.fp, result.total.fn) == (1, 2, 3)
    assert result.confusion.counts.tolist() == [[0, 0, 0, 1], [0, 0, 0, 0], [0, 1, 1, 1], [0, 0, 1, 0]]
    assert result.false_alarms_per_minute == pytest.approx(4)
    assert result.delay_s == pytest.approx(0.2)
    assert math.isnan(result.start_error_s)
    assert result.to_dict()["iou"] is None


def test_an_event_belongs_to_the_request_in_which_it_is_reported() -> None:
    late = event("wave", 8, 9, report=10.1)
    assert match_requests([late], [("wave", 0, 10), ("wave", 10, 20)]).total.tp == 1
    assert match_requests([late], [("wave", 0, 10)]).total.fn == 1
    with pytest.raises(InvalidDataError, match="ends after its start"):
        match_requests([], [("wave", 1, 1)])


@given(
    reports=st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 39)), max_size=12),
    asked=st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=4),
)
def test_requests_are_counted_as_the_protocol_says(reports: list[tuple[str, int]], asked: list[str]) -> None:
    tp = fp = fn = 0
    for i, wanted in enumerate(asked):
        hit = False
        for label, time in sorted(reports, key=lambda report: report[1]):
            if time // 10 != i:
                continue
            if label == wanted and not hit:
                hit, tp = True, tp + 1
            else:
                fp += 1
                fn += label != wanted
        fn += not hit
    requests: list[Span] = [(wanted, 10 * i, 10 * i + 10) for i, wanted in enumerate(asked)]
    result = match_requests([event(label, time - 1, time, report=time) for label, time in reports], requests)
    assert (result.total.tp, result.total.fp, result.total.fn) == (tp, fp, fn)


# Leave one out


def arms(move: str, *, seed: int, duration: float = 1.5) -> PoseSequence:
    """Both arms raised forward, out to the side and round, or held down while the elbows flap."""
    random = np.random.default_rng(seed)
    duration *= random.uniform(0.85, 1.15)
    time = np.arange(round(30 * duration)) / 30
    swing = np.sin(np.pi * time / time[-1])
    position = np.zeros((len(time), 6, 3))
    position += [[-0.2, 0, 0], [0.2, 0, 0], [-0.25, 0.3, 0], [0.25, 0.3, 0], [-0.25, 0.6, 0], [0.25, 0.6, 0]]
    if move == "raise":
        position[:, 2:4, 1] -= 0.5 * swing[:, None]
        position[:, 4:6, 1] -= 1.1 * swing[:, None]
    elif move == "spread":
        position[:, [2, 4], 0] -= np.outer(swing, [0.3, 0.6])
        position[:, [3, 5], 0] += np.outer(swing, [0.3, 0.6])
        position[:, 4:6, 1] -= 0.6 * swing[:, None]
    else:
        position[:, 4:6, 0] += 0.4 * np.sin(4 * np.pi * time / time[-1])[:, None]
    position += random.normal(scale=0.004, size=position.shape)
    return PoseSequence(skeleton=UPPER_BODY_6, time=time, position=position)


def template(label: str, source: str, seed: int) -> Template:
    return Template.from_sequence(label, arms(label, seed=seed), provenance={"source": source})


def test_templates_are_recognised_by_those_of_other_sources() -> None:
    library = [template(label, f"{label}{i}.mp4", i) for label in ("raise", "spread", "flap") for i in range(2)]
    result = leave_one_out(library)
    assert result.accuracy == 1
    assert result.confusion.labels == ("flap", "raise", "spread", "unknown")
    assert result.answers == {t.id: t.label for t in library}
    assert result.skipped == ()


def test_unknown_is_the_right_answer_to_an_action_that_is_not_shown() -> None:
    library = [template(label, f"{label}{i}.mp4", i) for label in ("raise", "spread", "flap") for i in range(2)]
    result = leave_one_out(library, RecognizerSettings(), unknown=("flap",))
    assert result.confusion.labels == ("raise", "spread", "unknown")
    assert result.confusion.counts[-1].sum() == 2
    assert result.accuracy == 1


def test_templates_of_one_source_are_left_out_together() -> None:
    library = [template("raise", "a.mp4", 0), template("raise", "a.mp4", 1), template("spread", "b.mp4", 0)]
    result = leave_one_out(library)
    assert set(result.skipped) == {t.id for t in library}
    assert math.isnan(result.accuracy)
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))["accuracy"] is None
    apart = leave_one_out(library, together=None)
    assert apart.skipped == (library[2].id,)
    assert apart.accuracy == 1


@pytest.mark.parametrize("together", ["source", None])
def test_no_template_is_recognised_by_its_own_mirror_image(together: str | None) -> None:
    takes = [Template.from_sequence("raise", arms("raise", seed=0)), template("spread", "b.mp4", 0)]
    images = [take.mirrored() for take in takes]
    assert set(leave_one_out([*takes, *images], together=together).skipped) == {t.id for t in (*takes, *images)}


def test_disabled_templates_count_too() -> None:
    library = [template("raise", f"{i}.mp4", i) for i in range(2)]
    assert leave_one_out([replace(t, enabled=False) for t in library]).accuracy == 1
