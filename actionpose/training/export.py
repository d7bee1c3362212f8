"""From a trained model to a folder that runs without torch."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from actionpose.estimators.model_folder import ModelDescription, write_description
from actionpose.estimators.onnx import load_session, run_session
from actionpose.skeleton import BLAZEPOSE_33, HAND_21, Skeleton
from actionpose.training.checkpoint import TrainedModel, predict
from actionpose.training.errors import TrainingError
from actionpose.training.running import RunningNetwork
from actionpose.whole_file import save_whole

__all__ = ["ExportReport", "export_model", "measure_latency"]

_WEIGHTS = "weights.onnx"
_N_CALIBRATION = 200
_N_COMPARED = 64
_QUANTIZED = ["Conv", "Relu", "Add", "Gemm"]  # the others are decoding, which must stay exact

_Images = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """How the exported model compares with the checkpoint on the same pictures.

    Parameters
    ----------
    folder : Path
        Where it is.
    n_bytes : int
        Size of the weights.
    largest_difference_px, mean_difference_px : float
        Between its keypoints and the checkpoint's, in crop pixels.
    latency_ms : float
        Median time of one picture with one thread.
    """

    folder: Path
    n_bytes: int
    largest_difference_px: float
    mean_difference_px: float
    latency_ms: float


def export_model(
    model: TrainedModel,
    folder: str | Path,
    *,
    name: str,
    examples: _Images,
    margin: float | None,
    precision: Literal["float32", "int8"] = "float32",
    metrics: Mapping[str, float] | None = None,
) -> ExportReport:
    """Write a model folder and compare it with the model.

    Parameters
    ----------
    model : TrainedModel
        What to export.
    folder : path
        Where to; made if it does not exist, and what it held of an older export is replaced.
    name : str
        What to call the model.
    examples : array (N, H, W, C) uint8
        Crops to compare with; int8 is calibrated on up to 200 of them: take pictures that were trained on.
    margin : float, optional
        Room around the body that its crops were cut with; None for whole pictures.
    precision : {"float32", "int8"}
        int8 is about a quarter of the size, and quicker on most processors.
    metrics : mapping of str to float, optional
        Written into the description.

    Raises
    ------
    TrainingError
        If onnx is not installed, or the graph cannot be written.
    EstimatorError
        If the result cannot be run.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / _WEIGHTS
        _write_graph(model, path, is_quantized=precision == "int8")
        if precision == "int8":
            path = _quantize(path, _spread(examples, _N_CALIBRATION))
        weights = path.read_bytes()
    description = ModelDescription(
        name=name,
        skeleton=model.skeleton,
        size=model.size,
        channels=1 if model.channels == 1 else 3,
        margin=margin,
        finder="none" if margin is None else _choose_finder(model.skeleton),
        weights=_WEIGHTS,
        sha256=hashlib.sha256(weights).hexdigest(),
        metrics=metrics or {},
        versions={package: version(package) for package in ("actionpose", "torch", "onnx", "onnxruntime")},
    )
    session = load_session(weights, description)
    save_whole(folder / _WEIGHTS, weights, error=TrainingError)
    write_description(folder, description)
    compared = _spread(examples, _N_COMPARED)
    expected, _ = predict(model.network, compared)
    found = np.concatenate([run_session(session, crop[None])[0] for crop in compared])
    difference = np.hypot(*np.moveaxis(found - expected, 2, 0))
    return ExportReport(
        folder=folder,
        n_bytes=len(weights),
        largest_difference_px=float(difference.max()),
        mean_difference_px=float(difference.mean()),
        latency_ms=measure_latency(session, compared[:1]),
    )


def _choose_finder(skeleton: Skeleton) -> str:
    known = {"person": BLAZEPOSE_33, "hand": HAND_21}
    return next((name for name, all_ in known.items() if set(skeleton.keypoints) <= set(all_.keypoints)), "none")


def measure_latency(session: Any, crop: _Images, *, n: int = 50) -> float:
    """Return the median time of one run in milliseconds."""
    for _ in range(5):
        run_session(session, crop)
    times = []
    for _ in range(n):
        start = time.perf_counter()
        run_session(session, crop)
        times.append(time.perf_counter() - start)
    return float(np.median(times)) * 1e3


def _write_graph(model: TrainedModel, path: Path, *, is_quantized: bool) -> None:
    width, height = model.size
    example = torch.zeros(2, height, width, model.channels, dtype=torch.uint8)
    try:
        import onnx  # noqa: F401  missing ones are told of before any work
        import onnxscript  # noqa: F401

        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), _quiet_logs():
            warnings.simplefilter("ignore")  # the exporter's own deprecations
            torch.onnx.export(
                RunningNetwork(model.network, is_quantized=is_quantized),
                (example,),
                str(path),
                input_names=["image"],
                output_names=["keypoints", "confidence"],
                dynamic_shapes={"image": {0: torch.export.Dim("batch")}},
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    except ImportError as error:
        raise TrainingError(
            f"Exporting needs onnx and onnxscript: {error}.", hint="Install them: `pip install 'actionpose[train]'`."
        ) from error


def _quantize(path: Path, examples: _Images) -> Path:
    """Static quantisation with the range of every activation measured on examples; weights per channel.

    The first convolution stays: with one to three channels coming in, it is quicker in floats.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Examples(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left = iter(examples)

        def get_next(self) -> dict[str, _Images] | None:
            crop = next(self._left, None)
            return None if crop is None else {"image": crop[None]}

    prepared, quantized = path.with_suffix(".prepared.onnx"), path.with_suffix(".int8.onnx")
    with _quiet_logs():
        quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
        first = next(node.name for node in onnx.load(str(prepared)).graph.node if node.op_type == "Conv")
        quantize_static(
            str(prepared),
            str(quantized),
            Examples(),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            op_types_to_quantize=_QUANTIZED,
            nodes_to_exclude=[first],
        )
    return quantized


@contextlib.contextmanager
def _quiet_logs() -> Any:
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _spread(images: _Images, n: int) -> _Images:
    """Return up to n images, evenly spread over all."""
    chosen: _Images = images[np.unique(np.linspace(0, len(images) - 1, min(n, len(images))).round().astype(int))]
    return chosen
