"""Trying the library on videos and recordings: what is recognised in them, and how much of it is right."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from actionpose.decision import ActionEvent
from actionpose.errors import InvalidDataError
from actionpose.estimators.base import KeypointEstimator
from actionpose.evaluation import Evaluation, Span, match_events, pair_events
from actionpose.pose import FloatArray
from actionpose.recognizer import Recognizer, RecognizerState
from actionpose.session import EVENTS_SUFFIX, Session
from actionpose.session.recognizers import RecognizerSet
from actionpose.sources import Source
from actionpose.spans import LabelledSpan, load_spans_of, to_seconds
from actionpose.template import UNKNOWN

__all__ = [
    "NOTHING",
    "Outcome",
    "Progress",
    "Trial",
    "evaluate_trials",
    "find_files",
    "find_spans",
    "list_outcomes",
    "run_trial",
]

NOTHING = "-"  # instead of a spans file: none of the actions is performed
_VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg")
_RECORDINGS = (".jsonl", ".jsonl.gz")

Verdict = Literal["", "right", "false", "wrong", "missed"]


class Progress(NamedTuple):
    """How far a trial is: seconds of the file, and the share done where it is known, else NaN."""

    time: float
    share: float
    n_events: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """What was recognised in one file.

    Parameters
    ----------
    path : Path
        The file.
    events : tuple of ActionEvent
        What was recognised.
    spans : tuple of (str, float, float), optional
        What is performed: label, start and end in seconds. None where that is not known.
    labels : tuple of str
        The L actions that could be recognised.
    time : array (T,)
        Seconds of every frame.
    ratio : array (T, L)
        Distance of each action in units of its threshold; NaN while there is nothing to compare.
    notes : tuple of str
        What the user should know of the reading.
    """

    path: Path
    events: tuple[ActionEvent, ...]
    spans: tuple[Span, ...] | None
    labels: tuple[str, ...]
    time: FloatArray
    ratio: FloatArray
    notes: tuple[str, ...] = ()

    @property
    def duration_s(self) -> float:
        """Seconds from the first frame to the last."""
        return float(self.time[-1] - self.time[0]) if len(self.time) else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One event, or one action that was missed.

    Parameters
    ----------
    trial : Trial
        Where.
    label : str
        What was recognised; of a missed one, what was performed.
    start, end : float
        Seconds.
    verdict : str
        ``right``; ``false``, where nothing was performed; ``wrong``, where something else was; ``missed``; empty where
        it is not known what was performed.
    performed : str
        What was performed, where that is something else.
    event : ActionEvent, optional
        None of a missed one.
    """

    trial: Trial
    label: str
    start: float
    end: float
    verdict: Verdict = ""
    performed: str = ""
    event: ActionEvent | None = None


def find_files(path: Path) -> list[Path]:
    """Return what to try of a path: itself, or the recordings and videos of a folder that has any.

    Raises
    ------
    InvalidDataError
        If there is nothing there, or it cannot be read.
    """
    try:
        if not path.exists():
            raise InvalidDataError(
                f"There is no file or folder {path}.", hint="Give a video, a recording, or a folder of them."
            )
        if not path.is_dir():
            return [path]
        return sorted(file for file in path.iterdir() if _is_to_try(file.name.lower())) or [path]
    except OSError as error:
        raise InvalidDataError(f"Cannot read {path}: {error.strerror}.", hint="Check the path.") from None


def _is_to_try(name: str) -> bool:
    return name.endswith(_VIDEOS + _RECORDINGS) and not name.endswith(EVENTS_SUFFIX)


def find_spans(text: str, file: Path) -> list[LabelledSpan] | None:
    """Return what is performed in a file, None where nobody says.

    Parameters
    ----------
    text : str
        Path of a table, `NOTHING`, or nothing; then a table that is named like the file and lies beside it is taken.
    file : Path
        The file.

    Raises
    ------
    InvalidDataError
        If the table cannot be read.
    """
    if text == NOTHING:
        return []
    beside = file.with_name(file.name.removesuffix(".gz").rpartition(".")[0] + ".csv")
    if not text and not beside.is_file():
        return None
    return load_spans_of(text or beside, file) or None


def run_trial(
    path: Path,
    recognizer: Recognizer | RecognizerSet,
    spans: Sequence[LabelledSpan] | None,
    *,
    open_source: Callable[[str], Source],
    load_estimator: Callable[[Source], KeypointEstimator | None],
    on_progress: Callable[[Progress], object],
    is_cancelled: Callable[[], bool],
) -> Trial | None:
    """Recognise everything in a file, at full pace.

    Parameters
    ----------
    path : Path
        The file.
    recognizer : Recognizer or RecognizerSet
        Copied for every body in view.
    spans : sequence of LabelledSpan, optional
        What is performed.
    open_source, load_estimator : callable
        How the file is opened, and the model that its pictures need is loaded.
    on_progress : callable
        Told after every frame.
    is_cancelled : callable
        Asked after every frame.

    Returns
    -------
    Trial or None
        None if it was cancelled.

    Raises
    ------
    ActionposeError
        If the file cannot be read, the model not be loaded, or the spans do not fit.
    """
    events: list[ActionEvent] = []
    time: list[float] = []
    states: list[RecognizerState | None] = []
    with open_source(str(path)) as source:
        n_frames = source.info.n_frames
        estimator = load_estimator(source)
        try:
            with Session(source, estimator, lambda: recognizer) as session:
                for tick in session:
                    events += tick.events
                    if tick.frame is not None:
                        time.append(tick.frame.time)
                        states.append(_nearest(tick.states.values()))
                        share = (tick.frame.index + 1) / n_frames if n_frames else float("nan")
                        on_progress(Progress(tick.frame.time, share, len(events)))
                    if is_cancelled():
                        return None
                notes = session.notes
        finally:
            if estimator:
                estimator.close()
    frame_times = np.array(time)
    labels = next((tuple(action.label for action in state.actions) for state in states if state), ())
    ratio = np.full((len(time), len(labels)), np.nan)
    for row, state in zip(ratio, states, strict=True):
        if state:
            row[:] = [action.ratio for action in state.actions]
    return Trial(
        path=path,
        events=tuple(events),
        spans=None if spans is None else tuple((s.label, *to_seconds(s, frame_times)) for s in spans),
        labels=labels,
        time=frame_times,
        ratio=np.where(np.isfinite(ratio), ratio, np.nan),
        notes=notes,
    )


def evaluate_trials(trials: Sequence[Trial], *, iou: float = 0.5) -> Evaluation | None:
    """Score the trials of which it is known what is performed; None where there are none."""
    known = [
        match_events(trial.events, trial.spans, iou=iou, duration_s=trial.duration_s)
        for trial in trials
        if trial.spans is not None
    ]
    return Evaluation.merge(known) if known else None


def list_outcomes(trial: Trial, *, iou: float = 0.5) -> list[Outcome]:
    """Return every event with its verdict, and every action that was missed, in order of time."""
    events = trial.events
    if trial.spans is None:
        return [_outcome(trial, event) for event in events]
    spans = [span for span in trial.spans if span[0] != UNKNOWN]
    right, wrong = map(dict, pair_events(events, spans, iou=iou))
    outcomes = []
    for i, event in enumerate(events):
        if i in right:
            outcomes.append(_outcome(trial, event, "right"))
        elif i in wrong:
            outcomes.append(_outcome(trial, event, "wrong", performed=spans[wrong[i]][0]))
        else:
            outcomes.append(_outcome(trial, event, "false"))
    found = {*right.values(), *wrong.values()}
    outcomes += [
        Outcome(trial=trial, label=label, start=start, end=end, verdict="missed")
        for j, (label, start, end) in enumerate(spans)
        if j not in found
    ]
    return sorted(outcomes, key=lambda outcome: outcome.start)


def _outcome(trial: Trial, event: ActionEvent, verdict: Verdict = "", performed: str = "") -> Outcome:
    return Outcome(
        trial=trial,
        label=event.label,
        start=event.start_time,
        end=event.end_time,
        verdict=verdict,
        performed=performed,
        event=event,
    )


def _nearest(states: Iterable[RecognizerState]) -> RecognizerState | None:
    """Return the state of the body that is nearest to any action."""
    return min(states, key=lambda state: min(action.ratio for action in state.actions), default=None)
