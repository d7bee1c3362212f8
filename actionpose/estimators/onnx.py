"""Keypoint models of your own, run by ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from actionpose.errors import EstimatorError
from actionpose.estimators.base import KeypointEstimator
from actionpose.estimators.crops import Box, cut_crop, find_box, follow_box
from actionpose.estimators.mediapipe import read_image
from actionpose.estimators.model_folder import ModelDescription, read_model
from actionpose.pose import FloatArray, Frame, Pose
from actionpose.skeleton import Skeleton

__all__ = ["OnnxPose", "load_session", "run_session"]

_SEEN = 0.3  # confidence from which a keypoint may be there at all
_SURE = 0.5  # confidence from which it says where to look next
_MIN_SEEN = 0.5  # share of the keypoints that must be seen, or the body is lost
_DOUBTFUL = 0.85  # mean confidence under which the detector is asked whether the body is somewhere else
_SEARCH_S = 0.5  # between two such questions, since one takes longer than all the rest


class OnnxPose:
    """A trained keypoint model, for one body.

    Where the body is, is known from the previous frame's keypoints. When it is lost, and at most twice a second when
    the model is in doubt, a person is looked for by MediaPipe, another body in the whole picture.
    Poses are 2-D: `position` and `image_position` are pixels, `confidence` the model's own.

    Parameters
    ----------
    folder : str or Path
        A model folder, as ``actionpose keypoints export`` writes it.
    threads : int
        Processor threads; small models gain nothing by more than one.

    Raises
    ------
    EstimatorError
        If the folder does not hold a model, its files do not belong together, or the model cannot be run.
    """

    def __init__(self, folder: str | Path, *, threads: int = 1) -> None:
        self._model, weights = read_model(folder)
        self._session: Any = load_session(weights, self._model, threads=threads)
        self._finder: KeypointEstimator | None = None
        self._box: Box | None = None
        self._searched_s = self._seen_s = -np.inf

    @property
    def name(self) -> str:
        """Name of the model and the beginning of its weights' checksum."""
        return f"{self._model.name} {self._model.sha256[:8]}"

    @property
    def skeleton(self) -> Skeleton:
        """Skeleton of the model."""
        return self._model.skeleton

    def estimate(self, frame: Frame) -> list[Pose]:
        """Return the pose of the body in view, or an empty list.

        Raises
        ------
        EstimatorError
            If the frame has no picture, or the estimator was closed.
        """
        read_image(frame)
        self._check_open()
        if self._model.margin is None:
            pose = self._look(frame, _whole(frame))
            return [] if pose is None else [pose]
        pose = None if self._box is None else self._look(frame, self._box)
        before = self._box
        if self._must_search(pose, frame.time) and (box := self._find(frame)) is not None:
            other = self._look(frame, box)
            if other is not None and (pose is None or other.confidence.mean() > pose.confidence.mean()):
                pose, before = other, None
        self._box = None if pose is None else self._follow(pose, before)
        self._seen_s = frame.time
        return [] if pose is None else [pose]

    def _follow(self, pose: Pose, before: Box | None) -> Box | None:
        """Return where to look in the next frame."""
        assert self._model.margin is not None
        position = np.where(pose.confidence[:, None] >= _SURE, pose.position, np.nan)
        elapsed_s = pose.time - self._seen_s
        return follow_box(before, position, self.skeleton, margin=self._model.margin, elapsed_s=elapsed_s)

    def _look(self, frame: Frame, box: Box) -> Pose | None:
        """Return the pose of the body in a box, or None if it is not there."""
        assert frame.image is not None
        size = self._model.size
        box = box.fitted(size)
        crop = cut_crop(frame.image, box, size, channels=self._model.channels)
        keypoints, confidence = run_session(self._session, crop[None])
        if (confidence[0] >= _SEEN).mean() < _MIN_SEEN:
            return None
        position = box.to_picture(keypoints[0], size).round(2)
        return Pose(
            skeleton=self.skeleton,
            time=frame.time,
            position=position,
            confidence=confidence[0].round(3),
            image_position=position,
        )

    def _must_search(self, pose: Pose | None, time: float) -> bool:
        if pose is None:
            return True
        return float(pose.confidence.mean()) < _DOUBTFUL and not 0 <= time - self._searched_s < _SEARCH_S

    def _find(self, frame: Frame) -> Box | None:
        """Return where the body may be: the whole picture, where there is no detector of such bodies."""
        self._searched_s = frame.time
        if self._model.finder == "none" or self._model.margin is None:
            return _whole(frame)
        found = self._load_finder().estimate(frame)
        if not found or found[0].image_position is None:
            return None
        place = dict(zip(found[0].skeleton.keypoints, found[0].image_position, strict=True))
        unknown = np.full(2, np.nan)
        position = np.stack([place.get(name, unknown) for name in self.skeleton.keypoints])
        return find_box(position, self.skeleton, margin=self._model.margin)

    def _load_finder(self) -> KeypointEstimator:
        if self._finder is None:
            from actionpose.estimators.mediapipe import MediaPipePose

            self._finder = MediaPipePose(smooth=False)
        return self._finder

    def reset(self) -> None:
        """Forget the body: the next frame belongs to another video.

        Raises
        ------
        EstimatorError
            If the estimator was closed.
        """
        self._check_open()
        self._box, self._searched_s, self._seen_s = None, -np.inf, -np.inf
        if self._finder is not None:
            self._finder.reset()

    def _check_open(self) -> None:
        if self._session is None:
            raise EstimatorError("The estimator was closed.", hint="Load a new one.")

    def close(self) -> None:
        """Release the model."""
        self._session = None
        if self._finder is not None:
            self._finder.close()
            self._finder = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _whole(frame: Frame) -> Box:
    assert frame.image is not None
    height, width = frame.image.shape[:2]
    return Box(left=0.0, top=0.0, width=float(width), height=float(height))


def load_session(weights: bytes, model: ModelDescription, *, threads: int = 1) -> Any:
    """Load an ONNX graph and check that it is what its description says.

    Raises
    ------
    EstimatorError
        If ONNX Runtime is not installed, or the graph cannot be loaded or has other inputs or outputs.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise EstimatorError(
            f"onnxruntime could not be imported: {error}.", hint="Install it: `pip install onnxruntime`."
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what goes wrong is raised
    try:
        session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors share no class
        raise EstimatorError(f"{model.weights} could not be loaded: {error}.", hint="Export the model anew.") from error
    k, (width, height) = model.skeleton.n_keypoints, model.size
    expected = {
        "image": ("tensor(uint8)", [height, width, model.channels]),
        "keypoints": ("tensor(float)", [k, 2]),
        "confidence": ("tensor(float)", [k]),
    }
    found = {node.name: (node.type, node.shape[1:]) for node in (*session.get_inputs(), *session.get_outputs())}
    if found != expected:
        raise EstimatorError(
            f"{model.weights} does not fit its description: expected {expected}, got {found}.",
            hint="Was a model of another skeleton or size put in its place? Export it anew.",
        )
    return session


def run_session(session: Any, crops: npt.NDArray[np.uint8]) -> tuple[FloatArray, FloatArray]:
    """Return keypoints (N, K, 2) in pixels and confidence (N, K) for crops (N, H, W, C)."""
    keypoints, confidence = session.run(["keypoints", "confidence"], {"image": np.ascontiguousarray(crops)})
    return keypoints.astype(np.float64), confidence.astype(np.float64)
