"""Limbs as points of a grid, and rows of coloured cells as the segments a terminal draws."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from actionpose.pose import FloatArray, Pose
from actionpose.skeleton import Skeleton

__all__ = ["LEFT", "MIDDLE", "MIN_CONFIDENCE", "RIGHT", "Bounds", "fit_bounds", "iter_runs", "limbs_of", "rasterize"]

IntArray = npt.NDArray[np.intp]
Bounds = tuple[float, float, float, float]  # left, top, right, bottom, in the unit of the poses

MIDDLE, RIGHT, LEFT = 1, 2, 3  # sides of a limb; 0 is no limb

MIN_CONFIDENCE = 0.1  # from which a keypoint is drawn
_MARGIN = 0.05


def limbs_of(poses: Sequence[Pose]) -> tuple[FloatArray, IntArray]:
    """Return the limbs that were seen: ends ``x, y, x, y`` (L, 4) and sides (L,).

    In pixels where the poses have image positions, else in the unit of their positions.
    """
    ends, sides = [np.zeros((0, 4))], [np.zeros(0, np.intp)]
    for pose in poses:
        edges, side = _edges_of(pose.skeleton)
        points = pose.position[:, :2] if pose.image_position is None else pose.image_position
        limbs = points[edges].reshape(-1, 4)
        is_seen = np.isfinite(limbs).all(axis=1) & (pose.confidence[edges] >= MIN_CONFIDENCE).all(axis=1)
        ends.append(limbs[is_seen])
        sides.append(side[is_seen])
    return np.concatenate(ends), np.concatenate(sides)


@lru_cache(maxsize=16)
def _edges_of(skeleton: Skeleton) -> tuple[IntArray, IntArray]:
    """Ends of each edge as indices (E, 2), and the side it is on (E,)."""
    side_of = [LEFT if n.startswith("left") else RIGHT if n.startswith("right") else MIDDLE for n in skeleton.keypoints]
    pairs = [(skeleton.index(a), skeleton.index(b)) for a, b in skeleton.edges]
    sides = [side_of[a] if side_of[a] == side_of[b] else MIDDLE for a, b in pairs]
    return np.array(pairs, np.intp).reshape(-1, 2), np.array(sides, np.intp)


def fit_bounds(points: FloatArray) -> Bounds | None:
    """Return the box around points (..., 2), with a margin; None where none is known."""
    points = points.reshape(-1, 2)
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return None
    low, high = points.min(axis=0), points.max(axis=0)
    margin = _MARGIN * max(float((high - low).max()), 1e-6)
    return (*(low - margin).tolist(), *(high + margin).tolist())


def rasterize(
    limbs: FloatArray, sides: IntArray, *, bounds: Bounds, size: tuple[int, int]
) -> tuple[IntArray, IntArray, IntArray]:
    """Turn limbs into grid points.

    Parameters
    ----------
    limbs : array (L, 4)
        Ends.
    sides : array (L,)
        Sides.
    bounds : (float, float, float, float)
        What fits into the grid, as large as it goes and in its middle.
    size : (int, int)
        Width and height of the grid.

    Returns
    -------
    x, y, side : arrays (P,)
        Points inside the grid, those to be drawn over the others last.
    """
    left, top, right, bottom = bounds
    scale = min(size[0] / max(right - left, 1e-9), size[1] / max(bottom - top, 1e-9))
    offset = (np.array(size) - scale * np.array([right - left, bottom - top])) / 2
    ends = (limbs.reshape(-1, 2, 2) - (left, top)) * scale + offset
    n_points = np.minimum(np.ceil(np.abs(ends[:, 1] - ends[:, 0]).max(axis=1, initial=0.0)).astype(np.intp) + 2, 4096)
    limb = np.repeat(np.arange(len(ends)), n_points)
    step = np.arange(len(limb)) - np.repeat(np.cumsum(n_points) - n_points, n_points)
    share = (step / np.maximum(n_points[limb] - 1, 1))[:, None]
    x, y = np.floor(ends[limb, 0] * (1 - share) + ends[limb, 1] * share).astype(np.intp).T
    inside = (x >= 0) & (x < size[0]) & (y >= 0) & (y < size[1])
    order = np.argsort(sides[limb[inside]], kind="stable")
    return x[inside][order], y[inside][order], sides[limb[inside]][order]


def iter_runs(row: npt.NDArray[np.integer[Any]]) -> Iterator[tuple[int, int]]:
    """Yield start and end of each stretch of equal values."""
    edges = [0, *(np.flatnonzero(np.diff(row)) + 1).tolist(), len(row)]
    yield from ((start, end) for start, end in itertools.pairwise(edges) if end > start)
