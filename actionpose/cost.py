"""How unlike a moment of the stream is to each moment of each template."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from actionpose.bank import TemplateBank
from actionpose.dtw import PAD, IntArray, Pauses
from actionpose.pose import FloatArray

__all__ = ["COMPARED_FRAMES", "LocalCost", "StreamFrames", "path_directions"]

Float32Array = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

_MIN_SEEN_WEIGHT = 0.3  # with less of a template's weight in view, a frame says nothing about it
_UNSEEN_SQUARE = 2.0  # of moving at a right angle to the template
_NOTHING = 1e-9  # a change without direction
COMPARED_FRAMES = 1  # in which a feature that is missing is compared as it was; what is left out agrees with anything
_FARTHEST = 1e3  # body sizes: keeps a broken pose within single precision

_PAUSE_REACH = 0.6  # of a template's farthest, how far from both its ends it may pause
_PAUSE_MOVEMENT = 0.7  # of a stream that pauses, at most: one and a half times `stillness`
_PAUSE_FACTOR, _PAUSE_PRICE = 0.5, 0.5
_PAUSE_POSITION_WEIGHT = 0.5
_PAUSE_FARTHEST = 1.2  # weighted square
_NEVER = 1e3


@dataclass(frozen=True, slots=True)
class StreamFrames:
    """Frames of a stream as they are compared with the templates' goals.

    Parameters
    ----------
    values : array (..., F + D + F)
        Direction of change of features and travel, and place of the features; 0 where it was not seen.
    seen : array (..., F + D + F), optional
        What was seen; None = everything.
    movement : array (...,)
        0 = still, 1 = moving far more than `MatchSettings.stillness`; NaN = not known.
    """

    values: Float32Array
    seen: BoolArray | None
    movement: FloatArray

    def __getitem__(self, part: Any) -> StreamFrames:
        return StreamFrames(self.values[part], None if self.seen is None else self.seen[part], self.movement[part])

    def last(self, n: int) -> StreamFrames:
        """Return the same frames with their last n values alone."""
        return StreamFrames(self.values[..., -n:], None if self.seen is None else self.seen[..., -n:], self.movement)


class LocalCost:
    """Local cost between stream frames and all frames of all templates, mostly by direction, a little by place.

    With u and U the unit directions of change of stream and template over all features and the travel of the root, x
    and T their features, w the template's weights and p the position weight::

        c = [ sum_k w_k (u_k - U_k)^2 + sum_k w_k (p (x_k - T_k))^2 ] ^ 0.75

    A template that hardly moves has no direction: its U is 0, and its p is larger. Features not seen for more than
    `COMPARED_FRAMES` are left out and the sum is scaled up by the weight that remains. Multiplied out, all templates
    are one product of a matrix with the frame, in single precision about the templates' mean pose.

    People pause in the middle of an action, with the arm raised or the hand open, for as long as they like. Where a
    template is far from both its ends and the stream is nearly still, with movement m = |v|^2 / (|v|^2 + e^2), a pause
    costs, with a larger p::

        0.5 [ sum_k w_k (p (x_k - T_k))^2 + m + 0.5 ] ^ 0.75

    if the sum is at most 1.2: else the body is elsewhere.

    Parameters
    ----------
    bank : TemplateBank
        The N templates, laid out as in `StreamingDTW`: each after `PAD` cells.

    Attributes
    ----------
    pausable : array (P,) of int
        Cells where a path may pause, ascending.
    """

    def __init__(self, bank: TemplateBank) -> None:
        self._bank = bank
        n_features = bank.n_features
        cells = bank.lengths + PAD
        self._first = np.cumsum(cells) - bank.lengths
        self._centre = np.nan_to_num(np.mean([track[:, :n_features].mean(axis=0) for track in bank.tracks], axis=0))
        settings, place_weights = bank.settings, bank.weights[:, :n_features]
        p = np.where(bank.is_held, settings.held_position_weight, settings.position_weight)[:, None]
        factors = np.hstack([np.ones_like(bank.weights), np.broadcast_to(p**2, place_weights.shape)])
        goal = np.zeros((int(cells.sum()), bank.weights.shape[1] + n_features))
        for first, track in zip(self._first.tolist(), bank.tracks, strict=True):
            goal[first : first + len(track)] = self._goal(track)
        self._squares = _Squares(goal, np.hstack([bank.weights, place_weights]), cells, factors=factors)
        far = [
            first + _far_from_ends(track[:, :n_features], w[:n_features])
            for first, track, w in zip(self._first, bank.tracks, bank.weights, strict=True)
        ]
        self.pausable: IntArray = np.concatenate(far)
        n_pausable = np.array([len(part) for part in far])
        self._pausable_end = np.cumsum(n_pausable)
        place = goal[self.pausable, -n_features:]
        self._pause_squares = _Squares(place, place_weights, n_pausable, factors=_PAUSE_POSITION_WEIGHT**2)
        self._work = np.empty(len(goal), dtype=np.float32)

    def _goal(self, track: FloatArray) -> FloatArray:
        """Direction of change and place of each template frame, (L, F + D + F)."""
        place = track[:, : self._bank.n_features] - self._centre
        return np.nan_to_num(np.hstack([path_directions(track), place]))

    def of_frame(self, change: FloatArray, vector: FloatArray) -> tuple[Float32Array, Float32Array | None]:
        """Cost of one stream frame, array (cells,), and of pausing at it, array (P,) or None: where no path may pause.

        Both are valid until the next call.

        Parameters
        ----------
        change : array (F + D,)
            As for `compare`.
        vector : array (F,)
            As for `compare`.
        """
        frame = self._compare_one(change, vector)
        cost = self._squares.of_frame(frame)
        _raise_to_three_quarters(cost, self._work)
        if not (frame.movement <= _PAUSE_MOVEMENT and len(self.pausable)):
            return cost, None
        squares = self._pause_squares.of_frame(frame.last(self._bank.n_features))
        return cost, self._pause(squares, frame.movement)

    def of_template(self, template: int, frames: StreamFrames) -> tuple[Float32Array, Pauses]:
        """Cost of many stream frames against one template, array (L, T), and where it may pause at which cost."""
        first, length = int(self._first[template]), int(self._bank.lengths[template])
        cost = self._squares.of_frames(template, slice(first, first + length), frames)
        _raise_to_three_quarters(cost, np.empty_like(cost))
        still = np.flatnonzero(frames.movement <= _PAUSE_MOVEMENT)
        end = int(self._pausable_end[template])
        cells = slice(int(self._pausable_end[template - 1]) if template else 0, end)
        at_rest = frames.last(self._bank.n_features)[still]
        squares = self._pause_squares.of_frames(template, cells, at_rest)
        return cost, Pauses(self.pausable[cells] - first, still, self._pause(squares, at_rest.movement))

    def _pause(self, squares: Float32Array, movement: FloatArray) -> Float32Array:
        squares[squares > _PAUSE_FARTHEST] = _NEVER
        squares += np.asarray(movement + _PAUSE_PRICE, dtype=np.float32)
        _raise_to_three_quarters(squares, np.empty_like(squares))
        squares *= np.float32(_PAUSE_FACTOR)
        return squares

    def compare(self, change: FloatArray, vector: FloatArray, *, stillness: float | None = None) -> StreamFrames:
        """Return frames as they are compared with the templates' goals.

        Parameters
        ----------
        change : array (..., F + D)
            Change of features and travel over the lag; NaN = not known.
        vector : array (..., F)
            Features; NaN = not seen.
        stillness : float, optional
            Another than the bank's.
        """
        n_change = change.shape[-1]
        values = np.empty((*change.shape[:-1], n_change + vector.shape[-1]), dtype=np.float32)
        values[..., :n_change] = change
        np.subtract(vector, self._centre, out=values[..., n_change:], casting="same_kind")
        moved, seen = values[..., :n_change], None
        if (np.einsum("...f,...f->...", values, values) < _FARTHEST**2).all():
            energy = np.einsum("...f,...f->...", moved, moved)
        else:
            seen = values == values
            np.clip(values, -_FARTHEST, _FARTHEST, out=values)
            values[~seen] = 0.0
            share = seen[..., :n_change].mean(axis=-1)
            energy = np.einsum("...f,...f->...", moved, moved)
            energy = np.divide(energy, share, out=np.full_like(share, np.nan), where=share > 0)
        still = self._bank.settings.stillness if stillness is None else stillness
        total = np.fmax(energy + still**2, _NOTHING**2)
        moved /= np.sqrt(total)[..., None]
        return StreamFrames(values, seen, energy / total)

    def _compare_one(self, change: FloatArray, vector: FloatArray) -> StreamFrames:
        """`compare` for a single frame, twice as quick when everything is seen and nothing is far off."""
        values = np.concatenate([change, vector - self._centre], dtype=np.float32, casting="same_kind")
        if not np.dot(values, values) < _FARTHEST**2:  # unlike @ it lets a broken pose overflow without a warning
            return self.compare(change, vector)
        moved = values[: len(change)]
        energy = float(np.dot(moved, moved))
        total = max(energy + self._bank.settings.stillness**2, _NOTHING**2)
        moved /= math.sqrt(total)
        return StreamFrames(values, None, np.array(energy / total))


class _Squares:
    """Weighted squared distances of frames to goals; features not seen are left out and made up for.

    Parameters
    ----------
    goal : array (cells, F)
        Of each cell.
    weights : array (N, F)
        Of each template.
    n_cells : array (N,)
        Cells of each template, one template after the other.
    factors : float or array (N, F)
        On the squares: what was not seen is made up for by the weights alone.
    """

    def __init__(
        self, goal: FloatArray, weights: FloatArray, n_cells: IntArray, *, factors: FloatArray | float
    ) -> None:
        self._n_cells = n_cells
        factor_of_cell = np.repeat(weights * factors, n_cells, axis=0)
        self._linear = _columns(-2.0 * factor_of_cell * goal)
        self._squares = _columns(factor_of_cell * goal**2)
        self._factors = _columns(weights * factors)
        self._constant = np.asarray(self._squares.sum(axis=0), dtype=np.float32)
        self._weights = _columns(weights)
        self._total = np.asarray(np.maximum(weights.sum(axis=1), 1e-12), dtype=np.float32)
        self._result = np.empty(len(goal), dtype=np.float32)
        self._work = np.empty(len(goal), dtype=np.float32)

    def of_frame(self, frame: StreamFrames) -> Float32Array:
        """Of one frame to all cells, array (cells,), valid until the next call."""
        result = np.dot(frame.values, self._linear, out=self._result)
        np.add(result, np.repeat(np.square(frame.values) @ self._factors, self._n_cells), out=result)
        if frame.seen is None:
            return np.add(result, self._constant, out=result)
        shown = frame.seen.astype(np.float32)
        np.add(result, np.dot(shown, self._squares, out=self._work), out=result)
        share = (shown @ self._weights) / self._total
        np.divide(result, np.repeat(np.maximum(share, _MIN_SEEN_WEIGHT), self._n_cells), out=result)
        result[np.repeat(share < _MIN_SEEN_WEIGHT, self._n_cells)] = _UNSEEN_SQUARE
        return result

    def of_frames(self, template: int, cells: slice, frames: StreamFrames) -> Float32Array:
        """Of many frames to the cells of one template, array (cells, T)."""
        result = self._linear[:, cells].T @ frames.values.T
        result += self._factors[:, template] @ np.square(frames.values).T
        if frames.seen is None or frames.seen.all():
            result += self._constant[cells, None]
            return np.asarray(result)
        shown = frames.seen.astype(np.float32)
        result += self._squares[:, cells].T @ shown.T
        share = (shown @ self._weights[:, template]) / self._total[template]
        result /= np.maximum(share, _MIN_SEEN_WEIGHT)
        result[:, share < _MIN_SEEN_WEIGHT] = _UNSEEN_SQUARE
        return np.asarray(result)


def _raise_to_three_quarters(cost: Float32Array, work: Float32Array) -> None:
    np.abs(cost, out=cost)  # rounding may leave a difference of nothing a little below it
    np.sqrt(cost, out=cost)
    np.sqrt(cost, out=work)
    np.multiply(cost, work, out=cost)


def _far_from_ends(track: FloatArray, weight: FloatArray) -> IntArray:
    """Frames of a track that are far from its first and its last, as far as it goes."""
    path = np.nan_to_num(track) * np.sqrt(weight)
    away = np.stack([np.linalg.norm(path - path[end], axis=1) for end in (0, -1)])
    return np.flatnonzero((away.min(axis=0) > 0.0) & (away.min(axis=0) >= _PAUSE_REACH * away.max()))


def path_directions(track: FloatArray) -> FloatArray:
    """Unit direction of change at each frame of a track, from the frames around it; array (L, F), NaN = never seen."""
    change = np.vstack([track[1:2] - track[:1], track[2:] - track[:-2], track[-1:] - track[-2:-1]])
    length = np.linalg.norm(np.nan_to_num(change), axis=1, keepdims=True)
    return np.asarray(change / np.maximum(length, _NOTHING))


def _columns(rows: FloatArray) -> Float32Array:
    """Features by cells in single precision: products with a frame then run along the cells."""
    return np.ascontiguousarray(rows.T, dtype=np.float32)
