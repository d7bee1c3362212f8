"""Folders of images, shown as a video."""

from __future__ import annotations

import io
import re
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter

from actionpose.errors import SourceError
from actionpose.pose import Frame
from actionpose.sources.base import SourceInfo, SourceStatus, assumed_rate_note, validate_rate
from actionpose.sources.video import limit_size, to_image

__all__ = ["ImageFolderSource"]

_RATE_HZ = 30.0  # where none is given
_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


class ImageFolderSource:
    """The images of a folder in natural order (2 before 10), at a fixed rate.

    Sizes may differ. An image that cannot be read is left out, its instant stays empty, and `notes` names it; it also
    tells of a rate that was assumed.

    Parameters
    ----------
    path : path
        Folder with bmp, jpeg, png, tiff or webp files.
    rate_hz : float, optional
        Images per second. Default: 30 are assumed.

    Raises
    ------
    SourceError
        If it is no folder, none of its images can be read, or the rate is none.
    """

    def __init__(self, path: str | Path, rate_hz: float | None = None) -> None:
        folder = Path(path)
        if not folder.is_dir():
            raise SourceError(f"There is no folder {str(folder)!r}.", hint="Check the path.")
        validate_rate(rate_hz)
        self._paths = sorted((p for p in folder.iterdir() if p.suffix.lower() in _SUFFIXES), key=_natural_order)
        self._rate_hz = rate_hz or _RATE_HZ
        self._is_assumed = rate_hz is None
        self._status: SourceStatus = "running"
        self._notes: tuple[str, ...] = ()
        self._reformatter = VideoReformatter()
        self._next = 0
        self._first = self._read_next()
        if self._first is None or self._first.image is None:
            raise SourceError(
                f"{folder} has no image that can be read ({len(self._paths)} tried).",
                hint=f"Put files in it that end in {', '.join(_SUFFIXES)}.",
            )
        height, width = self._first.image.shape[:2]
        self._info = SourceInfo(
            name=folder.resolve().name,
            is_live=False,
            rate_hz=self._rate_hz,
            size=(width, height),
            n_frames=len(self._paths),
        )

    @property
    def info(self) -> SourceInfo:
        """What is known of the folder; `size` is that of the first image."""
        return self._info

    @property
    def status(self) -> SourceStatus:
        """``running`` or ``ended``."""
        return self._status

    @property
    def notes(self) -> tuple[str, ...]:
        """Which rate was assumed, and which images could not be read."""
        return (*assumed_rate_note(self._rate_hz if self._is_assumed else None, len(self._paths)), *self._notes)

    def read(self) -> Frame | None:
        """Return the next image, or None at the end or after `close`."""
        if self._status == "ended":
            return None
        frame, self._first = self._first or self._read_next(), None
        if frame is None:
            self._status = "ended"
        return frame

    def close(self) -> None:
        """End it."""
        self._status = "ended"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read_next(self) -> Frame | None:
        while self._next < len(self._paths):
            index, path = self._next, self._paths[self._next]
            self._next += 1
            try:
                return Frame(index=index, time=index / self._rate_hz, image=_load_image(path, self._reformatter))
            except (av.FFmpegError, OSError) as error:
                reason = error.strerror
            except SourceError as error:
                reason = error.message.rstrip(".")
            self._notes += (f"{path.name} was left out: {reason}.",)
        return None


def _load_image(path: Path, reformatter: VideoReformatter) -> npt.NDArray[np.uint8]:
    # From memory: FFmpeg would take a "%" or "*" in a file's name for a pattern.
    with av.open(io.BytesIO(path.read_bytes()), mode="r", metadata_errors="replace") as container:
        if container.streams.video:
            limit_size(container.streams.video[0], path.name)
            for picture in container.decode(video=0):
                return to_image(picture, reformatter)
    raise OSError(0, "it holds no picture")


def _natural_order(path: Path) -> tuple[list[tuple[int, str]], str]:
    parts = re.findall(r"(\d+)|(\D+)", path.name.lower())
    return [(int(digits or -1), text) for digits, text in parts], path.name
