"""The matchers: a stream of features against all templates at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from actionpose.bank import MAX_FRAMES, TemplateBank
from actionpose.dtw import IntArray, StreamingDTW, dtw_distances
from actionpose.errors import InvalidDataError
from actionpose.features import FeatureFrame
from actionpose.pose import FloatArray

__all__ = ["Backend", "Match", "StreamMatcher", "WindowMatcher"]

Backend = Literal["exact", "fastdtw"]

_COST_EXPONENT = 0.75
_CLEARLY = 0.75  # of a match's ratio: what an action under way must be below to make it wait
_MAX_LATENESS = 0.25  # of a match, by which what contains it may begin after it
_MIN_SEEN_WEIGHT = 0.3  # with less of a template's weight in view, a frame says nothing about it


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
    """

    template: int
    distance: float
    start_frame: int
    end_frame: int


class StreamMatcher:
    """Spots every template in a stream of feature frames by slope-limited streaming DTW.

    The local cost is mostly where the body is going, a little where it is::

        c = [ sum_k w_k (u_k - U_k)^2 + sum_k w_k (p (x_k - T_k))^2 ] ^ 0.75

    with u and U the unit directions of change of stream and template over all features and the travel of the root,
    x and T their features, w the template's weights, p the position weight. Features not seen are left out and the
    sum is scaled up by the weight that remains.

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
        n_features = bank.n_features
        self._position_weight = bank.settings.position_weight
        self._weights = np.hstack([bank.weights, bank.weights[:, :n_features]])
        rows = [self._goal(track) for track in bank.tracks]
        weights = np.repeat(self._weights, bank.lengths, axis=0)
        goal = np.nan_to_num(np.vstack(rows))
        self._linear = -2.0 * weights * goal
        self._squares = weights * goal**2
        self._constant = self._squares.sum(axis=1)
        self._total_weight = self._weights.sum(axis=1)
        self._lag = max(1, round(bank.settings.lag_s * bank.settings.features.rate_hz))
        self._dtw = StreamingDTW(bank.lengths.tolist())
        self._history = np.empty((4 * MAX_FRAMES, bank.tracks[0].shape[1]))
        self.reset()

    def _goal(self, track: FloatArray) -> FloatArray:
        """Direction of change and weighted place of each template frame, (L, F + D + F)."""
        change = np.vstack([track[1:2] - track[:1], track[2:] - track[:-2], track[-1:] - track[-2:-1]])
        length = np.linalg.norm(np.nan_to_num(change), axis=1, keepdims=True)
        place = self._position_weight * track[:, : self._bank.n_features]
        return np.hstack([change / np.maximum(length, 1e-9), place])

    def reset(self) -> None:
        """Forget the stream."""
        self._dtw.reset()
        self._n_frames = 0
        self._n_missing = 0

    def update(self, frame: FeatureFrame) -> list[Match]:
        """Advance by one frame and return the matches that end with it.

        A frame in which nothing was seen holds the state; many of them, or an interruption, begin anew.
        """
        if frame.restarts:
            self.reset()
        track = np.concatenate([frame.vector, frame.travel])
        if np.isnan(frame.vector).all():
            self._n_missing += 1
            if self._n_missing > self._bank.settings.features.rate_hz * self._bank.settings.features.max_gap_s:
                self.reset()
            return []
        self._n_missing = 0
        row = self._n_frames % len(self._history)
        self._history[row] = track
        before = self._history[(self._n_frames - self._lag) % len(self._history)]
        change = track - before if self._n_frames >= self._lag else np.full_like(track, np.nan)
        self._dtw.update(self._cost(change, frame.vector))
        self._n_frames += 1
        distance, start = self.ends()
        near = np.flatnonzero(distance < self._limits)
        matches = [self.judge(i, distance[i], start=start[i], end=self._n_frames) for i in near.tolist()]
        return [match for match in matches if match.distance < self._limits[match.template]]

    def _cost(self, change: FloatArray, vector: FloatArray) -> FloatArray:
        known = ~np.isnan(change)
        n_known = int(known.sum())
        if n_known:
            energy = float(np.dot(change[known], change[known])) * len(change) / n_known
            change = change / np.sqrt(energy + self._bank.settings.stillness**2)
        frame = np.concatenate([change, self._position_weight * vector])
        seen = ~np.isnan(frame)
        if seen.all():
            return self._power(self._squared(frame) + self._constant)
        squared = self._squared(np.where(seen, frame, 0.0)) + self._squares @ seen
        share = (self._weights @ seen) / np.maximum(self._total_weight, 1e-12)
        cost = self._power(squared / np.maximum(share, 1e-12)[self._dtw.template_of_row])
        cost[(share < _MIN_SEEN_WEIGHT)[self._dtw.template_of_row]] = 2.0**_COST_EXPONENT
        return cost

    def _squared(self, frame: FloatArray) -> FloatArray:
        """The terms of the weighted squared difference that depend on the frame; array (J,)."""
        return np.asarray(self._linear @ frame + (self._weights @ frame**2)[self._dtw.template_of_row])

    @staticmethod
    def _power(squared: FloatArray) -> FloatArray:
        root = np.sqrt(np.maximum(squared, 0.0))
        return np.asarray(root * np.sqrt(root))

    def ends(self) -> tuple[FloatArray, IntArray]:
        """Distance per frame of path, array (N,), and first frame, array (N,), of the matches that end now.

        The distance is not yet corrected for unlike extent, which `judge` does.
        """
        distance, start = self._dtw.ends()
        return distance / (self._bank.lengths + self._n_frames - start), start

    def judge(self, template: int, distance: float, *, start: int, end: int) -> Match:
        """Correct a distance, upwards, by how unlike the extent of the matched motion is to the template's."""
        stretch = self._history[np.arange(start, end) % len(self._history)]
        seen = ~np.isnan(stretch).any(axis=0) & (self._bank.weights[template] > 0)
        wanted = self._bank.extents[template][seen]
        found = np.ptp(stretch[:, seen], axis=0) * np.sqrt(self._bank.weights[template][seen])
        n_wanted, n_found = float(np.linalg.norm(wanted)), float(np.linalg.norm(found))
        likeness = float(wanted @ found) / max(n_wanted * n_found, 1e-12)
        correction = max(1.0, n_wanted / max(n_found, 1e-12)) ** 0.5 / max(likeness, 1e-3)
        return Match(template, float(distance * correction), int(start), end)

    def is_contested(self, match: Match) -> bool:
        """Whether the match may be part of another action: one under way that began no later and fits better so far."""
        dtw, bank = self._dtw, self._bank
        distance, start = dtw.unfinished()
        ratio = distance / (dtw.row_number + self._n_frames - start) / self._limits[dtw.template_of_row]
        slack = _MAX_LATENESS * (match.end_frame - match.start_frame)
        is_rival = bank.label_of_template[dtw.template_of_row] != bank.label_of_template[match.template]
        is_rival &= (start <= match.start_frame + slack) & (dtw.row_number < bank.lengths[dtw.template_of_row])
        return bool((ratio[is_rival] < _CLEARLY * match.distance / self._limits[match.template]).any())

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
        self._bank = bank
        self._tracks = [np.nan_to_num(track[:, : bank.n_features]) for track in bank.timed_tracks]
        self._lengths = [len(track) for track in self._tracks]
        self._padded = np.zeros((len(self._tracks), max(self._lengths), bank.n_features))
        for padded, track in zip(self._padded, self._tracks, strict=True):
            padded[: len(track)] = track
        self._fastdtw = _import_fastdtw() if backend == "fastdtw" else None
        self._window = np.empty((window_frames, bank.n_features))
        self._cost = np.empty((len(self._tracks), window_frames, max(self._lengths)))
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
        self._cost[:, :-1] = self._cost[:, 1:]
        self._cost[:, -1] = np.linalg.norm(self._padded - vector, axis=2)
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
            distance = dtw_distances(self._cost, self._lengths)
        else:
            distance = np.array([self._fastdtw(self._window, track, dist=_euclidean)[0] for track in self._tracks])
        return np.asarray(distance / (len(self._window) + np.asarray(self._lengths)))


def _euclidean(a: FloatArray, b: FloatArray) -> float:
    return float(np.linalg.norm(a - b))


def _import_fastdtw() -> Callable[..., tuple[float, list[tuple[int, int]]]]:
    try:
        from fastdtw import fastdtw
    except ImportError:
        raise InvalidDataError(
            "The fastdtw backend needs the package fastdtw, which is not installed.",
            hint="Run `pip install actionpose[fastdtw]`, or use the exact backend, which is faster.",
        ) from None
    return fastdtw  # type: ignore[no-any-return]
