"""Video files, with the true time of every frame."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from actionpose.errors import SourceError
from actionpose.pose import MAX_TIME_S, Frame
from actionpose.sources.base import SourceInfo, SourceStatus, assumed_rate_note, validate_rate

__all__ = ["VideoSource", "limit_size", "pixel_aspect", "shown_size", "to_image"]

_MAX_PIXELS = 8192 * 8192  # twice 8K video; decoding one such picture takes most of a gigabyte
_RATE_HZ = 30.0  # of a file that does not say
_PLAUSIBLE_RATES_HZ = 1e-3, 1e4
_NO_TIMESTAMPS = (
    0x80  # AVFMT_NOTIMESTAMPS: raw video such as .h264 and .mjpeg, which FFmpeg plays at 25 frames a second
)
_SQUARE = Fraction(1)
_WIDEST_PIXEL = 5  # times as wide as high, or as high as wide: more is a fault in the file
_SHORTFALL = 0.05  # announced but not there: below this it is the container's rounding


class VideoSource:
    """Every frame of a video file, once, at its presentation time.

    The picture is turned and stretched the way a player shows it, so that its pixels are square. A damaged or cut-off
    file gives what can be read; `notes` then says what is missing, and which rate was assumed for a file without times.

    Parameters
    ----------
    path : path
        Any format FFmpeg reads.
    rate_hz : float, optional
        Frames per second, for a file without times or with wrong ones. Default: every frame has the time in the file.

    Raises
    ------
    SourceError
        If there is no such file, no picture can be read from it, or the rate is none.
    """

    def __init__(self, path: str | Path, *, rate_hz: float | None = None) -> None:
        path = Path(path)
        validate_rate(rate_hz)
        self._status: SourceStatus = "running"
        self._notes: tuple[str, ...] = ()
        self._n_damaged = 0
        self._n_discarded = 0
        self._index = -1
        self._time = 0.0
        self._origin: Fraction | None = None
        self._reformatter = VideoReformatter()
        self._lock = threading.Lock()  # FFmpeg crashes when a file is closed while it decodes
        self._container = _open_container(path)
        try:
            self._stream = stream = _video_stream(self._container, path)
            self._is_raw = bool(self._container.format.flags & _NO_TIMESTAMPS)
            self._file_rate_hz = _nominal_rate(stream, is_raw=self._is_raw)
            self._rate_hz = rate_hz or self._file_rate_hz
            self._is_counted = (
                self._is_raw or rate_hz is not None
            )  # frames have the time that follows from their number
            self._is_assumed = self._is_raw and rate_hz is None
            self._aspect = pixel_aspect(stream)
            self._pictures, size = self._peek(path)
        except BaseException:
            self._container.close()
            raise
        duration = _duration(self._container, stream)
        self._info = SourceInfo(
            name=path.name,
            is_live=False,
            rate_hz=self._rate_hz,
            size=size,
            n_frames=stream.frames or (round(duration * self._file_rate_hz) if duration else None),
        )

    @property
    def info(self) -> SourceInfo:
        """What is known of the file."""
        return self._info

    @property
    def status(self) -> SourceStatus:
        """``running`` or ``ended``."""
        return self._status

    @property
    def notes(self) -> tuple[str, ...]:
        """Which rate was assumed, where the file has none; once it has ended: what could not be read."""
        return (*assumed_rate_note(self._rate_hz if self._is_assumed else None, self._index + 1), *self._notes)

    def read(self) -> Frame | None:
        """Return the next frame, or None at the end or after `close`."""
        with self._lock:
            if self._status == "ended":
                return None
            picture = next(self._pictures, None)
            if picture is None:
                self._notes += self._describe_damage()
                self._end()
                return None
            self._index += 1
            self._time = self._time_of(picture)
            return Frame(index=self._index, time=self._time, image=self._to_image(picture))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _end(self) -> None:
        self._status = "ended"
        self._container.close()

    def _peek(self, path: Path) -> tuple[Iterator[VideoFrame], tuple[int, int]]:
        """Return all pictures, and the size of the first as it is shown."""
        pictures = self._iter_pictures()
        first = next(pictures, None)
        if first is None:
            raise SourceError(f"No picture of {path} can be decoded.", hint="The file is damaged; try another.")
        height, width = self._to_image(first).shape[:2]
        return itertools.chain([first], pictures), (width, height)

    def _to_image(self, picture: VideoFrame) -> npt.NDArray[np.uint8]:
        return to_image(picture, self._reformatter, aspect=self._aspect)

    def _iter_pictures(self) -> Iterator[VideoFrame]:
        try:
            for packet in self._container.demux(self._stream):
                self._n_discarded += packet.is_discard
                is_damaged = packet.is_corrupt
                try:
                    pictures = self._stream.decode(packet)
                except av.FFmpegError:
                    is_damaged, pictures = True, []
                self._n_damaged += is_damaged or any(picture.is_corrupt for picture in pictures)
                yield from pictures
        except av.FFmpegError as error:
            self._notes += (f"Reading stopped early: {error.strerror}.",)

    def _time_of(self, picture: VideoFrame) -> float:
        """Seconds since the first frame; by the nominal rate where the file's time is missing or wrong."""
        if self._is_counted:
            return self._index / self._rate_hz
        expected = self._time + 1 / self._rate_hz if self._index else 0.0
        if picture.pts is None or picture.time_base is None:
            return expected
        stamp = picture.pts * picture.time_base
        if self._origin is None:
            self._origin = stamp - Fraction(expected)
        time = float(stamp - self._origin)
        return time if self._time < time <= MAX_TIME_S or not self._index else expected

    def _describe_damage(self) -> tuple[str, ...]:
        notes = []
        n_read = self._index + 1
        announced, found, unit = float(self._stream.frames), float(n_read + self._n_discarded), "frames"
        if not announced:
            announced = 0.0 if self._is_counted else _duration(self._container, self._stream) or 0.0
            found, unit = self._time + 1 / self._rate_hz, "s"
        if found < announced * (1 - _SHORTFALL):
            notes.append(f"The file ends early or has gaps: {found:.4g} of {announced:.4g} {unit} could be read.")
        if self._n_damaged:
            places = "place" if self._n_damaged == 1 else "places"
            notes.append(f"The file is damaged in {self._n_damaged} {places}; pictures there are missing or wrong.")
        return tuple(notes)


def pixel_aspect(stream: VideoStream) -> Fraction:
    """Return how wide the pixels of a video are to be shown for their height; 1 where it does not say, or nonsense."""
    aspect = stream.sample_aspect_ratio
    if not aspect or not Fraction(1, _WIDEST_PIXEL) <= aspect <= _WIDEST_PIXEL:
        return _SQUARE
    return Fraction(aspect)


def shown_size(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """Return width and height of a picture with square pixels: never fewer of them, so that no detail is lost."""
    if aspect >= 1:
        return round(width * aspect), height
    return width, round(height / aspect)


def to_image(
    picture: VideoFrame, reformatter: VideoReformatter, *, aspect: Fraction = _SQUARE
) -> npt.NDArray[np.uint8]:
    """Convert a decoded picture to RGB (H, W, 3) uint8, with square pixels, turned as its rotation mark asks.

    A reformatter kept from picture to picture halves the time: a fresh one starts threads and builds tables.
    """
    width, height = shown_size(picture.width, picture.height, aspect)
    image = (
        reformatter.reformat(picture, width=width, height=height, format="rgb24")
        .to_ndarray()
        .astype(np.uint8, copy=False)
    )
    quarter_turns = round(picture.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, quarter_turns)) if quarter_turns else image


def _open_container(path: Path) -> InputContainer:
    if not path.exists():
        raise SourceError(f"There is no file {str(path)!r}.", hint="Check the path.")
    if path.is_dir():
        raise SourceError(f"{path} is a folder, not a video file.", hint="Name a file in it.")
    if path.stat().st_size == 0:
        raise SourceError(f"{path} is empty (0 bytes).", hint="Copy or record it again.")
    try:
        # Without "file:" a colon in the name would be read as a protocol.
        return av.open(f"file:{path}", mode="r", metadata_errors="replace")
    except av.error.InvalidDataError:
        raise SourceError(
            f"{path} is not a video that can be read.",
            hint="If it is one, it was cut off before its index was written: copy, record or repair it again.",
        ) from None
    except (av.FFmpegError, OSError) as error:
        raise SourceError(f"Cannot open {path}: {error.strerror}.", hint="Check that it may be read.") from None


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    if not container.streams.video:
        raise SourceError(f"{path} has no picture.", hint="Name a video file; this one has sound or text alone.")
    stream = container.streams.video[0]
    limit_size(stream, path)
    stream.thread_type = "AUTO"
    return stream


def limit_size(stream: VideoStream, name: object) -> None:
    """Refuse pictures that would fill the memory, those that a stream turns to later too.

    Raises
    ------
    SourceError
        If the stream says that it has such pictures; one that turns to them breaks off there.
    """
    coding = stream.codec_context
    if coding is None:  # nothing decodes it
        return
    if coding.width * coding.height > _MAX_PIXELS:
        raise SourceError(
            f"{name} has pictures of {coding.width}x{coding.height} pixels; at most {_MAX_PIXELS / 1e6:.0f} million "
            "are taken.",
            hint="Make a smaller copy, for instance by: ffmpeg -i FILE -vf scale=1920:-2 smaller.mp4",
        )
    padded = _MAX_PIXELS * 9 // 8  # decoders round sides up
    coding.options = {**coding.options, "max_pixels": str(padded)}


def _nominal_rate(stream: VideoStream, *, is_raw: bool) -> float:
    """Frames per second: of raw video what its coding names, if it does, for the demuxer has but a default."""
    coded = stream.codec_context.framerate if is_raw else None
    rate_hz = float(coded or stream.average_rate or stream.guessed_rate or 0)
    low, high = _PLAUSIBLE_RATES_HZ
    return rate_hz if low <= rate_hz <= high else _RATE_HZ


def _duration(container: InputContainer, stream: VideoStream) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else None
