"""How two templates map onto each other in time: their warping path, and where they are furthest apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from actionpose.body_frame import track_root, typical_scale
from actionpose.dtw import IntArray, find_warping_path
from actionpose.errors import InvalidDataError
from actionpose.features import compute_positions
from actionpose.pose import FloatArray, PoseSequence
from actionpose.template import Template

__all__ = ["Comparison", "compare_templates"]

_MAX_FRAMES = 240  # of each template; more would not show in a terminal
_MIN_CONFIDENCE = 0.3
_FARTHEST = 10.0  # body sizes, where two frames share no keypoint


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """Two templates, n and m frames long, and the best way to map one onto the other.

    Parameters
    ----------
    first, second : PoseSequence
        The frames that were compared.
    cost : array (n, m)
        Mean distance of the keypoints in the body frame, in body sizes, of every frame to every other.
    path : array (P, 2)
        Frames that belong together, from start to end.
    apart : tuple of (int, str)
        Step of the path at which the two are furthest apart, and the keypoint that is.
    """

    first: PoseSequence
    second: PoseSequence
    cost: FloatArray
    path: IntArray
    apart: tuple[int, str]

    @property
    def distance(self) -> float:
        """Mean cost along the path, in body sizes."""
        return float(self.cost[self.path[:, 0], self.path[:, 1]].mean())


def compare_templates(first: Template, second: Template) -> Comparison:
    """Map one template onto another.

    Raises
    ------
    InvalidDataError
        If they do not share keypoints and dimension.
    """
    a, b = _thin_out(first.sequence), _thin_out(second.sequence)
    if not a.skeleton.has_same_keypoints(b.skeleton) or a.n_dims != b.n_dims:
        raise InvalidDataError(
            f"{first.label!r} has {a.skeleton.name} in {a.n_dims}-D, {second.label!r} has {b.skeleton.name} in "
            f"{b.n_dims}-D.",
            hint="Only templates that one keypoint model made can be compared.",
        )
    offset = _body_frame(a)[:, None] - _body_frame(b)[None]
    distance = np.linalg.norm(offset, axis=3)
    known = ~np.isnan(distance)
    n_known = known.sum(axis=2)
    total = np.where(known, distance, 0.0).sum(axis=2)
    cost = np.where(n_known > 0, total / np.maximum(n_known, 1), _FARTHEST)
    path = find_warping_path(cost)
    step = int(cost[path[:, 0], path[:, 1]].argmax())
    keypoint = int(np.nan_to_num(distance[path[step, 0], path[step, 1]]).argmax())
    return Comparison(first=a, second=b, cost=cost, path=path, apart=(step, a.skeleton.keypoints[keypoint]))


def _thin_out(sequence: PoseSequence) -> PoseSequence:
    return sequence[:: -(-len(sequence) // _MAX_FRAMES)]


def _body_frame(sequence: PoseSequence) -> FloatArray:
    """Positions relative to the root in body sizes, (T, K, D)."""
    seen = sequence.confidence >= _MIN_CONFIDENCE
    position = np.where(seen[..., None], sequence.position, np.nan)
    flat = compute_positions(position, sequence.skeleton, scale=typical_scale([sequence]), root=track_root(sequence))
    return flat.reshape(sequence.position.shape)
