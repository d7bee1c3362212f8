from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from actionpose.estimators.tracking import BodyTracker

BODY = np.array([[0.0, 0.0], [40.0, 0.0], [20.0, 100.0]])


def at(x: float, y: float = 0.0) -> np.ndarray:
    return BODY + np.array([x, y])


def test_numbers_stay_with_bodies_in_any_order() -> None:
    tracker = BodyTracker()
    assert tracker.update(0.0, [at(0), at(200)]) == [0, 1]
    assert tracker.update(0.1, [at(190), at(10)]) == [1, 0]
    assert tracker.update(0.2, [at(180), at(400), at(20)]) == [1, 2, 0]


def test_the_nearest_pair_is_matched_first() -> None:
    tracker = BodyTracker()
    tracker.update(0.0, [at(0), at(40)])
    assert tracker.update(0.1, [at(38), at(75)]) == [1, 2]


def test_a_body_is_remembered_for_a_second() -> None:
    tracker = BodyTracker()
    tracker.update(0.0, [at(0), at(200)])
    tracker.update(0.5, [at(200)])
    assert tracker.update(0.9, [at(200), at(5)]) == [1, 0]
    tracker.update(1.5, [at(200)])
    assert tracker.update(2.0, [at(5), at(200)]) == [2, 1]


def test_a_reset_starts_from_nought() -> None:
    tracker = BodyTracker()
    tracker.update(0.0, [at(0), at(200)])
    tracker.reset()
    assert tracker.update(0.0, [at(200)]) == [0]


def test_keypoints_out_of_view_do_not_count() -> None:
    tracker = BodyTracker()
    hidden = at(0).copy()
    hidden[2] = np.nan
    tracker.update(0.0, [at(0)])
    assert tracker.update(0.1, [hidden]) == [0]
    assert tracker.update(0.2, [np.full((3, 2), np.nan)]) == [1]


def test_nobody_in_view() -> None:
    assert BodyTracker().update(0.0, []) == []


@settings(max_examples=40)
@given(
    st.lists(
        st.lists(st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)), max_size=5),
        max_size=8,
    )
)
def test_numbers_are_never_shared(pictures: list[list[tuple[float, float]]]) -> None:
    tracker = BodyTracker()
    for i, picture in enumerate(pictures):
        ids = tracker.update(0.1 * i, [at(x, y) for x, y in picture])
        assert len(set(ids)) == len(ids) == len(picture)
