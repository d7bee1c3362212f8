"""Person detectors that users bring: every layout says the same box, and other graphs are refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from actionpose.errors import EstimatorError
from actionpose.estimators import load_estimator
from actionpose.estimators.finders import DetectorFinder
from actionpose.estimators.yolo import YoloDetector, decode_yolo
from actionpose.pose import Frame
from actionpose.skeleton import COCO_17, UPPER_BODY_6
from tests.estimators.models import dot_graph, write_dot_model

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

SIZE = (160, 96)
PLACES = 20 * 12 + 10 * 6 + 5 * 3
LAYOUTS = ["v5", "v8", "pose", "end-to-end"]


def output(
    layout: str, box: tuple[float, float, float, float], *, score: float = 0.9, n_classes: int = 3
) -> np.ndarray:
    """What a detector gives that found `box` (left, top, right, bottom) of class 0, and a surer one of class 1."""
    left, top, right, bottom = box
    middle = [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
    other = [20.0, 20.0, 10.0, 10.0]
    if layout == "v5":
        rows = np.zeros((3 * PLACES, 5 + n_classes))
        rows[7] = [*middle, 1.0, score, *[0.0] * (n_classes - 1)]
        rows[9, :5], rows[9, 6] = [*other, 1.0], 0.99
        return rows[None]
    if layout in ("v8", "pose"):
        rows = np.zeros((4 + (1 + 51 if layout == "pose" else n_classes), PLACES))
        rows[:5, 7] = [*middle, score]
        if layout == "v8":
            rows[:4, 9], rows[5, 9] = other, 0.99
        return rows[None]
    rows = np.zeros((300, 6))
    rows[0] = [15, 15, 25, 25, 0.99, 1]
    rows[1] = [*box, score, 0]
    return rows[None]


def graph(result: np.ndarray, *, size: tuple[int, int] | None = SIZE, kind: str = "FLOAT") -> bytes:
    """A graph that always gives `result`, whatever picture it takes; `size` None leaves the sides open."""
    helper, number = onnx.helper, getattr(onnx.TensorProto, kind)
    height, width = (size[1], size[0]) if size else ("h", "w")
    nodes = [
        helper.make_node("ReduceMax", ["images"], ["most"], keepdims=0),
        helper.make_node("Sub", ["most", "most"], ["nothing"]),
        helper.make_node("Add", ["nothing", "result"], ["output0"]),
    ]
    dtype = np.float16 if kind == "FLOAT16" else np.float32
    made = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info("images", number, [1, 3, height, width])],
        [helper.make_tensor_value_info("output0", number, list(result.shape))],
        [onnx.numpy_helper.from_array(result.astype(dtype), "result")],
    )
    return bytes(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString())


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["FLOAT", "FLOAT16"])
def test_each_layout_gives_the_box(layout: str, kind: str) -> None:
    detector = YoloDetector(graph(output(layout, (40, 18, 80, 78)), kind=kind), "yolo.onnx")
    box = detector.find(np.zeros((180, 320, 3), np.uint8))  # half as large inside, 3 rows of gray above and below
    assert box is not None
    assert (box.left, box.top, box.width, box.height) == pytest.approx((80, 30, 80, 120), abs=0.2)


def test_one_class_is_enough() -> None:
    for layout in ("v5", "v8"):
        result = output(layout, (40, 18, 80, 78), n_classes=2)
        result = result[:, :, :6] if layout == "v5" else result[:, :5]
        corners, scores = decode_yolo(result, size=SIZE)
        np.testing.assert_allclose(corners[scores.argmax()], [40, 18, 80, 78])


def test_nobody() -> None:
    for layout in LAYOUTS:
        detector = YoloDetector(graph(output(layout, (40, 18, 80, 78), score=0.1)), "yolo.onnx")
        assert detector.find(np.zeros((180, 320, 3), np.uint8)) is None
    empty = YoloDetector(graph(np.zeros((1, 300, 6))), "yolo.onnx")
    assert empty.find(np.zeros((180, 320, 3), np.uint8)) is None


def test_sides_left_open_are_640() -> None:
    places = 80 * 80 + 40 * 40 + 20 * 20
    rows = np.zeros((1, 84, places))
    rows[0, :5, 3] = [320, 320, 64, 128, 0.8]
    box = YoloDetector(graph(rows, size=None), "yolo.onnx").find(np.zeros((320, 320, 3), np.uint8))
    assert box is not None
    assert (box.left, box.top, box.width, box.height) == pytest.approx((144, 128, 32, 64), abs=0.2)


def test_what_is_no_detector_is_refused() -> None:
    with pytest.raises(EstimatorError, match=r"yolo\.onnx could not be loaded"):
        YoloDetector(b"junk", "yolo.onnx")
    detector = YoloDetector(graph(np.zeros((1, 10))), "yolo.onnx")
    with pytest.raises(EstimatorError, match=r"gave \(1, 10\), which is no YOLO layout for pictures of 160x96"):
        detector.find(np.zeros((180, 320, 3), np.uint8))
    with pytest.raises(EstimatorError, match="must take one picture"):
        YoloDetector(dot_graph((64, 64), 1), "dots.onnx")


def test_of_a_person_without_legs_the_upper_end_is_tried_too() -> None:
    detector = YoloDetector(graph(output("v8", (40, 6, 72, 90))), "yolo.onnx")
    frame = Frame(index=0, time=0.0, image=np.zeros((96, 160, 3), np.uint8))
    whole, upper = DetectorFinder(detector, UPPER_BODY_6, margin=0.0).find(frame)
    assert (whole.width, upper.width) == pytest.approx((84, 42))
    assert upper.top == pytest.approx(whole.top)
    assert upper.left + upper.width / 2 == pytest.approx(56)
    assert len(DetectorFinder(detector, COCO_17, margin=0.0).find(frame)) == 1


def test_a_model_asks_its_detector(tmp_path: Path) -> None:
    folder = write_dot_model(tmp_path / "m", margin=0.3)
    weights = graph(output("v8", (95, 35, 145, 75)))
    (folder / "yolo.onnx").write_bytes(weights)
    path = folder / "model.json"
    changed = {"finder": "yolo.onnx", "finder_sha256": hashlib.sha256(weights).hexdigest()}
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    image = np.full((96, 160, 3), 128, np.uint8)
    for x, y, shade in ((105, 45, 255), (135, 65, 0)):
        cv2.circle(image, (x, y), 5, (shade,) * 3, -1, cv2.LINE_AA)
    with load_estimator(folder) as estimator:
        (pose,) = estimator.estimate(Frame(index=0, time=0.0, image=image))
    np.testing.assert_allclose(pose.position, [[105.5, 45.5], [135.5, 65.5]], atol=1.0)
