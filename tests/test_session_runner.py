"""A session behind a screen: opening behind, switching, losing and finding again, and a clean end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from actionpose.errors import EstimatorError, LibraryError, LibraryLockedError, SourceError
from actionpose.estimators import load_estimator
from actionpose.session import Phase, SessionRunner
from tests.test_session import (
    FakeEstimator,
    FakeRecognizer,
    FakeSource,
    endless_pictures,
    pictures,
    pose_at,
    session_threads,
    wait_until,
)


class EventfulRecognizer(FakeRecognizer):
    """An event at every pose."""

    def copy(self) -> EventfulRecognizer:
        return EventfulRecognizer(self._label)

    def update(self, pose):
        super().update(pose)
        return self.flush()


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> object:
    yield
    wait_until(lambda: not session_threads(), 2.0)


def endless(**options: object) -> FakeSource:
    return FakeSource(endless_pictures(), is_live=True, read_s=0.005, **options)


def runner_of(
    *sources: FakeSource | Exception, load: Callable[[object], object] | None = None, **options: object
) -> SessionRunner:
    """A runner whose attempts to open its source give these, one after the other."""
    attempts = iter(sources)

    def open_source():
        source = next(attempts)
        if isinstance(source, Exception):
            raise source
        return source

    return SessionRunner(
        open_source=open_source,
        load_estimator=load or (lambda _: FakeEstimator()),
        make_recognizer=options.pop("make_recognizer", FakeRecognizer),
        **options,
    )


def wait_for_phase(runner: SessionRunner, phase: Phase, timeout_s: float = 10.0) -> None:
    wait_until(lambda: runner.state.phase == phase, timeout_s)


def test_from_loading_to_the_end():
    may_load = threading.Event()
    estimator = FakeEstimator()

    def load(source):
        assert source.info.name == "fake"
        may_load.wait(10)
        return estimator

    source = FakeSource(pictures(30, rate_hz=200))
    with runner_of(source, load=load) as runner:
        began = time.perf_counter()
        runner.start()
        assert time.perf_counter() - began < 0.1, "it opens behind"
        wait_until(lambda: "model" in runner.state.message)
        assert runner.state.phase == "loading"
        assert runner.latest is None
        may_load.set()
        wait_for_phase(runner, "running")
        assert (runner.state.source, runner.state.model, runner.state.message) == ("fake", "fake", "")
        wait_for_phase(runner, "ended")
        assert [event.label for event in runner.take_events()] == ["wave"]
        assert source.is_closed
        assert estimator.n_closes == 0, "it may be needed again"
    assert estimator.n_closes == 1


def test_no_event_is_lost_by_who_looks_seldom_and_sinks_see_every_tick():
    ticks = []
    source = FakeSource(pictures(200, rate_hz=1000))
    with runner_of(source, make_recognizer=EventfulRecognizer, realtime=False, sinks=[ticks.append]) as runner:
        runner.start()
        events = []
        while runner.state.phase != "ended":
            runner.wait(0.05)
            time.sleep(0.05)
            events += runner.take_events()
        events += runner.take_events()
    times = [event.end_time for event in events]
    assert times == sorted(times)
    assert len(events) == 201
    assert [tick.frame.index for tick in ticks[:-1]] == list(range(200))
    assert {thread.name for thread in threading.enumerate()}.isdisjoint({"actionpose-session"})


def test_pause_and_resume_also_before_it_runs():
    with runner_of(endless()) as runner:
        runner.pause()
        runner.start()
        wait_for_phase(runner, "paused")
        runner.resume()
        wait_for_phase(runner, "running")
        runner.pause()
        wait_for_phase(runner, "paused")
        runner.stop()
        wait_for_phase(runner, "ended", 1.0)


def test_a_switch_opens_behind_while_the_old_goes_on():
    first, second = endless(), endless()
    may_open = threading.Event()

    def open_second():
        may_open.wait(10)
        return second

    with runner_of(first) as runner:
        runner.start()
        wait_for_phase(runner, "running")
        runner.switch(open_source=open_second, load_estimator=lambda _: FakeEstimator(bodies=lambda _: [5]))
        wait_until(lambda: runner.state.opening == "opening the source")
        before = runner.latest.frame.index
        wait_until(lambda: runner.latest.frame and runner.latest.frame.index > before + 5)
        may_open.set()
        wait_until(lambda: runner.latest.source is second.info)
        wait_until(lambda: 5 in runner.latest.states)
        wait_until(lambda: first.is_closed)
        assert runner.state.opening == runner.state.note == ""
        assert len(runner.take_events()) == 1, "what was open when the source was left"


@pytest.mark.parametrize(
    ("part", "error"),
    [
        ("open_source", SourceError("There is no camera 1.", hint="Plug one in.")),
        ("load_estimator", EstimatorError("The model is broken.")),
        ("make_recognizer", LibraryError("The library is empty.")),
    ],
)
def test_a_switch_that_fails_leaves_the_old_one_running_with_a_note(part, error):
    def fail(*_: object) -> None:
        raise error

    with runner_of(endless()) as runner:
        runner.start()
        wait_for_phase(runner, "running")
        second = endless()
        wishes = {"open_source": lambda: second} | {part: fail}
        runner.switch(**wishes)
        wait_until(lambda: error.message in runner.state.note)
        assert (runner.state.phase, runner.state.opening) == ("running", "")
        assert part == "open_source" or second.is_closed, "what was opened in vain"
        runner.switch(make_recognizer=lambda: FakeRecognizer("clap"))
        wait_until(lambda: {state.label for state in runner.latest.states.values()} == {"clap"})
        assert runner.state.note == ""


def test_what_failed_is_tried_again_on_demand():
    with runner_of(SourceError("There is no camera 0.", hint="Plug one in."), endless()) as runner:
        runner.start()
        wait_for_phase(runner, "failed")
        assert (runner.state.message, runner.state.hint) == ("There is no camera 0.", "Plug one in.")
        assert isinstance(runner.state.error, SourceError)
        runner.switch()
        wait_for_phase(runner, "running")
        assert runner.state.error is None


def test_a_model_that_was_loaded_in_vain_is_loaded_again():
    estimators = []

    def load(_):
        estimators.append(FakeEstimator())
        return estimators[-1]

    makers = iter([LibraryLockedError("The library is locked."), FakeRecognizer])

    def make():
        maker = next(makers)
        if isinstance(maker, Exception):
            raise maker
        return maker()

    with runner_of(endless(), endless(), load=load, make_recognizer=make) as runner:
        runner.start()
        wait_for_phase(runner, "failed")
        assert [estimator.n_closes for estimator in estimators] == [1]
        runner.switch()
        wait_for_phase(runner, "running")
        assert [estimator.n_closes for estimator in estimators] == [1, 0]


def test_after_the_end_another_source_begins_anew():
    estimators = []

    def load(_):
        estimators.append(FakeEstimator())
        return estimators[-1]

    with runner_of(FakeSource(pictures(3)), load=load) as runner:
        runner.start()
        wait_for_phase(runner, "ended")
        runner.switch(open_source=endless)
        wait_for_phase(runner, "running")
    assert len(estimators) == 1
    assert estimators[0].n_closes == 1


def test_a_broken_model_file_fails_with_advice(tmp_path):
    broken = tmp_path / "pose.task"
    broken.write_bytes(b"not a model")
    source = endless()
    with runner_of(source, load=lambda _: load_estimator(broken)) as runner:
        runner.start()
        wait_for_phase(runner, "failed")
        assert isinstance(runner.state.error, EstimatorError)
        assert "pose.task" in runner.state.message
        assert source.is_closed


def test_a_fault_in_a_plugin_is_shown():
    class Broken(FakeEstimator):
        def estimate(self, frame):
            raise ZeroDivisionError(frame.index)

    with runner_of(endless(), load=lambda _: Broken()) as runner:
        runner.start()
        wait_for_phase(runner, "failed")
        assert runner.state.message == "ZeroDivisionError: 0"


def test_a_live_source_that_breaks_is_opened_again(monkeypatch):
    monkeypatch.setattr("actionpose.session.runner._REOPEN_S", 0.05)
    gone = SourceError("The camera is gone.")
    broken = FakeSource(pictures(5), is_live=True, error=gone)
    with runner_of(broken, gone, gone, endless()) as runner:
        runner.start()
        wait_for_phase(runner, "lost")
        assert runner.state.message == "The camera is gone."
        wait_for_phase(runner, "running", 3.0)
        assert runner.state.message == ""
        assert len(runner.take_events()) == 1, "what was open when it broke"
    assert broken.is_closed


def test_stop_ends_the_search_for_a_lost_source():
    gone = SourceError("The camera is gone.")
    with runner_of(FakeSource([], is_live=True, error=gone), *[gone] * 50) as runner:
        runner.start()
        wait_for_phase(runner, "lost")
        runner.stop()
        wait_for_phase(runner, "ended", 1.0)


def test_a_file_that_breaks_has_failed():
    with runner_of(FakeSource(pictures(5), error=SourceError("It is damaged."))) as runner:
        runner.start()
        wait_for_phase(runner, "failed")
        assert runner.state.message == "It is damaged."


@pytest.mark.parametrize("when", ["loading", "running", "reconnecting"])
def test_it_closes_within_a_second(when):
    released = threading.Event()
    source = endless() if when == "running" else FakeSource(pictures(3), is_live=True, blocks_at_end=True)

    def load(_):
        if when == "loading":
            released.wait(10)
        return FakeEstimator()

    runner = runner_of(source, load=load)
    runner.start()
    if when == "reconnecting":
        wait_for_phase(runner, "running")
        source.status = "reconnecting"
    wait_for_phase(runner, when)
    wait_until(lambda: when != "loading" or "model" in runner.state.message)
    began = time.perf_counter()
    runner.close()
    assert time.perf_counter() - began < 1.3
    released.set()
    wait_until(lambda: source.is_closed, 2.0)
    runner.close()


def test_a_source_that_brings_poses_needs_no_model():
    frames = [frame.__class__(index=i, time=i / 100, poses=(pose_at(i / 100),)) for i, frame in enumerate(pictures(5))]
    with runner_of(FakeSource(frames), load=lambda _: None) as runner:
        runner.start()
        wait_for_phase(runner, "ended")
        assert runner.state.model == ""
        assert len(runner.take_events()) == 1
