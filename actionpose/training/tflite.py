"""TFLite models for small boards, converted by ``litert-torch`` in an environment of its own.

litert-torch asks for versions of protobuf and others that mediapipe does not bear, so that it cannot be installed
beside it. This module is both sides: `export_tflite` calls another Python, in which `main` converts; what comes out is
run here by ``ai-edge-litert`` and compared with the checkpoint.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from actionpose.estimators.quiet import quiet_stderr
from actionpose.training.checkpoint import load_model, predict
from actionpose.training.errors import TrainingError
from actionpose.whole_file import save_whole

__all__ = ["TFLITE_ADVICE", "TfliteReport", "export_tflite", "run_tflite"]

TFLITE_ADVICE = (
    "Make an environment of its own: `python -m venv tflite-env && tflite-env/bin/pip install litert-torch msgspec`, "
    "then give --tflite tflite-env/bin/python."
)

_TIMEOUT_S = 900
_N_COMPARED = 32

_Images = npt.NDArray[np.uint8]
_Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class TfliteReport:
    """A TFLite file: its size, and how far its keypoints are from the checkpoint's, in crop pixels."""

    path: Path
    n_bytes: int
    largest_difference_px: float


def export_tflite(training: str | Path, path: str | Path, *, python: str | Path, examples: _Images) -> TfliteReport:
    """Write the model of a training as a TFLite file of 32-bit floats, and compare it with the checkpoint.

    Its input is a crop (1, H, W, C) of uint8, its outputs keypoints (1, K, 2) in pixels and confidence (1, K).

    Parameters
    ----------
    training : path
        The folder of a training.
    path : path
        The ``.tflite`` file.
    python : path
        A Python that has litert-torch and msgspec.
    examples : array (N, H, W, C) uint8
        Crops to compare by.

    Raises
    ------
    TrainingError
        If that Python cannot convert, or the result cannot be run.
    """
    path = Path(path)
    model = load_model(training)
    package = Path(__file__).parents[2]
    with TemporaryDirectory() as scratch:
        made = Path(scratch) / "model.tflite"
        command = [str(python), "-m", __name__, str(Path(training).resolve()), str(made)]
        environment = {**os.environ, "PYTHONPATH": str(package), "TF_CPP_MIN_LOG_LEVEL": "3"}
        try:
            done = subprocess.run(
                command,
                env=environment,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise TrainingError(f"{python} could not convert the model: {error}.", hint=TFLITE_ADVICE) from error
        if done.returncode or not made.is_file():
            reason = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise TrainingError(f"{python} could not convert the model: {reason}.", hint=TFLITE_ADVICE)
        content = made.read_bytes()
    compared = examples[np.unique(np.linspace(0, len(examples) - 1, _N_COMPARED).round().astype(int))]
    found, _ = run_tflite(content, compared)
    expected, _ = predict(model.network, compared)
    save_whole(path, content, error=TrainingError)
    difference = np.hypot(*np.moveaxis(found - expected, 2, 0))
    return TfliteReport(path=path, n_bytes=len(content), largest_difference_px=float(difference.max()))


def run_tflite(content: bytes, crops: _Images) -> tuple[_Floats, _Floats]:
    """Return keypoints (N, K, 2) in pixels and confidence (N, K) as a TFLite model sees them in crops (N, H, W, C).

    Raises
    ------
    TrainingError
        If ai-edge-litert is not installed, or cannot load the model.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise TrainingError(
            f"Running TFLite models needs ai-edge-litert: {error}.", hint="Install it: `pip install ai-edge-litert`."
        ) from error
    try:
        with quiet_stderr():
            interpreter: Any = Interpreter(model_content=content, num_threads=1)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise TrainingError(f"The TFLite model cannot be loaded: {error}.") from error
    (taken,) = interpreter.get_input_details()
    # Keypoints have one dimension more than confidence.
    given = sorted(interpreter.get_output_details(), key=lambda one: -len(one["shape"]))
    results: tuple[list[_Floats], list[_Floats]] = ([], [])
    for crop in crops:
        interpreter.set_tensor(taken["index"], crop[None])
        interpreter.invoke()
        for one, result in zip(given, results, strict=True):
            result.append(interpreter.get_tensor(one["index"])[0])
    return np.stack(results[0]), np.stack(results[1])


class _Graph(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Any:
        return self.network.predict(image)  # type: ignore[operator]


def main(training: str, path: str) -> None:
    """Convert; run by the Python that has litert-torch."""
    import litert_torch

    model = load_model(training)
    width, height = model.size
    example = torch.zeros(1, height, width, model.channels, dtype=torch.uint8)
    litert_torch.convert(_Graph(model.network).eval(), (example,)).export(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
