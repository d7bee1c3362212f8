"""Whether frames come often enough for anything to be recognised in them."""

from __future__ import annotations

from collections import deque

import numpy as np

from actionpose.features import FeatureSettings

__all__ = ["Pace"]

_MAX_GAP_S = FeatureSettings().max_gap_s
_RECENT_GAPS = 120
_MIN_GAPS_LIVE = 10  # the first frames of a live source wait for the model


class Pace:
    """Looks at the times of the frames that are looked at, and tells when most are too far apart.

    Parameters
    ----------
    is_live : bool
        Whether they come at their own pace, rather than with the times of a file.
    """

    def __init__(self, *, is_live: bool) -> None:
        self._is_live = is_live
        self._last: float | None = None
        self._n_gaps = 0
        self._far: deque[float] = deque(maxlen=_RECENT_GAPS)
        self._n_far = 0

    def update(self, time: float) -> None:
        """Take the time of the next frame, in seconds."""
        gap, self._last = time - (time if self._last is None else self._last), time
        self._n_gaps += gap > 0
        if gap > _MAX_GAP_S:
            self._n_far += 1
            self._far.append(gap)

    @property
    def notes(self) -> tuple[str, ...]:
        """Why nothing can be recognised, where that is so."""
        if self._n_gaps < (_MIN_GAPS_LIVE if self._is_live else 1) or 2 * self._n_far <= self._n_gaps:
            return ()
        advice = (
            "Choose a quicker keypoint model or a smaller picture."
            if self._is_live
            else "If their times are wrong, such as frame numbers for seconds, give the frames per second: --rate 30."
        )
        return (
            f"The frames are {np.median(self._far):.1f} s apart, but actions are followed over gaps of at most "
            f"{_MAX_GAP_S:g} s, so nothing can be recognised. {advice}",
        )
