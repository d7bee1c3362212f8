"""Names of actions: how they are written alike, which are nearly the same, and which was meant."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches

__all__ = [
    "describe_alike",
    "describe_missing",
    "describe_new",
    "find_alike",
    "find_near",
    "fold_label",
    "normalize_label",
]

# Between digits they count: "level 1-1" is not "level 11".
_SEPARATORS = re.compile(r"(?<!\d)[\s_\-\u2010-\u2015]+|[\s_\-\u2010-\u2015]+(?!\d)")


def normalize_label(label: str) -> str:
    """Return a name as it is kept: without surrounding space, and in Unicode's normal form C.

    An accented letter may be one character or two that look the same; keyboards give the one, names of files on some
    systems the other.

    Examples
    --------
    >>> normalize_label(" cafe\u0301 ") == "caf\u00e9"
    True
    """
    return unicodedata.normalize("NFC", label).strip()


def fold_label(label: str) -> str:
    """Return what is left of a name without the differences that a reader overlooks.

    These are capitals, the width and form of characters (Unicode's normal form KC), and spaces, hyphens and
    underscores, except between digits.

    Examples
    --------
    >>> fold_label("Jumping-Jack") == fold_label("jumping_jack")
    True
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", label).casefold())
    return re.sub(r"[\s_\-\u2010-\u2015]+", " ", _SEPARATORS.sub("", folded)).strip() or folded


def find_alike(label: str, known: Iterable[str]) -> list[str]:
    """Return the known names that are nearly this one, and not this one."""
    folded, name = fold_label(label), normalize_label(label)
    return sorted({other for other in known if other != name and fold_label(other) == folded})


def find_near(name: str, known: Iterable[str], *, n_most: int = 3) -> list[str]:
    """Return the known names that a misspelt one may mean, the nearest first."""
    by_fold: dict[str, list[str]] = {}
    for word in dict.fromkeys(known):
        by_fold.setdefault(fold_label(word), []).append(word)
    near = get_close_matches(fold_label(name), by_fold, n=n_most)
    return [word for folded in near for word in by_fold[folded]][:n_most]


def describe_new(new: Iterable[str], known: Collection[str]) -> list[str]:
    """Say which new names are nearly those of known actions, or of one another, and how to join them."""
    notes = []
    seen = list(known)
    for label in dict.fromkeys(map(normalize_label, new)):
        if label not in seen:
            notes += [
                f'there is an action "{other}" already; "{label}" will be another one. To join them: '
                f"{_join(label, into=other)}"
                for other in find_alike(label, seen)
            ]
            seen.append(label)
    return notes


def describe_alike(n_takes: Mapping[str, int]) -> list[str]:
    """Say which actions have nearly equal names, and how to join them, to the one with the most takes."""
    groups: dict[str, list[str]] = {}
    for label in sorted(n_takes, key=lambda label: (-n_takes[label], label)):
        groups.setdefault(fold_label(label), []).append(label)
    return [
        f'"{first}" and "{other}" are nearly equal, and two actions. To join them: {_join(other, into=first)}'
        for first, *others in groups.values()
        for other in others
    ]


def describe_missing(labels: Iterable[str], known: Collection[str]) -> list[str]:
    """Say which names are those of no action in the library, and which was perhaps meant."""
    missing = sorted(set(labels) - set(known))
    near = {label: find_near(label, known) for label in missing}
    notes = [
        f"{label}: not in the library; did you mean {' or '.join(near[label])}?" for label in missing if near[label]
    ]
    if others := [label for label in missing if not near[label]]:
        notes.append(f"{', '.join(others)}: not in the library.")
    return notes


def _join(label: str, *, into: str) -> str:
    return f"actionpose templates rename --merge {shlex.quote(label)} {shlex.quote(into)}"
