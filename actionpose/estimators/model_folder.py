"""A keypoint model in a folder: ``weights.onnx`` and, in ``model.json``, what it is.

The graph takes ``image`` (N, H, W, C) uint8 and gives ``keypoints`` (N, K, 2) in pixels of that image and
``confidence`` (N, K) from 0 to 1; scaling of values and decoding are inside it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from actionpose.errors import EstimatorError, InvalidDataError
from actionpose.estimators.one_euro import SmoothingSettings
from actionpose.reading import decode_json, read_bytes
from actionpose.recording.format import SkeletonRecord
from actionpose.skeleton import Skeleton
from actionpose.whole_file import save_whole

__all__ = [
    "DESCRIPTION",
    "ModelDescription",
    "is_model_folder",
    "read_finder",
    "read_model",
    "set_finder",
    "set_smoothing",
    "write_description",
]

DESCRIPTION: Final = "model.json"
FORMAT: Final = "actionpose-keypoint-model"
VERSION: Final = 1

_MAX_DESCRIPTION_BYTES = 1_000_000
_MAX_WEIGHTS_BYTES = 2**30
_ADVICE = "Export it anew: `actionpose keypoints export TRAINING -o FOLDER`."

_ONNX_NAME = r"[A-Za-z0-9_-]+\.onnx"
_Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
_Side = Annotated[int, msgspec.Meta(ge=32, le=4096)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDescription:
    """What a model is and how to feed it.

    Parameters
    ----------
    name : str
        What to call it; kept with every template it makes.
    skeleton : Skeleton
        Names the K keypoints.
    size : (int, int)
        Width and height of the picture it takes.
    channels : int
        1 for gray, 3 for RGB.
    margin : float, optional
        Room around the body in its crops, as a share of the body's extent. None: it takes the whole picture.
    finder : str
        Who says where the body is at first: ``person`` or ``hand``, MediaPipe's models of these; the name of an ONNX
        file in the folder, a YOLO detector; or ``none``, since the whole picture is taken.
    weights : str
        Name of the ONNX file in the folder.
    sha256 : str
        Of that file.
    metrics : mapping of str to float
        How good it was when it was exported.
    versions : mapping of str to str
        Of the packages it was made with.
    finder_sha256 : str, optional
        Of the detector's file.
    smoothing : SmoothingSettings, optional
        How its keypoints are steadied. None: not at all.
    """

    name: str
    skeleton: Skeleton
    size: tuple[int, int]
    channels: Literal[1, 3]
    margin: float | None
    finder: str
    weights: str
    sha256: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    finder_sha256: str | None = None
    smoothing: SmoothingSettings | None = None


class _Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: Literal["actionpose-keypoint-model"]
    version: int
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    skeleton: SkeletonRecord
    size: tuple[_Side, _Side]
    channels: Literal[1, 3]
    margin: Annotated[float, msgspec.Meta(ge=0, le=10)] | None
    finder: Annotated[str, msgspec.Meta(pattern=rf"^(person|hand|none|{_ONNX_NAME})$", max_length=100)]
    weights: Annotated[str, msgspec.Meta(pattern=rf"^{_ONNX_NAME}$", max_length=100)]
    sha256: _Sha256
    metrics: dict[str, float]
    versions: dict[str, str]
    finder_sha256: _Sha256 | None = None
    smoothing: SmoothingSettings | None = None


def is_model_folder(path: str | Path) -> bool:
    """Whether a folder says that it holds a keypoint model."""
    return (Path(path) / DESCRIPTION).is_file()


def write_description(folder: str | Path, description: ModelDescription) -> None:
    """Write ``model.json``."""
    record = _Record(
        format=FORMAT,
        version=VERSION,
        skeleton=SkeletonRecord.from_skeleton(description.skeleton),
        metrics=dict(description.metrics),
        versions=dict(description.versions),
        **{name: getattr(description, name) for name in _PLAIN},
    )
    text = msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"
    save_whole(Path(folder) / DESCRIPTION, text, error=EstimatorError)


_PLAIN = ("name", "size", "channels", "margin", "finder", "weights", "sha256", "finder_sha256", "smoothing")


def read_model(folder: str | Path) -> tuple[ModelDescription, bytes]:
    """Read a model's description and weights.

    Raises
    ------
    EstimatorError
        If a file is missing, too large, damaged, or does not belong to the other.
    """
    folder = Path(folder)
    description = _read_description(folder / DESCRIPTION)
    return description, _read_checked(folder / description.weights, description.sha256)


def read_finder(folder: str | Path, description: ModelDescription) -> bytes:
    """Read the detector that a description names.

    Raises
    ------
    EstimatorError
        If it is missing, too large, or another file.
    """
    return _read_checked(Path(folder) / description.finder, description.finder_sha256)


def set_finder(folder: str | Path, finder: str | Path) -> None:
    """Let a model ask another finder: ``person``, ``hand``, ``none``, or a YOLO detector's ONNX file, which is copied.

    Raises
    ------
    EstimatorError
        If the folder holds no model, or the file cannot be read.
    """
    description, _ = read_model(folder)
    if str(finder) in ("person", "hand", "none"):
        write_description(folder, replace(description, finder=str(finder), finder_sha256=None))
        return
    path = Path(finder)
    if path.suffix != ".onnx":
        raise EstimatorError(
            f"There is no finder {str(finder)!r}.", hint="Expected person, hand, none, or an ONNX file of a YOLO model."
        )
    content = _read_weights(path)
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", path.stem) + ".onnx"
    name = f"finder_{name}" if name == description.weights else name
    save_whole(Path(folder) / name, content, error=EstimatorError)
    digest = hashlib.sha256(content).hexdigest()
    write_description(folder, replace(description, finder=name, finder_sha256=digest))


def set_smoothing(folder: str | Path, smoothing: SmoothingSettings | None) -> None:
    """Let a model steady its keypoints, or not.

    Raises
    ------
    EstimatorError
        If the folder holds no model.
    """
    description, _ = read_model(folder)
    write_description(folder, replace(description, smoothing=smoothing))


def _read_checked(path: Path, sha256: str | None) -> bytes:
    content = _read_weights(path)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise EstimatorError(
            f"{path} is not the file that {DESCRIPTION} describes: it was cut off, changed or exchanged.", hint=_ADVICE
        )
    return content


def _read_description(path: Path) -> ModelDescription:
    content = read_bytes(path, max_bytes=_MAX_DESCRIPTION_BYTES, what="a model's description", error=EstimatorError)
    where = f"{path} does not describe a keypoint model"
    record = decode_json(content, _Record, where=where, error=EstimatorError, hint=_ADVICE)
    try:
        skeleton = record.skeleton.to_skeleton()
    except InvalidDataError as error:
        raise EstimatorError(f"{where}: {error.message}", hint=_ADVICE) from error
    if record.version > VERSION:
        raise EstimatorError(
            f"{path} was written by a newer actionpose (version {record.version}, this one reads {VERSION}).",
            hint="Update actionpose.",
        )
    return ModelDescription(
        skeleton=skeleton,
        metrics=record.metrics,
        versions=record.versions,
        **{name: getattr(record, name) for name in _PLAIN},
    )


def _read_weights(path: Path) -> bytes:
    return read_bytes(path, max_bytes=_MAX_WEIGHTS_BYTES, what="a keypoint model", error=EstimatorError)
