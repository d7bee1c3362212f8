"""How many false alarms, and how many misses, a sensitivity lets one expect."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

from actionpose.bank import group_by_poses
from actionpose.errors import InvalidDataError
from actionpose.pose import PoseSequence
from actionpose.recognizer import Recognizer, RecognizerSettings
from actionpose.session.recognizers import fitting_templates
from actionpose.template import Template
from actionpose.tradeoff import compute_tradeoff, describe_rate

__all__ = ["describe_alarms", "expect_alarms"]


def expect_alarms(
    templates: Sequence[Template], backgrounds: Sequence[PoseSequence], settings: RecognizerSettings
) -> Callable[[float], str]:
    """Return what says in a few words, for any sensitivity, what to expect of it.

    The stream mode is judged once for all sensitivities; for the window mode the backgrounds are played anew for each,
    to a recogniser that was not calibrated on them. Both err on the side of too many false alarms. Of templates of
    several keypoint models the largest group counts.
    """
    groups = group_by_poses(template for template in templates if template.enabled)
    if not groups:
        return lambda _: "no templates yet"
    templates = groups[0]
    backgrounds = [b for b in backgrounds if fitting_templates(templates, b.skeleton, b.n_dims)]

    def play(sensitivity: float) -> str:
        try:
            recognizer = Recognizer(templates, settings=dataclasses.replace(settings, sensitivity=sensitivity))
            n_alarms = sum(len(recognizer.recognize(sequence)) for sequence in backgrounds)
        except InvalidDataError:  # recorded with another model
            return "unknown for these recordings"
        return describe_alarms(n_alarms, sum(sequence.duration for sequence in backgrounds) / 60)

    if settings.mode == "window":
        return play
    try:
        tradeoff = compute_tradeoff(templates, backgrounds, settings=settings.matching)
    except InvalidDataError:
        return lambda _: "unknown for these templates"

    def tell(sensitivity: float) -> str:
        n_alarms = round(tradeoff.alarms_per_minute(sensitivity) * tradeoff.minutes) if tradeoff.minutes else 0
        alarms = describe_alarms(n_alarms, tradeoff.minutes)
        if not tradeoff.minutes:
            return alarms
        missed = tradeoff.missed_share(sensitivity)
        return f"{alarms}, {'too few takes' if math.isnan(missed) else f'{missed:.0%} missed'}"

    return tell


def describe_alarms(n_alarms: int, minutes: float) -> str:
    """Return a rate for a screen, or what to do to know one."""
    if minutes <= 0:
        return "record a background to know"
    return f"{describe_rate(n_alarms, minutes)} false alarms/min"
