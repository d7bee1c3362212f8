"""What sensitivity costs: false alarms against misses, expected from the library alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from actionpose.bank import MatchSettings, TemplateBank
from actionpose.calibration import calibrate_thresholds, collect_tracks, replay_template
from actionpose.performances import number_performances
from actionpose.pose import FloatArray, PoseSequence
from actionpose.template import Template
from actionpose.trace import Trace, compute_trace

__all__ = ["SENSITIVITIES", "Tradeoff", "compute_tradeoff", "describe_rate"]

SENSITIVITIES = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5)
_RULE_OF_THREE = 3.0  # none seen in so many chances: fewer than 3, with 95 % confidence (Hanley & Lippman-Hand 1983)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tradeoff:
    """The detection error trade-off of a library (Martin et al. 1997).

    Parameters
    ----------
    minutes : float
        Length of the background recordings, without gaps, in which every event is a false alarm.
    alarm_ratios : array (A,)
        Distance over threshold of each thing in them that could become a false alarm, ascending.
    take_ratios : array (M,)
        The same for each take, judged by the others of its action alone; ascending. Actions with one take have none:
        what shows the same performance, its mirror image for one, neither judges nor counts.
    """

    minutes: float
    alarm_ratios: FloatArray
    take_ratios: FloatArray

    def alarms_per_minute(self, sensitivity: float) -> float:
        """False alarms to expect; NaN without a background."""
        n_alarms = np.searchsorted(self.alarm_ratios, sensitivity)
        return float(n_alarms / self.minutes) if self.minutes else float("nan")

    def missed_share(self, sensitivity: float) -> float:
        """Share of performances to be missed, 0 to 1; NaN where there are too few takes: one of each action."""
        n_found = np.searchsorted(self.take_ratios, sensitivity)
        return float(1 - n_found / len(self.take_ratios)) if len(self.take_ratios) else float("nan")

    def describe_missed(self, sensitivity: float) -> str:
        """Return `missed_share` in words; "too few takes" where it is not known."""
        return f"{100 * self.missed_share(sensitivity):.0f} %" if len(self.take_ratios) else "too few takes"

    def describe_alarms(self, sensitivity: float) -> str:
        """Return `alarms_per_minute` in words; "unknown" without a background."""
        n_alarms = int(np.searchsorted(self.alarm_ratios, sensitivity))
        return describe_rate(n_alarms, self.minutes) if self.minutes else "unknown"


def describe_rate(n_alarms: int, minutes: float) -> str:
    """Return a rate per minute in words, or its upper bound (95 %) where nothing was seen."""
    return f"about {n_alarms / minutes:.1f}" if n_alarms else f"under {_RULE_OF_THREE / minutes:.1f}"


def compute_tradeoff(
    templates: Sequence[Template], background: Sequence[PoseSequence] = (), *, settings: MatchSettings | None = None
) -> Tradeoff:
    """Expect false alarms from what nobody meant, and misses from what somebody did.

    Each half of the background is judged with thresholds that were calibrated on the other half. Of candidates that
    overlap, the nearest counts; what the recogniser withholds because another action is under way counts too, so that
    the rate is rather too high than too low.

    Parameters
    ----------
    templates : sequence of Template
        Those in use, of one skeleton.
    background : sequence of PoseSequence
        Recordings in which none of the actions is performed; those of other keypoints are left out.
    settings : MatchSettings, optional
        What is compared.

    Raises
    ------
    InvalidDataError
        If there are no templates, or they do not share one skeleton.
    """
    bank = TemplateBank(templates, settings or MatchSettings())
    fitting = [sequence for sequence in background if bank.fits(sequence.skeleton, sequence.n_dims)]
    halves = [[half for sequence in fitting for half in _halve(sequence)[i::2]] for i in range(2)]
    ratios = [np.empty(0)]
    for judged, calibrated_on in (halves, halves[::-1]):
        if tracks := collect_tracks(bank, judged):
            trace = compute_trace(bank, tracks)
            ratios.append(_disjoint_ratios(trace, calibrate_thresholds(bank, background=calibrated_on)))
    return Tradeoff(
        minutes=sum(_followed_s(sequence, bank.settings.features.max_gap_s) for sequence in fitting) / 60,
        alarm_ratios=np.sort(np.concatenate(ratios)),
        take_ratios=np.sort(_take_ratios(bank, calibrate_thresholds(bank, background=fitting))),
    )


def _followed_s(sequence: PoseSequence, max_gap_s: float) -> float:
    """Seconds of a recording in which a body was followed; over longer gaps nothing can be found, nor be false."""
    steps = np.diff(sequence.time)
    return float(steps[steps <= max_gap_s].sum())


def _halve(sequence: PoseSequence) -> list[PoseSequence]:
    middle = float(sequence.time[0] + sequence.time[-1]) / 2
    halves = [sequence.between(-np.inf, middle), sequence.between(middle, np.inf)]
    return [half for half in halves if len(half.time) > 1]


def _disjoint_ratios(trace: Trace, thresholds: FloatArray) -> FloatArray:
    """Distance over threshold of the best matches that do not overlap, up to the highest sensitivity."""
    ratio = trace.distance / thresholds
    nearest = ratio.argmin(axis=1)
    frames = np.arange(len(ratio))
    best, start = ratio[frames, nearest], trace.start[frames, nearest]
    is_taken = np.zeros(len(ratio), dtype=bool)
    found = []
    for end in np.argsort(best):
        if best[end] >= SENSITIVITIES[-1]:
            break
        if not is_taken[start[end] : end + 1].any():
            is_taken[start[end] : end + 1] = True
            found.append(best[end])
    return np.array(found)


def _take_ratios(bank: TemplateBank, thresholds: FloatArray) -> FloatArray:
    """Distance over threshold of each performance to the nearest other of its action; its mirror image is none."""
    label, performance = bank.label_of_template, number_performances(bank.templates)
    is_image = np.array(["mirror_of" in template.provenance for template in bank.templates])
    order = np.argsort(is_image, kind="stable")
    judged = order[np.unique(np.stack([label, performance])[:, order], axis=1, return_index=True)[1]]
    tracks = [replay_template(bank, i) for i in judged]
    ratio = compute_trace(bank, tracks).nearest() / thresholds
    is_other = (label[judged, None] == label) & (performance[judged, None] != performance)
    return np.asarray(np.where(is_other, ratio, np.inf).min(axis=1)[is_other.any(axis=1)])
