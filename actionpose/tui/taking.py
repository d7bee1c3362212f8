"""Recorders that listen to the running session: `keep` runs in its thread, everything else on the screens'."""

from __future__ import annotations

from collections import deque

from actionpose.pose import Pose, PoseSequence
from actionpose.recorder import RecorderSettings, RecorderState, TakeRecorder
from actionpose.session import Tick
from actionpose.skeleton import Skeleton
from actionpose.takes import Take

__all__ = ["BackgroundTaking", "Taking"]


class Taking:
    """Cuts takes of an action out of the session.

    Parameters
    ----------
    settings : RecorderSettings
        How.
    """

    def __init__(self, settings: RecorderSettings) -> None:
        self.state: RecorderState | None = None
        self.phase_s = 0.0
        self._recorder = TakeRecorder(settings)
        self._takes: deque[Take] = deque()
        self._phase_start = 0.0
        self._skeleton: Skeleton | None = None
        self._is_stopped = False

    @property
    def is_done(self) -> bool:
        """Whether no take will come any more."""
        return self._is_stopped or (self.state is not None and self.state.phase == "done")

    def keep(self, tick: Tick) -> None:
        """Take in what the session saw."""
        if tick.frame is None or self.is_done:
            return
        if tick.poses:
            pose = tick.poses[0]
            if self._skeleton not in (None, pose.skeleton):  # another model was chosen meanwhile
                self.stop()
                return
            self._skeleton = pose.skeleton
        elif self._skeleton:
            pose = Pose.missing(self._skeleton, tick.frame.time)
        else:
            return
        before = self.state
        state = self._recorder.update(pose)
        if before is None or before.phase != state.phase:
            self._phase_start = pose.time
        self.phase_s = pose.time - self._phase_start
        if state.take:
            self._takes.append(state.take)
        self.state = state

    def stop(self) -> None:
        """Take in nothing more."""
        self._is_stopped = True

    def finished(self) -> list[Take]:
        """Return the takes that were finished since the last call."""
        return [self._takes.popleft() for _ in range(len(self._takes))]


class BackgroundTaking:
    """Collects what is not an action.

    Parameters
    ----------
    seconds : float
        For how long.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.elapsed_s = 0.0
        self._poses: list[Pose] = []
        self._start: float | None = None
        self._is_stopped = False

    @property
    def is_done(self) -> bool:
        """Whether it has enough."""
        return self._is_stopped or self.elapsed_s >= self.seconds

    @property
    def sequence(self) -> PoseSequence | None:
        """What was collected; None where nobody was in view."""
        poses = list(self._poses)
        return PoseSequence.from_poses(poses) if len(poses) > 1 else None

    def keep(self, tick: Tick) -> None:
        """Take in what the session saw."""
        if tick.frame is None or self.is_done:
            return
        self._start = tick.frame.time if self._start is None else self._start
        self.elapsed_s = tick.frame.time - self._start
        if tick.poses and (not self._poses or tick.poses[0].time > self._poses[-1].time):
            self._poses.append(tick.poses[0])

    def stop(self) -> None:
        """Take in nothing more."""
        self._is_stopped = True
