"""A teacher: MediaPipe labels the frames that a smaller model learns from.

Each frame is seen three times: whole, to find the body; cut out around the body, for the labels; and cut out and
mirrored. Where the last two disagree, the label is doubtful. Nothing is smoothed: a filter lags behind fast hands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import cv2
import numpy as np
import numpy.typing as npt

from actionpose.errors import InvalidDataError
from actionpose.estimators.base import KeypointEstimator
from actionpose.estimators.crops import cut_crop, find_box
from actionpose.estimators.mediapipe import MediaPipePose
from actionpose.estimators.mediapipe_hands import MediaPipeHand
from actionpose.pose import FloatArray, Frame
from actionpose.skeleton import BLAZEPOSE_33, HAND_21, STANDARD_SKELETONS, Skeleton
from actionpose.training.dataset import DOUBTFUL, SURE, UNLABELLED
from actionpose.training.labels import compute_reference

__all__ = ["Label", "Teacher", "choose_skeleton"]

_CROP = (384, 384)
_MARGIN = 0.1
_SURE_CONFIDENCE = 0.5
_AGREEMENT = 0.2  # torso lengths within which two passes say the same
_CROP_RATE_HZ = 30.0  # for crops without times: the model does not smooth


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What a teacher says of a frame, as in `LabelledImage`; `confidence` is the mean of the teacher's own."""

    keypoints: FloatArray
    visibility: npt.NDArray[np.uint8]
    reference_px: float
    confidence: float


class Teacher:
    """MediaPipe as a teacher of any skeleton whose keypoints it has; a context manager.

    Hands are taught by MediaPipe Hands, everything else by MediaPipe Pose.

    Parameters
    ----------
    skeleton : Skeleton
        Keypoints to label, all of them among those of `BLAZEPOSE_33`, or all among those of `HAND_21`.

    Raises
    ------
    InvalidDataError
        If MediaPipe does not know one of them.
    EstimatorError
        If MediaPipe cannot be loaded.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        is_hand = set(skeleton.keypoints) <= set(HAND_21.keypoints)
        self._known, make_model = (HAND_21, MediaPipeHand) if is_hand else (BLAZEPOSE_33, _make_pose)
        unknown = [name for name in skeleton.keypoints if name not in self._known.keypoints]
        if unknown:
            raise InvalidDataError(
                f"The teacher cannot label {', '.join(unknown)}.",
                hint=f"It knows {', '.join(BLAZEPOSE_33.keypoints)}; or of a hand {', '.join(HAND_21.keypoints)}.",
            )
        self._order = self._known.indices(skeleton.keypoints)
        self._finder, self._straight, self._mirrored = make_model(), make_model(), make_model()

    def label(self, frame: Frame) -> Label | None:
        """Return the label of the most prominent body, or None if none is found by all passes."""
        found = _locate(self._finder, frame)
        if found is None or frame.image is None:
            return None
        box = find_box(found.position, self._known, margin=_MARGIN)
        if box is None:
            return None
        crop = cut_crop(frame.image, box, _CROP, channels=3)
        straight = _locate(self._straight, replace(frame, image=crop))
        mirrored = _locate(self._mirrored, replace(frame, image=crop[:, ::-1]))
        if straight is None or mirrored is None:
            return None
        back = mirrored.position[self._known.mirror_order()] * [-1, 1] + [_CROP[0], 0]
        unit = compute_reference(straight.position, self._known)
        agree = np.hypot(*(straight.position - back).T) <= _AGREEMENT * unit
        position = box.to_picture(straight.position, _CROP)
        height, width = frame.image.shape[:2]
        is_inside = ((position >= 0) & (position < [width, height])).all(axis=1)
        visibility = np.where(agree & (straight.confidence >= _SURE_CONFIDENCE), SURE, DOUBTFUL)
        visibility = np.where(is_inside, visibility, UNLABELLED).astype(np.uint8)[self._order]
        return Label(
            keypoints=np.where(visibility[:, None] > UNLABELLED, position[self._order], np.nan),
            visibility=visibility,
            reference_px=unit * box.width / _CROP[0],
            confidence=float(straight.confidence[self._order].mean()),
        )

    def predict(self, crops: npt.NDArray[np.uint8], sources: Sequence[str]) -> FloatArray:
        """Return what one pass sees in crops (N, H, W, C): keypoints (N, K, 2) in their pixels, NaN where nobody is.

        Parameters
        ----------
        crops : array (N, H, W, C) uint8
            In the order of their time.
        sources : sequence of str
            Where each is from; the model starts anew when it changes.
        """
        found = np.full((len(crops), len(self._order), 2), np.nan)
        scale = _CROP[0] / max(crops.shape[1:3])
        for i, crop in enumerate(crops):
            if i == 0 or sources[i] != sources[i - 1]:
                self._straight.reset()
            image = np.broadcast_to(crop, (*crop.shape[:2], 3))
            large = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
            seen = _locate(self._straight, Frame(index=i, time=i / _CROP_RATE_HZ, image=large))
            if seen is not None:
                found[i] = seen.position[self._order] / scale
        return found

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


@dataclass(frozen=True, slots=True)
class _Located:
    position: FloatArray
    confidence: FloatArray


def _make_pose() -> KeypointEstimator:
    return MediaPipePose(smooth=False)


def _locate(model: KeypointEstimator, frame: Frame) -> _Located | None:
    """Return where a model sees the first body in a picture, in its pixels."""
    found = model.estimate(frame)
    if not found or found[0].image_position is None:
        return None
    return _Located(found[0].image_position, found[0].confidence)


def choose_skeleton(names: str) -> Skeleton:
    """Return the skeleton that a user named.

    Parameters
    ----------
    names : str
        A standard skeleton (``upper_body_6``), or keypoints parted by commas; those of `BLAZEPOSE_33` and `HAND_21`
        bring their edges along.

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
    edges = [(a, b) for a, b in (*BLAZEPOSE_33.edges, *HAND_21.edges) if a in keypoints and b in keypoints]
    return Skeleton(name=f"custom_{len(keypoints)}", keypoints=keypoints, edges=edges)
