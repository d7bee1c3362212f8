"""``actionpose evaluate``: events against spans."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.usefixtures("taught")


def test_all_of_a_known_performance_is_found(run, exam):
    record = json.loads(run("evaluate", exam, "--spans", exam.parent / "exam.csv", "--json", "--iou", 0.3).stdout)
    assert record["total"]["tp"] == 3
    assert record["total"]["f1"] == 1.0
    assert set(record["labels"]) == {"clap", "wave", "squat"}
    assert len(record["events"]) == 3
    assert record["start_error_s"] < 0.6


def test_the_table_has_a_line_for_each_label_and_for_all(run, exam):
    lines = run("evaluate", exam, "--spans", exam.parent / "exam.csv", "--iou", 0.3).stdout.splitlines()
    assert lines[0].split() == ["action", "TP", "FP", "FN", "precision", "recall", "F1"]
    assert [line.split()[0] for line in lines[1:4]] == ["clap", "squat", "wave"]
    assert lines[4].split() == ["in", "all", "3", "0", "0", "1.000", "1.000", "1.000"]


def test_nothing_before_the_start_frame_counts(run, exam):
    spans = exam.parent / "exam.csv"
    _, clap, wave, _ = (line.split(",") for line in spans.read_text().splitlines())
    start_frame = round((float(clap[3]) + float(wave[2])) / 2 * 30)
    record = json.loads(
        run("evaluate", exam, "--spans", spans, "--iou", 0.3, "--start-frame", start_frame, "--json").stdout
    )
    assert set(record["labels"]) == {"wave", "squat"}
    assert record["total"] | {"fp": 0} == record["total"]
    assert all(event["start_time"] >= start_frame / 30 for event in record["events"])


def test_confusion_is_shown_when_something_is_wrong(run, exam, tmp_path):
    (tmp_path / "wrong.csv").write_text("video,label,start_s,end_s\nexam.jsonl.gz,wave,1,2\n")
    output = run("evaluate", exam, "--spans", "wrong.csv").stdout
    assert "what was taken for what" in output
    assert "unknown" in output


def test_a_table_of_other_videos_is_refused(run, exam, tmp_path):
    (tmp_path / "other.csv").write_text("video,label,start_s,end_s\nother.mp4,wave,1,2\n")
    assert "has no line for exam.jsonl.gz" in run("evaluate", exam, "--spans", "other.csv", code=1).stderr


def test_a_start_frame_behind_the_end_is_refused(run, exam):
    result = run("evaluate", exam, "--spans", exam.parent / "exam.csv", "--start-frame", 99999, code=1)
    assert "none is left" in result.stderr
