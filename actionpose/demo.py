"""The main job on embedded defaults: show three actions, see them recognised; no camera, no files."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from actionpose.decision import ActionEvent
from actionpose.drawing import annotate, annotated_size
from actionpose.estimators import load_estimator
from actionpose.estimators.base import KeypointEstimator
from actionpose.evaluation import Evaluation, Span, match_events, pair_events
from actionpose.pose import Pose
from actionpose.recognizer import Recognizer
from actionpose.recorder import RecorderSettings, TakeRecorder
from actionpose.session import Session, iter_poses
from actionpose.sources.puppet import PuppetSource
from actionpose.takes import template_from_take
from actionpose.template import Template
from actionpose.video_writer import VideoWriter

__all__ = ["ACTIONS", "DISTRACTIONS", "run_demo"]

ACTIONS = ("wave", "clap", "jumping_jack")
DISTRACTIONS = ("drink", "bow")
_RATE_HZ = 15.0
_TEACHER, _PERFORMER = 0, 2


def run_demo(*, say: Callable[[str], None] = print, annotated: Path | None = None) -> Evaluation:
    """Record templates of one puppet, recognise another, and tell what happens.

    Parameters
    ----------
    say : callable
        Is given each line as it comes.
    annotated : Path, optional
        Video to write: the recognised stream with skeleton, label and time line.

    Returns
    -------
    Evaluation
        What was recognised against what was performed.
    """
    with load_estimator() as estimator:
        say("A drawn person shows each action twice. MediaPipe finds the keypoints in the pictures.")
        templates: list[Template] = []
        for label in ACTIONS:
            takes = record_takes(label, estimator)
            templates += takes
            lengths = " and ".join(f"{take.sequence.duration:.1f} s" for take in takes)
            say(f"  recorded {label:<14} {len(takes)} takes of {lengths}")
        source = PuppetSource(
            [ACTIONS[0], DISTRACTIONS[0], ACTIONS[2], ACTIONS[1], DISTRACTIONS[1], ACTIONS[0]],
            body=_PERFORMER,
            seed=1,
            rate_hz=_RATE_HZ,
            speed=1.15,
        )
        names = " and ".join(DISTRACTIONS)
        say(f"Another person performs them, faster, with moves between ({names}) that nobody showed.")
        evaluation = _recognize(source, estimator, templates, say=say, annotated=annotated)
    total = evaluation.total
    say(f"Found {total.tp} of {total.tp + total.fn} actions, with {_count(total.fp, 'false alarm')}.")
    return evaluation


def record_takes(
    label: str,
    estimator: KeypointEstimator,
    *,
    takes: int = 2,
    body: int = _TEACHER,
    rate_hz: float = _RATE_HZ,
) -> list[Template]:
    """Record templates from a puppet, from its pictures, as a person would be recorded.

    Parameters
    ----------
    label : str
        One of `actionpose.sources.puppet_moves.ACTIONS`.
    estimator : KeypointEstimator
        Finds the keypoints.
    takes : int
        How many.
    body : int
        Which puppet.
    rate_hz : float
        Pictures per second.
    """
    source = PuppetSource([label] * (takes + 2), body=body, rate_hz=rate_hz, pause=2.0)
    recorder = TakeRecorder(RecorderSettings(takes=takes, countdown_s=0.0, pause_s=0.0))
    provenance = {"source": source.info.name, "estimator": estimator.name}
    templates = []
    for frame, poses in iter_poses(source, estimator):
        state = recorder.update(poses[0] if poses else Pose.missing(estimator.skeleton, frame.time))
        if state.take and state.take.verdict.ok:
            templates.append(template_from_take(label, state.take, provenance=provenance))
        if state.phase == "done":
            break
    return templates


def _recognize(
    source: PuppetSource,
    estimator: KeypointEstimator,
    templates: list[Template],
    *,
    say: Callable[[str], None],
    annotated: Path | None,
) -> Evaluation:
    wanted = [span for span in source.spans if span[0] in ACTIONS]
    events: list[ActionEvent] = []
    size = source.info.size or (640, 480)
    video = VideoWriter(annotated, rate_hz=_RATE_HZ, size=annotated_size(size)) if annotated else nullcontext()
    with video as film, Session(source, estimator, lambda: Recognizer(templates)) as session:
        for tick in session:
            for event in tick.events:
                events.append(event)
                say(
                    f"  {event.start_time:5.1f} to {event.end_time:4.1f} s   {event.label:<14} {_truth(events, wanted)}"
                )
            if film and tick.frame:
                film.write(annotate(tick.frame, tick.poses, tick.states, events), tick.frame.time)
    return match_events(events, wanted)


def _truth(events: list[ActionEvent], spans: list[Span]) -> str:
    """Say what the last of the events is, by the rule that the score at the end goes by."""
    right, _ = pair_events(events, spans)
    if (span := dict(right).get(len(events) - 1)) is not None:
        _, start, end = spans[span]
        return f"(performed {start:.1f} to {end:.1f} s)"
    return "(false alarm)"


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
