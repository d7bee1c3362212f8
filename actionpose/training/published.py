"""Published ImageNet weights to start from: a file, or torchvision's own, fetched once and checked."""

from __future__ import annotations

import hashlib
import pickle
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import torch

from actionpose.private import make_private_folder
from actionpose.training.errors import TrainingError
from actionpose.training.resnet import ResNet
from actionpose.training.settings import Backbone
from actionpose.whole_file import WholeFile, writing_error

__all__ = ["IMAGENET", "fetch_weights", "load_weights"]

IMAGENET = "imagenet"
"""What to give for weights that are to be fetched."""

_SERVER = "https://download.pytorch.org/models/"
# torchvision's file names end in the beginning of the file's SHA-256.
_FILES: dict[Backbone, str] = {
    "resnet18": "resnet18-f37072fd.pth",
    "resnet34": "resnet34-b627a593.pth",
    "resnet50": "resnet50-11ad3fa6.pth",
    "resnet101": "resnet101-cd907fc2.pth",
}
_TIMEOUT_S = 30.0
_CHUNK_BYTES, _MAX_BYTES = 1 << 20, 1 << 30


def load_weights(backbone: ResNet, weights: str | Path, *, name: Backbone) -> None:
    """Let a backbone begin with published weights.

    Parameters
    ----------
    backbone : ResNet
        Changed in place.
    weights : str or Path
        A torchvision state dict (``.pth``), or ``imagenet``: torchvision's for this backbone.
    name : str
        Which backbone it is.

    Raises
    ------
    TrainingError
        If the file does not hold weights of this backbone, or cannot be fetched.
    """
    path = fetch_weights(name) if str(weights) == IMAGENET else Path(weights)
    try:
        backbone.load_published(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, AttributeError, pickle.UnpicklingError, EOFError, KeyError) as error:
        raise TrainingError(
            f"{path} does not hold weights of this backbone: {error}.",
            hint="Expected a torchvision state dict (.pth) of the same --backbone, with --width 1.",
        ) from error


def fetch_weights(name: Backbone, *, server: str = _SERVER, folder: Path | None = None) -> Path:
    """Return the file of torchvision's ImageNet weights, fetched if it is not there yet.

    Parameters
    ----------
    name : str
        The backbone.
    server : str
        URL that its file name is put behind.
    folder : Path, optional
        Where files are kept. Default: the user's cache.

    Raises
    ------
    TrainingError
        If it cannot be fetched, or what came is another file.
    """
    file = _FILES[name]
    folder = platformdirs.user_cache_path("actionpose", appauthor=False) / "weights" if folder is None else folder
    path = folder / file
    if path.is_file() and _has_checksum(path):
        return path
    url = urllib.parse.urljoin(server, file)
    advice = f"Or download it elsewhere and give it with --weights {file}."
    try:
        make_private_folder(folder)
    except OSError as error:
        raise writing_error(folder, error, kind=TrainingError) from error
    with WholeFile(path, error=TrainingError) as out:
        digest = hashlib.sha256()
        for chunk in _iter_download(url, advice=advice):
            out.write(chunk)
            digest.update(chunk)
        if not digest.hexdigest().startswith(_checksum(path)):
            raise TrainingError(f"{url} sent another file than {file}: its checksum differs.", hint=advice)
    return path


def _iter_download(url: str, *, advice: str) -> Iterator[bytes]:
    n_bytes = 0
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:
            while (chunk := answer.read(_CHUNK_BYTES)) and n_bytes <= _MAX_BYTES:
                n_bytes += len(chunk)
                yield chunk
    except (OSError, urllib.error.URLError, ValueError) as error:
        raise TrainingError(f"{url} could not be fetched: {error}.", hint=advice) from error


def _has_checksum(path: Path) -> bool:
    """Whether a file's SHA-256 begins as its name says."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest().startswith(_checksum(path))


def _checksum(path: Path) -> str:
    return path.stem.rpartition("-")[2]
