"""How unlike a moment of the stream is to each moment of each template."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from actionpose.bank import TemplateBank
from actionpose.dtw import PAD
from actionpose.pose import FloatArray

__all__ = ["LocalCost", "path_directions"]

Float32Array = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

_MIN_SEEN_WEIGHT = 0.3  # with less of a template's weight in view, a frame says nothing about it
_UNSEEN_COST = 2.0**0.75  # of moving at a right angle to the template
_NOTHING = 1e-9  # a change without direction, a weight without effect
_FARTHEST = 1e3  # body sizes: keeps a broken pose within single precision


class LocalCost:
    """Local cost between stream frames and all frames of all templates, mostly by direction, a little by place.

    With u and U the unit directions of change of stream and template over all features and the travel of the root, x
    and T their features, w the template's weights and p the position weight::

        c = [ sum_k w_k (u_k - U_k)^2 + sum_k w_k (p (x_k - T_k))^2 ] ^ 0.75

    A template that hardly moves has no direction: its U is 0, and its p is larger. Features not seen are left out and
    the sum is scaled up by the weight that remains. Multiplied out, all templates are one product of a matrix with the
    frame, in single precision about the templates' mean pose.

    Parameters
    ----------
    bank : TemplateBank
        The N templates, laid out as in `StreamingDTW`: each after `PAD` cells.
    """

    def __init__(self, bank: TemplateBank) -> None:
        self._bank = bank
        n_features = bank.n_features
        self._cells = bank.lengths + PAD
        self._first = np.cumsum(self._cells) - bank.lengths
        self._place = bank.settings.position_weight
        self._centre = np.nan_to_num(np.mean([track[:, :n_features].mean(axis=0) for track in bank.tracks], axis=0))
        held = (bank.settings.held_position_weight / max(self._place, _NOTHING)) ** 2
        place_weights = bank.weights[:, :n_features] * np.where(bank.is_held, held, 1.0)[:, None]
        weights = np.hstack([bank.weights, place_weights])
        goal = np.zeros((int(self._cells.sum()), weights.shape[1]))
        for first, track in zip(self._first.tolist(), bank.tracks, strict=True):
            goal[first : first + len(track)] = self._goal(track)
        weight_of_cell = np.repeat(weights, self._cells, axis=0)
        self._linear = _columns(-2.0 * weight_of_cell * goal)
        self._squares = _columns(weight_of_cell * goal**2)
        self._constant = np.asarray(self._squares.sum(axis=0), dtype=np.float32)
        self._weights = _columns(weights)
        self._total = np.asarray(np.maximum(weights.sum(axis=1), 1e-12), dtype=np.float32)
        self._cost = np.empty(len(goal), dtype=np.float32)
        self._work = np.empty(len(goal), dtype=np.float32)

    def _goal(self, track: FloatArray) -> FloatArray:
        """Direction of change and weighted place of each template frame, (L, F + D + F)."""
        place = self._place * (track[:, : self._bank.n_features] - self._centre)
        return np.nan_to_num(np.hstack([path_directions(track), place]))

    def of_frame(self, change: FloatArray, vector: FloatArray) -> Float32Array:
        """Cost of one stream frame, array (cells,), valid until the next call.

        Parameters
        ----------
        change : array (F + D,)
            As for `compare`.
        vector : array (F,)
            As for `compare`.
        """
        frame, seen = self.compare(change, vector)
        is_whole = bool(seen.all())
        cost = self._cost
        np.dot(frame, self._linear, out=cost)
        np.add(cost, np.repeat(np.square(frame) @ self._weights, self._cells), out=cost)
        if is_whole:
            np.add(cost, self._constant, out=cost)
        else:
            shown = seen.astype(np.float32)
            np.add(cost, np.dot(shown, self._squares, out=self._work), out=cost)
            share = (shown @ self._weights) / self._total
            np.divide(cost, np.repeat(np.maximum(share, _MIN_SEEN_WEIGHT), self._cells), out=cost)
        _raise_to_three_quarters(cost, self._work)
        if not is_whole:
            cost[np.repeat(share < _MIN_SEEN_WEIGHT, self._cells)] = _UNSEEN_COST
        return cost

    def of_template(self, template: int, frames: Float32Array, seen: BoolArray) -> Float32Array:
        """Cost of many stream frames, as `compare` gives them, against one template, array (L, T)."""
        first = int(self._first[template])
        cells = slice(first, first + int(self._bank.lengths[template]))
        cost = self._linear[:, cells].T @ frames.T
        cost += self._weights[:, template] @ np.square(frames).T
        is_whole = bool(seen.all())
        if is_whole:
            cost += self._constant[cells, None]
        else:
            shown = seen.astype(np.float32)
            cost += self._squares[:, cells].T @ shown.T
            share = (shown @ self._weights[:, template]) / self._total[template]
            cost /= np.maximum(share, _MIN_SEEN_WEIGHT)
        _raise_to_three_quarters(cost, np.empty_like(cost))
        if not is_whole:
            cost[:, share < _MIN_SEEN_WEIGHT] = _UNSEEN_COST
        return np.asarray(cost)

    def compare(
        self, change: FloatArray, vector: FloatArray, *, stillness: float | None = None
    ) -> tuple[Float32Array, BoolArray]:
        """Return what the templates' goals are compared with, zero where it was not seen, and what was seen.

        Parameters
        ----------
        change : array (..., F + D)
            Change of features and travel over the lag; NaN = not known.
        vector : array (..., F)
            Features; NaN = not seen.
        stillness : float, optional
            Another than the bank's.

        Returns
        -------
        frames, seen : array (..., F + D + F)
        """
        n_change = change.shape[-1]
        frame = np.empty((*change.shape[:-1], n_change + vector.shape[-1]), dtype=np.float32)
        moved, place = frame[..., :n_change], frame[..., n_change:]
        np.minimum(change, _FARTHEST, out=moved, casting="same_kind")
        np.minimum(vector - self._centre, _FARTHEST, out=place, casting="same_kind")
        place *= self._place
        np.maximum(frame, -_FARTHEST, out=frame)
        missing = np.isnan(frame)
        n_seen = n_change
        if missing.any():
            frame[missing] = 0.0
            n_seen = np.maximum(n_change - missing[..., :n_change].sum(axis=-1), 1)
        energy = np.einsum("...f,...f->...", moved, moved) * (n_change / n_seen)
        still = self._bank.settings.stillness if stillness is None else stillness
        moved /= np.sqrt(np.maximum(energy + still**2, _NOTHING**2))[..., None]
        return frame, ~missing


def _raise_to_three_quarters(cost: Float32Array, work: Float32Array) -> None:
    np.abs(cost, out=cost)  # rounding may leave a difference of nothing a little below it
    np.sqrt(cost, out=cost)
    np.sqrt(cost, out=work)
    np.multiply(cost, work, out=cost)


def path_directions(track: FloatArray) -> FloatArray:
    """Unit direction of change at each frame of a track, from the frames around it; array (L, F), NaN = never seen."""
    change = np.vstack([track[1:2] - track[:1], track[2:] - track[:-2], track[-1:] - track[-2:-1]])
    length = np.linalg.norm(np.nan_to_num(change), axis=1, keepdims=True)
    return np.asarray(change / np.maximum(length, _NOTHING))


def _columns(rows: FloatArray) -> Float32Array:
    """Features by cells in single precision: products with a frame then run along the cells."""
    return np.ascontiguousarray(rows.T, dtype=np.float32)
