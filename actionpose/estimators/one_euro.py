"""The one-euro filter: still keypoints do not tremble, fast ones do not lag."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from actionpose.errors import InvalidDataError
from actionpose.pose import FloatArray

__all__ = ["OneEuroFilter", "SmoothingSettings"]

_SPEED_CUTOFF_HZ = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SmoothingSettings:
    """How much the one-euro filter steadies.

    Parameters
    ----------
    min_cutoff_hz : float
        What it lets through of a keypoint that rests: the lower, the stiller.
    beta : float
        How many hertz more it lets through for a speed of one body size per second: the higher, the less it lags.

    Raises
    ------
    InvalidDataError
        If one of them is not positive, or not finite.
    """

    min_cutoff_hz: float = 1.5
    beta: float = 6.0

    def __post_init__(self) -> None:
        if not (0 < self.min_cutoff_hz < math.inf and 0 <= self.beta < math.inf):
            raise InvalidDataError(
                f"min_cutoff_hz must be positive and beta at least 0; got {self.min_cutoff_hz} and {self.beta}."
            )


class OneEuroFilter:
    """Low-pass filter whose cutoff rises with the speed of each keypoint.

    Casiez, Roussel & Vogel 2012, "1 € Filter", CHI, doi:10.1145/2207676.2208639, with the speed's own cutoff at 1 Hz
    as there. A keypoint that was missing begins anew.

    Parameters
    ----------
    settings : SmoothingSettings, optional
        Default: mild.
    """

    def __init__(self, settings: SmoothingSettings | None = None) -> None:
        self._settings = settings or SmoothingSettings()
        self.reset()

    def reset(self) -> None:
        """Forget what was seen."""
        self._time: float | None = None
        self._position: FloatArray = np.empty((0, 2))
        self._velocity: FloatArray = np.empty((0, 2))

    def update(self, time: float, position: FloatArray, *, body_px: float) -> FloatArray:
        """Return steadied positions.

        Parameters
        ----------
        time : float
            Seconds; a time that is not later than the last one begins anew.
        position : array (K, 2)
            Pixels; NaN = not seen, and stays so.
        body_px : float
            Size of the body in pixels, what speed is measured in.
        """
        if self._time is None or time <= self._time or position.shape != self._position.shape:
            self._time, self._position, self._velocity = time, position.copy(), np.zeros_like(position)
            return position
        elapsed_s = time - self._time
        is_new = ~np.isfinite(self._position)
        velocity = np.where(is_new, 0.0, (position - self._position) / elapsed_s)
        velocity = self._velocity + _share(_SPEED_CUTOFF_HZ, elapsed_s) * (velocity - self._velocity)
        speed = np.hypot(*velocity.T)[:, None] / body_px
        cutoff = self._settings.min_cutoff_hz + self._settings.beta * speed
        steadied = np.where(is_new, position, self._position + _share(cutoff, elapsed_s) * (position - self._position))
        self._time, self._position, self._velocity = time, steadied, np.nan_to_num(velocity)
        return steadied


def _share(cutoff_hz: FloatArray | float, elapsed_s: float) -> FloatArray:
    """Weight of the new value in a first-order low-pass filter (equations 3 and 4)."""
    return np.asarray(1 / (1 + 1 / (2 * np.pi * np.asarray(cutoff_hz) * elapsed_s)))
