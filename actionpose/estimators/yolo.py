"""Where bodies are, by a YOLO detector that the user brings as an ONNX file."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from actionpose.errors import EstimatorError
from actionpose.estimators.crops import Box
from actionpose.pose import FloatArray

__all__ = ["YoloDetector", "decode_yolo"]

_MIN_SCORE = 0.25
_DEFAULT_SIDE = 640  # where the graph takes any
_PADDING = 114  # the gray that these models are trained with
_STRIDES = (8, 16, 32, 64)
_ANCHORS = 3  # of each place, in version 5


class YoloDetector:
    """Finds the body that a YOLO model of version 5, 8, 11 or their kin is surest of.

    Its class 0 is looked for: persons, in models trained on COCO, and the only class in most of one's own. Models with
    keypoints (``-pose``) and those exported with their own suppression of doubles are read too.

    Parameters
    ----------
    weights : bytes
        The ONNX file.
    name : str
        What to call it in messages.

    Raises
    ------
    EstimatorError
        If ONNX Runtime cannot load it, or it takes no picture.
    """

    def __init__(self, weights: bytes, name: str) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what goes wrong is raised
        try:
            self._session: Any = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its errors share no class
            raise EstimatorError(f"The detector {name} could not be loaded: {error}.") from error
        self._name = name
        taken = self._session.get_inputs()
        kinds = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
        if len(taken) != 1 or len(taken[0].shape) != 4 or taken[0].type not in kinds:
            raise EstimatorError(
                f"The detector {name} must take one picture (N, 3, H, W) of floats, as YOLO models do; it takes "
                f"{', '.join(f'{one.name} {one.shape} {one.type}' for one in taken)}."
            )
        self._input, self._dtype = taken[0].name, kinds[taken[0].type]
        height, width = (side if isinstance(side, int) else _DEFAULT_SIDE for side in taken[0].shape[2:])
        self._size = width, height

    def find(self, image: npt.NDArray[np.uint8]) -> Box | None:
        """Return the box of the surest body in an RGB picture (H, W, 3), or None.

        Raises
        ------
        EstimatorError
            If the model's output is not that of a YOLO detector.
        """
        height, width = image.shape[:2]
        scale = min(self._size[0] / width, self._size[1] / height)
        inner = max(1, round(width * scale)), max(1, round(height * scale))
        left, top = (self._size[0] - inner[0]) // 2, (self._size[1] - inner[1]) // 2
        padded = np.full((self._size[1], self._size[0], 3), _PADDING, np.uint8)
        padded[top : top + inner[1], left : left + inner[0]] = cv2.resize(image, inner, interpolation=cv2.INTER_LINEAR)
        taken = (padded.astype(np.float32) / 255).transpose(2, 0, 1)[None].astype(self._dtype)
        try:
            found = self._session.run(None, {self._input: taken})[0]
        except Exception as error:  # its errors share no class
            raise EstimatorError(f"The detector {self._name} could not be run: {error}.") from error
        corners, scores = decode_yolo(np.asarray(found, dtype=np.float64), size=self._size, name=self._name)
        if not len(scores) or scores.max() < _MIN_SCORE:
            return None
        place = (corners[scores.argmax()] - [left, top, left, top]) * np.tile([width / inner[0], height / inner[1]], 2)
        low, high = np.maximum(place[:2], 0), np.minimum(place[2:], [width, height])
        if not (high - low >= 1).all():
            return None
        return Box(left=float(low[0]), top=float(low[1]), width=float(high[0] - low[0]), height=float(high[1] - low[1]))


def decode_yolo(output: FloatArray, *, size: tuple[int, int], name: str = "") -> tuple[FloatArray, FloatArray]:
    """Return corners (N, 4) left, top, right, bottom in pixels of the model's picture, and scores (N,) of class 0.

    Parameters
    ----------
    output : array
        Version 5: (1, N, 5 + classes), middle, sides, objectness, share of each class. Versions 8 and 11: (1, 4 +
        classes, N), middle, sides, score of each class. With suppression inside, and version 10: (1, N, 6), corners,
        score, class.
    size : (int, int)
        Width and height of the model's picture; says how many places N a layout has.
    name : str
        Of the model, for the message.

    Raises
    ------
    EstimatorError
        If the output has none of these shapes.
    """
    if output.ndim == 3 and len(output) == 1:
        n_rows, n_columns = output.shape[1:]
        places = np.cumsum([(size[0] // stride) * (size[1] // stride) for stride in _STRIDES])[2:]
        if n_columns >= 6 and n_rows in _ANCHORS * places:
            return _corners(output[0, :, :4]), output[0, :, 4] * output[0, :, 5]
        if n_rows >= 5 and n_columns in places:
            return _corners(output[0, :4].T), output[0, 4]
        if n_columns == 6:
            return output[0, :, :4], np.where(output[0, :, 5] == 0, output[0, :, 4], 0.0)
    raise EstimatorError(
        f"The detector {name} gave {output.shape}, which is no YOLO layout for pictures of {size[0]}x{size[1]}.",
        hint="Expected (1, N, 5 + classes) of version 5, (1, 4 + classes, N) of 8 or 11, or (1, N, 6) of boxes.",
    )


def _corners(middle_and_sides: FloatArray) -> FloatArray:
    middle, half = middle_and_sides[:, :2], middle_and_sides[:, 2:] / 2
    return np.concatenate([middle - half, middle + half], axis=1)
