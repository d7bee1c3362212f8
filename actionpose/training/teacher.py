"""A teacher: MediaPipe labels the frames that a smaller model learns from.

Each frame is seen three times: whole, to find the body; cut out around the body, for the labels; and cut out and
mirrored. Where the last two disagree, the label is doubtful. Nothing is smoothed: a filter lags behind fast hands.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from actionpose.errors import InvalidDataError
from actionpose.estimators.crops import cut_crop, find_box
from actionpose.estimators.mediapipe import MediaPipePose
from actionpose.pose import FloatArray, Frame
from actionpose.skeleton import BLAZEPOSE_33, STANDARD_SKELETONS, Skeleton
from actionpose.training.dataset import DOUBTFUL, SURE, UNLABELLED
from actionpose.training.labels import compute_reference

__all__ = ["Label", "PoseTeacher", "choose_skeleton"]

_CROP = (384, 384)
_MARGIN = 0.1
_SURE_CONFIDENCE = 0.5
_AGREEMENT = 0.2  # torso lengths within which two passes say the same

_MIRROR_ORDER = BLAZEPOSE_33.mirror_order()


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What a teacher says of a frame, as in `LabelledImage`; `confidence` is the mean of the teacher's own."""

    keypoints: FloatArray
    visibility: npt.NDArray[np.uint8]
    reference_px: float
    confidence: float


class PoseTeacher:
    """MediaPipe Pose as a teacher of any skeleton whose keypoints it has; a context manager.

    Parameters
    ----------
    skeleton : Skeleton
        Keypoints to label, all of them among those of `BLAZEPOSE_33`.

    Raises
    ------
    InvalidDataError
        If MediaPipe does not know one of them.
    EstimatorError
        If MediaPipe cannot be loaded.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        unknown = [name for name in skeleton.keypoints if name not in BLAZEPOSE_33.keypoints]
        if unknown:
            raise InvalidDataError(
                f"The teacher cannot label {', '.join(unknown)}.",
                hint=f"It knows {', '.join(BLAZEPOSE_33.keypoints)}.",
            )
        self._order = BLAZEPOSE_33.indices(skeleton.keypoints)
        self._finder, self._straight, self._mirrored = (MediaPipePose(smooth=False) for _ in range(3))

    def label(self, frame: Frame) -> Label | None:
        """Return the label of the most prominent person, or None if nobody is found by all passes."""
        found = self._finder.estimate(frame)
        if not found or frame.image is None or found[0].image_position is None:
            return None
        box = find_box(found[0].image_position, BLAZEPOSE_33, margin=_MARGIN)
        if box is None:
            return None
        crop = cut_crop(frame.image, box, _CROP, channels=3)
        straight = self._straight.estimate(replace(frame, image=crop))
        mirrored = self._mirrored.estimate(replace(frame, image=crop[:, ::-1]))
        if not straight or not mirrored:
            return None
        first, second = straight[0].image_position, mirrored[0].image_position
        if first is None or second is None:
            return None
        second = second[_MIRROR_ORDER] * [-1, 1] + [_CROP[0], 0]
        torso = compute_reference(first, BLAZEPOSE_33)
        agree = np.hypot(*(first - second).T) <= _AGREEMENT * torso
        position = box.to_picture(first, _CROP)
        height, width = frame.image.shape[:2]
        is_inside = ((position >= 0) & (position < [width, height])).all(axis=1)
        confidence = straight[0].confidence
        visibility = np.where(agree & (confidence >= _SURE_CONFIDENCE), SURE, DOUBTFUL)
        visibility = np.where(is_inside, visibility, UNLABELLED).astype(np.uint8)[self._order]
        return Label(
            keypoints=np.where(visibility[:, None] > UNLABELLED, position[self._order], np.nan),
            visibility=visibility,
            reference_px=torso * box.width / _CROP[0],
            confidence=float(confidence[self._order].mean()),
        )

    def reset(self) -> None:
        """Forget earlier frames: the next one belongs to another video."""
        for model in (self._finder, self._straight, self._mirrored):
            model.reset()

    def close(self) -> None:
        """Release the models."""
        for model in (self._finder, self._straight, self._mirrored):
            model.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def choose_skeleton(names: str) -> Skeleton:
    """Return the skeleton that a user named.

    Parameters
    ----------
    names : str
        A standard skeleton (``upper_body_6``), or keypoints parted by commas; those of `BLAZEPOSE_33` bring their
        edges along.

    Raises
    ------
    InvalidDataError
        If a name repeats, or a single name is no skeleton.

    Examples
    --------
    >>> choose_skeleton("left_elbow,left_wrist").edges
    (('left_elbow', 'left_wrist'),)
    """
    if names.lower() in STANDARD_SKELETONS:
        return STANDARD_SKELETONS[names.lower()]
    keypoints = [name.strip() for name in names.split(",") if name.strip()]
    if len(keypoints) < 2:
        raise InvalidDataError(
            f"There is no skeleton {names!r}.",
            hint=f"Choose {', '.join(sorted(STANDARD_SKELETONS))}, or name two or more keypoints, parted by commas.",
        )
    edges = [(a, b) for a, b in BLAZEPOSE_33.edges if a in keypoints and b in keypoints]
    return Skeleton(name=f"custom_{len(keypoints)}", keypoints=keypoints, edges=edges)
