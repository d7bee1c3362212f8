"""Recording takes of an action: when each begins and ends, and how many are needed.

Nothing here reads a clock or a camera: the recorder is fed poses and goes by their times, so recording
is the same live, from a file and in a test.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from actionpose.errors import InvalidDataError
from actionpose.pose import Pose, PoseSequence
from actionpose.takes import MOTION_SPAN_S, START_MOTION, STILL_MOTION, Take, assess_take, compute_motion, trim_still
from actionpose.template import MAX_DURATION_S

__all__ = ["RecorderPhase", "RecorderSettings", "RecorderState", "TakeRecorder"]

RecorderPhase = Literal["countdown", "waiting", "recording", "pause", "done"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderSettings:
    """How takes are recorded.

    Parameters
    ----------
    takes : int
        Good takes wanted.
    retries : int
        Takes with problems, over all, after which the recorder gives up.
    countdown_s, pause_s : float
        Seconds before the first take, and between takes.
    seconds : float, optional
        Length of every take, in which a pose may be held. Default: each begins when the body moves and ends when
        it is still again.
    ready_s, still_s : float
        How long the body is still before a take can begin, and how long it is still when a take has ended.
    lead_s : float
        What is kept of the time before the motion was noticed.
    min_s, max_s : float
        Shorter motion is taken for a twitch; longer takes are ended. Of automatic takes only.

    Raises
    ------
    InvalidDataError
        If a number is out of range.
    """

    takes: int = 3
    retries: int = 3
    countdown_s: float = 3.0
    pause_s: float = 2.0
    seconds: float | None = None
    ready_s: float = 0.5
    still_s: float = 0.8
    lead_s: float = 0.5
    min_s: float = 0.3
    max_s: float = 15.0

    def __post_init__(self) -> None:
        if self.takes < 1 or self.retries < 0:
            raise InvalidDataError(
                f"Expected at least 1 take and 0 retries, got takes={self.takes} and retries={self.retries}."
            )
        for name in ("countdown_s", "pause_s", "ready_s", "still_s", "lead_s", "min_s"):
            if not getattr(self, name) >= 0:
                raise InvalidDataError(f"{name} must be 0 or more seconds, got {getattr(self, name)}.")
        if self.seconds is not None and not self.seconds > 0:
            raise InvalidDataError(
                f"A take must be longer than 0 s, got seconds={self.seconds}.",
                hint="Leave it out to start and stop on motion.",
            )
        if not self.max_s > self.min_s:
            raise InvalidDataError(f"max_s must be more than min_s = {self.min_s}, got {self.max_s}.")
        for name in ("seconds", "max_s"):
            if (getattr(self, name) or 0.0) > MAX_DURATION_S:
                raise InvalidDataError(
                    f"{name} must be at most {MAX_DURATION_S:g}, the longest a template lasts; got "
                    f"{getattr(self, name)}."
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderState:
    """What to show the person who is being recorded.

    Parameters
    ----------
    phase : str
        ``countdown`` before the first take, ``waiting`` for the body to move, ``recording``, ``pause``
        between takes, or ``done``.
    take_number, n_takes : int
        The take that is under way or comes next, from 1, and how many are wanted.
    time_left : float, optional
        Seconds to the end of the phase; None where motion ends it, and when done.
    take : Take, optional
        A take that was finished by this very update: store it before feeding the next pose.
    advice : str
        What the person should do now; empty when there is nothing to say.
    has_given_up : bool
        Whether it is done because more takes had problems than may be retried.
    """

    phase: RecorderPhase
    take_number: int
    n_takes: int
    time_left: float | None = None
    take: Take | None = None
    advice: str = ""
    has_given_up: bool = False


class TakeRecorder:
    """Takes of one action, cut out of a stream of poses.

    Feed every pose to `update`, `Pose.missing` where nobody is in view. A take with problems is handed over like
    any other, and repeated until enough are good or the retries are used up.

    Parameters
    ----------
    settings : RecorderSettings
        How takes are recorded.

    Examples
    --------
    >>> from actionpose.skeleton import UPPER_BODY_6
    >>> recorder = TakeRecorder(RecorderSettings(countdown_s=2))
    >>> state = recorder.update(Pose.missing(UPPER_BODY_6, time=10.0))
    >>> state.phase, state.time_left, state.take_number
    ('countdown', 2.0, 1)
    """

    def __init__(self, settings: RecorderSettings | None = None) -> None:
        self.settings = settings or RecorderSettings()
        self.reset()

    def reset(self) -> None:
        """Forget everything and begin with the countdown again."""
        self._phase: RecorderPhase = "countdown"
        self._phase_end: float | None = None
        self._recent: deque[Pose] = deque()  # the last `lead_s`, for the motion and the beginning of a take
        self._poses: list[Pose] = []  # of the take under way
        self._still_since: float | None = None  # since when the body is still
        self._newest_motion = 0.0
        self._motion_time = 0.0  # when the take's motion began
        self._is_ready = False
        self._others: list[PoseSequence] = []
        self._n_good = 0
        self._n_bad = 0

    def update(self, pose: Pose) -> RecorderState:
        """Take in the next pose and return what to show now; a pose that is not later than the last is ignored."""
        if self._phase == "done" or (self._recent and pose.time <= self._recent[-1].time):
            return self._state(self._recent[-1].time if self._recent else pose.time)
        time = pose.time
        self._recent.append(pose)
        while time - self._recent[0].time > max(self.settings.lead_s, 2 * MOTION_SPAN_S):
            self._recent.popleft()
        newest = float(compute_motion(_stack(self._recent))[-1])
        motion, self._newest_motion = min(newest, self._newest_motion), newest  # a jump is gone one frame later
        if motion >= STILL_MOTION:
            self._still_since = None
        elif self._still_since is None:
            self._still_since = time
        still_s = 0.0 if self._still_since is None else time - self._still_since

        if self._phase == "countdown" and self._phase_end is None:
            self._phase_end = time + self.settings.countdown_s
        if self._phase in ("countdown", "pause") and self._phase_end is not None and time >= self._phase_end:
            self._begin_waiting() if self.settings.seconds is None else self._begin_take(time)
        take = None
        if self._phase == "waiting":
            self._wait(pose, motion, still_s)
        elif self._phase == "recording":
            take = self._record(pose, still_s)
        return self._state(time, take)

    def flush(self) -> RecorderState:
        """Finish: return the take that was under way, if there is enough of it, and the phase ``done``."""
        take = None
        if self._phase == "recording" and len(self._poses) > 1:
            take = self._finish_take(self._poses[-1].time)
        self._phase, self._phase_end = "done", None
        return self._state(0.0, take)

    def _begin_waiting(self) -> None:
        self._phase, self._phase_end, self._is_ready = "waiting", None, False

    def _begin_take(self, time: float, poses: Iterable[Pose] = ()) -> None:
        self._phase, self._poses, self._motion_time = "recording", list(poses), time
        self._phase_end = time + (self.settings.max_s if self.settings.seconds is None else self.settings.seconds)

    def _wait(self, pose: Pose, motion: float, still_s: float) -> None:
        if pose.is_missing:  # walking into the picture must not begin a take
            self._is_ready, self._still_since = False, None
        elif still_s >= self.settings.ready_s:
            self._is_ready = True
        elif self._is_ready and motion >= START_MOTION:
            self._begin_take(pose.time, self._recent)

    def _record(self, pose: Pose, still_s: float) -> Take | None:
        assert self._phase_end is not None
        is_over = pose.time >= self._phase_end
        if not is_over:
            self._poses.append(pose)
            is_over = self.settings.seconds is None and still_s >= self.settings.still_s
        if not is_over:
            return None
        moved_s = pose.time - still_s - self._motion_time
        if self.settings.seconds is None and moved_s < self.settings.min_s:
            self._begin_waiting()
            return None
        return self._finish_take(pose.time)

    def _finish_take(self, time: float) -> Take:
        recorded = _stack(self._poses)
        sequence = trim_still(recorded)
        may_be_still = self.settings.seconds is not None
        verdict = assess_take(sequence, others=self._others, may_be_still=may_be_still)
        take = Take(sequence=sequence, recorded=recorded, verdict=verdict)
        # Of two takes that differ nobody knows which is the slip: the next one may resemble either.
        if assess_take(sequence, may_be_still=may_be_still).ok:
            self._others.append(sequence)
        self._n_good += verdict.ok
        self._n_bad += not verdict.ok
        is_done = self._n_good >= self.settings.takes or self._n_bad > self.settings.retries
        self._phase, self._phase_end = ("done", None) if is_done else ("pause", time + self.settings.pause_s)
        self._poses = []
        return take

    def _state(self, time: float, take: Take | None = None) -> RecorderState:
        is_ended_by_motion = self._phase == "recording" and self.settings.seconds is None
        return RecorderState(
            phase=self._phase,
            take_number=min(self._n_good + 1, self.settings.takes),
            n_takes=self.settings.takes,
            time_left=None if self._phase_end is None or is_ended_by_motion else max(0.0, self._phase_end - time),
            take=take,
            advice=self._advice(),
            has_given_up=self._phase == "done" and self._n_bad > self.settings.retries,
        )

    def _advice(self) -> str:
        if self._phase == "done":
            return ""
        if not self._recent or self._recent[-1].is_missing:
            return "Step into the picture."
        if self._phase == "waiting":
            return "Go: perform the action." if self._is_ready else "Hold still for a moment."
        if self._phase == "recording":
            return "Hold still when you are done." if self.settings.seconds is None else ""
        return "Get ready."


def _stack(poses: Iterable[Pose]) -> PoseSequence:
    """Stack poses, those in which nobody was seen among them, whatever their dimension."""
    poses = list(poses)
    shape = next((p.position.shape for p in poses if not p.is_missing), poses[0].position.shape)
    return PoseSequence.from_poses(
        [p if p.position.shape == shape else replace(p, position=np.full(shape, np.nan)) for p in poses]
    )
