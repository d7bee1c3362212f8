"""Templates: labelled examples of actions."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from actionpose.errors import InvalidDataError
from actionpose.naming import fold_label, normalize_label
from actionpose.pose import PoseSequence
from actionpose.safe_text import storable

__all__ = ["MAX_DURATION_S", "UNKNOWN", "Template", "is_unknown", "validate_label"]

UNKNOWN = "unknown"  # the label of everything that resembles no template
MAX_DURATION_S = 120.0  # of a template; the longest actions shown take some ten seconds, a pose to hold a minute

_MIN_DURATION_S = 1e-3
_PLAUSIBLE_STEPS_S = 1 / 240, 0.7  # between two frames of a camera, one for slow motion too
_FINER_UNITS = (("milliseconds", 1e3), ("microseconds", 1e6), ("nanoseconds", 1e9))


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    r"""A labelled example of an action.

    Keypoints are the truth; features are computed from them anew, so a better feature set needs no new recordings.

    Parameters
    ----------
    label : str
        Name of the action; not empty, and not ``unknown``.
    sequence : PoseSequence
        At least two frames, over at most two minutes.
    id : str
        Unique, 32 hexadecimal digits by default.
    enabled : bool
        Whether the recogniser uses it.
    created : datetime
        When it was recorded, with time zone.
    provenance : mapping of str to str
        Where it came from: ``source``, ``start``, ``end``, ``estimator``, ``recording``, ... What no database could
        keep of it, such as in odd file names, becomes ``\ufffd``.
    quality : mapping of str to float
        What the recorder measured: ``rate_hz``, ``confidence``, ``motion``, ...

    Raises
    ------
    InvalidDataError
        If the label or the sequence cannot be used.
    """

    label: str
    sequence: PoseSequence
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    enabled: bool = True
    created: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC).replace(microsecond=0))
    provenance: Mapping[str, str] = field(default_factory=dict)
    quality: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", validate_label(self.label))
        if len(self.sequence) < 2:
            raise InvalidDataError(f"A template needs at least 2 frames; {self.label!r} has {len(self.sequence)}.")
        if self.created.tzinfo is None:
            raise InvalidDataError("A template's `created` needs a time zone, for instance datetime.UTC.")
        _check_duration(self.sequence, self.label)
        provenance = {storable(name): storable(value) for name, value in self.provenance.items()}
        object.__setattr__(self, "provenance", MappingProxyType(provenance))
        object.__setattr__(self, "quality", MappingProxyType(dict(self.quality)))

    @classmethod
    def from_sequence(
        cls, label: str, sequence: PoseSequence, *, provenance: Mapping[str, str] | None = None
    ) -> Template:
        """Make a template of a whole sequence."""
        return cls(label=label, sequence=sequence, provenance=provenance or {})

    def mirrored(self) -> Template:
        """Return a new template of the same action as seen in a mirror: left and right change places."""
        return Template(
            label=self.label,
            sequence=self.sequence.mirrored(),
            provenance={**self.provenance, "mirror_of": self.id},
            quality=self.quality,
        )


def is_unknown(label: str) -> bool:
    """Whether a label reads like ``unknown``, however it is written."""
    return fold_label(label) == UNKNOWN


def validate_label(label: str) -> str:
    """Return the label as it is kept, see `normalize_label`.

    Raises
    ------
    InvalidDataError
        If it is empty, over 100 characters, has control characters, or is the reserved ``unknown``, in capitals or not.
    """
    label = normalize_label(label)
    if not label or len(label) > 100 or not label.isprintable():
        raise InvalidDataError(f"An action's label is 1 to 100 printable characters, got {label[:100]!r}.")
    if is_unknown(label):
        reads_like = "" if label == UNKNOWN else f"{label!r} reads like {UNKNOWN!r}. "
        raise InvalidDataError(
            f"{reads_like}{UNKNOWN!r} is what actionpose says of an action it does not know, so no template can have "
            "this label.",
            hint="Choose another name; to show what is not an action, use `actionpose record --background 30`.",
        )
    return label


def _check_duration(sequence: PoseSequence, label: str) -> None:
    """Refuse times that nobody's action can have, and say what they may be instead."""
    if _MIN_DURATION_S <= sequence.duration <= MAX_DURATION_S:
        return
    steps = np.diff(sequence.time)
    step, longest = float(np.median(steps)), float(steps.max())
    low, high = _PLAUSIBLE_STEPS_S
    finer = [(unit, factor) for unit, factor in _FINER_UNITS if low <= step / factor <= high]
    if sequence.duration < _MIN_DURATION_S:
        hint = "Give the time of each frame in seconds."
    elif finer:
        hint = f"These times look like {finer[0][0]}: divide them by {finer[0][1]:.0e}."
    elif step == round(step):
        hint = "These times look like frame numbers: divide them by the frames per second."
    elif longest > sequence.duration / 2:
        hint = f"One frame comes {longest:.3g} s after the one before: correct its time, or leave it out."
    else:
        hint = "Cut out one performance of the action, for instance with `actionpose add` and its --start and --end."
    raise InvalidDataError(
        f"A template lasts at least {_MIN_DURATION_S:g} and at most {MAX_DURATION_S:g} s; {label!r} lasts "
        f"{sequence.duration:.3g} s, with frames {step:.3g} s apart.",
        hint=hint,
    )
