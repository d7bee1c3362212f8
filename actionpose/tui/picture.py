"""Camera pictures in half blocks: two square pixels to a terminal cell.

What costs is not the arithmetic but the styles and the bytes: colours are few, so that a style is made once for each
pair of them; a pixel is redrawn only when it has changed by more than the camera's noise; and a picture is never
larger than a screen can use.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.filter import ANSIToTruecolor, LineFilter
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from actionpose.pose import Pose
from actionpose.tui.raster import LEFT, MIDDLE, RIGHT, iter_runs, limbs_of, rasterize

__all__ = ["PictureView", "draw_picture", "fit_picture"]

Image = npt.NDArray[np.uint8]

_MAX_CELLS = (120, 45)
_STEP = 16  # colours are multiples of this
_NOISE = 13  # a pixel changes when a channel differs by more
_SETTLE_FRAMES = 20  # after as many, what noise was taken for is drawn too
# By side, as `rasterize` gives it; those of `actionpose.drawing`.
_SIDE_COLORS = np.zeros((4, 3), np.uint8)
_SIDE_COLORS[[MIDDLE, RIGHT, LEFT]] = (240, 240, 240), (86, 180, 233), (230, 159, 0)
_HALF_BLOCK = "▀"


def fit_picture(image_size: tuple[int, int], cells: tuple[int, int]) -> tuple[int, int]:
    """Return width and height, in cells, of the largest picture of this shape in a space of `cells`."""
    columns, rows = min(cells[0], _MAX_CELLS[0]), min(cells[1], _MAX_CELLS[1])
    scale = min(columns / image_size[0], 2 * rows / image_size[1])
    return max(1, round(image_size[0] * scale)), max(1, round(image_size[1] * scale / 2))


def draw_picture(image: Image, poses: Sequence[Pose], *, size: tuple[int, int], before: Image | None = None) -> Image:
    """Shrink a picture to few pixels of few colours, and draw the skeletons into it.

    Parameters
    ----------
    image : array (H, W, 3) uint8
        RGB.
    poses : sequence of Pose
        Drawn where they have image positions.
    size : (int, int)
        Width and height to shrink to, in pixels.
    before : array (height, width, 3) uint8, optional
        What was drawn last: pixels that differ from it by noise alone are taken from it.

    Returns
    -------
    array (height, width, 3) uint8
        The small picture.
    """
    width, height = size
    rows = ((np.arange(2 * height) + 0.5) * image.shape[0] / (2 * height)).astype(np.intp)
    columns = ((np.arange(2 * width) + 0.5) * image.shape[1] / (2 * width)).astype(np.intp)
    samples = image[rows[:, None], columns].astype(np.uint16)
    samples = samples[::2] + samples[1::2]
    small = (samples[:, ::2] + samples[:, 1::2]) >> 2
    picture = (small // _STEP * _STEP + _STEP // 2).astype(np.uint8)
    if before is not None and before.shape == picture.shape:
        is_noise = (np.abs(small.astype(np.int16) - before) <= _NOISE).all(axis=2, keepdims=True)
        picture = np.where(is_noise, before, picture)
    limbs, sides = limbs_of([pose for pose in poses if pose.image_position is not None])
    x, y, side = rasterize(limbs, sides, bounds=(0.0, 0.0, image.shape[1], image.shape[0]), size=size)
    picture[y, x] = _SIDE_COLORS[side]
    return np.asarray(picture)


class PictureView(Widget):
    """Shows pictures with skeletons; only lines that changed are drawn again."""

    DEFAULT_CSS = """
    PictureView { width: 1fr; height: 1fr; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._pixels: Image | None = None
        self._offset = (0, 0)
        self._n_shown = 0
        self._base = Style.null()

    def show(self, image: Image, poses: Sequence[Pose]) -> None:
        """Show a picture (H, W, 3) uint8 RGB with the skeletons in it."""
        if not self.size:
            return
        columns, rows = fit_picture((image.shape[1], image.shape[0]), (self.size.width, self.size.height))
        before, offset = self._pixels, self._offset
        self._n_shown += 1
        is_settling = self._n_shown % _SETTLE_FRAMES == 0
        self._pixels = draw_picture(image, poses, size=(columns, 2 * rows), before=None if is_settling else before)
        self._offset = ((self.size.width - columns) // 2, (self.size.height - rows) // 2)
        if before is None or before.shape != self._pixels.shape or offset != self._offset:
            self._base = self.visual_style.rich_style
            self.refresh()
            return
        is_changed = (before != self._pixels).any(axis=2).reshape(rows, 2, columns).any(axis=1)
        regions = []
        for y in np.flatnonzero(is_changed.any(axis=1)).tolist():
            changed = np.flatnonzero(is_changed[y])
            x, end = int(changed[0]), int(changed[-1]) + 1
            regions.append(Region(self._offset[0] + x, self._offset[1] + y, end - x, 1))
        if regions:
            self.refresh(*regions)

    def clear(self) -> None:
        """Show nothing."""
        if self._pixels is not None:
            self._pixels = None
            self.refresh()

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return the filters without the one for ANSI colours, which are not used here."""
        return [each for each in super().get_line_filters() if not isinstance(each, ANSIToTruecolor)]

    def notify_style_update(self) -> None:
        """Draw the margins anew in the theme's colour."""
        super().notify_style_update()
        self._base = self.visual_style.rich_style

    def render_line(self, y: int) -> Strip:
        """Return one line of cells."""
        width, base = self.size.width, self._base
        left, top = self._offset
        if self._pixels is None or not 0 <= 2 * (y - top) < len(self._pixels):
            return Strip.blank(width, self.visual_style.rich_style)
        upper, lower = self._pixels[2 * (y - top) : 2 * (y - top) + 2] // _STEP
        if getattr(self.app, "ascii", False):
            upper = lower = (upper + lower) // 2
        codes = _pack(upper) << 12 | _pack(lower)
        segments = [Segment(" " * left, base)]
        for start, end in iter_runs(codes):
            code = int(codes[start])
            character = " " if code >> 12 == code & 0xFFF else _HALF_BLOCK
            segments.append(Segment(character * (end - start), _style(code)))
        segments.append(Segment(" " * (width - left - len(codes)), base))
        return Strip(segments, width)


def _pack(row: Image) -> npt.NDArray[np.intp]:
    """One number for each colour of a row, four bits a channel."""
    r, g, b = row.astype(np.intp).T
    return np.asarray(r << 8 | g << 4 | b)


@lru_cache(maxsize=1 << 14)
def _style(code: int) -> Style:
    """Style of two colours packed into one number: the upper pixel's before the lower's."""
    return Style.from_color(_color(code >> 12), _color(code & 0xFFF))


@lru_cache(maxsize=1 << 12)
def _color(code: int) -> Color:
    r, g, b = (_STEP * (code >> shift & 0xF) + _STEP // 2 for shift in (8, 4, 0))
    return Color.from_rgb(r, g, b)
