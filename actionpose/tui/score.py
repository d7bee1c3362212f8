"""How well a trial went, in figures."""

from __future__ import annotations

import math
from collections.abc import Sequence

from textual.content import Content

from actionpose.evaluation import Confusion, Counts, Evaluation
from actionpose.tui.trial import Trial

__all__ = ["describe_score"]

_LABEL_WIDTH = 18


def describe_score(trials: Sequence[Trial], evaluation: Evaluation | None) -> Content:
    """Return precision, recall and F1 of every action, false alarms, errors in time, and what was taken for what."""
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
        lines += [Content(""), *_confusions(evaluation.confusion)]
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


def _confusions(confusion: Confusion) -> list[Content]:
    """Return the whole table where it is small, else the mistakes alone."""
    width = min(_LABEL_WIDTH, max(map(len, confusion.labels)))
    n_labels = len(confusion.labels)
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
