"""The MediaPipe pose model that comes with the package, for one person."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
import numpy.typing as npt

from actionpose.errors import EstimatorError
from actionpose.estimators.quiet import quiet_stderr
from actionpose.pose import FloatArray, Frame, Pose
from actionpose.skeleton import BLAZEPOSE_33, Skeleton

__all__ = ["MediaPipeModel", "MediaPipePose", "import_mediapipe", "make_pose", "read_image", "warm_up_images"]

Image = npt.NDArray[np.uint8]

_STEP_US = 33_333  # what `process` adds to its clock before every picture
_START_US = 1_000_000  # later than all warming up
_LEAST_CONFIDENCE = 0.001  # the model guesses at every keypoint, and its guesses are near; 0 would be no guess at all


class MediaPipeModel:
    """What all MediaPipe estimators share: a name, and a model that is open until it is closed."""

    _name: str
    _model: Any

    @property
    def name(self) -> str:
        """Package, version and model."""
        return self._name

    def _check_open(self) -> None:
        if self._model is None:
            raise EstimatorError("The estimator was closed.", hint="Load a new one.")

    def close(self) -> None:
        """Release the model. May be called twice."""
        if self._model is not None:
            with quiet_stderr():
                self._model.close()
            self._model = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class MediaPipePose(MediaPipeModel):
    """MediaPipe Pose "full" with tracking (Bazarevsky et al. 2020, arXiv:2006.10204), from the mediapipe package.

    Poses are `BLAZEPOSE_33`: `position` are world coordinates in metres from the middle of the hips (x to the image's
    right, y down, z away from the camera), `image_position` pixels, `confidence` the model's visibility. They are
    rounded to 1e-5 m, 0.01 px and 0.001, far below the model's error, so that what is stored is short and exact.

    Parameters
    ----------
    smooth : bool
        Whether MediaPipe's filter steadies the keypoints; without it fast hands lag less and still ones tremble more.

    Raises
    ------
    EstimatorError
        If mediapipe is not installed, or is a release without a bundled model.
    """

    def __init__(self, *, smooth: bool = True) -> None:
        mediapipe = import_mediapipe()
        if not hasattr(mediapipe, "solutions"):
            raise EstimatorError(
                f"mediapipe {mediapipe.__version__} brings no model; 0.10.21, for Python 3.12 or older, does.",
                hint="Use such a Python, or download a pose landmarker .task file and give its path as the estimator.",
            )
        self._name = f"mediapipe {mediapipe.__version__} pose full" + ("" if smooth else " unsmoothed")
        self._last_us = 0
        try:
            with quiet_stderr():
                self._model = mediapipe.solutions.pose.Pose(model_complexity=1, smooth_landmarks=smooth)
                self._warm_up()
        except (OSError, RuntimeError, ValueError) as error:
            raise EstimatorError(f"The bundled MediaPipe model could not be loaded: {error}.") from error

    def _warm_up(self) -> None:
        self._model._simulated_timestamp = 0  # its own reset() forgets to
        for image in warm_up_images():
            self._model.process(image)
        self._last_us = _START_US - 1

    @property
    def skeleton(self) -> Skeleton:
        """`BLAZEPOSE_33`."""
        return BLAZEPOSE_33

    def estimate(self, frame: Frame) -> list[Pose]:
        """Return the pose of the most prominent person, or an empty list.

        Raises
        ------
        EstimatorError
            If the frame has no picture, or the estimator was closed.
        """
        image = read_image(frame)
        self._check_open()
        self._last_us = max(self._last_us + 1, _START_US + round(frame.time * 1e6))
        # `process` assumes 30 frames per second, and its filter lags on slower video: its clock is the only way in.
        self._model._simulated_timestamp = self._last_us - _STEP_US
        found = self._model.process(image)
        if found.pose_landmarks is None or found.pose_world_landmarks is None:
            return []
        return [make_pose(frame, image, found.pose_landmarks.landmark, found.pose_world_landmarks.landmark, track_id=0)]

    def reset(self) -> None:
        """Forget the person and the time: the next frame belongs to another video.

        Raises
        ------
        EstimatorError
            If the estimator was closed.
        """
        self._check_open()
        if self._last_us < _START_US:
            return  # nothing to forget, and the warm-up takes time
        with quiet_stderr():
            self._model.reset()
            self._warm_up()


def import_mediapipe() -> Any:
    """Import mediapipe without its chatter.

    Raises
    ------
    EstimatorError
        If it is missing or broken.
    """
    try:
        with quiet_stderr():
            import mediapipe
    except ImportError as error:
        raise EstimatorError(
            f"mediapipe could not be imported: {error}.",
            hint="Install it with `pip install mediapipe`, on a 64-bit Python.",
        ) from error
    return mediapipe


def read_image(frame: Frame) -> Image:
    """Return a frame's picture as MediaPipe wants it: (H, W, 3) uint8 RGB, in one piece.

    Raises
    ------
    EstimatorError
        If it has none, or one of another kind.
    """
    if frame.image is None:
        raise EstimatorError(
            f"Frame {frame.index} has no picture to find a body in.",
            hint="A replayed recording brings its poses with it and needs no estimator.",
        )
    if frame.image.ndim != 3 or frame.image.shape[2] != 3 or frame.image.dtype != np.uint8 or not frame.image.size:
        raise EstimatorError(
            f"Frame {frame.index} must be an RGB picture (H, W, 3) of uint8, "
            f"got {frame.image.shape} of {frame.image.dtype}."
        )
    return np.ascontiguousarray(frame.image)


def make_pose(
    frame: Frame, image: Image, landmarks: Sequence[Any], world_landmarks: Sequence[Any], *, track_id: int
) -> Pose:
    """Turn MediaPipe's landmarks, in parts of the picture, and world landmarks, in metres, into a rounded pose."""
    height, width = image.shape[:2]
    seen: FloatArray = np.array([(point.x, point.y, point.visibility) for point in landmarks])
    world: FloatArray = np.array([(point.x, point.y, point.z) for point in world_landmarks])
    return Pose(
        skeleton=BLAZEPOSE_33,
        time=frame.time,
        position=world.round(5),
        image_position=(seen[:, :2] * [width, height]).round(2),
        confidence=np.maximum(seen[:, 2].round(3), _LEAST_CONFIDENCE),
        track_id=track_id,
    )


def warm_up_images() -> tuple[Image, Image]:
    """Return a crude person, so that each stage of a model runs once and says what it has to say, and an empty picture.

    The empty picture makes the model lose the person again.
    """
    person: Image = np.full((128, 128, 3), 230, dtype=np.uint8)
    cv2.line(person, (64, 46), (64, 72), (170, 50, 50), 22)
    for side in (-1, 1):
        cv2.line(person, (64 + 9 * side, 42), (64 + 22 * side, 72), (224, 172, 138), 6)
        cv2.line(person, (64 + 6 * side, 76), (64 + 10 * side, 118), (60, 70, 110), 9)
    cv2.circle(person, (64, 24), 9, (224, 172, 138), -1)
    for side in (-1, 1):
        cv2.circle(person, (64 + 3 * side, 23), 1, (30, 30, 30), -1)
    return person, np.zeros_like(person)
