"""The bodies that are followed, each with a recogniser of its own."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from actionpose.decision import ActionEvent
from actionpose.errors import InvalidDataError
from actionpose.pose import Frame, Pose
from actionpose.recognizer import Recognizer, RecognizerState
from actionpose.session.recognizers import RecognizerSet
from actionpose.session.stats import RECENT_FRAMES, TrackStats, quantile

__all__ = ["Tracks"]

_FORGET_S = 3.0  # a body out of view this long is a new one when it comes back


class Tracks:
    """Gives the poses of each body to its own copy of a recogniser.

    Parameters
    ----------
    recognizer : Recognizer, RecognizerSet or None
        What is copied, of a set the one that fits a body's poses; None to recognise nothing.
    may_fit_none : bool
        Whether bodies whose poses no recogniser of a set fits are followed all the same.
    state_interval_s : float
        `states` are made anew at most this often, and whenever a body comes or goes.
    """

    def __init__(
        self,
        recognizer: Recognizer | RecognizerSet | None,
        *,
        may_fit_none: bool = False,
        state_interval_s: float = 0.0,
    ) -> None:
        self.notes: tuple[str, ...] = ()  # which templates the bodies in view are not compared with
        self._recognizer = recognizer
        self._may_fit_none = may_fit_none
        self._state_interval_s = state_interval_s
        self._tracks: dict[int, _Track] = {}
        self._states: Mapping[int, RecognizerState] = {}
        self._states_at = float("-inf")
        self._states_of: Collection[int] = ()

    def update(self, frame: Frame, poses: tuple[Pose, ...], *, captured_at: float) -> list[ActionEvent]:
        """Take in the poses of a frame, captured when `time.perf_counter` said; return the events decided by it.

        Raises
        ------
        InvalidDataError
            If no recogniser fits the poses, and they may not fit none.
        """
        events = []
        for pose in poses:
            track = self._tracks.get(pose.track_id)
            if track is None:
                track = self._tracks[pose.track_id] = _Track(self._copy_for(pose), pose, since=frame.time)
            track.last_pose = pose
            track.n_frames += 1
            events += track.update(pose)
            track.latency.append(time.perf_counter() - captured_at)
        for track_id in self._tracks.keys() - {pose.track_id for pose in poses}:
            track = self._tracks[track_id]
            if frame.time - track.last_pose.time > _FORGET_S:
                events += self._tracks.pop(track_id).flush()
            else:
                events += track.update(track.missing_at(frame.time))
        return events

    def flush(self) -> list[ActionEvent]:
        """Return the events that were still open."""
        return [event for track in self._tracks.values() for event in track.flush()]

    def exchange(self, recognizer: Recognizer | RecognizerSet | None) -> list[ActionEvent]:
        """Follow the same bodies with another recogniser; return the events that were still open."""
        events = self.flush()
        self._recognizer = recognizer
        self._may_fit_none = True  # a library that is changed meanwhile is told of, and ends nothing
        self.notes = ()
        for track in self._tracks.values():
            track.recognizer = self._copy_for(track.last_pose)
        return events

    def reset(self) -> list[ActionEvent]:
        """Forget all bodies; return the events that were still open."""
        events = self.flush()
        self._tracks.clear()
        self.notes = ()
        return events

    def _copy_for(self, pose: Pose) -> Recognizer | None:
        recognizer = self._recognizer
        if not isinstance(recognizer, RecognizerSet):
            return recognizer.copy() if recognizer else None
        try:
            chosen = recognizer.choose(pose)
        except InvalidDataError as error:
            if not self._may_fit_none:
                raise
            self.notes = (str(error),)
            return None
        self.notes = tuple(filter(None, [recognizer.describe_left_aside(pose)]))
        return chosen.copy()

    @property
    def states(self) -> Mapping[int, RecognizerState]:
        """The live picture of each body that something is recognised of."""
        now, followed = time.perf_counter(), tuple(self._tracks)
        if now - self._states_at >= self._state_interval_s or followed != self._states_of:
            self._states_at, self._states_of = now, followed
            self._states = {id_: track.recognizer.state for id_, track in self._tracks.items() if track.recognizer}
        return self._states

    @property
    def stats(self) -> Mapping[int, TrackStats]:
        """How each body is followed."""
        return {track_id: track.stats() for track_id, track in self._tracks.items()}


@dataclass(slots=True)
class _Track:
    recognizer: Recognizer | None
    last_pose: Pose
    since: float
    n_frames: int = 0
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT_FRAMES))
    latency: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT_FRAMES))

    def update(self, pose: Pose) -> list[ActionEvent]:
        if self.recognizer is None:
            return []
        began = time.perf_counter()
        events = self.recognizer.update(pose)
        self.seconds.append(time.perf_counter() - began)
        return events

    def flush(self) -> list[ActionEvent]:
        return self.recognizer.flush() if self.recognizer else []

    def missing_at(self, time: float) -> Pose:
        pose = self.last_pose
        return Pose.missing(pose.skeleton, time, n_dims=pose.position.shape[1], track_id=pose.track_id)

    def stats(self) -> TrackStats:
        return TrackStats(
            since=self.since,
            last_seen=self.last_pose.time,
            n_frames=self.n_frames,
            recognizer_s=quantile(self.seconds, 0.5),
            latency_p50_s=quantile(self.latency, 0.5),
            latency_p95_s=quantile(self.latency, 0.95),
        )
