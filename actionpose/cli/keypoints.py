"""``actionpose keypoints``: a keypoint model of your own, from collecting frames to running live."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from actionpose.cli.options import epilog
from actionpose.cli.terminal import data, frame_progress, narration, simple_table
from actionpose.sources import open_source
from actionpose.training.errors import require_torch

if TYPE_CHECKING:
    from actionpose.training.dataset import KeypointDataset
    from actionpose.training.labels import LabelSet
    from actionpose.training.trainer import Trainer

__all__ = ["keypoints"]

_PATH = click.Path(path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_FORMATS = ("labels", "coco", "deeplabcut", "freihand", "csv")


@click.group(
    epilog=epilog(
        "keypoints quickstart me1.mp4 me2.mp4 -o models/me",
        "live --model models/me",
    )
)
def keypoints() -> None:
    """Make a keypoint model of your own: of people, animals or things.

    Training needs torch (`pip install 'actionpose[train]'`); running a model does not.
    """


_skeleton_option = click.option(
    "--skeleton",
    "skeleton_name",
    metavar="NAME|KEYPOINTS",
    default="upper_body_6",
    show_default=True,
    help="upper_body_6, coco_17, blazepose_33, or keypoints parted by commas.",
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
_minutes_option = click.option(
    "--minutes", metavar="N", type=click.FloatRange(min=0, min_open=True), help="Train for about N minutes."
)


def _parse_size(text: str) -> tuple[int, int]:
    width, cross, height = text.partition("x")
    if not (cross and width.isdigit() and height.isdigit()):
        raise click.BadParameter(f"expected WIDTHxHEIGHT, for instance 128x128, got {text!r}")
    return int(width), int(height)


@keypoints.command(epilog=epilog("keypoints collect 0 -o labels/", "keypoints collect *.mp4 --keep 500 -o labels/"))
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("-o", "--output", "folder", type=_FOLDER, required=True, help="Folder for pictures and labels.")
@_skeleton_option
@_keep_option
@click.option(
    "--every", metavar="SECONDS", type=click.FloatRange(min=0), default=0.0, help="Least time between two frames."
)
def collect(*, sources: tuple[str, ...], folder: Path, skeleton_name: str, keep: int, every: float) -> None:
    """Let MediaPipe label the frames of videos or a camera.

    Ctrl-C ends a camera and keeps what was labelled. FOLDER/contact_sheet.jpg shows it; deleting a picture leaves it
    out, and labels.csv can be corrected by hand.
    """
    labels = _collect(sources, folder, skeleton_name, keep=keep, every_s=every)
    click.echo(
        f"{len(labels.images)} labelled pictures are in {folder}; look at {folder / 'contact_sheet.jpg'}.", err=True
    )


def _collect(
    sources: tuple[str, ...], folder: Path, skeleton_name: str, *, keep: int, every_s: float = 0.0
) -> LabelSet:
    from actionpose.training.collect import Collector
    from actionpose.training.contact_sheet import draw_contact_sheet
    from actionpose.training.teacher import choose_skeleton

    collector = Collector(folder, choose_skeleton(skeleton_name))
    with _stop_on_interrupt() as should_stop:
        for spec in sources:
            with open_source(spec) as source, frame_progress(source.info) as advance:
                n_kept = collector.read(source, every_s=every_s, on_frame=advance, should_stop=should_stop)
                click.echo(f"{source.info.name}: {n_kept} frames labelled.", err=True)
            if should_stop():
                break
        labels = collector.finish(keep=keep)
        draw_contact_sheet(labels, folder / "contact_sheet.jpg")
    return labels


@keypoints.command(
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
@click.option("--images", type=_FOLDER, help="Where the pictures are.  [default: beside the labels]")
@_size_option
@click.option("--colour", is_flag=True, help="Keep colours; gray is quicker.")
@click.option("--whole", is_flag=True, help="Use whole pictures, not crops around the keypoints.")
@click.option("--margin", metavar="SHARE", type=click.FloatRange(0, 10), help="Room around the keypoints.")
@click.option(
    "--split",
    "split_by",
    type=click.Choice(["time", "source", "random"]),
    default="time",
    show_default=True,
    help="Test on the last stretch of each source, on whole sources, or on single pictures.",
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
    size: tuple[int, int],
    colour: bool,
    whole: bool,
    margin: float | None,
    split_by: Literal["time", "source", "random"],
    validation: float,
    test: float,
    seed: int,
) -> None:
    """Make a dataset of labelled pictures: one file, divided for training, validation and test."""
    from actionpose.training.build import DEFAULT_MARGIN, build_dataset
    from actionpose.training.dataset import KeypointDataset, save_dataset, split

    if whole and margin is not None:
        raise click.UsageError("--whole pictures have no --margin.")
    margin = None if whole else DEFAULT_MARGIN if margin is None else margin
    parts = []
    for path in labels:
        found = _import_labels(path, form, images)
        for note in found.notes:
            click.echo(f"note: {note}", err=True)
        with _bar("cutting out", len(found.images)) as advance:
            channels = 3 if colour else 1
            parts.append(build_dataset(found, size=size, channels=channels, margin=margin, on_image=advance))
    dataset = split(KeypointDataset.concatenate(parts), by=split_by, validation=validation, test=test, seed=seed)
    save_dataset(dataset, output)
    click.echo(f"{output}: {_describe(dataset)}", err=True)


def _import_labels(path: Path, form: str, images: Path | None) -> LabelSet:
    from actionpose.training import importers
    from actionpose.training.labels import load_labels

    if form == "labels":
        return load_labels(path)
    load: Callable[..., LabelSet] = getattr(importers, f"load_{form}")
    return load(path, images=images)


def _describe(dataset: KeypointDataset) -> str:
    counts = ", ".join(
        f"{n} {part}" for part in ("train", "validation", "test", "unused") if (n := int((dataset.part == part).sum()))
    )
    width, height = dataset.size
    kind = "gray" if dataset.channels == 1 else "colour"
    return f"{len(dataset)} pictures of {width}x{height}, {kind}, {dataset.skeleton.name} ({counts})."


@keypoints.command(
    epilog=epilog("keypoints train data.npz -o runs/me --minutes 10", "keypoints train data.npz -o runs/me --resume")
)
@click.argument("dataset", type=_PATH)
@click.option("-o", "--output", "folder", type=_FOLDER, required=True, help="Folder for checkpoints and report.")
@click.option("--resume", is_flag=True, help="Take up the training of this folder.")
@_minutes_option
@click.option("--epochs", metavar="N", type=click.IntRange(min=1), help="Times to see every picture.  [default: 40]")
@click.option("--backbone", type=click.Choice(["resnet18", "resnet34", "resnet50", "resnet101"]), default="resnet18")
@click.option("--width", metavar="FACTOR", type=float, default=0.5, show_default=True, help="Channels; 1 as published.")
@click.option("--head", type=click.Choice(["heatmap", "simcc", "integral", "regress"]), default="heatmap")
@click.option(
    "--loss", type=click.Choice(["cross_entropy", "mse", "adaptive_wing", "smooth_l1", "wing", "rle"]), default=None
)
@click.option("--sigma", metavar="PIXELS", type=float, default=3.5, show_default=True, help="Spread of the targets.")
@click.option("--batch", metavar="N", type=click.IntRange(min=2), default=16, show_default=True)
@click.option("--learning-rate", metavar="RATE", type=float, default=2e-3, show_default=True)
@click.option("--schedule", type=click.Choice(["cosine", "plateau", "steps", "constant"]), default="cosine")
@click.option(
    "--rotation", metavar="DEGREES", type=float, default=15.0, show_default=True, help="Turn pictures up to so far."
)
@click.option("--patience", metavar="N", type=click.IntRange(min=1), default=30, show_default=True)
@click.option("--doubtful", metavar="WEIGHT", type=float, default=0.0, show_default=True, help="Of doubtful labels.")
@click.option("--weights", type=_PATH, help="Start from a torchvision state dict (.pth) of this backbone.")
@click.option("--seed", metavar="N", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, mps or auto.")
def train(*, dataset: Path, folder: Path, resume: bool, **options: Any) -> None:
    """Train a model on DATASET. Ctrl-C saves; --resume goes on as if nothing had happened."""
    from actionpose.training.dataset import load_dataset

    _train(load_dataset(dataset), folder, resume=resume, **options)


def _train(dataset: KeypointDataset, folder: Path, *, resume: bool = False, **options: Any) -> None:
    require_torch()
    from actionpose.training.report import write_report
    from actionpose.training.trainer import Trainer

    trainer = Trainer.resume(dataset, folder) if resume else _make_trainer(dataset, folder, **options)
    with _stop_on_interrupt() as should_stop:
        _show_training(trainer, should_stop)
        if trainer.best is not None or trainer.is_done:
            write_report(trainer.history, folder, dataset=dataset)
        if not trainer.is_done:
            click.echo(f"Saved. Go on with `actionpose keypoints train ... -o {folder} --resume`.", err=True)
            raise KeyboardInterrupt
    click.echo(f"{folder / 'report.html'} shows how it went.", err=True)


def _make_trainer(
    dataset: KeypointDataset,
    folder: Path,
    *,
    minutes: float | None = None,
    epochs: int | None = None,
    backbone: Any = "resnet18",
    width: float = 0.5,
    head: Any = "heatmap",
    loss: Any = None,
    sigma: float = 3.5,
    batch: int = 16,
    learning_rate: float = 2e-3,
    schedule: Any = "cosine",
    rotation: float = 15.0,
    patience: int = 30,
    doubtful: float = 0.0,
    weights: Path | None = None,
    seed: int = 0,
    device: str = "auto",
) -> Trainer:
    from actionpose.training.settings import AugmentationSettings, NetworkSettings, TrainingSettings
    from actionpose.training.trainer import Trainer, estimate_epochs

    if minutes is not None and epochs is not None:
        raise click.UsageError("Give --minutes or --epochs, not both.")
    network = NetworkSettings(backbone=backbone, width=width, head=head, loss=loss, sigma_px=sigma)
    settings = TrainingSettings(
        epochs=epochs or TrainingSettings().epochs,
        batch_size=batch,
        learning_rate=learning_rate,
        schedule=schedule,
        patience=patience,
        doubtful_weight=doubtful,
        seed=seed,
        device=device,
        augmentation=AugmentationSettings(rotation_deg=rotation),
    )
    if minutes is not None:
        settings = estimate_epochs(dataset, network=network, settings=settings, minutes=minutes)
        click.echo(f"{settings.epochs} epochs will take about {minutes:g} minutes.", err=True)
    return Trainer(dataset, folder, network=network, settings=settings, weights=weights)


def _show_training(trainer: Trainer, should_stop: Callable[[], bool]) -> None:
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("steps "),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
        console=narration,
        transient=True,
        disable=not narration.is_terminal,
    ) as bar:
        task = bar.add_task("training", total=trainer.n_steps)
        for progress in trainer.run(should_stop=should_stop):
            bar.update(task, completed=progress.step, description=f"loss {progress.loss:.3f}")
            found = progress.validation
            if found is not None:
                narration.print(
                    f"epoch {found.epoch + 1}: loss {found.loss:.3f}, validation PCK@0.2 {found.pck:.3f}, "
                    f"error {found.error_px:.1f} px"
                )


@keypoints.command(epilog=epilog("keypoints evaluate runs/me data.npz", "keypoints evaluate models/me data.npz --json"))
@click.argument("model", type=_FOLDER)
@click.argument("dataset", type=_PATH)
@click.option(
    "--part", type=click.Choice(["train", "validation", "test"]), default="test", show_default=True, help="Judge by."
)
@click.option("--worst", type=_PATH, metavar="FILE.jpg", help="Draw the pictures with the largest errors.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def evaluate(
    *, model: Path, dataset: Path, part: Literal["train", "validation", "test"], worst: Path | None, as_json: bool
) -> None:
    """Judge MODEL, a training or a model folder, by pictures it was not trained on."""
    from actionpose.training.dataset import load_dataset
    from actionpose.training.evaluation import evaluate_keypoints, predict_with

    chosen = load_dataset(dataset).of_part(part)
    predicted, _ = predict_with(model, chosen)
    result = evaluate_keypoints(chosen, predicted)
    if worst is not None:
        from actionpose.training.contact_sheet import draw_worst

        draw_worst(chosen, predicted, worst)
        click.echo(f"{worst} shows the largest errors.", err=True)
    if as_json:
        click.echo(
            json.dumps(
                {labels: {name: asdict(score) for name, score in scores.items()} for labels, scores in result.items()},
                indent=2,
            )
        )
        return
    for labels, scores in result.items():
        table = simple_table(f"{labels} labels", "PCK@0.1", "PCK@0.2", "95 %", "AUC", "median px", "mean px", "n")
        for name, score in scores.items():
            table.add_row(
                name,
                f"{score.pck_10.value:.3f}",
                f"{score.pck_20.value:.3f}",
                f"{score.pck_20.low:.3f}-{score.pck_20.high:.3f}",
                f"{score.auc:.3f}",
                f"{score.median_px:.2f}",
                f"{score.mean_px:.2f}",
                str(score.pck_20.n),
            )
        data.print(table)


@keypoints.command(epilog=epilog("keypoints export runs/me data.npz -o models/me --int8"))
@click.argument("training", type=_FOLDER)
@click.argument("dataset", type=_PATH)
@click.option("-o", "--output", "folder", type=_FOLDER, required=True, help="The model folder.")
@click.option("--int8", is_flag=True, help="Whole numbers of 8 bits: a quarter of the size, and quicker.")
@click.option("--name", help="What to call the model.  [default: the folder's name]")
def export(*, training: Path, dataset: Path, folder: Path, int8: bool, name: str | None) -> None:
    """Make a model folder that runs without torch: `actionpose live --model FOLDER`.

    DATASET is what it was trained on: some of its pictures calibrate --int8 and are compared with the checkpoint.
    """
    from actionpose.training.dataset import load_dataset

    _export(training, load_dataset(dataset), folder, int8=int8, name=name)


def _export(training: Path, dataset: KeypointDataset, folder: Path, *, int8: bool, name: str | None = None) -> None:
    require_torch()
    from actionpose.training.checkpoint import load_model, predict
    from actionpose.training.evaluation import evaluate_keypoints
    from actionpose.training.export import export_model

    model = load_model(training)
    metrics = {}
    if (dataset.part == "test").any():
        test = dataset.of_part("test")
        scores = evaluate_keypoints(test, predict(model.network, test.image)[0])
        metrics = {f"test PCK@0.2, {labels} labels": round(s["all"].pck_20.value, 4) for labels, s in scores.items()}
    report = export_model(
        model,
        folder,
        name=name or folder.resolve().name,
        examples=dataset.of_part("train").image,
        margin=dataset.margin,
        precision="int8" if int8 else "float32",
        metrics=metrics,
    )
    for title, value in metrics.items():
        click.echo(f"{title}: {value:.3f}", err=True)
    click.echo(
        f"{folder}: {report.n_bytes / 2**20:.1f} MiB, {report.latency_ms:.1f} ms a picture with one thread; "
        f"{report.mean_difference_px:.2g} px from the checkpoint, at most {report.largest_difference_px:.2g}.",
        err=True,
    )


@keypoints.command(epilog=epilog("keypoints quickstart me1.mp4 me2.mp4 -o models/me", "live --model models/me"))
@click.argument("sources", nargs=-1, required=True, metavar="VIDEO...")
@click.option("-o", "--output", "folder", type=_FOLDER, required=True, help="The model folder.")
@_skeleton_option
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
    from actionpose.training.dataset import save_dataset, split

    workshop = folder / "training"
    workshop.mkdir(parents=True, exist_ok=True)
    labels = _collect(sources, workshop / "labels", skeleton_name, keep=keep)
    with _bar("cutting out", len(labels.images)) as advance:
        dataset = split(build_dataset(labels, on_image=advance))
    save_dataset(dataset, workshop / "data.npz")
    click.echo(_describe(dataset), err=True)
    _train(dataset, workshop / "run", minutes=minutes)
    _export(workshop / "run", dataset, folder, int8=int8)
    click.echo(f"Try it: actionpose live --model {folder}", err=True)


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[], None]]:
    with Progress(
        TextColumn(what), BarColumn(), MofNCompleteColumn(), console=narration, transient=True,
        disable=not narration.is_terminal,
    ) as progress:  # fmt: skip
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)


@contextmanager
def _stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Give what tells whether Ctrl-C was pressed; a second one does what it always does."""
    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        received.append(number)
        signal.signal(signal.SIGINT, previous)

    previous = signal.signal(signal.SIGINT, stop)
    try:
        yield lambda: bool(received)
    finally:
        signal.signal(signal.SIGINT, previous)
