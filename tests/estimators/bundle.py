"""A pose landmarker bundle made of the model files that the mediapipe wheel carries, so that no test downloads one."""

from __future__ import annotations

import gc
import warnings
from pathlib import Path

import mediapipe
from mediapipe.tasks.python.metadata.metadata_writers import metadata_writer, model_asset_bundle_utils

_MODULES = Path(mediapipe.__file__).parent / "modules"


def write_task_bundle(path: Path) -> Path:
    """Write a ``.task`` file; what the wheel's models lack is how pictures are normalised."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the metadata writer leaves files open
        _write(path)
        gc.collect()
    return path


def _write(path: Path) -> None:
    models = {
        "pose_detector.tflite": _described(_MODULES / "pose_detection/pose_detection.tflite", mean=127.5, std=127.5),
        "pose_landmarks_detector.tflite": _described(
            _MODULES / "pose_landmark/pose_landmark_full.tflite", mean=0.0, std=255.0
        ),
    }
    model_asset_bundle_utils.create_model_asset_bundle(models, str(path))


def _described(model: Path, *, mean: float, std: float) -> bytes:
    writer = metadata_writer.MetadataWriter.create(bytearray(model.read_bytes()))
    writer.add_general_info(model.stem)
    writer.add_image_input([mean], [std])
    populated, _ = writer.populate()
    return bytes(populated)
