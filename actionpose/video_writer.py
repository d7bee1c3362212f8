"""Pictures written as a video that players and browsers play."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import av
import av.error
import cv2
import numpy as np
import numpy.typing as npt

from actionpose.errors import RecordingError
from actionpose.whole_file import WholeFile, writing_error

__all__ = ["VideoWriter"]

Image = npt.NDArray[np.uint8]

_CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}  # FFmpeg's names
_OPTIONS = {container: {"movflags": "faststart"} for container in ("mp4", "mov")}  # playable while it is fetched
_TIME_BASE = Fraction(1, 60_000)  # exact for 30, 29.97 and 25 Hz; MPEG-4 allows no finer
_LONGEST_HOLE = 3600 * 60_000  # ticks between two pictures; MP4 has 32 bits for them


class VideoWriter:
    """Pictures written as a video that players and browsers play: H.264 where available, else MPEG-4.

    A context manager. The video has its name only once it is closed, so an old one stays until the new one is whole;
    leaving the block in any way, Ctrl-C too, closes it with the pictures so far.

    Parameters
    ----------
    path : str or Path
        Ends in ``.mp4``, ``.mov`` or ``.mkv``.
    rate_hz : float
        Nominal frame rate; each picture is shown at its own time all the same.
    size : (int, int)
        Width and height, pixels. Other pictures are scaled; odd sizes grow by one pixel, as the format demands.
    is_private : bool
        Whether a new file is for the user alone to read.

    Raises
    ------
    RecordingError
        If there is no such video format, or the file cannot be written.
    """

    def __init__(self, path: str | Path, *, rate_hz: float, size: tuple[int, int], is_private: bool = False) -> None:
        self.path = Path(path)
        if self.path.suffix.lower() not in _CONTAINERS:
            raise RecordingError(
                f"Cannot write {self.path.name} as a video.", hint="Expected a name ending in .mp4, .mov or .mkv."
            )
        self._size = size
        self._start: float | None = None
        self._last_pts = -1
        self._is_open = True
        self._error: OSError | None = None
        # Now rather than at the first picture, so that a wrong folder is told at once.
        self._whole = WholeFile(self.path, error=RecordingError, is_private=is_private)
        container = _CONTAINERS[self.path.suffix.lower()]
        try:
            self._container = av.open(str(self._whole.part), "w", container, _OPTIONS.get(container, {}))
        except OSError as error:
            self._whole.discard()
            raise writing_error(self.path, error, kind=RecordingError) from None
        rate = Fraction(rate_hz).limit_denominator(1001)
        self._stream = cast(av.VideoStream, self._container.add_stream(_video_codec(), rate=rate))
        self._stream.width, self._stream.height = (side + side % 2 for side in size)
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = _TIME_BASE
        if self._stream.codec_context.name == "libx264":
            self._stream.options = {"crf": "20", "preset": "veryfast"}
        else:
            self._stream.bit_rate = 4 * size[0] * size[1]

    def write(self, image: Image, time: float) -> None:
        """Add a picture.

        What cannot be written, as on a full disk, ends the video but not the work that it shows: `close` tells of it.

        Parameters
        ----------
        image : array (H, W, 3) uint8
            RGB.
        time : float
            When to show it, seconds; the video begins with its first picture, and holes of over an hour are shortened.
        """
        if self._error is not None:
            return
        self._start = time if self._start is None else self._start
        if image.shape[1::-1] != self._size:
            image = np.asarray(cv2.resize(image, self._size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        bottom, right = (side % 2 for side in image.shape[:2])
        if bottom or right:
            image = np.asarray(cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_REPLICATE), dtype=np.uint8)
        picture = av.VideoFrame.from_ndarray(image, format="rgb24")
        due = round((time - self._start) / _TIME_BASE)
        if (excess := due - max(self._last_pts, 0) - _LONGEST_HOLE) > 0:
            self._start, due = time - float((due - excess) * _TIME_BASE), due - excess
        self._last_pts = max(self._last_pts + 1, due)
        picture.pts, picture.time_base = self._last_pts, _TIME_BASE
        self._add(picture)

    def close(self) -> None:
        """Finish the file and give it its name; may be called twice.

        Without a picture, or after one that could not be written, there is no file.

        Raises
        ------
        RecordingError
            If the file cannot be written.
        """
        if not self._is_open:
            return
        self._is_open = False
        try:
            if self._start is not None:
                self._add(None)
            if self._start is not None and self._error is None:
                self._container.close()
                self._whole.finish()
        except OSError as error:
            self._error = error
        finally:
            with contextlib.suppress(OSError):
                self._container.close()
            self._whole.discard()
        if self._error is not None:
            raise writing_error(self.path, self._error, kind=RecordingError) from None

    def _add(self, picture: av.VideoFrame | None) -> None:
        """Encode and write a picture, or at the end what the encoder still holds.

        After a failure nothing more may be written: PyAV would begin the file anew, and crash.
        """
        if self._error is None:
            try:
                self._container.mux(self._stream.encode(picture))
            except OSError as error:
                self._error = error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _video_codec() -> str:
    return next((name for name in ("libx264", "libopenh264") if name in av.codecs_available), "mpeg4")
