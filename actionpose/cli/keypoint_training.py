"""``actionpose keypoints train``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from actionpose.cli.keypoint_labels import say_note
from actionpose.cli.keypoint_progress import draw_curve, stepping_progress, stopping_on_interrupt
from actionpose.cli.keypoint_verdict import judge_model, say_verdict
from actionpose.cli.options import epilog
from actionpose.cli.terminal import echo, narration
from actionpose.training.errors import require_torch
from actionpose.training.settings import (
    AugmentationSettings,
    Backbone,
    HeadKind,
    LossKind,
    NetworkSettings,
    Schedule,
    TrainingSettings,
)

if TYPE_CHECKING:
    from actionpose.training.dataset import KeypointDataset
    from actionpose.training.trainer import Trainer

__all__ = ["run_training", "train"]

_PATH = click.Path(path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)

_NETWORK, _TRAINING, _AUGMENTATION = NetworkSettings(), TrainingSettings(), AugmentationSettings()


def _option(
    flag: str, name: str, metavar: str, default: float, text: str
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return an option for a number of the settings, which check it."""
    return click.option(flag, name, metavar=metavar, type=type(default), default=default, show_default=True, help=text)


@click.command(
    epilog=epilog("keypoints train data.npz -o runs/me --minutes 10", "keypoints train data.npz -o runs/me --resume")
)
@click.argument("dataset", type=_PATH)
@click.option("-o", "--output", "folder", type=_FOLDER, required=True, help="Folder for checkpoints and report.")
@click.option("--resume", is_flag=True, help="Take up the training of this folder.")
@click.option("--minutes", metavar="N", type=click.FloatRange(min=0, min_open=True), help="Train for about N minutes.")
@click.option(
    "--epochs",
    metavar="N",
    type=click.IntRange(min=1),
    help=f"Times to see every picture.  [default: {_TRAINING.epochs}]",
)
@click.option("--backbone", type=click.Choice(get_args(Backbone)), default=_NETWORK.backbone, show_default=True)
@_option("--width", "width", "FACTOR", _NETWORK.width, "Channels; 1 as published.")
@click.option("--head", type=click.Choice(get_args(HeadKind)), default=_NETWORK.head, show_default=True)
@click.option("--loss", type=click.Choice(get_args(LossKind)), help="[default: the best of the head's]")
@_option(
    "--deconvolutions",
    "deconvolution_channels",
    "CHANNELS",
    _NETWORK.deconvolution_channels,
    "Of the heatmap and integral heads; the paper has 256.",
)
@_option("--sigma", "sigma_px", "PIXELS", _NETWORK.sigma_px, "Spread of the targets.")
@_option("--batch", "batch_size", "N", _TRAINING.batch_size, "Pictures a step.")
@_option("--learning-rate", "learning_rate", "RATE", _TRAINING.learning_rate, "The highest.")
@click.option("--schedule", type=click.Choice(get_args(Schedule)), default=_TRAINING.schedule, show_default=True)
@_option("--rotation", "rotation_deg", "DEGREES", _AUGMENTATION.rotation_deg, "Turn pictures up to so far.")
@_option(
    "--part",
    "part",
    "SHARE",
    _AUGMENTATION.part,
    "See this share of a picture's sides at a time, around the body: for small bodies in --whole pictures.",
)
@_option("--patience", "patience", "N", _TRAINING.patience, "Stop after so many epochs without progress.")
@_option("--doubtful", "doubtful_weight", "WEIGHT", _TRAINING.doubtful_weight, "Of doubtful labels.")
@click.option(
    "--weights",
    metavar="FILE|imagenet",
    help="Start from a torchvision state dict (.pth) of this backbone; imagenet fetches torchvision's.",
)
@_option("--seed", "seed", "N", _TRAINING.seed, "The same seed gives the same model.")
@click.option("--device", default=_TRAINING.device, show_default=True, help="cpu, cuda, mps or auto.")
@_option("--save-every", "save_s", "SECONDS", _TRAINING.save_s, "Save where --resume goes on.")
@click.option("--show-every", metavar="EPOCHS", type=click.IntRange(min=1), default=1, help="Say how it goes.")
def train(*, dataset: Path, folder: Path, resume: bool, show_every: int, **options: Any) -> None:
    """Train a model on DATASET. Ctrl-C and SIGTERM save; --resume goes on as if nothing had happened.

    Pixels of errors are those of the labelled pictures, not of the model's smaller ones.
    """
    from actionpose.training.dataset import load_dataset

    run_training(load_dataset(dataset), folder, resume=resume, show_every=show_every, **options)


def run_training(
    dataset: KeypointDataset,
    folder: Path,
    *,
    resume: bool = False,
    show_every: int = 1,
    is_judged: bool = True,
    **options: Any,
) -> None:
    """Train, show how it goes, write the report and say what is wrong with it; after a signal say how to go on."""
    require_torch()
    from actionpose.training.report import write_report
    from actionpose.training.trainer import Trainer

    trainer = Trainer.resume(dataset, folder) if resume else _make_trainer(dataset, folder, **options)
    with stopping_on_interrupt() as should_stop:
        _show_training(trainer, should_stop, show_every)
        if trainer.best is not None or trainer.is_done:
            write_report(trainer.history, folder, dataset=dataset)
        if not trainer.is_done:
            echo(f"Saved. Go on with `actionpose keypoints train ... -o {folder} --resume`.", err=True)
            should_stop.leave_if_told()
            raise KeyboardInterrupt
    echo(f"{folder / 'report.html'} shows how it went.", err=True)
    if is_judged:
        say_verdict(judge_model(folder, dataset, training=folder))


def _make_trainer(
    dataset: KeypointDataset,
    folder: Path,
    *,
    minutes: float | None = None,
    epochs: int | None = None,
    weights: str | None = None,
    **options: Any,
) -> Trainer:
    """Options are named as the settings' fields."""
    from actionpose.training.pace import estimate_epochs
    from actionpose.training.trainer import Trainer
    from actionpose.training.verdict import FEW_STEPS

    if minutes is not None and epochs is not None:
        raise click.UsageError("Give --minutes or --epochs, not both.")
    network = replace(_NETWORK, **_pick(options, NetworkSettings))
    augmentation = replace(_AUGMENTATION, **_pick(options, AugmentationSettings))
    settings = replace(_TRAINING, **_pick(options, TrainingSettings), augmentation=augmentation)
    if epochs is not None:
        settings = replace(settings, epochs=epochs)
    if minutes is not None:
        settings = estimate_epochs(dataset, network=network, settings=settings, minutes=minutes)
        echo(f"{settings.epochs} epochs will take about {minutes:g} minutes.", err=True)
    trainer = Trainer(dataset, folder, network=network, settings=settings, weights=weights)
    if trainer.n_steps < FEW_STEPS:
        say_note(f"these are {trainer.n_steps} steps, too few to learn much; good models take 800 to 2500.")
    return trainer


def _pick(options: dict[str, Any], kind: type) -> dict[str, Any]:
    return {field.name: options[field.name] for field in fields(kind) if field.name in options}


def _show_training(trainer: Trainer, should_stop: Callable[[], bool], every: int) -> None:
    echo("px: pixels of the labelled pictures.", err=True)
    with stepping_progress("training", trainer.n_steps, "steps ") as show:
        for progress in trainer.run(should_stop=should_stop):
            show(completed=progress.step, advance=None, description=f"loss {progress.loss:.3f}")
            found = progress.validation
            if found is not None and ((found.epoch + 1) % every == 0 or trainer.is_done):
                narration.print(
                    f"epoch {found.epoch + 1}: loss {found.loss:.3f} {draw_curve([v.loss for v in trainer.history])}, "
                    f"validation PCK@0.2 {found.pck:.3f} {draw_curve([v.pck for v in trainer.history])}, "
                    f"error {found.error_px:.1f} px"
                )
