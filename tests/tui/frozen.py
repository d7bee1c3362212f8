"""A session that stands still, so that a screen looks the same every time."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

import numpy as np

from actionpose.decision import ActionEvent
from actionpose.outputs import OutputStatus
from actionpose.pose import Frame, Pose
from actionpose.recognizer import ActionState, RecognizerState
from actionpose.session import RunnerState, SessionStats, Tick
from actionpose.sources.puppet import PuppetSource
from actionpose.template import Template
from actionpose.tui.preferences import Settings

_STATS = SessionStats(
    n_read=900, n_processed=900, n_dropped=0, capture_hz=30.0, rate_hz=29.6, estimator_s=0.016, recognizer_s=0.001,
    latency_p50_s=0.03, latency_p95_s=0.048, tracks={},
)  # fmt: skip
_RATIOS = ({"clap": 2.1, "jumping_jack": 1.3, "wave": 0.45}, {"clap": 1.08, "jumping_jack": 3.4, "wave": 4.0})
_EVENTS = (("clap", 3.0, 0), ("wave", 9.4, 0), ("clap", 15.0, 1), ("jumping_jack", 17.5, 0), ("wave", 24.1, 0))


class FrozenFeed:
    """What `Feed` would show of a puppet, or two, at one moment."""

    def __init__(self, *, people: int = 1) -> None:
        puppet = PuppetSource("wave", seed=4)
        frames = [puppet.read() for _ in range(75)]
        image = frames[-1].image if frames[-1] else None
        poses = tuple(_moved(puppet.truth(74), 150.0 * track, track) for track in range(people))
        self.latest = Tick(
            frame=Frame(index=74, time=27.0, image=image), poses=poses, states=_states(people), stats=_STATS,
            status="running", source=puppet.info,
        )  # fmt: skip
        self.state = RunnerState(phase="running", source="puppet:wave", model="mediapipe 0.10.21 pose full")
        self.stats = _STATS
        self.notes: tuple[str, ...] = ()
        self.outputs: tuple[OutputStatus, ...] = ()
        self.time = 27.0
        self.has_templates = True
        self.events = deque(
            ActionEvent(
                label=label, start_time=start, end_time=start + 2.5, report_time=start + 2.7, distance=0.5,
                threshold=1.0, template_id="t", track_id=track,
            )
            for label, start, track in _EVENTS
            if track < people
        )  # fmt: skip
        self.counts = Counter((event.track_id, event.label) for event in self.events)

    def start(self) -> None: ...

    def close(self) -> None: ...

    def look(self) -> list[ActionEvent]:
        return []

    def used(self, templates: list[Template]) -> list[Template]:
        return templates

    def make_ready(self) -> None: ...

    def listen(self, _: object) -> Callable[[], None]:
        return lambda: None

    def apply(self, settings: Settings) -> None: ...


def _moved(pose: Pose, by: float, track_id: int) -> Pose:
    assert pose.image_position is not None
    return Pose(
        skeleton=pose.skeleton, time=pose.time, position=pose.position, confidence=pose.confidence,
        image_position=pose.image_position + np.array([by, 0.0]), track_id=track_id,
    )  # fmt: skip


def _states(people: int) -> dict[int, RecognizerState]:
    return {
        track: RecognizerState(
            label="wave" if ratios["wave"] < 1 else "unknown",
            time=27.0,
            actions=tuple(
                ActionState(label=label, template_id="t", distance=ratio, threshold=1.0, progress=0.5)
                for label, ratio in ratios.items()
            ),
        )
        for track, ratios in enumerate(_RATIOS[:people])
    }
