"""What goes wrong in real life, with the real sources and the real library."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from actionpose.errors import SourceError
from actionpose.library import TemplateLibrary
from actionpose.recognizer import Recognizer
from actionpose.session import SessionRunner
from actionpose.sources import live, open_source, stream
from actionpose.sources.camera import CameraSource
from tests.sources.mjpeg_server import MjpegServer
from tests.sources.test_camera import FakeCapture
from tests.sources.videos import write_video
from tests.synthetic import make_templates
from tests.test_session import (
    FakeEstimator,
    FakeRecognizer,
    FakeSource,
    endless_pictures,
    session_threads,
    wait_until,
)
from tests.test_session_runner import wait_for_phase


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> object:
    yield
    wait_until(lambda: not session_threads(), 2.0)


def runner_on(open_source: object, **options: object) -> SessionRunner:
    return SessionRunner(
        open_source=open_source,
        load_estimator=lambda _: FakeEstimator(),
        make_recognizer=options.pop("make_recognizer", FakeRecognizer),
        **options,
    )


def wait_for_frames(runner: SessionRunner, timeout_s: float = 10.0) -> None:
    """Wait until frames come that were not there before."""
    before = runner.latest.stats.n_processed if runner.latest else 0
    wait_until(lambda: runner.latest is not None and runner.latest.stats.n_processed > before + 3, timeout_s)


def test_a_camera_that_is_unplugged_and_comes_back():
    is_plugged_in = True

    class Unpluggable(FakeCapture):
        def isOpened(self):
            return is_plugged_in

        def read(self):
            return super().read() if is_plugged_in else (False, None)

    with runner_on(lambda: CameraSource(0, open_capture=lambda _: Unpluggable())) as runner:
        runner.start()
        wait_for_phase(runner, "running")
        is_plugged_in = False
        wait_for_phase(runner, "reconnecting")
        assert runner.state.message == "waiting for camera 0 to come back"
        time.sleep(1.0)
        is_plugged_in = True
        wait_for_frames(runner, 3.0)
        assert runner.state.phase == "running"
        assert runner.notes == ("camera 0 was lost once.",)


def test_a_stream_whose_server_is_killed_and_restarted():
    server = MjpegServer()
    with runner_on(lambda: open_source(server.url)) as runner:
        runner.start()
        wait_for_phase(runner, "running")
        server.stop()
        wait_for_phase(runner, "reconnecting")
        time.sleep(1.0)
        with MjpegServer(server.port):
            wait_for_frames(runner, 3.0)
            assert runner.state.phase == "running"


def test_a_stream_that_hangs_with_its_connection_open(monkeypatch):
    assert live.LOST_AFTER_S == 3.0
    for module in (live, stream):
        monkeypatch.setattr(module, "LOST_AFTER_S", 0.5)
    with MjpegServer(n_pictures=60) as server, runner_on(lambda: open_source(server.url)) as runner:
        runner.start()
        wait_for_phase(runner, "running")
        wait_for_phase(runner, "reconnecting")
        wait_for_phase(runner, "running")


def test_a_stream_that_is_lost_is_left_within_a_second():
    server = MjpegServer()
    with runner_on(lambda: open_source(server.url)) as runner:
        runner.start()
        wait_for_phase(runner, "running")
        server.stop()
        wait_for_phase(runner, "reconnecting")
        began = time.perf_counter()
        runner.switch(open_source=lambda: FakeSource(endless_pictures(), is_live=True, read_s=0.01))
        wait_until(lambda: runner.state.source == "fake")
        assert time.perf_counter() - began < 1.5
        wait_for_phase(runner, "running")


def test_a_file_that_is_removed_while_it_plays(tmp_path):
    path = write_video(tmp_path / "a.mp4")

    with runner_on(lambda: open_source(path)) as runner:
        runner.start()
        wait_for_phase(runner, "running")
        path.unlink()
        wait_for_phase(runner, "ended")
        runner.switch()
        wait_for_phase(runner, "failed")
        assert isinstance(runner.state.error, SourceError)
        assert "There is no file" in runner.state.message


@pytest.fixture
def library_path(tmp_path: Path) -> Path:
    path = tmp_path / "library.sqlite"
    with TemplateLibrary.open(path) as library:
        for template in make_templates(["wave", "raise"]):
            library.add(template)
    return path


def test_a_library_that_another_process_locks_and_changes(library_path, monkeypatch):
    monkeypatch.setattr("actionpose.session.library_watch._POLL_S", 0.05)
    frames = itertools.count()
    with (
        TemplateLibrary.open(library_path) as library,
        runner_on(
            lambda: FakeSource(endless_pictures(), is_live=True, read_s=0.02),
            make_recognizer=lambda: Recognizer(library.templates()) and FakeRecognizer(f"take {next(frames)}"),
            library_revision=lambda: library.revision,
        ) as runner,
    ):
        runner.start()
        wait_for_phase(runner, "running")
        other = sqlite3.connect(library_path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        wait_for_frames(runner)
        assert runner.state.phase == "running"
        other.execute("ROLLBACK")
        other.close()
        with TemplateLibrary.open(library_path) as elsewhere:
            elsewhere.rename("wave", "hello")
        wait_until(lambda: {state.label for state in runner.latest.states.values()} == {"take 1"})


def test_a_library_that_is_taken_away(library_path, tmp_path, monkeypatch):
    monkeypatch.setattr("actionpose.session.library_watch._POLL_S", 0.05)
    with (
        TemplateLibrary.open(library_path) as library,
        runner_on(
            lambda: FakeSource(endless_pictures(), is_live=True, read_s=0.02),
            make_recognizer=lambda: Recognizer(library.templates()) and FakeRecognizer(),
            library_revision=lambda: library.revision,
        ) as runner,
    ):
        runner.start()
        wait_for_phase(runner, "running")
        shutil.copy(library_path, tmp_path / "saved")
        with library_path.open("r+b") as file:
            file.write(b"\xff" * 4096)
        wait_for_frames(runner)
        assert runner.state.phase == "running"
