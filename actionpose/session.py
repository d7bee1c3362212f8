"""From source to events in one loop, at full pace or live; the only place with threads.

At full pace (files) a thread reads a few frames ahead, so that decoding overlaps with estimating; no frame is
dropped and the events are the same every time. At real-time pace (cameras, streams, anything played live) the
thread keeps the newest frame alone: a slow machine drops frames, counts them, and never falls behind.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from threadpoolctl import threadpool_limits

from actionpose.decision import ActionEvent
from actionpose.errors import ActionposeError, EstimatorError
from actionpose.estimators.base import KeypointEstimator
from actionpose.pose import Frame, Pose
from actionpose.recognizer import Recognizer, RecognizerState
from actionpose.sources.base import Source, SourceStatus

__all__ = ["Session", "SessionStats", "Tick", "iter_poses"]

_READ_AHEAD_FRAMES = 4
_HEARTBEAT_S = 0.2  # the longest wait that Ctrl-C, stop() or a screen has to sit out
_FORGET_S = 3.0  # a body out of view this long is a new one when it comes back
_POLL_S = 1.0  # how often the library is asked whether it changed
_RECENT_FRAMES = 120  # what the figures of `SessionStats` are taken over


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStats:
    """How the loop is doing; times and rate over the last 120 frames, NaN before the first.

    Parameters
    ----------
    n_read, n_processed, n_dropped : int
        Frames that came from the source, went through the loop, and were dropped to keep pace.
    rate_hz : float
        Frames processed per second.
    estimator_s, recognizer_s : float
        Median time per frame.
    latency_p50_s, latency_p95_s : float
        From the moment a frame was there to the moment its tick was.
    """

    n_read: int
    n_processed: int
    n_dropped: int
    rate_hz: float
    estimator_s: float
    recognizer_s: float
    latency_p50_s: float
    latency_p95_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """What the loop has to tell after one frame.

    Parameters
    ----------
    frame : Frame or None
        None in the closing tick, which brings the events that were still open, and in the heartbeats that come
        at real-time pace while no frame does.
    poses : sequence of Pose
        Bodies in view.
    events : sequence of ActionEvent
        Actions decided at this frame.
    states : mapping of int to RecognizerState
        The live picture of each track, by its `track_id`; empty while nobody is in view.
    stats : SessionStats
        How the loop is doing.
    status : str
        The source's status: ``running``, ``reconnecting`` or ``ended``.
    """

    frame: Frame | None
    poses: tuple[Pose, ...] = ()
    events: tuple[ActionEvent, ...] = ()
    states: Mapping[int, RecognizerState]
    stats: SessionStats
    status: SourceStatus


class Session:
    """One run of source, estimator and a recogniser for each body in view.

    Iterate over it once; leaving it as a context manager, or leaving the loop, joins its threads. The source and
    the estimator stay the caller's to close, but a source that blocks is closed to cut its read short.

    Parameters
    ----------
    source : Source
        Open, nothing read yet.
    estimator : KeypointEstimator or None
        None where the frames bring their own poses.
    make_recognizer : callable
        Gives a new recogniser, of which each track gets a copy; called here, and again when the library changes.
    realtime : bool
        Play a file by its time stamps. Cameras and streams always come at their own pace.
    library_revision : callable, optional
        Gives a number that changes with the library, asked once a second at real-time pace. When it changes,
        `make_recognizer` is called again, in a thread of its own, and the result takes over between two frames.
    is_wanted : callable, optional
        Frames for which it is False pass without being looked at, as if nobody were in view.

    Raises
    ------
    ActionposeError
        Whatever `make_recognizer` raises; while iterating, whatever the source or the estimator raise.
    """

    def __init__(
        self,
        source: Source,
        estimator: KeypointEstimator | None,
        make_recognizer: Callable[[], Recognizer],
        *,
        realtime: bool = False,
        library_revision: Callable[[], int] | None = None,
        is_wanted: Callable[[Frame], bool] = lambda _: True,
    ) -> None:
        self._source = source
        self._estimator = estimator
        self._is_wanted = is_wanted
        self._reader = _Reader(source, realtime=realtime)
        self._watch = None
        if library_revision is not None and self._reader.realtime:
            self._watch = _LibraryWatch(library_revision, make_recognizer)
        self._recognizer = make_recognizer()  # after the revision was read: no change is missed
        self._tracks: dict[int, _Track] = {}
        self._clock = _Clock()
        self._stopping = False

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should be told so far: damage, reconnections, a library that cannot be read again."""
        return self._source.notes + (self._watch.notes if self._watch else ())

    def stop(self) -> None:
        """End the loop after the present frame; from any thread or signal handler."""
        self._stopping = True

    def close(self) -> None:
        """Stop and join the threads. May be called twice."""
        self.stop()
        self._reader.close()
        if self._watch:
            self._watch.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Tick]:
        if self._estimator:
            self._estimator.reset()
        if self._watch:
            self._watch.start()
        self._reader.start()
        try:
            # The products here are too small to gain from threads, and waiting ones would take a core from the model.
            with threadpool_limits(limits=1, user_api="blas"):
                for capture in self._reader:
                    if self._stopping:
                        break
                    if capture is not None:
                        yield self._process(capture)
                    elif self._reader.realtime:
                        yield self._tick()
            yield self._tick(events=[event for track in self._tracks.values() for event in track.recognizer.flush()])
        finally:
            self.close()

    def _process(self, capture: _Capture) -> Tick:
        frame = capture.frame
        events = self._take_new_library()
        began = time.perf_counter()
        poses = _poses_of(frame, self._estimator) if self._is_wanted(frame) else ()
        estimated = time.perf_counter()
        events += self._recognize(frame, poses)
        now = time.perf_counter()
        self._clock.add(now=now, estimator=estimated - began, recognizer=now - estimated, latency=now - capture.at)
        return self._tick(frame=frame, poses=poses, events=events)

    def _recognize(self, frame: Frame, poses: tuple[Pose, ...]) -> list[ActionEvent]:
        events: list[ActionEvent] = []
        for pose in poses:
            track = self._tracks.get(pose.track_id)
            if track is None:
                track = self._tracks[pose.track_id] = _Track(self._recognizer.copy(), pose)
            track.last_pose = pose
            events += track.recognizer.update(pose)
        in_view = {pose.track_id for pose in poses}
        for track_id in self._tracks.keys() - in_view:
            track = self._tracks[track_id]
            if frame.time - track.last_pose.time > _FORGET_S:
                events += self._tracks.pop(track_id).recognizer.flush()
            else:
                events += track.recognizer.update(track.missing_at(frame.time))
        return events

    def _take_new_library(self) -> list[ActionEvent]:
        recognizer = self._watch.take() if self._watch else None
        if recognizer is None:
            return []
        self._recognizer = recognizer
        events: list[ActionEvent] = []
        for track in self._tracks.values():
            events += track.recognizer.flush()
            track.recognizer = recognizer.copy()
        return events

    def _tick(
        self, *, frame: Frame | None = None, poses: tuple[Pose, ...] = (), events: list[ActionEvent] | None = None
    ) -> Tick:
        return Tick(
            frame=frame,
            poses=poses,
            events=tuple(events or ()),
            states={track_id: track.recognizer.state for track_id, track in self._tracks.items()},
            stats=self._clock.stats(n_read=self._reader.n_read, n_dropped=self._reader.n_dropped),
            status=self._source.status,
        )


def iter_poses(
    source: Source,
    estimator: KeypointEstimator | None,
    *,
    realtime: bool = False,
    is_wanted: Callable[[Frame], bool] = lambda _: True,
) -> Iterator[tuple[Frame, tuple[Pose, ...]]]:
    """Yield each frame with the poses in it, at the pace of `Session`.

    Parameters
    ----------
    source : Source
        Open, nothing read yet.
    estimator : KeypointEstimator or None
        None where the frames bring their own poses.
    realtime : bool
        Play a file by its time stamps, dropping frames on a slow machine.
    is_wanted : callable, optional
        Frames for which it is False are yielded without being looked at.

    Raises
    ------
    ActionposeError
        Whatever the source or the estimator raise.
    """
    if estimator:
        estimator.reset()
    reader = _Reader(source, realtime=realtime)
    reader.start()
    try:
        for capture in reader:
            if capture is not None:
                frame = capture.frame
                yield frame, _poses_of(frame, estimator) if is_wanted(frame) else ()
    finally:
        reader.close()


def _poses_of(frame: Frame, estimator: KeypointEstimator | None) -> tuple[Pose, ...]:
    if frame.poses is not None:
        return frame.poses
    if estimator is None:
        raise EstimatorError("These frames are pictures, and no keypoint model was given to find poses in them.")
    return tuple(estimator.estimate(frame))


@dataclass(slots=True)
class _Track:
    """A body that is followed, and what recognises its actions."""

    recognizer: Recognizer
    last_pose: Pose

    def missing_at(self, time: float) -> Pose:
        pose = self.last_pose
        return Pose.missing(pose.skeleton, time, n_dims=pose.position.shape[1], track_id=pose.track_id)


@dataclass(frozen=True, slots=True)
class _Capture:
    """A frame, and when it was there on the clock of `time.perf_counter`."""

    frame: Frame
    at: float


class _Reader:
    """A thread that reads ahead: every frame in order, or at real-time pace the newest one alone."""

    def __init__(self, source: Source, *, realtime: bool) -> None:
        self.realtime = realtime or source.info.is_live
        self.n_read = 0
        self.n_dropped = 0
        self._source = source
        self._is_paced = realtime and not source.info.is_live
        self._origin = 0.0
        self._captures: deque[_Capture] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._has_ended = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._read_all, name="actionpose-reader", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        if self._thread.ident is None:
            return
        self._thread.join(timeout=_HEARTBEAT_S)
        if self._thread.is_alive():  # inside read(), waiting for a live source that may never come back
            self._source.close()
            self._thread.join(timeout=2.0)

    def __iter__(self) -> Iterator[_Capture | None]:
        """Yield what was read, or None after each `_HEARTBEAT_S` without; then raise what the source raised."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._captures or self._has_ended, timeout=_HEARTBEAT_S)
                capture = self._captures.popleft() if self._captures else None
                if capture is None and self._has_ended:
                    break
                self._changed.notify_all()
            yield capture
        if self._error is not None:
            raise self._error

    def _read_all(self) -> None:
        try:
            while (frame := self._source.read()) is not None and self._put(frame):
                pass
        except BaseException as error:
            self._error = error  # raised again in the thread that consumes
        finally:
            with self._changed:
                self._has_ended = True
                self._changed.notify_all()

    def _put(self, frame: Frame) -> bool:
        """Hand over a frame; False once nobody wants any more."""
        with self._changed:
            self.n_read += 1
            if self._is_paced:
                self._wait_until_due(frame)
            if not self.realtime:
                self._changed.wait_for(lambda: len(self._captures) < _READ_AHEAD_FRAMES or self._is_closed)
            elif self._captures:
                self._captures.popleft()
                self.n_dropped += 1
            self._captures.append(_Capture(frame, time.perf_counter()))
            self._changed.notify_all()
            return not self._is_closed

    def _wait_until_due(self, frame: Frame) -> None:
        if self.n_read == 1:
            self._origin = time.perf_counter() - frame.time
        self._changed.wait_for(lambda: self._is_closed, timeout=self._origin + frame.time - time.perf_counter())


class _LibraryWatch:
    """A thread that makes a new recogniser whenever the library has changed."""

    def __init__(self, revision: Callable[[], int], make_recognizer: Callable[[], Recognizer]) -> None:
        self.notes: tuple[str, ...] = ()
        self._revision = revision
        self._make_recognizer = make_recognizer
        self._seen = revision()
        self._fresh: deque[Recognizer] = deque(maxlen=1)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="actionpose-library", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=2.0)

    def take(self) -> Recognizer | None:
        """Return the new recogniser, once."""
        return self._fresh.pop() if self._fresh else None

    def _poll(self) -> None:
        while not self._closed.wait(_POLL_S):
            try:
                revision = self._revision()
                if revision != self._seen:
                    self._fresh.append(self._make_recognizer())
                    self._seen = revision
                self.notes = ()
            except ActionposeError as error:  # locked for a moment, or emptied: go on with what there is
                self.notes = (f"The library changed but cannot be used yet: {error.message}",)


class _Clock:
    """Takes the times that `SessionStats` reports."""

    def __init__(self) -> None:
        self._n_processed = 0
        self._at: deque[float] = deque(maxlen=_RECENT_FRAMES)
        self._estimator: deque[float] = deque(maxlen=_RECENT_FRAMES)
        self._recognizer: deque[float] = deque(maxlen=_RECENT_FRAMES)
        self._latency: deque[float] = deque(maxlen=_RECENT_FRAMES)

    def add(self, *, now: float, estimator: float, recognizer: float, latency: float) -> None:
        self._n_processed += 1
        self._at.append(now)
        self._estimator.append(estimator)
        self._recognizer.append(recognizer)
        self._latency.append(latency)

    def stats(self, *, n_read: int, n_dropped: int) -> SessionStats:
        elapsed = self._at[-1] - self._at[0] if self._at else 0.0
        return SessionStats(
            n_read=n_read,
            n_processed=self._n_processed,
            n_dropped=n_dropped,
            rate_hz=(len(self._at) - 1) / elapsed if elapsed else float("nan"),
            estimator_s=_quantile(self._estimator, 0.5),
            recognizer_s=_quantile(self._recognizer, 0.5),
            latency_p50_s=_quantile(self._latency, 0.5),
            latency_p95_s=_quantile(self._latency, 0.95),
        )


def _quantile(values: deque[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1) + 0.5)] if values else float("nan")
