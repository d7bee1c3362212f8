"""``actionpose keypoints collect`` and ``build``: from videos or labels to a dataset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
import numpy as np

from actionpose.cli.keypoint_progress import stepping_progress, stopping_on_interrupt
from actionpose.cli.options import epilog, source_options
from actionpose.cli.terminal import echo, frame_progress
from actionpose.sources import Source, open_source

if TYPE_CHECKING:
    from actionpose.training.dataset import KeypointDataset
    from actionpose.training.labels import LabelSet

__all__ = ["build", "collect", "collect_labels", "describe_dataset", "say_note", "skeleton_option"]

_PATH = click.Path(path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_FORMATS = ("labels", "coco", "deeplabcut", "freihand", "csv")

skeleton_option = click.option(
    "--skeleton",
    "skeleton_name",
    metavar="NAME|KEYPOINTS",
    default="upper_body_6",
    show_default=True,
    help="upper_body_6, coco_17, blazepose_33, hand_21, or keypoints parted by commas.",
)
_keep_option = click.option(
    "--keep", metavar="N", type=click.IntRange(min=2), default=1500, show_default=True, help="Keep the N most varied."
)
_size_option = click.option(
    "--size",
    metavar="WIDTHxHEIGHT",
    default="128x128",
    show_default=True,
    callback=lambda _context, _option, text: _parse_size(text),
    help="Of the pictures the model sees; multiples of 32.",
)


def _parse_size(text: str) -> tuple[int, int]:
    width, cross, height = text.partition("x")
    if not (cross and width.isdigit() and height.isdigit()):
        raise click.BadParameter(f"expected WIDTHxHEIGHT, for instance 128x128, got {text!r}")
    return int(width), int(height)


@click.command(epilog=epilog("keypoints collect 0 -o labels/", "keypoints collect *.mp4 --keep 500 -o labels/"))
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("-o", "--output", "folder", type=_FOLDER, required=True, help="Folder for pictures and labels.")
@skeleton_option
@_keep_option
@click.option(
    "--every", metavar="SECONDS", type=click.FloatRange(min=0), default=0.0, help="Least time between two frames."
)
@source_options
def collect(
    *,
    sources: tuple[str, ...],
    folder: Path,
    skeleton_name: str,
    keep: int,
    every: float,
    open_from: Callable[[str], Source],
) -> None:
    """Let MediaPipe label the frames of videos or a camera.

    Ctrl-C ends a camera and keeps what was labelled. FOLDER/contact_sheet.jpg shows it; deleting a picture leaves it
    out, and labels.csv can be corrected by hand.
    """
    labels = collect_labels(sources, folder, skeleton_name, keep=keep, every_s=every, open_from=open_from)
    echo(f"{len(labels.images)} labelled pictures are in {folder}; look at {folder / 'contact_sheet.jpg'}.", err=True)


def collect_labels(
    sources: tuple[str, ...],
    folder: Path,
    skeleton_name: str,
    *,
    keep: int,
    every_s: float = 0.0,
    open_from: Callable[[str], Source] = open_source,
) -> LabelSet:
    """Let the teacher label the sources, keep the most varied frames, and draw the contact sheet."""
    from actionpose.training.collect import Collector
    from actionpose.training.contact_sheet import draw_contact_sheet
    from actionpose.training.teacher import choose_skeleton

    collector = Collector(folder, choose_skeleton(skeleton_name))
    with stopping_on_interrupt() as should_stop:
        for spec in sources:
            with open_from(spec) as source, frame_progress(source.info) as advance:
                n_kept = collector.read(source, every_s=every_s, on_frame=advance, should_stop=should_stop)
                echo(f"{source.info.name}: {n_kept} frames labelled.", err=True)
                for note in source.notes:
                    echo(f"note: {source.info.name}: {note}", err=True)
            if should_stop():
                break
        labels = collector.finish(keep=keep)
        draw_contact_sheet(labels, folder / "contact_sheet.jpg")
        should_stop.leave_if_told()
    return labels


@click.command(
    epilog=epilog(
        "keypoints build labels/ -o data.npz",
        "keypoints build person_keypoints.json --format coco --images val2017/ -o data.npz",
        "keypoints build CollectedData_me.csv --format deeplabcut --whole --size 320x256 --split random -o data.npz",
    )
)
@click.argument("labels", nargs=-1, required=True, type=_PATH, metavar="LABELS...")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The dataset.")
@click.option(
    "--format", "form", type=click.Choice(_FORMATS), default="labels", show_default=True, help="What LABELS are."
)
@click.option("--images", type=_FOLDER, help="Where the pictures are.  [default: beside the labels, or above]")
@click.option(
    "--category",
    "categories",
    metavar="NAME",
    multiple=True,
    help="Of COCO files, read this one alone; may be given several times.  [default: all with keypoints]",
)
@_size_option
@click.option("--colour", is_flag=True, help="Keep colours; gray is quicker.")
@click.option("--whole", is_flag=True, help="Use whole pictures, not crops around the keypoints.")
@click.option("--margin", metavar="SHARE", type=click.FloatRange(0, 10), help="Room around the keypoints.")
@click.option(
    "--split",
    "split_by",
    type=click.Choice(["auto", "time", "source", "random"]),
    default="auto",
    show_default=True,
    help="Test on the last stretch of each source (time), on whole sources, or on single pictures; auto takes the "
    "first of these that suits the data.",
)
@click.option("--validation", metavar="SHARE", type=click.FloatRange(0, 1), default=0.1, show_default=True)
@click.option("--test", metavar="SHARE", type=click.FloatRange(0, 1), default=0.2, show_default=True)
@click.option("--seed", metavar="N", type=click.IntRange(min=0), default=0, show_default=True)
def build(
    *,
    labels: tuple[Path, ...],
    output: Path,
    form: str,
    images: Path | None,
    categories: tuple[str, ...],
    size: tuple[int, int],
    colour: bool,
    whole: bool,
    margin: float | None,
    split_by: Literal["auto", "time", "source", "random"],
    validation: float,
    test: float,
    seed: int,
) -> None:
    """Make a dataset of labelled pictures: one file, divided for training, validation and test.

    Pictures are found by the paths in LABELS, whole or by their endings, in the folder of LABELS or above it. What is
    left out is said, and why.
    """
    from actionpose.training.build import DEFAULT_MARGIN, build_dataset
    from actionpose.training.dataset import KeypointDataset, choose_split, save_dataset, split

    if whole and margin is not None:
        raise click.UsageError("--whole pictures have no --margin.")
    if categories and form != "coco":
        raise click.UsageError("--category is for --format coco.")
    margin = None if whole else DEFAULT_MARGIN if margin is None else margin
    parts: list[KeypointDataset] = []
    for path in labels:
        found = _import_labels(path, form, images, categories)
        for note in found.notes:
            say_note(note)
        with stepping_progress("cutting out", len(found.images)) as advance:
            channels = 3 if colour else 1
            made = build_dataset(found, size=size, channels=channels, margin=margin, on_image=advance, on_note=say_note)
        if {source for part in parts for source in part.source.tolist()} & set(made.source.tolist()):
            made = replace(made, source=np.char.add(f"{path}: ", made.source))  # a video of the same name is another
        parts.append(made)
    dataset = KeypointDataset.concatenate(parts)
    by = choose_split(dataset, validation=validation, test=test) if split_by == "auto" else split_by
    dataset = split(dataset, by=by, validation=validation, test=test, seed=seed)
    save_dataset(dataset, output)
    echo(f"{output}: {describe_dataset(dataset)} Split: {by}.", err=True)


def say_note(note: str) -> None:
    """Say what the user should know and cannot see."""
    echo(f"note: {note}", err=True)


def _import_labels(path: Path, form: str, images: Path | None, categories: tuple[str, ...]) -> LabelSet:
    from actionpose.training import importers
    from actionpose.training.labels import load_labels

    if form == "labels":
        return load_labels(path)
    if form == "coco":
        return importers.load_coco(path, images=images, categories=categories)
    load: Callable[..., LabelSet] = getattr(importers, f"load_{form}")
    return load(path, images=images)


def describe_dataset(dataset: KeypointDataset) -> str:
    """Return a dataset in one line for people."""
    counts = ", ".join(
        f"{n} {part}" for part in ("train", "validation", "test", "unused") if (n := int((dataset.part == part).sum()))
    )
    width, height = dataset.size
    kind = "gray" if dataset.channels == 1 else "colour"
    return f"{len(dataset)} pictures of {width}x{height}, {kind}, {dataset.skeleton.name} ({counts})."
