"""How many false alarms a sensitivity lets one expect."""

from __future__ import annotations

from collections.abc import Sequence

from actionpose.errors import InvalidDataError
from actionpose.pose import PoseSequence
from actionpose.recognizer import Recognizer, RecognizerSettings
from actionpose.template import Template
from actionpose.tradeoff import describe_rate

__all__ = ["describe_alarms", "estimate_alarms"]


def estimate_alarms(
    templates: Sequence[Template], backgrounds: Sequence[PoseSequence], settings: RecognizerSettings
) -> str:
    """Play the background recordings to a recogniser that was not calibrated on them, and say what it reports.

    Returns
    -------
    str
        A few words for a screen; they err on the side of too many, since in use the backgrounds do calibrate.
    """
    templates = [template for template in templates if template.enabled]
    if not templates:
        return "no templates yet"
    try:
        recognizer = Recognizer(templates, settings=settings)
        n_alarms = sum(len(recognizer.recognize(sequence)) for sequence in backgrounds)
    except InvalidDataError:  # recorded with another model
        return "unknown for these recordings"
    return describe_alarms(n_alarms, sum(sequence.duration for sequence in backgrounds) / 60)


def describe_alarms(n_alarms: int, minutes: float) -> str:
    """Return a rate for a screen, or what to do to know one."""
    if minutes <= 0:
        return "record a background to know"
    return f"{describe_rate(n_alarms, minutes)} false alarms/min"
