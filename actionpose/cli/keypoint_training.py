"""``actionpose keypoints train``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from actionpose.cli.keypoint_progress import stepping_progress, stopping_on_interrupt
from actionpose.cli.options import epilog
from actionpose.cli.terminal import narration
from actionpose.training.errors import require_torch

if TYPE_CHECKING:
    from actionpose.training.dataset import KeypointDataset
    from actionpose.training.trainer import Trainer

__all__ = ["run_training", "train"]

_PATH = click.Path(path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command(
    epilog=epilog("keypoints train data.npz -o runs/me --minutes 10", "keypoints train data.npz -o runs/me --resume")
)
@click.argument("dataset", type=_PATH)
@click.option("-o", "--output", "folder", type=_FOLDER, required=True, help="Folder for checkpoints and report.")
@click.option("--resume", is_flag=True, help="Take up the training of this folder.")
@click.option("--minutes", metavar="N", type=click.FloatRange(min=0, min_open=True), help="Train for about N minutes.")
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
@click.option(
    "--part",
    metavar="SHARE",
    type=click.FloatRange(0.1, 1),
    default=1.0,
    show_default=True,
    help="See this share of a picture's sides at a time, around the body: for small bodies in --whole pictures.",
)
@click.option("--patience", metavar="N", type=click.IntRange(min=1), default=30, show_default=True)
@click.option("--doubtful", metavar="WEIGHT", type=float, default=0.0, show_default=True, help="Of doubtful labels.")
@click.option(
    "--weights",
    metavar="FILE|imagenet",
    help="Start from a torchvision state dict (.pth) of this backbone; imagenet fetches torchvision's.",
)
@click.option("--seed", metavar="N", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, mps or auto.")
def train(*, dataset: Path, folder: Path, resume: bool, **options: Any) -> None:
    """Train a model on DATASET. Ctrl-C saves; --resume goes on as if nothing had happened."""
    from actionpose.training.dataset import load_dataset

    run_training(load_dataset(dataset), folder, resume=resume, **options)


def run_training(dataset: KeypointDataset, folder: Path, *, resume: bool = False, **options: Any) -> None:
    """Train, show how it goes, and write the report; after Ctrl-C say how to go on."""
    require_torch()
    from actionpose.training.report import write_report
    from actionpose.training.trainer import Trainer

    trainer = Trainer.resume(dataset, folder) if resume else _make_trainer(dataset, folder, **options)
    with stopping_on_interrupt() as should_stop:
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
    part: float = 1.0,
    patience: int = 30,
    doubtful: float = 0.0,
    weights: str | None = None,
    seed: int = 0,
    device: str = "auto",
) -> Trainer:
    from actionpose.training.pace import estimate_epochs
    from actionpose.training.settings import AugmentationSettings, NetworkSettings, TrainingSettings
    from actionpose.training.trainer import Trainer

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
        augmentation=AugmentationSettings(rotation_deg=rotation, part=part),
    )
    if minutes is not None:
        settings = estimate_epochs(dataset, network=network, settings=settings, minutes=minutes)
        click.echo(f"{settings.epochs} epochs will take about {minutes:g} minutes.", err=True)
    return Trainer(dataset, folder, network=network, settings=settings, weights=weights)


def _show_training(trainer: Trainer, should_stop: Callable[[], bool]) -> None:
    with stepping_progress("training", trainer.n_steps, "steps ") as show:
        for progress in trainer.run(should_stop=should_stop):
            show(completed=progress.step, advance=None, description=f"loss {progress.loss:.3f}")
            found = progress.validation
            if found is not None:
                narration.print(
                    f"epoch {found.epoch + 1}: loss {found.loss:.3f}, validation PCK@0.2 {found.pck:.3f}, "
                    f"error {found.error_px:.1f} px"
                )
