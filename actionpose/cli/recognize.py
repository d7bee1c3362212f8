"""``actionpose recognize``: all actions in a video."""

from __future__ import annotations

import dataclasses
import io
import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
import numpy.typing as npt
from rich.table import Table

from actionpose.cli.options import (
    epilog,
    library_option,
    merge_option,
    model_option,
    people_option,
    recognition_options,
    source_options,
)
from actionpose.cli.terminal import (
    NOBODY_FOUND_NOTE,
    NOBODY_NOTE,
    echo,
    echo_text,
    show_table,
    simple_table,
    with_progress,
)
from actionpose.cli.wiring import open_estimator, open_library, recognizer_factory, stopping_on_signals
from actionpose.decision import ActionEvent, merge_repetitions
from actionpose.errors import ActionposeError
from actionpose.outputs import event_record
from actionpose.recognizer import RecognizerSettings
from actionpose.session import Session, Tick
from actionpose.sources import Source, SourceInfo
from actionpose.spans import write_events
from actionpose.whole_file import WholeFile

if TYPE_CHECKING:
    from actionpose.video_writer import VideoWriter

__all__ = ["recognize"]

_FORMAT_OF_SUFFIX = {".json": "json", ".csv": "csv"}


@click.command(
    epilog=epilog(
        "recognize squat.mp4",
        "recognize squat.mp4 -o events.csv",
        "recognize squat.mp4 --merge 2",
        "recognize squat.mp4 --annotate squat-annotated.mp4",
        "recognize recordings/2025-05-01_101500_wave.jsonl.gz --mode window --format json",
    )
)
@click.argument("source")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv"]),
    help="How to print the events.  [default: what FILE ends in, else table]",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    default="-",
    help="Write there.  [default: standard output]",
)
@click.option(
    "--annotate",
    metavar="OUT.mp4",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a video with skeleton, labels and time line drawn in.",
)
@merge_option
@library_option
@model_option
@people_option
@source_options
@recognition_options
def recognize(
    *,
    source: str,
    form: str | None,
    output: Path,
    annotate: Path | None,
    merge_gap_s: float | None,
    library: str | None,
    model: str,
    people: int,
    open_from: Callable[[str], Source],
    settings: RecognizerSettings,
) -> None:
    """Recognise all actions in SOURCE: a video, a recording, a folder of images, a stream or a puppet.

    No frame of a file is dropped, and the events are the same every time. Times are seconds from the first frame.
    Ctrl-C ends it early and keeps what was found.
    """
    form = form or _FORMAT_OF_SUFFIX.get(output.suffix.lower(), "table")
    events: list[ActionEvent] = []
    n_seen = 0
    with _creating(output) as file, open_library(library) as templates, open_from(source) as frames:
        make_recognizer = recognizer_factory(templates, settings)
        with (
            open_estimator(model, frames, people=people) as estimator,
            _open_video(annotate, frames.info) as video,
            Session(frames, estimator, make_recognizer) as session,
            stopping_on_signals(session),
        ):
            try:
                for tick in with_progress(session, frames.info):
                    events += tick.events
                    n_seen += bool(tick.poses)
                    if video and tick.frame:
                        video.write(_draw(tick, events, frames.info), tick.frame.time)
            finally:
                for note in session.notes:
                    echo(f"note: {note}", err=True)
                if merge_gap_s is not None:
                    events = merge_repetitions(events, gap_s=merge_gap_s)
                _write(events, form, file, video=_name_source(source, frames.info))
        stats = tick.stats
        n_actions = sum(event.repetitions for event in events)
        pace = f", {stats.rate_hz:.0f} fps" if math.isfinite(stats.rate_hz) else ""
        found = "1 action" if n_actions == 1 else f"{n_actions} actions"
        echo(f"{found} in {stats.n_processed} frames{pace}.", err=True)
        if not n_seen:
            echo(NOBODY_FOUND_NOTE if estimator else NOBODY_NOTE, err=True)


@contextmanager
def _creating(path: Path) -> Iterator[WholeFile | None]:
    """Give the file to write, which is not there unless it was written; None for standard output."""
    if str(path) == "-":
        yield None
        return
    file = WholeFile(path)
    try:
        yield file
    finally:
        file.discard()


def _open_video(path: Path | None, info: SourceInfo) -> AbstractContextManager[VideoWriter | None]:
    if path is None:
        return nullcontext()
    from actionpose.drawing import annotated_size
    from actionpose.video_writer import VideoWriter

    if info.size is None:
        raise ActionposeError(
            f"{info.name} does not say how large its pictures are, so they cannot be annotated.",
            hint="Annotate the video it was made from.",
        )
    return VideoWriter(path, rate_hz=info.rate_hz or 30.0, size=annotated_size(info.size))


def _draw(tick: Tick, events: Sequence[ActionEvent], info: SourceInfo) -> npt.NDArray[np.uint8]:
    """Return the annotated picture; a recording without pictures is drawn on black."""
    from actionpose.drawing import annotate

    assert tick.frame is not None
    frame = tick.frame
    if frame.image is None and info.size is not None:
        width, height = info.size
        frame = dataclasses.replace(frame, image=np.zeros((height, width, 3), np.uint8))
    return annotate(frame, tick.poses, tick.states, events)


def _name_source(source: str, info: SourceInfo) -> str | Path:
    """Return the path of a file, and of anything else what it calls itself: an address may hold a password."""
    path = Path(source).expanduser()
    with suppress(OSError):  # too long for a path
        if path.exists():
            return path
    return info.name


def _write(events: Sequence[ActionEvent], form: str, file: WholeFile | None, *, video: str | Path) -> None:
    """Write events into a file, or print them; a file that cannot be written loses none: they are printed then."""
    if file is None:
        if form == "table":
            show_table(_tabulate(events))
        else:
            echo_text(_lay_out(events, form, video=video, folder=Path()))
        return
    content = _lay_out(events, form, video=video, folder=file.path.parent).encode(errors="replace")
    try:
        with file as opened:
            opened.write(content)
    except ActionposeError:
        show_table(_tabulate(events))
        raise


def _lay_out(events: Sequence[ActionEvent], form: str, *, video: str | Path, folder: Path) -> str:
    """Return events as a file holds them that lies in `folder`."""
    if form == "json":
        return json.dumps([event_record(event) for event in events], indent=2) + "\n"
    text = io.StringIO()
    if form == "csv":
        write_events(text, events, video=video, folder=folder)
    else:
        show_table(_tabulate(events), text)
    return text.getvalue()


def _tabulate(events: Sequence[ActionEvent]) -> Table:
    is_merged = any(event.repetitions > 1 for event in events)
    table = simple_table("start", "end", "action", *["times"] * is_merged, "distance", "of", names={"action"})
    for event in events:
        table.add_row(
            f"{event.start_time:.2f}",
            f"{event.end_time:.2f}",
            event.label,
            *[str(event.repetitions)] * is_merged,
            f"{event.distance:.2f}",
            f"{event.threshold:.2f}",
        )
    return table
