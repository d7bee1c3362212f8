"""The one-euro filter: against its paper's loop, still when still, near when fast."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionpose.errors import InvalidDataError
from actionpose.estimators.one_euro import OneEuroFilter, SmoothingSettings


def naive(times: list[float], values: list[float], settings: SmoothingSettings, body_px: float) -> list[float]:
    """Algorithm 1 of the paper, one number at a time."""

    def alpha(cutoff: float, elapsed: float) -> float:
        return 1 / (1 + 1 / (2 * math.pi * cutoff) / elapsed)

    out, speed = [values[0]], 0.0
    for before, now, value in zip(times, times[1:], values[1:], strict=False):
        elapsed = now - before
        a = alpha(1.0, elapsed)
        speed = a * (value - out[-1]) / elapsed + (1 - a) * speed
        b = alpha(settings.min_cutoff_hz + settings.beta * abs(speed) / body_px, elapsed)
        out.append(b * value + (1 - b) * out[-1])
    return out


@given(
    steps=st.lists(st.floats(0.005, 0.5), min_size=1, max_size=20),
    values=st.lists(st.floats(-500, 500), min_size=21, max_size=21),
    beta=st.floats(0, 10),
)
def test_it_is_the_papers(steps: list[float], values: list[float], beta: float) -> None:
    times = np.concatenate([[0.0], np.cumsum(steps)]).tolist()
    settings = SmoothingSettings(min_cutoff_hz=0.8, beta=beta)
    steady = OneEuroFilter(settings)
    found = [
        steady.update(t, np.array([[v, 7.0]]), body_px=90.0)[0] for t, v in zip(times, values, strict=False)
    ]  # fmt: skip
    expected = naive(times, values[: len(times)], settings, 90.0)
    np.testing.assert_allclose([x for x, _ in found], expected, atol=1e-9)
    np.testing.assert_allclose([y for _, y in found], 7.0)


def test_still_keypoints_are_stiller_and_fast_ones_keep_up() -> None:
    rng = np.random.default_rng(0)
    times = np.arange(90) / 30
    noise = rng.normal(0, 2, (90, 1, 2))
    steady = OneEuroFilter()
    still = np.stack([steady.update(t, 100 + n, body_px=200) for t, n in zip(times, noise, strict=True)])
    assert still[30:].std() < 0.6 * noise[30:].std()
    steady.reset()
    fast = 400 * times[:, None, None] * [1.0, 0.0]  # two body sizes a second
    followed = np.stack([steady.update(t, p, body_px=200) for t, p in zip(times, fast, strict=True)])
    lag_s = (fast - followed)[45:, 0, 0].mean() / 400
    assert lag_s < 0.02


def test_missing_keypoints_and_pauses_begin_anew() -> None:
    steady, missing = OneEuroFilter(), np.array([[np.nan, np.nan], [5.0, 5.0]])
    steady.update(0.0, np.array([[0.0, 0.0], [5.0, 5.0]]), body_px=10)
    assert np.isnan(steady.update(0.1, missing, body_px=10)[0]).all()
    np.testing.assert_array_equal(steady.update(0.2, np.array([[9.0, 9.0], [5.0, 5.0]]), body_px=10), [[9, 9], [5, 5]])
    np.testing.assert_array_equal(steady.update(0.2, missing, body_px=10)[1], [5, 5])


@pytest.mark.parametrize(("cutoff", "beta"), [(0.0, 1.0), (1.0, -1.0), (float("nan"), 1.0), (1.0, float("inf"))])
def test_settings_are_checked(cutoff: float, beta: float) -> None:
    with pytest.raises(InvalidDataError, match="must be positive"):
        SmoothingSettings(min_cutoff_hz=cutoff, beta=beta)
