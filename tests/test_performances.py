"""Which templates show one performance."""

from __future__ import annotations

import dataclasses

import numpy as np

from actionpose.performances import are_cut_from_one, number_performances
from actionpose.pose import PoseSequence
from actionpose.template import Template
from tests.synthetic import make_templates, perform


def take(seed: int = 0, *, source: str = "", label: str = "wave", sequence: PoseSequence | None = None) -> Template:
    shown = perform("wave", seed=seed, duration=1.4) if sequence is None else sequence
    return Template.from_sequence(label, shown, provenance={"source": source} if source else {})


def moved(template: Template, share: float) -> Template:
    sequence = template.sequence
    step = share * np.ptp(sequence.position[0], axis=0)
    return take(
        source=template.provenance.get("source", ""),
        sequence=dataclasses.replace(sequence, position=sequence.position + step),
    )


def test_takes_of_their_own_are_told_apart() -> None:
    templates = make_templates(n_takes=3, noise=0.01)
    assert number_performances(templates).tolist() == list(range(len(templates)))
    assert number_performances([]).tolist() == []


def test_a_mirror_image_shows_what_its_original_does() -> None:
    first, second = take(1), take(2)
    templates = [first, second, second.mirrored(), first.mirrored(), first.mirrored().mirrored()]
    assert number_performances(templates).tolist()[:4] == [0, 1, 1, 0]
    again = [first, first.mirrored(), first.mirrored().mirrored()]
    assert number_performances([again[0], again[2]]).tolist() == [0, 0], "mirrored twice it is a copy"


def test_two_images_of_an_original_that_is_gone_are_of_one_performance() -> None:
    original, other = take(1), take(2)
    images = [original.mirrored(), other.mirrored(), original.mirrored()]
    assert number_performances(images).tolist() == [0, 1, 0]


def test_copies_and_other_cuts_are_of_one_performance() -> None:
    whole = take(1)
    time = whole.sequence.time
    trimmed = take(sequence=whole.sequence.between(time[5], time[-3]))
    assert are_cut_from_one(whole, trimmed)
    assert number_performances([whole, trimmed, trimmed.mirrored(), take(2)]).tolist() == [0, 0, 0, 1]
    beginning, end = whole.sequence[:24], whole.sequence[20:]
    assert not are_cut_from_one(take(sequence=beginning), take(sequence=end)), "they share four frames"


def test_nearly_the_same_poses_are_the_same_in_one_source_alone() -> None:
    one, other = take(1, source="gym.mp4"), take(1)
    assert are_cut_from_one(one, moved(one, 0.005))
    assert not are_cut_from_one(one, moved(one, 0.5))
    assert not are_cut_from_one(other, moved(other, 0.005))


def test_what_was_not_seen_is_compared_with_nothing() -> None:
    sequence = perform("wave", seed=1, duration=1.4)
    unseen = dataclasses.replace(sequence, position=np.full_like(sequence.position, np.nan))
    assert not are_cut_from_one(take(sequence=unseen), take(sequence=unseen))
    assert not are_cut_from_one(take(sequence=sequence, source="a"), take(sequence=unseen, source="a"))


def test_the_same_cut_under_another_label_is_another_take() -> None:
    """What is judged is always an action; two actions that share a take are confusable, and that must be seen."""
    whole = take(1)
    assert number_performances([whole, take(label="hello", sequence=whole.sequence)]).tolist() == [0, 1]
