"""Against pycocotools, to the last digit that floats have."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionpose.training.average_precision import (
    AveragePrecision,
    ImageBodies,
    ImageDetections,
    compute_average_precision,
)

FIELDS = ("ap", "ap50", "ap75", "ap_medium", "ap_large", "ar", "ar50", "ar75", "ar_medium", "ar_large")


def reference(bodies: list[ImageBodies], detections: list[ImageDetections]) -> list[float]:
    coco = pytest.importorskip("pycocotools.coco")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for image, (true, found) in enumerate(zip(bodies, detections, strict=True)):
        for i in range(len(true.keypoints)):
            v = true.visibility[i]
            triples = np.concatenate([true.keypoints[i] * (v[:, None] > 0), v[:, None]], axis=1)
            annotations.append(
                {
                    "id": len(annotations) + 1, "image_id": image, "category_id": 1,
                    "keypoints": triples.ravel().tolist(),
                    "num_keypoints": int((v > 0).sum()), "area": float(true.area[i]), "bbox": true.box[i].tolist(),
                    "iscrowd": int(true.is_crowd[i]),
                }
            )  # fmt: skip
        for points, score in zip(found.keypoints, found.score, strict=True):
            triples = np.concatenate([points, np.ones((len(points), 1))], axis=1)
            results.append(
                {"image_id": image, "category_id": 1, "keypoints": triples.ravel().tolist(), "score": float(score)}
            )
    with contextlib.redirect_stdout(io.StringIO()):
        truth = coco.COCO()
        truth.dataset = {
            "images": [{"id": i} for i in range(len(bodies))],
            "categories": [{"id": 1}],
            "annotations": annotations,
        }
        truth.createIndex()
        judge = cocoeval.COCOeval(truth, truth.loadRes(results), "keypoints")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return [float("nan") if value == -1 else float(value) for value in judge.stats]


def values(found: AveragePrecision) -> list[float]:
    return [getattr(found, name) for name in FIELDS]


def make_images(seed: int, n_images: int) -> tuple[list[ImageBodies], list[ImageDetections]]:
    rng = np.random.default_rng(seed)
    bodies, detections = [], []
    for _ in range(n_images):
        n, m = rng.integers(0, 4), rng.integers(1, 25)
        side = rng.uniform(20, 200, n)
        corner = rng.uniform(0, 300, (n, 2))
        points = corner[:, None] + rng.uniform(0, 1, (n, 17, 2)) * side[:, None, None]
        visibility = rng.integers(0, 3, (n, 17)).astype(np.uint8)
        visibility[rng.random(n) < 0.2] = 0
        bodies.append(
            ImageBodies(
                keypoints=points,
                visibility=visibility,
                area=side**2 * rng.uniform(0.3, 1, n),
                box=np.concatenate([corner, side[:, None], side[:, None]], axis=1),
                is_crowd=rng.random(n) < 0.1,
            )
        )
        near = points[rng.integers(0, n, m)] if n else rng.uniform(0, 300, (m, 17, 2))
        spread = rng.uniform(0, 20, (m, 1, 1))
        found = near + rng.normal(size=near.shape) * spread
        detections.append(ImageDetections(keypoints=found, score=rng.integers(0, 10, m) / 10))
    return bodies, detections


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), n_images=st.integers(1, 6))
def test_it_equals_pycocotools(seed: int, n_images: int) -> None:
    bodies, detections = make_images(seed, n_images)
    found = values(compute_average_precision(bodies, detections))
    np.testing.assert_allclose(found, reference(bodies, detections), atol=1e-9)


def test_perfect_detections() -> None:
    bodies, _ = make_images(3, 20)
    clear = [
        ImageBodies(
            keypoints=b.keypoints, visibility=np.full_like(b.visibility, 2), area=b.area, box=b.box,
            is_crowd=np.zeros_like(b.is_crowd),
        )
        for b in bodies
    ]  # fmt: skip
    perfect = [ImageDetections(keypoints=b.keypoints, score=np.ones(len(b.keypoints))) for b in clear]
    found = compute_average_precision(clear, perfect)
    assert found.ap == found.ap50 == found.ar == pytest.approx(1)


@pytest.mark.realdata
def test_a_sample_of_coco(data_dir: Path) -> None:
    folder = data_dir / "keypoints" / "mmpose_samples" / "coco"
    data = json.loads((folder / "test_coco.json").read_text())
    rng = np.random.default_rng(0)
    bodies, detections = [], []
    for image in data["images"]:
        mine = [a for a in data["annotations"] if a["image_id"] == image["id"]]
        triples = np.array([a["keypoints"] for a in mine], dtype=float).reshape(-1, 17, 3)
        bodies.append(
            ImageBodies(
                keypoints=triples[:, :, :2],
                visibility=triples[:, :, 2].astype(np.uint8),
                area=np.array([a["area"] for a in mine]),
                box=np.array([a["bbox"] for a in mine]).reshape(-1, 4),
                is_crowd=np.array([bool(a["iscrowd"]) for a in mine]),
            )
        )
        found = triples[:, :, :2] + rng.normal(size=(len(mine), 17, 2)) * 4
        detections.append(ImageDetections(keypoints=found, score=rng.random(len(mine))))
    ours = values(compute_average_precision(bodies, detections))
    np.testing.assert_allclose(ours, reference(bodies, detections), atol=1e-9)
    assert 0.2 < ours[0] < 1
