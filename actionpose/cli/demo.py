"""``actionpose demo``: see it work."""

from __future__ import annotations

from pathlib import Path

import click

from actionpose.cli.options import epilog

__all__ = ["demo"]


@click.command(epilog=epilog("demo", "demo --annotate demo.mp4"))
@click.option(
    "--annotate",
    metavar="OUT.mp4",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a video with skeleton, labels and time line drawn in.",
)
def demo(*, annotate: Path | None) -> None:
    """See it recognise actions from pixels, no camera needed.

    A drawn person shows some actions; then another performs them at another pace, and they are recognised in the
    pictures as they would be from a camera. Your library is not touched.
    """
    from actionpose.cli.terminal import echo
    from actionpose.demo import run_demo

    run_demo(say=echo, annotated=annotate)
