"""How good the recogniser is: events against labelled spans, and templates against each other."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from actionpose.decision import ActionEvent
from actionpose.errors import InvalidDataError
from actionpose.pose import PoseSequence
from actionpose.recognizer import Recognizer, RecognizerSettings
from actionpose.template import UNKNOWN, Template

__all__ = ["Classification", "Confusion", "Counts", "Evaluation", "Span", "leave_one_out", "match_events"]

Span = tuple[str, float, float]
"""Label, start and end in seconds, half-open."""

_HELD_S = 1.0  # stillness before and after a clip that is cut to the action


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """True positives, false positives and false negatives; a ratio without any is NaN."""

    tp: int
    fp: int
    fn: int

    @property
    def precision(self) -> float:
        """Share of the events that are right."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """Share of the spans that were found."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    def to_dict(self) -> dict[str, float | None]:
        """Counts and ratios for JSON; None where there is no ratio."""
        ratios = {name: _number(getattr(self, name)) for name in ("precision", "recall", "f1")}
        return {"tp": self.tp, "fp": self.fp, "fn": self.fn, **ratios}


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """What was taken for what.

    Parameters
    ----------
    labels : tuple of str
        Of rows and columns; the last is ``unknown``: a row for what is no known action, a column for what was
        not recognised.
    counts : array (L, L) of int
        Row: what it was. Column: what the recogniser said.
    """

    labels: tuple[str, ...]
    counts: npt.NDArray[np.int64]

    @classmethod
    def from_pairs(cls, pairs: Iterable[tuple[str, str]]) -> Confusion:
        """Count pairs of what it was and what the recogniser said."""
        pairs = list(pairs)
        labels = (*sorted({label for pair in pairs for label in pair} - {UNKNOWN}), UNKNOWN)
        counts = np.zeros((len(labels), len(labels)), dtype=np.int64)
        for truth, said in pairs:
            counts[labels.index(truth), labels.index(said)] += 1
        counts.flags.writeable = False
        return cls(labels=labels, counts=counts)

    @property
    def accuracy(self) -> float:
        """Share on the diagonal; NaN of nothing."""
        return _ratio(int(np.trace(self.counts)), int(self.counts.sum()))

    def to_dict(self) -> dict[str, Any]:
        """Labels and rows of counts for JSON."""
        return {"labels": list(self.labels), "counts": self.counts.tolist()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Events compared with the spans in which actions were performed.

    Parameters
    ----------
    iou : float
        Overlap from which an event counts as right.
    labels : mapping of str to Counts
        For every label of a span or event, in alphabetical order.
    total : Counts
        Sum over the labels.
    confusion : Confusion
        Spans by row, events by column: a wrong label on the right stretch is off the diagonal, an event where
        nothing happened in row ``unknown``, a span nobody noticed in column ``unknown``.
    start_error_s, end_error_s : float
        Median distance of the start and end of right events from those of their spans; NaN if none is right.
    delay_s : float
        Median time from the end of the span to the report of it; NaN if none is right.
    false_alarms_per_minute : float
        Wrong events of any kind.
    """

    iou: float
    labels: Mapping[str, Counts]
    total: Counts
    confusion: Confusion
    start_error_s: float
    end_error_s: float
    delay_s: float
    false_alarms_per_minute: float

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON; None where there is no number."""
        numbers = ("start_error_s", "end_error_s", "delay_s", "false_alarms_per_minute")
        return {
            "iou": self.iou,
            "total": self.total.to_dict(),
            "labels": {label: counts.to_dict() for label, counts in self.labels.items()},
            "confusion": self.confusion.to_dict(),
            **{name: _number(getattr(self, name)) for name in numbers},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """What each template is taken for by the others.

    Parameters
    ----------
    confusion : Confusion
        Templates by row, answers by column.
    answers : mapping of str to str
        What the recogniser said to each template, by its id.
    skipped : tuple of str
        Ids of the templates that nothing is left to recognise by: no other source shows their action.
    """

    confusion: Confusion
    answers: Mapping[str, str]
    skipped: tuple[str, ...] = ()

    @property
    def accuracy(self) -> float:
        """Share of right answers, ``unknown`` to an unknown action among them."""
        return self.confusion.accuracy

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "accuracy": _number(self.accuracy),
            "confusion": self.confusion.to_dict(),
            "answers": dict(self.answers),
            "skipped": list(self.skipped),
        }


def match_events(
    events: Sequence[ActionEvent],
    spans: Sequence[Span],
    *,
    iou: float = 0.5,
    duration_s: float | None = None,
) -> Evaluation:
    """Compare events with what was performed.

    An event is right if it has the label of a span and their intersection over union reaches `iou`. Matching is one
    to one and greedy: the pair that overlaps most first, the earlier event first among equals; so a second event in
    a span is a false positive.

    Parameters
    ----------
    events : sequence of ActionEvent
        What was recognised.
    spans : sequence of (str, float, float)
        What was performed: label, start and end in seconds. Spans labelled ``unknown`` are stretches in which
        nothing should be recognised, as are those without a span.
    iou : float
        Intersection over union, above 0 and at most 1.
    duration_s : float, optional
        Seconds of video, for the false alarms per minute. Default: to the end of the last span or event.

    Returns
    -------
    Evaluation

    Raises
    ------
    InvalidDataError
        If `iou` is out of range or a span is empty.
    """
    if not 0 < iou <= 1:
        raise InvalidDataError(f"iou must be above 0 and at most 1, got {iou}.")
    for label, start, end in spans:
        if not start < end:
            raise InvalidDataError(f"Expected a span of {label!r} that ends after its start, got {start} to {end} s.")
    wanted = [span for span in spans if span[0] != UNKNOWN]
    overlap = np.array([[_compute_iou(event, span) for span in wanted] for event in events])
    overlap = overlap.reshape(len(events), len(wanted))
    is_same = np.array([[event.label == span[0] for span in wanted] for event in events]).reshape(overlap.shape)

    right = _pair_greedily(np.where(is_same, overlap, 0.0), iou)
    left_over = overlap.copy()
    left_over[[i for i, _ in right]] = 0.0
    left_over[:, [j for _, j in right]] = 0.0
    mistaken = _pair_greedily(left_over, iou)
    pairs = [(wanted[j][0], events[i].label) for i, j in (*right, *mistaken)]
    paired_events = {i for i, _ in (*right, *mistaken)}
    paired_spans = {j for _, j in (*right, *mistaken)}
    pairs += [(UNKNOWN, event.label) for i, event in enumerate(events) if i not in paired_events]
    pairs += [(span[0], UNKNOWN) for j, span in enumerate(wanted) if j not in paired_spans]

    confusion = Confusion.from_pairs(pairs)
    counts = {}
    for k, label in enumerate(confusion.labels[:-1]):
        tp = int(confusion.counts[k, k])
        fp, fn = int(confusion.counts[:, k].sum()) - tp, int(confusion.counts[k].sum()) - tp
        counts[label] = Counts(tp=tp, fp=fp, fn=fn)
    total = Counts(**{n: sum(getattr(c, n) for c in counts.values()) for n in ("tp", "fp", "fn")})
    ends = [*(span[2] for span in spans), *(event.end_time for event in events)]
    minutes = (max(ends, default=0.0) if duration_s is None else duration_s) / 60
    return Evaluation(
        iou=iou,
        labels=counts,
        total=total,
        confusion=confusion,
        start_error_s=_median(abs(events[i].start_time - wanted[j][1]) for i, j in right),
        end_error_s=_median(abs(events[i].end_time - wanted[j][2]) for i, j in right),
        delay_s=_median(events[i].report_time - wanted[j][2] for i, j in right),
        false_alarms_per_minute=_ratio(total.fp, minutes),
    )


def leave_one_out(
    templates: Sequence[Template],
    settings: RecognizerSettings | None = None,
    *,
    unknown: Collection[str] = (),
    together: str | None = "source",
) -> Classification:
    """Recognise every template by the others.

    The answer is the label of the event nearest to its threshold, or ``unknown`` without an event.

    Parameters
    ----------
    templates : sequence of Template
        The library; disabled templates count too.
    settings : RecognizerSettings, optional
        Of the recogniser.
    unknown : collection of str
        Labels that the recogniser is not shown: ``unknown`` is the right answer to them.
    together : str, optional
        Templates that have the same value under this name in their provenance are left out together, so that no
        clip is recognised by another part of itself. None leaves out each template alone.

    Returns
    -------
    Classification

    Raises
    ------
    InvalidDataError
        If the templates cannot be in one recogniser.
    """
    sources: dict[str, list[Template]] = {}
    for template in templates:
        source = template.provenance.get(together, template.id) if together else template.id
        sources.setdefault(source, []).append(template)
    pairs: list[tuple[str, str]] = []
    answers: dict[str, str] = {}
    skipped: list[str] = []
    for source, held_out in sources.items():
        shown = [
            replace(template, enabled=True)
            for other, group in sources.items()
            for template in group
            if other != source and template.label not in unknown
        ]
        known = {template.label for template in shown}
        asked = [template for template in held_out if known and template.label in known | set(unknown)]
        skipped += [template.id for template in held_out if template.id not in {t.id for t in asked}]
        if not asked:
            continue
        recognizer = Recognizer(shown, settings=settings or RecognizerSettings())
        for template in asked:
            events = recognizer.recognize(_with_still_ends(template.sequence))
            nearest = min(events, key=lambda event: event.distance / event.threshold, default=None)
            answers[template.id] = nearest.label if nearest else UNKNOWN
            pairs.append((UNKNOWN if template.label in unknown else template.label, answers[template.id]))
    return Classification(confusion=Confusion.from_pairs(pairs), answers=answers, skipped=tuple(skipped))


def _with_still_ends(sequence: PoseSequence) -> PoseSequence:
    """Hold the first and the last pose for a while, as live; without it, a clip is shorter than the window."""
    step = 1.0 / sequence.rate_hz
    n_held = math.ceil(_HELD_S / step)
    held = step * np.arange(1, n_held + 1)
    frames = np.concatenate([np.zeros(n_held, int), np.arange(len(sequence)), np.full(n_held, len(sequence) - 1)])
    return PoseSequence(
        skeleton=sequence.skeleton,
        time=np.concatenate([sequence.time[0] - held[::-1], sequence.time, sequence.time[-1] + held]),
        position=sequence.position[frames],
        confidence=sequence.confidence[frames],
    )


def _compute_iou(event: ActionEvent, span: Span) -> float:
    _, start, end = span
    intersection = min(event.end_time, end) - max(event.start_time, start)
    return max(0.0, intersection / (max(event.end_time, end) - min(event.start_time, start)))


def _pair_greedily(overlap: npt.NDArray[np.float64], least: float) -> list[tuple[int, int]]:
    """Pair rows with columns, the largest overlap first; each row and column at most once."""
    rows: set[int] = set()
    columns: set[int] = set()
    pairs = []
    for flat in np.argsort(-overlap, axis=None, kind="stable").tolist():
        i, j = divmod(flat, overlap.shape[1])
        if overlap[i, j] < least - 1e-9:  # so that half of a span of .1 s steps is half
            break
        if i not in rows and j not in columns:
            rows.add(i)
            columns.add(j)
            pairs.append((i, j))
    return pairs


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _median(values: Iterable[float]) -> float:
    values = list(values)
    return float(np.median(values)) if values else float("nan")


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
