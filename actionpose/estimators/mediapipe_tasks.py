"""A MediaPipe pose landmarker from a ``.task`` file, for one or several people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from actionpose.errors import EstimatorError
from actionpose.estimators.mediapipe import MediaPipeModel, import_mediapipe, make_pose, read_image, warm_up_images
from actionpose.estimators.quiet import quiet_stderr
from actionpose.estimators.tracking import BodyTracker
from actionpose.pose import Frame, Pose
from actionpose.reading import check_archive
from actionpose.skeleton import BLAZEPOSE_33, Skeleton

__all__ = ["MediaPipeTasksPose"]

_BUNDLED = {"pose_detector.tflite", "pose_landmarks_detector.tflite"}
_START_MS = 1000  # later than all warming up
_ADVICE = "Pose landmarker bundles are at https://ai.google.dev/edge/mediapipe/solutions/vision/pose_landmarker."


class MediaPipeTasksPose(MediaPipeModel):
    """MediaPipe's pose landmarker in video mode.

    Poses are as those of `MediaPipePose`, rounded alike; `track_id` stays with the body.

    Parameters
    ----------
    path : str or Path
        A pose landmarker bundle, ``.task``.
    max_people : int
        At most how many bodies to find.

    Raises
    ------
    EstimatorError
        If mediapipe is not installed, or the file is missing or no such bundle.
    """

    def __init__(self, path: str | Path, *, max_people: int = 1) -> None:
        self._path, self._max_people = _checked_bundle(Path(path)), max_people
        self._mediapipe = import_mediapipe()
        self._name = f"mediapipe {self._mediapipe.__version__} {self._path.name}"
        self._tracker = BodyTracker()
        self._model = None
        self._start()

    def _start(self) -> None:
        tasks = self._mediapipe.tasks
        options = tasks.vision.PoseLandmarkerOptions(
            base_options=tasks.BaseOptions(model_asset_path=str(self._path)),
            running_mode=tasks.vision.RunningMode.VIDEO,
            num_poses=self._max_people,
        )
        try:
            with quiet_stderr():
                self._model = tasks.vision.PoseLandmarker.create_from_options(options)
                for ms, image in enumerate(warm_up_images()):
                    self._detect(image, ms)
        except (OSError, RuntimeError, ValueError) as error:
            raise EstimatorError(
                f"{self._path} could not be loaded as a pose landmarker: {error}.", hint=_ADVICE
            ) from error
        self._last_ms = _START_MS - 1

    def _detect(self, image: Any, ms: int) -> Any:
        picture = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=image)
        return self._model.detect_for_video(picture, ms)

    @property
    def skeleton(self) -> Skeleton:
        """`BLAZEPOSE_33`."""
        return BLAZEPOSE_33

    def estimate(self, frame: Frame) -> list[Pose]:
        """Return a pose for each person, or an empty list.

        Raises
        ------
        EstimatorError
            If the frame has no picture, or the estimator was closed.
        """
        image = read_image(frame)
        self._check_open()
        self._last_ms = max(self._last_ms + 1, _START_MS + round(frame.time * 1e3))  # equal times are refused
        found = self._detect(image, self._last_ms)
        poses = [
            make_pose(frame, image, landmarks, world, track_id=0)
            for landmarks, world in zip(found.pose_landmarks, found.pose_world_landmarks, strict=True)
        ]
        ids = self._tracker.update(
            frame.time, [pose.image_position for pose in poses if pose.image_position is not None]
        )
        return [replace(pose, track_id=track_id) for pose, track_id in zip(poses, ids, strict=True)]

    def reset(self) -> None:
        """Forget all people and the time: the next frame belongs to another video.

        Raises
        ------
        EstimatorError
            If the estimator was closed.
        """
        self._check_open()
        self.close()
        self._tracker.reset()
        self._start()


def _checked_bundle(path: Path) -> Path:
    if not path.is_file():
        raise EstimatorError(f"There is no file {path}.", hint=_ADVICE)
    if not check_archive(path, what="a pose landmarker bundle", error=EstimatorError, hint=_ADVICE) >= _BUNDLED:
        raise EstimatorError(
            f"{path} is not a pose landmarker bundle: expected a zip file with {' and '.join(sorted(_BUNDLED))}.",
            hint=_ADVICE,
        )
    return path
