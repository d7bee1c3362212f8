"""The MediaPipe hand model that comes with the package, for one hand."""

from __future__ import annotations

import numpy as np

from actionpose.errors import EstimatorError
from actionpose.estimators.mediapipe import MediaPipeModel, import_mediapipe, read_image
from actionpose.estimators.quiet import quiet_stderr
from actionpose.pose import FloatArray, Frame, Pose
from actionpose.skeleton import HAND_21, Skeleton

__all__ = ["MediaPipeHand"]


class MediaPipeHand(MediaPipeModel):
    """MediaPipe Hands "full" with tracking (Zhang et al. 2020, arXiv:2006.10214), from the mediapipe package.

    Poses are `HAND_21`, 2-D: `position` and `image_position` are pixels. The model says how sure it is of the hand, not
    of its keypoints: `confidence` is that, the same for all.

    Raises
    ------
    EstimatorError
        If mediapipe is not installed, or is a release without a bundled model.
    """

    def __init__(self) -> None:
        mediapipe = import_mediapipe()
        if not hasattr(mediapipe, "solutions"):
            raise EstimatorError(
                f"mediapipe {mediapipe.__version__} brings no hand model; 0.10.21, for Python 3.12 or older, does."
            )
        self._name = f"mediapipe {mediapipe.__version__} hand full"
        try:
            with quiet_stderr():
                self._model = mediapipe.solutions.hands.Hands(max_num_hands=1, model_complexity=1)
                self._model.process(np.zeros((64, 64, 3), np.uint8))  # says what it has to say
        except (OSError, RuntimeError, ValueError) as error:
            raise EstimatorError(f"The bundled MediaPipe hand model could not be loaded: {error}.") from error

    @property
    def skeleton(self) -> Skeleton:
        """`HAND_21`."""
        return HAND_21

    def estimate(self, frame: Frame) -> list[Pose]:
        """Return the pose of the most prominent hand, or an empty list.

        Raises
        ------
        EstimatorError
            If the frame has no picture, or the estimator was closed.
        """
        image = read_image(frame)
        self._check_open()
        with quiet_stderr():  # loads the landmark model at the first hand
            found = self._model.process(image)
        if not found.multi_hand_landmarks:
            return []
        height, width = image.shape[:2]
        points = found.multi_hand_landmarks[0].landmark
        share: FloatArray = np.array([(point.x, point.y) for point in points])
        position = (share * [width, height]).round(2)
        score = round(float(found.multi_handedness[0].classification[0].score), 3)
        confidence = np.full(HAND_21.n_keypoints, min(score, 1.0))
        return [
            Pose(skeleton=HAND_21, time=frame.time, position=position, image_position=position, confidence=confidence)
        ]

    def reset(self) -> None:
        """Forget the hand: the next frame belongs to another video.

        Raises
        ------
        EstimatorError
            If the estimator was closed.
        """
        self._check_open()
        with quiet_stderr():
            self._model.reset()
