"""Events to send."""

from __future__ import annotations

import time
from collections.abc import Callable

from actionpose.decision import ActionEvent


def event(label: str = "wave", start: float = 1.0) -> ActionEvent:
    return ActionEvent(
        label=label,
        start_time=start,
        end_time=start + 1.5,
        report_time=start + 1.75,
        distance=0.5,
        threshold=1.25,
        template_id="abc",
        track_id=2,
    )


def wait_until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.005)
