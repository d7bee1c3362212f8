"""Small datasets with exact truth, drawn by the puppet."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import cv2
import numpy as np

from actionpose.estimators.crops import cut_crop, find_box
from actionpose.skeleton import UPPER_BODY_6, Skeleton
from actionpose.sources.puppet import PuppetSource
from actionpose.training.build import DEFAULT_MARGIN
from actionpose.training.dataset import KeypointDataset, split

DOTS = Skeleton(name="dots", keypoints=["bright", "dark"], edges=[("bright", "dark")])


def crop_puppets(puppets: Iterable[PuppetSource], *, size: int) -> KeypointDataset:
    """Gray crops of every frame of some puppets, with exact keypoints; all of them are to be trained on."""
    crops, keypoints, boxes, reference, source, time = [], [], [], [], [], []
    for number, puppet in enumerate(puppets):
        for frame in iter(puppet.read, None):
            truth = puppet.truth(frame.index)
            assert truth.image_position is not None
            assert frame.image is not None
            ours = truth.image_position[truth.skeleton.indices(UPPER_BODY_6.keypoints)]
            hips = truth.image_position[truth.skeleton.indices(["left_hip", "right_hip"])]
            box = find_box(ours, UPPER_BODY_6, margin=DEFAULT_MARGIN)
            assert box is not None
            crops.append(cut_crop(frame.image, box, (size, size), channels=1))
            keypoints.append(box.to_crop(ours, (size, size)))
            boxes.append([box.left, box.top, box.width, box.height])
            reference.append(np.hypot(*(ours[:2] - hips).T).mean() * size / box.width)
            source.append(f"puppet {number}")
            time.append(frame.time)
    return KeypointDataset(
        skeleton=UPPER_BODY_6,
        image=np.stack(crops),
        keypoints=np.stack(keypoints).astype(np.float32),
        visibility=np.full((len(crops), UPPER_BODY_6.n_keypoints), 2, np.uint8),
        box=np.array(boxes, np.float32),
        reference_px=np.array(reference, np.float32),
        source=np.array(source),
        time=np.array(time),
        margin=DEFAULT_MARGIN,
    )


@cache
def puppet_dataset(
    *, bodies: tuple[int, ...] = (0, 1), size: int = 32, rate_hz: float = 5.0, script: str = "wave,clap"
) -> KeypointDataset:
    """Puppets of which the last fifth of each is the test, the tenth before it for validation."""
    puppets = (PuppetSource(script, body=body, rate_hz=rate_hz, size=(320, 240)) for body in bodies)
    return split(crop_puppets(puppets, size=size))


def dot_dataset(n: int = 48, size: int = 32, seed: int = 0) -> KeypointDataset:
    """Two dots, one bright and one dark, on gray: learnt in seconds."""
    rng = np.random.default_rng(seed)
    image = np.full((n, size, size, 1), 128, np.uint8)
    keypoints = rng.uniform(6, size - 6, (n, 2, 2))
    for picture, points in zip(image, keypoints, strict=True):
        for (x, y), shade in zip(points, (255, 0), strict=True):
            cv2.circle(picture, (round((x - 0.5) * 16), round((y - 0.5) * 16)), 3 * 16, shade, -1, cv2.LINE_AA, 4)
    return split(
        KeypointDataset(
            skeleton=DOTS,
            image=image,
            keypoints=keypoints.astype(np.float32),
            visibility=np.full((n, 2), 2, np.uint8),
            box=np.tile(np.array([0, 0, size, size], np.float32), (n, 1)),
            reference_px=np.full(n, size / 2, np.float32),
            source=np.full(n, "dots"),
            time=np.arange(n, dtype=float),
            margin=None,
        ),
        by="random",
    )
