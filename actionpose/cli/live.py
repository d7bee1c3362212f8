"""``actionpose live``: what is happening now."""

from __future__ import annotations

import json
import math
import sys

import click

from actionpose.cli.options import epilog, library_option, model_option, people_option, recognition_options
from actionpose.cli.terminal import NoteReader, StatusLine, event_line
from actionpose.cli.wiring import event_record, open_estimator, open_library, recognizer_factory, stopping_on_signals
from actionpose.recognizer import RecognizerSettings, RecognizerState
from actionpose.session import Session, Tick
from actionpose.sources import open_source
from actionpose.template import UNKNOWN

__all__ = ["live"]


@click.command(
    epilog=epilog(
        "live", "live 1 --people 2", "live rtsp://camera.local/stream", "live puppet:wave", "live --json | jq .label"
    )
)
@click.argument("source", default="0")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on a terminal too.")
@library_option
@model_option
@people_option
@recognition_options
def live(
    *, source: str, as_json: bool, library: str | None, model: str, people: int, settings: RecognizerSettings
) -> None:
    """Recognise actions live.

    SOURCE is a camera number (default 0), a stream's URL, or a video, recording or puppet, which are played at
    their own pace. Each action is printed when it has been decided; piped, as one JSON object per line. Templates
    that are recorded or changed meanwhile are taken up. Ctrl-C ends it.
    """
    as_json = as_json or not sys.stdout.isatty()
    with open_library(library) as templates, open_source(source) as frames:
        make_recognizer = recognizer_factory(templates, settings)
        with (
            StatusLine(enabled=sys.stdout.isatty()) as status,
            open_estimator(model, frames, people=people, status=status) as estimator,
            Session(
                frames, estimator, make_recognizer, realtime=True, library_revision=lambda: templates.revision
            ) as session,
            stopping_on_signals(session),
        ):
            notes = NoteReader()
            for tick in session:
                for event in tick.events:
                    status.clear()
                    click.echo(json.dumps(event_record(event)) if as_json else event_line(event))
                for note in notes.new(session.notes):
                    status.clear()
                    click.echo(f"note: {note}", err=True)
                status.show(_describe(tick))


def _describe(tick: Tick) -> str:
    """Return the status line: what is seen, how near it is, and how the loop is doing."""
    stats = tick.stats
    parts = [f"{stats.rate_hz:3.0f} fps" if math.isfinite(stats.rate_hz) else "starting"]
    if stats.n_dropped:
        parts.append(f"{stats.n_dropped} frames dropped")
    if tick.status == "reconnecting":
        parts.append("waiting for the source to come back")
    elif tick.states:
        parts += [
            _describe_state(state) if len(tick.states) == 1 else f"{track_id}: {_describe_state(state)}"
            for track_id, state in sorted(tick.states.items())
        ]
    else:
        parts.append("nobody in view")
    return "  ·  ".join(parts)


def _describe_state(state: RecognizerState) -> str:
    nearest = min(state.actions, key=lambda action: action.ratio)
    closeness = f"{nearest.distance:.2f} of {nearest.threshold:.2f}"
    if state.label != UNKNOWN:
        return f"{state.label}  {closeness}"
    return f"{UNKNOWN}  (nearest {nearest.label} {closeness})" if math.isfinite(nearest.ratio) else UNKNOWN
