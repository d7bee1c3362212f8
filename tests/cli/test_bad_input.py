"""What goes wrong in life: each case says what was expected, what came and what to do, and leaves nothing half done."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from actionpose.library import TemplateLibrary, rows
from actionpose.recording import RecordingWriter, load_recording
from actionpose.skeleton import BLAZEPOSE_33
from actionpose.sources.puppet import PuppetSource
from actionpose.template import Template
from actionpose.video_writer import VideoWriter
from tests.sources.videos import cut, write_video

WATCHERS = ("live", "recognize", "record wave --countdown 0 --source", "add wave")


def templates(run: Callable[..., Result]) -> list[dict[str, object]]:
    return json.loads(run("templates", "list", "--json").stdout)


def assert_told(result: Result, *words: str) -> None:
    """An error in one line and advice in another, and nothing where data is looked for."""
    assert result.stdout == ""
    error, hint = [line for line in result.stderr.splitlines() if line.startswith(("error: ", "hint: "))]
    assert error.startswith("error: ")
    assert len(hint) > len("hint: Do it.")
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in error + hint


# Sources


def make_text(path: Path) -> None:
    path.write_text("This is a text.\n" * 99)


def make_cut_off(path: Path) -> None:
    cut(write_video(path, noise=True))


@pytest.mark.usefixtures("taught")
@pytest.mark.parametrize("command", WATCHERS)
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (None, ["no file", "Check the path"]),
        (make_text, ["not a video"]),
        (Path.touch, ["0 bytes", "again"]),
        (make_cut_off, ["not a video", "index"]),
    ],
)
def test_what_is_no_video(run, tmp_path, command, make, words):
    if make:
        make(tmp_path / "party.mp4")
    assert_told(run(*command.split(), "party.mp4", code=1), "party.mp4", *words)
    assert list((tmp_path / "recordings").iterdir()) == []


@pytest.mark.usefixtures("taught")
@pytest.mark.parametrize("command", WATCHERS[:3])
def test_no_camera(run, tmp_path, command):
    assert_told(run(*command.split(), 97, code=1), "camera")
    assert list((tmp_path / "recordings").iterdir()) == []


@pytest.mark.usefixtures("taught")
def test_a_truncated_video_is_recognised_as_far_as_it_can_be_read(run, tmp_path):
    puppet = PuppetSource("clap,wave", body=3, rate_hz=12, size=(320, 240), pause=0.7)
    with VideoWriter(tmp_path / "cut.mkv", rate_hz=12, size=(320, 240)) as video:
        for frame in iter(puppet.read, None):
            video.write(frame.image, frame.time)
    cut(tmp_path / "cut.mkv", 0.7)
    result = run("recognize", "cut.mkv", "--format", "json")
    assert [event["label"] for event in json.loads(result.stdout)] == ["clap"]
    assert "note: The file ends early" in result.stderr


@pytest.mark.usefixtures("taught")
def test_a_video_of_one_pixel(run, tmp_path):
    write_video(tmp_path / "pixel.mkv", codec="ffv1", size=(1, 1), n_frames=3)
    result = run("recognize", "pixel.mkv", "--format", "json", "--annotate", "out.mp4")
    assert json.loads(result.stdout) == []
    assert "The keypoint model found nobody." in result.stderr
    assert (tmp_path / "out.mp4").stat().st_size > 0


@pytest.fixture
def deserted(tmp_path: Path) -> Path:
    """A recording in which nobody is seen."""
    with RecordingWriter(
        tmp_path / "deserted.jsonl.gz", skeleton=BLAZEPOSE_33, estimator="truth", source="room"
    ) as writer:
        for i in range(20):
            writer.append(i, i / 10, [])
    return writer.path


@pytest.mark.usefixtures("taught")
def test_nobody_in_view(run, tmp_path, deserted):
    assert "Nobody was in view." in run("recognize", deserted).stderr
    assert run("live", deserted).stdout == ""
    assert_told(run("add", "wave", deserted, code=1), "Nobody is in view in deserted.jsonl.gz", "Check the span")
    write_video(tmp_path / "room.mkv", n_frames=12)
    for source in (deserted, "room.mkv"):
        for what in (["wave"], ["--background", 1]):
            assert_told(run("record", *what, "--source", source, code=1), "Nobody was in view")
    assert list((tmp_path / "recordings").iterdir()) == []
    assert len(templates(run)) == 6


@pytest.mark.usefixtures("taught")
def test_a_recording_without_frames(run, tmp_path):
    RecordingWriter(tmp_path / "none.jsonl", skeleton=BLAZEPOSE_33, estimator="truth", source="room").close()
    (tmp_path / "empty.jsonl.gz").touch()
    assert "Nobody was in view." in run("recognize", "none.jsonl").stderr
    assert_told(run("recognize", "empty.jsonl.gz", code=1), "empty.jsonl.gz", "nothing was recorded")
    assert_told(run("add", "wave", "none.jsonl", code=1), "Nobody is in view in none.jsonl")


def test_somebody_who_never_performs_is_told_how(run, perform):
    idle = perform("idle", "idle", seconds=4)
    assert_told(run("record", "wave", "--source", idle, "--countdown", 0, code=1), "held still", "--seconds")
    assert templates(run) == []


# Libraries


@pytest.mark.parametrize("command", [*WATCHERS[:2], "evaluate --spans exam.csv", "templates check"])
def test_an_empty_library(run, tmp_path, lesson, command):
    shutil.copy(lesson / "exam.jsonl.gz", tmp_path)
    shutil.copy(lesson / "exam.csv", tmp_path)
    arguments = [*command.split(), *([] if "check" in command else ["exam.jsonl.gz"])]
    assert_told(run(*arguments, code=1), "holds no templates", "actionpose record", "templates import templates/")


@pytest.mark.usefixtures("taught")
def test_a_library_with_everything_disabled(run, exam):
    for label in ("wave", "clap", "squat"):
        run("templates", "disable", label)
    assert_told(run("recognize", exam, code=1), "holds no enabled templates", "templates enable")


def test_one_template_is_enough(run, perform):
    run("record", "wave", "--source", perform("waving", "wave,wave", pause=2.5), "--takes", 1, "--countdown", 0)
    assert len(templates(run)) == 1
    other = perform("other", "wave,squat", body=5, seed=2)
    for mode in ("stream", "window"):
        events = json.loads(run("recognize", other, "--format", "json", "--mode", mode).stdout)
        assert "wave" in [event["label"] for event in events]
    assert len(json.loads(run("templates", "check", "--json").stdout)["templates"]) == 1


def test_a_locked_library(run, taught, monkeypatch):
    monkeypatch.setattr("actionpose.library.sqlite.LOCK_TIMEOUT_S", 0.1)
    with contextlib.closing(sqlite3.connect(taught)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert_told(run("templates", "remove", "wave", code=1), str(taught.name), "locked", "Close the other program")
        assert len(templates(run)) == 6, "reading goes on"
    assert len(templates(run)) == 6


def test_a_library_that_is_locked_when_a_take_is_finished_costs_no_keypoints(run, perform, taught, monkeypatch):
    monkeypatch.setattr("actionpose.library.sqlite.LOCK_TIMEOUT_S", 0.1)
    waving = perform("waving", "wave,wave", pause=2.5)
    add_all = TemplateLibrary.add_all
    with contextlib.closing(sqlite3.connect(taught)) as other:

        def lock_before(self: TemplateLibrary, new: list[Template]) -> list[Template]:
            other.execute("BEGIN IMMEDIATE")
            return add_all(self, new)

        monkeypatch.setattr(TemplateLibrary, "add_all", lock_before)
        result = run("record", "wave", "--source", waving, "--countdown", 0, code=1)
    assert_told(result, "locked")
    [recording] = Path("recordings").iterdir()
    assert f"The recording is {recording}." in result.stderr
    assert load_recording(recording).is_complete


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_a_library_that_may_only_be_read(run, taught, exam, monkeypatch):
    with tempfile.TemporaryDirectory() as name:
        library, film = (Path(shutil.copy(file, name)) for file in (taught, exam))
        library.chmod(0o444)
        film.chmod(0o444)
        before = library.read_bytes()
        monkeypatch.setenv("ACTIONPOSE_LIBRARY", str(library))
        monkeypatch.chdir(name)
        with as_ordinary_user(Path(name)):
            assert_told(run("templates", "rename", "wave", "greet", code=1), "read-only", "permissions")
            assert library.read_bytes() == before
            assert len(json.loads(run("recognize", film, "--format", "json").stdout)) == 3


@contextlib.contextmanager
def as_ordinary_user(folder: Path) -> Iterator[None]:
    """Let permissions count, also where the tests run as root; the folder is the user's."""
    if os.geteuid() != 0:
        yield
        return
    os.chown(folder, 65534, 65534)
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.mark.parametrize("command", ["live", "recognize", "record clap --source", "add clap"])
def test_a_library_of_a_newer_version(run, taught, exam, command):
    with contextlib.closing(sqlite3.connect(taught)) as connection, connection:
        connection.execute(f"UPDATE {rows.VERSION_TABLE} SET version_num = '9999'")
    before = taught.read_bytes()
    assert_told(run(*command.split(), exam, code=1), "newer actionpose", "pip install --upgrade")
    assert taught.read_bytes() == before


def make_nested(path: Path) -> None:
    path.write_text('{"frames":' + "[" * 100_000)


def make_of_nothing(path: Path) -> None:
    path.write_text('{"format": "actionpose-template", "version": 1}')


def make_newer(path: Path) -> None:
    path.write_text('{"format": "actionpose-template", "version": 99}')


def make_huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(100 * 2**20)


def make_binary(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(5000))


@pytest.mark.usefixtures("taught")
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (make_text, ["no template file", "templates export"]),
        (make_binary, ["no template file"]),
        (Path.touch, ["no template file"]),
        (make_nested, ["nested too deeply"]),
        (make_of_nothing, ["no template file", "missing required field"]),
        (make_newer, ["version 99", "pip install --upgrade"]),
        (make_huge, ["larger than 32 MiB"]),
    ],
)
def test_a_template_file_that_is_none_imports_nothing_of_its_folder(run, tmp_path, make, words):
    run("templates", "export", "shared")
    make(tmp_path / "shared" / "zzz.json")
    for target in ("shared", "shared/zzz.json"):
        assert_told(run("templates", "import", target, "--library", "other.sqlite", code=1), "zzz.json", *words)
    assert json.loads(run("templates", "list", "--json", "--library", "other.sqlite").stdout) == []


@pytest.mark.usefixtures("taught")
@pytest.mark.parametrize("command", ["record wave --source", "record --background 30 --source", "add wave"])
def test_a_library_that_cannot_be_written_to_is_told_before_anything_is_performed(run, tmp_path, monkeypatch, command):
    """Before the source is opened, even: it does not exist here."""
    monkeypatch.setattr("actionpose.library.sqlite.LOCK_TIMEOUT_S", 0.1)
    with contextlib.closing(sqlite3.connect(tmp_path / "templates" / "library.sqlite")) as other:
        other.execute("BEGIN IMMEDIATE")
        assert_told(run(*command.split(), "none.jsonl.gz", code=1), "another process", "Close the other program")


# Endings


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGKILL", None)])
def test_however_recording_ends_the_finished_takes_are_kept(run, perform, tmp_path, number):
    """A camera that runs on is a named pipe here; the second take is cut short."""
    waving = perform("waving", "wave,wave", pause=2.5)
    pipe = tmp_path / "camera.jsonl"
    os.mkfifo(pipe)
    process = start("record", "wave", "--source", pipe, "--takes", 9, "--countdown", 0)
    with pipe.open("wb", buffering=0) as camera:
        camera.write(subprocess.run(["gzip", "-dc", waving], capture_output=True, check=True).stdout[:-100_000])
        announced = process.stdout.readline().split()[0]
        process.send_signal(number)
        _, stderr = process.communicate(timeout=20)
    assert "Traceback" not in stderr
    is_killed = number == getattr(signal, "SIGKILL", None)
    assert process.returncode == (-number if is_killed else 128 + number)
    assert ("of 9 takes of 'wave' kept." in stderr) == (not is_killed)
    assert ("Stopped." in stderr) == (number == signal.SIGINT)
    with contextlib.closing(sqlite3.connect(tmp_path / "templates" / "library.sqlite")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert announced in [str(record["id"])[:8] for record in templates(run)]
    [recording] = Path("recordings").iterdir()
    assert len(load_recording(recording).frames) > 50
    assert load_recording(recording).is_complete == (not is_killed)


@pytest.mark.skipif(os.name != "posix", reason="the limit on the size of files stands in for a full disk")
def test_a_full_disk_while_recording_costs_no_finished_take(run, perform):
    waving = perform("waving", "wave,wave,wave", pause=2.5)
    process = start("record", "wave", "--source", waving, "--takes", 4, "--countdown", 0, max_file_bytes=450_000)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in stderr
    assert "error: Cannot write on to recordings" in stderr
    assert "hint: Free some disk space" in stderr
    announced = [line.split()[0] for line in stdout.splitlines()]
    assert announced
    assert sorted(str(record["id"])[:8] for record in templates(run)) == sorted(announced)
    [recording] = Path("recordings").iterdir()
    frames = load_recording(recording).frames
    assert len(frames) > 50
    assert all(b.index == a.index + 1 for a, b in itertools.pairwise(frames))


@pytest.mark.skipif(os.name != "posix", reason="the limit on the size of files stands in for a full disk")
@pytest.mark.usefixtures("taught")
def test_a_full_disk_while_annotating_leaves_no_stump(drill, tmp_path):
    process = start("recognize", drill, "--annotate", "out.mp4", max_file_bytes=60_000)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in stderr
    assert "error: Cannot write out.mp4" in stderr
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []


def start(*arguments: object, max_file_bytes: int = -1) -> subprocess.Popen[str]:
    """Run the command line in a process of its own, in which no file may grow beyond a size."""
    script = f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({max_file_bytes}, -1))
from actionpose.cli import main
main()
"""
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture
def numbered(exam: Path, tmp_path: Path) -> Path:
    """A recording whose times are the numbers of its frames."""
    with RecordingWriter(
        tmp_path / "numbered.jsonl", skeleton=BLAZEPOSE_33, estimator="truth", source="room"
    ) as writer:
        for frame in load_recording(exam).frames:
            writer.append(frame.index, frame.index, [replace(p, time=frame.index) for p in frame.poses or ()])
    return writer.path


@pytest.mark.usefixtures("taught")
def test_frame_numbers_for_seconds(run, numbered, exam):
    for command in (["recognize"], ["evaluate", "--spans", exam.with_name("numbered.csv")]):
        if command[0] == "evaluate":
            exam.with_name("numbered.csv").write_text("video,label,start_s,end_s\nnumbered.jsonl,wave,1,20\n")
        assert "The frames are 1.0 s apart" in run(*command, numbered).stderr
    result = run("recognize", numbered, "--rate", 30, "--format", "json")
    assert [event["label"] for event in json.loads(result.stdout)] == ["clap", "wave", "squat"]
    assert "apart" not in result.stderr
    assert "The frames are 1.0 s apart" in run("add", "wave", numbered, "--end", 20).stderr
    assert "The frames are 1.0 s apart" in run("record", "wave", "--source", numbered, "--countdown", 0, code=1).stderr


def test_a_template_of_minutes_is_refused_before_it_is_looked_for(run, numbered):
    assert_told(run("add", "wave", numbered, "--start", 3, "--end", 200, code=1), "at most 120 s", "--start and --end")
    assert templates(run) == []


@pytest.mark.usefixtures("taught")
def test_a_single_frame_has_no_pace(run, tmp_path):
    write_video(tmp_path / "one.mkv", n_frames=1)
    result = run("recognize", "one.mkv")
    assert "0 actions in 1 frames." in result.stderr
    assert "nan" not in result.stderr


def test_a_rate_fits_neither_a_camera_nor_the_library(run):
    assert_told(run("record", "wave", "--source", "puppet:wave", "--rate", 5, code=1), "rate can be given", "--rate")
    assert "--rate" in run("evaluate", "--rate", 5, code=2).stderr
