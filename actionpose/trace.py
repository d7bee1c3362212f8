"""Every template against a whole recording at once: what `StreamMatcher` would find, a vector over time at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from actionpose.bank import MAX_FRAMES, TemplateBank
from actionpose.cost import COMPARED_FRAMES, LocalCost, path_directions
from actionpose.dtw import MAX_PAUSE_FRAMES, PAD, IntArray, dtw_distances, search
from actionpose.features import FeatureFrame
from actionpose.pose import FloatArray, PoseSequence

__all__ = ["Trace", "compare_whole", "compute_trace", "hold_gaps", "join_frames"]

_PART_FRAMES = 4096  # of a recording at a time: their costs stay in the processor's cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The best match of each template that ends at each frame of some stretches of stream.

    Parameters
    ----------
    distance : array (T, N)
        Per frame of path, corrected for unlike extent; inf where there is no match yet.
    start : array (T, N)
        Frame where the match begins, counted over all stretches.
    bounds : array (S + 1,)
        Stretch s is frames ``bounds[s]`` to ``bounds[s + 1]``.
    """

    distance: FloatArray
    start: IntArray
    bounds: IntArray

    def nearest(self) -> FloatArray:
        """Smallest distance of each template to anything in each stretch, array (S, N)."""
        return np.stack([part.min(axis=0) for part in np.split(self.distance, self.bounds[1:-1])])


def join_frames(frames: Iterable[FeatureFrame], *, max_missing: float) -> tuple[list[FloatArray], list[IntArray]]:
    """Put a feature stream together as the matcher takes it: stretches between interruptions, without empty frames.

    Parameters
    ----------
    frames : iterable of FeatureFrame
        The stream.
    max_missing : float
        More empty frames than this in a row are an interruption.

    Returns
    -------
    tracks : list of array (T, F + D)
        Features and travel of each stretch.
    indices : list of array (T,)
        Which frames of the stream those are.
    """
    tracks: list[list[FloatArray]] = []
    indices: list[list[int]] = []
    n_missing = 0
    is_broken = True
    for index, frame in enumerate(frames):
        is_broken |= frame.restarts
        if np.isnan(frame.vector).all():
            n_missing += 1
            is_broken |= n_missing > max_missing
            continue
        n_missing = 0
        if is_broken:
            tracks.append([])
            indices.append([])
            is_broken = False
        tracks[-1].append(np.concatenate([frame.vector, frame.travel]))
        indices[-1].append(index)
    return [np.stack(track) for track in tracks], [np.array(index) for index in indices]


def hold_gaps(track: FloatArray, *, max_frames: float) -> FloatArray:
    """Return a track, (T, F), in which a feature keeps its last value for so many frames after it was last seen."""
    is_missing = np.isnan(track)
    if not is_missing.any():
        return track
    frames = np.arange(len(track))[:, None]
    last_seen = np.maximum.accumulate(np.where(is_missing, -1, frames), axis=0)
    held = np.take_along_axis(track, np.maximum(last_seen, 0), axis=0)
    return np.asarray(np.where((last_seen >= 0) & (frames - last_seen <= max_frames), held, np.nan))


def compute_trace(bank: TemplateBank, tracks: Sequence[FloatArray]) -> Trace:
    """Spot every template in stretches of feature stream, each for itself.

    Parameters
    ----------
    bank : TemplateBank
        The N templates.
    tracks : sequence of array (T, F + D)
        Smoothed features and travel, at the feature rate; T together.
    """
    bounds = np.concatenate([[0], np.cumsum([len(track) for track in tracks])]).astype(np.int64)
    shape = (int(bounds[-1]), len(bank.templates))
    distance, start = np.full(shape, np.inf), np.zeros(shape, dtype=np.int64)
    if not shape[0]:
        return Trace(distance=distance, start=start, bounds=bounds)
    # Between the stretches lie frames that no path may cross.
    padding = np.full((PAD, tracks[0].shape[1]), np.nan)
    stream, held = (
        np.vstack([part for track in tracks for part in (hold_gaps(track, max_frames=n), padding)])
        for n in (COMPARED_FRAMES, bank.max_gap_frames)
    )
    place = np.arange(shape[0]) + PAD * np.repeat(np.arange(len(tracks)), np.diff(bounds))
    is_gap = np.ones(len(stream), dtype=bool)
    is_gap[place] = False
    gaps = np.flatnonzero(is_gap)
    number = np.cumsum(~is_gap) - 1  # of a frame without the gaps
    change = np.full_like(stream, np.nan)
    change[bank.lag_frames :] = stream[bank.lag_frames :] - held[: -bank.lag_frames]
    for first in (bounds[:-1] + PAD * np.arange(len(tracks))).tolist():
        change[first : first + bank.lag_frames] = np.nan
    cost, ranges = LocalCost(bank), _Ranges(held)
    frames = cost.compare(change, stream[:, : bank.n_features])
    parts = [frames[begin : begin + _PART_FRAMES] for begin in range(0, len(stream), _PART_FRAMES)]
    for i in range(shape[1]):
        total, begin, n_matched = search(
            (cost.of_template(i, part) for part in parts), gaps=gaps, is_long=bool(bank.is_long[i])
        )
        total, begin, n_matched = total[place], begin[place], n_matched[place]
        found = np.flatnonzero(np.isfinite(total))
        extent = ranges.between(begin[found], place[found] + 1)
        distance[found, i] = total[found] / (bank.lengths[i] + n_matched[found]) * bank.unlikeness(i, extent)
        start[found, i] = number[begin[found]]
    return Trace(distance=distance, start=start, bounds=bounds)


def compare_whole(bank: TemplateBank, sequence: PoseSequence) -> FloatArray:
    """Compare every template with a whole clip, from first to last frame, however fast either is.

    Parameters
    ----------
    bank : TemplateBank
        The N templates.
    sequence : PoseSequence
        The clip, of the templates' keypoints and dimension; at least two frames.

    Returns
    -------
    array (N,)
        Distance per frame of path, corrected for unlike extent.
    """
    bank = bank.for_clips
    track = bank.compile(sequence)
    cost = LocalCost(bank)
    frames = cost.compare(path_directions(track), track[:, : bank.n_features], stillness=0.0)
    rows = np.zeros((len(bank.templates), len(track), int(bank.lengths.max())))
    for i, length in enumerate(bank.lengths.tolist()):
        rows[i, :, :length] = cost.of_template(i, frames)[0].T
    distance = dtw_distances(rows, bank.lengths.tolist()) / (len(track) + bank.lengths)
    extent = np.ptp(track, axis=0)
    return np.asarray(distance * np.array([bank.unlikeness(i, extent) for i in range(len(distance))]))


class _Ranges:
    """Largest minus smallest value between any two frames, from the extremes over powers of two."""

    def __init__(self, values: FloatArray) -> None:
        self._high, self._low = list(_doubled(values, np.maximum)), list(_doubled(values, np.minimum))

    def between(self, start: IntArray, end: IntArray) -> FloatArray:
        """Range of each feature in each stretch [start, end), array (..., F); NaN where it was not seen throughout."""
        level = np.frexp(end - start)[1] - 1
        ranges = np.empty((len(start), self._high[0].shape[1]))
        for k in np.unique(level):
            of_level = level == k
            a, b = start[of_level], end[of_level] - (1 << int(k))
            high = np.maximum(self._high[k][a], self._high[k][b])
            ranges[of_level] = high - np.minimum(self._low[k][a], self._low[k][b])
        return ranges


def _doubled(values: FloatArray, extreme: np.ufunc) -> Iterator[FloatArray]:
    """Yield the extremes of 1, 2, 4, ... frames from each frame on."""
    n_frames = 1
    while len(values):
        yield values
        values = extreme(values[:-n_frames], values[n_frames:])
        n_frames *= 2
        if n_frames > 2 * MAX_FRAMES + MAX_PAUSE_FRAMES:  # no match is longer
            break
