"""Names of actions that are nearly equal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionpose.naming import (
    describe_alike,
    describe_missing,
    describe_new,
    find_alike,
    find_near,
    fold_label,
    normalize_label,
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Wave", "wave"),
        ("jumping jack", "Jumping_Jack"),
        ("jumping-jack", "jumping\u2013jack"),
        ("jumpingjack", "jumping  jack"),
        ("caf\u00e9", "cafe\u0301"),
        ("STRASSE", "straße"),
        ("\uff57\uff41\uff56\uff45", "wave"),
        ("wave 1", "wave1"),
    ],
)
def test_what_a_reader_overlooks_makes_no_difference(one: str, other: str) -> None:
    assert fold_label(one) == fold_label(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("wave", "waves"), ("level 1-1", "level 11"), ("thumb +", "thumb"), ("schon", "schön"), ("-", "")],
)
def test_what_makes_another_word_makes_a_difference(one: str, other: str) -> None:
    assert fold_label(one) != fold_label(other)


@given(st.text(max_size=20))
def test_what_was_done_once_is_done(label: str) -> None:
    assert normalize_label(normalize_label(label)) == normalize_label(label)
    assert fold_label(normalize_label(label)) == fold_label(label)


def test_alike_are_others_of_nearly_this_name() -> None:
    assert find_alike("Wave", ["wave", "Wave", "WAVE", "waves", "clap"]) == ["WAVE", "wave"]
    assert find_alike("cafe\u0301", ["caf\u00e9"]) == [], "it is the same"


def test_a_new_name_is_told_of_with_the_command_that_joins_the_two() -> None:
    assert describe_new(["Wave"], ["wave", "clap"]) == [
        'there is an action "wave" already; "Wave" will be another one. To join them: '
        "actionpose templates rename --merge Wave wave"
    ]
    [note] = describe_new(["jumping jack"], ["jumping_jack"])
    assert note.endswith("rename --merge 'jumping jack' jumping_jack")
    assert describe_new(["wave", "clap", "hop"], ["wave", "clap"]) == []
    assert len(describe_new(["Hop", "hop"], [])) == 1, "two new ones may be alike, too"


def test_actions_of_nearly_one_name_are_joined_to_the_one_with_the_most_takes() -> None:
    assert describe_alike({"Wave": 1, "wave": 3, "clap": 2}) == [
        '"wave" and "Wave" are nearly equal, and two actions. To join them: '
        "actionpose templates rename --merge Wave wave"
    ]
    assert describe_alike({"wave": 1, "clap": 1}) == []


def test_missing_names_are_answered_with_the_nearest() -> None:
    assert describe_missing({"clapp", "wave", "Wave"}, ["clap", "wave"]) == [
        "Wave: not in the library; did you mean wave?",
        "clapp: not in the library; did you mean clap?",
    ]
    assert describe_missing({"xylophone", "juggle"}, ["clap", "wave"]) == ["juggle, xylophone: not in the library."]
    assert find_near("CLAP", ["clap", "Clap"]) == ["clap", "Clap"]
