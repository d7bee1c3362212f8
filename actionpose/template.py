"""Templates: labelled examples of actions."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from actionpose.errors import InvalidDataError
from actionpose.pose import PoseSequence

__all__ = ["UNKNOWN", "Template", "validate_label"]

UNKNOWN = "unknown"  # the label of everything that resembles no template


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A labelled example of an action.

    Keypoints are the truth; features are computed from them anew, so a better feature set needs no new recordings.

    Parameters
    ----------
    label : str
        Name of the action; not empty, and not ``unknown``.
    sequence : PoseSequence
        At least two frames.
    id : str
        Unique, 32 hexadecimal digits by default.
    enabled : bool
        Whether the recogniser uses it.
    created : datetime
        When it was recorded, with time zone.
    provenance : mapping of str to str
        Where it came from: ``source``, ``start``, ``end``, ``estimator``, ``recording``, ...
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
        object.__setattr__(self, "provenance", MappingProxyType(dict(self.provenance)))
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


def validate_label(label: str) -> str:
    """Return the label without surrounding space.

    Raises
    ------
    InvalidDataError
        If it is empty, over 100 characters, has control characters, or is the reserved ``unknown``.
    """
    label = label.strip()
    if not label or len(label) > 100 or not label.isprintable():
        raise InvalidDataError(f"An action's label is 1 to 100 printable characters, got {label[:100]!r}.")
    if label == UNKNOWN:
        raise InvalidDataError(
            f"{UNKNOWN!r} is what actionpose says of an action it does not know, so no template can have this label.",
            hint="Choose another name; to show what is not an action, use `actionpose record --background 30`.",
        )
    return label
