"""The matchers: a stream of features against all templates at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from actionpose.bank import MAX_FRAMES, TemplateBank
from actionpose.cost import COMPARED_FRAMES, LocalCost
from actionpose.dtw import MAX_PAUSE_FRAMES, MAX_STREAM_FRAMES, IntArray, StreamingDTW, WindowDTW
from actionpose.errors import InvalidDataError
from actionpose.features import FeatureFrame
from actionpose.pose import FloatArray

__all__ = ["Backend", "Match", "StreamMatcher", "WindowMatcher"]

Backend = Literal["exact", "fastdtw"]

_HISTORY_FRAMES = 2 * MAX_FRAMES + MAX_PAUSE_FRAMES  # the longest match
_CLEARLY = 0.9  # of a match's ratio: what an action under way must be below to make it wait
_PAUSE_SHARE = 0.5  # of a held pose, from which on a pause in another action is the pose
_MAX_LATENESS = 0.5  # of a match, by which what it makes way for may begin after it


@dataclass(frozen=True, slots=True)
class Match:
    """A whole template found in the stream.

    Parameters
    ----------
    template : int
        Index in the bank.
    distance : float
        Per frame of path; comparable between templates of any length.
    start_frame, end_frame : int
        Half-open, counted since the stream last began anew.
    n_paused : int
        Frames among them in which the body stood still in the middle of the action.
    """

    template: int
    distance: float
    start_frame: int
    end_frame: int
    n_paused: int = 0

    def is_pause_of(self, n_paused: IntArray | int) -> npt.NDArray[np.bool_]:
        """Whether this, a held pose, is what another match of so many frames paused takes for its pause."""
        return np.asarray(n_paused) > _PAUSE_SHARE * (self.end_frame - self.start_frame)


class StreamMatcher:
    """Spots every template in a stream of feature frames by slope-limited streaming DTW on `LocalCost`.

    Parameters
    ----------
    bank : TemplateBank
        The N templates.
    limits : array (N,), optional
        Only matches below their template's limit are reported; default: all.
    """

    def __init__(self, bank: TemplateBank, *, limits: FloatArray | None = None) -> None:
        self._bank = bank
        self._limits = np.full(len(bank.templates), np.inf) if limits is None else limits
        self._cost = LocalCost(bank)
        self._dtw = StreamingDTW(bank.lengths.tolist(), pausable=self._cost.pausable, is_long=bank.is_long)
        self._lag = bank.lag_frames
        # A stretch of it is one slice, for everything is written twice.
        self._history = np.empty((2, _HISTORY_FRAMES, bank.tracks[0].shape[1]))
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._dtw.reset()
        self._n_frames = 0
        self._n_missing = 0
        self._n_unseen: FloatArray | None = None  # frames since each feature was seen; None where all were just now

    def update(self, frame: FeatureFrame) -> list[Match]:
        """Advance by one frame and return the matches that end with it.

        A frame in which nothing was seen holds the state; many of them, or an interruption, begin anew.
        """
        if frame.restarts or self._n_frames == MAX_STREAM_FRAMES - 1:
            self.reset()
        track = np.concatenate([frame.vector, frame.travel])
        is_missing = np.isnan(track)
        if is_missing[: len(frame.vector)].all():
            self._n_missing += 1
            if self._n_missing > self._bank.max_gap_frames:
                self.reset()
            return []
        self._n_missing = 0
        self._history[:, self._n_frames % _HISTORY_FRAMES], track = self._hold(track, is_missing)
        if self._n_frames >= self._lag:
            change = track - self._history[0, (self._n_frames - self._lag) % _HISTORY_FRAMES]
        else:
            change = np.full_like(track, np.nan)
        self._dtw.update(*self._cost.of_frame(change, track[: len(frame.vector)]))
        self._n_frames += 1
        distance, start, n_matched = self.ends()
        near = np.flatnonzero(distance < self._limits).tolist()
        end = self._n_frames
        matches = [
            self.judge(i, distance[i], start=start[i], end=end, n_paused=end - start[i] - n_matched[i]) for i in near
        ]
        return [match for match in matches if match.distance < self._limits[match.template]]

    def _hold(self, track: FloatArray, is_missing: npt.NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
        """Return features as they are remembered and as they are compared.

        What is missing is remembered as it was last seen until it is gone for long, and compared so for a moment.
        """
        if not is_missing.any():
            self._n_unseen = None
            return track, track
        if self._n_unseen is None:
            self._n_unseen = np.full(len(track), np.inf if self._n_frames == 0 else 0.0)
        self._n_unseen = n_unseen = np.where(is_missing, self._n_unseen + 1, 0.0)
        last = np.where(is_missing, self._history[0, (self._n_frames - 1) % _HISTORY_FRAMES], track)
        remembered, compared = (
            np.where(n_unseen <= n, last, np.nan) for n in (self._bank.max_gap_frames, COMPARED_FRAMES)
        )
        return remembered, compared

    def ends(self) -> tuple[FloatArray, IntArray, IntArray]:
        """Distance per frame of path, first frame, and frames matched of the matches that end now, array (N,) each.

        The distance is not yet corrected for unlike extent, which `judge` does.
        """
        distance, start, n_matched = self._dtw.ends()
        return distance / (self._bank.lengths + n_matched), start, n_matched

    def judge(self, template: int, distance: float, *, start: int, end: int, n_paused: int = 0) -> Match:
        """Correct a distance, upwards, by how unlike the extent of the matched motion is to the template's."""
        first = start % _HISTORY_FRAMES
        stretch = self._history.reshape(2 * _HISTORY_FRAMES, -1)[first : first + end - start]
        corrected = distance * self._bank.unlikeness(template, np.ptp(stretch, axis=0))
        return Match(template, float(corrected), int(start), end, int(n_paused))

    def is_contested(self, match: Match) -> bool:
        """Whether the match may be part, or the beginning, of another that is under way and clearly better so far.

        A pose that is held is no pause of another action.
        """
        dtw = self._dtw
        distance, start, n_matched = dtw.unfinished()
        frame, template = dtw.frame_of_cell, dtw.template_of_cell
        slack = _MAX_LATENESS * (match.end_frame - match.start_frame)
        is_rival = (frame > 0) & (frame < self._bank.lengths[template]) & (start <= match.start_frame + slack)
        if self._bank.is_held[match.template]:
            is_rival &= ~match.is_pause_of(self._n_frames - start - n_matched)
        ratio = distance[is_rival] / (frame + n_matched)[is_rival] / self._limits[template[is_rival]]
        return bool((ratio < _CLEARLY * match.distance / self._limits[match.template]).any())

    @property
    def n_frames(self) -> int:
        """Number of frames since the stream last began anew."""
        return self._n_frames

    @property
    def distances(self) -> FloatArray:
        """Distance of each template to the stretch that ends now, before the correction by extent; array (N,)."""
        return self.ends()[0]

    @property
    def progress(self) -> FloatArray:
        """Share of each template that the stream seems to have performed, 0 to 1; array (N,)."""
        return self._dtw.progress()


class WindowMatcher:
    """Compares the last frames of a stream with every template, whole against whole.

    Parameters
    ----------
    bank : TemplateBank
        The N templates.
    window_frames : int
        Length W of the window, at the feature rate.
    backend : str
        ``exact`` (all templates at once) or ``fastdtw`` (Salvador & Chan 2007: approximate and slower, for comparison;
        needs ``actionpose[fastdtw]``).
    """

    def __init__(self, bank: TemplateBank, *, window_frames: int = 50, backend: Backend = "exact") -> None:
        self._tracks = [np.nan_to_num(track[:, : bank.n_features]) for track in bank.timed_tracks]
        self._lengths = np.array([len(track) for track in self._tracks])
        self._fastdtw = _import_fastdtw() if backend == "fastdtw" else None
        self._window = np.empty((window_frames, bank.n_features))
        self._dtw = WindowDTW(self._lengths.tolist(), window_frames)
        self._padded = np.zeros((self._dtw.n_longest, len(self._tracks), bank.n_features))
        for i, track in enumerate(self._tracks):
            self._padded[: len(track), i] = track
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._n_frames = 0
        self._nearest = np.full(len(self._tracks), np.inf)

    def update(self, frame: FeatureFrame) -> list[Match]:
        """Advance by one frame; return the distance of every template once the window is full.

        Features not seen count as where they were last seen.
        """
        if frame.restarts:
            self.reset()
        n_window = len(self._window)
        before = self._window[-1] if self._n_frames else np.zeros_like(frame.vector)
        vector = np.where(np.isnan(frame.vector), before, frame.vector)
        self._window[:-1] = self._window[1:]
        self._window[-1] = vector
        offset = self._padded - vector
        self._dtw.update(np.sqrt(np.einsum("lnf,lnf->ln", offset, offset)))
        self._n_frames += 1
        if self._n_frames < n_window:
            return []
        self._nearest = self._compare()
        start = self._n_frames - n_window
        return [Match(i, float(d), start, self._n_frames) for i, d in enumerate(self._nearest)]

    def is_contested(self, match: Match) -> bool:  # noqa: ARG002
        """False: windows are compared whole."""
        return False

    @property
    def n_frames(self) -> int:
        """Number of frames since the stream last began anew."""
        return self._n_frames

    @property
    def distances(self) -> FloatArray:
        """Distance of each template to the window, per frame; array (N,), inf until the window is full."""
        return self._nearest

    @property
    def progress(self) -> FloatArray:
        """Share of the window that is filled, 0 to 1, the same for all; array (N,)."""
        return np.full(len(self._tracks), min(1.0, self._n_frames / len(self._window)))

    def _compare(self) -> FloatArray:
        if self._fastdtw is None:
            distance = self._dtw.distances()
        else:
            euclidean = 2  # a norm by its number is compiled where fastdtw is; a function would be called back
            distance = np.array([self._fastdtw(self._window, track, dist=euclidean)[0] for track in self._tracks])
        return np.asarray(distance / (len(self._window) + self._lengths))


def _import_fastdtw() -> Callable[..., tuple[float, list[tuple[int, int]]]]:
    try:
        from fastdtw import fastdtw
    except ImportError:
        raise InvalidDataError(
            "The fastdtw backend needs the package fastdtw, which is not installed.",
            hint="Run `pip install actionpose[fastdtw]`, or use the exact backend, which is faster.",
        ) from None
    return fastdtw  # type: ignore[no-any-return]
