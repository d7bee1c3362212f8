"""A model folder without training: its graph computes where the brightest and the darkest pixels are."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from actionpose.estimators.model_folder import ModelDescription, write_description
from actionpose.skeleton import Skeleton

DOTS = Skeleton(name="dots", keypoints=["bright", "dark"], edges=[("bright", "dark")])


@cache
def dot_graph(size: tuple[int, int], channels: int) -> bytes:
    """Gray and RGB alike: bright above 200, dark below 50; confidence is the area, 12 pixels or more being 1."""
    onnx = pytest.importorskip("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    width, height = size

    def constant(name: str, value: np.ndarray) -> object:
        return onnx.numpy_helper.from_array(value, name)

    axes = {"c": [3], "xy": [1, 2], "last": [2]}
    constants = [constant(f"axes_{name}", np.array(value, np.int64)) for name, value in axes.items()]
    constants += [
        constant("x", (np.arange(width, dtype=np.float32) + 0.5).reshape(1, 1, width)),
        constant("y", (np.arange(height, dtype=np.float32) + 0.5).reshape(1, height, 1)),
        constant("high", np.float32(200)), constant("low", np.float32(50)), constant("tiny", np.float32(1e-6)),
        constant("area", np.float32(12)), constant("one", np.float32(1)),
    ]  # fmt: skip
    node = helper.make_node
    nodes = [
        node("Cast", ["image"], ["float"], to=kinds.FLOAT),
        node("ReduceMean", ["float", "axes_c"], ["gray"], keepdims=0),
        node("Greater", ["gray", "high"], ["is_bright"]),
        node("Less", ["gray", "low"], ["is_dark"]),
    ]
    for name in ("bright", "dark"):
        nodes += [
            node("Cast", [f"is_{name}"], [f"w_{name}"], to=kinds.FLOAT),
            node("ReduceSum", [f"w_{name}", "axes_xy"], [f"n_{name}"], keepdims=0),
            node("Add", [f"n_{name}", "tiny"], [f"d_{name}"]),
            node("Div", [f"n_{name}", "area"], [f"c0_{name}"]),
            node("Min", [f"c0_{name}", "one"], [f"c_{name}"]),
        ]
        for axis in "xy":
            nodes += [
                node("Mul", [f"w_{name}", axis], [f"m{axis}_{name}"]),
                node("ReduceSum", [f"m{axis}_{name}", "axes_xy"], [f"s{axis}_{name}"], keepdims=0),
                node("Div", [f"s{axis}_{name}", f"d_{name}"], [f"p{axis}_{name}"]),
                node("Unsqueeze", [f"p{axis}_{name}", "axes_one"], [f"u{axis}_{name}"]),
            ]
        nodes += [
            node("Concat", [f"ux_{name}", f"uy_{name}"], [f"xy_{name}"], axis=1),
            node("Unsqueeze", [f"xy_{name}", "axes_one"], [f"k_{name}"]),
            node("Unsqueeze", [f"c_{name}", "axes_one"], [f"uc_{name}"]),
        ]
    nodes += [
        node("Concat", ["k_bright", "k_dark"], ["keypoints"], axis=1),
        node("Concat", ["uc_bright", "uc_dark"], ["confidence"], axis=1),
    ]
    constants.append(constant("axes_one", np.array([1], np.int64)))
    graph = helper.make_graph(
        nodes,
        "dots",
        [helper.make_tensor_value_info("image", kinds.UINT8, ["n", height, width, channels])],
        [
            helper.make_tensor_value_info("keypoints", kinds.FLOAT, ["n", 2, 2]),
            helper.make_tensor_value_info("confidence", kinds.FLOAT, ["n", 2]),
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def write_dot_model(
    folder: Path,
    *,
    size: tuple[int, int] = (64, 64),
    channels: int = 1,
    margin: float | None = None,
    has_finder: bool = True,
    skeleton: Skeleton = DOTS,
) -> Path:
    """Write a model folder that finds a bright and a dark dot."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = dot_graph(size, channels)
    (folder / "weights.onnx").write_bytes(weights)
    write_description(
        folder,
        ModelDescription(
            name="dots",
            skeleton=skeleton,
            size=size,
            channels=1 if channels == 1 else 3,
            margin=margin,
            finder="person" if margin is not None and has_finder else "none",
            weights="weights.onnx",
            sha256=hashlib.sha256(weights).hexdigest(),
        ),
    )
    return folder
