"""Keypoint models of your own, run by ONNX Runtime."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from actionpose.errors import EstimatorError
from actionpose.estimators.crops import Box, cut_crop, follow_box
from actionpose.estimators.finders import Finder, load_finder, whole_picture
from actionpose.estimators.mediapipe import read_image
from actionpose.estimators.model_folder import ModelDescription, read_model
from actionpose.estimators.one_euro import OneEuroFilter, SmoothingSettings
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
    the model is in doubt, what its description names as the finder is asked.
    Poses are 2-D: `position` and `image_position` are pixels, `confidence` the model's own.

    Parameters
    ----------
    folder : str or Path
        A model folder, as ``actionpose keypoints export`` writes it.
    threads : int
        Processor threads; small models gain nothing by more than one.
    smoothing : SmoothingSettings, optional
        How to steady the keypoints. Default: as the model's description says, which is usually not at all.

    Raises
    ------
    EstimatorError
        If the folder does not hold a model, its files do not belong together, or the model cannot be run.
    """

    def __init__(self, folder: str | Path, *, threads: int = 1, smoothing: SmoothingSettings | None = None) -> None:
        self._model, weights = read_model(folder)
        self._session: Any = load_session(weights, self._model, threads=threads)
        smoothing = smoothing or self._model.smoothing
        self._filter = None if smoothing is None else OneEuroFilter(smoothing)
        self._finder: Finder = load_finder(Path(folder), self._model)
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
        pose = self._look(frame, whole_picture(frame)) if self._model.margin is None else self._track(frame)
        if pose is None:
            self._forget_motion()
            return []
        return [self._steady(pose)]

    def _track(self, frame: Frame) -> Pose | None:
        """Look where the body was, and ask the finder if it is not there."""
        pose = None if self._box is None else self._look(frame, self._box)
        before = self._box
        if self._must_search(pose, frame.time):
            other = self._search(frame)
            if other is not None and (pose is None or other.confidence.mean() > pose.confidence.mean()):
                pose, before = other, None
                self._forget_motion()
        self._box = None if pose is None else self._follow(pose, before)
        self._seen_s = frame.time
        return pose

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

    def _search(self, frame: Frame) -> Pose | None:
        """Return the pose of a body that the finder knows of."""
        self._searched_s = frame.time
        found = [pose for box in self._finder.find(frame) if (pose := self._look(frame, box)) is not None]
        pose = max(found, key=lambda pose: float(pose.confidence.mean()), default=None)
        if pose is None or not self._finder.is_rough or (box := self._follow(pose, None)) is None:
            return pose
        nearer = self._look(frame, box)
        return pose if nearer is None else nearer

    def _steady(self, pose: Pose) -> Pose:
        if self._filter is None:
            return pose
        extent = np.nanmax(pose.position, axis=0) - np.nanmin(pose.position, axis=0)
        position = self._filter.update(pose.time, pose.position, body_px=max(float(np.hypot(*extent)), 1.0)).round(2)
        return replace(pose, position=position, image_position=position)

    def _forget_motion(self) -> None:
        if self._filter is not None:
            self._filter.reset()

    def reset(self) -> None:
        """Forget the body: the next frame belongs to another video.

        Raises
        ------
        EstimatorError
            If the estimator was closed.
        """
        self._check_open()
        self._box, self._searched_s, self._seen_s = None, -np.inf, -np.inf
        self._forget_motion()
        self._finder.reset()

    def _check_open(self) -> None:
        if self._session is None:
            raise EstimatorError("The estimator was closed.", hint="Load a new one.")

    def close(self) -> None:
        """Release the model."""
        self._session = None
        self._finder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


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
