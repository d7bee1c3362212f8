"""``actionpose add``: templates from video."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import click
import numpy as np

from actionpose.cli.completion import complete_labels
from actionpose.cli.options import epilog, library_option, mirror_option, model_option, parse_time, source_options
from actionpose.cli.terminal import STILL_NOTE, echo, frame_progress, template_line
from actionpose.cli.wiring import open_estimator, open_library, tell_left_aside, tell_new_labels
from actionpose.errors import ActionposeError
from actionpose.pose import Frame, Pose, PoseSequence
from actionpose.session import Pace, iter_poses
from actionpose.sources import Source, SourceInfo
from actionpose.spans import LabelledSpan, load_spans, to_seconds
from actionpose.takes import assess_take
from actionpose.template import MAX_DURATION_S, UNKNOWN, Template, validate_label

__all__ = ["add"]

_WARM_UP_S = 2.0  # a tracker needs some frames to settle on a body
_TO_THE_END_S = 1e9
_ROUNDING_S = 1.0  # of what a file says of its length


@click.command(
    epilog=epilog("add squat squat.mp4", "add wave party.mp4 --start 12.5 --end 14", "add --spans spans.csv")
)
@click.argument("label", required=False, shell_complete=complete_labels)
@click.argument("video", required=False, type=click.Path())
@click.option(
    "--start", metavar="TIME", callback=parse_time, help="Where the action begins: seconds, or mm:ss, or hh:mm:ss."
)
@click.option("--end", metavar="TIME", callback=parse_time, help="Where the action ends.")
@click.option(
    "--spans",
    metavar="FILE.csv",
    type=click.Path(path_type=Path),
    help="Add a template for each line: columns video, label, and start_s, end_s or start_frame, end_frame.",
)
@mirror_option
@library_option
@model_option
@source_options
def add(
    *,
    label: str | None,
    video: str | None,
    start: float | None,
    end: float | None,
    spans: Path | None,
    mirror: bool,
    library: str | None,
    model: str,
    open_from: Callable[[str | Path], Source],
) -> None:
    """Make a template of the action LABEL from VIDEO, or many from a table.

    VIDEO may be a recording, a folder of images or a puppet too. Without --start and --end the whole of it is taken. A
    span is used as it is given: nothing is cut off.
    """
    if spans and (label or start is not None or end is not None):
        raise click.UsageError("--spans stands alone: its file names the videos and the labels.")
    by_source: list[tuple[str | Path, list[LabelledSpan]]]
    if spans:
        wanted = [span for span in load_spans(spans) if span.label != UNKNOWN]
        wanted.sort(key=lambda span: span.video)
        by_source = [(path, list(of_video)) for path, of_video in groupby(wanted, key=lambda span: span.video)]
    elif label and video:
        end_s = _TO_THE_END_S if end is None else end
        wanted = [LabelledSpan(video=Path(video), label=validate_label(label), start_s=start or 0.0, end_s=end_s)]
        by_source = [(video, wanted)]
    else:
        raise click.UsageError("Expected LABEL and VIDEO, or --spans FILE.csv.")
    with open_library(library, to_save=True) as templates:
        tell_new_labels(templates, [span.label for span in wanted])
        for source, of_video in by_source:
            for label, sequence, provenance in _cut_spans(source, of_video, model=model, open_from=open_from):
                verdict = assess_take(sequence, may_be_still=True)
                template = Template(label=label, sequence=sequence, provenance=provenance, quality=verdict.numbers)
                for added in templates.add_all([template, *([template.mirrored()] if mirror else [])]):
                    echo(template_line(added))
                still = [STILL_NOTE] if verdict.ok and verdict.is_still else []
                for note in (*verdict.problems, *still):
                    echo(f"note: {label}: {note}", err=True)
        if wanted:
            tell_left_aside(templates, sequence)


def _cut_spans(
    video: str | Path, spans: Sequence[LabelledSpan], *, model: str, open_from: Callable[[str | Path], Source]
) -> Iterator[tuple[str, PoseSequence, dict[str, str]]]:
    """Yield label, poses and provenance of each span of one video, which is gone through once."""
    poses: list[Pose] = []
    times: list[float] = []
    with (
        open_from(video) as source,
        open_estimator(model, source) as estimator,
        frame_progress(source.info) as advance,
    ):
        name = source.info.name
        _check_lengths(spans, source.info)
        pace = Pace(is_live=source.info.is_live)
        lead_frames = _WARM_UP_S * (source.info.rate_hz or 30.0)

        def is_wanted(frame: Frame) -> bool:
            return any(_is_near(span, frame, lead_frames) and not _is_past(span, frame) for span in spans)

        for frame, found in iter_poses(source, estimator, is_wanted=is_wanted):
            times.append(frame.time)
            pace.update(frame.time)
            poses.extend(found)
            advance()
            if all(_is_past(span, frame) for span in spans):
                break
        provenance = {"source": name, "estimator": estimator.name if estimator else ""}
    for note in (*source.notes, *pace.notes):
        echo(f"note: {name}: {note}", err=True)
    for span in spans:
        start, end = to_seconds(span, np.array(times))
        sequence = _cut(poses, start, end, name=name)
        where = {"start": f"{start:.3f}", "end": f"{min(end, times[-1]):.3f}"}
        yield span.label, sequence, provenance | where


def _check_lengths(spans: Sequence[LabelledSpan], info: SourceInfo) -> None:
    """Refuse at once, not after minutes of looking at pictures, what is too long for a template."""
    length_s = info.n_frames / info.rate_hz if info.n_frames and info.rate_hz else _TO_THE_END_S
    for span in spans:
        if span.start_s is None or span.end_s is None:
            continue
        if info.is_live and span.end_s == _TO_THE_END_S:
            raise ActionposeError(
                f"{info.name} goes on without end.",
                hint="Say how much of it is to be taken with --end, or use `actionpose record`.",
            )
        end_s = min(span.end_s, length_s)
        if end_s < _TO_THE_END_S and end_s - span.start_s > MAX_DURATION_S + _ROUNDING_S:
            raise ActionposeError(
                f"A template lasts at most {MAX_DURATION_S:g} s; {span.label!r} would be {end_s - span.start_s:.0f} s "
                f"of {info.name}.",
                hint="Choose one performance of the action with --start and --end, or in the table of spans.",
            )


def _is_near(span: LabelledSpan, frame: Frame, lead_frames: float) -> bool:
    if span.start_frame is not None:
        return frame.index >= span.start_frame - lead_frames
    return frame.time >= (span.start_s or 0.0) - _WARM_UP_S


def _is_past(span: LabelledSpan, frame: Frame) -> bool:
    if span.end_frame is not None:
        return frame.index >= span.end_frame
    return frame.time >= (span.end_s or 0.0)


def _cut(poses: Sequence[Pose], start: float, end: float, *, name: str) -> PoseSequence:
    """Return the body that is most often in view between two times."""
    inside = [pose for pose in poses if start <= pose.time < end]
    n_seen = Counter(pose.track_id for pose in inside)
    track_id, n_frames = n_seen.most_common(1)[0] if n_seen else (0, 0)
    if n_frames < 2:
        raise ActionposeError(
            f"Nobody is in view in {name} from {start:.2f} s on, up to {end:.2f} s.",
            hint="Check the span, and that the body is large enough in the picture.",
        )
    return PoseSequence.from_poses([pose for pose in inside if pose.track_id == track_id])
