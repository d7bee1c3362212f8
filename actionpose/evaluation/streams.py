"""Streams to spot actions in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from actionpose.decision import ActionEvent
from actionpose.evaluation.events import (
    Evaluation,
    Span,
    answer_requests,
    match_events,
    match_requests,
    pair_events,
)
from actionpose.evaluation.statistics import compute_interval, resample_units
from actionpose.pose import PoseSequence
from actionpose.recognizer import Recognizer, RecognizerSettings
from actionpose.template import UNKNOWN, Template

__all__ = ["Stream", "compute_f1_interval", "evaluate_events", "judge_events", "spot_actions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A stream to spot actions in: by which templates, and what is performed in it.

    Parameters
    ----------
    name : str
        Of the recording.
    unit : str
        The person whose recording, or whose templates, it rests on: streams that share it are one piece of evidence.
    templates : tuple of Template
        To recognise by.
    sequence : PoseSequence
        The stream.
    truth : tuple of (str, float, float)
        What was performed, or asked for: label, start and end in seconds of `sequence`.
    are_requests : bool
        Whether `truth` is the time of asking, during which the action is to be reported, rather than its span.
    background : tuple of PoseSequence
        To calibrate on; never of this stream.
    """

    name: str
    unit: str
    templates: tuple[Template, ...]
    sequence: PoseSequence
    truth: tuple[Span, ...]
    are_requests: bool = False
    background: tuple[PoseSequence, ...] = ()

    def without(self, label: str) -> Stream:
        """Return the same stream for a recogniser that is not shown an action."""
        return replace(self, templates=tuple(t for t in self.templates if t.label != label))

    def with_mirrored(self) -> Stream:
        """Return the same stream for a recogniser that is shown the mirror image of each template too."""
        return replace(self, templates=(*self.templates, *(t.mirrored() for t in self.templates)))

    def make_recognizer(self, settings: RecognizerSettings) -> Recognizer:
        """Make the recogniser that is to spot its actions."""
        return Recognizer(self.templates, background=self.background, settings=settings)


def spot_actions(streams: Iterable[Stream], settings: RecognizerSettings) -> Iterator[list[ActionEvent]]:
    """Yield the events of each stream; one that has the very templates of the one before shares its recogniser."""
    recognizer, before = None, None
    for stream in streams:
        if recognizer is None or before is None or stream.templates is not before.templates:
            recognizer, before = stream.make_recognizer(settings), stream
        yield recognizer.recognize(stream.sequence)


def evaluate_events(stream: Stream, events: Sequence[ActionEvent], *, iou: float = 0.5) -> Evaluation:
    """Compare events with what was performed in a stream, or asked for; `iou` matters for spans alone."""
    if stream.are_requests:
        return match_requests(events, stream.truth)
    sequence = stream.sequence
    step = 1.0 / sequence.rate_hz if len(sequence) > 1 else 0.0
    return match_events(events, stream.truth, iou=iou, duration_s=sequence.duration + step)


def judge_events(stream: Stream, events: Sequence[ActionEvent], *, iou: float = 0.5) -> list[bool | None]:
    """Say of each event whether `evaluate_events` counts it as right or as wrong; None where it does not count it."""
    if stream.are_requests:
        right = {i for _, i in answer_requests(events, stream.truth)}
        counted = {
            i
            for i, event in enumerate(events)
            if any(start <= event.report_time < end for _, start, end in stream.truth)
        }
    else:
        spans = [span for span in stream.truth if span[0] != UNKNOWN]
        right = {i for i, _ in pair_events(events, spans, iou=iou)[0]}
        counted = set(range(len(events)))
    return [i in right if i in counted else None for i in range(len(events))]


def compute_f1_interval(evaluations: Sequence[Evaluation], units: Sequence[str]) -> tuple[float, float]:
    """Return 95 % of F1 by bootstrap over units, or over what happened where there is one unit alone.

    Parameters
    ----------
    evaluations : sequence of Evaluation
        Of each stream.
    units : sequence of str
        What each stream belongs to that is independent of the others.

    Returns
    -------
    (float, float)
    """
    if len(set(units)) > 1:
        totals = [evaluation.total for evaluation in evaluations]
        counts = np.array([(total.tp, total.fp, total.fn) for total in totals])
    else:
        pairs = [pair for evaluation in evaluations for pair in evaluation.confusion.pairs]
        counts = np.array([(a == b, b not in (a, UNKNOWN), a not in (b, UNKNOWN)) for a, b in pairs]).reshape(-1, 3)
        units = [str(i) for i in range(len(pairs))]
    tp, fp, fn = (resample_units(units) @ counts).T
    wanted = 2 * tp + fp + fn
    return compute_interval(np.divide(2 * tp, wanted, out=np.full_like(wanted, np.nan), where=wanted > 0))
