"""The takes of an action as they were recorded, and which of them are in the library."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from actionpose.errors import TemplateNotFoundError
from actionpose.pose import PoseSequence
from actionpose.takes import Take, assess_take, template_from_take
from actionpose.template import Template

if TYPE_CHECKING:
    from actionpose.library import TemplateLibrary

__all__ = ["Attempt", "Attempts", "describe_verdict"]


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


class Attempts:
    """The takes of one action, each judged by the others that are kept.

    The coroutines read and change the library, behind the screens; they raise `ActionposeError`, and leave everything
    as it was, where it cannot be.

    Parameters
    ----------
    library : callable
        Gives the library.
    """

    def __init__(self, library: Callable[[], TemplateLibrary]) -> None:
        self.label = ""
        self.takes: list[Attempt] = []
        self._library = library
        self._known: list[Template] = []  # takes of the action in the library, from before
        self._order = asyncio.Lock()  # a second key press waits for what the first one does

    @property
    def n_kept(self) -> int:
        """How many are in the library."""
        return sum(attempt.is_kept for attempt in self.takes)

    def begin(self, label: str) -> None:
        """Go on with an action; the takes of another one are left to the library."""
        if label != self.label:
            self.label = label
            self.takes.clear()
            self._known.clear()

    async def read_known(self) -> None:
        """Read which takes of the action the library has already."""
        with suppress(TemplateNotFoundError):  # the first takes of it
            self._known = await asyncio.to_thread(lambda: self._library().templates(self.label))

    def add(self, take: Take, *, provenance: Mapping[str, str]) -> Attempt:
        """Add a take as it was recorded, judged by those of before too: its recorder has seen few of them."""
        if take.verdict.ok and (others := self.others(take)):
            verdict = assess_take(take.sequence, others=others, may_be_still=take.verdict.is_still)
            take = replace(take, verdict=verdict)
        self.takes.append(Attempt(self.label, len(self.takes) + 1, take, provenance))
        return self.takes[-1]

    def others(self, take: Take, *, but: Attempt | None = None) -> list[PoseSequence]:
        """Return the takes of the action that a take can be compared with, all `but` one and its mirror image."""
        kept = [attempt for attempt in self.takes if attempt.is_kept]
        ids = {attempt.template_id for attempt in kept}
        of_itself = {but.template_id} if but else set()
        known = [
            template.sequence
            for template in self._known
            if template.id not in ids and template.provenance.get("mirror_of") not in of_itself
        ]
        return [
            other
            for other in (*known, *(attempt.take.sequence for attempt in kept if attempt is not but))
            if other.skeleton.has_same_keypoints(take.sequence.skeleton) and other.n_dims == take.sequence.n_dims
        ]

    async def keep(self, attempt: Attempt) -> None:
        """Put a take into the library."""
        template = template_from_take(attempt.label, attempt.take, provenance=attempt.provenance)
        await asyncio.to_thread(self._library().add, template)
        attempt.template_id = template.id

    async def drop(self, attempt: Attempt) -> None:
        """Take it out again."""
        await asyncio.to_thread(self._library().remove, attempt.template_id)
        attempt.template_id = ""

    async def toggle(self, attempt: Attempt) -> None:
        """Keep a take that is not kept; drop one that is."""
        async with self._order:
            await (self.drop(attempt) if attempt.is_kept else self.keep(attempt))

    async def exchange(self, attempt: Attempt, take: Take) -> None:
        """Let an attempt be another take, kept if it was, or if it is good."""
        async with self._order:
            was_kept = attempt.is_kept
            if was_kept:
                await self.drop(attempt)
            attempt.take = take
            if was_kept or take.verdict.ok:
                await self.keep(attempt)


def describe_verdict(take: Take) -> str:
    """Return a verdict in a few words: the first problem without its advice."""
    if not take.verdict.ok:
        return take.verdict.problems[0].partition(". ")[0].partition(": ")[0].rstrip(".")
    return "good, a pose to hold" if take.verdict.is_still else "good"
