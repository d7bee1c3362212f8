"""From matches to events: the vote, the thresholds, and when to speak."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from actionpose.matching import Match
from actionpose.pose import FloatArray
from actionpose.template import UNKNOWN

__all__ = ["ActionEvent", "EventDecider", "Vote", "VoteRun", "majority_vote", "merge_repetitions"]

_MIN_HOLD_FRAMES = 4
_MAX_SAME_OVERLAP = 0.1  # of a match, before the end of an event of the same action


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionEvent:
    """An action that was recognised.

    Parameters
    ----------
    label : str
        Name of the action.
    start_time, end_time : float
        Seconds, half-open.
    report_time : float
        When it was decided, in seconds of the stream.
    distance, threshold : float
        How far the motion was from the template, and how far it was allowed to be.
    template_id : str
        The template it resembled most.
    track_id : int
        Who performed it.
    repetitions : int
        How often, one after the other; more than once after `merge_repetitions` alone.
    """

    label: str
    start_time: float
    end_time: float
    report_time: float
    distance: float
    threshold: float
    template_id: str
    track_id: int = 0
    repetitions: int = 1


def merge_repetitions(events: Sequence[ActionEvent], *, gap_s: float) -> list[ActionEvent]:
    """Take repetitions of an action, each at most so long after the last, for one: a bout, a set.

    Parameters
    ----------
    events : sequence of ActionEvent
        Of one recording.
    gap_s : float
        Seconds from an end to the next start. What another action comes between is not merged.

    Returns
    -------
    list of ActionEvent
        By start. Distance, threshold and template are those of the clearest repetition.
    """
    merged: list[ActionEvent] = []
    last_of_track: dict[int, int] = {}
    for event in sorted(events, key=lambda event: event.start_time):
        i = last_of_track.get(event.track_id)
        if i is not None and merged[i].label == event.label and event.start_time - merged[i].end_time <= gap_s:
            before = merged[i]
            merged[i] = replace(
                min(before, event, key=lambda one: one.distance / one.threshold),
                start_time=before.start_time,
                end_time=max(before.end_time, event.end_time),
                report_time=max(before.report_time, event.report_time),
                repetitions=before.repetitions + event.repetitions,
            )
        else:
            last_of_track[event.track_id] = len(merged)
            merged.append(event)
    return merged


@dataclass(frozen=True, slots=True)
class Vote:
    """What the nearest templates say together: a label and its best match, or ``unknown`` and None."""

    label: str
    match: Match | None


def majority_vote(
    matches: Sequence[Match], labels: Sequence[str], thresholds: FloatArray, *, top: int = 4, ratio: float = 0.5
) -> Vote:
    """Let the nearest templates vote; those beyond their threshold vote for ``unknown``.

    Parameters
    ----------
    matches : sequence of Match
        One for each of the N templates.
    labels : sequence of str
        Label of each template.
    thresholds : array (N,)
        Of each template.
    top : int
        How many of the nearest vote; fewer where an action has fewer templates than would make a majority.
    ratio : float
        Share of the votes the winner needs at least.

    Returns
    -------
    Vote
        The label with the most votes, the nearer one of two with as many.
    """
    counts = Counter(labels)
    nearest = sorted(matches, key=lambda match: match.distance)[: max(1, min(top, round(max(counts.values()) / ratio)))]
    votes: dict[str, list[Match]] = {}
    for match in nearest:
        is_known = match.distance < thresholds[match.template]
        votes.setdefault(labels[match.template] if is_known else UNKNOWN, []).append(match)
    label = max(votes, key=lambda name: (len(votes[name]), -votes[name][0].distance))
    if label == UNKNOWN or len(votes[label]) < ratio * len(nearest):
        return Vote(UNKNOWN, None)
    return Vote(label, votes[label][0])


class VoteRun:
    """Turns the votes of a sliding window into one match for each run of the same winner: its nearest window."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._label = UNKNOWN
        self._best: Match | None = None

    def update(self, vote: Vote) -> list[Match]:
        """Take the next vote; return the match of the run that it ends, if it ends one."""
        ended = self.flush() if vote.label != self._label else []
        self._label = vote.label
        if vote.match and (self._best is None or vote.match.distance < self._best.distance):
            self._best = vote.match
        return ended

    def flush(self) -> list[Match]:
        """End the run, and return its match."""
        ended = [self._best] if self._best else []
        self.reset()
        return ended


class EventDecider:
    """Picks from overlapping matches the ones to report, each once, the surer the sooner.

    The match with the smallest ratio of distance to threshold is the candidate until a better one comes; it is
    reported when ``max(4, patience * ratio)`` frames have passed since its end. What begins much before the last
    reported end is not considered, least of all if it is the same action: that would be what is left of it. A held
    pose lasts for as long as its matches follow each other, and is no pause of another action.

    Parameters
    ----------
    thresholds : array (N,)
        Of each template.
    patience_frames : float
        Frames to wait after a match that is just at its threshold.
    max_overlap : float
        Share of a match that may lie before the end of another action's event: one runs into the next.
    label_of_template : array (N,) of int, optional
        Number of each template's label; default: all differ.
    is_held : array (N,) of bool, optional
        Which templates are held poses; default: none.
    """

    def __init__(
        self,
        thresholds: FloatArray,
        *,
        patience_frames: float = 15.0,
        max_overlap: float = 0.25,
        label_of_template: npt.NDArray[np.int64] | None = None,
        is_held: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        n_templates = len(thresholds)
        self._max_overlap = max_overlap
        self._label = np.arange(n_templates) if label_of_template is None else label_of_template
        self._is_held = np.zeros(n_templates, dtype=bool) if is_held is None else is_held
        self._thresholds = thresholds
        self._patience_frames = patience_frames
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._candidate: Match | None = None
        self._last: Match | None = None

    def update(
        self, now_frame: int, matches: Sequence[Match], *, is_contested: Callable[[Match], bool] = lambda _: False
    ) -> list[Match]:
        """Take the matches that end at `now_frame`; return those to report, unless `is_contested` says to wait."""
        decided: list[Match] = []
        for match in matches:
            candidate = self._candidate
            if candidate and self._goes_on(candidate, match):
                nearest = min(candidate, match, key=self.ratio)
                start = min(candidate.start_frame, match.start_frame)
                self._candidate = replace(nearest, start_frame=start, end_frame=match.end_frame)
                continue
            if candidate and self._is_held[candidate.template] and candidate.is_pause_of(match.n_paused):
                continue
            if candidate and self._follows(match, candidate):
                decided += self.flush()
            best = 1.0 if self._candidate is None else self.ratio(self._candidate)
            if self.ratio(match) < best and self._is_another(match):
                self._candidate = match
        if self._candidate is None:
            return decided
        hold = max(_MIN_HOLD_FRAMES, round(self._patience_frames * self.ratio(self._candidate)))
        if now_frame - self._candidate.end_frame < hold or is_contested(self._candidate):
            return decided
        return decided + self.flush()

    def _goes_on(self, held: Match, match: Match) -> bool:
        """Whether a match is more of a pose that is being held."""
        is_held = self._is_held[match.template] and self._is_held[held.template]
        return bool(is_held and self._is_same(match, held) and match.start_frame <= held.end_frame)

    def _follows(self, match: Match, candidate: Match) -> bool:
        """Whether one of them is a held pose, and they come one after the other: no rivals then."""
        is_held = self._is_held[match.template] or self._is_held[candidate.template]
        return bool(is_held and self._overlap(match, candidate) <= self._max_overlap)

    def _is_another(self, match: Match) -> bool:
        """Whether a match is of something else than the last event."""
        if self._last is None:
            return True
        return self._overlap(match, self._last) <= (
            _MAX_SAME_OVERLAP if self._is_same(match, self._last) else self._max_overlap
        )

    def _is_same(self, match: Match, other: Match) -> bool:
        return bool(self._label[match.template] == self._label[other.template])

    @staticmethod
    def _overlap(match: Match, before: Match) -> float:
        """Share of a match that lies before the end of an earlier one."""
        return (before.end_frame - match.start_frame) / (match.end_frame - match.start_frame)

    def flush(self) -> list[Match]:
        """Report the candidate, if there is one, without waiting for a better."""
        if self._candidate is None:
            return []
        match, self._candidate = self._candidate, None
        self._last = match
        return [match]

    def ratio(self, match: Match) -> float:
        """Distance of a match in units of its template's threshold; below 1 = recognised."""
        return float(np.divide(match.distance, self._thresholds[match.template]))
