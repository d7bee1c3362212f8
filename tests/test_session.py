"""The loop: order, pace, tracks, errors, stopping and the library that changes under it."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Self

import numpy as np
import pytest

from actionpose.decision import ActionEvent
from actionpose.errors import EstimatorError, LibraryLockedError, SourceError
from actionpose.pose import Frame, Pose
from actionpose.recognizer import RecognizerState
from actionpose.session import Session, Tick, iter_poses
from actionpose.skeleton import UPPER_BODY_6
from actionpose.sources.base import SourceInfo, SourceStatus

IMAGE = np.zeros((4, 4, 3), np.uint8)


class FakeSource:
    """Frames of a list, then an error where one is given; a live one may block until it is closed."""

    def __init__(
        self,
        frames: Iterable[Frame],
        *,
        is_live: bool = False,
        error: Exception | None = None,
        read_s: float = 0.0,
        blocks_at_end: bool = False,
    ) -> None:
        self.info = SourceInfo(name="fake", is_live=is_live)
        self.status: SourceStatus = "running"
        self.notes: tuple[str, ...] = ()
        self.n_read = 0
        self._frames = iter(frames)
        self._error = error
        self._read_s = read_s
        self._blocks_at_end = blocks_at_end
        self._closed = threading.Event()

    @property
    def is_closed(self) -> bool:
        return self._closed.is_set()

    def read(self) -> Frame | None:
        if self._read_s:
            self._closed.wait(self._read_s)
        frame = next(self._frames, None)
        if frame is not None:
            self.n_read += 1
            return frame
        if self._error:
            raise self._error
        if self._blocks_at_end:
            self._closed.wait()
        self.status = "ended"
        return None

    def close(self) -> None:
        self._closed.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class FakeEstimator:
    """One body per picture, or as many as `bodies` says for the frame's number."""

    name = "fake"
    skeleton = UPPER_BODY_6

    def __init__(self, *, bodies: Callable[[int], Sequence[int]] = lambda _: [0], seconds: float = 0.0) -> None:
        self.n_resets = 0
        self.n_estimates = 0
        self.n_closes = 0
        self._bodies = bodies
        self._seconds = seconds

    def estimate(self, frame: Frame) -> list[Pose]:
        self.n_estimates += 1
        time.sleep(self._seconds)
        return [pose_at(frame.time, track_id=track_id) for track_id in self._bodies(frame.index)]

    def reset(self) -> None:
        self.n_resets += 1

    def close(self) -> None:
        self.n_closes += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class FakeRecognizer:
    """Remembers its copies, which remember what they were fed; one event at the flush."""

    def __init__(self, label: str = "wave") -> None:
        self.poses: list[Pose] = []
        self.copies: list[FakeRecognizer] = []
        self.n_flushes = 0
        self._label = label

    def copy(self) -> FakeRecognizer:
        self.copies.append(FakeRecognizer(self._label))
        return self.copies[-1]

    @property
    def state(self) -> RecognizerState:
        return RecognizerState(label=self._label, time=self.poses[-1].time, actions=())

    def update(self, pose: Pose) -> list[ActionEvent]:
        self.poses.append(pose)
        return []

    def flush(self) -> list[ActionEvent]:
        self.n_flushes += 1
        last = self.poses[-1]
        return [
            ActionEvent(
                label=self._label,
                start_time=self.poses[0].time,
                end_time=last.time,
                report_time=last.time,
                distance=0.5,
                threshold=1.0,
                template_id="t",
                track_id=last.track_id,
            )
        ]


def pose_at(seconds: float, *, track_id: int = 0) -> Pose:
    return Pose(skeleton=UPPER_BODY_6, time=seconds, position=np.ones((6, 2)), track_id=track_id)


def pictures(n_frames: int, *, rate_hz: float = 30.0) -> list[Frame]:
    return [Frame(index=i, time=i / rate_hz, image=IMAGE) for i in range(n_frames)]


def wait_until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.005)


def endless_pictures(*, rate_hz: float = 200.0) -> Iterator[Frame]:
    return (Frame(index=i, time=i / rate_hz, image=IMAGE) for i in itertools.count())


def session_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("actionpose-")]


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> object:
    yield
    assert not session_threads()


@pytest.fixture
def made() -> list[FakeRecognizer]:
    return []


@pytest.fixture
def make(made: list[FakeRecognizer]) -> Callable[[], FakeRecognizer]:
    def make_recognizer() -> FakeRecognizer:
        made.append(FakeRecognizer(f"library {len(made)}"))
        return made[-1]

    return make_recognizer


def test_full_pace_processes_every_frame_in_order(make, made):
    source, estimator = FakeSource(pictures(50)), FakeEstimator(seconds=0.001)
    ticks = list(Session(source, estimator, make))
    assert [tick.frame.index for tick in ticks[:-1]] == list(range(50))
    assert [pose.time for pose in made[0].copies[0].poses] == [i / 30 for i in range(50)]
    assert (ticks[-1].stats.n_read, ticks[-1].stats.n_processed, ticks[-1].stats.n_dropped) == (50, 50, 0)
    assert estimator.n_resets == 1
    assert len(made) == 1


def test_closing_tick_brings_what_the_recognizers_flush(make):
    ticks = list(Session(FakeSource(pictures(5)), FakeEstimator(bodies=lambda _: [3, 7]), make))
    assert all(not tick.events for tick in ticks[:-1])
    assert ticks[-1].frame is None
    assert ticks[-1].status == "ended"
    assert sorted(event.track_id for event in ticks[-1].events) == [3, 7]


def test_reading_runs_ahead_of_estimating_by_a_few_frames_only(make):
    source = FakeSource(pictures(60))
    ahead = []
    for tick in Session(source, FakeEstimator(seconds=0.002), make):
        if tick.frame:
            ahead.append(source.n_read - tick.frame.index - 1)
    assert 1 <= max(ahead) <= 6


def test_decoding_and_estimating_overlap(make):
    source = FakeSource(pictures(10))

    class Watcher(FakeEstimator):
        def estimate(self, frame):
            wait_until(lambda: source.n_read > frame.index + 1 or frame.index == 9)  # the next one is read meanwhile
            return super().estimate(frame)

    assert sum(tick.frame is not None for tick in Session(source, Watcher(), make)) == 10


def test_live_source_keeps_only_the_newest_frame_and_counts_the_rest(make, made):
    source = FakeSource(pictures(60, rate_hz=200), is_live=True, read_s=0.005)
    ticks = [tick for tick in Session(source, FakeEstimator(seconds=0.02), make) if tick.frame]
    stats = ticks[-1].stats
    assert stats.n_dropped > 10
    assert stats.n_processed + stats.n_dropped == stats.n_read == 60
    assert ticks[-1].frame.index == 59, "the newest frame is never the one dropped"
    times = [pose.time for pose in made[0].copies[0].poses]
    assert times == sorted(times)
    assert stats.latency_p95_s < 1.0


def test_file_played_live_keeps_its_time_stamps(make):
    began = time.perf_counter()
    session = Session(FakeSource(pictures(21, rate_hz=50)), FakeEstimator(), make, realtime=True)
    ticks = [tick for tick in session if tick.frame]
    assert 0.39 < time.perf_counter() - began < 1.2
    assert ticks[-1].frame.index == 20


def test_bodies_have_a_recognizer_each_and_are_forgotten_after_a_while(make, made):
    # Body 1 leaves at 1 s for good, body 2 at 1 s until 2 s.
    def bodies(index):
        return [1, 2] if index < 10 else [2] if index >= 20 else []

    ticks = list(Session(FakeSource(pictures(60, rate_hz=10)), FakeEstimator(bodies=bodies), make))
    [model] = made
    gone, stayed = model.copies
    assert model.poses == [], "it stays fresh"
    assert [pose.is_missing for pose in gone.poses[8:12]] == [False, False, True, True]
    assert gone.poses[-1].time == pytest.approx(0.9 + 3.0)
    assert gone.n_flushes == 1
    assert len(stayed.poses) == 60
    assert {pose.track_id for pose in gone.poses} == {1}
    assert set(ticks[30].states) == {1, 2}
    assert set(ticks[50].states) == {2}
    event = next(event for tick in ticks for event in tick.events if event.track_id == 1)
    assert event.start_time == 0.0


def test_frames_with_poses_need_no_estimator(make, made):
    frames = [Frame(index=i, time=i / 10, poses=(pose_at(i / 10),)) for i in range(5)]
    estimator = FakeEstimator()
    assert len(list(Session(FakeSource(frames), estimator, make))) == 6
    assert estimator.n_estimates == 0
    assert len(list(Session(FakeSource(frames), None, make))) == 6
    assert [len(recognizer.copies[0].poses) for recognizer in made] == [5, 5]


def test_pictures_without_an_estimator_are_an_error(make):
    with pytest.raises(EstimatorError, match="no keypoint model"):
        list(Session(FakeSource(pictures(1)), None, make))


def test_error_of_the_reader_thread_surfaces_after_the_frames_before_it(make):
    source = FakeSource(pictures(3), error=SourceError("The file is damaged.", hint="Record it again."))
    ticks: list[Tick] = []
    with pytest.raises(SourceError, match="damaged") as caught:
        ticks.extend(Session(source, FakeEstimator(), make))  # extend keeps what came before the error
    assert caught.value.hint == "Record it again."
    assert [tick.frame.index for tick in ticks[:-1]] == [0, 1, 2]
    assert ticks[-1].frame is None
    assert len(ticks[-1].events) == 1, "what was open is told before it ends"


def test_error_in_making_the_recognizer_comes_before_any_frame_is_read():
    source = FakeSource(pictures(3))

    def make_recognizer():
        raise LibraryLockedError("locked")

    with pytest.raises(LibraryLockedError):
        Session(source, FakeEstimator(), make_recognizer)
    assert source.n_read == 0


def test_stop_from_another_thread_ends_a_blocked_source_within_a_second(make):
    source = FakeSource(pictures(3), is_live=True, blocks_at_end=True)
    session = Session(source, FakeEstimator(), make)
    threading.Timer(0.1, session.stop).start()
    began = time.perf_counter()
    ticks = list(session)
    assert time.perf_counter() - began < 1.0
    assert [event.label for event in ticks[-1].events] == ["library 0"]


def test_a_live_source_without_frames_gives_heartbeats(make):
    source = FakeSource([], is_live=True, blocks_at_end=True)
    with Session(source, FakeEstimator(), make) as session:
        tick = next(iter(session))
    assert tick.frame is None
    assert not tick.states
    assert tick.status == "running"


def test_leaving_the_loop_joins_the_threads(make):
    session = Session(FakeSource(pictures(1000)), FakeEstimator(), make)
    for _ in session:
        break
    session.close()
    assert not session_threads()
    session.close()


def test_library_changes_are_taken_up_between_frames(make, made, monkeypatch):
    monkeypatch.setattr("actionpose.session.library_watch._POLL_S", 0.02)
    revisions = [1]
    labels = []
    source = FakeSource(pictures(100, rate_hz=200), is_live=True, read_s=0.005)
    for tick in Session(source, FakeEstimator(), make, library_revision=lambda: revisions[-1]):
        labels += [state.label for state in tick.states.values()]
        if tick.frame and tick.frame.index == 20:
            revisions.append(2)
    assert list(dict.fromkeys(labels)) == ["library 0", "library 1"]
    [before], [after] = (recognizer.copies for recognizer in made)
    assert before.n_flushes == 1
    assert len(before.poses) + len(after.poses) == tick.stats.n_processed


def test_library_that_fails_for_a_moment_is_noted_and_the_loop_goes_on(make, made, monkeypatch):
    monkeypatch.setattr("actionpose.session.library_watch._POLL_S", 0.02)
    revisions = iter([1, LibraryLockedError("It is locked."), LibraryLockedError("It is locked.")])
    notes = []

    def revision():
        value = next(revisions, 1)
        if isinstance(value, Exception):
            raise value
        return value

    source = FakeSource(pictures(60, rate_hz=200), is_live=True, read_s=0.005)
    session = Session(source, FakeEstimator(), make, library_revision=revision)
    for _ in session:
        notes += session.notes
    assert "It is locked." in notes[0]
    assert session.notes == ()
    assert len(made) == 1


def test_files_at_full_pace_never_ask_for_the_library_again(make, made):
    def revision():
        raise AssertionError

    list(Session(FakeSource(pictures(5)), FakeEstimator(), make, library_revision=revision))
    assert len(made) == 1


def test_a_pause_of_a_live_source_lets_its_frames_pass_uncounted(make, made):
    source = FakeSource(pictures(200, rate_hz=200), is_live=True, read_s=0.005)
    session = Session(source, FakeEstimator(), make)
    ticks = []
    for tick in session:
        ticks.append(tick)
        if tick.frame and tick.frame.index == 20:
            session.pause()
            session.pause()
        if tick.is_paused and source.n_read > 60:
            session.resume()
    seen = [tick.frame.index for tick in ticks if tick.frame]
    assert not set(seen) & set(range(23, 60))
    assert seen[-1] == 199
    assert {tick.is_paused for tick in ticks if not tick.frame} == {True, False}
    assert ticks[-1].stats.n_read < 160
    assert len(made[0].copies) == 1, "it is the same body after the pause"


@pytest.mark.parametrize("realtime", [True, False])
def test_a_pause_holds_a_file(make, realtime):
    session = Session(FakeSource(pictures(40, rate_hz=50)), FakeEstimator(), make, realtime=realtime)
    seen = []
    n_heartbeats = 0
    for tick in session:
        if tick.frame:
            seen.append(tick.frame.index)
            if tick.frame.index == 10:
                session.pause()
        elif tick.is_paused:
            n_heartbeats += 1
            if n_heartbeats == 6:
                session.resume()
    assert n_heartbeats == 6
    missed = set(range(40)) - set(seen)
    assert len(missed) <= (20 if realtime else 0), "the clock of the file stood still, too"


def test_stop_while_paused_ends_it(make):
    session = Session(FakeSource(pictures(1000)), FakeEstimator(), make)
    session.pause()
    ticks = []
    for tick in session:
        ticks.append(tick)
        session.stop()
    assert [tick.frame for tick in ticks] == [None, None]


def test_source_model_and_recognizer_are_switched_between_two_frames(make):
    first, second = FakeSource(endless_pictures()), FakeSource(pictures(5))
    before, after = FakeEstimator(), FakeEstimator(bodies=lambda _: [7])
    session = Session(first, before, make)
    ticks = []
    for tick in session:
        ticks.append(tick)
        if tick.frame and tick.frame.index == 20 and tick.source is first.info:
            assert session.switch(source=second, estimator=after, make_recognizer=make)
    indices = [tick.frame.index for tick in ticks if tick.frame]
    assert indices == [*range(21), *range(5)]
    assert (ticks[20].source, ticks[21].source) == (first.info, second.info)
    assert [event.label for event in ticks[21].events] == ["library 0"], "what was open before"
    assert [(event.label, event.track_id) for event in ticks[-1].events] == [("library 1", 7)]
    assert ticks[-1].stats.n_processed == 5, "figures are those of the source"
    assert first.is_closed
    assert before.n_closes == 1
    assert (after.n_closes, after.n_resets) == (0, 1)
    assert not session.switch(source=first)


def test_a_recognizer_that_cannot_be_made_changes_nothing(make):
    def fail():
        raise LibraryLockedError("locked")

    session = Session(FakeSource(pictures(5)), FakeEstimator(), make)
    for tick in session:
        if tick.frame and tick.frame.index == 1:
            with pytest.raises(LibraryLockedError):
                session.switch(make_recognizer=fail)
    assert [event.label for event in tick.events] == ["library 0"]


def test_a_switch_that_is_never_taken_is_closed(make):
    source = FakeSource(pictures(5))
    session = Session(FakeSource(pictures(5)), FakeEstimator(), make)
    for _ in session:
        session.switch(source=source)
        break
    session.close()
    assert source.is_closed


def test_without_a_recognizer_poses_are_still_found():
    ticks = list(Session(FakeSource(pictures(4)), FakeEstimator(), lambda: None))
    assert [len(tick.poses) for tick in ticks] == [1, 1, 1, 1, 0]
    assert all(not tick.states and not tick.events for tick in ticks)


def test_states_are_made_as_often_as_asked(make):
    session = Session(FakeSource(pictures(10)), FakeEstimator(), make, state_interval_s=60.0)
    assert {tick.states[0].time for tick in session} == {0.0}


def test_figures_tell_of_the_source_and_of_each_body(make):
    frames = [frame for frame in pictures(80, rate_hz=200) if frame.index % 2]  # every other was missed before
    source = FakeSource(frames, is_live=True, read_s=0.01)
    ticks = list(Session(source, FakeEstimator(bodies=lambda index: [1, 2] if index < 20 else [2]), make))
    stats = ticks[-1].stats
    assert stats.n_read == 79
    assert stats.n_dropped == 79 - stats.n_processed
    assert stats.capture_hz == pytest.approx(200, rel=0.5)
    assert stats.tracks[2].n_frames == stats.n_processed > stats.tracks[1].n_frames
    assert stats.tracks[1].last_seen < 0.1 < stats.tracks[2].last_seen
    assert stats.tracks[2].recognizer_s < 0.01


def test_iter_poses_gives_every_frame_and_leaves_no_thread():
    estimator = FakeEstimator(bodies=lambda index: [0] if index % 2 else [])
    seen = [(frame.index, len(poses)) for frame, poses in iter_poses(FakeSource(pictures(6)), estimator)]
    assert seen == [(0, 0), (1, 1), (2, 0), (3, 1), (4, 0), (5, 1)]
    assert estimator.n_resets == 1


def test_iter_poses_raises_what_the_source_raises():
    source = FakeSource(pictures(2), error=SourceError("gone"))
    with pytest.raises(SourceError, match="gone"):
        list(iter_poses(source, FakeEstimator()))
