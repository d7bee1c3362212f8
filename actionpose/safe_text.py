"""Text that files and receivers hold, made harmless: for a terminal, and for the cells of a spreadsheet."""

from __future__ import annotations

import re

__all__ = ["from_cell", "printable", "storable", "to_cell"]

_BREAKS = re.compile("[\t\n\v\f\r\x85\u2028\u2029]")
# C0 and C1 controls; what turns the order of the characters round; halves of surrogate pairs, as in odd file names.
_HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_FORMULA = re.compile("'*[=+\\-@\t\r]")
_ESCAPED_FORMULA = re.compile("'+[=+\\-@\t\r]")


def printable(text: str) -> str:
    r"""Return text as one line that does nothing to a terminal but be shown, character for character.

    Line breaks and tabs become spaces; escape and other control characters, and those that turn the order of reading
    round, become ``\ufffd``.

    Examples
    --------
    >>> printable("wave\x1b]0;title\x07")
    'wave�]0;title�'
    """
    return _HARMFUL.sub("\ufffd", _BREAKS.sub(" ", text))


def storable(text: str) -> str:
    r"""Return text that every file and database can hold: NUL and halves of surrogate pairs become ``\ufffd``.

    For what nobody has typed and nobody can correct, such as the names of files.

    Examples
    --------
    >>> storable("dance\udcff.mp4")
    'dance�.mp4'
    """
    return _UNSTORABLE.sub("\ufffd", text)


def to_cell(text: str) -> str:
    """Return text as a cell of a CSV file: with ``'`` before what a spreadsheet would run as a formula.

    For names, labels and paths in all tables that are written; numbers need it not. `from_cell` is the inverse.

    Examples
    --------
    >>> to_cell("=SUM(A1)"), to_cell("wave")
    ("'=SUM(A1)", 'wave')
    """
    return f"'{text}" if _FORMULA.match(text) else text


def from_cell(cell: str) -> str:
    """Return the text of a cell that `to_cell` may have made; others are returned as they are.

    Examples
    --------
    >>> from_cell("'=SUM(A1)"), from_cell("=SUM(A1)"), from_cell("'n' roll")
    ('=SUM(A1)', '=SUM(A1)', "'n' roll")
    """
    return cell[1:] if _ESCAPED_FORMULA.match(cell) else cell
