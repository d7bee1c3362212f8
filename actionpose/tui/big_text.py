"""Words in large letters, to be read from where one performs."""

from __future__ import annotations

__all__ = ["HEIGHT", "draw_big"]

HEIGHT = 3  # rows of cells

# Five rows of three pixels for each character, one octal digit a row.
_FONT = {
    "A": "25755", "B": "65656", "C": "34443", "D": "65556", "E": "74647", "F": "74644", "G": "34553", "H": "55755",
    "I": "72227", "J": "11152", "K": "55655", "L": "44447", "M": "57755", "N": "65555", "O": "25552", "P": "65644",
    "Q": "25563", "R": "65655", "S": "34216", "T": "72222", "U": "55557", "V": "55552", "W": "55775", "X": "55255",
    "Y": "55222", "Z": "71247", "0": "75557", "1": "26227", "2": "61247", "3": "61216", "4": "55711", "5": "74616",
    "6": "34757", "7": "71222", "8": "75757", "9": "75716", "_": "00007", "-": "00700", " ": "00000", ".": "00002",
    "?": "61202", "!": "22202", "+": "02720", "/": "11244", ":": "02020", "'": "22000",
}  # fmt: skip
_BLOCKS = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}


def draw_big(text: str, *, width: int) -> list[str] | None:
    r"""Return the text as `HEIGHT` rows of blocks; None where it is too long or has characters not drawn here.

    Examples
    --------
    >>> print("\n".join(draw_big("wave", width=20)))
    █ █ ▄▀▄ █ █ █▀▀
    ███ █▀█ █ █ █▀
    ▀ ▀ ▀ ▀  ▀  ▀▀▀
    """
    glyphs = [_FONT.get(character) for character in text.upper()]
    if None in glyphs or 4 * len(text) - 1 > width:
        return None
    rows = [" ".join(f"{int(glyph[row]):03b}" for glyph in glyphs if glyph) for row in range(5)]
    pixels = [[int(pixel == "1") for pixel in row] for row in rows] + [[0] * len(rows[0])]
    return [
        "".join(_BLOCKS[pair] for pair in zip(upper, lower, strict=True)).rstrip()
        for upper, lower in zip(pixels[::2], pixels[1::2], strict=True)
    ]
