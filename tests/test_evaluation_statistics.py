from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionpose.evaluation import compute_auroc, compute_interval, resample_units

scores = st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0, math.inf]), min_size=1, max_size=6)


@given(units=st.lists(st.sampled_from("abcd"), min_size=1, max_size=10))
def test_units_are_drawn_whole_and_as_many_as_there_are(units: list[str]) -> None:
    weights = resample_units(units, n_draws=20)
    assert weights.shape == (20, len(units))
    first = [units.index(unit) for unit in units]
    np.testing.assert_array_equal(weights, weights[:, first])
    assert (weights[:, sorted(set(first))].sum(axis=1) == len(set(units))).all()


def test_draws_are_the_same_every_time() -> None:
    units = [str(i) for i in range(9)]
    np.testing.assert_array_equal(resample_units(units), resample_units(units))
    assert (resample_units(units) != resample_units(units, seed=1)).any()
    assert resample_units([]).shape == (1000, 0)


def test_the_interval_of_a_mean_is_as_wide_as_theory_says() -> None:
    values = np.random.default_rng(0).normal(size=400)
    weights = resample_units([str(i) for i in range(400)], n_draws=4000)
    low, high = compute_interval(weights @ values / 400)
    standard_error = values.std() / 20
    assert high - low == pytest.approx(2 * 1.96 * standard_error, rel=0.08)
    assert low < values.mean() < high


def test_an_interval_leaves_out_nan() -> None:
    assert compute_interval(np.array([1.0, np.nan, 1.0])) == (1.0, 1.0)
    assert all(math.isnan(value) for value in compute_interval(np.array([np.nan])))


@given(unknown=scores, known=scores)
def test_auroc_is_the_share_of_pairs_in_the_right_order(unknown: list[float], known: list[float]) -> None:
    won = sum(1.0 if u > k else 0.5 if u == k else 0.0 for u in unknown for k in known)
    area = compute_auroc(np.array(unknown), np.array(known))
    assert float(area) == pytest.approx(won / len(unknown) / len(known))
    assert float(compute_auroc(np.array(known), np.array(unknown))) == pytest.approx(1 - area)


@given(unknown=scores, known=scores, data=st.data())
def test_a_weight_is_as_good_as_repeating(unknown: list[float], known: list[float], data: st.DataObject) -> None:
    u, k = np.array(unknown), np.array(known)
    counts = st.integers(0, 3)
    u_times = np.array(data.draw(st.lists(counts, min_size=len(u), max_size=len(u))))
    k_times = np.array(data.draw(st.lists(counts, min_size=len(k), max_size=len(k))))
    weighted = compute_auroc(u, k, unknown_weight=u_times.astype(float), known_weight=k_times.astype(float))
    repeated = compute_auroc(np.repeat(u, u_times), np.repeat(k, k_times))
    np.testing.assert_allclose(weighted, repeated)


def test_auroc_of_no_pair_is_nan() -> None:
    assert math.isnan(compute_auroc(np.array([]), np.array([1.0])))
