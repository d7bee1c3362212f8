"""Frames too far apart for anything to be recognised are told of, whoever looks at them."""

from __future__ import annotations

import numpy as np
import pytest

from actionpose.pose import Frame
from actionpose.session import Pace, Session
from actionpose.session import reader as reader_module
from tests.test_session import IMAGE, FakeEstimator, FakeSource


def notes_of(times: list[float], *, is_live: bool = False) -> tuple[str, ...]:
    pace = Pace(is_live=is_live)
    for time in times:
        pace.update(time)
    return pace.notes


@pytest.mark.parametrize("times", [[], [5.0], [0.0, 0.1, 0.2], [0.0, 0.1, 0.2, 60.0], np.arange(50) * 0.69])
def test_frames_near_enough_are_not_told_of(times: list[float]) -> None:
    assert notes_of(list(times)) == ()


def test_frame_numbers_for_seconds_are_told_with_what_to_do() -> None:
    (note,) = notes_of([0.0, 1.0, 2.0, 3.0, 3.1])
    assert "1.0 s apart, but actions are followed over gaps of at most 0.7 s" in note
    assert "--rate 30" in note


def test_a_live_source_is_given_time_to_begin() -> None:
    assert notes_of([0.0, 2.0, 4.0], is_live=True) == ()
    (note,) = notes_of([2.0 * i for i in range(11)], is_live=True)
    assert "quicker keypoint model" in note


def test_a_session_tells() -> None:
    frames = [Frame(index=i, time=float(i), image=IMAGE) for i in range(4)]
    with Session(FakeSource(frames), FakeEstimator(), lambda: None) as session:
        for _ in session:
            pass
        assert ["1.0 s apart" in note for note in session.notes] == [True]


def test_a_hole_in_a_file_that_is_played_is_jumped_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "_LONGEST_WAIT_S", 0.05)
    frames = [Frame(index=i, time=time, image=IMAGE) for i, time in enumerate([0.0, 1e9, 1e9 + 0.01])]
    with Session(FakeSource(frames), FakeEstimator(), lambda: None, realtime=True) as session:
        seen = [tick.frame.time for tick in session if tick.frame is not None]
    assert seen[-1] == 1e9 + 0.01
