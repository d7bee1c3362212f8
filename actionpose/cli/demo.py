"""``actionpose demo``: see it work."""

from __future__ import annotations

from pathlib import Path

import click

from actionpose.cli.options import epilog

__all__ = ["demo"]


_NEXT = """
Now you, with a webcam:
  actionpose record wave --takes 2     show it an action: hold still, do it, hold still
  actionpose record nod --takes 2      and another
  actionpose live                      see them recognised as you perform them
Without one: actionpose live puppet:wave,clap, or any video: actionpose add --help"""


@click.command(epilog=epilog("demo", "demo --annotate demo.mp4"))
@click.option(
    "--annotate",
    "annotated",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT.mp4",
    help="Write what was recognised as a video, with skeleton, label and time line.",
)
def demo(*, annotated: Path | None) -> None:
    """See it recognise actions from pixels, no camera needed.

    A drawn person shows three actions, twice each; then another one performs them at another pace, with moves
    between that nobody showed. They are recognised in the pictures as they would be from a camera.
    """
    from actionpose.demo import run_demo

    run_demo(say=click.echo, annotated=annotated)
    click.echo(_NEXT)
