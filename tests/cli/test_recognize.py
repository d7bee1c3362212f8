"""``actionpose recognize``: the events of a file, in three formats."""

from __future__ import annotations

import csv
import io
import json
import shutil
import signal

import pytest

from actionpose.sources import open_source
from actionpose.sources.replay import ReplaySource


@pytest.mark.usefixtures("taught")
def test_json_holds_each_action_with_its_span(run, exam):
    result = run("recognize", exam, "--format", "json")
    events = json.loads(result.stdout)
    assert [event["label"] for event in events] == ["clap", "wave", "squat"]
    truth = list(csv.DictReader(io.StringIO((exam.parent / "exam.csv").read_text())))
    for event, span in zip(events, truth, strict=True):
        middle = (event["start_time"] + event["end_time"]) / 2
        assert float(span["start_s"]) < middle < float(span["end_s"])
        assert event["distance"] < event["threshold"]
    assert "3 actions in" in result.stderr


@pytest.mark.usefixtures("taught")
def test_the_same_events_every_time_and_in_every_format(run, exam, tmp_path):
    events = json.loads(run("recognize", exam, "--format", "json").stdout)
    rows = list(csv.DictReader(io.StringIO(run("recognize", exam, "--format", "csv").stdout)))
    assert [row["label"] for row in rows] == [event["label"] for event in events]
    assert [float(row["end_s"]) for row in rows] == [event["end_time"] for event in events]
    assert run("recognize", exam, "-o", "events.json").stdout == ""
    assert json.loads((tmp_path / "events.json").read_text()) == events
    table = run("recognize", exam).stdout.splitlines()
    assert table[0].split()[:3] == ["start", "end", "action"]
    assert [line.split()[2] for line in table[1:]] == ["clap", "wave", "squat"]


@pytest.mark.usefixtures("taught")
def test_what_was_recognised_is_read_as_what_is_performed(run, exam, tmp_path):
    shutil.copy(exam, tmp_path / "recordings" / "exam.jsonl.gz")
    (tmp_path / "out").mkdir()
    run("recognize", "recordings/exam.jsonl.gz", "-o", "out/events.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / "events.csv").read_text())))
    assert {row["video"] for row in rows} == {"../recordings/exam.jsonl.gz"}
    report = json.loads(run("evaluate", "recordings/exam.jsonl.gz", "--spans", "out/events.csv", "--json").stdout)
    assert report["total"]["f1"] == 1.0
    assert report["total"]["tp"] == 3
    added = run("add", "--spans", "out/events.csv", "--library", "new.sqlite").stdout
    assert [line.split()[1] for line in added.splitlines()] == ["clap", "wave", "squat"]


@pytest.mark.usefixtures("taught")
def test_files_of_before_are_still_what_is_performed(run, exam, tmp_path):
    events = json.loads(run("recognize", exam, "--format", "json").stdout)
    with (tmp_path / "old.csv").open("w", newline="") as file:
        rows = csv.DictWriter(file, events[0])
        rows.writeheader()
        rows.writerows(events)
    assert json.loads(run("evaluate", exam, "--spans", "old.csv", "--json").stdout)["total"]["f1"] == 1.0


@pytest.mark.usefixtures("taught")
def test_repetitions_are_counted_in_sets(run, perform):
    perform("training", "squat,squat,squat,wave", body=3, seed=7, pause=0.3)
    result = run("recognize", "training.jsonl.gz", "--merge", 2)
    assert [line.split()[2:4] for line in result.stdout.splitlines()] == [
        ["action", "times"], ["squat", "3"], ["wave", "1"],
    ]  # fmt: skip
    assert "4 actions in" in result.stderr
    record = json.loads(run("recognize", "training.jsonl.gz", "--merge", 0, "--format", "json").stdout)
    assert [(event["label"], event["repetitions"]) for event in record] == [("squat", 1)] * 3 + [("wave", 1)]


@pytest.mark.usefixtures("taught")
def test_window_mode_and_its_options(run, exam):
    output = run("recognize", exam, "--mode", "window", "--window", 40, "--top", 2, "--ratio", 0.5, "--format", "json")
    assert all(event["label"] in ("wave", "clap", "squat") for event in json.loads(output.stdout))


@pytest.mark.usefixtures("taught")
def test_a_recording_cut_off_gives_what_is_readable_and_says_so(run, exam, tmp_path):
    (tmp_path / "cut.jsonl.gz").write_bytes(exam.read_bytes()[:-9000])
    result = run("recognize", "cut.jsonl.gz", "--format", "json")
    assert [event["label"] for event in json.loads(result.stdout)][:1] == ["clap"]
    assert "note: " in result.stderr


@pytest.mark.parametrize("arguments", [[], ["x", "--mode", "no"], ["x", "--people", "0"], ["x", "--format", "xml"]])
def test_wrong_usage_exits_with_2(run, arguments):
    assert "Usage: actionpose recognize" in run("recognize", *arguments, code=2).stderr


@pytest.mark.usefixtures("taught")
def test_annotating_writes_a_video_with_every_frame(run, perform, tmp_path):
    perform("short", "clap", pause=0.3, speed=2, size=(160, 120))
    run("recognize", "short.jsonl.gz", "--annotate", "out.mp4")
    with open_source(tmp_path / "out.mp4") as video, open_source(tmp_path / "short.jsonl.gz") as recording:
        pictures = list(iter(video.read, None))
        assert len(pictures) == len(list(iter(recording.read, None)))
    assert pictures[0].image.shape[1] == 160
    assert pictures[0].image.shape[0] > 120, "the time line is below"
    assert pictures[len(pictures) // 2].image.max() > 100, "a skeleton is drawn on black"


@pytest.mark.usefixtures("taught")
def test_ctrl_c_keeps_what_was_found(run, exam, tmp_path, monkeypatch):
    class IsInterrupted(ReplaySource):
        def read(self):
            frame = super().read()
            if frame and frame.index == 200:
                signal.raise_signal(signal.SIGINT)
            return frame

    monkeypatch.setattr("actionpose.sources.open_source", lambda _: IsInterrupted(exam))
    handler = signal.getsignal(signal.SIGINT)  # none, where the tests run in the background
    stderr = run("recognize", "exam", "-o", "events.json", code=130).stderr
    assert stderr.strip() == "Stopped."
    assert [event["label"] for event in json.loads((tmp_path / "events.json").read_text())] == ["clap"]
    assert signal.getsignal(signal.SIGINT) is handler
