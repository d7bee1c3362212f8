"""Metrics: against plain loops, and where they must be undefined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionpose.errors import InvalidDataError
from actionpose.training.metrics import (
    COCO_SIGMAS,
    compute_auc,
    compute_errors,
    compute_nme,
    compute_oks,
    compute_pck,
)


def example(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, 100, (7, 5, 2))
    predicted = truth + rng.normal(size=truth.shape) * 8
    return predicted, truth, rng.random((7, 5)) < 0.8, rng.uniform(20, 60, 7)


@given(st.integers(0, 1000))
def test_pck_counts(seed: int) -> None:
    predicted, truth, counts, reference = example(seed)
    right = total = 0
    for n in range(7):
        for k in range(5):
            if counts[n, k]:
                total += 1
                right += bool(np.linalg.norm(predicted[n, k] - truth[n, k]) <= 0.2 * reference[n])
    found = compute_pck(compute_errors(predicted, truth, counts), reference)
    assert found.n == total
    if total:
        assert found.value == pytest.approx(right / total)
        assert 0 <= found.low <= found.value <= found.high <= 1


@given(st.integers(0, 1000))
def test_auc_is_the_area_under_pck(seed: int) -> None:
    predicted, truth, counts, reference = example(seed)
    errors = compute_errors(predicted, truth, counts)
    thresholds = np.linspace(0, 0.2, 401)
    curve = [compute_pck(errors, reference, threshold=t).value for t in thresholds]
    area = np.trapezoid(curve, thresholds) if hasattr(np, "trapezoid") else np.trapz(curve, thresholds)  # noqa: NPY201
    assert compute_auc(errors, reference) == pytest.approx(area / 0.2, abs=5e-3)


def test_wilson_interval_is_that_of_the_book() -> None:
    # 81 of 263: Newcombe 1998, Statistics in Medicine 17, table I, method 3.
    errors = np.where(np.arange(263) < 81, 0.0, 99.0)[:, None]
    found = compute_pck(errors, np.ones(263))
    assert (found.low, found.high) == (pytest.approx(0.2553, abs=1e-4), pytest.approx(0.3662, abs=1e-4))


def test_nothing_labelled_is_nan() -> None:
    errors = np.full((3, 2), np.nan)
    found = compute_pck(errors, np.ones(3))
    assert np.isnan([found.value, found.low, found.high, compute_auc(errors, np.ones(3))]).all()
    assert np.isnan(compute_nme(errors, np.ones(3)))
    assert found.n == 0


def test_unlabelled_keypoints_do_not_count() -> None:
    predicted, truth, counts, _ = example(0)
    expected = compute_errors(predicted, truth, counts)
    truth = np.where(counts[:, :, None], truth, np.nan)
    np.testing.assert_array_equal(compute_errors(predicted, truth, counts), expected)


def test_nme_is_a_mean_of_ratios() -> None:
    assert compute_nme(np.array([[2.0, 4.0], [np.nan, 3.0]]), np.array([2.0, 1.0])) == pytest.approx(2.0)


def test_shapes_must_fit() -> None:
    with pytest.raises(InvalidDataError, match="as many predictions as truths"):
        compute_errors(np.zeros((2, 3, 2)), np.zeros((3, 3, 2)), np.ones((3, 3), bool))


def test_oks_by_hand() -> None:
    rng = np.random.default_rng(0)
    truth, predicted = rng.uniform(0, 50, (2, 17, 2)), rng.uniform(0, 50, (3, 17, 2))
    visibility = rng.integers(0, 3, (2, 17)).astype(np.uint8)
    area = np.array([900.0, 2000.0])
    found = compute_oks(predicted, truth, visibility, area, COCO_SIGMAS)
    for m in range(3):
        for n in range(2):
            terms = [
                np.exp(-((predicted[m, k] - truth[n, k]) ** 2).sum() / (2 * area[n] * (2 * COCO_SIGMAS[k]) ** 2))
                for k in range(17)
                if visibility[n, k]
            ]
            assert found[m, n] == pytest.approx(np.mean(terms))
