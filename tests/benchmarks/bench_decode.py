"""Decoding a video to RGB: `VideoSource` against a bare OpenCV loop on the same file.

    python -m tests.benchmarks.bench_decode VIDEO...

Prints, for each file, the time of `VideoSource` in units of OpenCV's: the median of pairs run back to back.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import cv2

from actionpose.sources.video import VideoSource

N_PAIRS = 5


def read_with_opencv(path: Path) -> int:
    """Read every picture as RGB; OpenCV gives no reliable time stamps."""
    capture = cv2.VideoCapture(str(path))
    n_frames = 0
    while True:
        is_read, image = capture.read()
        if not is_read:
            return n_frames
        cv2.cvtColor(image, cv2.COLOR_BGR2RGB, image)
        n_frames += 1


def read_with_source(path: Path) -> int:
    """Read every picture as a `Frame`."""
    with VideoSource(path) as source:
        return sum(1 for _ in iter(source.read, None))


def measure(read: Callable[[Path], int], path: Path) -> tuple[float, int]:
    """Seconds for the file, and its number of frames."""
    start = perf_counter()
    n_frames = read(path)
    return perf_counter() - start, n_frames


def main(paths: list[Path]) -> None:
    """Print a line for each file."""
    print(f"{'file':32} {'frames':>6} {'ms/frame':>8} {'x OpenCV':>8}")
    for path in paths:
        ratios, seconds, n_frames = [], [], 0
        for _ in range(N_PAIRS):
            opencv_s, n_opencv = measure(read_with_opencv, path)
            source_s, n_frames = measure(read_with_source, path)
            if n_frames != n_opencv:
                print(f"{path.name}: {n_frames} frames, OpenCV {n_opencv}", file=sys.stderr)
            ratios.append(source_s / opencv_s)
            seconds.append(source_s / n_frames)
        print(f"{path.name:32} {n_frames:6} {1e3 * statistics.median(seconds):8.2f} {statistics.median(ratios):8.2f}")


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
