"""Clips to tell apart: each holds one action, from its start to its end."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from actionpose.evaluation.counts import Confusion, as_number
from actionpose.evaluation.statistics import compute_interval, resample_units
from actionpose.performances import number_performances
from actionpose.pose import PoseSequence
from actionpose.recognizer import Recognizer, RecognizerSettings
from actionpose.template import UNKNOWN, Template

__all__ = [
    "Answer",
    "Classification",
    "ClipSet",
    "answer_clips",
    "compute_accuracy_interval",
    "hold_out",
    "leave_one_out",
]

_HELD_S = 1.0  # stillness before and after a clip that is cut to the action


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSet:
    """Clips to recognise, and the templates to do it by.

    Parameters
    ----------
    name : str
        Of the set.
    templates : tuple of Template
        To recognise by.
    clips : tuple of Template
        To recognise. ``unknown`` is the right answer to a clip of which no template has the label. Clips that have
        the same ``person`` in their provenance are one piece of evidence.
    """

    name: str
    templates: tuple[Template, ...]
    clips: tuple[Template, ...]

    def without(self, label: str) -> ClipSet:
        """Return the same clips for a recogniser that is not shown an action."""
        return replace(self, templates=tuple(t for t in self.templates if t.label != label))

    def with_mirrored(self) -> ClipSet:
        """Return the same clips for a recogniser that is shown the mirror image of each template too."""
        return replace(self, templates=(*self.templates, *(t.mirrored() for t in self.templates)))

    @property
    def labels(self) -> frozenset[str]:
        """Labels of the templates."""
        return frozenset(template.label for template in self.templates)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the recogniser said to one clip.

    Parameters
    ----------
    clip : Template
        The clip.
    truth : str
        Its label, or ``unknown`` where the recogniser was not shown the action.
    label : str
        The nearest action, however far; ``unknown`` where nothing was near at all.
    ratio : float
        Its distance in units of its threshold.
    """

    clip: Template
    truth: str
    label: str
    ratio: float

    @property
    def unit(self) -> str:
        """What makes clips one piece of evidence: their person, else each is its own."""
        return self.clip.provenance.get("person", self.clip.id)

    @property
    def said(self) -> str:
        """The nearest action, or ``unknown`` if it is beyond its threshold."""
        return self.label if self.ratio < 1.0 else UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """What each template is taken for by the others.

    Parameters
    ----------
    confusion : Confusion
        Templates by row, answers by column.
    answers : mapping of str to str
        What the recogniser said to each template, by its id.
    skipped : tuple of str
        Ids of the templates that nothing is left to recognise by: no other source shows their action.
    """

    confusion: Confusion
    answers: Mapping[str, str]
    skipped: tuple[str, ...] = ()

    @property
    def accuracy(self) -> float:
        """Share of right answers, ``unknown`` to an unknown action among them."""
        return self.confusion.accuracy

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "accuracy": as_number(self.accuracy),
            "confusion": self.confusion.to_dict(),
            "answers": dict(self.answers),
            "skipped": list(self.skipped),
        }


def answer_clips(
    clip_set: ClipSet, settings: RecognizerSettings | None = None, *, whole: bool = True
) -> Iterator[Answer]:
    """Recognise clips, one after the other.

    Parameters
    ----------
    clip_set : ClipSet
        The clips and the templates.
    settings : RecognizerSettings, optional
        Of the recogniser.
    whole : bool
        Compare each whole clip with every template, or else spot actions in it as if it came live.

    Yields
    ------
    Answer
        In the order of the clips.

    Raises
    ------
    InvalidDataError
        If the templates cannot be in one recogniser, or a clip is of another kind.
    """
    recognizer = Recognizer(clip_set.templates, settings=settings or RecognizerSettings())
    for clip in clip_set.clips:
        label, ratio = UNKNOWN, math.inf
        if whole:
            nearest = recognizer.classify(clip.sequence)[0]
            if math.isfinite(nearest.ratio):
                label, ratio = nearest.label, nearest.ratio
        else:
            for event in recognizer.recognize(_with_still_ends(clip.sequence)):
                if event.distance / event.threshold < ratio:
                    label, ratio = event.label, event.distance / event.threshold
        truth = clip.label if clip.label in clip_set.labels else UNKNOWN
        yield Answer(clip=clip, truth=truth, label=label, ratio=ratio)


def hold_out(
    templates: Sequence[Template], *, unknown: Collection[str] = (), together: str | None = "source"
) -> Iterator[ClipSet]:
    """Make a clip set of the templates of each source, to be recognised by those of the others.

    Parameters
    ----------
    templates : sequence of Template
        The library; disabled templates count too.
    unknown : collection of str
        Labels that are not shown: ``unknown`` is the right answer to them.
    together : str, optional
        Templates that have the same value under this name in their provenance are of one source, so that no clip
        is recognised by another part of itself; without it, those of one performance are, as a mirror image is of its
        original's. None takes each performance for a source.

    Yields
    ------
    ClipSet
        For each source that shows an action which another source shows too.
    """
    sources: dict[str, list[Template]] = {}
    first_of: dict[int, str] = {}  # performance -> id
    for template, performance in zip(templates, number_performances(templates).tolist(), strict=True):
        first = first_of.setdefault(performance, template.id)
        source = template.provenance.get(together, first) if together else first
        sources.setdefault(source, []).append(template)
    for source, held_out in sources.items():
        shown = tuple(
            replace(template, enabled=True)
            for other, group in sources.items()
            for template in group
            if other != source and template.label not in unknown
        )
        known = {template.label for template in shown}
        clips = tuple(template for template in held_out if template.label in known or template.label in unknown)
        if known and clips:
            yield ClipSet(name=source, templates=shown, clips=clips)


def leave_one_out(
    templates: Sequence[Template],
    settings: RecognizerSettings | None = None,
    *,
    unknown: Collection[str] = (),
    together: str | None = "source",
    whole: bool = False,
) -> Classification:
    """Recognise every template by the others.

    The answer is the label of the event nearest to its threshold, or ``unknown`` without an event.

    Parameters
    ----------
    templates : sequence of Template
        The library; disabled templates count too.
    settings : RecognizerSettings, optional
        Of the recogniser.
    unknown : collection of str
        Labels that the recogniser is not shown: ``unknown`` is the right answer to them.
    together : str, optional
        Templates that have the same value under this name in their provenance are left out together, so that no
        clip is recognised by another part of itself. None leaves out each performance alone.
    whole : bool
        Compare whole clips instead of spotting events in them: ``unknown`` is then what is beyond every threshold.

    Returns
    -------
    Classification

    Raises
    ------
    InvalidDataError
        If the templates cannot be in one recogniser.
    """
    answers = [
        answer
        for clip_set in hold_out(templates, unknown=unknown, together=together)
        for answer in answer_clips(clip_set, settings, whole=whole)
    ]
    said = {answer.clip.id: answer.said for answer in answers}
    return Classification(
        confusion=Confusion.from_pairs((answer.truth, answer.said) for answer in answers),
        answers=said,
        skipped=tuple(template.id for template in templates if template.id not in said),
    )


def compute_accuracy_interval(is_right: Sequence[bool], units: Sequence[str]) -> tuple[float, float]:
    """Return 95 % of the share of right answers by bootstrap over units, to each of which some answers belong."""
    weights = resample_units(units)
    return compute_interval((weights @ np.asarray(is_right, dtype=np.float64)) / weights.sum(axis=1))


def _with_still_ends(sequence: PoseSequence) -> PoseSequence:
    """Hold the first and the last pose for a while, as live; without it, a clip is shorter than the window."""
    step = 1.0 / sequence.rate_hz
    n_held = math.ceil(_HELD_S / step)
    held = step * np.arange(1, n_held + 1)
    frames = np.concatenate([np.zeros(n_held, int), np.arange(len(sequence)), np.full(n_held, len(sequence) - 1)])
    return PoseSequence(
        skeleton=sequence.skeleton,
        time=np.concatenate([sequence.time[0] - held[::-1], sequence.time, sequence.time[-1] + held]),
        position=sequence.position[frames],
        confidence=sequence.confidence[frames],
    )
