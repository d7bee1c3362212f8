from __future__ import annotations

import csv
import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionpose.safe_text import from_cell, printable, to_cell


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07wave", "�]0;title�wave"),
        ("\x9b31mwave", "�31mwave"),  # the one-byte form of an escape sequence
        ("ev\u202etxt.exe", "ev�txt.exe"),
        ("two\nlines\tand\rmore\u2028here", "two lines and more here"),
        ("\udcff.mp4", "�.mp4"),
        ("Grüße, 手を振る 👋🏽", "Grüße, 手を振る 👋🏽"),
        ("नमस्ते\u200dक 👩\u200d🔬", "नमस्ते\u200dक 👩\u200d🔬"),  # joiners belong to the script, and to the picture
    ],
)
def test_text_does_nothing_but_be_shown(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_printable_text_keeps_its_length_and_has_no_control_characters(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert printable(shown) == shown


@pytest.mark.parametrize("text", ["=1+1", "+wave", "-wave", "@SUM(A1)", "\tx", "\rx", "'=1", "''-"])
def test_no_cell_begins_like_a_formula(text: str) -> None:
    cell = to_cell(text)
    assert cell[0] == "'"
    assert from_cell(cell) == text


@given(st.text())
def test_cells_are_read_back_as_they_were(text: str) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerow([to_cell(text), "end"])
    (row,) = csv.reader(io.StringIO(file.getvalue(), newline=""))
    assert from_cell(row[0]) == text


def test_plain_names_and_numbers_stay_as_they_are() -> None:
    assert [to_cell(text) for text in ("wave", "it's", "'n' roll", "3-D", "")] == [
        "wave",
        "it's",
        "'n' roll",
        "3-D",
        "",
    ]
