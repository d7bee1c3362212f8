"""``actionpose live``: events as they come, and a clean end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actionpose.library import TemplateLibrary
from actionpose.recognizer import Recognizer
from actionpose.recording import load_recording
from actionpose.sources.replay import ReplaySource

pytestmark = pytest.mark.usefixtures("taught")


def start_live(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "actionpose", "live", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_piped_it_prints_one_json_object_per_event_at_the_pace_of_the_recording(drill):
    began = time.perf_counter()
    with start_live(drill) as process:
        first = process.stdout.readline()
        came = time.perf_counter() - began
        rest, stderr = process.communicate(timeout=60)
    over = time.perf_counter() - began
    events = [json.loads(line) for line in [first, *rest.splitlines()]]
    assert [event["label"] for event in events] == ["clap", "wave"]
    assert over - came > 1.0, "the first event came long before the end: the output was flushed"
    assert over > events[-1]["end_time"]
    assert stderr == ""
    assert process.returncode == 0


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 0), ("SIGHUP", 0)])
def test_a_signal_ends_it_within_a_second_and_without_a_traceback(drill, name, code):
    number = signal.Signals[name]
    with start_live(drill, "--record", "kept.jsonl.gz") as process:
        assert process.stdout.readline(), "it runs"
        process.send_signal(number)
        began = time.perf_counter()
        stdout, stderr = process.communicate(timeout=10)
    assert time.perf_counter() - began < 1.5
    assert process.returncode == code
    assert "Traceback" not in stderr
    assert all(json.loads(line)["label"] for line in stdout.splitlines())
    assert load_recording("kept.jsonl.gz").is_complete


def test_a_reader_that_goes_away_is_no_error(drill):
    with start_live(drill) as process:
        process.stdout.readline()
        process.stdout.close()
        stderr = process.stderr.read()
    assert "Traceback" not in stderr
    assert "BrokenPipe" not in stderr


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_on_a_terminal_a_status_line_is_rewritten_in_place_and_events_stand_above(drill):
    leader, follower = os.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(
        [sys.executable, "-m", "actionpose", "live", str(drill)], stdout=follower, stderr=follower, env=environment
    )
    os.close(follower)
    shown = bytearray()
    while True:
        try:
            chunk = os.read(leader, 4096)
        except OSError:  # how Linux says that the other end is closed
            break
        if not chunk:
            break
        shown += chunk
    os.close(leader)
    assert process.wait(timeout=10) == 0
    text = shown.decode()
    assert text.count("\r") > 20
    assert "fps" in text
    assert "unknown" in text
    assert re.findall(r"\x1b\[K +[0-9.]+ - [0-9.]+ s  (\w+)  \(distance .*\r\n", text) == ["clap", "wave"]


def test_templates_changed_meanwhile_are_taken_up(run, drill, taught, monkeypatch):
    """`clap` is disabled when it begins, and enabled before the clap is performed."""
    monkeypatch.setattr("actionpose.session.library_watch._POLL_S", 0.05)
    run("templates", "disable", "clap")
    has_changed = threading.Event()

    def make_recognizer(templates, **options):
        recognizer = Recognizer(templates, **options)
        if any(template.label == "clap" and template.enabled for template in templates):
            has_changed.set()
        return recognizer

    class ChangesTheLibrary(ReplaySource):
        waited = 0.0

        def read(self):
            frame = super().read()
            if frame is None:
                return None
            if frame.index == 3:
                began = time.perf_counter()
                with TemplateLibrary.open(taught) as library:
                    library.set_enabled("clap", True)
                assert has_changed.wait(30)
                self.waited = time.perf_counter() - began
            later = frame.time + self.waited  # else the frames that are late by now would be dropped
            return replace(frame, time=later, poses=tuple(replace(pose, time=later) for pose in frame.poses))

    monkeypatch.setattr("actionpose.session.recognizers.Recognizer", make_recognizer)
    monkeypatch.setattr("actionpose.sources.open_source", lambda _: ChangesTheLibrary(drill))
    events = [json.loads(line) for line in run("live", "drill").stdout.splitlines()]
    assert [event["label"] for event in events] == ["clap", "wave"]


def test_what_is_recorded_gives_the_same_events_again(run, drill):
    printed = run("live", drill, "--record", "kept.jsonl.gz").stdout
    again = run("recognize", "kept.jsonl.gz", "--format", "json").stdout
    events = [json.loads(line) for line in printed.splitlines()]
    assert [event["label"] for event in events] == ["clap", "wave"]
    assert json.loads(again) == events
    assert Path("kept.events.jsonl").read_text() == printed
    assert "exists already" in run("live", drill, "--record", "kept.jsonl.gz", code=1).stderr


def test_events_go_where_they_are_asked_to_and_a_dead_receiver_is_told(run, drill):
    dead = "http://user:secret@127.0.0.1:9/hook"
    result = run("live", drill, "--to", "events.jsonl", "--to", dead, "--to", "osc://127.0.0.1:9", "--stats")
    assert Path("events.jsonl").read_text() == result.stdout
    assert "note: http://127.0.0.1:9/hook: Connection refused" in result.stderr
    assert "events.jsonl: 2 sent\n" in result.stderr
    assert re.search(r"http://127.0.0.1:9/hook: 0 sent, \d failed, \d dropped - Connection refused", result.stderr)
    assert re.search(r"fps came, .* processed; \d+ of \d+ dropped\n", result.stderr)
    assert re.search(r"model .* ms, matching .* ms\nlatency \d+ ms, 95 % within \d+ ms\n", result.stderr)
    assert "secret" not in result.stderr


def test_standard_output_is_an_output(run, drill):
    result = run("live", drill, "--to", "-", "--stats")
    assert [json.loads(line)["label"] for line in result.stdout.splitlines()] == ["clap", "wave"], result.stderr


def test_an_output_that_is_none_is_told_before_anything_starts(run, drill):
    result = run("live", drill, "--to", "carrier-pigeon", code=1)
    assert "'carrier-pigeon' is no output" in result.stderr
    assert "osc://HOST:PORT" in result.stderr


@pytest.mark.skipif(os.name != "posix", reason="limits the size of files")
def test_a_full_disk_is_told_recognition_goes_on_and_fails_in_the_end(drill):
    import resource

    limit = 50_000  # above what the library keeps in shared memory

    def fill_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    with start_live(drill, "--record", "kept.jsonl.gz", preexec_fn=fill_disk) as process:
        stdout, stderr = process.communicate(timeout=60)
    assert [json.loads(line)["label"] for line in stdout.splitlines()] == ["clap", "wave"]
    assert process.returncode == 1
    assert re.search(r"note: Cannot write on to kept\.jsonl\.gz: .*; it keeps the \d+ frames so far", stderr)
    assert len(load_recording("kept.jsonl.gz").frames) > 5
