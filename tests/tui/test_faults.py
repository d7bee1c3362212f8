"""What goes wrong in real life, as the screens show it."""

from __future__ import annotations

import errno
import os
import sqlite3

import pytest
from sqlalchemy import event
from textual.widgets import DataTable, Input

from actionpose.estimators import load_estimator
from actionpose.recording import RecordingWriter
from actionpose.sources import open_source
from actionpose.tui.app import load_model
from tests.sources.mjpeg_server import MjpegServer
from tests.test_session import FakeEstimator
from tests.tui.conftest import accept, notices, press, shown, until

STILL_SCRIPT = "puppet:wave?seconds=600&pause=2"


async def record_one(pilot):
    """Begin to record a take of waving."""
    await until(pilot, lambda: pilot.app.feed.state.phase == "running")
    await press(pilot, "3")
    label = pilot.app.screen.query_one("#label", Input)
    await until(pilot, lambda: label.has_focus)
    label.value = "wave"
    pilot.app.screen.query_one("#takes", Input).value = "1"
    await accept(pilot)
    await press(pilot, "r")


async def test_a_stream_whose_server_is_killed_and_restarted(make_app, monkeypatch):
    server = MjpegServer()
    app = make_app(server.url)
    monkeypatch.setattr(app.feed, "_open_source", open_source)
    monkeypatch.setattr(app.feed, "_load_estimator", lambda *_: FakeEstimator())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "● running" in shown(pilot))
        server.stop()
        await until(pilot, lambda: "▲ reconnecting" in shown(pilot))
        await until(pilot, lambda: "waiting for http://" in " ".join(shown(pilot).split()))
        with MjpegServer(server.port):
            await until(pilot, lambda: "● running" in shown(pilot), seconds=5.0)
            assert "waiting for" not in shown(pilot)


async def test_a_broken_model_says_why_and_the_old_one_goes_on(make_app, tmp_path, monkeypatch):
    broken = tmp_path / "pose.task"
    broken.write_bytes(b"not a model")
    app = make_app(model="working")
    load = lambda settings, source: load_model(settings, source) if settings.model != "working" else None  # noqa: E731
    monkeypatch.setattr(app.feed, "_load_estimator", load)
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: "● running" in shown(pilot))
        app.change_settings(model=str(broken))
        await until(pilot, lambda: "pose.task" in app.feed.state.note)
        await until(pilot, lambda: "▲ " in shown(pilot))
        assert app.feed.state.phase == "running"
        await press(pilot, "5")
        await until(pilot, lambda: f"▲ Model: {app.feed.state.note}"[:40] in shown(pilot))
        app.change_settings(model="working")
        await until(pilot, lambda: "▲ " not in shown(pilot))


async def test_a_model_that_is_broken_from_the_start_can_be_exchanged(make_app, tmp_path, monkeypatch):
    broken = tmp_path / "pose.task"
    broken.write_bytes(b"not a model")
    app = make_app(model=str(broken))
    load = lambda settings, _: None if settings.model == "mine" else load_estimator(settings.model)  # noqa: E731
    monkeypatch.setattr(app.feed, "_load_estimator", load)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "5 to choose another source" in " ".join(shown(pilot).split()))
        await until(pilot, lambda: "▲ failed" in shown(pilot))
        assert "pose.task" in "".join(shown(pilot).split())
        app.change_settings(model="mine")
        await until(pilot, lambda: "● running" in shown(pilot))


@pytest.mark.filterwarnings("default::actionpose.errors.FallbackWarning")
async def test_why_another_model_is_used_than_the_newest_of_ones_own(make_app, tmp_path, monkeypatch):
    folder = tmp_path / "models" / "mine"
    folder.mkdir(parents=True)
    (folder / "model.json").write_text("{")
    monkeypatch.chdir(tmp_path)
    app = make_app(model="auto")
    monkeypatch.setattr(app.feed, "_load_estimator", lambda settings, _: load_estimator(settings.model))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "MediaPipe is used instead" in " ".join(note.message for note in app._notifications))
        await until(pilot, lambda: "running" in shown(pilot))


@pytest.mark.usefixtures("taught")
async def test_a_receiver_that_is_down_is_shown_and_recognition_goes_on(run_app):
    async with run_app(outputs=("http://127.0.0.1:9/",), with_pictures=False, size=(120, 30)) as pilot:
        feed = pilot.app.feed
        await until(pilot, lambda: "▲ http://127.0.0.1:9/: 0 sent" in shown(pilot))
        n_events = sum(feed.counts.values())
        await until(pilot, lambda: sum(feed.counts.values()) > n_events)
        await press(pilot, "5")
        await until(pilot, lambda: "Connection refused" in shown(pilot))


async def test_a_library_that_another_process_locks_while_a_take_is_kept(run_app, tmp_path):
    async with run_app(STILL_SCRIPT, with_pictures=False) as pilot:
        await record_one(pilot)
        table = pilot.app.screen.query_one(DataTable)
        other = sqlite3.connect(tmp_path / "library.sqlite", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        await until(pilot, lambda: "library" in notices(pilot))
        assert table.get_row_at(0)[3] == "-"
        other.execute("ROLLBACK")
        other.close()
        await press(pilot, "K")
        await until(pilot, lambda: table.get_row_at(0)[3] == "kept")
        assert pilot.app.library.labels() == ["wave"]


async def test_a_full_disk_costs_the_recording_and_not_the_take(run_app, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(RecordingWriter, "append", refuse)
    async with run_app(STILL_SCRIPT, with_pictures=False) as pilot:
        await record_one(pilot)
        await until(pilot, lambda: "The recording is not whole" in notices(pilot))
        assert os.strerror(errno.ENOSPC) in notices(pilot)
        await until(pilot, lambda: pilot.app.library.labels() == ["wave"])


async def test_a_library_on_a_full_disk_loses_no_take(run_app):
    async with run_app(STILL_SCRIPT, with_pictures=False) as pilot:
        engine = pilot.app.library._database.engine
        with engine.connect() as connection:
            n_pages = connection.exec_driver_sql("PRAGMA page_count").scalar()

        def limit(connection, _):
            connection.execute(f"PRAGMA max_page_count = {n_pages}")

        engine.dispose()
        event.listen(engine, "connect", limit)
        await record_one(pilot)
        await until(pilot, lambda: "the disk is full" in notices(pilot))
        assert pilot.app.screen.query_one(DataTable).get_row_at(0)[3] == "-"
        event.remove(engine, "connect", limit)
        engine.dispose()
        await press(pilot, "K")
        await until(pilot, lambda: pilot.app.library.labels() == ["wave"])
