"""What ``actionpose evaluate`` found out: as tables, as JSON and as pictures."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from actionpose.cli.terminal import echo, show_table, simple_table
from actionpose.decision import ActionEvent
from actionpose.evaluation import (
    Answer,
    Confusion,
    Counts,
    Evaluation,
    Rejection,
    Stream,
    compute_accuracy_interval,
    compute_f1_interval,
)
from actionpose.evaluation.counts import as_number, compute_ratio

__all__ = ["ClipReport", "StreamReport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamReport:
    """Events in one or more streams.

    Parameters
    ----------
    streams : sequence of Stream
        What was looked at.
    events : sequence of sequence of ActionEvent
        What was recognised in each.
    evaluations : sequence of Evaluation
        How good that is.
    rejection : Rejection, optional
        With each action held out in turn.
    """

    streams: Sequence[Stream]
    events: Sequence[Sequence[ActionEvent]]
    evaluations: Sequence[Evaluation]
    rejection: Rejection | None = None

    @property
    def confusion(self) -> Confusion:
        """Of all streams."""
        return Confusion.merge([evaluation.confusion for evaluation in self.evaluations])

    @property
    def of_unit(self) -> Mapping[str, Evaluation]:
        """All streams of each unit in one, in order."""
        units = dict.fromkeys(stream.unit for stream in self.streams)
        return {
            unit: Evaluation.merge([e for s, e in zip(self.streams, self.evaluations, strict=True) if s.unit == unit])
            for unit in units
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        units = self.of_unit
        record = Evaluation.merge(self.evaluations).to_dict()
        record["f1_interval"] = [as_number(value) for value in self._compute_interval()]
        record["resampled"] = self._resampled
        if len(units) > 1:
            f1 = [evaluation.total.f1 for evaluation in units.values()]
            record["f1_mean"], record["f1_sd"] = as_number(float(np.mean(f1))), as_number(float(np.std(f1, ddof=1)))
            record["units"] = {
                unit: {**e.total.to_dict(), "false_alarms_per_minute": as_number(e.false_alarms_per_minute)}
                for unit, e in units.items()
            }
        if self.rejection:
            record["unknown"] = self.rejection.to_dict()
        return record

    def show(self) -> None:
        """Print it for people."""
        evaluation, units = Evaluation.merge(self.evaluations), self.of_unit
        if len(units) > 1:
            _show_counts("person", {unit: e.total for unit, e in units.items()}, evaluation.total)
            echo()
        _show_counts("action", evaluation.labels, evaluation.total)
        echo()
        echo(f"F1 {evaluation.total.f1:.3f}{_between(self._compute_interval(), self._resampled)}")
        if len(units) > 1:
            f1 = [e.total.f1 for e in units.values()]
            echo(
                f"of each person: mean {np.mean(f1):.3f}, standard deviation {np.std(f1, ddof=1):.3f}, "
                f"from {min(f1):.3f} to {max(f1):.3f}"
            )
        if evaluation.start_errors_s:
            echo(
                f"median error of start {evaluation.start_error_s:.2f} s, of end {evaluation.end_error_s:.2f} s; "
                f"reported {evaluation.delay_s:.2f} s after the end"
            )
        elif evaluation.delays_s:
            echo(f"reported {evaluation.delay_s:.2f} s after the end that was found (median)")
        echo(f"{evaluation.false_alarms_per_minute:.1f} false alarms per minute")
        if self.rejection:
            _show_rejection(self.rejection, self._resampled)
        _show_mistakes(evaluation.confusion)

    @property
    def _resampled(self) -> str:
        """What the interval takes for independent."""
        n_units = len(self.of_unit)
        return f"{n_units} people" if n_units > 1 else f"{len(self.confusion.pairs)} actions and false alarms"

    def _compute_interval(self) -> tuple[float, float]:
        return compute_f1_interval(self.evaluations, [stream.unit for stream in self.streams])


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipReport:
    """Answers to clips.

    Parameters
    ----------
    answers : mapping of str to sequence of Answer
        By clip set.
    takes_nearest : bool
        Whether the nearest action is the answer, however far, rather than ``unknown`` beyond its threshold.
    skipped : sequence of str
        Ids of clips that there was nothing to recognise by.
    rejection : Rejection, optional
        With each action held out in turn.
    """

    answers: Mapping[str, Sequence[Answer]]
    takes_nearest: bool
    skipped: Sequence[str] = ()
    rejection: Rejection | None = None

    @property
    def confusion(self) -> Confusion:
        """Of all clips."""
        return Confusion.from_pairs((answer.truth, self._said(answer)) for answer in self._all)

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        record: dict[str, Any] = {
            "accuracy": as_number(self.confusion.accuracy),
            "accuracy_interval": [as_number(value) for value in self._compute_interval()],
            "resampled": self._resampled,
            "beyond_threshold": as_number(self._beyond_threshold),
            "confusion": self.confusion.to_dict(),
            "answers": {answer.clip.id: self._said(answer) for answer in self._all},
            "skipped": list(self.skipped),
        }
        if self._is_drawn:
            record["draws"] = [as_number(share) for share in self._shares]
            del record["answers"]  # every clip has several
        if self.rejection:
            record["unknown"] = self.rejection.to_dict()
        return record

    def show(self) -> None:
        """Print it for people."""
        confusion = self.confusion
        table = simple_table("action", "clips", "right", "share", names={"action"})
        for label, row, right in zip(confusion.labels, confusion.counts, np.diag(confusion.counts), strict=True):
            if row.sum():
                table.add_row(label, str(row.sum()), str(right), f"{right / row.sum():.3f}")
        show_table(table)
        echo()
        echo(f"accuracy {confusion.accuracy:.3f}{_between(self._compute_interval(), self._resampled)}")
        if self._is_drawn:
            shares = self._shares
            echo(
                f"{len(shares)} draws: standard deviation {np.std(shares, ddof=1):.3f}, "
                f"from {min(shares):.3f} to {max(shares):.3f}"
            )
        if self.takes_nearest:
            echo(f"{self._beyond_threshold:.1%} are farther from everything than its threshold")
        if self.skipped:
            echo(f"{len(self.skipped)} clips left out: no other source shows their action")
        if self.rejection:
            _show_rejection(self.rejection, self._resampled)
        _show_mistakes(confusion)

    @property
    def _all(self) -> list[Answer]:
        return [answer for answers in self.answers.values() for answer in answers]

    @property
    def _is_drawn(self) -> bool:
        return len({answer.clip.id for answer in self._all}) < len(self._all)

    @property
    def _shares(self) -> list[float]:
        """Share of right answers in each clip set."""
        return [float(np.mean([self._said(a) == a.truth for a in answers])) for answers in self.answers.values()]

    @property
    def _beyond_threshold(self) -> float:
        return compute_ratio(sum(answer.ratio >= 1.0 for answer in self._all), len(self._all))

    @property
    def _resampled(self) -> str:
        units = {answer.unit for answer in self._all}
        return f"{len(units)} {'people' if any('person' in a.clip.provenance for a in self._all) else 'clips'}"

    def _said(self, answer: Answer) -> str:
        return answer.label if self.takes_nearest else answer.said

    def _compute_interval(self) -> tuple[float, float]:
        is_right = [self._said(answer) == answer.truth for answer in self._all]
        return compute_accuracy_interval(is_right, [answer.unit for answer in self._all])


def _show_counts(kind: str, rows: Mapping[str, Counts], total: Counts) -> None:
    table = simple_table(kind, "TP", "FP", "FN", "precision", "recall", "F1", names={kind})
    for name, counts in rows.items():
        table.add_row(name, *_cells(counts))
    table.add_row("in all", *_cells(total), style="bold")
    show_table(table)


def _show_rejection(rejection: Rejection, resampled: str) -> None:
    worst = sorted(rejection.labels.items(), key=lambda item: item[1])[:3]
    echo(f"unknown actions told from known: AUROC {rejection.auroc:.3f}{_between(rejection.interval, resampled)}")
    echo(f"  least: {', '.join(f'{label} {value:.3f}' for label, value in worst)}")


def _cells(counts: Counts) -> list[str]:
    ratios = (counts.precision, counts.recall, counts.f1)
    return [str(counts.tp), str(counts.fp), str(counts.fn), *("" if math.isnan(r) else f"{r:.3f}" for r in ratios)]


def _between(interval: tuple[float, float], resampled: str) -> str:
    low, high = interval
    return "" if math.isnan(low) else f" (95 %: {low:.3f} to {high:.3f}, resampling {resampled})"


def _show_mistakes(confusion: Confusion) -> None:
    """Print what was taken for what, the most frequent first; the whole matrix is in the JSON and in the pictures."""
    mistakes = Counter((truth, said) for truth, said in confusion.pairs if truth != said)
    if mistakes:
        echo()
        echo("what was taken for what")
        table = simple_table("performed", "recognised", "times", names={"performed", "recognised"})
        for (truth, said), count in mistakes.most_common():
            table.add_row(truth, said, str(count))
        show_table(table)
