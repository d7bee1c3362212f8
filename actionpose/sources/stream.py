"""Network streams: RTSP cameras, MJPEG over HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from time import perf_counter

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter

from actionpose.errors import SourceError
from actionpose.sources.live import LOST_AFTER_S, LiveSource
from actionpose.sources.video import limit_size, pixel_aspect, shown_size, to_image

__all__ = ["StreamSource"]

_OPEN_S = 5.0
_PROBE_US = "1000000"  # FFmpeg would watch a stream for 5 s before it shows a picture


class StreamSource(LiveSource):
    """A network stream; frame times are times of arrival.

    After 3 s without a picture it connects anew, waiting 0.25 to 1 s between attempts, until it is closed.
    User name, password and query of the address appear in no name or message.

    Parameters
    ----------
    url : str
        ``rtsp://``, ``rtsps://``, ``http://`` or ``https://``.

    Raises
    ------
    SourceError
        If the first connection fails.
    """

    def __init__(self, url: str) -> None:
        name = _public_name(url)
        super().__init__(lambda: _StreamCapture(url, name=name), name=name)


class _StreamCapture:
    def __init__(self, url: str, *, name: str) -> None:
        self._name = name
        options = {"analyzeduration": _PROBE_US}
        if url.lower().startswith("rtsp"):
            options["rtsp_transport"] = "tcp"  # over UDP every lost packet smears the picture
        try:
            self._container = av.open(
                url, mode="r", options=options, metadata_errors="replace", timeout=(_OPEN_S, LOST_AFTER_S)
            )
        except av.FFmpegError as error:
            # FFmpeg's own message quotes the address with its password, and so would the traceback.
            raise SourceError(f"Cannot open {name}: {_reason(error)}.", hint=_advice(error)) from None
        try:
            if not self._container.streams.video:
                raise SourceError(f"{name} has no picture.", hint="Use the address of the camera's video stream.")
            if name.startswith("http") and self._container.duration:
                raise SourceError(f"{name} is a file, not a live stream.", hint="Download it and name the file.")
            limit_size(self._container.streams.video[0], name)
        except BaseException:
            self._container.close()
            raise
        self._stream = self._container.streams.video[0]
        self._aspect = pixel_aspect(self._stream)
        self._reformatter = VideoReformatter()
        self._images = self._iter_images()

    @property
    def size(self) -> tuple[int, int] | None:
        if not self._stream.width:
            return None
        return shown_size(self._stream.width, self._stream.height, self._aspect)

    @property
    def rate_hz(self) -> float | None:
        return float(self._stream.average_rate) if self._stream.average_rate else None

    def read(self) -> npt.NDArray[np.uint8]:
        image = next(self._images, None)
        if image is None:
            raise SourceError(f"{self._name} was lost.")
        return image

    def close(self) -> None:
        self._container.close()

    def _iter_images(self) -> Iterator[npt.NDArray[np.uint8]]:
        """Yield pictures until the connection breaks or brings none for too long."""
        deadline = perf_counter() + LOST_AFTER_S
        try:
            for packet in self._container.demux(self._stream):
                try:
                    pictures = self._stream.decode(packet)
                except av.error.InvalidDataError:
                    pictures = []  # a lost packet is not yet a lost stream
                for picture in pictures:
                    yield to_image(picture, self._reformatter, aspect=self._aspect)
                    deadline = perf_counter() + LOST_AFTER_S
                if perf_counter() > deadline:
                    return
        except av.FFmpegError:
            return


def _public_name(url: str) -> str:
    """Address without user, password and query; some cameras want the password in the path, too."""
    scheme, _, rest = url.partition("://")
    address = rest.rpartition("@")[2]  # the last one: a password may hold any character
    host, slash, path = re.split(r"[?#]", address, maxsplit=1)[0].partition("/")
    if not host:
        raise SourceError(f"A {scheme} address names no host.", hint=f"Write {scheme}://host/path.")
    return f"{scheme.lower()}://{host}{'' if '=' in path else slash + path}"


def _reason(error: av.FFmpegError) -> str:
    if isinstance(error, av.error.ExitError | av.error.TimeoutError):
        return "no answer"
    return error.strerror or "unknown error"


def _advice(error: av.FFmpegError) -> str:
    match error:
        case av.error.HTTPUnauthorizedError() | av.error.HTTPForbiddenError():
            return "Check user name and password: scheme://user:password@host/path."
        case av.error.HTTPClientError():
            return "The device is there, but not this path; look up the stream's address in its manual."
        case av.error.InvalidDataError():
            return "There is something at this address, but no video stream."
        case _:
            return "Check the address, and that the device is switched on and in the same network."
