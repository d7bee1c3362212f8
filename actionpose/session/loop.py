"""The loop itself, run by whoever iterates over it.

At full pace (files) a thread reads a few frames ahead, so that decoding overlaps with estimating; no frame is
dropped and the events are the same every time. At real-time pace (cameras, streams, anything played live) the
thread keeps the newest frame alone: a slow machine drops frames, counts them, and never falls behind.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from threadpoolctl import threadpool_limits

from actionpose.decision import ActionEvent
from actionpose.errors import ActionposeError
from actionpose.pose import Frame, Pose
from actionpose.recognizer import Recognizer
from actionpose.session.library_watch import LibraryWatch, MakeRecognizer
from actionpose.session.pace import Pace
from actionpose.session.poses import poses_of
from actionpose.session.reader import HEARTBEAT_S, Capture, Reader
from actionpose.session.recognizers import RecognizerSet
from actionpose.session.stats import Clock
from actionpose.session.tick import Tick
from actionpose.session.tracks import Tracks
from actionpose.sources.base import Source

if TYPE_CHECKING:
    from actionpose.estimators.base import KeypointEstimator

__all__ = ["Session"]


class Session:
    """One run of source, estimator and a recogniser for each body in view.

    Iterate over it once; leaving it as a context manager, or leaving the loop, joins its threads. The source and
    the estimator stay the caller's to close, but a source that blocks is closed to cut its read short, and what
    `switch` replaced is closed here.

    Parameters
    ----------
    source : Source
        Open, nothing read yet.
    estimator : KeypointEstimator or None
        None where the frames bring their own poses.
    make_recognizer : callable
        Gives a new recogniser, of which each track gets a copy, or a `RecognizerSet`, of which each track gets a copy
        of the one that fits its poses, or None to find poses and recognise nothing; called here, and again when the
        library changes.
    realtime : bool
        Play a file by its time stamps. Cameras and streams always come at their own pace.
    library_revision : callable, optional
        Gives a number that changes with the library, asked once a second at real-time pace. When it changes,
        `make_recognizer` is called again, in a thread of its own, and the result takes over between two frames.
    may_fit_none : bool
        Whether to go on, and say so in `notes`, where no recogniser of a set fits the poses; else that is an error.
    is_wanted : callable, optional
        Frames for which it is False pass without being looked at, as if nobody were in view.
    state_interval_s : float
        `Tick.states` is made anew at most this often: with many templates that costs more than comparing them.

    Raises
    ------
    ActionposeError
        Whatever `make_recognizer` raises; while iterating, whatever the source or the estimator raise, and poses that
        no recogniser fits, after a tick with the events that were still open.
    """

    def __init__(
        self,
        source: Source,
        estimator: KeypointEstimator | None,
        make_recognizer: MakeRecognizer,
        *,
        realtime: bool = False,
        library_revision: Callable[[], int] | None = None,
        may_fit_none: bool = False,
        is_wanted: Callable[[Frame], bool] = lambda _: True,
        state_interval_s: float = 0.0,
    ) -> None:
        self._source = source
        self._estimator = estimator
        self._is_wanted = is_wanted
        self._realtime = realtime
        self._reader = Reader(source, realtime=realtime)
        self._watch = None
        if library_revision is not None and self._reader.realtime:
            self._watch = LibraryWatch(library_revision, make_recognizer)
        with _one_thread():
            recognizer = make_recognizer()  # after the revision was read: no change is missed
        self._tracks = Tracks(recognizer, may_fit_none=may_fit_none, state_interval_s=state_interval_s)
        self._clock = Clock()
        self._pace = Pace(is_live=self._reader.realtime)
        self._events: list[ActionEvent] = []  # for the next tick
        self._lock = threading.Lock()  # for the three below
        self._switches: deque[_Switch] = deque()
        self._is_paused = False
        self._is_over = False
        self._stopping = False

    @property
    def source(self) -> Source:
        """What is read at present."""
        return self._source

    @property
    def estimator(self) -> KeypointEstimator | None:
        """What finds the poses at present."""
        return self._estimator

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should be told so far: damage, frames too far apart, templates left aside, a lost library."""
        return self._source.notes + self._pace.notes + self._tracks.notes + (self._watch.notes if self._watch else ())

    def stop(self) -> None:
        """End the loop after the present frame; from any thread or signal handler."""
        self._stopping = True

    def pause(self) -> None:
        """Look at no frame until `resume`: a file is held, a live source passes by. From any thread."""
        with self._lock:
            if not self._is_paused:
                self._is_paused = True
                self._reader.pause()

    def resume(self) -> None:
        """Go on after `pause`; what was seen before it is a while ago, and counts as that. From any thread."""
        with self._lock:
            if self._is_paused:
                self._is_paused = False
                self._clock.restart()
                self._reader.resume()

    def switch(
        self,
        *,
        source: Source | None = None,
        estimator: KeypointEstimator | None = None,
        make_recognizer: MakeRecognizer | None = None,
    ) -> bool:
        """Go on with others, from the next frame on; from any thread.

        `make_recognizer` is called here, in the calling thread. All bodies are forgotten, and the times of frames
        and events are those of the new source.

        Parameters
        ----------
        source : Source, optional
            Open, nothing read yet. The one before is closed.
        estimator : KeypointEstimator, optional
            The one before is closed.
        make_recognizer : callable, optional
            As for the session.

        Returns
        -------
        bool
            False if the loop is over: nothing is taken, and nothing closed.

        Raises
        ------
        ActionposeError
            Whatever `make_recognizer` raises; everything stays as it was.
        """
        seen = self._watch.revision() if self._watch else 0
        with _one_thread():
            recognizers = (make_recognizer(),) if make_recognizer else ()
        with self._lock:
            if self._is_over or self._stopping:
                return False
            if self._watch and make_recognizer:
                self._watch.exchange(make_recognizer, seen=seen)
            self._switches.append(_Switch(source, estimator, recognizers))
            return True

    def close(self) -> None:
        """Stop and join the threads. May be called twice."""
        self.stop()
        with self._lock:
            self._is_over = True
        self._reader.close()
        if self._watch:
            self._watch.close()
        while self._switches:
            self._switches.popleft().close()

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
            with _one_thread():
                try:
                    yield from self._run()
                except ActionposeError:
                    self._events += self._tracks.flush()
                    if self._events:
                        yield self._tick()
                    raise
            self._events += self._tracks.flush()
            yield self._tick()
        finally:
            self.close()

    def _run(self) -> Iterator[Tick]:
        while not self._stopping:
            self._take_over()
            if self._is_paused:
                time.sleep(HEARTBEAT_S)
                yield self._tick()
            elif (capture := self._reader.next()) is not None:
                yield self._process(capture)
            elif self._reader.has_ended:
                if self._finish():
                    return
            elif self._reader.realtime:
                yield self._tick()

    def _finish(self) -> bool:
        """Take no more switches, unless there is one already."""
        with self._lock:
            self._is_over = not self._switches
            return self._is_over

    def _take_over(self) -> None:
        """Take up what was switched to, and what changed in the library."""
        while self._switches:
            switch = self._switches.popleft()
            self._events += self._tracks.reset()
            if switch.source is not None:
                self._exchange_source(switch.source)
            if switch.estimator is not None:
                if self._estimator is not None:
                    self._estimator.close()
                self._estimator = switch.estimator
            if self._estimator is not None:
                self._estimator.reset()
            for recognizer in switch.recognizers:
                self._tracks.exchange(recognizer)
        for recognizer in self._watch.take() if self._watch else ():
            self._events += self._tracks.exchange(recognizer)

    def _exchange_source(self, source: Source) -> None:
        reader = Reader(source, realtime=self._realtime)
        with self._lock:
            before, self._reader = self._reader, reader
            self._source = source
            self._clock = Clock()
            self._pace = Pace(is_live=reader.realtime)
            if self._is_paused:
                reader.pause()
        reader.start()
        before.close(closes_source=True)

    def _process(self, capture: Capture) -> Tick:
        frame = capture.frame
        self._pace.update(frame.time)
        began = time.perf_counter()
        poses = poses_of(frame, self._estimator) if self._is_wanted(frame) else ()
        estimated = time.perf_counter()
        self._events += self._tracks.update(frame, poses, captured_at=capture.at)
        now = time.perf_counter()
        self._clock.add(now=now, estimator=estimated - began, recognizer=now - estimated, latency=now - capture.at)
        return self._tick(frame, poses)

    def _tick(self, frame: Frame | None = None, poses: tuple[Pose, ...] = ()) -> Tick:
        events, self._events = tuple(self._events), []
        return Tick(
            frame=frame,
            poses=poses,
            events=events,
            states=self._tracks.states,
            stats=self._clock.stats(
                n_read=self._reader.n_read,
                n_dropped=self._reader.n_dropped,
                capture_hz=self._reader.rate_hz,
                tracks=self._tracks.stats,
            ),
            status=self._source.status,
            is_paused=self._is_paused,
            source=self._source.info,
            model=self._estimator.name if self._estimator else "",
        )


def _one_thread() -> AbstractContextManager[object]:
    """Let numpy multiply matrices in one thread.

    The products here are too small to gain from more, and waiting ones would take a core from the model; and the last
    bits of a sum, those of thresholds too, depend on how many threads add it up.
    """
    return threadpool_limits(limits=1, user_api="blas")  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class _Switch:
    """What takes over between two frames; a recogniser may be None, so none at all is an empty tuple."""

    source: Source | None
    estimator: KeypointEstimator | None
    recognizers: tuple[Recognizer | RecognizerSet | None, ...]

    def close(self) -> None:
        for part in (self.source, self.estimator):
            if part is not None:
                part.close()
