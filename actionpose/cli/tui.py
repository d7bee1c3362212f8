"""``actionpose tui``: the terminal application."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from actionpose.cli.options import epilog, library_option, rate_option, rotate_option

__all__ = ["tui"]


@click.command(
    epilog=epilog("tui", "tui 1 --mode window", "tui rtsp://camera.local/stream", "tui puppet:wave,clap?seconds=600")
)
@click.argument("source", required=False)
@library_option
@click.option("--model", metavar="NAME|PATH", help="The keypoint model.")
@click.option("--people", metavar="N", type=click.IntRange(1, 10), help="How many people to follow at most.")
@rate_option
@rotate_option
@click.option("--mode", type=click.Choice(["stream", "window"]), help="How to recognise.")
@click.option("--feature", type=click.Choice(["positions", "directions", "angles"]), help="What is compared.")
@click.option("--sensitivity", metavar="FACTOR", type=click.FloatRange(0.1, 10), help="Over 1 finds more.")
@click.option("--output", "outputs", metavar="WHERE", multiple=True, help="Send events there too; may be repeated.")
@click.option("--config", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="The settings file.")
@click.option("--ascii", "ascii_only", is_flag=True, help="Print no character beyond ASCII.")
def tui(*, config: Path | None, ascii_only: bool, **flags: Any) -> None:
    """Open the terminal application: record, manage, test and watch.

    SOURCE is a camera number, a stream's URL, a video, a recording or a puppet. What is not given here comes from the
    environment (ACTIONPOSE_SOURCE, ACTIONPOSE_MODEL, ...), else from the settings file, which the application's
    screen Settings writes.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError(
            "The terminal application needs a terminal, and there is none. In scripts use `actionpose live`, "
            "`actionpose record` and the other commands: see `actionpose --help`."
        )
    from actionpose.cli.wiring import open_library, recordings_folder
    from actionpose.tui.app import ActionposeApp
    from actionpose.tui.preferences import default_settings_path, load_settings

    path = config or default_settings_path()
    settings = load_settings(path, flags=flags)
    with ExitStack() as opened:
        app = ActionposeApp(
            library=lambda: opened.enter_context(open_library(settings.library)),
            settings=settings,
            settings_path=path,
            recordings=recordings_folder(),
            ascii_only=ascii_only,
        )
        with _owning_terminal():
            app.run()
    if app.failure:
        raise app.failure
    if app.return_code:
        sys.exit(app.return_code)


@contextmanager
def _owning_terminal() -> Iterator[None]:
    """Let the application alone write to the terminal: what libraries print to stderr would lie across the screen."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    usual = sys.stderr, sys.__stderr__
    screen = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace")
    sys.stderr = sys.__stderr__ = screen  # type: ignore[misc]  # what Textual writes to
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        sys.stderr, sys.__stderr__ = usual  # type: ignore[misc]
        screen.close()
        for descriptor in (kept, nowhere):
            os.close(descriptor)
