"""``actionpose record``: show it an action."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from actionpose.cli.completion import complete_labels
from actionpose.cli.options import epilog, library_option, mirror_option, model_option, source_options
from actionpose.cli.terminal import STILL_NOTE, StatusLine, echo, template_line
from actionpose.cli.wiring import (
    deferring_interrupts,
    open_estimator,
    open_library,
    recordings_folder,
    tell_left_aside,
    tell_new_labels,
)
from actionpose.errors import ActionposeError
from actionpose.estimators.base import KeypointEstimator
from actionpose.library import TemplateLibrary
from actionpose.pose import Frame, Pose, PoseSequence
from actionpose.recorder import RecorderSettings, RecorderState, TakeRecorder
from actionpose.recording import RecordingWriter
from actionpose.session import Pace, iter_poses
from actionpose.sources import Source
from actionpose.takes import template_from_take
from actionpose.template import validate_label

if TYPE_CHECKING:
    from actionpose.video_writer import VideoWriter

__all__ = ["record"]

_NOBODY = "Nobody was in view, so nothing was recorded."


@click.command(
    epilog=epilog(
        "record wave", "record plank --takes 2 --seconds 3", "record wave --source 1", "record --background 30"
    )
)
@click.argument("label", required=False, shell_complete=complete_labels)
@click.option("--source", default="0", show_default=True, help="Camera number, URL, video, recording or puppet.")
@click.option("--takes", type=click.IntRange(1, 100), default=3, show_default=True, help="Good takes wanted.")
@click.option("--auto", is_flag=True, help="Begin and end each take with the motion (the default).")
@click.option("--seconds", type=click.FloatRange(0.3, 60), help="Make each take this long instead; a pose may be held.")
@click.option(
    "--countdown",
    type=click.FloatRange(0, 60),
    default=3.0,
    show_default=True,
    help="Seconds before the first take.",
)
@click.option(
    "--background",
    metavar="SECONDS",
    type=click.FloatRange(1, 3600),
    help="Record what is not an action: move about, work, talk. Makes false alarms rarer.",
)
@mirror_option
@click.option("--keep-video", is_flag=True, help="Keep the pictures too, beside the keypoints.")
@library_option
@model_option
@source_options
def record(
    *,
    label: str | None,
    source: str,
    takes: int,
    auto: bool,
    seconds: float | None,
    countdown: float,
    background: float | None,
    mirror: bool,
    keep_video: bool,
    library: str | None,
    model: str,
    open_from: Callable[[str], Source],
) -> None:
    """Record templates of the action LABEL.

    Stand so that the camera sees what moves, hold still, perform the action, hold still again; the still ends are
    cut off. A pose to hold, such as a plank, is recorded with --seconds. Each good take is in the library at once,
    so Ctrl-C loses none. The keypoints of the whole run are kept under recordings/; pictures only with --keep-video.
    """
    if (label is None) == (background is None):
        raise click.UsageError("Expected either a LABEL or --background SECONDS.")
    if auto and seconds is not None:
        raise click.UsageError("--auto and --seconds exclude each other.")
    label = None if label is None else validate_label(label)
    with (
        open_library(library, to_save=True) as templates,
        open_from(source) as frames,
        StatusLine() as status,
        open_estimator(model, frames, status=status) as estimator,
    ):
        if label is not None:
            tell_new_labels(templates, [label])
        tape = _Tape(label or "background", source=frames, estimator=estimator, keep_video=keep_video)
        with tape:
            if label is None:
                assert background is not None
                _record_background(tape, templates, seconds=background, status=status)
            else:
                settings = RecorderSettings(takes=takes, seconds=seconds, countdown_s=countdown)
                _record_takes(tape, templates, label=label, settings=settings, mirror=mirror, status=status)


def _record_takes(
    tape: _Tape,
    library: TemplateLibrary,
    *,
    label: str,
    settings: RecorderSettings,
    mirror: bool,
    status: StatusLine,
) -> None:
    recorder = TakeRecorder(settings)
    n_takes = n_kept = 0
    phase = ""
    try:
        for state in _states(recorder, tape):
            if state.phase != phase and status.is_shown:
                status.ring()  # who performs stands too far off to read
                phase = state.phase
            status.show(_describe(state))
            if state.take is None:
                continue
            status.clear()
            n_takes += 1
            if state.take.verdict.ok:
                template = template_from_take(label, state.take, provenance=tape.provenance)
                with deferring_interrupts():
                    added = library.add_all([template, *([template.mirrored()] if mirror else [])])
                    n_kept += 1
                    shown = template.sequence
                    for kept in added:
                        echo(template_line(kept))
                if state.take.verdict.is_still:
                    echo(f"note: {STILL_NOTE}", err=True)
            for problem in state.take.verdict.problems:
                echo(f"take not kept: {problem}", err=True)
            if state.has_given_up:
                echo("Gave up: too many takes had problems.", err=True)
    finally:
        status.clear()
        echo(f"{n_kept} of {settings.takes} takes of {label!r} kept.", err=True)
    if not tape.path:
        raise ActionposeError(_NOBODY, hint="Step back until the camera sees what moves, and add light.")
    if not n_takes:
        raise ActionposeError(
            f"No take of {label!r} was seen: nobody held still, moved, and held still again.",
            hint="Do so, or record takes of a fixed length: --seconds 3.",
        )
    if not n_kept:
        raise ActionposeError(
            f"No take of {label!r} was good enough to recognise it by.",
            hint="See the reasons above; `actionpose record --help` says how to stand and move.",
        )
    tell_left_aside(library, shown)


def _states(recorder: TakeRecorder, poses: Iterable[Pose]) -> Iterator[RecorderState]:
    for pose in poses:
        state = recorder.update(pose)
        yield state
        if state.phase == "done":
            return
    yield recorder.flush()


def _describe(state: RecorderState) -> str:
    left = "" if state.time_left is None else f" {math.ceil(state.time_left)}"
    parts = (f"take {state.take_number} of {state.n_takes}", f"{state.phase}{left}", state.advice)
    return "  ·  ".join(filter(None, parts))


def _record_background(tape: _Tape, library: TemplateLibrary, *, seconds: float, status: StatusLine) -> None:
    poses: list[Pose] = []
    for pose in tape:
        if not pose.is_missing:
            poses.append(pose)
        elapsed = pose.time - (tape.start_time or 0.0)
        status.show(f"background  ·  {math.ceil(seconds - elapsed)} s left  ·  do anything but the actions")
        if elapsed >= seconds:
            break
    if len(poses) < 2:
        raise ActionposeError(_NOBODY, hint="Step into the picture and try again.")
    library.add_background(PoseSequence.from_poses(poses), provenance=tape.provenance)
    status.clear()
    echo(f"background added ({poses[-1].time - poses[0].time:.1f} s)")


class _Tape:
    """The poses of a source, one per frame, while all that passes is kept under recordings/.

    A context manager; iterate over it once. The file begins with the first body in view.
    """

    def __init__(self, name: str, *, source: Source, estimator: KeypointEstimator | None, keep_video: bool) -> None:
        self.start_time: float | None = None
        file_name = re.sub(r"[^\w-]+", "_", name)
        self._stem = f"{dt.datetime.now():%Y-%m-%d_%H%M%S}_{file_name}"
        self._source = source
        self._estimator = estimator
        self._keep_video = keep_video
        self._pace = Pace(is_live=source.info.is_live)
        self._writer: RecordingWriter | None = None
        self._video: VideoWriter | None = None
        self._open = ExitStack()

    @property
    def path(self) -> Path | None:
        """The file; None before it has begun."""
        return self._writer.path if self._writer else None

    @property
    def provenance(self) -> dict[str, str]:
        """Where the poses came from, for the templates made of them."""
        named = {
            "source": self._source.info.name,
            "estimator": self._estimator.name if self._estimator else None,
            "recording": self.path.name if self.path else None,
        }
        return {name: value for name, value in named.items() if value}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._open.close()
        finally:
            for note in (*self._source.notes, *self._pace.notes):
                echo(f"note: {note}", err=True)
            if self.path:
                echo(f"The recording is {self.path}.", err=True)

    def __iter__(self) -> Iterator[Pose]:
        skeleton = self._estimator.skeleton if self._estimator else None
        for frame, poses in iter_poses(self._source, self._estimator):
            self._pace.update(frame.time)
            self.start_time = frame.time if self.start_time is None else self.start_time
            with deferring_interrupts():
                self._keep(frame, poses)
            if poses:
                skeleton = poses[0].skeleton
                yield poses[0]
            elif skeleton:
                yield Pose.missing(skeleton, frame.time)

    def _keep(self, frame: Frame, poses: tuple[Pose, ...]) -> None:
        if self._writer is None and poses:
            info = self._source.info
            self._writer = self._open.enter_context(
                RecordingWriter(
                    recordings_folder() / f"{self._stem}.jsonl.gz",
                    skeleton=poses[0].skeleton,
                    estimator=self._estimator.name if self._estimator else "",
                    source=info.name,
                    rate_hz=info.rate_hz,
                    size=info.size,
                )
            )
        if self._writer:
            self._writer.append(frame.index, frame.time, poses)
        if self._keep_video and frame.image is not None and self._writer:
            if self._video is None:
                from actionpose.video_writer import VideoWriter  # brings OpenCV along

                height, width = frame.image.shape[:2]
                self._video = self._open.enter_context(
                    VideoWriter(
                        self._writer.path.with_name(f"{self._stem}.mp4"),
                        rate_hz=self._source.info.rate_hz or 30.0,
                        size=(width, height),
                        is_private=True,
                    )
                )
            self._video.write(frame.image, frame.time)
