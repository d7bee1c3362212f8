"""From labelled pictures to a dataset of crops."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from actionpose.errors import InvalidDataError
from actionpose.estimators.crops import Box, cut_crop, follow_box
from actionpose.pose import FloatArray
from actionpose.training.dataset import UNLABELLED, KeypointDataset
from actionpose.training.labels import LabelledImage, LabelSet
from actionpose.training.pictures import UnusablePictureError, describe_left_out, read_picture

__all__ = ["DEFAULT_MARGIN", "build_dataset"]

DEFAULT_MARGIN = 0.15


def build_dataset(
    labels: LabelSet,
    *,
    size: tuple[int, int] = (128, 128),
    channels: int = 1,
    margin: float | None = DEFAULT_MARGIN,
    on_image: Callable[[], None] = lambda: None,
    on_note: Callable[[str], None] = lambda note: None,  # noqa: ARG005
) -> KeypointDataset:
    """Cut the bodies out of labelled pictures.

    Parameters
    ----------
    labels : LabelSet
        Pictures and labels. Left out are pictures that cannot be read, are cut short or are not those that were
        labelled; bodies without keypoints; with a `margin`, those with fewer than two keypoints; and without one,
        pictures of several bodies.
    size : (int, int)
        Width and height of the crops; multiples of 32.
    channels : int
        1 for gray, 3 for colour.
    margin : float, optional
        Room around the keypoints, as a share of their extent. None: the whole picture, for a body that is the only
        one there, such as an animal in a box.
    on_image : callable
        Called after every picture.
    on_note : callable
        Told what was left out and why, a sentence for each reason.

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
    left_out: defaultdict[str, list[str]] = defaultdict(list)
    n_bodies = Counter(item.path for item in labels.images if item.visibility.any())
    for item, found_box in zip(labels.images, _find_boxes(labels, margin), strict=True):
        try:
            _check_labels(item, found_box, margin=margin, n_bodies=n_bodies[item.path])
            picture = read_picture(item.path, item.size)
            height, width = picture.shape[:2]
            _check_place(item, width, height)
        except UnusablePictureError as error:
            left_out[str(error)].append(_name(item.path))
        else:
            box = (found_box or Box(left=0.0, top=0.0, width=float(width), height=float(height))).fitted(size)
            crops.append(cut_crop(picture, box, size, channels=channels))
            boxes.append(box)
            kept.append(item)
        on_image()
    n = len(labels.images)
    notes = [describe_left_out(names, n, "labelled bodies", why) for why, names in left_out.items()]
    if not kept:
        raise InvalidDataError(
            " ".join([f"None of the {n} labelled pictures can be used.", *notes]),
            hint="Are the pictures whole, and are there at least two labelled keypoints in each?",
        )
    for note in notes:
        on_note(note)
    keypoints = np.stack([box.to_crop(item.keypoints, size) for item, box in zip(kept, boxes, strict=True)])
    visibility = np.stack([item.visibility for item in kept])
    dataset = KeypointDataset(
        skeleton=labels.skeleton,
        image=np.stack(crops),
        keypoints=np.where(visibility[:, :, None] > UNLABELLED, keypoints, np.nan).astype(np.float32),
        visibility=visibility,
        box=np.array([[b.left, b.top, b.width, b.height] for b in boxes], dtype=np.float32),
        reference_px=np.array(
            [length * b.scale(size)[0] for length, b in zip(_find_references(kept), boxes, strict=True)],
            dtype=np.float32,
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


def _check_labels(item: LabelledImage, box: Box | None, *, margin: float | None, n_bodies: int) -> None:
    """Refuse what cannot be learnt from, whatever the picture shows."""
    if not item.visibility.any():
        raise UnusablePictureError("no keypoint is labelled")
    if margin is not None and box is None:
        raise UnusablePictureError("fewer than two keypoints are labelled, or all in one point")
    if margin is None and n_bodies > 1:
        raise UnusablePictureError("several bodies in a picture that is used whole")


def _check_place(item: LabelledImage, width: int, height: int) -> None:
    """Refuse labels of another picture: some may lie beyond the edge, where a limb is cut off, but not most."""
    known = item.keypoints[np.isfinite(item.keypoints).all(axis=1)]
    is_inside = ((known >= 0) & (known <= [width, height])).all(axis=1)
    if is_inside.mean() < 0.5:
        raise UnusablePictureError("most labels lie outside the picture")


def _find_references(items: Sequence[LabelledImage]) -> FloatArray:
    """Return the lengths that errors are measured in, pixels of the pictures.

    A single keypoint has no length: it takes the median of the others'.
    """
    lengths = np.array([item.reference_px for item in items])
    is_single = np.array([(item.visibility > UNLABELLED).sum() < 2 for item in items])
    if is_single.any() and not is_single.all():
        lengths[is_single] = np.median(lengths[~is_single])
    return lengths


def _name(path: Path) -> str:
    return str(Path(path.parent.name) / path.name)


def _find_boxes(labels: LabelSet, margin: float | None) -> list[Box | None]:
    """Return the box of each picture as it will be when the model runs: followed from picture to picture of a video."""
    if margin is None:
        return [None] * len(labels.images)
    boxes: list[Box | None] = [None] * len(labels.images)
    of_source: dict[str, tuple[float, Box | None]] = {}
    for i in sorted(range(len(labels.images)), key=lambda i: labels.images[i].time):
        item = labels.images[i]
        before_s, before = of_source.get(item.source, (item.time, None))
        if not labels.has_seconds or item.time == before_s:  # another body, or no moment before
            before = None
        boxes[i] = follow_box(before, item.keypoints, labels.skeleton, margin=margin, elapsed_s=item.time - before_s)
        of_source[item.source] = item.time, boxes[i]
    return boxes
