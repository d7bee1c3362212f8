"""Nothing that a widget shows does anything to the terminal, whatever file or receiver it came from."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from actionpose.safe_text import printable

__all__ = ["SafeFilter"]


class SafeFilter(LineFilter):
    """Takes control characters out of the segments of every line; they have no width, so nothing moves."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        """Return the line with nothing in it but what can be seen."""
        return [
            segment if segment.control or segment.text.isprintable() else Segment(_clean(segment.text), segment.style)
            for segment in segments
        ]


def _clean(text: str) -> str:
    return "".join(
        shown
        for character, shown in zip(text, printable(text), strict=True)
        if shown == character or cell_len(character)
    )
