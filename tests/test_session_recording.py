"""What is kept of a session, and that it gives the same again."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from actionpose.decision import ActionEvent
from actionpose.errors import RecordingError
from actionpose.outputs import event_record
from actionpose.pose import Frame, Pose
from actionpose.recognizer import Recognizer
from actionpose.recording import load_recording
from actionpose.session import Session, SessionRecording
from actionpose.session import recording as recording_module
from actionpose.sources.replay import ReplaySource
from tests.synthetic import frame_times, make_templates, sample, script
from tests.test_session import (
    FakeEstimator,
    FakeRecognizer,
    FakeSource,
    endless_pictures,
    pictures,
    session_threads,
    wait_until,
)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> object:
    yield
    wait_until(lambda: not session_threads(), 2.0)


def live_frames(seed: int) -> list[Frame]:
    """Two bodies seen by a camera of uneven pace that drops frames; one is away for a moment, one for longer."""
    random = np.random.default_rng(seed)
    times = frame_times(0.0, 24.0)
    bodies = [sample(script(["wave", "raise", "punch", "cross"], seed=seed + i), times, seed=i) for i in range(2)]
    frames = []
    for i, pair in enumerate(zip(*(body.iter_poses(track_id=k) for k, body in enumerate(bodies)), strict=True)):
        if random.random() < 0.15:
            continue
        away = {0} if 6 < times[i] < 6.5 else {1} if 12 < times[i] < 16 else set()
        time = float(times[i] + random.uniform(0, 0.02))
        poses = tuple(dataclasses.replace(pose, time=time) for pose in pair if pose.track_id not in away)
        frames.append(Frame(index=i, time=time, poses=poses))
    return frames


@pytest.mark.parametrize(("seed", "ending"), [(1, ".jsonl.gz"), (2, ".jsonl")])
def test_a_recording_gives_the_same_events_again(tmp_path, seed, ending):
    recognizer = Recognizer(make_templates())
    path = tmp_path / f"session{ending}"
    events: list[ActionEvent] = []
    with SessionRecording(path) as recording:
        for tick in Session(FakeSource(live_frames(seed)), None, recognizer.copy):
            recording.keep(tick)
            events += tick.events
    assert {event.track_id for event in events} == {0, 1}
    assert recording.notes == ()
    replayed = Session(ReplaySource(path), None, recognizer.copy)
    assert [event for tick in replayed for event in tick.events] == events
    kept = [json.loads(line) for line in (tmp_path / "session.events.jsonl").read_text().splitlines()]
    assert kept == [event_record(event) for event in events]
    assert load_recording(path).is_complete
    assert recording.n_frames == len(live_frames(seed))


def test_the_header_tells_of_source_and_model(tmp_path):
    path = tmp_path / "a.jsonl"
    with SessionRecording(path) as recording:
        for tick in Session(FakeSource(pictures(4)), FakeEstimator(), FakeRecognizer):
            recording.keep(tick)
    header = load_recording(path).header
    assert (header.source, header.estimator) == ("fake", "fake")


def test_frames_before_anybody_is_in_view_are_left_out(tmp_path):
    path = tmp_path / "a.jsonl"
    with SessionRecording(path) as recording:
        for tick in Session(
            FakeSource(pictures(9)), FakeEstimator(bodies=lambda i: [0] if i in (4, 5) else []), FakeRecognizer
        ):
            recording.keep(tick)
    assert [(frame.index, len(frame.poses)) for frame in load_recording(path).frames] == [
        (4, 1), (5, 1), (6, 0), (7, 0), (8, 0),
    ]  # fmt: skip


def test_nobody_in_view_leaves_no_file(tmp_path):
    with SessionRecording(tmp_path / "a.jsonl.gz") as recording:
        for tick in Session(FakeSource(pictures(4)), FakeEstimator(bodies=lambda _: []), FakeRecognizer):
            recording.keep(tick)
    assert list(tmp_path.iterdir()) == []
    assert "Nobody" in recording.notes[0]


def test_another_source_begins_another_recording(tmp_path):
    (tmp_path / "a-2.jsonl").write_text("taken")
    session = Session(FakeSource(endless_pictures()), FakeEstimator(), FakeRecognizer)
    with SessionRecording(tmp_path / "a.jsonl") as recording:
        for tick in session:
            recording.keep(tick)
            if tick.frame and tick.frame.index == 20:
                session.switch(source=FakeSource(pictures(7)))
    assert [len(load_recording(tmp_path / f"{name}.jsonl").frames) for name in ("a", "a-3")] == [21, 7]
    assert [len((tmp_path / f"{name}.events.jsonl").read_text().splitlines()) for name in ("a", "a-3")] == [0, 2]


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_only_the_user_may_read_what_is_kept(tmp_path):
    path = tmp_path / "new" / "session.jsonl.gz"
    before = os.umask(0o022)
    try:
        with SessionRecording(path) as recording:
            for tick in Session(FakeSource(pictures(4)), FakeEstimator(), FakeRecognizer):
                recording.keep(tick)
    finally:
        os.umask(before)
    modes = {file.name: oct(file.stat().st_mode & 0o777) for file in (path.parent, *path.parent.iterdir())}
    assert modes == {"new": "0o700", "session.jsonl.gz": "0o600", "session.events.jsonl": "0o600"}


@pytest.mark.parametrize("name", ["a.json", "a.mp4", "a"])
def test_another_ending_is_refused(tmp_path, name):
    with pytest.raises(RecordingError, match=r"ends in \.jsonl"):
        SessionRecording(tmp_path / name)


def test_nothing_is_written_over(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("precious")
    with pytest.raises(RecordingError, match="exists already"):
        SessionRecording(path)
    assert [file.name for file in tmp_path.iterdir()] == ["a.jsonl"]
    assert path.read_text() == "precious"


def test_a_folder_that_cannot_be_written_is_told_at_once(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError, match="Cannot write to"):
        SessionRecording(tmp_path / "file" / "a.jsonl")


def test_a_full_disk_is_told_and_the_loop_goes_on(tmp_path, monkeypatch):
    class FullDisk(recording_module.RecordingWriter):
        def append(self, frame_index: int, time: float, poses: tuple[Pose, ...]) -> None:
            if frame_index == 10:
                self._fail(OSError(28, "No space left on device"))
            super().append(frame_index, time, poses)

    monkeypatch.setattr(recording_module, "RecordingWriter", FullDisk)
    path = tmp_path / "a.jsonl"
    with SessionRecording(path) as recording:
        n_ticks = 0
        for tick in Session(FakeSource(pictures(40)), FakeEstimator(), FakeRecognizer):
            recording.keep(tick)
            n_ticks += 1
            if n_ticks == 30:
                wait_until(lambda: bool(recording.notes))
    assert n_ticks == 41
    [note] = recording.notes
    assert "No space left on device" in note
    assert len(load_recording(path).frames) == 10


def test_a_disk_that_hangs_ends_the_recording_and_nothing_else(tmp_path, monkeypatch):
    goes_on = threading.Event()

    class StuckDisk(recording_module.RecordingWriter):
        def append(self, *_: object) -> None:
            goes_on.wait(10)

    monkeypatch.setattr(recording_module, "RecordingWriter", StuckDisk)
    monkeypatch.setattr(recording_module, "_CAPACITY", 5)
    monkeypatch.setattr(recording_module, "_FLUSH_S", 0.1)
    with SessionRecording(Path(tmp_path) / "a.jsonl") as recording:
        assert len(
            [recording.keep(tick) for tick in Session(FakeSource(pictures(40)), FakeEstimator(), FakeRecognizer)]
        )
        assert "too slow" in recording.notes[0]
    goes_on.set()
