"""A session behind a screen: opened, run and switched in threads of its own."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from actionpose.decision import ActionEvent
from actionpose.errors import ActionposeError, SourceError
from actionpose.session.library_watch import MakeRecognizer
from actionpose.session.loop import Session
from actionpose.session.reader import HEARTBEAT_S
from actionpose.session.tick import Tick
from actionpose.sources.base import Source

if TYPE_CHECKING:
    from actionpose.estimators.base import KeypointEstimator

__all__ = ["Phase", "RunnerState", "SessionRunner"]

Phase = Literal["loading", "running", "paused", "reconnecting", "lost", "ended", "failed"]
OpenSource = Callable[[], Source]
LoadEstimator = Callable[[Source], "KeypointEstimator | None"]

_STATE_INTERVAL_S = 1 / 15  # oftener is not read on a screen
_REOPEN_S = 1.0
_KEPT_EVENTS = 10_000  # of a caller who never takes them
_JOIN_S = 0.9  # a model or a camera that is being opened closes itself later


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerState:
    """What a screen shows of a runner.

    Parameters
    ----------
    phase : str
        ``loading``; ``running``; ``paused``; ``reconnecting`` while the source itself tries to come back; ``lost``
        while a live source that broke is opened again; ``ended`` when all is told; ``failed``.
    message, hint : str
        What is being loaded, or why it failed or was lost, and what to do about it; empty while all is well.
    source, model : str
        Their names, empty until they are known.
    opening : str
        What a `SessionRunner.switch` is opening behind the running session; empty otherwise.
    note : str
        Why the last switch failed; empty after one that worked.
    error : Exception or None
        What is behind ``failed`` and ``lost``.
    """

    phase: Phase = "loading"
    message: str = ""
    hint: str = ""
    source: str = ""
    model: str = ""
    opening: str = ""
    note: str = ""
    error: Exception | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setup:
    """What opens the parts of a session."""

    open_source: OpenSource
    load_estimator: LoadEstimator
    make_recognizer: MakeRecognizer


class SessionRunner:
    """Runs a session in a thread of its own, for a caller who looks at it now and then.

    A second thread opens source, model and recogniser, at first and whenever they are switched, so that neither the
    caller nor a running session waits for them. What was opened is closed here. A context manager.

    Parameters
    ----------
    open_source : callable
        Opens the source; called again when a live source broke.
    load_estimator : callable
        Loads the keypoint model for a source; None where the source brings poses.
    make_recognizer, library_revision, may_fit_none
        As for `Session`.
    realtime : bool
        Play files by their time stamps.
    sinks : sequence of callable
        Called with every tick in the thread that recognises, so each must return at once.
    """

    def __init__(
        self,
        *,
        open_source: OpenSource,
        load_estimator: LoadEstimator,
        make_recognizer: MakeRecognizer,
        library_revision: Callable[[], int] | None = None,
        may_fit_none: bool = False,
        realtime: bool = True,
        sinks: Sequence[Callable[[Tick], None]] = (),
    ) -> None:
        self._setup = _Setup(open_source=open_source, load_estimator=load_estimator, make_recognizer=make_recognizer)
        self._library_revision = library_revision
        self._may_fit_none = may_fit_none
        self._realtime = realtime
        self._sinks = tuple(sinks)
        self._changed = threading.Condition()  # for all below
        self._wish: Mapping[str, Any] | None = None  # what to exchange of the setup, perhaps nothing
        self._session: Session | None = None
        self._estimator: KeypointEstimator | None = None  # outlives a session that ended
        self._state = RunnerState()
        self._latest: Tick | None = None
        self._events: deque[ActionEvent] = deque(maxlen=_KEPT_EVENTS)
        self._n_changes = self._n_seen = 0
        self._is_paused = self._is_stopped = self._is_closed = False
        self._threads = [
            threading.Thread(target=self._run_all, name="actionpose-session", daemon=True),
            threading.Thread(target=self._open_all, name="actionpose-opener", daemon=True),
        ]

    @property
    def state(self) -> RunnerState:
        """What to show."""
        return self._state

    @property
    def latest(self) -> Tick | None:
        """The newest tick; None before the first."""
        return self._latest

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should be told, as `Session.notes`."""
        session = self._session
        return session.notes if session else ()

    def start(self) -> None:
        """Begin to open everything; returns at once."""
        self.switch()
        for thread in self._threads:
            thread.start()

    def pause(self) -> None:
        """Look at no frame until `resume`."""
        with self._changed:
            self._is_paused = True
            if self._session:
                self._session.pause()

    def resume(self) -> None:
        """Go on after `pause`."""
        with self._changed:
            self._is_paused = False
            if self._session:
                self._session.resume()

    def switch(
        self,
        *,
        open_source: OpenSource | None = None,
        load_estimator: LoadEstimator | None = None,
        make_recognizer: MakeRecognizer | None = None,
    ) -> None:
        """Go on with another source, model or recogniser; returns at once.

        A running session goes on until all of them are ready, and when one cannot be opened: `RunnerState.note` then
        says why. After ``ended`` and ``failed`` it begins anew, so without arguments this means: try again.
        """
        parts = {"open_source": open_source, "load_estimator": load_estimator, "make_recognizer": make_recognizer}
        with self._changed:
            self._is_stopped = False
            self._wish = {**(self._wish or {}), **{name: part for name, part in parts.items() if part}}
            self._changed.notify_all()

    def stop(self) -> None:
        """End after the present frame; returns at once, from any thread or signal handler."""
        self._is_stopped = True  # before the session is looked for: one that is handed over later sees it
        session = self._session
        if session:
            session.stop()

    def close(self) -> None:
        """Stop, join the threads and close what was opened. May be called twice."""
        self.stop()
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        deadline = time.monotonic() + _JOIN_S
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(timeout=max(0.0, deadline - time.monotonic()))

    def take_events(self) -> list[ActionEvent]:
        """Return all events since the last call, in order, however many ticks were never looked at."""
        with self._changed:
            events = list(self._events)
            self._events.clear()
            return events

    def wait(self, timeout_s: float) -> bool:
        """Wait for a new tick or state; False if none came."""
        with self._changed:
            is_new = self._changed.wait_for(lambda: self._n_changes != self._n_seen, timeout=timeout_s)
            self._n_seen = self._n_changes
            return is_new

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wish is not None or self._is_closed)
                if self._is_closed or self._wish is None:
                    return
                wish, self._wish = self._wish, None
            is_reopening = not wish and self._state.phase == "lost"
            try:
                with ExitStack() as opened:
                    self._open(wish, opened, is_reopening=is_reopening)
            except Exception as error:
                self._report_failure(error, is_reopening=is_reopening)

    def _open(self, wish: Mapping[str, Any], opened: ExitStack, *, is_reopening: bool) -> None:
        """Open what is wished for, and hand it to the running session or to a new one; `opened` closes the rest."""
        session = self._session
        setup = replace(self._setup, **wish)
        if session is None:
            self._setup = setup  # and what fails now is tried again as it was wished

        def announce(what: str) -> None:
            if session:
                self._update(opening=what)
            elif not is_reopening:
                self._update(phase="loading", message=what, hint="", error=None)

        source = estimator = None
        if session is None or "open_source" in wish:
            announce("opening the source")
            source = opened.enter_context(setup.open_source())
        reads = source or (session.source if session else None)
        assert reads is not None
        if (session.estimator if session else self._estimator) is None or "load_estimator" in wish:
            announce("loading the keypoint model")
            if estimator := setup.load_estimator(reads):
                opened.enter_context(estimator)
        announce("preparing the templates")
        if session is None:
            assert source is not None
            is_taken = self._begin(source, estimator)
        else:
            is_taken = session.switch(
                source=source, estimator=estimator, make_recognizer=wish.get("make_recognizer")
            ) or self._wish_again(wish)
        if is_taken:
            opened.pop_all()
            self._setup = setup
        self._update(opening="", note="")

    def _begin(self, source: Source, estimator: KeypointEstimator | None) -> bool:
        """Hand a new session to the thread that runs it; False if that is gone."""
        session = Session(
            source,
            estimator or self._estimator,
            self._setup.make_recognizer,
            realtime=self._realtime,
            library_revision=self._library_revision,
            may_fit_none=self._may_fit_none,
            state_interval_s=_STATE_INTERVAL_S,
        )
        with self._changed:
            if self._is_closed:
                return False
            if estimator and self._estimator:
                self._estimator.close()
            if self._is_paused:
                session.pause()
            if self._is_stopped:
                session.stop()
            self._session, self._estimator = session, session.estimator
            self._changed.notify_all()
        return True

    def _wish_again(self, wish: Mapping[str, Any]) -> bool:
        """Wait for the end of a session that took a wish no more, and wish the same of a new one."""
        with self._changed:
            self._changed.wait_for(lambda: self._session is None)
            if not self._is_stopped:
                self._wish = {**wish, **(self._wish or {})}
        return False

    def _report_failure(self, error: Exception, *, is_reopening: bool) -> None:
        message, hint = _describe(error)
        if self._session is not None:
            self._update(opening="", note=f"{message} {hint}".strip())
        elif is_reopening and isinstance(error, SourceError):
            with self._changed:
                self._changed.wait_for(lambda: self._wish is not None or self._is_closed, timeout=_REOPEN_S)
                if self._wish is None and not self._is_stopped:
                    self._wish = {}
        else:
            self._update(phase="failed", message=message, hint=hint, error=error)

    def _run_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._session or self._is_closed, timeout=HEARTBEAT_S)
                session = self._session
            if session is not None:
                self._run(session)
            elif self._is_closed:
                break
            elif self._is_stopped and self._state.phase in ("loading", "lost"):
                self._update(phase="ended", message="", hint="", error=None)
        if self._estimator is not None:
            self._estimator.close()

    def _run(self, session: Session) -> None:
        failure: Exception | None = None
        try:
            with session:
                for tick in session:
                    self._publish(tick)
        except Exception as error:
            failure = error
        session.source.close()
        is_lost = isinstance(failure, SourceError) and session.source.info.is_live and not self._is_stopped
        message, hint = _describe(failure) if failure else ("", "")
        with self._changed:
            self._session, self._estimator = None, session.estimator
            if is_lost and self._wish is None:
                self._wish = {}
            self._update(
                phase="lost" if is_lost else "failed" if failure else "ended", message=message, hint=hint, error=failure
            )

    def _publish(self, tick: Tick) -> None:
        for sink in self._sinks:
            sink(tick)
        source = tick.source.name if tick.source else ""
        phase: Phase = "paused" if tick.is_paused else "reconnecting" if tick.status == "reconnecting" else "running"
        with self._changed:
            self._latest = tick
            self._events.extend(tick.events)
            if (phase, source, tick.model) != (self._state.phase, self._state.source, self._state.model):
                message = f"waiting for {source} to come back" if phase == "reconnecting" else ""
                self._update(phase=phase, message=message, hint="", source=source, model=tick.model, error=None)
            self._n_changes += 1
            self._changed.notify_all()

    def _update(self, **changes: Any) -> None:
        with self._changed:
            self._state = replace(self._state, **changes)
            self._n_changes += 1
            self._changed.notify_all()


def _describe(error: Exception) -> tuple[str, str]:
    if isinstance(error, ActionposeError):
        return error.message, error.hint
    return f"{type(error).__name__}: {error}", "This is a fault in the program or in a plug-in: please report it."
