"""Which templates show the same performance, so that none is judged by itself."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from actionpose.dtw import IntArray
from actionpose.pose import FloatArray, PoseSequence
from actionpose.template import Template

__all__ = ["are_cut_from_one", "number_performances"]

_SHARED = 0.5  # of the shorter template's frames
_STEP_S = 1e-3  # times that differ by less are of one frame
# Share of the body's extent. A model that begins earlier in the same video finds the body .002 away; squats in other
# videos are .18 away.
_SAME_POSE = 0.02


def number_performances(templates: Sequence[Template]) -> IntArray:
    """Number what was performed, array (N,), from 0: templates of one performance have the same number.

    A mirror image shows what its original does, whether that is still there or not. A copy does, and so does another
    cut of the same recording.
    """
    shown_by: dict[str, str] = {}

    def find(id_: str) -> str:
        while (known := shown_by.get(id_, id_)) != id_:
            id_ = known
        return id_

    for template in templates:
        if original := template.provenance.get("mirror_of"):
            shown_by[find(template.id)] = find(original)
    by_label: dict[str, list[Template]] = {}
    for template in templates:
        by_label.setdefault(template.label, []).append(template)
    for of_label in by_label.values():
        for a, b in combinations(of_label, 2):
            if find(a.id) != find(b.id) and are_cut_from_one(a, b):
                shown_by[find(b.id)] = find(a.id)
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(find(t.id), len(numbers)) for t in templates], dtype=np.int64)


def are_cut_from_one(a: Template, b: Template) -> bool:
    """Whether two templates are the same stretch of one recording, for the most part of the shorter one.

    They have the same poses at the same times; nearly the same are enough where both name the same source, since a
    model finds a body a little elsewhere when it begins elsewhere.
    """
    one, other = a.sequence, b.sequence
    if one.position.shape[1:] != other.position.shape[1:] or not one.skeleton.has_same_keypoints(other.skeleton):
        return False
    overlap = min(one.time[-1], other.time[-1]) - max(one.time[0], other.time[0])
    if overlap < _SHARED * min(one.duration, other.duration):
        return False
    step, other_step = ((sequence.time / _STEP_S).round() for sequence in (one, other))
    _, in_one, in_other = np.intersect1d(step, other_step, return_indices=True)
    if len(in_one) < _SHARED * min(len(one), len(other)):
        return False
    apart = np.linalg.norm(one.position[in_one] - other.position[in_other], axis=2)
    if np.isnan(apart).all():
        return False
    is_same_source = bool(a.provenance.get("source")) and a.provenance.get("source") == b.provenance.get("source")
    tolerance = _SAME_POSE * _extent(one) if is_same_source else 0.0
    return float(np.nanmedian(apart)) <= tolerance


def _extent(sequence: PoseSequence) -> float:
    """Length of the diagonal of the box that holds the body, in the median of the frames."""
    position: FloatArray = sequence.position[~np.isnan(sequence.position).all(axis=(1, 2))]
    return float(np.median(np.linalg.norm(np.nanmax(position, axis=1) - np.nanmin(position, axis=1), axis=1)))
