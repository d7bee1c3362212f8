"""``actionpose record``: takes become templates, and nothing finished is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from actionpose.recording import load_recording


def templates(run) -> list[dict[str, object]]:
    return json.loads(run("templates", "list", "--json").stdout)


@pytest.fixture
def waving(perform):
    return perform("waving", "wave,wave,wave", pause=2.5)


def test_takes_are_cut_by_their_motion_and_kept(run, waving):
    result = run("record", "wave", "--source", waving, "--takes", 2, "--countdown", 0)
    records = templates(run)
    assert [record["label"] for record in records] == ["wave", "wave"]
    assert len(result.stdout.splitlines()) == 2
    assert "2 of 2 takes of 'wave' kept." in result.stderr
    assert all(1 < record["duration_s"] < 6 for record in records)
    assert {record["provenance"]["source"] for record in records} == {"waving.jsonl.gz"}
    [recording] = Path("recordings").iterdir()
    assert recording.name.endswith("_wave.jsonl.gz")
    assert str(recording) in result.stderr
    assert load_recording(recording).is_complete
    assert {record["provenance"]["recording"] for record in records} == {recording.name}


def test_takes_of_a_fixed_length(run, waving):
    run("record", "wave", "--source", waving, "--takes", 1, "--seconds", 4, "--countdown", 0.5)
    [record] = templates(run)
    assert record["duration_s"] <= 4


def test_what_is_recorded_is_recognised(run, waving, perform):
    run("record", "wave", "--source", waving, "--takes", 2, "--countdown", 0)
    other = perform("other", "wave", body=5, seed=2)
    events = json.loads(run("recognize", other, "--format", "json").stdout)
    assert [event["label"] for event in events] == ["wave"]


def test_a_background_is_kept(run, perform):
    idle = perform("idle", "idle", seconds=6)
    assert "background added" in run("record", "--background", 5, "--source", idle).stdout
    library = json.loads(run("info", "--json").stdout)["library"]
    assert (library["templates"], library["backgrounds"]) == (0, 1)
    assert "_background" in next(Path("recordings").iterdir()).name


def test_standing_still_makes_no_take_and_says_why(run, perform):
    idle = perform("idle", "idle", seconds=8)
    stderr = run("record", "wave", "--source", idle, "--seconds", 2, "--countdown", 0, "--takes", 1, code=1).stderr
    assert "take not kept: " in stderr
    assert "error: No take of 'wave'" in stderr
    assert templates(run) == []


@pytest.mark.parametrize(
    "arguments",
    [[], ["wave", "--background", "5"], ["wave", "--auto", "--seconds", "2"], ["wave", "--takes", "0"]],
)
def test_wrong_usage_exits_with_2(run, arguments):
    assert "Usage: actionpose record" in run("record", *arguments, code=2).stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_ctrl_c_keeps_the_takes_that_are_finished(run, perform, tmp_path):
    """A camera that runs on is a named pipe here; the second take is cut short by Ctrl-C."""
    waving = perform("waving", "wave,wave,wave,wave", pause=2.5)
    pipe = tmp_path / "camera.jsonl"
    os.mkfifo(pipe)
    command = f"-m actionpose record wave --source {pipe} --takes 9 --countdown 0"
    process = subprocess.Popen(
        [sys.executable, *command.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with pipe.open("wb", buffering=0) as camera:
        camera.write(subprocess.run(["gzip", "-dc", waving], capture_output=True, check=True).stdout[:-100_000])
        assert "wave" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert "Stopped." in stderr
    assert len(templates(run)) >= 1
    [recording] = Path("recordings").iterdir()
    assert len(load_recording(recording).frames) > 50
    assert "of 9 takes of 'wave' kept" in stderr
