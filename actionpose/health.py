"""What is wrong with which template, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from actionpose.bank import MatchSettings, TemplateBank
from actionpose.calibration import calibrate_thresholds, replay_template
from actionpose.dtw import IntArray
from actionpose.performances import are_cut_from_one, number_performances
from actionpose.pose import FloatArray
from actionpose.template import Template
from actionpose.trace import compute_trace

__all__ = ["TemplateHealth", "check_templates"]

_BoolArray = npt.NDArray[np.bool_]

_REDUNDANT = 0.3  # of the threshold: a take this near to another adds nothing
_LOW_CONFIDENCE = 0.5
_MOVES = 0.5  # of the largest weight: keypoints that make the action what it is


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateHealth:
    """How a template stands among the others.

    Parameters
    ----------
    template_id, label : str
        Which.
    threshold : float
        Distance below which it is recognised.
    nearest_label : str
        The other action that resembles it most; empty where there is none.
    nearest_ratio : float
        Distance of that action's nearest take in units of the threshold: below 1 it would be mistaken for this one.
    own_ratio : float
        Distance of the nearest other take of the same action in units of the threshold: above 1 is an outlier. NaN
        where it is the only take: its own mirror image, and what else shows the same performance, is no other one.
    is_exemplar : bool
        Whether it is the take nearest to all others of its action.
    problems : tuple of str
        Plain sentences, each with what to do; empty when all is well.
    """

    template_id: str
    label: str
    threshold: float
    nearest_label: str
    nearest_ratio: float
    own_ratio: float
    is_exemplar: bool
    problems: tuple[str, ...]


def check_templates(templates: Sequence[Template], settings: MatchSettings | None = None) -> list[TemplateHealth]:
    """Compare every template with every other, as the recogniser would see them; in the order given.

    Raises
    ------
    InvalidDataError
        If there are none, or they do not share one skeleton.
    """
    bank = TemplateBank(templates, settings or MatchSettings())
    thresholds = calibrate_thresholds(bank)
    # ratio[i, j]: how far performing template i is from firing template j
    replayed = [replay_template(bank, i) for i in range(len(templates))]
    ratio = compute_trace(bank, replayed).nearest() / thresholds
    labels = np.array([template.label for template in templates])
    performance = number_performances(templates)
    is_own = (labels[:, None] == labels[None, :]) & (performance[:, None] != performance[None, :])
    exemplars = {_exemplar(ratio, is_own, np.flatnonzero(labels == label)) for label in np.unique(labels)}
    return [
        _judge(
            i,
            bank,
            ratio[:, i],
            thresholds[i],
            is_own=is_own[:, i],
            is_other=labels != labels[i],
            is_exemplar=i in exemplars,
            is_alone=bool((labels == labels[i]).sum() == 1),
            is_repeated=any(
                are_cut_from_one(templates[i], templates[j])
                for j in np.flatnonzero((labels == labels[i]) & (performance == performance[i]))
                if j < i and _is_mirrored(templates[i]) == _is_mirrored(templates[j])
            ),
        )
        for i in range(len(labels))
    ]


def _is_mirrored(template: Template) -> bool:
    """Whether a template shows the other side: it adds something even where most of the body is as in its original."""
    return "mirror_of" in template.provenance


def _exemplar(ratio: FloatArray, is_own: _BoolArray, members: IntArray) -> int:
    """Index of the member that the others of its action are nearest to; the first where none can be compared."""
    is_compared = is_own[np.ix_(members, members)]
    n_compared = is_compared.sum(axis=0)
    total = np.where(is_compared, ratio[np.ix_(members, members)], 0.0).sum(axis=0)
    return int(members[np.where(n_compared, total / np.maximum(n_compared, 1), np.inf).argmin()])


def _judge(
    i: int,
    bank: TemplateBank,
    ratio: FloatArray,
    threshold: float,
    *,
    is_own: _BoolArray,
    is_other: _BoolArray,
    is_exemplar: bool,
    is_alone: bool,
    is_repeated: bool,
) -> TemplateHealth:
    """Judge a template by the ratios of the N templates to it, and by which of them are takes of its own action."""
    own = ratio[is_own]
    others = np.where(is_other, ratio, np.inf)
    nearest = int(others.argmin())
    has_other = bool(np.isfinite(others[nearest]))
    own_ratio = float(own.min()) if len(own) else float("nan")
    label, nearest_label = bank.templates[i].label, bank.templates[nearest].label
    problems = []
    if has_other and others[nearest] < 1.0:
        problems.append(
            f"{nearest_label!r} would be taken for it ({others[nearest]:.2f} x its threshold): make the two actions "
            "more different, or disable one of the two takes."
        )
    if is_repeated:
        problems.append("Cut from the same performance as another take: it adds nothing, and may be disabled.")
    elif len(own) == 0:
        problems.append(
            f"The only take of {label!r}: record one or two more."
            if is_alone
            else f"Too few takes of {label!r} to judge it by: the others show the same performance. Record one or two "
            "more."
        )
    elif own_ratio >= 1.0:
        problems.append(
            f"Unlike the other takes of {label!r} ({own_ratio:.2f} x its threshold): if it went wrong, remove it; if "
            "the action is done in two ways, record another take of this one."
        )
    elif len(own) >= 2 and not is_exemplar and own_ratio < _REDUNDANT:
        problems.append("Nearly the same as another take: it adds nothing, and may be disabled.")
    step = float(np.median(np.diff(bank.templates[i].sequence.time)))
    if step > bank.settings.features.max_gap_s:
        problems.append(
            f"Its poses are {step:.1f} s apart, too far to show how the body moves: if these are frame numbers, divide "
            "them by the frames per second (`add --rate`); else record it anew."
        )
    confidence = _confidence(bank, i)
    if confidence < _LOW_CONFIDENCE:
        problems.append(
            f"The keypoints that move were seen with confidence {confidence:.2f}: record it again with all of them in "
            "view and more light."
        )
    return TemplateHealth(
        template_id=bank.templates[i].id,
        label=label,
        threshold=float(threshold),
        nearest_label=nearest_label if has_other else "",
        nearest_ratio=float(others[nearest]),
        own_ratio=own_ratio,
        is_exemplar=is_exemplar,
        problems=tuple(problems),
    )


def _confidence(bank: TemplateBank, i: int) -> float:
    """Mean confidence of the keypoints that move most."""
    sequence = bank.templates[i].sequence
    is_seen = (sequence.confidence > 0.0)[..., None]
    n_seen = np.maximum(is_seen.sum(axis=0), 1)
    mean = np.where(is_seen, sequence.position, 0.0).sum(axis=0) / n_seen
    variance = np.square(np.where(is_seen, sequence.position - mean, 0.0)).sum(axis=0) / n_seen
    spread = np.sqrt(variance.sum(axis=1))
    moving = spread >= _MOVES * spread.max()
    return float(sequence.confidence[:, moving].mean())
