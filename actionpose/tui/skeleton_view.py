"""Poses as lines of braille dots: for previews, for privacy, and where pictures are too much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from actionpose.pose import Pose, PoseSequence
from actionpose.tui.raster import (
    LEFT,
    MIDDLE,
    MIN_CONFIDENCE,
    RIGHT,
    Bounds,
    fit_bounds,
    iter_runs,
    limbs_of,
    rasterize,
)

__all__ = ["Bounds", "SkeletonView", "draw_skeletons", "pose_bounds"]

_BRAILLE = 0x2800
_DOT_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint8)
# Where there is no braille, the character of the most similar dots stands for a pattern.
_ASCII_DOTS = {
    " ": 0x00, "'": 0x09, "`": 0x03, ".": 0x40, ",": 0x80, "_": 0xC0, "-": 0x12, "=": 0x36, "|": 0x47, "!": 0xB8,
    "/": 0x78, "\\": 0x87, "+": 0x3A, "#": 0xFF, ":": 0x2D,
}  # fmt: skip
_CLASSES = {MIDDLE: "skeleton--middle", RIGHT: "skeleton--right", LEFT: "skeleton--left"}


def pose_bounds(sequence: PoseSequence) -> Bounds:
    """Return the box that holds a whole sequence, so that it can be shown without the view wandering."""
    points = sequence.position[..., :2] if sequence.image_position is None else sequence.image_position
    points = np.where((sequence.confidence >= MIN_CONFIDENCE)[..., None], points, np.nan)
    return fit_bounds(points) or (0.0, 0.0, 1.0, 1.0)


def draw_skeletons(
    poses: Sequence[Pose], *, width: int, height: int, bounds: Bounds | None = None, ascii_only: bool = False
) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.intp]]:
    """Draw poses into a grid of terminal cells.

    Parameters
    ----------
    poses : sequence of Pose
        In pixels where they have image positions, else in the unit of their positions.
    width, height : int
        Of the grid, in cells.
    bounds : (float, float, float, float), optional
        Left, top, right and bottom of what the grid shows. Default: what holds these poses.
    ascii_only : bool
        Whether to do without braille.

    Returns
    -------
    characters : array (height, width) of str
        What to print.
    sides : array (height, width)
        0 where there is nothing, else `MIDDLE`, `RIGHT` or `LEFT`.
    """
    limbs, sides = limbs_of(poses)
    grid = np.zeros((4 * height, 2 * width), np.intp)
    bounds = bounds or fit_bounds(limbs)
    if bounds and grid.size:
        x, y, side = rasterize(limbs, sides, bounds=bounds, size=(2 * width, 4 * height))
        grid[y, x] = side
    cells = grid.reshape(height, 4, width, 2).transpose(0, 2, 1, 3)
    patterns = np.where(cells > 0, _DOT_BITS, 0).sum(axis=(2, 3))
    return (_ASCII if ascii_only else _BRAILLES)[patterns], cells.max(axis=(2, 3), initial=0)


class SkeletonView(Widget):
    """Shows poses as lines, the left and the right side in colours of their own."""

    COMPONENT_CLASSES: ClassVar[set[str]] = set(_CLASSES.values())
    DEFAULT_CSS = """
    SkeletonView {
        width: 1fr; height: 1fr;
        & > .skeleton--left { color: $warning; }
        & > .skeleton--right { color: $accent; }
        & > .skeleton--middle { color: $foreground; }
    }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._poses: tuple[Pose, ...] = ()
        self._bounds: Bounds | None = None
        self._drawn_for: tuple[int, int] = (0, 0)
        self._characters = np.zeros((0, 0), "<U1")
        self._sides = np.zeros((0, 0), np.intp)

    def show(self, poses: Sequence[Pose], *, bounds: Bounds | None = None) -> None:
        """Show poses; `bounds` is the part of the poses' plane to show, by default what holds them."""
        self._poses, self._bounds = tuple(poses), bounds
        if self.size:
            before = self._characters
            self._draw()
            if before.shape != self._characters.shape:
                self.refresh()
            else:
                rows = np.flatnonzero((before != self._characters).any(axis=1)).tolist()
                self.refresh(*(Region(0, y, self.size.width, 1) for y in rows)) if rows else None

    def _draw(self) -> None:
        width, height = self._drawn_for = (self.size.width, self.size.height)
        self._characters, self._sides = draw_skeletons(
            self._poses, width=width, height=height, bounds=self._bounds, ascii_only=getattr(self.app, "ascii", False)
        )

    def render_line(self, y: int) -> Strip:
        """Return one line."""
        if self._drawn_for != (self.size.width, self.size.height):
            self._draw()
        if not 0 <= y < len(self._characters):
            return Strip.blank(self.size.width, self.visual_style.rich_style)
        base = self.visual_style.rich_style
        styles = {side: self.get_component_rich_style(name) for side, name in _CLASSES.items()}
        characters, sides = self._characters[y], self._sides[y]
        return Strip(
            [Segment("".join(characters[a:b]), styles.get(int(sides[a]), base)) for a, b in iter_runs(sides)],
            self.size.width,
        )


def _nearest_ascii() -> list[str]:
    """For each pattern the character whose dots differ least from it."""
    counts = [
        [(pattern ^ dots).bit_count() + (dots == 0) * 8 * (pattern > 0) for dots in _ASCII_DOTS.values()]
        for pattern in range(256)
    ]
    characters = list(_ASCII_DOTS)
    return [characters[min(range(len(row)), key=row.__getitem__)] for row in counts]


_BRAILLES = np.array([" ", *(chr(_BRAILLE + pattern) for pattern in range(1, 256))])
_ASCII = np.array(_nearest_ascii())
