from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from actionpose.charts import draw_confusion, draw_trace, draw_trade_off, save_figure
from actionpose.evaluation import Confusion, Span, match_events
from actionpose.recognizer import DistanceTrace
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
    figure = draw_trace(trace, spans=spans, events=[event("clap", 4.1, 5.1), event("clap", 15, 16)], title="drill")
    clap, wave = figure.axes
    assert (clap.get_ylabel(), wave.get_ylabel()) == ("clap", "wave")
    lines = {line.get_color(): line.get_xdata() for line in clap.lines if len(line.get_xdata()) == 600}
    assert set(lines) == {"black"}
    ratio = next(line.get_ydata() for line in clap.lines if line.get_color() == "black")
    assert np.min(ratio) == pytest.approx(0.2)
    assert np.max(ratio) == 2.0  # the nearer of the two templates
    assert {"#0072B2", "#D55E00"} <= {line.get_color() for line in clap.lines}  # a right and a wrong event
    assert np.isfinite(wave.lines[1].get_ydata()).all()


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
