"""What the loop tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from actionpose.decision import ActionEvent
from actionpose.pose import Frame, Pose
from actionpose.recognizer import RecognizerState
from actionpose.session.stats import SessionStats
from actionpose.sources.base import SourceInfo, SourceStatus

__all__ = ["Tick"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """What the loop has to tell after one frame.

    Parameters
    ----------
    frame : Frame or None
        None in the closing tick, which brings the events that were still open, and in the heartbeats that come
        while paused, and at real-time pace while no frame does.
    poses : sequence of Pose
        Bodies in view.
    events : sequence of ActionEvent
        Actions decided at this frame.
    states : mapping of int to RecognizerState
        The live picture of each track, by its `track_id`; empty while nobody is in view.
    stats : SessionStats
        How the loop is doing.
    status : str
        The source's status: ``running``, ``reconnecting`` or ``ended``.
    is_paused : bool
        Whether frames pass without being looked at.
    source : SourceInfo or None
        What the frame came from.
    model : str
        Name of the keypoint model, empty without one.
    """

    frame: Frame | None
    poses: tuple[Pose, ...] = ()
    events: tuple[ActionEvent, ...] = ()
    states: Mapping[int, RecognizerState]
    stats: SessionStats
    status: SourceStatus
    is_paused: bool = False
    source: SourceInfo | None = None
    model: str = ""
