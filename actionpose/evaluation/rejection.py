"""How well unknown actions are told from known ones, whatever the thresholds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from actionpose.evaluation.clips import Answer
from actionpose.evaluation.counts import as_number
from actionpose.evaluation.statistics import compute_auroc, compute_interval, resample_units
from actionpose.evaluation.streams import Stream
from actionpose.pose import FloatArray
from actionpose.recognizer import RecognizerSettings
from actionpose.template import UNKNOWN

__all__ = ["Rejection", "UnknownScores", "score_answers", "score_stream"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownScores:
    """How strange actions were to a recogniser that was not shown one of them.

    Parameters
    ----------
    label : str
        The action that was held out.
    score : array (n,)
        Least distance of each action performed from any template, in units of the threshold; inf = nothing near.
    is_unknown : array (n,) of bool
        Which of them are the action that was held out.
    units : tuple of str
        What each belongs to that is independent of the others.
    """

    label: str
    score: FloatArray
    is_unknown: npt.NDArray[np.bool_]
    units: tuple[str, ...]

    def compute_auroc(self, weight: FloatArray | None = None) -> FloatArray:
        """Chance that the action held out is stranger than another; `weight` (B, n) says how often each counts."""
        weight = np.ones(len(self.score)) if weight is None else weight
        unknown, known = self.is_unknown, ~self.is_unknown
        return compute_auroc(
            self.score[unknown],
            self.score[known],
            unknown_weight=weight[..., unknown],
            known_weight=weight[..., known],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """Area under the ROC curve of telling unknown from known, each action held out in turn.

    Parameters
    ----------
    labels : mapping of str to float
        Of each action held out, the mean over recordings.
    auroc : float
        The mean over recordings and actions.
    interval : (float, float)
        95 % of it by bootstrap over the units.
    """

    labels: Mapping[str, float]
    auroc: float
    interval: tuple[float, float]

    @classmethod
    def from_scores(cls, tables: Sequence[UnknownScores]) -> Self:
        """Summarise tables of one or more recordings; those without the action, or with nothing else, do not count."""
        tables = [table for table in tables if 0 < table.is_unknown.sum() < len(table.score)]
        areas = [float(table.compute_auroc()) for table in tables]
        of_label: dict[str, list[float]] = {}
        for table, area in zip(tables, areas, strict=True):
            of_label.setdefault(table.label, []).append(area)
        return cls(
            labels={label: float(np.mean(of_label[label])) for label in sorted(of_label)},
            auroc=float(np.mean(areas)) if areas else float("nan"),
            interval=_compute_interval(tables),
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "auroc": as_number(self.auroc),
            "interval": [as_number(value) for value in self.interval],
            "labels": {label: as_number(value) for label, value in self.labels.items()},
        }


def score_stream(stream: Stream, label: str, settings: RecognizerSettings) -> UnknownScores:
    """Score what is performed in a stream by a recogniser that is not shown one action.

    The score of an action is the least distance of any template's match that ends in its time. Actions that have no
    template at all do not count.

    Raises
    ------
    InvalidDataError
        If no template is left, or they cannot be in one recogniser.
    """
    trace = stream.without(label).make_recognizer(settings).trace(stream.sequence)
    ratio = (trace.distance / trace.threshold).min(axis=1, initial=np.inf)
    performed = [span for span in stream.truth if span[0] == label or span[0] in trace.labels]
    bounds = np.searchsorted(trace.time, np.array([span[1:] for span in performed]).reshape(-1, 2))
    return UnknownScores(
        label=label,
        score=np.array([ratio[start:end].min(initial=np.inf) for start, end in bounds]),
        is_unknown=np.array([span[0] == label for span in performed], dtype=bool),
        units=(stream.unit,) * len(performed),
    )


def score_answers(label: str, answers: Iterable[Answer]) -> UnknownScores:
    """Score clips by what a recogniser that was not shown one action answered; other unknown ones do not count."""
    answers = [answer for answer in answers if answer.clip.label == label or answer.truth != UNKNOWN]
    return UnknownScores(
        label=label,
        score=np.array([answer.ratio for answer in answers]),
        is_unknown=np.array([answer.clip.label == label for answer in answers], dtype=bool),
        units=tuple(answer.unit for answer in answers),
    )


def _compute_interval(tables: Sequence[UnknownScores]) -> tuple[float, float]:
    """Resample the units of all tables together; each table counts as often as its units were drawn.

    With one unit alone, its actions are resampled, which come in the same order in each of its tables.
    """
    units = [unit for table in tables for unit in table.units]
    if len(set(units)) == 1:
        units = [str(i) for table in tables for i in range(len(table.score))]
    weights = resample_units(units)
    parts = np.split(weights, np.cumsum([len(table.score) for table in tables])[:-1], axis=1) if tables else []
    areas = np.array([table.compute_auroc(part) for table, part in zip(tables, parts, strict=True)])
    shares = np.array([part.mean(axis=1) for part in parts])
    shares = np.where(np.isnan(areas), 0.0, shares)
    total = shares.sum(axis=0)
    mean = np.divide(
        (np.nan_to_num(areas) * shares).sum(axis=0), total, out=np.full_like(total, np.nan), where=total > 0
    )
    return compute_interval(mean)
