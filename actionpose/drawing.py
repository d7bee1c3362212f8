"""Poses, labels and a time line drawn into pictures.

Pictures are RGB, (H, W, 3) uint8. The ``draw_`` functions draw into the picture they are given; `annotate` returns a
new one.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from actionpose.decision import ActionEvent
from actionpose.errors import InvalidDataError
from actionpose.pose import Frame, Pose
from actionpose.recognizer import RecognizerState
from actionpose.skeleton import Skeleton
from actionpose.template import UNKNOWN
from actionpose.whole_file import save_whole

__all__ = ["annotate", "annotated_size", "draw_label", "draw_pose", "draw_timeline", "label_colors", "save_picture"]

Image = npt.NDArray[np.uint8]
Color = tuple[int, int, int]

# Okabe & Ito's palette: told apart with any colour vision.
_LEFT: Color = (230, 159, 0)
_RIGHT: Color = (86, 180, 233)
_MIDDLE: Color = (240, 240, 240)
_LABEL_COLORS: tuple[Color, ...] = (
    (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167),
)  # fmt: skip
_SHADES = 4  # of confidence
_PANEL: Color = (24, 24, 24)
_TEXT: Color = (245, 245, 245)
_MUTED: Color = (170, 170, 170)
_TICK_STEPS_S = (1, 2, 5, 10, 20, 60)  # between ticks with a number
_NEWS_S = 1.5  # how long an event is shown after it was reported

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_FILES = ("DejaVuSans.ttf", "NotoSansCJK-Regular.ttc", "msyh.ttc", "PingFang.ttc", "Arial Unicode.ttf")


def label_colors(labels: Iterable[str]) -> dict[str, Color]:
    """Give each action a colour, in order of first appearance: the first seven differ, then they come again."""
    actions = dict.fromkeys(label for label in labels if label != UNKNOWN)
    return dict(zip(actions, itertools.cycle(_LABEL_COLORS), strict=False)) | {UNKNOWN: _MUTED}


def annotate(
    frame: Frame,
    poses: Sequence[Pose],
    states: Mapping[int, RecognizerState],
    events: Sequence[ActionEvent],
    *,
    seconds: float = 10.0,
) -> Image:
    """Draw what is known at one frame: skeletons, the action of each body, and below the picture the time line.

    Parameters
    ----------
    frame : Frame
        With a picture.
    poses : sequence of Pose
        The bodies in view.
    states : mapping of int to RecognizerState
        The live picture of each track, by its `track_id`.
    events : sequence of ActionEvent
        All events so far; the later ones are looked for at the end.
    seconds : float
        Length of the time line.

    Returns
    -------
    array (H', W, 3) uint8
        A new picture, of `annotated_size`.

    Raises
    ------
    InvalidDataError
        If the frame has no picture.
    """
    if frame.image is None:
        raise InvalidDataError("This frame has no picture to draw into.", hint="Recordings hold keypoints alone.")
    height, width = frame.image.shape[:2]
    picture = np.empty((annotated_size((width, height))[1], width, 3), dtype=np.uint8)
    image, strip = picture[:height], picture[height:]
    image[:] = frame.image
    text_height = _text_height(image)
    for pose in poses:
        draw_pose(image, pose)
    top = text_height
    # Events first, as the time line takes them: a label keeps its colour when its event is reported.
    colors = label_colors([*(event.label for event in events), *(state.label for _, state in sorted(states.items()))])
    for track_id, state in sorted(states.items()):
        news = [
            event for event in events if event.track_id == track_id and 0 <= frame.time - event.report_time < _NEWS_S
        ]
        label = news[-1].label if news else state.label
        text = label if len(states) == 1 else f"{track_id}: {label}"
        top += draw_label(image, text, at=(text_height, top), color=colors[label]) + text_height // 2
    strip[:] = _PANEL
    draw_timeline(strip, events, time=frame.time, seconds=seconds, height=_line_height(image))
    return picture


def annotated_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the width and height of what `annotate` makes of a picture of a width and height, pixels."""
    width, height = size
    text_height = _line_height(np.empty((height, width, 0), dtype=np.uint8))
    return width, height + _timeline_height(text_height)


def draw_pose(image: Image, pose: Pose, *, min_confidence: float = 0.1) -> None:
    """Draw a skeleton: left side orange, right side blue, the fainter the less certain.

    Parameters
    ----------
    image : array (H, W, 3) uint8
        RGB; drawn into.
    pose : Pose
        Without image positions, nothing is drawn.
    min_confidence : float
        Keypoints less certain than this are left out.
    """
    position = pose.position if pose.image_position is None and pose.position.shape[1] == 2 else pose.image_position
    if position is None:
        return
    # Far outside the picture OpenCV's clipping overflows.
    is_shown = (pose.confidence >= min_confidence) & (np.abs(np.nan_to_num(position, nan=np.inf)) < 1e4).all(axis=1)
    if not is_shown.any():
        return
    extent = np.ptp(position[is_shown], axis=0).max()
    width = max(1, round(min(extent / 60, min(image.shape[:2]) / 120)))
    low = np.clip(position[is_shown].min(axis=0) - 2 * width, 0, image.shape[1::-1]).astype(int)
    high = np.clip(position[is_shown].max(axis=0) + 2 * width + 1, 0, image.shape[1::-1]).astype(int)
    area = image[low[1] : high[1], low[0] : high[0]]
    if not area.size:
        return
    points = [(int(x), int(y)) for x, y in np.where(is_shown[:, None], position, 0) - low]
    colors = _side_colors(pose.skeleton)
    edges = [(i, j) for i, j in _edge_indices(pose.skeleton) if is_shown[i] and is_shown[j]]
    for shade in range(1, _SHADES + 1):
        drawn = area.copy()
        for i, j in edges:
            if _shade(min(pose.confidence[i], pose.confidence[j])) == shade:
                color = colors[i] if colors[i] == colors[j] else _MIDDLE
                cv2.line(drawn, points[i], points[j], color, width, cv2.LINE_AA)
        for i in np.flatnonzero(is_shown):
            if _shade(pose.confidence[i]) == shade:
                cv2.circle(drawn, points[i], width, colors[i], cv2.FILLED, cv2.LINE_AA)
        cv2.addWeighted(drawn, shade / _SHADES, area, 1.0 - shade / _SHADES, 0.0, dst=area)


def draw_label(image: Image, text: str, *, at: tuple[int, int], color: Color = _TEXT, height: int = 0) -> int:
    """Write a line of text on a dark panel.

    Parameters
    ----------
    image : array (H, W, 3) uint8
        RGB; drawn into.
    text : str
        Any characters; those that no font here has are transcribed.
    at : (int, int)
        Left and top of the panel, pixels.
    color : (int, int, int)
        Of a bar beside the text.
    height : int
        Of a capital letter, pixels. Default: what suits the picture.

    Returns
    -------
    int
        Height of the panel, pixels.
    """
    height = height or _text_height(image)
    left, top = at
    pad = max(2, height // 2)
    text = _shorten(text, height, image.shape[1] - left - 4 * pad)
    right, bottom = left + _text_mask(text, height).shape[1] + 3 * pad, top + height + 2 * pad
    _fill(image, (left, top, right, bottom), _PANEL, alpha=0.7)
    _fill(image, (left, top, left + max(2, pad // 2), bottom), color)
    _write(image, text, (left + 2 * pad, top + pad), height, _TEXT)
    return bottom - top


def draw_timeline(
    image: Image, events: Sequence[ActionEvent], *, time: float, seconds: float = 10.0, height: int = 0
) -> None:
    """Draw the events of the last seconds along the lower edge, now at the right: blocks with their labels above.

    Below them are ticks for the seconds, some with their number.

    Parameters
    ----------
    image : array (H, W, 3) uint8
        RGB; drawn into.
    events : sequence of ActionEvent
        All so far, in order of report; those that end before the time line are not drawn.
    time : float
        Now, seconds.
    seconds : float
        Length of the time line.
    height : int
        Of a capital letter, pixels. Default: what suits the picture.
    """
    height = height or _line_height(image)
    pad = _padding(height)
    width = image.shape[1]
    top = image.shape[0] - _timeline_height(height)
    _fill(image, (0, top, width, image.shape[0]), _PANEL, alpha=0.7)

    def x_of_time(t: float) -> int:
        return round(width * (1.0 - (time - t) / seconds))

    blocks = top + 2 * pad + height
    colors = label_colors(event.label for event in events)
    shown = sorted((e for e in events if e.end_time > time - seconds), key=lambda e: e.start_time)
    for i, event in enumerate(shown):
        left, right = max(0, x_of_time(event.start_time)), max(1, x_of_time(event.end_time))
        _fill(image, (left, blocks, right - 1, blocks + height), colors[event.label])
        room = (x_of_time(shown[i + 1].start_time) if i + 1 < len(shown) else width) - left - pad
        _write(image, _shorten(event.label, height, room), (left, top + pad), height, _TEXT)
    ticks = blocks + height + pad // 2
    widest = _text_mask(f"{int(time)} s", height).shape[1] + 2 * pad
    step = next((n for n in _TICK_STEPS_S if n * width / seconds >= widest), 0)
    for second in range(max(0, math.ceil(time - seconds)), int(time) + 1):
        x = x_of_time(second)
        _fill(image, (x, ticks, x + 1, ticks + pad), _MUTED)
        text_width = _text_mask(f"{second} s", height).shape[1]
        if step and second % step == 0 and text_width // 2 <= x <= width - text_width // 2:
            _write(image, f"{second} s", (x - text_width // 2, ticks + pad + pad // 2), height, _MUTED)


@lru_cache(maxsize=16)
def _edge_indices(skeleton: Skeleton) -> tuple[tuple[int, int], ...]:
    return tuple((skeleton.index(a), skeleton.index(b)) for a, b in skeleton.edges)


@lru_cache(maxsize=16)
def _side_colors(skeleton: Skeleton) -> tuple[Color, ...]:
    left = {a for a, _ in skeleton.symmetry or ()}
    right = {b for _, b in skeleton.symmetry or ()}
    return tuple(_LEFT if name in left else _RIGHT if name in right else _MIDDLE for name in skeleton.keypoints)


def _shade(confidence: float) -> int:
    return max(1, math.ceil(_SHADES * confidence))


def _fill(image: Image, box: tuple[int, int, int, int], color: Color, *, alpha: float = 1.0) -> None:
    left, top, right, bottom = (max(0, side) for side in box)
    area = image[top:bottom, left:right]
    if area.size:
        cv2.addWeighted(np.full_like(area, color), alpha, area, 1.0 - alpha, 0.0, dst=area)


def _text_height(image: Image) -> int:
    return max(7, round(min(image.shape[:2]) / 28))


def _line_height(image: Image) -> int:
    """Height of a capital letter of the time line."""
    return max(6, round(0.8 * _text_height(image)))


def _padding(height: int) -> int:
    return max(2, height // 2)


def _timeline_height(height: int) -> int:
    return 3 * height + 5 * _padding(height)


def _write(image: Image, text: str, at: tuple[int, int], height: int, color: Color) -> None:
    """Write text whose capitals stand `height` pixels high from `at`, their left top corner."""
    mask = _text_mask(text, height)
    x, y = at[0], at[1] - (_baseline(height) - height)
    (top, left), (bottom, right) = np.clip([(y, x), (y + mask.shape[0], x + mask.shape[1])], 0, image.shape[:2])
    alpha = mask[top - y : bottom - y, left - x : right - x, None] / 255.0
    area = image[top:bottom, left:right]
    if area.size:
        area[:] = np.rint(area * (1.0 - alpha) + np.array(color) * alpha)


def _baseline(height: int) -> int:
    return round(1.4 * height)  # room for accents


@lru_cache(maxsize=256)
def _text_mask(text: str, height: int) -> Image:
    """Coverage of a line of text, 0 to 255."""
    rows = _baseline(height) + round(0.5 * height)
    font = None if text.isascii() else _find_font(text, height)
    if font is not None:
        from PIL import Image as PillowImage
        from PIL import ImageDraw

        picture = PillowImage.new("L", ((math.ceil(font.getlength(text))) + 1, rows))
        ImageDraw.Draw(picture).text((0, _baseline(height)), text, fill=255, font=font, anchor="ls")
        return np.asarray(picture)
    thickness = max(1, round(height / 14))
    scale = cv2.getFontScaleFromHeight(_FONT, height, thickness)
    text = _transcribe(text)
    width = cv2.getTextSize(text, _FONT, scale, thickness)[0][0]
    mask = np.zeros((rows, width + 1), dtype=np.uint8)
    cv2.putText(mask, text, (0, _baseline(height)), _FONT, scale, 255, thickness, cv2.LINE_AA)
    return mask


def _find_font(text: str, height: int) -> Any:
    """Return a Pillow font that has all the characters, or None: OpenCV draws ASCII alone."""
    if find_spec("PIL") is None:
        return None
    from PIL import ImageFont

    matplotlib = find_spec("matplotlib")
    bundled = (
        [Path(matplotlib.origin).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf"]
        if matplotlib and matplotlib.origin
        else []
    )
    for file in (*bundled, *_FONT_FILES):
        with contextlib.suppress(OSError):
            font = ImageFont.truetype(str(file), round(height / 0.72))
            absent = bytes(font.getmask("\uffff"))
            if all(bytes(font.getmask(character)) != absent for character in text):
                return font
    return None


def _transcribe(text: str) -> str:
    """Return ASCII that stands for the text: letters without their accents, codes for what is left."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return plain.encode("ascii", "backslashreplace").decode()


def _shorten(text: str, height: int, room: int) -> str:
    """Return as much of the text as fits in `room` pixels."""
    if _text_mask(text, height).shape[1] <= room:
        return text
    return next(
        (cut for n in range(len(text) - 1, 0, -1) if _text_mask(cut := text[:n] + "..", height).shape[1] <= room), ""
    )


def save_picture(image: Image, path: str | Path, *, jpeg_quality: int = 95) -> None:
    """Write a picture, whole or not at all.

    Parameters
    ----------
    image : array (H, W, 3) uint8
        RGB.
    path : str or Path
        Ends in what says how it is written, such as ``.jpg`` or ``.png``.
    jpeg_quality : int
        0 to 100, for ``.jpg``.

    Raises
    ------
    ActionposeError
        If there is no such format, or the file cannot be written.
    """
    path = Path(path)
    if not (path.suffix and cv2.haveImageWriter(path.suffix)):
        raise InvalidDataError(f"Cannot write {path.name} as a picture.", hint="Give a name ending in .jpg or .png.")
    options = [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality] if path.suffix.lower() in (".jpg", ".jpeg") else []
    _, content = cv2.imencode(path.suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    save_whole(path, content.tobytes())
