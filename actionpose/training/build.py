"""From labelled pictures to a dataset of crops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from actionpose.errors import InvalidDataError
from actionpose.estimators.crops import Box, cut_crop, follow_box
from actionpose.training.dataset import UNLABELLED, KeypointDataset
from actionpose.training.labels import LabelSet

__all__ = ["DEFAULT_MARGIN", "build_dataset"]

DEFAULT_MARGIN = 0.15


def build_dataset(
    labels: LabelSet,
    *,
    size: tuple[int, int] = (128, 128),
    channels: int = 1,
    margin: float | None = DEFAULT_MARGIN,
    on_image: Callable[[], None] = lambda: None,
) -> KeypointDataset:
    """Cut the bodies out of labelled pictures.

    Parameters
    ----------
    labels : LabelSet
        Pictures and labels; those that cannot be read, or have fewer than two keypoints, are left out.
    size : (int, int)
        Width and height of the crops; multiples of 32.
    channels : int
        1 for gray, 3 for colour.
    margin : float, optional
        Room around the keypoints, as a share of their extent. None: the whole picture, for a body that is the only
        one there, such as an animal in a box.
    on_image : callable
        Called after every picture.

    Returns
    -------
    KeypointDataset
        All of it ``train``; see `split`.

    Raises
    ------
    InvalidDataError
        If no picture is left, or the size does not fit a model.
    """
    if channels not in (1, 3):
        raise InvalidDataError(f"Pictures have 1 channel (gray) or 3 (colour), got {channels}.")
    if any(side < 32 or side % 32 for side in size):
        raise InvalidDataError(f"Width and height must be multiples of 32, got {size[0]}x{size[1]}.")
    crops, boxes, kept = [], [], []
    for item, box in zip(labels.images, _find_boxes(labels, margin), strict=True):
        picture = cv2.imread(str(item.path), cv2.IMREAD_COLOR)
        if picture is not None and (margin is None or box is not None):
            height, width = picture.shape[:2]
            box = (box or Box(left=0.0, top=0.0, width=float(width), height=float(height))).fitted(size)
            crops.append(cut_crop(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), box, size, channels=channels))
            boxes.append(box)
            kept.append(item)
        on_image()
    if not kept:
        raise InvalidDataError(
            f"None of the {len(labels.images)} labelled pictures can be used.",
            hint="Are the images there, and do they have at least two labelled keypoints each?",
        )
    keypoints = np.stack([box.to_crop(item.keypoints, size) for item, box in zip(kept, boxes, strict=True)])
    visibility = np.stack([item.visibility for item in kept])
    dataset = KeypointDataset(
        skeleton=labels.skeleton,
        image=np.stack(crops),
        keypoints=np.where(visibility[:, :, None] > UNLABELLED, keypoints, np.nan).astype(np.float32),
        visibility=visibility,
        box=np.array([[b.left, b.top, b.width, b.height] for b in boxes], dtype=np.float32),
        reference_px=np.array(
            [item.reference_px * b.scale(size)[0] for item, b in zip(kept, boxes, strict=True)], dtype=np.float32
        ),
        source=np.array([item.source for item in kept]),
        time=np.array([item.time for item in kept]),
        margin=margin,
    )
    drawn = [
        estimated if item.area_px is None else item.area_px * b.scale(size)[0] ** 2
        for item, b, estimated in zip(kept, boxes, dataset.area, strict=True)
    ]
    return replace(dataset, area=np.array(drawn, dtype=np.float32))


def _find_boxes(labels: LabelSet, margin: float | None) -> list[Box | None]:
    """Return the box of each picture as it will be when the model runs: followed from picture to picture of a video."""
    if margin is None:
        return [None] * len(labels.images)
    boxes: list[Box | None] = [None] * len(labels.images)
    of_source: dict[str, tuple[float, Box | None]] = {}
    for i in sorted(range(len(labels.images)), key=lambda i: labels.images[i].time):
        item = labels.images[i]
        before_s, before = of_source.get(item.source, (item.time, None))
        boxes[i] = follow_box(before, item.keypoints, labels.skeleton, margin=margin, elapsed_s=item.time - before_s)
        of_source[item.source] = item.time, boxes[i]
    return boxes
