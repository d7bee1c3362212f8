"""``actionpose evaluate``: events against spans, templates against each other, and research data."""

from __future__ import annotations

import json

import numpy as np
import pytest

from actionpose.recording import RecordingWriter
from actionpose.skeleton import BLAZEPOSE_33

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


def test_one_recording_resamples_what_happened(run, exam):
    record = json.loads(run("evaluate", exam, "--spans", exam.parent / "exam.csv", "--json", "--iou", 0.3).stdout)
    assert record["f1_interval"] == [1.0, 1.0]
    assert record["resampled"] == "3 actions and false alarms"
    assert record["video"] == "exam.jsonl.gz"
    assert "unknown" not in record


def test_each_action_can_be_held_out_and_everything_drawn(run, exam, tmp_path):
    arguments = [
        "--spans",
        exam.parent / "exam.csv",
        "--iou",
        0.3,
        "--unknown",
        "--pictures",
        tmp_path / "new" / "figures",
    ]
    output = run("evaluate", exam, *arguments).stdout
    assert "unknown actions told from known: AUROC 1.000" in output
    names = {path.name for path in (tmp_path / "new" / "figures").iterdir()}
    assert names == {
        f"{stem}.{suffix}"
        for stem in ("confusion", "trace-exam.jsonl.gz", "false-alarms-and-misses")
        for suffix in ("png", "svg")
    }


# The library


@pytest.fixture
def two_sources(run, perform, taught):
    """Have another body show the same three actions too."""
    perform("other", "squat,wave,clap", body=3, seed=5)
    run("add", "--spans", "other.csv")
    return taught


@pytest.mark.usefixtures("two_sources")
def test_the_library_is_recognised_by_its_other_sources(run, tmp_path):
    result = run("evaluate", "--pictures", tmp_path / "figures")
    assert result.stdout.splitlines()[0].split() == ["action", "clips", "right", "share"]
    assert "accuracy 1.000 (95 %: 1.000 to 1.000, resampling 9 clips)" in result.stdout
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"confusion.png", "confusion.svg"}


@pytest.mark.usefixtures("two_sources")
@pytest.mark.parametrize("how", ["--events", "--whole"])
def test_what_is_hidden_is_unknown(run, how):
    record = json.loads(run("evaluate", how, "--hide", "squat", "--json").stdout)
    assert record["confusion"]["labels"] == ["clap", "wave", "unknown"]
    assert sum(record["confusion"]["counts"][-1]) == 3
    assert record["accuracy"] == 1
    assert set(record["answers"].values()) == {"clap", "wave", "unknown"}


def test_a_library_of_one_source_has_nothing_to_compare(run):
    assert "No two sources" in run("evaluate", code=1).stderr


# Research data


@pytest.fixture
def swings(tmp_path):
    """Two kinds of swings in the form of NATOPS: arms up, or out to the side."""
    random = np.random.default_rng(0)
    swing = np.sin(np.linspace(0, np.pi, 51))
    rest = np.array([[-1, 0, 0], [1, 0, 0], [-1, 2, 0], [1, 2, 0], [-1, 1, 0], [1, 1, 0], [-0.8, 0, 0], [0.8, 0, 0]])
    values, labels = [], []
    for i in range(12):
        position = np.repeat(rest[None].astype(float), 51, axis=0)
        reach = swing[:, None] * random.uniform(0.8, 1.2)
        if i % 2:
            position[:, [0, 4, 6], 1] += 4 * reach
        else:
            position[:, [1, 5, 7], 0] += 3 * reach
        values.append((position + random.normal(scale=0.01, size=position.shape)).reshape(51, 24))
        labels.append(f"{1 + i % 2}.0")
    path = tmp_path / "swings.npz"
    np.savez(path, train=values[:4], train_label=labels[:4], test=values[4:], test_label=labels[4:])
    return path


def test_clips_are_told_apart(run, swings):
    output = run("evaluate", f"natops:{swings}", "--unknown").stdout
    assert "accuracy 1.000 (95 %: 1.000 to 1.000, resampling 8 clips)" in output
    assert "AUROC" in output
    record = json.loads(run("evaluate", f"natops:{swings}", "--axes", "xy", "--unknown", "--json").stdout)
    assert record["accuracy"] == 1
    assert record["data"] == "natops"
    assert set(record["unknown"]["labels"]) == {"all clear", "i have command"}
    assert record["unknown"]["auroc"] > 0.9


def test_the_other_hand_is_known_by_its_mirror_image(run, tmp_path):
    """Waves of either hand, and bows, in the form of the signs."""
    swing = np.sin(np.linspace(0, np.pi, 30))
    pose = np.zeros((8, 30, 33, 4))
    pose[..., 3] = 1
    pose[:, :, [11, 13, 15, 23], 0], pose[:, :, [12, 14, 16, 24], 0] = 0.2, -0.2
    pose[:, :, [23, 24], 1], pose[:, :, [15, 16], 1] = 0.8, 0.6
    hands = np.zeros((8, 30, 21, 3))
    for i, wrist in enumerate([15, 15, 16, 16]):
        pose[i, :, wrist, 1] -= swing
    pose[4:, :, 0, 1] += swing
    labels = ["wave"] * 4 + ["bow"] * 4
    np.savez(tmp_path / "s.npz", pose=pose, left_hand=hands, right_hand=hands, label=labels)
    arguments = ["evaluate", f"signs:{tmp_path / 's.npz'}", "--draws", "4", "--json"]
    assert json.loads(run(*arguments).stdout)["accuracy"] < 1
    assert json.loads(run(*arguments, "--mirror").stdout)["accuracy"] == 1


@pytest.fixture
def sessions(tmp_path):
    """Two people, asked to raise both arms twice and to spread them once, in the form of JK2017."""
    rest = np.zeros((21, 3))
    rest[:4, 1], rest[20, 1] = [0, 0.3, 0.6, 0.8], 0.5
    rest[4:8] = [[-0.2, 0.5, 0], [-0.25, 0.25, 0], [-0.25, 0, 0], [-0.25, -0.1, 0]]
    rest[8:12] = rest[4:8] * [-1, 1, 1]
    rest[12:16] = [[-0.1, 0, 0], [-0.1, -0.4, 0], [-0.1, -0.8, 0], [-0.1, -0.9, 0.1]]
    rest[16:20] = rest[12:16] * [-1, 1, 1]

    def move(label, n_frames):
        swing = np.sin(np.linspace(0, np.pi, n_frames))[:, None]
        position = np.repeat(rest[None], n_frames, axis=0)
        reach = swing * np.array([0, 0.25, 0.6, 0.7])
        if label == "raise":
            position[:, 4:8, 1] += 1.6 * reach
            position[:, 8:12, 1] += 1.6 * reach
        else:
            position[:, 4:8, 0] -= reach
            position[:, 8:12, 0] += reach
        return position

    for user in (1, 2):
        still = np.repeat(rest[None], 45, axis=0)
        asked = ["raise", "spread", "raise"]
        stream = [np.concatenate([still, move(label, 38 + 2 * user), still]) for label in asked]
        np.savez(
            tmp_path / f"user_{user}.npz",
            label_names=["raise", "spread"],
            template_position=np.stack([move("raise", 120), move("spread", 120)]),
            template_label=[0, 1],
            stream_position=np.concatenate(stream),
            stream_expected=np.repeat([0, 1, 0], [len(part) for part in stream]),
            stream_command=np.repeat([0, 1, 2], [len(part) for part in stream]),
        )
    return tmp_path


def test_sessions_are_summed_up_by_person(run, sessions):
    lines = run("evaluate", f"jk2017:{sessions}").stdout.splitlines()
    assert [line.split()[:4] for line in lines[:3]] == [
        ["person", "TP", "FP", "FN"],
        ["1", "3", "0", "0"],
        ["2", "3", "0", "0"],
    ]
    assert "of each person: mean 1.000, standard deviation 0.000, from 1.000 to 1.000" in lines
    record = json.loads(run("evaluate", f"jk2017:{sessions}", "--templates", "other", "--json").stdout)
    assert record["units"]["templates of 1"]["tp"] == 3
    assert record["total"]["f1"] == 1
    assert record["f1_interval"] == [1.0, 1.0]
    assert record["resampled"] == "2 people"
    assert record["iou"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("exam.mp4", "Expected --spans FILE.csv"),
        ("nosuch:folder", "jk2017:PATH"),
        ("--spans exam.csv", "to be named as DATA"),
        ("jk2017:x --spans exam.csv", "are for a video"),
        ("--start-frame 3", "are for a video"),
        ("natops:x --hide wave", "--hide is for the library"),
        ("--mirror", "add --mirror"),
        ("natops:x --users 3", "natops has --axes"),
        ("--axes xy", "does not fit here"),
        ("--merge 1", "the library holds single actions"),
    ],
)
def test_options_that_do_not_fit_are_refused(run, arguments, message):
    assert message in run("evaluate", *arguments.split(), code=2).stderr


def test_streams_are_not_clips(run, sessions):
    assert "are for clips" in run("evaluate", f"jk2017:{sessions}", "--whole", code=2).stderr


def test_what_is_only_asked_for_is_not_merged(run, sessions):
    assert "whose spans are known" in run("evaluate", f"jk2017:{sessions}", "--merge", 1, code=2).stderr


def test_a_set_of_repetitions_can_be_one_span(run, perform, tmp_path):
    perform("training", "squat,squat,squat", body=3, seed=7, pause=0.3)
    rows = (tmp_path / "training.csv").read_text().splitlines()
    first, last = rows[1].split(","), rows[-1].split(",")
    (tmp_path / "sets.csv").write_text("\n".join([rows[0], ",".join([*first[:3], last[3]])]))
    found = [
        json.loads(run("evaluate", "training.jsonl.gz", "--spans", "sets.csv", *more, "--json").stdout)["total"]
        for more in ([], ["--merge", 2])
    ]
    assert found[0]["tp"] == 0
    assert (found[1]["tp"], found[1]["fp"], found[1]["fn"]) == (1, 0, 0)


def test_nobody_in_view_is_told_as_recognize_tells_it(run, tmp_path):
    path = tmp_path / "empty.jsonl.gz"
    with RecordingWriter(path, skeleton=BLAZEPOSE_33, estimator="truth", source="x", size=(64, 48)) as writer:
        for index in range(60):
            writer.append(index, index / 30, [])
    (tmp_path / "empty.csv").write_text("video,label,start_s,end_s\nempty.jsonl.gz,wave,0.2,1\n")
    result = run("evaluate", path, "--spans", "empty.csv", "--json")
    assert "Nobody was in view." in result.stderr.splitlines()
    assert json.loads(result.stdout)["total"]["fn"] == 1
    assert "Nobody was in view." in run("recognize", path).stderr.splitlines()
