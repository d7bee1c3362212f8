from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from actionpose.bank import MatchSettings
from actionpose.errors import InvalidDataError
from actionpose.health import TemplateHealth, check_templates
from actionpose.performances import are_cut_from_one
from actionpose.pose import PoseSequence
from actionpose.skeleton import UPPER_BODY_6
from actionpose.template import Template
from tests.synthetic import ACTIONS, make_templates, perform


def take(label: str, performed: str | None = None, *, seed: int = 0, duration: float = 1.4) -> Template:
    return Template.from_sequence(label, perform(performed or label, seed=seed, duration=duration))


def dimly(template: Template, confidence: float) -> Template:
    sequence = dataclasses.replace(
        template.sequence, confidence=np.full(template.sequence.confidence.shape, confidence)
    )
    return dataclasses.replace(template, sequence=sequence)


def said_of(template: Template, reports: list[TemplateHealth]) -> str:
    [report] = [report for report in reports if report.template_id == template.id]
    return " ".join(report.problems)


def test_good_takes_have_no_problems() -> None:
    templates = make_templates(n_takes=2, noise=0.01)
    reports = check_templates(templates)
    assert [report.template_id for report in reports] == [template.id for template in templates]
    assert [report.label for report in reports] == [template.label for template in templates]
    assert [report.problems for report in reports] == [()] * len(templates)
    for report in reports:
        assert report.nearest_label in set(ACTIONS) - {report.label}
        assert report.nearest_ratio > 1.0 > report.own_ratio
        assert report.threshold > 0
    assert {label: sum(r.is_exemplar for r in reports if r.label == label) for label in ACTIONS} == dict.fromkeys(
        ACTIONS, 1
    )


def outlier() -> tuple[list[Template], Template, str]:
    odd = take("wave", "cross", seed=5)
    return (
        [take("wave", seed=1), take("wave", seed=2, duration=1.6), odd, take("raise"), take("raise", seed=3)],
        odd,
        ("Unlike the other takes of 'wave'"),
    )


def confusable() -> tuple[list[Template], Template, str]:
    hello = take("hello", "wave", seed=5)
    return (
        [take("wave", seed=1), take("wave", seed=2), hello, take("hello", "wave", seed=6)],
        hello,
        ("'wave' would be taken for it"),
    )


def redundant() -> tuple[list[Template], Template, str]:
    takes = [take("wave", seed=seed) for seed in range(3)]
    reports = check_templates([*takes, take("raise")])
    copy = next(t for t, r in zip(takes, reports, strict=False) if not r.is_exemplar)
    return [*takes, take("raise")], copy, "Nearly the same as another take"


def only_take() -> tuple[list[Template], Template, str]:
    alone = take("raise")
    return [*make_templates(["wave"]), alone], alone, "The only take of 'raise'"


def low_confidence() -> tuple[list[Template], Template, str]:
    dim = dimly(take("raise"), 0.4)
    return [*make_templates(["wave"]), take("raise", seed=4, duration=1.7), dim], dim, "seen with confidence 0.40"


def numbered() -> tuple[list[Template], Template, str]:
    sequence = take("raise").sequence
    slow = dataclasses.replace(sequence, time=np.arange(len(sequence), dtype=float))
    bad = Template.from_sequence("raise", slow)
    return [*make_templates(["wave"]), take("raise", seed=4), bad], bad, "Its poses are 1.0 s apart"


@pytest.mark.parametrize("case", [outlier, confusable, redundant, only_take, low_confidence, numbered])
def test_each_problem_has_its_sentence(case: Callable[[], tuple[list[Template], Template, str]]) -> None:
    templates, culprit, sentence = case()
    reports = check_templates(templates)
    assert sentence in said_of(culprit, reports)
    innocent = [said_of(t, reports) for t in templates if t.label not in (culprit.label, "wave")]
    assert not any(sentence in said for said in innocent)


def test_a_keypoint_that_comes_and_goes_is_not_what_moves() -> None:
    flickering = take("raise")
    position = flickering.sequence.position.copy()
    position[np.arange(len(position)) % 5 > 1, UPPER_BODY_6.index("left_shoulder")] = np.nan
    sequence = PoseSequence(skeleton=UPPER_BODY_6, time=flickering.sequence.time, position=position)
    flickering = Template.from_sequence("raise", sequence)
    reports = check_templates([*make_templates(["wave"]), take("raise", seed=4, duration=1.7), flickering])
    assert "seen with confidence" not in said_of(flickering, reports)


def test_the_exemplar_is_not_called_redundant() -> None:
    templates, _, sentence = redundant()
    reports = check_templates(templates)
    assert [sentence in said_of(t, reports) for t in templates].count(True) == 2
    [exemplar] = [report for report in reports if report.is_exemplar and report.label == "wave"]
    assert exemplar.problems == ()


def test_a_lone_template_has_no_other_to_be_compared_with() -> None:
    [report] = check_templates([take("wave")])
    assert (report.nearest_label, report.nearest_ratio, report.is_exemplar) == ("", np.inf, True)
    assert np.isnan(report.own_ratio)
    assert report.problems == ("The only take of 'wave': record one or two more.",)


def test_one_label_with_two_takes_has_no_other_label() -> None:
    for report in check_templates([take("wave"), take("wave", seed=1, duration=1.8)]):
        assert report.nearest_label == ""
        assert report.own_ratio < 1.0


@pytest.mark.parametrize("action", ["wave", "raise"])
def test_no_take_is_judged_by_its_own_mirror_image(action: str) -> None:
    """A wave's image is far from it and would make it an outlier, a symmetric raise's near, and would praise it."""
    original, others = take(action), make_templates(["punch", "cross"])
    image = original.mirrored()
    reports = check_templates([original, image, *others])
    for report in reports[:2]:
        assert np.isnan(report.own_ratio)
        assert "Too few takes" in " ".join(report.problems)
        assert "Unlike" not in " ".join(report.problems)
        assert "Nearly the same" not in " ".join(report.problems)
    second = take(action, seed=3, duration=1.6)
    reports = check_templates([original, image, second, second.mirrored(), *others])
    assert all(report.own_ratio < 1.0 for report in reports[:4])
    assert reports[0].own_ratio == pytest.approx(check_templates([original, second, *others])[0].own_ratio, rel=0.5)


def test_a_copy_is_not_another_take_but_adds_nothing() -> None:
    original, others = take("wave"), make_templates(["raise"])
    copy = take("wave")
    first, second, *_ = check_templates([original, copy, *others])
    assert np.isnan([first.own_ratio, second.own_ratio]).all()
    assert "Too few takes of 'wave'" in first.problems[0]
    assert second.problems == ("Cut from the same performance as another take: it adds nothing, and may be disabled.",)


def test_a_mirror_image_is_not_told_to_add_nothing() -> None:
    """Most of a body that waves is as in the mirror, and both name one source."""
    sequence = perform("wave", duration=1.4)
    position = (sequence.position + sequence.mirrored().position) / 2
    wrist = sequence.skeleton.indices(["right_wrist"])
    position[:, wrist] = sequence.position[:, wrist]
    original = Template.from_sequence(
        "wave", dataclasses.replace(sequence, position=position), provenance={"source": "party.mp4"}
    )
    image, others = original.mirrored(), make_templates(["raise"])
    assert are_cut_from_one(original, image)
    reports = check_templates([original, image, *others])
    assert [report.problems[0][:12] for report in reports[:2]] == ["Too few take"] * 2


def test_confidence_counts_where_the_body_moves() -> None:
    template = take("wave")
    confidence = np.ones(template.sequence.confidence.shape)
    confidence[:, [0, 2, 4]] = 0.0
    sequence = dataclasses.replace(template.sequence, confidence=confidence)
    still_unseen = dataclasses.replace(template, sequence=sequence)
    said = said_of(still_unseen, check_templates([still_unseen], MatchSettings()))
    assert "confidence" not in said, "the left arm does not matter for a wave of the right"


def test_no_templates() -> None:
    with pytest.raises(InvalidDataError, match="no template"):
        check_templates([])


def test_keypoints_lost_throughout_do_not_disturb() -> None:
    position = perform("raise").position.copy()
    position[:, 4] = np.nan
    poses = PoseSequence(skeleton=perform("raise").skeleton, time=np.arange(len(position)) / 30, position=position)
    reports = check_templates([Template.from_sequence("raise", poses), take("wave")])
    assert np.isfinite([report.threshold for report in reports]).all()
