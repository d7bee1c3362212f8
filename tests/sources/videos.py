"""Small videos made on the spot."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

TICK = Fraction(1, 1000)


def write_video(
    path: Path,
    *,
    times: Sequence[float] | None = None,
    n_frames: int = 30,
    codec: str = "libx264",
    size: tuple[int, int] = (64, 48),
    noise: bool = False,
    aspect: Fraction | None = None,
    form: str | None = None,
    rate: int = 30,
    **options: str,
) -> Path:
    """Write a video whose left half is red; `times` in seconds, else `rate` frames a second.

    Its pixels are to be shown `aspect` times as wide as high; `form` is the container's, if the name is not its.
    """
    rng = np.random.default_rng(0)
    stamps = [round(t * 1000) for t in times] if times is not None else None
    with av.open(str(path), "w", format=form, options=options) as container:
        stream = container.add_stream(codec, rate=rate if stamps is None else 1000)
        stream.width, stream.height = size
        stream.pix_fmt = {"ffv1": "yuv444p", "mjpeg": "yuvj420p"}.get(codec, "yuv420p")
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if stamps is not None:
            stream.codec_context.time_base = TICK
        for i in range(n_frames if stamps is None else len(stamps)):
            image = np.zeros((size[1], size[0], 3), np.uint8)
            if noise:
                image[:] = rng.integers(0, 256, image.shape)
            image[:, : max(1, size[0] // 2)] = (220, 20, 20)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = (i, Fraction(1, rate)) if stamps is None else (stamps[i], TICK)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def rotate_mp4(path: Path, clockwise_degrees: int) -> None:
    """Mark an MP4 the way a phone does that was held upright."""
    data = bytearray(path.read_bytes())
    a, b = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[clockwise_degrees]
    matrix = struct.pack(">9i", *(v << 16 for v in (a, b, 0, -b, a, 0, 0, 0)), 1 << 30)
    start = data.index(b"tkhd") + 44
    data[start : start + len(matrix)] = matrix
    path.write_bytes(data)


def cut(path: Path, fraction: float = 0.5) -> Path:
    """Leave the first part of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * fraction)])
    return path
