"""What drawing the camera's picture in the terminal costs, beside a naive half-block widget.

Both run in a real terminal of their own (a pseudo-terminal whose output is read and thrown away) and are given the same
prepared frames of a noisy camera ten times a second; an application that draws nothing is taken off. Run it with
``python -m tests.benchmarks.bench_picture``; ``--cells 160x48`` for another size.
"""

from __future__ import annotations

import argparse
import resource
import sys

import numpy as np
import numpy.typing as npt
from rich.segment import Segment
from rich.style import Style
from textual.app import App, ComposeResult
from textual.strip import Strip
from textual.widget import Widget

from actionpose.pose import Pose
from actionpose.sources.puppet import PuppetSource
from actionpose.tui.picture import PictureView
from tests.benchmarks.terminal import Terminal, report

Image = npt.NDArray[np.uint8]

REDRAWS_PER_S = 10
NOISE = 3.0  # standard deviation of a camera's, in levels of 255


class NaiveView(Widget):
    """Nearest pixel, all colours, a new style for every cell, everything every time."""

    DEFAULT_CSS = "NaiveView { width: 1fr; height: 1fr; }"
    image: Image | None = None

    def show(self, image: Image, poses: list[Pose]) -> None:  # noqa: ARG002
        self.image = image
        self.refresh()

    def render_line(self, y: int) -> Strip:
        if self.image is None:
            return Strip.blank(self.size.width)
        width, height = self.size
        rows = (np.arange(2 * height) * self.image.shape[0] // (2 * height))[2 * y : 2 * y + 2]
        columns = np.arange(width) * self.image.shape[1] // width
        upper, lower = self.image[rows][:, columns].tolist()
        return Strip(
            [
                Segment("▀", Style(color=f"rgb({a[0]},{a[1]},{a[2]})", bgcolor=f"rgb({b[0]},{b[1]},{b[2]})"))
                for a, b in zip(upper, lower, strict=True)
            ]
        )


class IdleView(NaiveView):
    def show(self, image: Image, poses: list[Pose]) -> None:
        pass


VIEWS = {"idle": IdleView, "naive": NaiveView, "ours": PictureView}


class Bench(App[None]):
    """Shows frames for a while."""

    def __init__(self, view: str, seconds: float, frames: list[tuple[Image, Pose]]) -> None:
        super().__init__()
        self._view, self._frames = VIEWS[view](), frames
        self._n_left = round(seconds * REDRAWS_PER_S)
        self.cpu_s = 0.0

    def compose(self) -> ComposeResult:
        yield self._view

    def on_mount(self) -> None:
        self._began = cpu_s()
        self.set_interval(1 / REDRAWS_PER_S, self._show)

    def _show(self) -> None:
        self._n_left -= 1
        if self._n_left < 0:
            self.cpu_s = cpu_s() - self._began
            self.exit()
        image, pose = self._frames[self._n_left % len(self._frames)]
        self._view.show(image, [pose])


def cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def make_frames() -> list[tuple[Image, Pose]]:
    """Three seconds of a puppet that waves, as a camera with noise sees it."""
    puppet, rng = PuppetSource("wave", pause=0.5, rate_hz=REDRAWS_PER_S), np.random.default_rng(0)
    frames = []
    for index in range(min(30, puppet.info.n_frames or 0)):
        frame = puppet.read()
        assert frame
        assert frame.image is not None
        noisy = frame.image + rng.normal(0.0, NOISE, frame.image.shape)
        frames.append((np.clip(noisy, 0, 255).astype(np.uint8), puppet.truth(index)))
    return frames


def run_child(view: str, seconds: float) -> None:
    app = Bench(view, seconds, make_frames())
    app.run()
    report(f"{app.cpu_s:.4f}")


def measure(view: str, *, columns: int, rows: int, seconds: float) -> tuple[float, float]:
    """Return share of a core and kilobytes per second."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_picture", "--child", view, "--seconds", str(seconds)]
    with Terminal(command, columns=columns, rows=rows) as terminal:
        text = terminal.wait()
    return float(text) / seconds, terminal.n_bytes / seconds / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", default="80x24", help="size of the terminal")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--child", choices=VIEWS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        run_child(arguments.child, arguments.seconds)
        return
    columns, rows = map(int, arguments.cells.split("x"))
    shares = {}
    for view in VIEWS:
        shares[view], rate = measure(view, columns=columns, rows=rows, seconds=arguments.seconds)
        cost = shares[view] - (shares["idle"] if view != "idle" else 0.0)
        print(f"{view:6} {cost:6.1%} of a core  {rate:7.0f} kB/s")
    ours, naive = shares["ours"] - shares["idle"], shares["naive"] - shares["idle"]
    print(f"naive / ours = {naive / max(ours, 1e-9):.1f}")


if __name__ == "__main__":
    main()
