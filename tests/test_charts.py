from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from actionpose.charts import draw_confusion, draw_trace, draw_trade_off, save_figure
from actionpose.evaluation import Confusion, Span, Stream, evaluate_events, judge_events, match_events
from actionpose.pose import PoseSequence
from actionpose.recognizer import DistanceTrace
from actionpose.skeleton import UPPER_BODY_6
from tests.test_evaluation import event

CONFUSION = Confusion.from_pairs([("wave", "wave"), ("wave", "clap"), ("$clap$", "clap"), ("unknown", "wave")])


@pytest.fixture
def trace() -> DistanceTrace:
    """Twenty seconds in which a clap ends at 5 s, and nothing else comes near."""
    time = np.arange(600) / 30
    distance = np.full((600, 3), np.inf)
    distance[:, 1] = 2.0
    distance[:, 2] = 0.2 + np.abs(time - 5)
    return DistanceTrace(
        time=time,
        distance=distance,
        start_time=np.repeat(time[:, None] - 1, 3, axis=1),
        threshold=np.ones(3),
        labels=("wave", "clap", "clap"),
        template_ids=("a", "b", "c"),
    )


def test_a_confusion_shows_its_labels_and_counts() -> None:
    (axes,) = draw_confusion(CONFUSION, title="all").axes
    assert [text.get_text() for text in axes.get_yticklabels()] == list(CONFUSION.labels)
    assert sorted(text.get_text() for text in axes.texts) == ["1", "1", "1", "1"]
    assert axes.get_title() == "all"


def test_a_trace_has_a_row_for_each_action(trace: DistanceTrace) -> None:
    spans: list[Span] = [("clap", 4.0, 5.0), ("wave", 10.0, 11.0)]
    events = [event("clap", 4.1, 5.1), event("clap", 15, 16)]
    figure = draw_trace(trace, spans=spans, events=events, verdicts=[True, False], title="drill")
    clap, wave = figure.axes
    assert (clap.get_ylabel(), wave.get_ylabel()) == ("clap", "wave")
    lines = {line.get_color(): line.get_xdata() for line in clap.lines if len(line.get_xdata()) == 600}
    assert set(lines) == {"black"}
    ratio = next(line.get_ydata() for line in clap.lines if line.get_color() == "black")
    assert np.min(ratio) == pytest.approx(0.2)
    assert np.max(ratio) == 2.0  # the nearer of the two templates
    assert {"#0072B2", "#D55E00"} <= {line.get_color() for line in clap.lines}  # a right and a wrong event
    assert np.isfinite(wave.lines[1].get_ydata()).all()


def test_what_was_performed_without_a_template_has_a_row_too(trace: DistanceTrace) -> None:
    spans: list[Span] = [("Clap", 4.0, 5.0), ("unknown", 6.0, 9.0)]
    figure = draw_trace(trace, spans=spans, events=[event("clap", 4.1, 5.1)], verdicts=[False])
    assert [axes.get_ylabel() for axes in figure.axes] == ["Clap", "clap", "wave"]
    assert [len(axes.patches) for axes in figure.axes] == [1, 0, 0]


@pytest.mark.parametrize("are_requests", [False, True])
def test_a_trace_calls_right_what_the_score_calls_right(trace: DistanceTrace, are_requests: bool) -> None:
    """A second event of a span, one that hardly overlaps its span, one in no request: each as it is counted."""
    spans: list[Span] = [("clap", 4.0, 5.0), ("clap", 10.0, 12.0)]
    places = [(4.1, 5.1), (4.0, 4.4), (11.7, 13.0), (15.0, 16.0), (4.2, 4.6)]
    events = [event("clap", start, end) for start, end in places]
    position = np.random.default_rng(0).random((600, 6, 3))
    stream = Stream(
        name="drill",
        unit="drill",
        templates=(),
        sequence=PoseSequence(skeleton=UPPER_BODY_6, time=np.arange(600) / 30, position=position),
        truth=tuple(spans),
        are_requests=are_requests,
    )
    verdicts = judge_events(stream, events)
    assert verdicts == ([None, True, None, None, False] if are_requests else [True, False, False, False, False])
    total = evaluate_events(stream, events).total
    assert (verdicts.count(True), verdicts.count(False)) == (total.tp, total.fp)
    clap = draw_trace(trace, spans=spans, events=events, verdicts=verdicts).axes[0]
    colors = [line.get_color() for line in clap.lines if line.get_linewidth() == 3]
    assert colors == [{True: "#0072B2", False: "#D55E00", None: "#999999"}[verdict] for verdict in verdicts]


def test_a_trace_explains_its_signs(trace: DistanceTrace) -> None:
    (legend,) = draw_trace(trace).legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names[:3] == ["distance", "threshold", "performed"]
    assert names[3:] == ["recognised, right", "recognised, wrong", "not counted", "reported"]


def test_the_names_of_near_points_do_not_lie_over_each_other() -> None:
    spans: list[Span] = [("wave", 2.0 * k, 2.0 * k + 1) for k in range(50)]
    points = []
    for sensitivity, n_found, n_false in (
        (0.6, 5, 0), (0.9, 45, 0), (1, 47, 0), (1.1, 47, 1), (1.25, 48, 1), (1.5, 48, 3), (1.75, 48, 4), (2, 49, 30),
    ):  # fmt: skip
        found = [event("wave", start, end) for _, start, end in spans[:n_found]]
        false = [event("wave", 200 + k, 200.5 + k) for k in range(n_false)]
        points.append((sensitivity, match_events([*found, *false], spans, duration_s=300)))
    (axes,) = draw_trade_off(points).axes
    boxes = {text.get_text(): text.get_window_extent() for text in axes.texts if text.get_text()}
    assert list(boxes) == ["0.6", "0.9", "1", "1.1", "1.25", "1.5", "1.75", "2"]
    assert not [pair for pair in itertools.combinations(boxes, 2) if boxes[pair[0]].overlaps(boxes[pair[1]])]
    for x, y in axes.transData.transform(axes.lines[0].get_xydata()):
        assert not any(box.contains(x, y) for box in boxes.values())


def test_a_trade_off_has_a_point_for_each_sensitivity() -> None:
    spans: list[Span] = [("wave", 0, 1), ("wave", 2, 3)]
    strict = match_events([event("wave", 0, 1)], spans, duration_s=60)
    eager = match_events([event("wave", 0, 1), event("wave", 2, 3), event("wave", 8, 9)], spans, duration_s=60)
    (axes,) = draw_trade_off([(0.5, strict), (1.5, eager)]).axes
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[0, 50], [1, 0]])
    assert [text.get_text() for text in axes.texts] == ["0.5", "1.5"]


def test_figures_are_written_as_png_and_svg_and_alike_every_time(tmp_path: Path) -> None:
    png, svg = save_figure(draw_confusion(CONFUSION), tmp_path / "v1.2 confusion")
    assert (png.name, svg.name) == ("v1.2 confusion.png", "v1.2 confusion.svg")
    image = cv2.imread(str(png))
    assert min(image.shape[:2]) > 200
    assert image.std() > 10
    assert svg.read_text().startswith("<?xml")
    again = save_figure(draw_confusion(CONFUSION), tmp_path / "again")
    assert [path.read_bytes() for path in again] == [png.read_bytes(), svg.read_bytes()]
