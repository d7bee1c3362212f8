"""The poses of each frame: from the frame itself, or found by a keypoint model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from actionpose.errors import EstimatorError
from actionpose.pose import Frame, Pose
from actionpose.session.reader import Reader
from actionpose.sources.base import Source

if TYPE_CHECKING:
    from actionpose.estimators.base import KeypointEstimator

__all__ = ["iter_poses", "poses_of"]


def iter_poses(
    source: Source,
    estimator: KeypointEstimator | None,
    *,
    realtime: bool = False,
    is_wanted: Callable[[Frame], bool] = lambda _: True,
) -> Iterator[tuple[Frame, tuple[Pose, ...]]]:
    """Yield each frame with the poses in it, at the pace of `Session`.

    Parameters
    ----------
    source : Source
        Open, nothing read yet.
    estimator : KeypointEstimator or None
        None where the frames bring their own poses.
    realtime : bool
        Play a file by its time stamps, dropping frames on a slow machine.
    is_wanted : callable, optional
        Frames for which it is False are yielded without being looked at.

    Raises
    ------
    ActionposeError
        Whatever the source or the estimator raise.
    """
    if estimator:
        estimator.reset()
    reader = Reader(source, realtime=realtime)
    reader.start()
    try:
        while (capture := reader.next()) is not None or not reader.has_ended:
            if capture is not None:
                frame = capture.frame
                yield frame, poses_of(frame, estimator) if is_wanted(frame) else ()
    finally:
        reader.close()


def poses_of(frame: Frame, estimator: KeypointEstimator | None) -> tuple[Pose, ...]:
    """Return the poses that the frame brings, or else those that the model finds.

    Raises
    ------
    EstimatorError
        If it brings none and there is no model.
    """
    if frame.poses is not None:
        return frame.poses
    if estimator is None:
        raise EstimatorError("These frames are pictures, and no keypoint model was given to find poses in them.")
    return tuple(estimator.estimate(frame))
