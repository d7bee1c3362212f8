"""Everything on screen in plain ASCII, whatever widget drew it."""

from __future__ import annotations

from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

__all__ = ["AsciiFilter", "to_ascii"]

_GROUPS = {
    "-": "─┄┅┈┉╌╍–—‒−▔▁▂╴╶╸╺",
    "=": "━═",
    "|": "│┃┆┇┊┋╎╏║▏▎▍▌▐▕╵╷╹╻",
    "+": "┌┍┎┏┐┑┒┓└┕┖┗┘┙┚┛├┝┞┟┠┡┢┣┤┥┦┧┨┩┪┫┬┭┮┯┰┱┲┳┴┵┶┷┸┹┺┻┼╋╭╮╯╰╔╗╚╝╠╣╦╩╬",
    "#": "█▇▆▅▄▃▀▉▊▋▓▒▙▛▜▟",
    ":": "░",
    "*": "●•★◆■▪✓✔",
    "o": "○◌◇□▫",
    ".": "·…⋯‥",
    "x": "×✗✕✖✘",
    "<": "◀◂←‹«",
    ">": "▶▸→›»",
    "^": "▲▴↑⌃",
    "v": "▼▾↓⌄",
    "'": "‘’‚′",
    '"': "“”„″",
    " ": "\u00a0\u2009\u202f",
}
_NEAREST = {ord(character): ascii_ for ascii_, group in _GROUPS.items() for character in group}


@lru_cache(maxsize=4096)
def to_ascii(text: str) -> str:
    """Return the text with every character beyond ASCII replaced, as wide as before.

    Lines, blocks and arrows become what resembles them, anything else ``?``.
    """
    if text.isascii():
        return text
    text = text.translate(_NEAREST)
    return "".join(character if character.isascii() else "?" * cell_len(character) for character in text)


class AsciiFilter(LineFilter):
    """Turns the segments of every line into ASCII."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        """Return the line in ASCII."""
        return [Segment(to_ascii(text), style, control) for text, style, control in segments]
