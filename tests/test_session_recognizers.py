"""Libraries that hold templates of several keypoint models."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from actionpose.bank import group_by_poses
from actionpose.errors import InvalidDataError
from actionpose.pose import Frame, PoseSequence
from actionpose.recognizer import Recognizer, RecognizerSettings
from actionpose.session import Session
from actionpose.session.recognizers import RecognizerSet, describe_left_aside
from actionpose.skeleton import BLAZEPOSE_33, COCO_17, UPPER_BODY_6
from actionpose.template import Template
from tests.synthetic import Move, frame_times, make_templates, perform, sample
from tests.test_session import FakeSource

SETTINGS = RecognizerSettings()
FLAT = make_templates(("wave", "raise"), n_takes=1)
WORLD = make_templates(("wave", "cross"), n_takes=2, skeleton=BLAZEPOSE_33, n_dims=3)


def recognizers(templates: list[Template]) -> RecognizerSet:
    return RecognizerSet(templates, background=[], settings=SETTINGS)


def frames(sequence: PoseSequence) -> list[Frame]:
    return [Frame(index=i, time=pose.time, poses=(pose,)) for i, pose in enumerate(sequence.iter_poses())]


def performance(**options: object) -> PoseSequence:
    return sample([Move("wave", 1.0, 2.5)], frame_times(0.0, 4.0), seed=3, **options)  # type: ignore[arg-type]


def session(sequence: PoseSequence, templates: list[Template], **options: object) -> Session:
    return Session(FakeSource(frames(sequence)), None, lambda: recognizers(templates), **options)  # type: ignore[arg-type]


def test_groups_are_those_that_can_be_in_one_recogniser_the_largest_first() -> None:
    flat_blazepose = make_templates(("raise",), n_takes=1, skeleton=BLAZEPOSE_33)
    renamed = [
        dataclasses.replace(
            template,
            sequence=dataclasses.replace(
                template.sequence, skeleton=dataclasses.replace(UPPER_BODY_6, name="my_upper_body")
            ),
        )
        for template in make_templates(("punch",), n_takes=1)
    ]
    groups = group_by_poses([*FLAT, *flat_blazepose, *WORLD, *renamed])
    assert groups == [WORLD, [*FLAT, *renamed], flat_blazepose]
    assert all(Recognizer(group) for group in groups)
    assert group_by_poses([]) == []


@pytest.mark.parametrize("mode", ["stream", "window"])
@pytest.mark.parametrize(
    ("kind", "of_kind"), [({}, FLAT), ({"skeleton": BLAZEPOSE_33, "n_dims": 3}, WORLD)], ids=["flat", "world"]
)
def test_poses_are_compared_with_the_templates_that_fit_them(mode, kind, of_kind) -> None:
    settings = RecognizerSettings(mode=mode, window_frames=40)
    chosen = RecognizerSet([*FLAT, *WORLD], background=[], settings=settings).choose(
        next(performance(**kind).iter_poses())
    )
    assert chosen.recognize(performance(**kind)) == Recognizer(of_kind, settings=settings).recognize(
        performance(**kind)
    )


def test_a_session_recognises_by_those_that_fit_and_says_which_do_not() -> None:
    with session(performance(), [*FLAT, *WORLD]) as mixed:
        events = [event for tick in mixed for event in tick.events]
        notes = mixed.notes
    with session(performance(), FLAT) as alone:
        assert [event for tick in alone for event in tick.events] == events
        assert alone.notes == ()
    assert [event.label for event in events] == ["wave"]
    assert notes == ("4 templates of blazepose_33 left aside: record again with this model (cross).",)


def test_templates_of_which_none_fits_are_an_error_that_says_what_to_do() -> None:
    known = [dataclasses.replace(template, provenance={"estimator": "mediapipe 1.2"}) for template in WORLD]
    with session(performance(), known) as unfit, pytest.raises(InvalidDataError) as caught:
        list(unfit)
    assert caught.value.message == (
        "None of the 4 templates fits these poses: they are of blazepose_33 in 3-D, the poses of upper_body_6 in 2-D."
    )
    assert "(mediapipe 1.2)" in caught.value.hint
    assert "record the actions again" in caught.value.hint


def test_where_they_need_not_fit_the_bodies_are_followed_all_the_same() -> None:
    with session(performance(), WORLD, may_fit_none=True) as unfit:
        ticks = list(unfit)
        notes = unfit.notes
    assert [len(tick.poses) for tick in ticks[:-1]] == [1] * len(performance())
    assert not any(tick.states or tick.events for tick in ticks)
    assert len(notes) == 1
    assert "None of the 4 templates fits these poses" in notes[0]


def test_disabled_templates_are_neither_used_nor_left_aside() -> None:
    off = [dataclasses.replace(template, enabled=False) for template in WORLD]
    assert describe_left_aside([*FLAT, *off], UPPER_BODY_6, 2) == ""
    assert describe_left_aside([], UPPER_BODY_6, 2) == ""


def test_left_aside_in_words() -> None:
    assert describe_left_aside(FLAT[:1], COCO_17, 2) == (
        "1 template of upper_body_6 left aside: record again with this model (wave)."
    )
    same_actions = make_templates(("wave", "raise"), n_takes=1, skeleton=BLAZEPOSE_33)
    assert describe_left_aside([*FLAT, *WORLD, *same_actions], BLAZEPOSE_33, 3) == (
        "2 templates of upper_body_6 and 2 templates of blazepose_33 in 2-D left aside: record again with this model "
        "(raise)."
    )
    assert describe_left_aside([*FLAT, *same_actions], UPPER_BODY_6, 2) == (
        "2 templates of blazepose_33 left aside: they were recorded with another model."
    )


def test_a_group_that_shows_nothing_concerns_nobody_else() -> None:
    shown = perform("wave")
    unseen = dataclasses.replace(
        Template.from_sequence("wave", shown),
        sequence=PoseSequence(skeleton=shown.skeleton, time=shown.time, position=np.full_like(shown.position, np.nan)),
    )
    pose = next(performance(skeleton=BLAZEPOSE_33, n_dims=3).iter_poses())
    assert recognizers([unseen, *WORLD]).choose(pose).state.label == "unknown"


def test_templates_of_several_models_are_an_error_of_the_recogniser_itself() -> None:
    with pytest.raises(InvalidDataError, match="must share their keypoints"):
        Recognizer([*FLAT, *WORLD])
