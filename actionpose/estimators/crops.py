"""The part of a picture that a keypoint model sees, the same when it is trained and when it runs.

Positions are continuous pixels: the picture's first pixel reaches from 0 to 1 and its middle is 0.5.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from actionpose.pose import FloatArray
from actionpose.skeleton import Skeleton

__all__ = ["Box", "cut_crop", "find_box", "follow_box"]

Image = npt.NDArray[np.uint8]
_IndexArray = npt.NDArray[np.intp]

_SETTLING_S = 0.5  # in which the size of a followed box makes 63 % of a change
_MEMORY_S = 1.0  # after a longer pause it is found anew


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A stretch of a picture in pixels; it may reach beyond the picture.

    Parameters
    ----------
    left, top : float
        Its first corner.
    width, height : float
        Its sides.
    """

    left: float
    top: float
    width: float
    height: float

    def scale(self, size: tuple[int, int]) -> FloatArray:
        """Crop pixels per picture pixel, (x, y), for a crop of this width and height."""
        return np.array([size[0] / self.width, size[1] / self.height])

    def to_crop(self, position: FloatArray, size: tuple[int, int]) -> FloatArray:
        """Turn positions (..., 2) of the picture into positions of the crop."""
        return (position - [self.left, self.top]) * self.scale(size)

    def to_picture(self, position: FloatArray, size: tuple[int, int]) -> FloatArray:
        """Turn positions (..., 2) of the crop into positions of the picture."""
        return position / self.scale(size) + [self.left, self.top]

    def fitted(self, size: tuple[int, int]) -> Box:
        """Return the smallest box around this one that has the proportions of `size`, so that nothing is stretched."""
        aspect = size[0] / size[1]
        width = max(self.width, self.height * aspect)
        height = width / aspect
        return Box(
            left=self.left - (width - self.width) / 2,
            top=self.top - (height - self.height) / 2,
            width=width,
            height=height,
        )


def find_box(position: FloatArray, skeleton: Skeleton, *, margin: float) -> Box | None:
    """Return the square around a body, of about the same size whether its limbs are stretched or folded.

    Its side is what the body would measure stretched out, the longest way from keypoint to keypoint along its edges,
    or what it measures now, whichever is larger. Limbs may thus move between two frames and still be inside.

    Parameters
    ----------
    position : array (K, 2)
        Pixels; NaN = not seen.
    skeleton : Skeleton
        Its edges are the limbs.
    margin : float
        Room on each side, as a share of that measure.

    Returns
    -------
    Box or None
        None if fewer than two keypoints are known, or all lie in one point.
    """
    known = position[np.isfinite(position).all(axis=1)]
    if len(known) < 2:
        return None
    low, high = known.min(axis=0), known.max(axis=0)
    first, second, ways = _find_ways(skeleton)
    lengths = np.nan_to_num(np.hypot(*(position[first] - position[second]).T))
    stretched = float((ways @ lengths).max(initial=0.0))
    side = max(float((high - low).max()), stretched) * (1 + 2 * margin)
    if side < 1:
        return None
    middle = (low + high) / 2
    return Box(left=float(middle[0]) - side / 2, top=float(middle[1]) - side / 2, width=side, height=side)


def follow_box(
    before: Box | None, position: FloatArray, skeleton: Skeleton, *, margin: float, elapsed_s: float
) -> Box | None:
    """Return the square around a body whose square a moment ago is known: its size changes slowly.

    A limb that points at the camera looks short, and a single wrong keypoint makes a body look large; neither is to
    change the scale at which the model sees it.

    Parameters
    ----------
    before : Box, optional
        The square a moment ago; without one, and after a pause, it is as `find_box` gives it.
    position, skeleton, margin
        As for `find_box`.
    elapsed_s : float
        Seconds since `before`.
    """
    now = find_box(position, skeleton, margin=margin)
    if before is None or now is None or not 0 <= elapsed_s <= _MEMORY_S:
        return now
    share = 1 - math.exp(-elapsed_s / _SETTLING_S)
    side = math.exp(math.log(before.width) + share * math.log(now.width / before.width))
    known = position[np.isfinite(position).all(axis=1)]
    side = max(side, float(np.ptp(known, axis=0).max()) * (1 + margin))
    grown = (side - now.width) / 2
    return Box(left=now.left - grown, top=now.top - grown, width=side, height=side)


@lru_cache(maxsize=16)
def _find_ways(skeleton: Skeleton) -> tuple[_IndexArray, _IndexArray, FloatArray]:
    """Return the ends of the E edges, and the edges (ways, E) on the way from each keypoint to each other."""
    edges = [(skeleton.index(a), skeleton.index(b)) for a, b in skeleton.edges]
    neighbours: dict[int, list[tuple[int, int]]] = {i: [] for i in range(skeleton.n_keypoints)}
    for e, (a, b) in enumerate(edges):
        neighbours[a].append((b, e))
        neighbours[b].append((a, e))
    ways = []
    for start in neighbours:
        reached = {start: np.zeros(len(edges))}
        queue = deque([start])
        while queue:
            here = queue.popleft()
            for there, e in neighbours[here]:
                if there not in reached:
                    reached[there] = reached[here].copy()
                    reached[there][e] = 1.0
                    queue.append(there)
        ways += [way for end, way in reached.items() if end > start]
    ends = np.array(edges, dtype=np.intp).reshape(-1, 2)
    return ends[:, 0], ends[:, 1], np.array(ways).reshape(len(ways), len(edges))


def cut_crop(image: Image, box: Box, size: tuple[int, int], *, channels: int) -> Image:
    """Return the picture inside a box, scaled; what lies beyond the picture is black.

    Parameters
    ----------
    image : array (H, W, 3) uint8
        RGB.
    box : Box
        Which part.
    size : (int, int)
        Width and height of the crop.
    channels : int
        3 for RGB, 1 for gray.

    Returns
    -------
    array (height, width, channels) uint8
    """
    scale = box.scale(size)
    # OpenCV counts positions from the middle of the first pixel.
    shift = -scale * [box.left, box.top] + 0.5 * scale - 0.5
    matrix = np.array([[scale[0], 0, shift[0]], [0, scale[1], shift[1]]])
    crop: Image = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR)
    if channels == 1:
        crop = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)[:, :, None]
    return crop
