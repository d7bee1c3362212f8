"""What was right and wrong, counted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from actionpose.template import UNKNOWN

__all__ = ["Confusion", "Counts", "as_number", "compute_ratio"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """True positives, false positives and false negatives; a ratio without any is NaN."""

    tp: int
    fp: int
    fn: int

    @property
    def precision(self) -> float:
        """Share of the events that are right."""
        return compute_ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """Share of the spans that were found."""
        return compute_ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return compute_ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    def to_dict(self) -> dict[str, float | None]:
        """Counts and ratios for JSON; None where there is no ratio."""
        ratios = {name: as_number(getattr(self, name)) for name in ("precision", "recall", "f1")}
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

    @classmethod
    def merge(cls, confusions: Sequence[Confusion]) -> Confusion:
        """Add up several, whichever labels they have."""
        return cls.from_pairs(pair for confusion in confusions for pair in confusion.pairs)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """What each thing was and was taken for, one pair for each that was counted."""
        cells = np.argwhere(self.counts)
        return [(self.labels[i], self.labels[j]) for i, j in cells.tolist() for _ in range(int(self.counts[i, j]))]

    @property
    def accuracy(self) -> float:
        """Share on the diagonal; NaN of nothing."""
        return compute_ratio(int(np.trace(self.counts)), int(self.counts.sum()))

    def count_labels(self) -> Mapping[str, Counts]:
        """Return what was right and wrong of each label but ``unknown``, in alphabetical order."""
        counts = {}
        for k, label in enumerate(self.labels[:-1]):
            tp = int(self.counts[k, k])
            fp, fn = int(self.counts[:, k].sum()) - tp, int(self.counts[k].sum()) - tp
            counts[label] = Counts(tp=tp, fp=fp, fn=fn)
        return counts

    def to_dict(self) -> dict[str, Any]:
        """Labels and rows of counts for JSON."""
        return {"labels": list(self.labels), "counts": self.counts.tolist()}


def compute_ratio(part: float, whole: float) -> float:
    """Return a part of a whole; NaN of nothing."""
    return part / whole if whole else float("nan")


def as_number(value: float) -> float | None:
    """Return what JSON writes for a number: None for NaN and infinity."""
    return value if math.isfinite(value) else None
