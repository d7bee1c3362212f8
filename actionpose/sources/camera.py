"""Cameras of this computer."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from actionpose.errors import SourceError
from actionpose.sources.live import LiveSource

__all__ = ["CameraSource", "VideoCapture", "list_cameras"]

_RATE_HZ = 30.0
_NODES = Path("/sys/class/video4linux")
_ELSEWHERE = "Without a camera, use a video file or `puppet:wave`."


class VideoCapture(Protocol):
    """The part of ``cv2.VideoCapture`` that is used."""

    def isOpened(self) -> bool: ...  # noqa: D102

    def set(self, prop: int, value: float) -> bool: ...  # noqa: D102

    def get(self, prop: int) -> float: ...  # noqa: D102

    def read(self) -> tuple[bool, Any]: ...  # noqa: D102

    def release(self) -> None: ...  # noqa: D102


class CameraSource(LiveSource):
    """A camera by number; frame times are times of capture.

    When it drops out it is opened again, as soon as it is there, until the source is closed.

    Parameters
    ----------
    index : int
        Number of the camera, from 0.
    size : (int, int), optional
        Width and height to ask the camera for; it may give another.
    open_capture : callable, optional
        Opens a camera by number. Default: ``cv2.VideoCapture``.

    Raises
    ------
    SourceError
        If there is no such camera, it is busy, or it may not be used.
    """

    def __init__(
        self,
        index: int = 0,
        *,
        size: tuple[int, int] | None = None,
        open_capture: Callable[[int], VideoCapture] | None = None,
    ) -> None:
        opener = open_capture or _open_capture
        super().__init__(lambda: _CameraCapture(opener, index, size), name=f"camera {index}")


class _CameraCapture:
    def __init__(self, open_capture: Callable[[int], VideoCapture], index: int, size: tuple[int, int] | None) -> None:
        self._name = f"camera {index}"
        self._capture = open_capture(index)
        if not self._capture.isOpened():
            self._capture.release()
            raise _unavailable(index)
        # USB 2 carries 30 pictures a second only when they are compressed.
        self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        self._capture.set(cv2.CAP_PROP_FPS, _RATE_HZ)
        if size is not None:
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
        try:
            height, width = self.read().shape[:2]  # many a busy camera opens, and then shows nothing
        except SourceError:
            self._capture.release()
            raise _unavailable(index) from None
        self.size: tuple[int, int] | None = (width, height)
        self.rate_hz: float | None = self._capture.get(cv2.CAP_PROP_FPS) or None

    def read(self) -> npt.NDArray[np.uint8]:
        is_read, image = self._capture.read()
        if not is_read:
            raise SourceError(f"{self._name} was lost.")
        rgb: npt.NDArray[np.uint8] = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        return rgb

    def close(self) -> None:
        self._capture.release()


def list_cameras() -> list[str]:
    """Name the cameras of this computer without opening them, as ``0: Name``.

    Empty where there are none, and on systems that tell only by opening them (macOS, Windows).
    """
    cameras = []
    for node in _NODES.glob("video*"):
        number = re.fullmatch(r"video(\d+)", node.name)
        # A camera has several nodes; those after the first carry metadata, not pictures.
        if number and _first_line(node / "index") in ("0", ""):
            cameras.append((int(number[1]), _first_line(node / "name") or "camera"))
    return [f"{index}: {name}" for index, name in sorted(cameras)]


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _open_capture(index: int) -> VideoCapture:
    cv2.setLogLevel(0)  # it would print its own account of a missing camera on stderr
    capture: VideoCapture = cv2.VideoCapture(index)
    return capture


def _unavailable(index: int) -> SourceError:
    node = Path(f"/dev/video{index}")
    if sys.platform != "linux":
        settings = "Privacy & Security > Camera" if sys.platform == "darwin" else "Privacy > Camera"
        return SourceError(
            f"Camera {index} gives no picture.",
            hint=f"Check that it is plugged in, that no other program uses it, and that the terminal may use it "
            f"(system settings: {settings}). {_ELSEWHERE}",
        )
    if not node.exists():
        found = ", ".join(list_cameras())
        there = f"These are: {found}." if found else "Nor is any other: plug one in."
        return SourceError(f"There is no camera {index} ({node} does not exist).", hint=f"{there} {_ELSEWHERE}")
    if not os.access(node, os.R_OK | os.W_OK):
        return SourceError(
            f"You may not use camera {index} ({node}).",
            hint=f"Run `sudo usermod -aG video $USER` and log in again. {_ELSEWHERE}",
        )
    return SourceError(
        f"Camera {index} ({node}) gives no picture: it is busy, or no camera.",
        hint=f"Close other programs that use it (`fuser {node}` names them). {_ELSEWHERE}",
    )
