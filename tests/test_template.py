from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from actionpose.errors import InvalidDataError
from actionpose.pose import FloatArray
from actionpose.template import UNKNOWN, Template, validate_label
from tests.synthetic import perform


@pytest.mark.parametrize("label", ["wave", " wave ", "jump & run", "挙手", "x" * 100])
def test_labels_lose_surrounding_space_only(label: str) -> None:
    assert validate_label(label) == label.strip()


@pytest.mark.parametrize("label", ["", "  ", "x" * 101, "a\nb", "bell\a", "tab\there"])
def test_labels_are_short_and_printable(label: str) -> None:
    with pytest.raises(InvalidDataError, match="1 to 100 printable characters"):
        Template.from_sequence(label, perform("wave"))


def test_an_accented_letter_is_one_label_however_it_is_encoded() -> None:
    assert validate_label("cafe\u0301") == "caf\u00e9"
    assert Template.from_sequence("cafe\u0301", perform("wave")).label == "caf\u00e9"


@pytest.mark.parametrize("label", [UNKNOWN, f" {UNKNOWN} ", "UNKNOWN", "Unknown", "\uff35nknown"])
def test_unknown_is_reserved(label: str) -> None:
    with pytest.raises(InvalidDataError, match="no template can have this label") as caught:
        validate_label(label)
    assert "--background" in caught.value.hint


def test_from_sequence_fills_in_the_rest() -> None:
    sequence = perform("wave")
    first, second = (Template.from_sequence(" wave", sequence, provenance={"source": "cam"}) for _ in range(2))
    assert first.label == "wave"
    assert first.sequence is sequence
    assert first.enabled
    assert first.id != second.id
    assert len(first.id) == 32
    assert int(first.id, 16) >= 0
    assert first.created.tzinfo is not None
    assert dict(first.provenance) == {"source": "cam"}
    assert dict(first.quality) == {}


def test_templates_cannot_be_changed() -> None:
    provenance = {"source": "cam"}
    template = Template.from_sequence("wave", perform("wave"), provenance=provenance)
    provenance["source"] = "other"
    assert template.provenance["source"] == "cam"
    with pytest.raises(dataclasses.FrozenInstanceError):
        template.label = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        template.provenance["source"] = "other"  # type: ignore[index]
    assert dataclasses.replace(template, label="hello").id == template.id


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sequence": perform("wave")[:1]}, "at least 2 frames; 'wave' has 1"),
        ({"sequence": perform("wave")[:0]}, "at least 2 frames; 'wave' has 0"),
        ({"created": dt.datetime(2020, 1, 1)}, "time zone"),
    ],
)
def test_templates_are_validated(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidDataError, match=message):
        Template(**{"label": "wave", "sequence": perform("wave"), **changes})


@pytest.mark.parametrize(
    ("times", "hint"),
    [
        (lambda s: s * 1e3, "look like milliseconds: divide them by 1e[+]03"),
        (lambda s: s * 1e9, "look like nanoseconds"),
        (lambda s: np.arange(len(s)) * 4.0, "look like frame numbers"),
        (lambda s: np.append(s[:-1], 1e9), "comes 1e[+]09 s after the one before"),
        (lambda s: np.append(s[:-1], 3600.0), "correct its time, or leave it out"),
        (lambda s: s * 90.4, "Cut out one performance"),
        (lambda s: s * 1e-6, "in seconds"),
    ],
)
def test_a_template_lasts_as_long_as_an_action(times: Callable[[FloatArray], FloatArray], hint: str) -> None:
    sequence = perform("wave")
    changed = dataclasses.replace(sequence, time=times(sequence.time - sequence.time[0]))
    with pytest.raises(InvalidDataError, match="'wave' lasts") as caught:
        Template.from_sequence("wave", changed)
    assert re.search(hint, caught.value.hint)


def test_a_pose_held_for_a_minute_is_a_template() -> None:
    sequence = perform("wave")
    held = dataclasses.replace(sequence, time=np.linspace(0.0, 60.0, len(sequence)))
    assert Template.from_sequence("plank", held).sequence.duration == 60.0
