"""The one live session that all screens look at, and what has happened in it so far."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actionpose.decision import ActionEvent
from actionpose.errors import ActionposeError, InvalidDataError
from actionpose.naming import describe_missing
from actionpose.outputs import Dispatcher, Output, OutputError, OutputStatus, open_output
from actionpose.pose import Pose
from actionpose.session import RunnerState, SessionRunner, SessionStats, Tick
from actionpose.session.recognizers import EmptyLibraryError, RecognizerSet, make_recognizer
from actionpose.sources import Source
from actionpose.tui.preferences import Settings

if TYPE_CHECKING:
    from actionpose.estimators.base import KeypointEstimator
    from actionpose.library import TemplateLibrary

__all__ = ["OF_SOURCE", "Feed", "LoadEstimator", "OpenSource", "Opened"]

OpenSource = Callable[..., Source]
LoadEstimator = Callable[[Settings, Source], "KeypointEstimator | None"]

_MAX_EVENTS = 1000
# Settings that are accepted or refused only once they were opened.
OF_SOURCE = ("source", "model", "people", "rate", "rotate")
_OF_RECOGNIZER = ("mode", "feature", "sensitivity", "votes", "ratio", "window")


@dataclass(frozen=True, slots=True)
class Opened:
    """What came of opening the source and the model of some settings: why they are refused, or nothing."""

    settings: Settings
    why_refused: str = ""


class Feed:
    """Runs the session behind the screens, hands its events to the outputs, and remembers them.

    Everything but what `listen` adds is called on the screens' thread; nothing blocks but `close`.

    Parameters
    ----------
    library : callable
        Gives the library: what is recognised, kept up with as it changes.
    settings : Settings
        Where from and how.
    open_source, load_estimator : callable
        How a source is opened by its address, and the model that its pictures need is loaded.
    """

    def __init__(
        self,
        library: Callable[[], TemplateLibrary],
        settings: Settings,
        *,
        open_source: OpenSource,
        load_estimator: LoadEstimator,
    ) -> None:
        self.events: deque[ActionEvent] = deque(maxlen=_MAX_EVENTS)
        self.counts: Counter[tuple[int, str]] = Counter()
        self.time = 0.0
        self.has_templates = True  # until the library was read
        self._library = library
        self._settings = settings
        self._open_source = open_source
        self._load_estimator = load_estimator
        self._listeners: tuple[Callable[[Tick], None], ...] = ()
        self._library_problem = ""
        self._recognizers: RecognizerSet | None = None  # that was made last
        self._labels: list[str] | None = None  # of the library; None until it was read
        self._labels_with_keys: list[str] = []
        self._missing_labels: tuple[str, ...] = ()
        self._opened: Opened | None = None
        self._dispatcher: Dispatcher | None = None
        self._runner = SessionRunner(
            open_source=self._source_opener(settings),
            load_estimator=self._estimator_loader(settings),
            make_recognizer=self._recognizer_maker(settings),
            library_revision=lambda: library().revision,
            may_fit_none=True,  # recording must go on
            sinks=[self._hand_out],
        )

    @property
    def latest(self) -> Tick | None:
        """What the session told last."""
        return self._runner.latest

    @property
    def state(self) -> RunnerState:
        """What the session is doing."""
        return self._runner.state

    @property
    def opened(self) -> Opened | None:
        """What came of opening source and model the last time; None while they are being opened."""
        opened, state = self._opened, self.state
        is_told = opened and (not opened.why_refused or state.phase == "failed" or (state.note and not state.opening))
        return opened if is_told else None

    @property
    def stats(self) -> SessionStats | None:
        """How well it does; None before the first frame."""
        tick = self._runner.latest
        return tick.stats if tick else None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should be told: damage, receivers that are down, templates that cannot be used."""
        outputs = self._dispatcher.notes if self._dispatcher else ()
        return (*self._runner.notes, *outputs, *self._missing_labels, *filter(None, [self._library_problem]))

    @property
    def outputs(self) -> tuple[OutputStatus, ...]:
        """How the receivers of events do."""
        return self._dispatcher.statuses if self._dispatcher else ()

    def explain_silence(self, poses: Sequence[Pose]) -> str:
        """Say why nothing is recognised of the bodies in view; empty where there is no reason."""
        if not self.has_templates:
            return "No templates yet.\n\nPress r to record one."
        if not poses:
            return "Nobody is in view."
        if self._recognizers is not None:
            try:
                self._recognizers.choose(poses[0])
            except InvalidDataError as error:
                return f"{error.message}\n\n{error.hint}"
        return self._library_problem

    def start(self) -> None:
        """Open everything behind the screens.

        Raises
        ------
        ActionposeError
            If an output is none; the session runs all the same.
        """
        self._runner.start()
        outputs, problem = _open_outputs(self._settings.outputs)
        self._send_to(outputs)
        if problem:
            raise problem

    def close(self) -> None:
        """Stop; takes about a second at most."""
        self._runner.close()
        if self._dispatcher:
            self._dispatcher.close()

    def look(self) -> list[ActionEvent]:
        """Take in what happened since the last look; return the new events."""
        tick = self._runner.latest
        time = tick.frame.time if tick and tick.frame else self.time
        new = self._runner.take_events()
        if time < self.time:  # another source, or the same from its start
            self.clear()
            new = [event for event in new if event.report_time <= time]
        self.time = time
        self.events.extend(new)
        self.counts.update((event.track_id, event.label) for event in new)
        return new

    def clear(self) -> None:
        """Forget the events and start counting anew."""
        self.events.clear()
        self.counts.clear()

    def toggle_pause(self) -> None:
        """Pause, resume, or start again what has ended or failed."""
        phase = self.state.phase
        if phase in ("ended", "failed"):
            self._runner.switch()
        elif phase == "paused":
            self._runner.resume()
        else:
            self._runner.pause()

    def hold(self) -> Callable[[], None]:
        """Pause, to leave the machine to something else; return what goes on, unless it was at rest already."""
        if self.state.phase in ("paused", "ended", "failed"):
            return lambda: None
        self._runner.pause()
        return self._runner.resume

    def make_ready(self) -> None:
        """Have the source running, for a take to come."""
        if self.state.phase in ("ended", "failed", "paused"):
            self.toggle_pause()

    def listen(self, listener: Callable[[Tick], None]) -> Callable[[], None]:
        """Have every tick handed to `listener`, in the session's thread; return what ends that."""
        self._listeners = (*self._listeners, listener)

        def leave() -> None:
            self._listeners = tuple(each for each in self._listeners if each is not listener)

        return leave

    def apply(self, settings: Settings) -> None:
        """Go on with other settings; what they do not concern runs on untouched.

        Whether the source and the model can be opened is known later: see `opened`.

        Raises
        ------
        ActionposeError
            If an output is none; nothing is changed.
        """
        before = self._settings
        if before.outputs != settings.outputs:
            outputs, problem = _open_outputs(settings.outputs)
            if problem:
                for output in outputs:
                    output.close()
                raise problem
            self._send_to(outputs)
        self._settings = settings
        if any(getattr(before, name) != getattr(settings, name) for name in OF_SOURCE):
            self._runner.switch(
                open_source=self._source_opener(settings),
                load_estimator=self._estimator_loader(settings),
                make_recognizer=self._recognizer_maker(settings),
            )
        elif any(getattr(before, name) != getattr(settings, name) for name in _OF_RECOGNIZER):
            self._runner.switch(make_recognizer=self._recognizer_maker(settings))

    def keep(self, settings: Settings) -> None:
        """Take these settings for those that run: others were refused."""
        self._settings = settings

    def forget_refusal(self) -> None:
        """Say no more why the last switch failed."""
        self._runner.switch(make_recognizer=self._recognizer_maker(self._settings))

    def _source_opener(self, settings: Settings) -> Callable[[], Source]:
        def open_() -> Source:
            self._opened = None
            with self._telling(settings):
                return settings.open_source(self._open_source, settings.source)

        return open_

    def _estimator_loader(self, settings: Settings) -> Callable[[Source], KeypointEstimator | None]:
        def load(source: Source) -> KeypointEstimator | None:
            with self._telling(settings):
                estimator = self._load_estimator(settings, source)
            self._opened = Opened(settings)
            return estimator

        return load

    @contextmanager
    def _telling(self, settings: Settings) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._opened = Opened(settings, str(error))
            raise

    def _recognizer_maker(self, settings: Settings) -> Callable[[], RecognizerSet | None]:
        def make() -> RecognizerSet | None:
            self._library_problem, self.has_templates = "", True
            made = None
            self._labels = self._library().labels()
            self._look_for_labels()
            try:
                made = make_recognizer(self._library(), settings.recognizer)
            except EmptyLibraryError:
                self.has_templates = False
            except InvalidDataError as error:  # templates that show nothing; recording must go on
                self._library_problem = str(error)
            self._recognizers = made
            return made

        return make

    def _look_for_labels(self) -> None:
        """Note which actions that have keys are not in the library."""
        if self._labels is not None:
            self._missing_labels = tuple(describe_missing(self._labels_with_keys, self._labels))

    def _send_to(self, outputs: list[Output]) -> None:
        self._labels_with_keys = [label for output in outputs for label in getattr(output, "labels", ())]
        self._look_for_labels()
        before, self._dispatcher = self._dispatcher, Dispatcher(outputs) if outputs else None
        if before:
            before.close()

    def _hand_out(self, tick: Tick) -> None:
        dispatcher = self._dispatcher
        if dispatcher:
            for event in tick.events:
                dispatcher.send(event)
        for listener in self._listeners:
            listener(tick)


def _open_outputs(specs: tuple[str, ...]) -> tuple[list[Output], ActionposeError | None]:
    """Return the outputs that there are, and what is wrong with the last that is none."""
    outputs: list[Output] = []
    problem = None
    for spec in specs:
        try:
            if spec.strip() == "-":
                raise OutputError("Standard output is taken by the screens.", hint="Name a .jsonl file instead.")
            outputs.append(open_output(spec))
        except ActionposeError as error:
            problem = error
    return outputs, problem
