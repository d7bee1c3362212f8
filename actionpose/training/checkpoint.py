"""Checkpoints: files of tensors and plain values, and the model that is in one."""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import numpy as np
import numpy.typing as npt
import torch

from actionpose.pose import FloatArray
from actionpose.recording.format import SkeletonRecord
from actionpose.skeleton import Skeleton
from actionpose.training.errors import TrainingError
from actionpose.training.network import KeypointNetwork
from actionpose.training.settings import NetworkSettings
from actionpose.whole_file import WholeFile

__all__ = ["TrainedModel", "load_checkpoint", "load_model", "predict", "read_progress", "save_checkpoint"]

VERSION: Final = 1

_PREDICT_BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """A network with its weights, and all that is needed to use it."""

    network: KeypointNetwork
    settings: NetworkSettings
    skeleton: Skeleton
    size: tuple[int, int]
    channels: int


def load_model(folder: str | Path, *, which: Literal["best", "last"] = "best", device: str = "cpu") -> TrainedModel:
    """Load the model that a training made.

    Raises
    ------
    TrainingError
        If the folder holds none, or the file is damaged.
    """
    path = Path(folder) / f"{which}.pt"
    saved = load_checkpoint(path)
    try:
        settings = NetworkSettings(**saved["network"])
        skeleton = msgspec.convert(saved["skeleton"], SkeletonRecord).to_skeleton()
        size, channels = (int(saved["size"][0]), int(saved["size"][1])), int(saved["channels"])
        network = KeypointNetwork(settings, size=size, channels=channels, n_keypoints=skeleton.n_keypoints)
        network.load_state_dict(saved["average"])
    except (KeyError, TypeError, ValueError, RuntimeError, msgspec.MsgspecError) as error:
        raise TrainingError(f"{path} holds no model: {error}.", hint="Train anew.") from error
    return TrainedModel(
        network=network.to(device).eval(), settings=settings, skeleton=skeleton, size=size, channels=channels
    )


def read_progress(folder: str | Path) -> tuple[int, str]:
    """Return how many steps a training has made, and the fingerprint of the dataset it was made on.

    Raises
    ------
    TrainingError
        If the folder holds no training that could be gone on with, or the file is damaged.
    """
    path = Path(folder) / "last.pt"
    saved = load_checkpoint(path)
    try:
        return int(saved["step"]), str(saved["dataset"])
    except (KeyError, TypeError, ValueError) as error:
        raise TrainingError(f"{path} holds no training: {error}.", hint="Train anew.") from error


@torch.no_grad()
def predict(network: KeypointNetwork, image: npt.NDArray[np.uint8]) -> tuple[FloatArray, FloatArray]:
    """Return keypoints (N, K, 2) in pixels and confidence (N, K) for crops (N, H, W, C) of uint8."""
    network.eval()
    device = network.scale.device
    keypoints, confidence = [], []
    for start in range(0, len(image), _PREDICT_BATCH):
        found = network.predict(torch.from_numpy(image[start : start + _PREDICT_BATCH]).to(device))
        keypoints.append(found[0].cpu().numpy().astype(np.float64))
        confidence.append(found[1].cpu().numpy().astype(np.float64))
    return np.concatenate(keypoints), np.concatenate(confidence)


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint so that the old one stays until the new one is whole."""
    content = io.BytesIO()  # torch tells of a full disk in words of its own
    torch.save(state, content)
    with WholeFile(path, error=TrainingError) as file:
        file.write(content.getbuffer())


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint; nothing in the file is executed.

    Raises
    ------
    TrainingError
        If there is none, or it is damaged or of another version.
    """
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)  # never unpickles objects
    except FileNotFoundError:
        raise TrainingError(
            f"{path.parent} holds no training.", hint="Begin one: `actionpose keypoints train data.npz -o FOLDER`."
        ) from None
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError) as error:
        raise TrainingError(f"{path} is damaged or no checkpoint: {error}.", hint="Train anew.") from error
    if not isinstance(saved, dict) or saved.get("version") != VERSION:
        raise TrainingError(f"{path} was not written by this version of actionpose.", hint="Train anew.")
    return saved
