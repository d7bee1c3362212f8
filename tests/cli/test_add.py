"""``actionpose add``: spans of video become templates."""

from __future__ import annotations

import json

import pytest


def test_a_span_in_seconds_becomes_a_template(run, perform):
    perform("lesson", "wave")
    output = run("add", "wave", "lesson.jsonl.gz", "--start", 0.5, "--end", 1.5).stdout
    assert "wave" in output
    [record] = json.loads(run("templates", "list", "--json").stdout)
    assert output.startswith(record["id"][:8])
    assert record["label"] == "wave"
    assert record["n_frames"] == 30
    assert record["provenance"]["source"] == "lesson.jsonl.gz"
    assert float(record["provenance"]["start"]) == 0.5
    assert record["quality"]["rate_hz"] == pytest.approx(30, abs=0.1)


def test_times_may_be_written_as_a_clock_shows_them(run, perform):
    perform("lesson", "wave")
    run("add", "wave", "lesson.jsonl.gz", "--start", "0:00,5", "--end", "00:00:01.5")
    [record] = json.loads(run("templates", "list", "--json").stdout)
    assert (float(record["provenance"]["start"]), float(record["provenance"]["end"])) == (0.5, 1.5)
    assert "hh:mm:ss" in run("add", "wave", "lesson.jsonl.gz", "--start", "1:75", code=2).stderr


def test_mirror_adds_the_other_side_as_a_template_of_its_own(run, perform):
    perform("lesson", "wave")
    run("add", "wave", "lesson.jsonl.gz", "--start", 0.5, "--end", 1.5, "--mirror")
    records = json.loads(run("templates", "list", "--json").stdout)
    assert [record["label"] for record in records] == ["wave", "wave"]
    [mirrored] = [record for record in records if "mirror_of" in record["provenance"]]
    assert mirrored["provenance"]["mirror_of"] in {record["id"] for record in records} - {mirrored["id"]}


def test_without_a_span_the_whole_video_is_taken(run, perform):
    perform("lesson", "wave")
    run("add", "wave", "lesson.jsonl.gz")
    [record] = json.loads(run("templates", "list", "--json").stdout)
    assert float(record["provenance"]["start"]) == 0.0
    assert float(record["provenance"]["end"]) == pytest.approx(record["duration_s"], abs=1e-3)


def test_a_puppet_is_a_source_like_any_other(run):
    options = ("--model", "mediapipe:nothing", "--start", "2", "--end", "2.5")
    assert "mediapipe:nothing" in run("add", "wave", "puppet:wave", *options, code=1).stderr


def test_a_table_of_spans_in_frames_adds_one_template_each(run, perform, tmp_path):
    perform("lesson", "wave,clap")
    (tmp_path / "spans.csv").write_text(
        "video,label,start_frame,end_frame\nlesson.jsonl.gz,wave,40,80\nlesson.jsonl.gz,clap,90,100\n"
        "lesson.jsonl.gz,unknown,1,5\n"
    )
    run("add", "--spans", "spans.csv")
    records = json.loads(run("templates", "list", "--json").stdout)
    assert {(record["label"], record["n_frames"]) for record in records} == {("wave", 40), ("clap", 10)}


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["wave"],
        ["--spans", "x.csv", "wave", "v.mp4"],
        ["--spans", "x.csv", "--end", "2"],
        ["a", "b", "--start", "-1"],
    ],
)
def test_wrong_usage_exits_with_2(run, arguments):
    assert "Usage: actionpose add" in run("add", *arguments, code=2).stderr


def test_a_span_behind_the_end_says_so(run, perform):
    perform("lesson", "wave")
    stderr = run("add", "wave", "lesson.jsonl.gz", "--start", 500, "--end", 501, code=1).stderr
    assert stderr.startswith("error: Nobody is in view in lesson.jsonl.gz")
    assert "hint: " in stderr


def test_a_missing_video_says_so(run):
    stderr = run("add", "wave", "nosuch.mp4", code=1).stderr
    assert "error: " in stderr
    assert "nosuch.mp4" in stderr
    assert "Traceback" not in stderr


def test_a_reserved_label_is_refused(run, perform):
    perform("lesson", "wave")
    assert "unknown" in run("add", "unknown", "lesson.jsonl.gz", code=1).stderr
