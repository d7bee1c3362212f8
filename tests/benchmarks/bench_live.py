"""``actionpose live`` on a network camera against the least it could do: read the newest picture and estimate.

    python -m tests.benchmarks.bench_live [--rounds 3] [--seconds 20] [--minutes 5] [--cells 80x24]

A process of its own serves ``video/exercise.avi`` of the folder ACTIONPOSE_DATA names, over and over, as MJPEG over
HTTP, 640x480 at 30 pictures a second; the library holds the video's six templates. Short runs of the bare loop, of the
session alone and of the whole terminal application on its screen Live are interleaved, and the ratios are taken within
a round. A long run of the session then watches memory and threads: what it holds after its first minute it should hold
at its end.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

import cv2

import actionpose as ap
from actionpose.session import SessionRunner, SessionStats
from actionpose.tui.app import ActionposeApp
from actionpose.tui.preferences import Settings
from tests.benchmarks.terminal import Terminal, report

RATE_HZ = 30.0
SIZE = (640, 480)
SERVE_OPTION, SCREENS_OPTION = "--serve", "--screens"
WARM_UP_S = 60.0
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"


def serve(video: Path) -> None:
    """Print a port, and send the pictures to each who connects, until killed."""
    capture = cv2.VideoCapture(str(video))
    parts = []
    while (found := capture.read())[0]:
        jpeg = cv2.imencode(".jpg", cv2.resize(found[1], SIZE))[1].tobytes()
        parts.append(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(jpeg), jpeg))

    def send_to(connection: socket.socket) -> None:
        began = perf_counter()
        with connection:
            try:
                connection.recv(4096)
                connection.sendall(HEAD)
                for i in range(sys.maxsize):
                    sleep(max(0.0, began + i / RATE_HZ - perf_counter()))
                    connection.sendall(parts[i % len(parts)])
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            threading.Thread(target=send_to, args=listener.accept()[:1], daemon=True).start()


@contextmanager
def network_camera(video: Path) -> Iterator[str]:
    """Run the server; give its address."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_live", SERVE_OPTION, str(video)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}/"
        finally:
            server.kill()


def run_bare_loop(url: str, seconds: float) -> float:
    """Read and estimate; pictures per second."""
    with ap.open_source(url) as source, ap.load_estimator() as estimator:
        n_frames, start = 0, perf_counter()
        while (elapsed := perf_counter() - start) < seconds:
            frame = source.read()
            assert frame is not None
            estimator.estimate(frame)
            n_frames += 1
        return n_frames / elapsed


def run_session(
    url: str, recognizer: ap.Recognizer, seconds: float
) -> tuple[list[SessionStats], list[tuple[float, int]]]:
    """Recognise as the command does; what it says of itself, and its memory in MB and threads, every four seconds."""
    runner = SessionRunner(
        open_source=lambda: ap.open_source(url),
        load_estimator=lambda _: ap.load_estimator(),
        make_recognizer=recognizer.copy,
        library_revision=lambda: 0,
    )
    figures, sizes = [], []
    with runner:
        runner.start()
        while runner.latest is None or runner.latest.stats.n_processed == 0:
            assert runner.state.phase != "failed", runner.state.message
            sleep(0.05)
        start = perf_counter()
        while (elapsed := perf_counter() - start) < seconds:
            sleep(min(4.0, seconds - elapsed))
            figures.append(runner.latest.stats)
            sizes.append((resident_mb(), threading.active_count()))
            runner.take_events()
    return figures, sizes


def run_screens(url: str, library: Path, seconds: float, *, cells: str) -> SessionStats:
    """Run the application in a terminal of its own; what its session says of itself in the end."""
    columns, rows = map(int, cells.split("x"))
    command = [sys.executable, "-m", "tests.benchmarks.bench_live", SCREENS_OPTION, url, str(library), str(seconds)]
    with Terminal(command, columns=columns, rows=rows) as terminal:
        stats = json.loads(terminal.wait())
    return SessionStats(**stats)


def be_screens(url: str, library: str, seconds: str) -> None:
    """Be the application; report the figures of its session after a while."""

    class Timed(ActionposeApp):
        def on_mount(self) -> None:
            self._waiting = self.set_interval(0.1, self._wait)

        def _wait(self) -> None:
            if self.feed.stats is not None and self.feed.stats.n_processed:
                self._waiting.stop()
                self.set_timer(float(seconds), self._end)

        def _end(self) -> None:
            assert self.feed.stats is not None
            report(json.dumps({**dataclasses.asdict(self.feed.stats), "tracks": {}}))
            self.exit()

    folder = Path(library).parent
    with ap.TemplateLibrary.open(library) as templates:
        Timed(
            library=templates,
            settings=Settings(source=url),
            settings_path=folder / "settings.toml",
            recordings=folder / "recordings",
        ).run()


def resident_mb() -> float:
    """Memory this process holds, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def describe(figures: list[SessionStats]) -> str:
    """Return the figures of a run in a line: medians, and for latency the worst of all stretches of 120 frames too."""
    ms = {
        name: 1000 * statistics.median(getattr(stats, f"{name}_s") for stats in figures)
        for name in ("estimator", "recognizer", "latency_p50", "latency_p95")
    }
    worst_ms = 1000 * max(stats.latency_p95_s for stats in figures)
    capture_hz, rate_hz = (statistics.median(getattr(f, name) for f in figures) for name in ("capture_hz", "rate_hz"))
    return (
        f"{capture_hz:.1f} fps came, {rate_hz:.1f} processed, {figures[-1].n_dropped} of {figures[-1].n_read} dropped; "
        f"model {ms['estimator']:.1f} ms, matching {ms['recognizer']:.1f} ms; "
        f"latency p50 {ms['latency_p50']:.0f} ms, p95 {ms['latency_p95']:.0f} ms, worst p95 {worst_ms:.0f} ms"
    )


def main() -> None:
    """Compare the loops, then watch one for long."""
    if sys.argv[1:2] == [SCREENS_OPTION]:
        be_screens(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0, help="length of a short run")
    parser.add_argument("--minutes", type=float, default=5.0, help="length of the long run")
    parser.add_argument("--cells", default="80x24", help="size of the application's terminal")
    parser.add_argument(SERVE_OPTION, type=Path, metavar="VIDEO", help="be the server")
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
    folder = Path(os.environ["ACTIONPOSE_DATA"]) / "video"
    with TemporaryDirectory() as scratch, network_camera(folder / "exercise.avi") as url:
        library = Path(scratch) / "library.sqlite"
        command = ["add", "--spans", str(folder / "exercise_templates.csv"), "--library", str(library)]
        subprocess.run([sys.executable, "-m", "actionpose", *command], check=True, capture_output=True)
        with ap.TemplateLibrary.open(library) as templates:
            recognizer = ap.Recognizer(templates.templates())
        ratios = []
        for _ in range(options.rounds):
            bare_hz = run_bare_loop(url, options.seconds)
            figures, _ = run_session(url, recognizer, options.seconds)
            screens = run_screens(url, library, options.seconds, cells=options.cells)
            ratios.append((figures[-1].rate_hz / bare_hz, screens.rate_hz / bare_hz))
            print(f"bare {bare_hz:.1f} fps")
            print(f"  session, ratio {ratios[-1][0]:.3f}: {describe(figures)}")
            print(f"  screens, ratio {ratios[-1][1]:.3f}: {describe([screens])}", flush=True)
        for name, values in zip(("session", "screens"), zip(*ratios, strict=True), strict=False):
            print(f"{name}: median ratio {statistics.median(values):.3f}", flush=True)
        if options.minutes:
            figures, sizes = run_session(url, recognizer, 60 * options.minutes)
            print(describe(figures), f"load {os.getloadavg()[0]:.1f}")
            warm = sizes[min(len(sizes) // 2, int(WARM_UP_S / 4.0)) :]
            third = max(1, len(warm) // 3)
            before, after = (statistics.median(size for size, _ in part) for part in (warm[:third], warm[-third:]))
            n_threads = [n for _, n in warm]
            print(
                f"{options.minutes:g} minutes: memory {before:.1f} MB after warming up, {after:.1f} MB in the end "
                f"({after - before:+.1f}); {min(n_threads)} to {max(n_threads)} Python threads"
            )


if __name__ == "__main__":
    main()
