"""What is wrong with a model is said, and nothing about one that will do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from actionpose.training.dataset import KeypointDataset
from actionpose.training.verdict import FEW_STEPS, find_faults, find_training_faults
from tests.training.puppets import dot_dataset, puppet_dataset


@pytest.fixture
def dataset() -> KeypointDataset:
    return puppet_dataset(bodies=(0, 1))


@pytest.fixture
def right(dataset: KeypointDataset) -> np.ndarray:
    return dataset.keypoints.astype(np.float64)


def test_a_good_model_has_no_faults(dataset: KeypointDataset, right: np.ndarray) -> None:
    noise = np.random.default_rng(0).normal(0, 0.5, right.shape)
    assert find_faults(dataset, right + noise) == []
    assert find_training_faults(dot_dataset(100), n_steps=FEW_STEPS) == []


def test_all_parts_on_one_point(dataset: KeypointDataset, right: np.ndarray) -> None:
    middle = right.mean(axis=1, keepdims=True) + 0.1 * (right - right.mean(axis=1, keepdims=True))
    fault = find_faults(dataset, middle)[0]
    assert "all parts on about one point: they lie 10 % as far apart" in fault


def test_the_same_answer_whatever_the_picture_shows(dataset: KeypointDataset, right: np.ndarray) -> None:
    always = np.broadcast_to(np.median(right, axis=0), right.shape)
    assert "same places whatever a picture shows: they move 0 % as much" in find_faults(dataset, always)[0]


def test_a_part_that_is_never_right_is_named(dataset: KeypointDataset, right: np.ndarray) -> None:
    wrong = right.copy()
    wrong[:, dataset.skeleton.index("left_wrist")] += 40
    (fault,) = find_faults(dataset, wrong)
    assert "hardly ever right: left_wrist." in fault


def test_parts_at_random_places(dataset: KeypointDataset, right: np.ndarray) -> None:
    anywhere = np.random.default_rng(0).uniform(0, 32, right.shape)
    faults = " ".join(find_faults(dataset, anywhere))
    assert "of the keypoints are within a fifth" in faults
    assert "one point" not in faults


def test_unlabelled_keypoints_do_not_count(dataset: KeypointDataset, right: np.ndarray) -> None:
    unlabelled = dataset.visibility.copy()
    unlabelled[:, 0] = 0
    unlabelled[0] = 0
    wrong = right.copy()
    wrong[:, 0], wrong[0] = 1e4, -1e4
    partly = replace(
        dataset, visibility=unlabelled, keypoints=np.where(unlabelled[:, :, None] > 0, dataset.keypoints, np.nan)
    )
    assert find_faults(partly, wrong) == []


def test_too_little_to_learn_from() -> None:
    dots = dot_dataset(14)
    visibility = dots.visibility.copy()
    visibility[2:, 1] = 0
    few = replace(dots, visibility=visibility)
    pictures, steps, labels = find_training_faults(few, n_steps=30)
    assert "trained on 14 pictures" in pictures
    assert "30 steps" in steps
    assert "--minutes" in steps
    assert "few of the pictures it was trained on: dark (2)" in labels
    assert find_training_faults(dot_dataset(14), n_steps=None) == [pictures]


def test_pixels_do_not_matter(dataset: KeypointDataset, right: np.ndarray) -> None:
    middle = right.mean(axis=1, keepdims=True) + 0.1 * (right - right.mean(axis=1, keepdims=True))
    larger = replace(dataset, box=dataset.box * 7)
    assert find_faults(larger, middle) == find_faults(dataset, middle)
    assert find_faults(larger, right) == []
