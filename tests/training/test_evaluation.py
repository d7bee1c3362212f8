"""Errors are those of the labelled pictures, whatever size the model sees them in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from actionpose.estimators.crops import Box
from actionpose.training.build import build_dataset
from actionpose.training.contact_sheet import draw_worst
from actionpose.training.dataset import KeypointDataset, load_dataset, save_dataset
from actionpose.training.evaluation import choose_part, compute_dataset_precision, evaluate_keypoints, measure_errors
from actionpose.training.importers import load_csv, load_deeplabcut
from tests.training.puppets import dot_dataset, puppet_dataset


@pytest.fixture
def whole_pictures(tmp_path: Path) -> KeypointDataset:
    """Pictures of 640x480, seen in 320x256."""
    lines = ["image,nose_x,nose_y,tail_x,tail_y"]
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.zeros((480, 640, 3), np.uint8))
        lines.append(f"{i}.png,{100 + i},200,400,300")
    (tmp_path / "t.csv").write_text("\n".join(lines))
    return build_dataset(load_csv(tmp_path / "t.csv"), size=(320, 256), margin=None)


def test_positions_come_back_to_the_picture(whole_pictures: KeypointDataset) -> None:
    expected = [[[100 + i, 200], [400, 300]] for i in range(3)]
    np.testing.assert_allclose(whole_pictures.to_picture(whole_pictures.keypoints), expected, atol=1e-3)
    np.testing.assert_allclose(whole_pictures.picture_scale, 2)
    np.testing.assert_allclose(whole_pictures.picture_reference_px, np.hypot([300, 299, 298], 100), rtol=1e-6)
    crops = puppet_dataset()
    boxes = [Box(left=b[0], top=b[1], width=b[2], height=b[3]) for b in crops.box.astype(float)]
    placed = [box.to_picture(points, crops.size) for box, points in zip(boxes, crops.keypoints, strict=True)]
    np.testing.assert_allclose(crops.to_picture(crops.keypoints), placed, rtol=1e-6)


def test_errors_are_pixels_of_the_labelled_pictures(whole_pictures: KeypointDataset, tmp_path: Path) -> None:
    save_dataset(whole_pictures, tmp_path / "d.npz")  # what a file holds is enough
    dataset = load_dataset(tmp_path / "d.npz")
    predicted = dataset.keypoints + np.array([3.0, 4.0])  # 5 px of the model's picture
    np.testing.assert_allclose(measure_errors(dataset, predicted), 10, rtol=1e-5)
    score = evaluate_keypoints(dataset, predicted)["all"]["tail"]
    assert (score.mean_px, score.median_px) == (pytest.approx(10), pytest.approx(10))
    assert score.nme == pytest.approx(10 / np.hypot(299, 100), rel=1e-3)


def test_shares_do_not_depend_on_the_size_of_the_pictures() -> None:
    dataset = puppet_dataset()
    predicted = dataset.keypoints + np.random.default_rng(0).normal(0, 2, dataset.keypoints.shape)
    larger = replace(dataset, box=dataset.box * 3)
    small, large = (evaluate_keypoints(d, predicted)["all"] for d in (dataset, larger))
    for name, score in small.items():
        assert large[name].pck_20 == score.pck_20
        assert large[name].auc == pytest.approx(score.auc)
        assert large[name].mean_px == pytest.approx(3 * score.mean_px)
    confidence = np.ones(predicted.shape[:2])
    found = [compute_dataset_precision(d, predicted, confidence) for d in (dataset, larger)]
    assert found[0].ap == pytest.approx(found[1].ap)
    assert 0 < found[0].ap < 1


def test_the_worst_pictures_are_worst_by_what_is_labelled(tmp_path: Path) -> None:
    dots = dot_dataset(10)[:2]
    visibility = np.array([[2, 0], [2, 2]], np.uint8)  # one label that is 10 px off, and two that are 7 and 9 px off
    dots = replace(dots, visibility=visibility, image=np.stack([np.full_like(dots.image[0], v) for v in (250, 5)]))
    predicted = dots.keypoints + np.array([[[10, 0], [0, 0]], [[7, 0], [9, 0]]])
    draw_worst(dots, predicted, tmp_path / "worst.png", n=1)
    assert cv2.imread(str(tmp_path / "worst.png")).max(axis=2).mean() > 200


def test_a_model_is_judged_by_what_it_has_not_seen() -> None:
    dots = dot_dataset()
    assert choose_part(dots) == "test"
    assert choose_part(dots[dots.part != "test"]) == "validation"
    assert choose_part(dots[dots.part == "train"]) == "train"


@pytest.mark.realdata
def test_open_field_is_measured_in_its_640x480(data_dir: Path) -> None:
    folder = data_dir / "keypoints" / "dlc_openfield" / "labeled-data" / "m4s1"
    dataset = build_dataset(load_deeplabcut(folder / "CollectedData_Pranav.csv"), size=(320, 256), margin=None)
    score = evaluate_keypoints(dataset, dataset.keypoints + np.array([1.0, 0.0]))["all"]["all"]
    assert score.mean_px == pytest.approx(2, rel=1e-4)  # 640 of 320
    assert score.pck_20.value == 1
