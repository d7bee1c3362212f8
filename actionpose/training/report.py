"""One page on a training: its curves, its figures, and what it predicts."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure

from actionpose.training.contact_sheet import tile_crops
from actionpose.training.dataset import KeypointDataset
from actionpose.training.errors import TrainingError
from actionpose.training.evaluation import choose_part, evaluate_keypoints, predict_with
from actionpose.training.trainer import Validation
from actionpose.whole_file import save_whole

__all__ = ["write_report"]

_N_EXAMPLES = 48

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:15px sans-serif;max-width:1100px;margin:2em auto}}img{{max-width:100%}}
table{{border-collapse:collapse}}td,th{{padding:.2em .8em;text-align:right;border-bottom:1px solid #ccc}}
td:first-child,th:first-child{{text-align:left}}</style>
<h1>{title}</h1><p>{summary}</p>
<h2>Curves</h2><img alt="loss and PCK by epoch" src="data:image/png;base64,{curves}">
<h2>By keypoint, {part} part</h2><table>{rows}</table>
<p>Pixels (px) are those of the labelled pictures.</p>
<h2>Examples, {part} part</h2><p>Labels green (sure) and orange (doubtful), predictions blue.</p>
<img alt="labels and predictions" src="data:image/jpeg;base64,{examples}">
</html>
"""


def write_report(history: Sequence[Validation], folder: str | Path, *, dataset: KeypointDataset) -> Path:
    """Write ``report.html``, which holds its pictures and needs no network, into the folder of a training.

    Parameters
    ----------
    history : sequence of Validation
        One for each epoch.
    folder : path
        Of the training.
    dataset : KeypointDataset
        What it was trained on; its test part, else its validation part, is judged.
    """
    folder = Path(folder)
    part = choose_part(dataset)
    judged = dataset.of_part(part)
    predicted, _ = predict_with(folder, judged)
    rows = ["<tr><th></th><th>labels</th><th>PCK@0.1</th><th>PCK@0.2</th><th>mean error, px</th><th>n</th></tr>"]
    for labels, scores in evaluate_keypoints(judged, predicted).items():
        rows += [
            f"<tr><td>{html.escape(name)}</td><td>{labels}</td><td>{score.pck_10.value:.3f}</td>"
            f"<td>{score.pck_20.value:.3f}</td><td>{score.mean_px:.2f}</td><td>{score.pck_20.n}</td></tr>"
            for name, score in scores.items()
        ]
    shown = np.unique(np.linspace(0, len(judged) - 1, min(_N_EXAMPLES, len(judged))).round().astype(int))
    sheet = tile_crops(judged[shown], predicted[shown])
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    counts = ", ".join(f"{int((dataset.part == p).sum())} {p}" for p in np.unique(dataset.part))
    page = _PAGE.format(
        title=html.escape(f"Training of {folder.resolve().name}"),
        summary=html.escape(f"{dataset.skeleton.name}, {len(dataset)} pictures ({counts})."),
        curves=_encode(_draw_curves(history)),
        part=part,
        rows="".join(rows),
        examples=base64.b64encode(jpeg.tobytes()).decode(),
    )
    path = folder / "report.html"
    save_whole(path, page.encode(), error=TrainingError)
    return path


def _draw_curves(history: Sequence[Validation]) -> Figure:
    figure = Figure(figsize=(9, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [entry.epoch + 1 for entry in history]
    left.plot(epochs, [entry.loss for entry in history], color="#0072B2")
    left.set(xlabel="epoch", ylabel="training loss")
    right.plot(epochs, [entry.pck for entry in history], color="#009E73", label="PCK@0.2")
    right.plot(epochs, [entry.auc for entry in history], color="#D55E00", label="AUC")
    right.set(xlabel="epoch", ylabel="validation", ylim=(0, 1))
    right.legend()
    return figure


def _encode(figure: Figure) -> str:
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=100)
    return base64.b64encode(picture.getvalue()).decode()
