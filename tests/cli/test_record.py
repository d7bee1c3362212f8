"""``actionpose record``: takes become templates, and nothing finished is lost."""

from __future__ import annotations

import json
import os
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


def test_takes_are_kept_mirrored_too(run, waving):
    result = run("record", "wave", "--source", waving, "--takes", 1, "--countdown", 0, "--mirror")
    assert len(result.stdout.splitlines()) == 2
    assert "1 of 1 takes of 'wave' kept." in result.stderr
    assert sum("mirror_of" in record["provenance"] for record in templates(run)) == 1


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


def test_a_pose_to_hold_has_a_fixed_length(run, perform):
    idle = perform("idle", "idle", seconds=8)
    stderr = run("record", "rest", "--source", idle, "--seconds", 2, "--countdown", 0, "--takes", 2).stderr
    assert stderr.count("note: Nothing moves in it, so it is taken for a pose to hold.") == 2
    assert [record["label"] for record in templates(run)] == ["rest", "rest"]


def test_a_take_that_is_not_kept_says_why(run, waving):
    """Of a take that ends in mid-motion the next one is too unlike."""
    result = run("record", "wave", "--source", waving, "--seconds", 0.4, "--countdown", 3, "--takes", 3)
    assert result.stderr.count("take not kept: ") >= 1


@pytest.mark.slow  # loads MediaPipe
@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_only_the_user_may_read_what_is_recorded(run, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for name in ("templates", "recordings"):
        Path(name).rmdir()
    before = os.umask(0o022)
    try:
        run("record", "--background", 1, "--source", "puppet:idle?seconds=3", "--keep-video")
    finally:
        os.umask(before)
    made = [tmp_path / "data", *(tmp_path / "data").rglob("*")]
    assert {path.suffix for path in made if path.is_file()} == {".gz", ".mp4", ".sqlite"}
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in made}
    assert modes == {path.name: "0o700" if path.is_dir() else "0o600" for path in made}


@pytest.mark.parametrize(
    "arguments",
    [[], ["wave", "--background", "5"], ["wave", "--auto", "--seconds", "2"], ["wave", "--takes", "0"]],
)
def test_wrong_usage_exits_with_2(run, arguments):
    assert "Usage: actionpose record" in run("record", *arguments, code=2).stderr
