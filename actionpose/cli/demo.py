"""``actionpose demo``: see it work."""

from __future__ import annotations

import click

from actionpose.cli.options import epilog

__all__ = ["demo"]


@click.command(epilog=epilog("demo"))
def demo() -> None:
    """See it recognise actions from pixels, no camera needed.

    A drawn person shows three actions, once or twice each; then another one performs them at another pace, and
    they are recognised in the pictures as they would be from a camera.
    """
    from actionpose.demo import run_demo

    run_demo()
