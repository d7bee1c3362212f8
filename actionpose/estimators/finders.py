"""Where a body may be, asked when it is not known from the previous picture."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from actionpose.estimators.base import KeypointEstimator
from actionpose.estimators.crops import Box, find_box
from actionpose.estimators.mediapipe import read_image
from actionpose.estimators.model_folder import ModelDescription, read_finder
from actionpose.estimators.yolo import YoloDetector
from actionpose.pose import Frame
from actionpose.skeleton import Skeleton

__all__ = ["DetectorFinder", "Finder", "KeypointFinder", "PictureFinder", "load_finder", "whole_picture"]

_LEG_KEYPOINTS = ("left_knee", "right_knee", "left_ankle", "right_ankle")


class Finder(Protocol):
    """Gives boxes in which to look for a body."""

    is_rough: bool
    """Whether a box is not yet the one that the keypoints in it would give: look there, and then once more."""

    def find(self, frame: Frame) -> list[Box]:
        """Return boxes, of which one may hold the body; none if there is nobody."""
        ...

    def reset(self) -> None:
        """Forget earlier frames."""
        ...

    def close(self) -> None:
        """Release what was loaded."""
        ...


class PictureFinder:
    """Says that a body is somewhere in the picture."""

    is_rough = True

    def find(self, frame: Frame) -> list[Box]:
        """Return the whole picture."""
        return [whole_picture(frame)]

    def reset(self) -> None:
        """Nothing to forget."""

    def close(self) -> None:
        """Nothing to release."""


class KeypointFinder:
    """Asks another, slower keypoint model.

    Parameters
    ----------
    estimator : KeypointEstimator
        Whom to ask; closed with the finder.
    skeleton : Skeleton
        What the box is to hold; keypoints that the estimator does not have are left out.
    margin : float
        As for `find_box`.
    """

    is_rough = False

    def __init__(self, estimator: KeypointEstimator, skeleton: Skeleton, *, margin: float) -> None:
        self._estimator, self._skeleton, self._margin = estimator, skeleton, margin

    def find(self, frame: Frame) -> list[Box]:
        """Return the box of the body that the estimator finds first."""
        found = self._estimator.estimate(frame)
        if not found or found[0].image_position is None:
            return []
        place = dict(zip(found[0].skeleton.keypoints, found[0].image_position, strict=True))
        unknown = np.full(2, np.nan)
        position = np.stack([place.get(name, unknown) for name in self._skeleton.keypoints])
        box = find_box(position, self._skeleton, margin=self._margin)
        return [] if box is None else [box]

    def reset(self) -> None:
        """Let the estimator forget."""
        self._estimator.reset()

    def close(self) -> None:
        """Release the estimator."""
        self._estimator.close()


class DetectorFinder:
    """Asks a detector for the box around a body.

    Parameters
    ----------
    detector : YoloDetector
        Whom to ask.
    skeleton : Skeleton
        Of a person without legs, the upper end of the box is tried too.
    margin : float
        Room on each side, as a share of the box's longer side.
    """

    is_rough = True

    def __init__(self, detector: YoloDetector, skeleton: Skeleton, *, margin: float) -> None:
        self._detector, self._margin = detector, margin
        self._is_upper = "left_shoulder" in skeleton.keypoints and not set(_LEG_KEYPOINTS) & set(skeleton.keypoints)

    def find(self, frame: Frame) -> list[Box]:
        """Return a square around the box, and one around its upper end."""
        box = self._detector.find(read_image(frame))
        if box is None:
            return []
        heights = (box.height, min(box.height, max(box.width, box.height / 2))) if self._is_upper else (box.height,)
        return [self._square(box, height) for height in dict.fromkeys(heights)]

    def _square(self, box: Box, height: float) -> Box:
        side = max(box.width, height) * (1 + 2 * self._margin)
        left, top = box.left + (box.width - side) / 2, box.top + (height - side) / 2
        return Box(left=left, top=top, width=side, height=side)

    def reset(self) -> None:
        """Nothing to forget: each picture is searched anew."""

    def close(self) -> None:
        """Nothing to release."""


def whole_picture(frame: Frame) -> Box:
    """Return the box that holds all of a frame's picture."""
    height, width = read_image(frame).shape[:2]
    return Box(left=0.0, top=0.0, width=float(width), height=float(height))


def load_finder(folder: Path, model: ModelDescription) -> Finder:
    """Load what a model's description names.

    Raises
    ------
    EstimatorError
        If it cannot be loaded.
    """
    if model.margin is None or model.finder == "none":
        return PictureFinder()
    if model.finder == "person":
        from actionpose.estimators.mediapipe import MediaPipePose

        return KeypointFinder(MediaPipePose(smooth=False), model.skeleton, margin=model.margin)
    if model.finder == "hand":
        from actionpose.estimators.mediapipe_hands import MediaPipeHand

        return KeypointFinder(MediaPipeHand(), model.skeleton, margin=model.margin)
    return DetectorFinder(YoloDetector(read_finder(folder, model), model.finder), model.skeleton, margin=model.margin)
