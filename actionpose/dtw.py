"""The two dynamic time warping recurrences, each over all templates at once.

`StreamingDTW` spots templates in an endless stream; `dtw_distances` compares one window with every template.
Plain-loop twins of both are in ``tests/naive.py``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from actionpose.pose import FloatArray

__all__ = ["StreamingDTW", "dtw_distances"]

IntArray = npt.NDArray[np.int64]

_PAD = 2  # cells before each template's first: one unreachable, one where every path begins


class StreamingDTW:
    """Slope-limited subsequence DTW of one stream against many templates.

    With local cost ``c[t, j]`` between stream frame t and template frame j, and symmetric weights (Sakoe & Chiba
    1978, slope constraint P = 1)::

        D[t, j] = min( D[t-1, j-1] + 2 c[t, j],
                       D[t-1, j-2] + 2 c[t, j-1] + c[t, j],
                       D[t-2, j-1] + 2 c[t-1, j] + c[t, j] )

    and ``D[t, 0] = 0``: a match may begin at any frame, as in SPRING (Sakurai, Faloutsos & Yamamuro 2007), but can
    neither shrink below half nor grow beyond twice its template. No term is of the same row as the one computed,
    so all frames of all templates are one vector.

    Parameters
    ----------
    lengths : sequence of int
        Frames of each of the N templates; J is their sum.

    Attributes
    ----------
    template_of_row, row_number : array (J,)
        Which template each of its rows belongs to, and its number in it, from 1.
    """

    def __init__(self, lengths: Sequence[int]) -> None:
        self.lengths = np.asarray(lengths, dtype=np.int64)
        first = np.concatenate([[0], np.cumsum(self.lengths + _PAD)])
        size = int(first[-1])
        self._begin = first[:-1] + _PAD - 1
        self._void = self._begin - 1
        self._last = first[1:] - 1
        is_frame = np.ones(size, dtype=bool)
        is_frame[self._begin] = is_frame[self._void] = False
        self._rows = np.flatnonzero(is_frame)
        self.template_of_row = np.repeat(np.arange(len(self.lengths)), self.lengths)
        self._first_row = np.cumsum(self.lengths) - self.lengths
        self.row_number = np.arange(1, len(self._rows) + 1) - self._first_row[self.template_of_row]
        self._cost = np.zeros((2, size))
        self._distance = np.empty((3, size))
        self._start = np.empty((3, size), dtype=np.int64)
        self._work = np.empty((2, size))
        self._choose = np.empty(size, dtype=bool)
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._frame = -1
        self._cost[:] = 0.0
        self._distance[:] = np.inf
        self._start[:] = 0
        self._distance[2, self._begin] = 0.0  # the frame before the first; there is none before that

    def update(self, cost: FloatArray) -> None:
        """Advance by one stream frame.

        Parameters
        ----------
        cost : array (J,)
            Local cost of the frame against every frame of every template, templates in order.
        """
        self._frame += 1
        now, before, last = self._frame % 3, (self._frame + 1) % 3, (self._frame + 2) % 3
        distance, start = self._distance[now], self._start[now]
        new_cost, old_cost = self._cost[self._frame % 2], self._cost[(self._frame + 1) % 2]
        new_cost[self._rows] = cost
        d1, d2, s1, s2 = self._distance[last], self._distance[before], self._start[last], self._start[before]
        best, other = distance[2:], self._work[0, 2:]
        double = np.multiply(new_cost, 2.0, out=self._work[1])

        np.add(d1[1:-1], double[2:], out=best)
        start[2:] = s1[1:-1]
        np.add(d1[:-2], double[1:-1], out=other)
        other += new_cost[2:]
        better = np.less(other, best, out=self._choose[2:])
        np.copyto(best, other, where=better)
        np.copyto(start[2:], s1[:-2], where=better)
        np.multiply(old_cost[2:], 2.0, out=other)
        other += d2[1:-1]
        other += new_cost[2:]
        np.less(other, best, out=better)
        np.copyto(best, other, where=better)
        np.copyto(start[2:], s2[1:-1], where=better)

        distance[self._void] = np.inf
        distance[self._begin] = 0.0
        start[self._begin] = self._frame + 1

    @property
    def n_frames(self) -> int:
        """Number of stream frames seen since the last reset."""
        return self._frame + 1

    def ends(self) -> tuple[FloatArray, IntArray]:
        """Return the matches that end with the newest frame.

        Returns
        -------
        distance : array (N,)
            Accumulated distance of the best match of each whole template; inf where there is none yet.
        start : array (N,)
            Index of the stream frame where that match begins, counted from the last reset.
        """
        now = self._frame % 3
        return self._distance[now, self._last], self._start[now, self._last]

    def unfinished(self) -> tuple[FloatArray, IntArray]:
        """Return the best partial matches that end with the newest frame, for all frames of all templates.

        Returns
        -------
        distance : array (J,)
            Accumulated distance up to each template frame; inf where no path leads.
        start : array (J,)
            Index of the stream frame where that path begins.
        """
        return self._distance[self._frame % 3, self._rows], self._start[self._frame % 3, self._rows]

    def progress(self) -> FloatArray:
        """Return how much of each template the most likely unfinished match has covered, 0 to 1; array (N,)."""
        distance, start = self.unfinished()
        score = distance / (self.row_number + self.n_frames - start)
        # A longer match at the same cost says more than a short one: weigh by the square root of its length.
        score /= np.sqrt(self.row_number)
        is_best = score == np.minimum.reduceat(score, self._first_row)[self.template_of_row]
        best = np.flatnonzero(is_best & np.isfinite(score))[::-1]  # the shortest of equals is written last
        covered = np.zeros(len(self.lengths))
        covered[self.template_of_row[best]] = self.row_number[best]
        return covered / self.lengths


def dtw_distances(cost: FloatArray, lengths: Sequence[int]) -> FloatArray:
    """Distance of one window to each of several templates by classic DTW, steps (1,0), (0,1), (1,1).

    Parameters
    ----------
    cost : array (N, W, L)
        Local cost of each window frame against each frame of each template, padded to the longest, L.
    lengths : sequence of int
        Frames of each template, at most L.

    Returns
    -------
    array (N,)
        Sum of the costs along the best path from corner to corner (Sakoe & Chiba 1978, eq. 20, unweighted).
    """
    n_templates, n_window, n_longest = cost.shape
    n_diagonals = n_window + n_longest - 1
    # Shear the cost so that an anti-diagonal, whose cells do not depend on each other, is one slice.
    sheared = np.full((n_diagonals, n_window, n_templates), np.inf)
    for i in range(n_window):
        sheared[i : i + n_longest, i] = cost[:, i].T
    distance = np.full((n_diagonals, n_window + 1, n_templates), np.inf)
    distance[0, 1] = sheared[0, 0]
    for d in range(1, n_diagonals):
        here = np.minimum(distance[d - 1, :-1], distance[d - 1, 1:])
        if d > 1:
            np.minimum(here, distance[d - 2, :-1], out=here)
        np.add(here, sheared[d], out=distance[d, 1:])
    ends = n_window - 1 + np.asarray(lengths) - 1
    return np.asarray(distance[ends, n_window, np.arange(n_templates)])
