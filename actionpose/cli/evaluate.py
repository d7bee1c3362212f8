"""``actionpose evaluate``: how much of what is in a video is found."""

from __future__ import annotations

import json
import math
from pathlib import Path

import click
import numpy as np
from rich.table import Table

from actionpose.cli.options import epilog, library_option, model_option, recognition_options
from actionpose.cli.terminal import data, simple_table, with_progress
from actionpose.cli.wiring import event_record, open_estimator, open_library, recognizer_factory
from actionpose.decision import ActionEvent
from actionpose.errors import InvalidDataError
from actionpose.evaluation import Confusion, Counts, Evaluation, match_events
from actionpose.recognizer import RecognizerSettings
from actionpose.session import Session
from actionpose.sources import open_source
from actionpose.spans import LabelledSpan, load_spans, to_seconds

__all__ = ["evaluate"]


@click.command(
    epilog=epilog(
        "evaluate gym.mp4 --spans gym.csv",
        "evaluate gym.mp4 --spans gym.csv --mode window --feature angles",
        "evaluate gym.mp4 --spans gym.csv --start-frame 107 --iou 0.3 --json",
    )
)
@click.argument("video", type=click.Path(path_type=Path))
@click.option(
    "--spans",
    metavar="FILE.csv",
    required=True,
    type=click.Path(path_type=Path),
    help="What is performed when: columns video, label, and start_s, end_s or start_frame, end_frame.",
)
@click.option(
    "--iou",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.5,
    show_default=True,
    help="Overlap (intersection over union) from which an event is right.",
)
@click.option(
    "--start-frame",
    metavar="N",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Begin there; spans that begin before are not counted.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@library_option
@model_option
@recognition_options
def evaluate(
    *,
    video: Path,
    spans: Path,
    iou: float,
    start_frame: int,
    as_json: bool,
    library: str | None,
    model: str,
    settings: RecognizerSettings,
) -> None:
    """Recognise the actions in VIDEO and compare them with a table of what is in it.

    An event is right if a span of its label overlaps it enough; each span counts once.
    """
    expected = _spans_of(video, spans)
    events: list[ActionEvent] = []
    times: list[float] = []
    with open_library(library) as templates, open_source(video) as source:
        make_recognizer = recognizer_factory(templates, settings)
        with (
            open_estimator(model, source) as estimator,
            Session(source, estimator, make_recognizer, is_wanted=lambda frame: frame.index >= start_frame) as session,
        ):
            for tick in with_progress(session, source.info):
                events += tick.events
                if tick.frame is not None:
                    times.append(tick.frame.time)
            for note in session.notes:
                click.echo(f"note: {note}", err=True)
    if start_frame >= len(times):
        raise InvalidDataError(f"{video.name} has {len(times)} frames, so none is left from frame {start_frame} on.")
    begin = times[start_frame]
    performed = [(span.label, *to_seconds(span, np.array(times))) for span in expected]
    evaluation = match_events(
        events, [span for span in performed if span[1] >= begin], iou=iou, duration_s=times[-1] - begin
    )
    if as_json:
        record = evaluation.to_dict() | {"video": video.name, "events": [event_record(event) for event in events]}
        click.echo(json.dumps(record, indent=2))
    else:
        _show(evaluation)


def _spans_of(video: Path, table: Path) -> list[LabelledSpan]:
    spans = [span for span in load_spans(table) if span.video.name == video.name]
    if not spans:
        raise InvalidDataError(f"{table} has no line for {video.name}.", hint="Its column video names the file.")
    return spans


def _show(evaluation: Evaluation) -> None:
    table = simple_table("action", "TP", "FP", "FN", "precision", "recall", "F1")
    for label, counts in evaluation.labels.items():
        table.add_row(label, *_cells(counts))
    table.add_row("in all", *_cells(evaluation.total), style="bold")
    data.print(table)
    click.echo()
    if evaluation.total.tp:
        click.echo(
            f"median error of start {evaluation.start_error_s:.2f} s, of end {evaluation.end_error_s:.2f} s; "
            f"reported {evaluation.delay_s:.2f} s after the end"
        )
    click.echo(f"{evaluation.false_alarms_per_minute:.1f} false alarms per minute")
    if evaluation.total.fp or evaluation.total.fn:
        click.echo("\nwhat was taken for what (rows: performed, columns: recognised)")
        data.print(_confusion_table(evaluation.confusion))


def _cells(counts: Counts) -> list[str]:
    ratios = (counts.precision, counts.recall, counts.f1)
    return [str(counts.tp), str(counts.fp), str(counts.fn), *("" if math.isnan(r) else f"{r:.3f}" for r in ratios)]


def _confusion_table(confusion: Confusion) -> Table:
    table = simple_table("", *confusion.labels)
    for label, row in zip(confusion.labels, confusion.counts, strict=True):
        table.add_row(label, *(str(count) if count else "." for count in row))
    return table
