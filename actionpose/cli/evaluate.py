"""``actionpose evaluate``: how good the recogniser is, on a video, on the library, or on research data."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from threadpoolctl import threadpool_limits

from actionpose.bank import group_by_poses
from actionpose.cli.completion import complete_labels
from actionpose.cli.measure import draw_pictures, measure_clips, measure_library, measure_streams
from actionpose.cli.options import (
    epilog,
    library_option,
    merge_option,
    model_option,
    rate_option,
    recognition_options,
    rotate_option,
)
from actionpose.cli.report import ClipReport, StreamReport
from actionpose.cli.terminal import NOBODY_FOUND_NOTE, NOBODY_NOTE, echo, echo_json, with_progress
from actionpose.cli.wiring import (
    enabled_templates,
    open_estimator,
    open_library,
    recognizer_factory,
    stored_templates,
    tell_missing_labels,
)
from actionpose.datasets import DATASETS, load_dataset, options_of
from actionpose.decision import ActionEvent
from actionpose.errors import InvalidDataError
from actionpose.evaluation import ClipSet, Stream
from actionpose.naming import normalize_label
from actionpose.outputs import event_record
from actionpose.pose import Pose, PoseSequence
from actionpose.recognizer import RecognizerSettings
from actionpose.session import Session
from actionpose.session.recognizers import fitting_templates
from actionpose.sources import Source, open_source
from actionpose.spans import LabelledSpan, load_spans_of, to_seconds
from actionpose.template import UNKNOWN

__all__ = ["evaluate"]


def _split_users(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...] | None:  # noqa: ARG001
    return None if value is None else tuple(name.strip() for name in value.split(",") if name.strip())


@click.command(
    epilog=epilog(
        "evaluate gym.mp4 --spans gym.csv",
        "evaluate gym.mp4 --spans gym.csv --start-frame 107 --iou 0.3 --json",
        "evaluate",
        "evaluate --unknown --pictures figures",
        "evaluate jk2017:data/jk2017_kinect --axes xy --unknown",
        "evaluate signs:data/mediapipe_signs.npz --shots 3 --draws 50",
    )
)
@click.argument("data", required=False)
@click.option(
    "--spans",
    metavar="FILE.csv",
    type=click.Path(path_type=Path),
    help="What is performed when in a video: columns video, label, and start_s, end_s or start_frame, end_frame.",
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
    help="Begin there in a video; spans that begin before are not counted.",
)
@merge_option
@click.option(
    "--unknown",
    "with_unknown",
    is_flag=True,
    help="Hold out each action in turn: how well is it told from the others (AUROC)?",
)
@click.option(
    "--hide",
    metavar="LABEL",
    shell_complete=complete_labels,
    multiple=True,
    callback=lambda _context, _option, labels: tuple(map(normalize_label, labels)),
    help="Library: do not show this action to the recogniser; `unknown` is the right answer to it.",
)
@click.option(
    "--whole/--events",
    default=None,
    help="Clips: compare each as a whole, or spot events in it.  [default: events for the library, else whole]",
)
@click.option(
    "--axes", type=click.Choice(["xyz", "xy"]), help="Research data: all coordinates, or as a camera sees it."
)
@click.option("--users", metavar="A,B", callback=_split_users, help="Research data: these people alone.")
@click.option(
    "--templates",
    type=click.Choice(["own", "other"]),
    help="jk2017: templates of the same person, or of each other person in turn.",
)
@click.option(
    "--shots", metavar="N", type=click.IntRange(1), help="jk2017, signs, pose-trainer: templates of each action."
)
@click.option(
    "--draws", metavar="N", type=click.IntRange(1), help="signs, pose-trainer: how often templates are drawn."
)
@click.option("--seed", metavar="N", type=click.IntRange(0), help="signs, pose-trainer: of the draws.")
@click.option(
    "--background",
    is_flag=True,
    default=None,
    help="utkinect: calibrate on what lies between the actions where the templates come from.",
)
@click.option(
    "--mirror",
    is_flag=True,
    help="Research data: show each template's mirror image too, since people choose their hand.",
)
@click.option(
    "--pictures",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Draw there, as PNG and SVG: the confusion; for streams also the distance of every action over time, and "
    "false alarms versus misses by sensitivity, for which everything is recognised eight times.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@library_option
@model_option
@rate_option
@rotate_option
@recognition_options
def evaluate(
    *,
    data: str | None,
    spans: Path | None,
    iou: float,
    start_frame: int,
    merge_gap_s: float | None,
    with_unknown: bool,
    hide: tuple[str, ...],
    whole: bool | None,
    mirror: bool,
    pictures: Path | None,
    as_json: bool,
    library: str | None,
    model: str,
    rate: float | None,
    rotate: int | None,
    settings: RecognizerSettings,
    **dataset_options: Any,
) -> None:
    """Measure how good recognition is.

    DATA is one of

    \b
      FILE                   a video or recording, with --spans: are its
                             actions found?
      (nothing)              your library: is every template recognised by
                             the others?
      jk2017:FOLDER          JK2017, sessions of bodies or of hands, two
                             templates a gesture
      utkinect:FOLDER        UTKinect-Action3D, templates of one recording,
                             stream of the other
      msr:FILE.npz           MSR-Action3D, clips of five people by those of
                             five others
      natops:FILE.npz        NATOPS, clips in the split it comes in
      signs:FILE.npz         signs by MediaPipe Holistic, a few templates
                             drawn at random
      pose-trainer:FILE.npz  exercises by OpenPose, a few templates drawn at
                             random

    Where spans are known, an event is right if one of its label overlaps it enough; each span counts once. Where a
    span holds a whole set of repetitions, --merge makes one event of them. In jk2017 an event is right if it is
    reported while its gesture is asked for. Clips are told apart by the nearest template. Intervals are 95 % by
    bootstrap over independent people, clips or actions.
    """  # noqa: D301  # click finds the backspace, not the backslash
    given = {name: value for name, value in dataset_options.items() if value is not None}
    scheme = (data or "").partition(":")[0]
    dataset = scheme if scheme in DATASETS else ""
    _check_usage(
        dataset,
        data,
        spans=spans,
        is_of_video=bool(spans or start_frame or rate or rotate),
        merge_gap_s=merge_gap_s,
        hide=hide,
        mirror=mirror,
        given=given,
    )
    extra: dict[str, Any] = {}
    # The products are too small to gain from threads.
    with threadpool_limits(limits=1, user_api="blas"):
        report: StreamReport | ClipReport
        if data is None:
            with open_library(library) as stored:
                tell_missing_labels(stored, hide)
                report = measure_library(
                    stored_templates(stored), settings, hide=hide, whole=bool(whole), with_unknown=with_unknown
                )
        elif dataset:
            extra["data"] = dataset
            loaded = [item.with_mirrored() if mirror else item for item in load_dataset(data, **given)]
            streams = [item for item in loaded if isinstance(item, Stream)]
            clip_sets = [item for item in loaded if isinstance(item, ClipSet)]
            if streams and whole is not None:
                raise click.UsageError(f"{dataset} has streams; --whole and --events are for clips.")
            if merge_gap_s is not None and not (streams and not streams[0].are_requests):
                raise click.UsageError(f"--merge is for streams whose spans are known; {dataset} has none.")
            if streams:
                report = measure_streams(streams, settings, iou=iou, merge_gap_s=merge_gap_s, with_unknown=with_unknown)
            else:
                report = measure_clips(clip_sets, settings, whole=whole is not False, with_unknown=with_unknown)
        else:
            assert spans is not None
            stream, events = _spot_in_video(
                Path(data),
                spans,
                start_frame=start_frame,
                library=library,
                model=model,
                open_from=partial(open_source, rate_hz=rate, rotate=rotate or 0),
                settings=settings,
            )
            report = measure_streams(
                [stream], settings, events=[events], iou=iou, merge_gap_s=merge_gap_s, with_unknown=with_unknown
            )
            extra |= {"video": stream.name, "events": [event_record(event) for event in report.events[0]]}
        if as_json:
            echo_json(report.to_dict() | extra)
        else:
            report.show()
        if pictures:
            draw_pictures(report, pictures, settings, iou=iou, merge_gap_s=merge_gap_s)


def _check_usage(
    dataset: str,
    data: str | None,
    *,
    spans: Path | None,
    is_of_video: bool,
    merge_gap_s: float | None,
    hide: Sequence[str],
    mirror: bool,
    given: Mapping[str, object],
) -> None:
    if data and not dataset and spans is None:
        raise click.UsageError(
            f"Expected --spans FILE.csv, which says what is performed when in {data}, or one of "
            f"{', '.join(f'{name}:PATH' for name in DATASETS)}."
        )
    if is_of_video and (dataset or not data):
        raise click.UsageError(
            "--spans, --start-frame, --rate and --rotate are for a video or a recording, to be named as DATA."
        )
    if merge_gap_s is not None and not data:
        raise click.UsageError("--merge is for videos and streams; the library holds single actions.")
    if hide and data:
        raise click.UsageError("--hide is for the library alone.")
    if mirror and not dataset:
        raise click.UsageError("--mirror is for research data; templates of your own are mirrored by `add --mirror`.")
    unfit = sorted(set(given) - set(options_of(dataset) if dataset else ()))
    if unfit:
        has = f" has {', '.join(f'--{name}' for name in options_of(dataset))}" if dataset else " has none of these"
        raise click.UsageError(f"--{unfit[0]} does not fit here: {dataset or 'a video or the library'}{has}.")


def _spot_in_video(
    video: Path,
    spans: Path,
    *,
    start_frame: int,
    library: str | None,
    model: str,
    open_from: Callable[[Path], Source],
    settings: RecognizerSettings,
) -> tuple[Stream, list[ActionEvent]]:
    """Recognise as `recognize` does; return the events and what they are to be compared with."""
    expected = _spans_of(video, spans)
    events: list[ActionEvent] = []
    times: list[float] = []
    poses: list[Pose | None] = []
    with open_library(library) as stored, open_from(video) as source:
        templates, background = tuple(enabled_templates(stored)), tuple(stored.backgrounds())
        make_recognizer = recognizer_factory(stored, settings)
        tell_missing_labels(stored, {span.label for span in expected} - {UNKNOWN})
        with (
            open_estimator(model, source) as estimator,
            Session(source, estimator, make_recognizer, is_wanted=lambda frame: frame.index >= start_frame) as session,
        ):
            for tick in with_progress(session, source.info):
                events += tick.events
                if tick.frame is not None:
                    times.append(tick.frame.time)
                    poses.append(tick.poses[0] if tick.poses else None)
            for note in session.notes:
                echo(f"note: {note}", err=True)
    if not any(poses):
        echo(NOBODY_FOUND_NOTE if estimator else NOBODY_NOTE, err=True)
    if start_frame >= len(times):
        raise InvalidDataError(f"{video.name} has {len(times)} frames, so none is left from frame {start_frame} on.")
    begin = times[start_frame]
    performed = [(span.label, *to_seconds(span, np.array(times))) for span in expected]
    shown = next((pose for pose in poses if pose), None)
    if shown:
        templates = tuple(fitting_templates(templates, shown.skeleton, shown.position.shape[1]))
    else:
        templates = tuple(group_by_poses(templates)[0])
        shown = Pose.missing(templates[0].sequence.skeleton, begin, n_dims=templates[0].sequence.n_dims)
    sequence = PoseSequence.from_poses(
        [
            dataclasses.replace(pose, image_position=None)
            if pose
            else Pose.missing(shown.skeleton, time, n_dims=shown.position.shape[1])
            for time, pose in zip(times[start_frame:], poses[start_frame:], strict=True)
        ]
    )
    stream = Stream(
        name=video.name,
        unit=video.name,
        templates=templates,
        sequence=sequence,
        truth=tuple(span for span in performed if span[1] >= begin),
        background=background,
    )
    return stream, events


def _spans_of(video: Path, table: Path) -> list[LabelledSpan]:
    spans = load_spans_of(table, video)
    if not spans:
        raise InvalidDataError(f"{table} has no line for {video.name}.", hint="Its column video names the file.")
    return spans
