"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Literal

import click

__all__ = [
    "epilog",
    "library_option",
    "merge_option",
    "mirror_option",
    "model_option",
    "parse_time",
    "people_option",
    "rate_option",
    "recognition_options",
    "rotate_option",
    "source_options",
]

_Command = Callable[..., Any]


def parse_time(context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """Return the seconds of an option that is a time in a video, written as in a file of spans."""
    from actionpose.spans import parse_seconds

    if value is None:
        return None
    try:
        seconds = parse_seconds(value)
    except ValueError:
        seconds = float("nan")
    if not 0 <= seconds < float("inf"):
        raise click.BadParameter(f"{value!r} is no time: expected seconds, mm:ss or hh:mm:ss.", context, parameter)
    return seconds


library_option = click.option(
    "--library",
    metavar="PATH|URL",
    help="The template library: a file or a database URL.  [default: ACTIONPOSE_LIBRARY, else "
    "templates/library.sqlite where there is a templates folder, else in your data folder]",
)

model_option = click.option(
    "--model", metavar="NAME|PATH", default="mediapipe", show_default=True, help="The keypoint model."
)

people_option = click.option(
    "--people",
    metavar="N",
    type=click.IntRange(1, 10),
    default=1,
    show_default=True,
    help="How many people to follow at most.",
)


def epilog(*examples: str) -> str:
    """Return what stands below a command's help: examples that can be typed as they are."""
    return "\n".join(("\b", "Examples:", *(f"  actionpose {example}" for example in examples)))


rate_option = click.option(
    "--rate",
    metavar="HZ",
    type=click.FloatRange(0, 10_000, min_open=True),
    help="Frames per second of a file or folder whose times are missing or wrong.  [default: as the file says]",
)

rotate_option = click.option(
    "--rotate",
    type=click.Choice(["90", "180", "270"]),
    callback=lambda _context, _option, degrees: None if degrees is None else int(degrees),
    help="Turn the pictures clockwise by so many degrees, where they lie on their side and do not say so.",
)


def source_options(command: _Command) -> _Command:
    """Add the options of reading a source, passed on as one function named `open_from` that opens it."""

    @rate_option
    @rotate_option
    @functools.wraps(command)
    def with_source(*, rate: float | None, rotate: int | None, **others: Any) -> Any:
        from actionpose.sources import open_source

        chosen: dict[str, Any] = {"rate_hz": rate, "rotate": rotate}
        chosen = {name: value for name, value in chosen.items() if value is not None}
        return command(open_from=functools.partial(open_source, **chosen), **others)

    return with_source


def recognition_options(command: _Command) -> _Command:
    """Add the options of recognising, passed on as one `RecognizerSettings` named `settings`."""

    @click.option(
        "--mode",
        type=click.Choice(["stream", "window"]),
        default="stream",
        show_default=True,
        help="stream finds start and end; window votes over a sliding window.",
    )
    @click.option(
        "--feature",
        type=click.Choice(["positions", "directions", "angles"]),
        default="positions",
        show_default=True,
        help="What is compared: body positions, limb directions or joint angles.",
    )
    @click.option(
        "--sensitivity",
        metavar="FACTOR",
        type=click.FloatRange(0.1, 10),
        default=1.0,
        show_default=True,
        help="Over 1 finds more, under 1 raises fewer false alarms.",
    )
    @click.option(
        "--window",
        metavar="FRAMES",
        type=click.IntRange(4, 1000),
        default=50,
        show_default=True,
        help="Window mode: length of the window.",
    )
    @click.option(
        "--top",
        metavar="N",
        type=click.IntRange(1, 100),
        default=4,
        show_default=True,
        help="Window mode: how many of the nearest templates vote.",
    )
    @click.option(
        "--ratio",
        metavar="SHARE",
        type=click.FloatRange(0, 1, min_open=True),
        default=0.5,
        show_default=True,
        help="Window mode: share of the votes that wins.",
    )
    @functools.wraps(command)
    def with_settings(
        *,
        mode: Literal["stream", "window"],
        feature: Literal["positions", "directions", "angles"],
        sensitivity: float,
        window: int,
        top: int,
        ratio: float,
        **others: Any,
    ) -> Any:
        from actionpose.recognizer import RecognizerSettings

        settings = RecognizerSettings(
            mode=mode, feature=feature, sensitivity=sensitivity, window_frames=window, top=top, ratio=ratio
        )
        return command(settings=settings, **others)

    return with_settings


merge_option = click.option(
    "--merge",
    "merge_gap_s",
    metavar="SECONDS",
    type=click.FloatRange(0),
    help="Take repetitions of an action at most so far apart for one, and count them.",
)

mirror_option = click.option(
    "--mirror", is_flag=True, help="Add each template mirrored too, so that the other side is recognised as well."
)
