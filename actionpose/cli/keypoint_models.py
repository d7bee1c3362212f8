"""``actionpose keypoints evaluate``, ``export``, ``configure`` and ``analyze``: what a trained model can do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from actionpose.cli.keypoint_progress import stopping_on_interrupt
from actionpose.cli.keypoint_verdict import find_training_faults_of, judge_model, say_verdict
from actionpose.cli.options import epilog, source_options
from actionpose.cli.terminal import echo, echo_json, frame_progress, show_table, simple_table
from actionpose.errors import LibraryError, RecordingError
from actionpose.library import default_location
from actionpose.session.recognizers import describe_left_aside, fitting_templates
from actionpose.sources import Source
from actionpose.training.errors import require_torch

if TYPE_CHECKING:
    from actionpose.skeleton import Skeleton
    from actionpose.template import Template
    from actionpose.training.average_precision import AveragePrecision
    from actionpose.training.dataset import KeypointDataset
    from actionpose.training.evaluation import KeypointScore

__all__ = ["analyze", "configure", "evaluate", "export", "run_export", "tell_how_to_use"]

_PATH = click.Path(path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)

_N_DIMS = 2  # of the poses of models of one's own

_Scores = dict[str, dict[str, "KeypointScore"]]


@click.command(
    epilog=epilog(
        "keypoints evaluate runs/me data.npz --worst worst.jpg",
        "keypoints evaluate models/me truth.npz --teacher",
        "keypoints evaluate models/face data.npz --reference left_eye,right_eye --json",
    )
)
@click.argument("model", type=_FOLDER)
@click.argument("dataset", type=_PATH)
@click.option(
    "--part", type=click.Choice(["train", "validation", "test"]), default="test", show_default=True, help="Judge by."
)
@click.option(
    "--reference",
    metavar="A,B",
    help="Measure errors in the distance of two keypoints.  [default: torso or hand, else the mean edge]",
)
@click.option("--teacher", is_flag=True, help="Judge MediaPipe by the same pictures, beside it.")
@click.option("--worst", type=_FILE, metavar="FILE.jpg", help="Draw the largest errors, labels left, model right.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def evaluate(
    *,
    model: Path,
    dataset: Path,
    part: Literal["train", "validation", "test"],
    reference: str | None,
    teacher: bool,
    worst: Path | None,
    as_json: bool,
) -> None:
    """Judge MODEL, a training or a model folder, by pictures it was not trained on.

    AP is COCO's average precision for bodies whose place is known. "sure" labels are those on which two passes of the
    teacher agreed. Pixels (px; median_px and mean_px of --json) are those of the labelled pictures, not of the model's
    smaller ones. If the model cannot be relied on, that is said, and why.
    """
    from actionpose.training.dataset import load_dataset
    from actionpose.training.evaluation import (
        compute_dataset_precision,
        evaluate_keypoints,
        measure_by,
        predict_with,
    )
    from actionpose.training.verdict import find_faults

    pictures = load_dataset(dataset)
    chosen = judged = pictures.of_part(part)
    if reference is not None:
        first, comma, second = reference.partition(",")
        if not comma:
            raise click.UsageError(f"--reference takes two keypoints parted by a comma, got {reference!r}.")
        chosen = measure_by(chosen, first.strip(), second.strip())
    predicted, confidence = predict_with(model, chosen)
    scores = evaluate_keypoints(chosen, predicted)
    precision = compute_dataset_precision(chosen, predicted, confidence)
    beside = _judge_teacher(chosen) if teacher else None
    if as_json:
        found: dict[str, Any] = {"coco": asdict(precision), **_to_builtins(scores)}
        if beside is not None:
            found["teacher"] = _to_builtins(beside)
        echo_json(found)
    else:
        _print_scores(scores, beside, precision)
        echo(_describe_pixels(chosen))
    if worst is not None:
        from actionpose.training.contact_sheet import draw_worst

        draw_worst(chosen, predicted, worst)
        echo(f"{worst} shows the largest errors.", err=True)
    if reference is not None:  # the verdict does not hang on what errors are measured in
        predicted, _ = predict_with(model, judged)
    say_verdict([*find_faults(judged, predicted), *find_training_faults_of(model, pictures)])


def _describe_pixels(dataset: KeypointDataset) -> str:
    width, height = dataset.size
    scale = sorted(dataset.picture_scale.tolist())[len(dataset) // 2]
    return f"px: pixels of the labelled pictures; one of the model's {width}x{height} is {scale:.2f} of them."


def _judge_teacher(dataset: KeypointDataset) -> _Scores:
    from actionpose.training.evaluation import evaluate_keypoints
    from actionpose.training.teacher import Teacher

    with Teacher(dataset.skeleton) as teacher:
        return evaluate_keypoints(dataset, teacher.predict(dataset.image, dataset.source.tolist()))


def _to_builtins(scores: _Scores) -> dict[str, dict[str, Any]]:
    return {labels: {name: asdict(score) for name, score in of.items()} for labels, of in scores.items()}


def _print_scores(scores: _Scores, beside: _Scores | None, precision: AveragePrecision) -> None:
    more = () if beside is None else ("teacher", "px")
    for labels, of_label in scores.items():
        columns = ("PCK@0.1", "@0.2", "95 %", "AUC", "NME", "median px", "mean px", "n")
        table = simple_table(f"{labels} labels", *columns, *more, names={f"{labels} labels"})
        for name, score in of_label.items():
            row = [
                name,
                f"{score.pck_10.value:.3f}",
                f"{score.pck_20.value:.3f}",
                f"{score.pck_20.low:.2f}-{score.pck_20.high:.2f}",
                f"{score.auc:.3f}",
                f"{score.nme:.3f}",
                f"{score.median_px:.2f}",
                f"{score.mean_px:.2f}",
                str(score.pck_20.n),
            ]
            if beside is not None:
                other = beside[labels][name]
                row += [f"{other.pck_20.value:.3f}", f"{other.median_px:.2f}"]
            table.add_row(*row)
        show_table(table)
    echo(f"AP {precision.ap:.3f}, AP50 {precision.ap50:.3f}, AP75 {precision.ap75:.3f}, AR {precision.ar:.3f}")


@click.command(
    epilog=epilog(
        "keypoints export runs/me data.npz -o models/me --int8",
        "keypoints export runs/me data.npz -o models/me --tflite tflite-env/bin/python",
    )
)
@click.argument("training", type=_FOLDER)
@click.argument("dataset", type=_PATH)
@click.option("-o", "--output", "folder", type=_FOLDER, required=True, help="The model folder.")
@click.option("--int8", is_flag=True, help="Whole numbers of 8 bits: a quarter of the size, and quicker.")
@click.option(
    "--tflite",
    "python",
    metavar="PYTHON",
    type=_FILE,
    help="Write model.tflite too, by a Python that has litert-torch and msgspec.",
)
@click.option("--name", help="What to call the model.  [default: the folder's name]")
def export(*, training: Path, dataset: Path, folder: Path, int8: bool, python: Path | None, name: str | None) -> None:
    """Make a model folder that runs without torch: `actionpose live --model FOLDER`.

    DATASET is what it was trained on: some of its pictures calibrate --int8 and are compared with the checkpoint.

    litert-torch cannot be installed beside mediapipe: `python -m venv tflite-env`, then `tflite-env/bin/pip install
    litert-torch msgspec`.
    """
    from actionpose.training.dataset import load_dataset

    require_torch()
    pictures = load_dataset(dataset)
    faults = run_export(training, pictures, folder, int8=int8, name=name)
    if python is not None:
        from actionpose.training.tflite import export_tflite

        made = export_tflite(training, folder / "model.tflite", python=python, examples=pictures.of_part("train").image)
        echo(
            f"{made.path}: {made.n_bytes / 2**20:.1f} MiB; at most {made.largest_difference_px:.2g} px of its pictures "
            "from the checkpoint.",
            err=True,
        )
    tell_how_to_use(folder, pictures.skeleton, faults=faults)


def run_export(
    training: Path, dataset: KeypointDataset, folder: Path, *, int8: bool, name: str | None = None
) -> list[str]:
    """Write the model folder, say how good, large, quick and true it is, and return what is wrong with it."""
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
        echo(f"{title}: {value:.3f}", err=True)
    echo(
        f"{folder}: {report.n_bytes / 2**20:.1f} MiB, {report.latency_ms:.1f} ms a picture with one thread; "
        f"{report.mean_difference_px:.2g} px of its {model.size[0]}x{model.size[1]} pictures from the checkpoint, at "
        f"most {report.largest_difference_px:.2g}.",
        err=True,
    )
    return judge_model(folder, dataset, training=training)


def tell_how_to_use(folder: Path, skeleton: Skeleton, *, faults: Sequence[str] = ()) -> None:
    """Say what is wrong with a new model; if nothing is, how to use it, and which templates do not fit it."""
    if faults:
        say_verdict(faults)
        return
    templates = _read_enabled(default_location())
    note = describe_left_aside(templates, skeleton, _N_DIMS)
    if note:
        echo(f"note: {note}", err=True)
    if not fitting_templates(templates, skeleton, _N_DIMS):
        echo(f"Show it an action: actionpose record LABEL --model {folder}", err=True)
    echo(f"Try it: actionpose live --model {folder}", err=True)


def _read_enabled(location: str) -> list[Template]:
    """Return the templates in use; none where there is no library yet, or none that can be read."""
    from actionpose.library import TemplateLibrary

    try:
        with TemplateLibrary.open(location, read_only=True) as library:
            return [template for template in library.templates() if template.enabled]
    except LibraryError:
        return []


@click.command(
    epilog=epilog("keypoints configure models/me --smooth", "keypoints configure models/me --finder yolo11n.onnx")
)
@click.argument("model", type=_FOLDER)
@click.option(
    "--finder",
    metavar="NAME|FILE.onnx",
    help="Who says where the body is when it is lost: person, hand (MediaPipe), none (look in the whole picture), or "
    "a YOLO detector of version 5, 8 or 11, which is copied into MODEL.",
)
@click.option("--smooth/--no-smooth", default=None, help="Steady the keypoints by a one-euro filter.")
def configure(*, model: Path, finder: str | None, smooth: bool | None) -> None:
    """Change how MODEL, a model folder, runs; without options, show it."""
    from actionpose.estimators.model_folder import read_model, set_finder, set_smoothing
    from actionpose.estimators.one_euro import SmoothingSettings

    if finder is not None:
        set_finder(model, finder)
    if smooth is not None:
        set_smoothing(model, SmoothingSettings() if smooth else None)
    description, _ = read_model(model)
    echo(f"{description.name}: {description.skeleton.name}, {description.size[0]}x{description.size[1]}")
    echo(f"finder: {'none' if description.margin is None else description.finder}")
    echo(f"smoothing: {description.smoothing or 'none'}")


@click.command(epilog=epilog("keypoints analyze mouse.mp4 --model models/mouse -o mouse/"))
@click.argument("source")
@click.option("--model", metavar="NAME|PATH", required=True, help="The keypoint model.")
@click.option("-o", "--output", "folder", type=_FOLDER, required=True, help="Folder for what comes out.")
@click.option("--video/--no-video", default=True, show_default=True, help="Write the video with keypoints drawn in.")
@source_options
def analyze(*, source: str, model: str, folder: Path, video: bool, open_from: Callable[[str], Source]) -> None:
    """Find the keypoints in every frame of SOURCE.

    FOLDER gets keypoints.csv, trajectories.png and .svg, and labelled.mp4. Ctrl-C ends it early and keeps what was
    found.
    """
    from actionpose.charts import save_figure
    from actionpose.estimators import load_estimator
    from actionpose.training.trajectories import draw_trajectories, find_trajectories, save_trajectories

    folder.mkdir(parents=True, exist_ok=True)
    problems: list[RecordingError] = []
    with (
        load_estimator(model) as estimator,
        open_from(source) as frames,
        frame_progress(frames.info) as advance,
        stopping_on_interrupt() as should_stop,
    ):
        found = find_trajectories(
            frames,
            estimator,
            video=folder / "labelled.mp4" if video else None,
            on_frame=advance,
            should_stop=should_stop,
            on_video_error=problems.append,
        )
        size = frames.info.size
        for note in frames.notes:
            echo(f"note: {note}", err=True)
    save_trajectories(found, folder / "keypoints.csv")
    save_figure(draw_trajectories(found, size=size), folder / "trajectories")
    share = float((found.confidence.max(axis=1) > 0).mean())
    echo(f"{folder}: {len(found)} frames, a body in {100 * share:.0f} % of them.", err=True)
    should_stop.leave_if_told()
    if problems:
        raise problems[0]
