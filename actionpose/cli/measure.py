"""The runs of ``actionpose evaluate``, each with a progress bar, and the pictures of what they gave."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from actionpose.bank import group_by_poses
from actionpose.cli.report import ClipReport, StreamReport
from actionpose.cli.terminal import echo, narration
from actionpose.cli.wiring import deferring_interrupts
from actionpose.decision import ActionEvent, merge_repetitions
from actionpose.errors import LibraryError
from actionpose.evaluation import (
    Answer,
    ClipSet,
    Evaluation,
    Rejection,
    Stream,
    answer_clips,
    evaluate_events,
    hold_out,
    judge_events,
    score_answers,
    score_stream,
    spot_actions,
)
from actionpose.recognizer import RecognizerSettings
from actionpose.template import Template

__all__ = ["draw_pictures", "measure_clips", "measure_library", "measure_streams"]

_SWEEP = (0.6, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0)  # times the sensitivity that was asked for
_HIGHEST_SENSITIVITY = 10.0

_Item = TypeVar("_Item")


def measure_streams(
    streams: Sequence[Stream],
    settings: RecognizerSettings,
    *,
    events: Sequence[Sequence[ActionEvent]] = (),
    iou: float,
    merge_gap_s: float | None,
    with_unknown: bool,
) -> StreamReport:
    """Spot actions in streams, unless their events are given, and compare them with what was performed."""
    found = events or _with_bar(spot_actions(streams, settings), "recognising", total=len(streams))
    events = [_merge(of_stream, gap_s=merge_gap_s) for of_stream in found]
    held_out = [(stream, label) for stream in streams for label in _labels_to_hold_out(stream) if with_unknown]
    scores = [
        score_stream(stream, label, settings)
        for stream, label in _with_bar(held_out, "holding out each action", total=len(held_out))
    ]
    return StreamReport(
        streams=streams,
        events=events,
        evaluations=[evaluate_events(s, found, iou=iou) for s, found in zip(streams, events, strict=True)],
        rejection=Rejection.from_scores(scores) if with_unknown else None,
    )


def measure_clips(
    clip_sets: Sequence[ClipSet],
    settings: RecognizerSettings,
    *,
    whole: bool,
    with_unknown: bool,
    may_reject: bool = False,
) -> ClipReport:
    """Recognise clips, and compare the answers with their labels."""
    answers = _answer_all(clip_sets, settings, whole=whole, what="recognising")
    rejection = None
    if with_unknown:
        labels = sorted({label for clip_set in clip_sets for label in _labels_to_hold_out(clip_set)})
        scores = []
        for label in labels:
            blind = [clip_set.without(label) for clip_set in clip_sets if clip_set.labels - {label}]
            found = _answer_all(blind, settings, whole=whole, what=f"without {label}")
            scores.append(score_answers(label, [answer for of_set in found.values() for answer in of_set]))
        rejection = Rejection.from_scores(scores)
    return ClipReport(answers=answers, takes_nearest=whole and not may_reject, rejection=rejection)


def measure_library(
    templates: Sequence[Template],
    settings: RecognizerSettings,
    *,
    hide: Sequence[str],
    whole: bool,
    with_unknown: bool,
) -> ClipReport:
    """Recognise every template of a library by those of other sources, and of the same keypoint model.

    Raises
    ------
    LibraryError
        If no two sources show the same action.
    """
    clip_sets = [
        clip_set for of_one_model in group_by_poses(templates) for clip_set in hold_out(of_one_model, unknown=hide)
    ]
    if not clip_sets:
        raise LibraryError(
            "No two sources in the library show the same action, so none can be recognised by another.",
            hint="Record an action again: `actionpose record LABEL`.",
        )
    asked = {clip.id for clip_set in clip_sets for clip in clip_set.clips}
    report = measure_clips(clip_sets, settings, whole=whole, with_unknown=with_unknown, may_reject=True)
    return dataclasses.replace(report, skipped=[t.id for t in templates if t.id not in asked])


def draw_pictures(
    report: StreamReport | ClipReport,
    folder: Path,
    settings: RecognizerSettings,
    *,
    iou: float,
    merge_gap_s: float | None,
) -> None:
    """Draw the confusion; for streams also the distances over time, and false alarms versus misses."""
    from actionpose.charts import draw_confusion, draw_trace, draw_trade_off, save_figure

    folder.mkdir(parents=True, exist_ok=True)
    with deferring_interrupts():
        save_figure(draw_confusion(report.confusion), folder / "confusion")
    if isinstance(report, StreamReport):
        shown = list(zip(report.streams, report.events, strict=True))
        for stream, events in _with_bar(shown, "drawing", total=len(shown)):
            trace = stream.make_recognizer(settings).trace(stream.sequence)
            figure = draw_trace(
                trace,
                spans=stream.truth,
                events=events,
                verdicts=judge_events(stream, events, iou=iou),
                title=f"{stream.name}: distance / threshold",
            )
            with deferring_interrupts():
                save_figure(figure, folder / f"trace-{stream.name.replace(' ', '-')}")
        with deferring_interrupts():
            points = _sweep(report.streams, settings, iou=iou, merge_gap_s=merge_gap_s)
            save_figure(draw_trade_off(points), folder / "false-alarms-and-misses")
    echo(f"Pictures are in {folder}.", err=True)


def _sweep(
    streams: Sequence[Stream], settings: RecognizerSettings, *, iou: float, merge_gap_s: float | None
) -> list[tuple[float, Evaluation]]:
    """Recognise with other sensitivities."""
    points = []
    for sensitivity in (factor * settings.sensitivity for factor in _SWEEP):
        if sensitivity <= _HIGHEST_SENSITIVITY:
            changed = dataclasses.replace(settings, sensitivity=sensitivity)
            found = _with_bar(spot_actions(streams, changed), f"sensitivity {sensitivity:g}", total=len(streams))
            evaluations = [
                evaluate_events(stream, _merge(events, gap_s=merge_gap_s), iou=iou)
                for stream, events in zip(streams, found, strict=True)
            ]
            points.append((sensitivity, Evaluation.merge(evaluations)))
    return points


def _merge(events: Sequence[ActionEvent], *, gap_s: float | None) -> Sequence[ActionEvent]:
    return events if gap_s is None else merge_repetitions(events, gap_s=gap_s)


def _answer_all(
    clip_sets: Sequence[ClipSet], settings: RecognizerSettings, *, whole: bool, what: str
) -> dict[str, list[Answer]]:
    answers: dict[str, list[Answer]] = {clip_set.name: [] for clip_set in clip_sets}
    given = (
        (clip_set.name, answer) for clip_set in clip_sets for answer in answer_clips(clip_set, settings, whole=whole)
    )
    for name, answer in _with_bar(given, what, total=sum(len(clip_set.clips) for clip_set in clip_sets)):
        answers[name].append(answer)
    return answers


def _labels_to_hold_out(item: Stream | ClipSet) -> list[str]:
    """Labels without which something is left to recognise by."""
    labels = sorted({template.label for template in item.templates})
    return labels if len(labels) > 1 else []


def _with_bar(items: Iterable[_Item], what: str, *, total: int) -> Iterator[_Item]:
    """Yield the items while a progress bar on stderr, where that is a terminal, counts them."""
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
        console=narration,
        transient=True,
        disable=not narration.is_terminal,
    ) as progress:
        yield from progress.track(items, total=total, description=what)
