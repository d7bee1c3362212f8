"""Many small pictures on one large one: what was labelled, and where a model errs most."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from actionpose.drawing import save_picture
from actionpose.pose import FloatArray
from actionpose.skeleton import Skeleton
from actionpose.training.build import build_dataset
from actionpose.training.dataset import DOUBTFUL, SURE, KeypointDataset
from actionpose.training.evaluation import measure_errors
from actionpose.training.labels import LabelSet

__all__ = ["draw_contact_sheet", "draw_worst", "tile_crops"]

Image = npt.NDArray[np.uint8]

_N_COLUMNS, _MOST = 12, 144
_TILE = 128
_MARGIN = 0.15
# RGB
_SURE, _DOUBTFUL, _PREDICTED = (0, 158, 115), (230, 159, 0), (86, 180, 233)


def draw_contact_sheet(labels: LabelSet, path: str | Path) -> None:
    """Draw up to 144 of the labelled pictures: green = sure, orange = doubtful."""
    chosen = np.unique(np.linspace(0, len(labels.images) - 1, min(_MOST, len(labels.images))).round().astype(int))
    few = LabelSet(skeleton=labels.skeleton, images=[labels.images[i] for i in chosen])
    dataset = build_dataset(few, size=(_TILE, _TILE), channels=3, margin=_MARGIN)
    save_picture(tile_crops(dataset), path)


def draw_worst(dataset: KeypointDataset, predicted: FloatArray, path: str | Path, *, n: int = 36) -> None:
    """Draw the pictures with the largest mean errors, the worst first, in pairs: the labels, and what the model saw.

    Parameters
    ----------
    dataset : KeypointDataset
        Pictures and labels.
    predicted : array (N, K, 2)
        Crop pixels.
    path : path
        A .jpg or .png file.
    n : int
        How many.
    """
    errors = measure_errors(dataset, predicted)
    n_labelled = np.maximum((~np.isnan(errors)).sum(axis=1), 1)
    ratio = np.nansum(errors, axis=1) / n_labelled / dataset.picture_reference_px
    worst = np.argsort(-ratio, kind="stable")[:n]
    labelled, seen = _draw_tiles(dataset[worst], None), _draw_tiles(dataset[worst], predicted[worst], with_labels=False)
    save_picture(_arrange([tile for pair in zip(labelled, seen, strict=True) for tile in pair]), path)


def tile_crops(dataset: KeypointDataset, predicted: FloatArray | None = None) -> Image:
    """Return the crops side by side, with their labels and predictions drawn in."""
    return _arrange(_draw_tiles(dataset, predicted))


def _draw_tiles(dataset: KeypointDataset, predicted: FloatArray | None, *, with_labels: bool = True) -> list[Image]:
    tiles = []
    for i, crop in enumerate(dataset.image):
        height, width = crop.shape[:2]
        scale = _TILE / max(height, width)
        tile = np.zeros((_TILE, _TILE, 3), np.uint8)
        small = cv2.resize(crop, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
        small = small if small.ndim == 3 else np.repeat(small[:, :, None], 3, axis=2)
        tile[: small.shape[0], : small.shape[1]] = small
        if predicted is not None:
            _draw(tile, predicted[i] * scale, dataset.skeleton, [_PREDICTED] * dataset.skeleton.n_keypoints)
        if with_labels:
            colours = [{SURE: _SURE, DOUBTFUL: _DOUBTFUL}.get(int(v), _DOUBTFUL) for v in dataset.visibility[i]]
            _draw(tile, dataset.keypoints[i].astype(np.float64) * scale, dataset.skeleton, colours)
        tiles.append(tile)
    return tiles


def _arrange(tiles: list[Image]) -> Image:
    n_columns = min(_N_COLUMNS, len(tiles))
    tiles = tiles + [np.zeros_like(tiles[0])] * (-len(tiles) % n_columns)
    rows = [np.concatenate(tiles[i : i + n_columns], axis=1) for i in range(0, len(tiles), n_columns)]
    sheet: Image = np.concatenate(rows)
    return sheet


def _draw(tile: Image, points: FloatArray, skeleton: Skeleton, colours: Sequence[tuple[int, int, int]]) -> None:
    for a, b in skeleton.edges:
        i, j = skeleton.index(a), skeleton.index(b)
        if np.isfinite(points[[i, j]]).all():
            cv2.line(tile, _place(points[i]), _place(points[j]), colours[i], 1, cv2.LINE_AA)
    for point, colour in zip(points, colours, strict=True):
        if np.isfinite(point).all():
            cv2.circle(tile, _place(point), 2, colour, -1, cv2.LINE_AA)


def _place(point: FloatArray) -> tuple[int, int]:
    x, y = np.clip(point, -4 * _TILE, 4 * _TILE)
    return round(float(x)), round(float(y))
