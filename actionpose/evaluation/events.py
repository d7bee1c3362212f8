"""Events against what was performed: in spans that are known, or in answer to requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from actionpose.decision import ActionEvent
from actionpose.errors import InvalidDataError
from actionpose.evaluation.counts import Confusion, Counts, as_number, compute_ratio
from actionpose.template import UNKNOWN

__all__ = ["Evaluation", "Span", "answer_requests", "match_events", "match_requests", "pair_events"]

Span = tuple[str, float, float]
"""Label, start and end in seconds, half-open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Events compared with what was performed.

    Parameters
    ----------
    confusion : Confusion
        Spans by row, events by column: a wrong label on the right stretch is off the diagonal, an event where
        nothing happened in row ``unknown``, a span nobody noticed in column ``unknown``.
    duration_s : float
        Seconds in which events were looked for.
    iou : float, optional
        Overlap from which an event counts as right; None where requests are all that is known.
    start_errors_s, end_errors_s : tuple of float
        Distance of the start and end of each right event from those of its span.
    delays_s : tuple of float
        Time from the end of each span that was found to the report of it.
    """

    confusion: Confusion
    duration_s: float
    iou: float | None = None
    start_errors_s: tuple[float, ...] = ()
    end_errors_s: tuple[float, ...] = ()
    delays_s: tuple[float, ...] = ()

    @classmethod
    def merge(cls, evaluations: Sequence[Evaluation]) -> Evaluation:
        """Add up the evaluations of several streams.

        Raises
        ------
        InvalidDataError
            If there are none.
        """
        if not evaluations:
            raise InvalidDataError("Expected at least one evaluation, got none.")
        return cls(
            confusion=Confusion.merge([one.confusion for one in evaluations]),
            duration_s=sum(one.duration_s for one in evaluations),
            iou=evaluations[0].iou,
            start_errors_s=tuple(error for one in evaluations for error in one.start_errors_s),
            end_errors_s=tuple(error for one in evaluations for error in one.end_errors_s),
            delays_s=tuple(delay for one in evaluations for delay in one.delays_s),
        )

    @property
    def labels(self) -> Mapping[str, Counts]:
        """Counts for every label of a span or event, in alphabetical order."""
        return self.confusion.count_labels()

    @property
    def total(self) -> Counts:
        """Sum over the labels."""
        counts = self.labels.values()
        return Counts(tp=sum(c.tp for c in counts), fp=sum(c.fp for c in counts), fn=sum(c.fn for c in counts))

    @property
    def start_error_s(self) -> float:
        """Median of `start_errors_s`; NaN of none."""
        return _median(self.start_errors_s)

    @property
    def end_error_s(self) -> float:
        """Median of `end_errors_s`; NaN of none."""
        return _median(self.end_errors_s)

    @property
    def delay_s(self) -> float:
        """Median of `delays_s`; NaN of none."""
        return _median(self.delays_s)

    @property
    def false_alarms_per_minute(self) -> float:
        """Wrong events of any kind."""
        return compute_ratio(self.total.fp, self.duration_s / 60)

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON; None where there is no number."""
        numbers = ("start_error_s", "end_error_s", "delay_s", "false_alarms_per_minute")
        return {
            "iou": self.iou,
            "total": self.total.to_dict(),
            "labels": {label: counts.to_dict() for label, counts in self.labels.items()},
            "confusion": self.confusion.to_dict(),
            **{name: as_number(getattr(self, name)) for name in numbers},
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
    _check_spans(spans)
    wanted = [span for span in spans if span[0] != UNKNOWN]
    right, mistaken = pair_events(events, wanted, iou=iou)
    pairs = [(wanted[j][0], events[i].label) for i, j in (*right, *mistaken)]
    paired_events = {i for i, _ in (*right, *mistaken)}
    paired_spans = {j for _, j in (*right, *mistaken)}
    pairs += [(UNKNOWN, event.label) for i, event in enumerate(events) if i not in paired_events]
    pairs += [(span[0], UNKNOWN) for j, span in enumerate(wanted) if j not in paired_spans]

    ends = [*(span[2] for span in spans), *(event.end_time for event in events)]
    return Evaluation(
        confusion=Confusion.from_pairs(pairs),
        duration_s=max(ends, default=0.0) if duration_s is None else duration_s,
        iou=iou,
        start_errors_s=tuple(abs(events[i].start_time - wanted[j][1]) for i, j in right),
        end_errors_s=tuple(abs(events[i].end_time - wanted[j][2]) for i, j in right),
        delays_s=tuple(events[i].report_time - wanted[j][2] for i, j in right),
    )


def pair_events(
    events: Sequence[ActionEvent], spans: Sequence[Span], *, iou: float = 0.5
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Pair events with spans as `match_events` does.

    Parameters
    ----------
    events : sequence of ActionEvent
        What was recognised.
    spans : sequence of (str, float, float)
        What was performed: label, start and end in seconds.
    iou : float
        Intersection over union from which they belong together.

    Returns
    -------
    (list of (int, int), list of (int, int))
        Numbers of the events and spans of one label; then, of those left over, of two.
    """
    overlap = np.array([[_compute_iou(event, span) for span in spans] for event in events])
    overlap = overlap.reshape(len(events), len(spans))
    is_same = np.array([[event.label == span[0] for span in spans] for event in events]).reshape(overlap.shape)
    right = _pair_greedily(np.where(is_same, overlap, 0.0), iou)
    left_over = overlap.copy()
    left_over[[i for i, _ in right]] = 0.0
    left_over[:, [j for _, j in right]] = 0.0
    return right, _pair_greedily(left_over, iou)


def match_requests(events: Sequence[ActionEvent], requests: Sequence[Span]) -> Evaluation:
    """Compare events with the actions somebody was asked for, when all that is known is the time of asking.

    An event belongs to the request during which it is reported; what is reported outside all requests does not
    count. The first event of the action asked for is right, and every further one a false positive. An event of
    another action is a false positive and a false negative of the one asked for, and so is a request without its
    action a false negative (the protocol of Taranta et al., CHI 2017).

    Parameters
    ----------
    events : sequence of ActionEvent
        What was recognised.
    requests : sequence of (str, float, float)
        Which action was asked for, from when to when, in seconds; half-open, without overlaps.

    Returns
    -------
    Evaluation
        Without errors of start and end. Delays count from the end that was recognised, and minutes are those of
        the requests.

    Raises
    ------
    InvalidDataError
        If a request is empty.
    """
    _check_spans(requests)
    pairs: list[tuple[str, str]] = []
    first = dict(answer_requests(events, requests))
    for j, (label, start, end) in enumerate(requests):
        inside = [event for event in events if start <= event.report_time < end]
        pairs += [(label, event.label) for event in inside if event.label != label]
        pairs += [(label, label if j in first else UNKNOWN)]
        pairs += [(UNKNOWN, label)] * (sum(event.label == label for event in inside) - (j in first))
    delays = [events[i].report_time - events[i].end_time for i in first.values()]
    return Evaluation(
        confusion=Confusion.from_pairs(pairs),
        duration_s=sum(end - start for _, start, end in requests),
        delays_s=tuple(delays),
    )


def answer_requests(events: Sequence[ActionEvent], requests: Sequence[Span]) -> list[tuple[int, int]]:
    """Pair requests with the events that answer them as `match_requests` does.

    Parameters
    ----------
    events : sequence of ActionEvent
        What was recognised.
    requests : sequence of (str, float, float)
        Which action was asked for, from when to when, in seconds.

    Returns
    -------
    list of (int, int)
        Numbers of the requests that were answered, and of the first event of the action asked for.
    """
    pairs = []
    for j, (label, start, end) in enumerate(requests):
        right = (i for i, event in enumerate(events) if event.label == label and start <= event.report_time < end)
        pairs += [(j, i) for i in [next(right, None)] if i is not None]
    return pairs


def _check_spans(spans: Sequence[Span]) -> None:
    for label, start, end in spans:
        if not start < end:
            raise InvalidDataError(f"Expected a span of {label!r} that ends after its start, got {start} to {end} s.")


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


def _median(values: Iterable[float]) -> float:
    values = list(values)
    return float(np.median(values)) if values else float("nan")
