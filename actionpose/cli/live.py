"""``actionpose live``: what is happening now."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import click

from actionpose.cli.options import (
    epilog,
    library_option,
    model_option,
    people_option,
    recognition_options,
    source_options,
)
from actionpose.cli.terminal import NoteReader, StatusLine, echo, event_line
from actionpose.cli.wiring import (
    enabled_templates,
    open_estimator,
    open_library,
    recognizer_factory,
    stopping_on_signals,
    tell_missing_labels,
)
from actionpose.outputs import (
    Dispatcher,
    JsonLinesOutput,
    Output,
    OutputError,
    OutputStatus,
    describe_output,
    event_record,
    open_output,
)
from actionpose.recognizer import RecognizerSettings, RecognizerState
from actionpose.session import RunnerState, SessionRecording, SessionRunner, SessionStats, Tick, describe_stats
from actionpose.sources import Source
from actionpose.template import UNKNOWN

__all__ = ["live"]

_HEARTBEAT_S = 0.2
_STDOUT = "-"


@click.command(
    epilog=epilog(
        "live",
        "live 1 --people 2",
        "live rtsp://camera.local/stream --record monday.jsonl.gz",
        "live --to osc://127.0.0.1:12000 --to mqtt://broker.local/actions",
        "live --to key:wave=space,clap=page_down",
        "live puppet:wave --to exec:./on-action.sh --stats",
        "live --json | jq .label",
    )
)
@click.argument("source", default="0")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on a terminal too.")
@click.option(
    "--to",
    "outputs",
    metavar="OUTPUT",
    multiple=True,
    help="Send each action there too, may be repeated: FILE.jsonl, - (standard output), osc://HOST:PORT[/PREFIX], "
    "mqtt[s]://HOST/TOPIC, http[s]://HOST/PATH, key:ACTION=KEY,..., exec:PROGRAM ARGUMENTS.",
)
@click.option(
    "--record",
    "record_to",
    metavar="FILE.jsonl.gz",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep the keypoints there, and the actions beside it; `recognize FILE` then finds the same again.",
)
@click.option("--stats", "with_stats", is_flag=True, help="In the end, say how well it kept pace.")
@library_option
@model_option
@people_option
@source_options
@recognition_options
def live(
    *,
    source: str,
    as_json: bool,
    outputs: Sequence[str],
    record_to: Path | None,
    with_stats: bool,
    library: str | None,
    model: str,
    people: int,
    open_from: Callable[[str], Source],
    settings: RecognizerSettings,
) -> None:
    """Recognise actions live.

    SOURCE is a camera number (default 0), a stream's URL, or a video, recording or puppet, which are played at
    their own pace. Each action is printed when it has been decided; piped, as one JSON object per line. Templates
    that are recorded or changed meanwhile are taken up. Nothing leaves this computer but what --to asks for. Ctrl-C
    ends it.
    """
    screen = _Screen(as_json=as_json or _STDOUT in outputs or not sys.stdout.isatty())
    with ExitStack() as stack:
        templates = stack.enter_context(open_library(library))
        enabled_templates(templates)  # without any, there is no need to start the camera
        receivers = [open_output(spec) for spec in outputs if spec != _STDOUT]
        tell_missing_labels(templates, [label for receiver in receivers for label in getattr(receiver, "labels", ())])
        dispatcher = stack.enter_context(Dispatcher(receivers))
        recording = stack.enter_context(SessionRecording(record_to)) if record_to else None
        runner = stack.enter_context(
            SessionRunner(
                open_source=lambda: open_from(source),
                # The runner closes what it loads.
                load_estimator=lambda frames: ExitStack().enter_context(open_estimator(model, frames, people=people)),
                make_recognizer=recognizer_factory(templates, settings),
                library_revision=lambda: templates.revision,
                sinks=[lambda tick: _send(tick, dispatcher), *([recording.keep] if recording else [])],
            )
        )
        stack.enter_context(screen.status)
        stack.enter_context(stopping_on_signals(runner))
        runner.start()
        while screen.state.phase not in ("ended", "failed"):
            runner.wait(_HEARTBEAT_S)
            state = runner.state  # before the events: those of a run that ended are all there
            notes = (*runner.notes, *dispatcher.notes, *(recording.notes if recording else ()))
            screen.show(runner, state, notes)
        screen.status.clear()
        runner.close()
        if recording:
            recording.close()
        dispatcher.close()
        screen.tell((*dispatcher.notes, *(recording.notes if recording and not recording.error else ())))
        if with_stats and runner.latest:
            _print_stats(runner.latest.stats, dispatcher.statuses)
        if screen.state.error is not None:
            raise screen.state.error
        if recording and recording.error is not None:
            raise recording.error
        _check_files(receivers, dispatcher.statuses)


def _check_files(receivers: Sequence[Output], statuses: Sequence[OutputStatus]) -> None:
    """Raise if a file lacks events: unlike a receiver that is gone for a while, nobody else tells that it does."""
    for receiver, status in zip(receivers, statuses, strict=True):
        n_lost = status.n_failed + status.n_dropped
        if n_lost and isinstance(receiver, JsonLinesOutput):
            raise OutputError(
                f"{status.name} lacks {n_lost} of the events: {status.error}.", hint="They were printed, too."
            )


def _send(tick: Tick, dispatcher: Dispatcher) -> None:
    for event in tick.events:
        dispatcher.send(event)


class _Screen:
    """Events on stdout; notes and the status line on stderr."""

    def __init__(self, *, as_json: bool) -> None:
        self.state = RunnerState()
        self.status = StatusLine(enabled=sys.stdout.isatty())
        self._as_json = as_json
        self._notes = NoteReader()

    def show(self, runner: SessionRunner, state: RunnerState, notes: Sequence[str]) -> None:
        """Print what is new, and rewrite the status line."""
        self.state = state
        for event in runner.take_events():
            self.status.clear()
            echo(json.dumps(event_record(event)) if self._as_json else event_line(event))
        self.tell(notes)
        tick = runner.latest
        self.status.show(state.message or (_describe(tick) if tick else "starting"))

    def tell(self, notes: Sequence[str]) -> None:
        """Print the notes that were not printed before."""
        for note in self._notes.new(notes):
            self.status.clear()
            echo(f"note: {note}", err=True)


def _describe(tick: Tick) -> str:
    """Return the status line: what is seen, how near it is, and how the loop is doing."""
    stats = tick.stats
    parts = [f"{stats.rate_hz:3.0f} fps" if math.isfinite(stats.rate_hz) else "starting"]
    if stats.n_dropped:
        parts.append(f"{stats.n_dropped} frames dropped")
    if tick.states:
        parts += [
            _describe_state(state) if len(tick.states) == 1 else f"{track_id}: {_describe_state(state)}"
            for track_id, state in sorted(tick.states.items())
        ]
    elif not tick.poses:
        parts.append("nobody in view")
    return "  ·  ".join(parts)


def _describe_state(state: RecognizerState) -> str:
    nearest = min(state.actions, key=lambda action: action.ratio)
    closeness = f"{nearest.distance:.2f} of {nearest.threshold:.2f}"
    if state.label != UNKNOWN:
        return f"{state.label}  {closeness}"
    return f"{UNKNOWN}  (nearest {nearest.label} {closeness})" if math.isfinite(nearest.ratio) else UNKNOWN


def _print_stats(stats: SessionStats, outputs: Sequence[OutputStatus]) -> None:
    """Print how well it kept pace, and what became of the events that were sent."""
    for line in (*describe_stats(stats), *map(describe_output, outputs)):
        echo(line, err=True)
