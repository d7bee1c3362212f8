"""From source to events in one loop, at full pace or live.

`Session` is the loop, run by whoever iterates over it; `SessionRunner` runs one behind a screen and switches its
source, model and settings; `SessionRecording` keeps what one saw and found.
"""

from actionpose.session.loop import Session
from actionpose.session.pace import Pace
from actionpose.session.poses import iter_poses
from actionpose.session.recording import EVENTS_SUFFIX, SessionRecording
from actionpose.session.runner import Phase, RunnerState, SessionRunner
from actionpose.session.stats import SessionStats, TrackStats, describe_stats
from actionpose.session.tick import Tick

__all__ = [
    "EVENTS_SUFFIX",
    "Pace",
    "Phase",
    "RunnerState",
    "Session",
    "SessionRecording",
    "SessionRunner",
    "SessionStats",
    "Tick",
    "TrackStats",
    "describe_stats",
    "iter_poses",
]
