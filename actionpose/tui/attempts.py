"""The takes of an action as they were recorded, and which of them are in the library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from actionpose.takes import Take

__all__ = ["Attempt", "describe_verdict"]


@dataclass(slots=True)
class Attempt:
    """A take, and what became of it.

    Parameters
    ----------
    label : str
        Name of the action.
    number : int
        From 1.
    take : Take
        As it is now, perhaps trimmed by hand.
    provenance : mapping of str to str
        Where it came from.
    template_id : str
        Of the template made of it; empty while it is not kept.
    """

    label: str
    number: int
    take: Take
    provenance: Mapping[str, str]
    template_id: str = ""

    @property
    def is_kept(self) -> bool:
        """Whether it is in the library."""
        return bool(self.template_id)


def describe_verdict(take: Take) -> str:
    """Return a verdict in a few words: the first problem without its advice."""
    if not take.verdict.ok:
        return take.verdict.problems[0].partition(". ")[0].partition(": ")[0].rstrip(".")
    return "good, a pose to hold" if take.verdict.is_still else "good"
