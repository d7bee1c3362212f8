"""What a keypoint estimator is."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from actionpose.pose import Frame, Pose
from actionpose.skeleton import Skeleton

__all__ = ["KeypointEstimator"]


@runtime_checkable
class KeypointEstimator(Protocol):
    """Anything that turns a picture into poses: the seam for keypoint models of your own.

    The constructor loads the model and raises `EstimatorError` with advice. A context manager.
    """

    @property
    def name(self) -> str:
        """Name and variant of the model, kept with every template it made."""
        ...

    @property
    def skeleton(self) -> Skeleton:
        """Skeleton of every pose it returns."""
        ...

    def estimate(self, frame: Frame) -> list[Pose]:
        """Return a pose for each body in `frame.image`, with `frame.time` and a `track_id` that stays with the body.

        An empty list means that nobody is in view.
        """
        ...

    def reset(self) -> None:
        """Forget earlier frames: the next one belongs to another video."""
        ...

    def close(self) -> None:
        """Release the model. May be called twice."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
