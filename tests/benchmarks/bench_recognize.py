"""``actionpose recognize`` against the least it could do: decode with OpenCV, estimate with MediaPipe, nothing else.

    python -m tests.benchmarks.bench_recognize [--pairs 5]

Reads ``video/exercise.avi`` of the folder ACTIONPOSE_DATA names; the library holds its six templates. Runs are
interleaved and ratios are taken within a pair: of the loops alone, in this process with a fresh model each, and of
whole commands, each a process of its own.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

import cv2

import actionpose as ap
from actionpose.estimators.mediapipe import import_mediapipe
from actionpose.session import Session

BARE_OPTION = "--bare"


def run_bare_loop(video: Path) -> tuple[float, float]:
    """Decode and estimate; wall and processor seconds of the loop."""
    capture = cv2.VideoCapture(str(video))
    with import_mediapipe().solutions.pose.Pose(model_complexity=1) as model:
        start, start_cpu = perf_counter(), process_time()
        while True:
            is_read, image = capture.read()
            if not is_read:
                return perf_counter() - start, process_time() - start_cpu
            model.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


def run_session(video: Path, library: Path) -> tuple[float, float]:
    """Recognise as the command does; wall and processor seconds of the loop."""
    with ap.TemplateLibrary.open(library) as templates:
        recognizer = ap.Recognizer(templates.templates())
    with (
        ap.open_source(video) as source,
        ap.load_estimator() as estimator,
        Session(source, estimator, lambda: recognizer) as session,
    ):
        start, start_cpu = perf_counter(), process_time()
        for _ in session:
            pass
        return perf_counter() - start, process_time() - start_cpu


def run_process(*arguments: str | Path) -> tuple[float, float]:
    """Run a Python module; wall and processor seconds from start to end."""
    start, start_cpu = perf_counter(), os.times()
    subprocess.run([sys.executable, "-m", *map(str, arguments)], check=True, capture_output=True)
    used = os.times()
    cpu_s = used.children_user + used.children_system - start_cpu.children_user - start_cpu.children_system
    return perf_counter() - start, cpu_s


def compare(
    title: str, bare: Callable[[], tuple[float, float]], ours: Callable[[], tuple[float, float]], n_pairs: int
) -> None:
    """Print the medians of the pairs."""
    pairs = [(bare(), ours()) for _ in range(n_pairs)]
    wall, cpu = ([(b[i], o[i], o[i] / b[i]) for b, o in pairs] for i in (0, 1))
    for clock, times in (("wall", wall), ("processor", cpu)):
        bare_s, our_s, ratio = (statistics.median(values) for values in zip(*times, strict=True))
        print(f"{title:14} {clock:10} {bare_s:7.2f} {our_s:10.2f} {ratio:6.3f}", flush=True)


def main() -> None:
    """Compare the loops, then the commands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument(BARE_OPTION, action="store_true", help="run the bare loop once and print nothing")
    options = parser.parse_args()
    folder = Path(os.environ["ACTIONPOSE_DATA"]) / "video"
    video = folder / "exercise.avi"
    if options.bare:
        run_bare_loop(video)
        return
    with TemporaryDirectory() as scratch:
        library = Path(scratch) / "library.sqlite"
        run_process("actionpose", "add", "--spans", folder / "exercise_templates.csv", "--library", library)
        command = ("actionpose", "recognize", video, "--library", library, "--format", "json")
        print(f"{'':25} {'bare, s':>7} {'recognize':>10} {'ratio':>6}")
        compare("loop alone", lambda: run_bare_loop(video), lambda: run_session(video, library), options.pairs)
        compare(
            "whole command",
            lambda: run_process("tests.benchmarks.bench_recognize", BARE_OPTION),
            lambda: run_process(*command),
            options.pairs,
        )


if __name__ == "__main__":
    main()
