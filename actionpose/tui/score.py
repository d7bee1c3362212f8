"""How well a trial went, in figures."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

from actionpose.evaluation import Confusion, Counts, Evaluation
from actionpose.template import UNKNOWN
from actionpose.tui.trial import Trial

__all__ = ["ScoreView", "describe_score"]

_LABEL_WIDTH = 18


class ScoreView(Static):
    """How well trials went, laid out for the width there is."""

    def __init__(self, *, id: str) -> None:  # as every widget calls it
        super().__init__(id=id)
        self._trials: Sequence[Trial] = ()
        self._evaluation: Evaluation | None = None
        self._width = 0

    def show(self, trials: Sequence[Trial], evaluation: Evaluation | None) -> None:
        """Show how well these went."""
        self._trials, self._evaluation = tuple(trials), evaluation
        self._lay_out()

    def on_resize(self) -> None:
        """Fit the new width."""
        if self.content_size.width != self._width:
            self._lay_out()

    def _lay_out(self) -> None:
        self._width = self.content_size.width
        self.update(describe_score(self._trials, self._evaluation, width=self._width))


def describe_score(trials: Sequence[Trial], evaluation: Evaluation | None, *, width: int) -> Content:
    """Return precision, recall and F1 of every action, false alarms, errors in time, and what was taken for what.

    Parameters
    ----------
    trials : sequence of Trial
        What was tried.
    evaluation : Evaluation, optional
        How good that is, where it is known.
    width : int
        Cells of a line.
    """
    minutes = sum(trial.duration_s for trial in trials) / 60
    if not trials:
        return Content("")
    if evaluation is None:
        return _describe_counts(trials, minutes)
    total = evaluation.total
    lines = [
        Content.styled(f"F1 {_ratio(total.f1)}", "bold"),
        Content(_rate(total.fp, minutes)),
        Content(f"{total.tp} right, {total.fp} false or wrong, {total.fn} missed"),
    ]
    if total.tp:
        lines.append(
            Content.styled(
                f"start off by {evaluation.start_error_s:.2f} s, end by {evaluation.end_error_s:.2f} s; "
                f"told {evaluation.delay_s:.2f} s after it",
                "$foreground-muted",
            )
        )
    lines += [Content(""), *_table(evaluation)]
    if total.fp or total.fn:
        lines += [Content(""), *_confusions(evaluation.confusion, width)]
    return Content("\n").join(lines)


def _describe_counts(trials: Sequence[Trial], minutes: float) -> Content:
    counts: dict[str, int] = {}
    for trial in trials:
        for event in trial.events:
            counts[event.label] = counts.get(event.label, 0) + 1
    lines = [Content.styled(f"{sum(counts.values())} events in {minutes:.1f} min", "bold"), Content("")]
    lines += [Content(f"{label[:_LABEL_WIDTH]:<{_LABEL_WIDTH}} {n:>4}") for label, n in sorted(counts.items())]
    hint = "Give a table of what is performed to have this scored."
    return Content("\n").join([*lines, Content(""), Content.styled(hint, "$foreground-muted")])


def _table(evaluation: Evaluation) -> list[Content]:
    rows = [*evaluation.labels.items(), ("in all", evaluation.total)]
    width = min(_LABEL_WIDTH, max(len(label) for label, _ in rows))
    head = Content.styled(f"{'':<{width}}  prec   rec    F1", "$foreground-muted")
    return [head, *(Content(f"{label[:width]:<{width}}  {_figures(counts)}") for label, counts in rows)]


def _figures(counts: Counts) -> str:
    return "  ".join(_ratio(value) for value in (counts.precision, counts.recall, counts.f1))


def _confusions(confusion: Confusion, line_width: int) -> list[Content]:
    """Return the whole table where it fits, else the mistakes alone, the most frequent first."""
    width = min(_LABEL_WIDTH, max(map(len, confusion.labels)))
    n_labels = len(confusion.labels)
    if width + 3 + 4 * n_labels > line_width:
        mistakes = Counter((truth, said) for truth, said in confusion.pairs if truth != said)
        lines = [Content.styled("performed, recognised, how often", "$foreground-muted")]
        for (truth, said), count in mistakes.most_common():
            names = (("nothing" if name == UNKNOWN else name)[:_LABEL_WIDTH] for name in (truth, said))
            lines.append(Content(f"{', '.join(names)}, {count}"))
        return lines
    lines = [Content.styled("performed by row, recognised by column", "$foreground-muted")]
    numbers = "".join(f"{number:>4}" for number in range(1, n_labels)) + "   –"
    lines.append(Content.styled(" " * (width + 3) + numbers, "$foreground-muted"))
    for i, (label, row) in enumerate(zip(confusion.labels, confusion.counts.tolist(), strict=True)):
        is_nothing = i == n_labels - 1
        name, number = ("nothing", "–") if is_nothing else (label[:width], str(i + 1))
        cells: list[Content] = []
        for j, count in enumerate(row):
            style = "bold" if i == j else "$text-warning" if count else "$foreground-muted"
            cells.append(Content.styled(f"{count or '·':>4}", style))
        lines.append(Content(f"{number:>2} {name:<{width}}") + Content("").join(cells))
    return lines


def _ratio(value: float) -> str:
    return "  – " if math.isnan(value) else f"{value:.2f}"


def _rate(n_false: int, minutes: float) -> str:
    if minutes <= 0:
        return ""
    if not n_false:
        return f"no false alarm in {minutes:.1f} min"
    return f"{n_false / minutes:.1f} false alarms per minute"
