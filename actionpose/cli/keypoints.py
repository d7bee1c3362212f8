"""``actionpose keypoints``: a keypoint model of your own, from collecting frames to running live."""

from __future__ import annotations

from pathlib import Path

import click

from actionpose.cli.groups import CommandGroup
from actionpose.cli.keypoint_labels import build, collect, collect_labels, describe_dataset, say_note, skeleton_option
from actionpose.cli.keypoint_models import analyze, configure, evaluate, export, run_export, tell_how_to_use
from actionpose.cli.keypoint_progress import stepping_progress
from actionpose.cli.keypoint_training import run_training, train
from actionpose.cli.options import epilog
from actionpose.cli.terminal import echo
from actionpose.training.errors import require_torch

__all__ = ["keypoints"]


@click.group(
    cls=CommandGroup,
    epilog=epilog(
        "keypoints quickstart me1.mp4 me2.mp4 -o models/me",
        "live --model models/me",
    ),
)
def keypoints() -> None:
    """Make a keypoint model of your own: of people, animals or things.

    Training needs torch (`pip install 'actionpose[train]'`); running a model does not.
    """


for _command in (collect, build, train, evaluate, export, configure, analyze):
    keypoints.add_command(_command)


@keypoints.command(epilog=epilog("keypoints quickstart me1.mp4 me2.mp4 -o models/me", "live --model models/me"))
@click.argument("sources", nargs=-1, required=True, metavar="VIDEO...")
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="The model folder.",
)
@skeleton_option
@click.option(
    "--minutes",
    metavar="N",
    type=click.FloatRange(min=0, min_open=True),
    default=8.0,
    show_default=True,
    help="Train for about N minutes.",
)
@click.option("--keep", metavar="N", type=click.IntRange(min=2), default=1500, help="At most so many pictures.")
@click.option("--int8", is_flag=True, help="A quarter of the size, and quicker.")
def quickstart(
    *, sources: tuple[str, ...], folder: Path, skeleton_name: str, minutes: float, keep: int, int8: bool
) -> None:
    """From videos to a model folder in one go: collect, build, train, evaluate, export.

    The steps lie in FOLDER/training, to be looked at and repeated one by one.
    """
    require_torch()
    from actionpose.training.build import build_dataset
    from actionpose.training.dataset import choose_split, save_dataset, split

    workshop = folder / "training"
    workshop.mkdir(parents=True, exist_ok=True)
    labels = collect_labels(sources, workshop / "labels", skeleton_name, keep=keep)
    with stepping_progress("cutting out", len(labels.images)) as advance:
        dataset = build_dataset(labels, on_image=advance, on_note=say_note)
    dataset = split(dataset, by=choose_split(dataset))
    save_dataset(dataset, workshop / "data.npz")
    echo(describe_dataset(dataset), err=True)
    run_training(dataset, workshop / "run", minutes=minutes, is_judged=False)
    tell_how_to_use(folder, dataset.skeleton, faults=run_export(workshop / "run", dataset, folder, int8=int8))
