"""Which body of this picture is which body of the last one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from actionpose.pose import FloatArray

__all__ = ["BodyTracker"]


@dataclass(slots=True)
class _Track:
    time: float
    position: FloatArray


class BodyTracker:
    """Gives each body a number that stays with it.

    Bodies are matched to tracks by the median distance of their keypoints, nearest pair first. A body farther from
    every free track than `reach` of its own size begins a new one; numbers are never used twice.

    Parameters
    ----------
    memory_s : float
        How long a body may be out of view and keep its number, in seconds.
    reach : float
        How far it may have moved in the meantime, in body sizes (the diagonal of its keypoints' bounding box).
    """

    def __init__(self, *, memory_s: float = 1.0, reach: float = 0.5) -> None:
        self._memory_s, self._reach = memory_s, reach
        self.reset()

    def reset(self) -> None:
        """Forget all bodies and number from 0 again."""
        self._tracks: dict[int, _Track] = {}
        self._next_id = 0

    def update(self, time: float, positions: Sequence[FloatArray]) -> list[int]:
        """Return the number of each body.

        Parameters
        ----------
        time : float
            Seconds; not before the last call's.
        positions : sequence of array (K, 2)
            Pixels; NaN = not seen.
        """
        self._tracks = {i: t for i, t in self._tracks.items() if time - t.time <= self._memory_s}
        pairs = sorted(
            (distance, body, track_id)
            for body, position in enumerate(positions)
            for track_id, track in self._tracks.items()
            if (distance := _distance(position, track.position)) <= self._reach
        )
        ids: dict[int, int] = {}
        for _, body, track_id in pairs:
            if body not in ids and track_id not in ids.values():
                ids[body] = track_id
        for body, position in enumerate(positions):
            if body not in ids:
                ids[body] = self._next_id
                self._next_id += 1
            self._tracks[ids[body]] = _Track(time, position)
        return [ids[body] for body in range(len(positions))]


def _distance(a: FloatArray, b: FloatArray) -> float:
    """Median distance of the keypoints that both have, in sizes of the larger body; infinite if they share none."""
    apart = np.hypot(*(a - b).T)
    shared = ~np.isnan(apart)
    if not shared.any():
        return float("inf")
    size = max(float(np.hypot(*np.ptp(body[shared], axis=0))) for body in (a, b))
    return float(np.median(apart[shared])) / max(size, 1e-9)
