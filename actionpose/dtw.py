"""The two dynamic time warping recurrences, each over all templates at once, and the first over all of a recording.

`StreamingDTW` spots templates in an endless stream, `search` one template in a whole recording, and `WindowDTW`
compares a sliding window with every template. Plain-loop twins of all are in ``tests/naive.py``.

In the first two, a path's distance, the frame where it begins and the frames it paused travel together in one 64-bit
integer: the distance as a fixed-point number above, the others below. The smaller of two such numbers is the better
path, of equals the one that begins earlier, so that choosing a path is a minimum, which has no branches, and sums are
exact in any order.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from actionpose.pose import FloatArray

__all__ = [
    "MAX_PAUSE_FRAMES",
    "MAX_STREAM_FRAMES",
    "PAD",
    "IntArray",
    "Pauses",
    "StreamingDTW",
    "WindowDTW",
    "dtw_distances",
    "find_warping_path",
    "search",
]

IntArray = npt.NDArray[np.int64]
_FloatCosts = npt.NDArray[np.floating[Any]]

PAD = 2
"""Cells before each template's first frame: one that no path reaches, one where every path begins."""

_PAUSE_BITS = 10
MAX_PAUSE_FRAMES = (1 << _PAUSE_BITS) - 1
"""Frames that a path can pause altogether: half a minute at 30 Hz."""

MAX_STREAM_FRAMES = 1 << (32 - _PAUSE_BITS)
"""Stream frames that can be told apart: 39 hours at 30 Hz."""

_ONE = float(1 << 18)  # a cost of 1; the lower half of an integer is the start, and below it the pause
_MAX_COST = 8.0  # further apart is as good as anything; keeps sums of 500 costs within the upper half
_UNREACHED = 1 << 62
_LOW, _HIGH = (slice(0, None, 2), slice(1, None, 2))[:: 1 if sys.byteorder == "little" else -1]


class StreamingDTW:
    """Slope-limited subsequence DTW of one stream against many templates.

    With local cost ``c[t, j]`` between stream frame t and template frame j, and symmetric weights (Sakoe & Chiba
    1978, slope constraint P = 1)::

        D[t, j] = min( D[t-1, j-1] + 2 c[t, j],
                       D[t-1, j-2] + 2 c[t, j-1] + c[t, j],
                       D[t-2, j-1] + 2 c[t-1, j] + c[t, j] )

    and ``D[t, 0] = 0``: a match may begin at any frame, as in SPRING (Sakurai, Faloutsos & Yamamuro 2007), but can
    neither shrink below half nor grow beyond twice its template. With the straight step ``S[t, j] = D[t-1, j-1] + 2
    c[t, j]``, the other two are ``S[t, j-1] + c[t, j]`` and ``S[t-1, j] + c[t, j]``. None needs a distance of the
    frame that is computed, so all frames of all templates are one vector. Costs count to five digits after the point
    and up to 8.

    In long templates, whose parts may be performed at quite different speeds, a path may also advance three frames at
    once, so that a match may shrink to a third::

        D[t, j] = min( the above, D[t-1, j-3] + 2 c[t, j-2] + 2 c[t, j-1] + c[t, j] )

    At some template frames a path may also pause, at a cost of its own, for as long as the caller allows::

        D[t, j] = min( the above, D[t-1, j] + pause[t, j] )

    Frames paused do not count as matched.

    Parameters
    ----------
    lengths : sequence of int
        Frames of each of the N templates.
    pausable : array (P,) of int, optional
        Cells where a path may pause, ascending; default: none.
    is_long : array (N,) of bool, optional
        Templates in which a path may advance three frames at once; default: none.

    Attributes
    ----------
    size : int
        Number of cells: the templates one after the other, each after `PAD` cells of its own.
    template_of_cell, frame_of_cell : array (size,)
        Which template a cell belongs to, and which of its frames it is, from 1; 0 and -1 for the cells before.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        *,
        pausable: IntArray | None = None,
        is_long: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        self.lengths = np.asarray(lengths, dtype=np.int64)
        self._pausable = np.empty(0, dtype=np.int64) if pausable is None else pausable
        first = np.concatenate([[0], np.cumsum(self.lengths + PAD)])
        self.size = int(first[-1])
        self.template_of_cell = np.repeat(np.arange(len(self.lengths)), self.lengths + PAD)
        self.frame_of_cell = np.arange(self.size) - first[self.template_of_cell] - (PAD - 1)
        self._first = first[:-1]
        self._begin = self._first + PAD - 1
        self._last = first[1:] - 1
        self._distance = np.empty(self.size, dtype=np.int64)
        self._straight, self._straight_before = np.empty((2, self.size), dtype=np.int64)
        self._hurried = np.empty(self.size, dtype=np.int64)
        may_hurry = np.zeros(len(self.lengths), dtype=bool) if is_long is None else is_long
        self._may_hurry = bool(may_hurry.any())
        self._is_steady = ~(may_hurry[self.template_of_cell] & (self.frame_of_cell > 2))
        self._fixed_point, self._fixed_pause = _FixedPoint(self.size), _FixedPoint(len(self._pausable))
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._frame = -1
        self._straight[:] = self._straight_before[:] = _UNREACHED
        self._distance[:] = _UNREACHED
        self._distance[self._begin] = 0  # the frame before the first

    def update(self, cost: _FloatCosts, pause: _FloatCosts | None = None) -> None:
        """Advance by one stream frame.

        Parameters
        ----------
        cost : array (size,)
            Local cost of the frame against every frame of every template; the cells before a template's first may
            have any.
        pause : array (P,), optional
            Cost of pausing at each of the cells where that may be; default: no path may pause now.
        """
        self._frame += 1
        paused = None if pause is None else self._fixed_pause.extend(self._distance.take(self._pausable), pause)
        self._straight, self._straight_before = self._straight_before, self._straight
        distance, straight, packed = self._distance, self._straight, self._fixed_point.of(cost)
        here, c = straight[1:], packed[1:]
        best = self._straight_before[1:]  # in its place: the next frame needs it no more
        np.add(distance[:-1], c, out=here)
        np.add(here, c, out=here)
        np.minimum(straight[:-1], best, out=best)
        if self._may_hurry:
            hurried, skipped = self._hurried[2:], packed[1:-1]
            np.add(straight[:-2], skipped, out=hurried)
            np.add(hurried, skipped, out=hurried)
            np.copyto(hurried, _UNREACHED, where=self._is_steady[2:])
            np.minimum(best[1:], hurried, out=best[1:])
        np.add(best, c, out=best)
        np.minimum(best, here, out=distance[1:])
        if paused is not None:
            distance[self._pausable] = np.minimum(distance.take(self._pausable), paused)
        distance[self._first] = _UNREACHED
        distance[self._begin] = self._frame + 1 << _PAUSE_BITS

    @property
    def n_frames(self) -> int:
        """Number of stream frames seen since the last reset."""
        return self._frame + 1

    def ends(self) -> tuple[FloatArray, IntArray, IntArray]:
        """Return the matches that end with the newest frame.

        Returns
        -------
        distance : array (N,)
            Accumulated distance of the best match of each whole template; inf where there is none yet.
        start : array (N,)
            Index of the stream frame where that match begins, counted from the last reset.
        n_matched : array (N,)
            Number of stream frames from there on, without those paused.
        """
        return _unpack(self._distance.take(self._last), self.n_frames)

    def unfinished(self) -> tuple[FloatArray, IntArray, IntArray]:
        """Return the best partial matches that end with the newest frame, for all cells.

        Returns
        -------
        distance : array (size,)
            Accumulated distance up to each template frame; inf where no path leads.
        start, n_matched : array (size,)
            As for `ends`.
        """
        return _unpack(self._distance, self.n_frames)

    def progress(self) -> FloatArray:
        """Return how much of each template the most likely unfinished match has covered, 0 to 1; array (N,)."""
        distance, _, n_matched = self.unfinished()
        is_frame = self.frame_of_cell > 0
        score = np.full(self.size, np.inf)
        np.divide(distance, self.frame_of_cell + n_matched, out=score, where=is_frame)
        # A longer match at the same cost says more than a short one: weigh by the square root of its length.
        np.divide(score, np.sqrt(np.maximum(self.frame_of_cell, 1)), out=score)
        is_best = score == np.minimum.reduceat(score, self._first)[self.template_of_cell]
        best = np.flatnonzero(is_best & np.isfinite(score))[::-1]  # the shortest of equals is written last
        covered = np.zeros(len(self.lengths))
        covered[self.template_of_cell[best]] = self.frame_of_cell[best]
        return covered / self.lengths


@dataclass(frozen=True, slots=True)
class Pauses:
    """Where a path of `search` may pause.

    Parameters
    ----------
    rows : array (P,) of int
        Template frames, from 0.
    columns : array (S,) of int
        Frames of the part of the recording, from 0, ascending.
    cost : array (P, S)
        Of pausing there.
    """

    rows: IntArray
    columns: IntArray
    cost: _FloatCosts


def search(
    costs: Iterable[tuple[_FloatCosts, Pauses | None]], *, gaps: IntArray | None = None, is_long: bool = False
) -> tuple[FloatArray, IntArray, IntArray]:
    """Spot one template in a whole recording: the recurrence of `StreamingDTW`, over many times at once.

    Parameters
    ----------
    costs : iterable of (array (L, n), Pauses or None)
        Local cost of each template frame against each frame of the recording, and where a path may pause, in parts of
        any length n, T together; parts of some thousand frames stay in the processor's cache.
    gaps : array, optional
        Frames that no path may touch, ascending; two in a row cannot be jumped over.
    is_long : bool
        Whether a path may advance three frames at once.

    Returns
    -------
    distance : array (T,)
        Accumulated distance of the best match that ends at each frame; inf where there is none.
    start : array (T,)
        Frame where that match begins.
    n_matched : array (T,)
        Number of frames from there on, without those paused.
    """
    packed: list[IntArray] = []
    begin = 0
    # The first column of a part is the last frame of the part before.
    distance, straight = np.empty((2, 0, 1), dtype=np.int64)
    for cost, pauses in costs:
        n_template, n = cost.shape
        last = (distance[:, -1:], straight[:, -1:])
        if distance.shape != (n_template + 1, 1 + n):
            distance, straight = np.full((2, n_template + 1, 1 + n), _UNREACHED)
            fixed_point = _FixedPoint(n)
        if begin:
            distance[:, :1], straight[:, :1] = last
        else:
            distance[0, 0] = 0
        distance[0, 1:] = np.arange(begin + 1, begin + n + 1) << _PAUSE_BITS
        holes = None if gaps is None else gaps[slice(*np.searchsorted(gaps, (begin, begin + n)))] - begin
        pause = _Pause(pauses) if pauses and len(pauses.columns) else None
        twice_before = np.empty(n, dtype=np.int64)
        for j in range(1, n_template + 1):
            c, best, here = fixed_point.of(cost[j - 1]), distance[j, 1:], straight[j, 1:]
            np.add(distance[j - 1, :-1], c, out=here)
            np.add(here, c, out=here)
            np.minimum(straight[j - 1, 1:], straight[j, :-1], out=best)
            if is_long and j > 2:
                np.minimum(best, straight[j - 2, 1:] + twice_before, out=best)
            np.add(best, c, out=best)
            np.minimum(best, here, out=best)
            if is_long:
                np.add(c, c, out=twice_before)
            if holes is not None:
                best[holes] = here[holes] = _UNREACHED
            if pause:
                pause.at(j - 1, distance[j])
        packed.append(distance[n_template, 1:].copy())
        begin += n
    return _unpack(np.concatenate([np.empty(0, dtype=np.int64), *packed]), np.arange(1, begin + 1))


class _Pause:
    """Lets the paths of one part of a recording pause, over all its times at once.

    A pause of any length is the best of two: the one until half of the time ago, prolonged, and the other half.
    """

    def __init__(self, pauses: Pauses) -> None:
        self._row = {row: i for i, row in enumerate(pauses.rows.tolist())}
        self._cost = pauses.cost
        self._fixed_point = _FixedPoint(len(pauses.columns))
        # Frame t of the part is column t + 1; a run of still frames begins with the column before it.
        still = pauses.columns + 1
        is_still = np.zeros(still[-1] + 1, dtype=bool)
        is_still[still] = True
        is_touched = is_still.copy()
        is_touched[still - 1] = True
        self._columns = np.flatnonzero(is_touched)
        self._is_still = is_still[self._columns]
        place = np.arange(len(self._columns))
        since = place - np.maximum.accumulate(np.where(self._is_still, 0, place))
        longest = min(int(since.max()), MAX_PAUSE_FRAMES)
        self._reached = [np.flatnonzero(since >= 1 << k) for k in range(longest.bit_length())]

    def at(self, row: int, distance: IntArray) -> None:
        """Let the paths pause at one template frame; `distance` is by column."""
        i = self._row.get(row)
        if i is None:
            return
        best = distance.take(self._columns)
        cost = np.zeros_like(best)
        cost[self._is_still] = self._fixed_point.of(self._cost[i]) + 1
        for k, reached in enumerate(self._reached):
            half = reached - (1 << k)
            before = best.take(half)
            longer = before + cost.take(reached)
            longer[(longer & MAX_PAUSE_FRAMES) < (before & MAX_PAUSE_FRAMES)] = _UNREACHED
            best[reached] = np.minimum(best.take(reached), longer)
            cost[reached] += cost.take(half)
        distance[self._columns] = best


class _FixedPoint:
    """Costs as fixed-point numbers in the upper half of integers, whose lower half is 0."""

    def __init__(self, n: int) -> None:
        self._packed = np.zeros(n, dtype=np.int64)
        self._upper = self._packed.view(np.int32)[_HIGH]
        self._scaled = np.empty(n, dtype=np.float32)
        # Arrays, for numpy is slower with a scalar.
        self._most, self._one = (np.full(n, value, dtype=np.float32) for value in (_MAX_COST, _ONE))

    def of(self, cost: _FloatCosts) -> IntArray:
        """Valid until the next call."""
        np.minimum(cost, self._most, out=self._scaled, casting="same_kind")
        np.multiply(self._scaled, self._one, out=self._scaled)
        np.copyto(self._upper, self._scaled, casting="unsafe")
        return self._packed

    def extend(self, paths: IntArray, pause: _FloatCosts) -> IntArray:
        """Let paths pause for one frame more, in place; none that has paused for as long as can be counted."""
        paths += self.of(pause)
        paths += 1
        paths[paths & MAX_PAUSE_FRAMES == 0] = _UNREACHED
        return paths


def _unpack(packed: IntArray, end: IntArray | int) -> tuple[FloatArray, IntArray, IntArray]:
    """Return distance, start and number of frames matched of paths that end before frame `end`."""
    halves = packed.view(np.uint32)
    distance = halves[_HIGH] / _ONE
    distance[packed >= _UNREACHED] = np.inf
    low = halves[_LOW].astype(np.int64)
    start = low >> _PAUSE_BITS
    return distance, start, end - start - (low & MAX_PAUSE_FRAMES)


class WindowDTW:
    """Classic DTW, steps (1,0), (0,1), (1,1), of a sliding window, whole, against many templates, whole.

    The cells of an anti-diagonal do not depend on each other, and each step of the window leaves all but one frame's
    costs as they are; so costs are kept by diagonal, in a ring, and a diagonal of all templates is one vector.

    Parameters
    ----------
    lengths : sequence of int
        Frames of each of the N templates; the longest has L.
    window_frames : int
        Length W of the window.

    Attributes
    ----------
    n_longest : int
        L.
    """

    def __init__(self, lengths: Sequence[int], window_frames: int) -> None:
        self._lengths = np.asarray(lengths, dtype=np.int64)
        self._n_window, self.n_longest = window_frames, int(self._lengths.max())
        n_templates = len(self._lengths)
        self._ring = np.empty((window_frames + self.n_longest, self.n_longest, n_templates), dtype=np.float32)
        self._row = np.arange(self.n_longest)
        self._distance = np.empty((3, self.n_longest + 1, n_templates), dtype=np.float32)
        self._final = np.empty((self.n_longest, n_templates), dtype=np.float32)
        self._frame = 0

    def update(self, cost: npt.NDArray[np.floating[Any]]) -> None:
        """Take the local cost of the next stream frame, array (L, N), padded with any cost."""
        self._ring[(self._frame + self._row) % len(self._ring), self._row] = cost
        self._frame += 1

    def distances(self) -> FloatArray:
        """Return the distance of the last W frames to each template, along the best path from corner to corner.

        Returns
        -------
        array (N,)
            Sum of the costs (Sakoe & Chiba 1978, eq. 20, unweighted).
        """
        first, n_window = self._frame - self._n_window, self._n_window
        self._distance[:] = np.inf
        self._distance[-1, 0] = 0.0  # where every path begins
        for d in range(n_window + self.n_longest - 1):
            low, high = max(0, d - n_window + 1), min(self.n_longest, d + 1)
            here, before, earlier = (self._distance[(d - k) % 3] for k in range(3))
            best = here[low + 1 : high + 1]
            np.minimum(before[low + 1 : high + 1], before[low:high], out=best)
            np.minimum(best, earlier[low:high], out=best)
            best += self._ring[(first + d) % len(self._ring), low:high]
            if d == 0:
                self._distance[-1, 0] = np.inf
            if d >= n_window - 1:
                self._final[low] = here[low + 1]
        return np.asarray(self._final[self._lengths - 1, np.arange(len(self._lengths))], dtype=np.float64)


def dtw_distances(cost: FloatArray, lengths: Sequence[int]) -> FloatArray:
    """Distance of one window to each of several templates by classic DTW, as `WindowDTW` computes it.

    Parameters
    ----------
    cost : array (N, W, L)
        Local cost of each window frame against each frame of each template, padded to the longest, L.
    lengths : sequence of int
        Frames of each template, at most L.

    Returns
    -------
    array (N,)
    """
    dtw = WindowDTW(lengths, cost.shape[1])
    for rows in cost.transpose(1, 2, 0):
        dtw.update(rows[: dtw.n_longest])
    return dtw.distances()


def find_warping_path(cost: FloatArray) -> IntArray:
    """Find the path of least total cost from corner to corner, in steps (1,0), (0,1), (1,1).

    Parameters
    ----------
    cost : array (n, m)
        Local cost of each frame against each other; no NaN.

    Returns
    -------
    array (P, 2)
        Row and column of each step (Sakoe & Chiba 1978); the diagonal where steps are equally good.
    """
    n, m = cost.shape
    total = [[float("inf")] * (m + 1) for _ in range(n + 1)]
    total[0][0] = 0.0
    for i, row in enumerate(cost.tolist(), start=1):
        above, here = total[i - 1], total[i]
        for j, local in enumerate(row, start=1):
            here[j] = local + min(above[j - 1], above[j], here[j - 1])
    i, j = n, m
    path = [(n - 1, m - 1)]
    while (i, j) != (1, 1):
        _, i, j = min((total[i - 1][j - 1], i - 1, j - 1), (total[i - 1][j], i - 1, j), (total[i][j - 1], i, j - 1))
        path.append((i - 1, j - 1))
    return np.array(path[::-1])
