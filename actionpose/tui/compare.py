"""Two takes beside each other: how one maps onto the other in time, and where they part."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt
from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from actionpose.features import compute_angles
from actionpose.pose import FloatArray, PoseSequence
from actionpose.template import Template
from actionpose.tui.curves import Curve, CurvePlot
from actionpose.tui.header import HeaderBar
from actionpose.tui.key_bar import KeyBar
from actionpose.tui.preview import name_angles, pick_angles
from actionpose.tui.raster import iter_runs
from actionpose.tui.warping import Comparison

if TYPE_CHECKING:
    from actionpose.tui.app import ActionposeApp

__all__ = ["CompareScreen", "PathPicture", "draw_path"]

_SHADES, _ASCII_SHADES = " ░▒▓", " .:%"
_PATH, _ASCII_PATH = "●", "o"


def draw_path(
    cost: FloatArray, path: npt.NDArray[np.int64], *, width: int, height: int, ascii_only: bool = False
) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.bool_]]:
    """Draw a cost matrix, the darker the further apart, and the path through it.

    Parameters
    ----------
    cost : array (n, m)
        Its rows become columns, from left to right, and its columns rows, from the bottom up.
    path : array (P, 2)
        Row and column of each step.
    width, height : int
        Cells.
    ascii_only : bool
        Whether to do without blocks.

    Returns
    -------
    characters : array (height, width) of str
        Top row first.
    is_path : array (height, width) of bool
        Where the path is.
    """
    is_path = np.zeros((height, width), dtype=bool)
    if not is_path.size:
        return np.full((height, width), " "), is_path
    n, m = cost.shape
    shades = np.array(list(_ASCII_SHADES if ascii_only else _SHADES))
    shown = cost[np.ix_(_spread(width, n), _spread(height, m))].T[::-1]
    level = (shown - cost.min()) / (float(np.ptp(cost)) or 1.0) * len(shades)
    characters = shades[np.clip(level.astype(np.int64), 0, len(shades) - 1)]
    steps = np.linspace(0, len(path) - 1, 4 * (width + height))  # close enough to leave no cell out
    at = [np.interp(steps, np.arange(len(path)), path[:, axis]) / max(1, size - 1) for axis, size in ((0, n), (1, m))]
    column = (at[0] * (width - 1)).round().astype(np.int64)
    row = height - 1 - (at[1] * (height - 1)).round().astype(np.int64)
    is_path[row, column] = True
    characters[is_path] = _ASCII_PATH if ascii_only else _PATH
    return characters, is_path


class PathPicture(Widget):
    """The cost matrix of a comparison with its warping path."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"path-picture--path", "path-picture--cost"}
    DEFAULT_CSS = """
    PathPicture {
        .path-picture--path { color: $text-warning; text-style: bold; }
        .path-picture--cost { color: $primary-muted; }
    }
    """

    def __init__(self, comparison: Comparison, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._comparison = comparison
        self._drawn_for = (-1, -1)

    def render_line(self, y: int) -> Strip:
        """Return one line."""
        width, height = self.size
        if self._drawn_for != (width, height):
            self._drawn_for = (width, height)
            cost, path = self._comparison.cost, self._comparison.path
            is_ascii = getattr(self.app, "ascii", False)
            self._characters, self._is_path = draw_path(cost, path, width=width, height=height, ascii_only=is_ascii)
        if y >= height:
            return Strip.blank(width, self.visual_style.rich_style)
        styles: dict[bool, Style] = {
            True: self.get_component_rich_style("path-picture--path"),
            False: self.get_component_rich_style("path-picture--cost"),
        }
        characters, is_path = self._characters[y], self._is_path[y]
        return Strip(
            [Segment("".join(characters[a:b]), styles[bool(is_path[a])]) for a, b in iter_runs(is_path.astype(int))],
            width,
        )


class CompareScreen(Screen[None]):
    """How two takes map onto each other."""

    app: ActionposeApp
    HELP = (
        "Two takes compared: every moment of the first, from left to right, against every moment of the second, from "
        "the bottom up; the darker, the further apart the bodies are. The line is the warping path, the best way to "
        "map one onto the other: the straighter, the more alike their timing.\n\n"
        "The curves are the angle of one joint, at the pace of each take, and with the second warped onto the first."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,c", "dismiss", "Back", key_display="Esc"),
        Binding("left,right", "next_angle", "Another angle", key_display="←→"),
    ]
    DEFAULT_CSS = """
    CompareScreen {
        #matrix { width: 1fr; padding: 0 1; }
        #curves { width: 1fr; padding: 0 1; border-left: solid $panel; }
        CurvePlot { height: 1fr; }
        .caption { height: auto; color: $text-muted; }
        #verdict { height: auto; padding: 0 1; }
        &.-narrow #matrix { display: none; }
        &.-low .caption, &.-low #verdict { display: none; }
    }
    """

    def __init__(self, first: Template, second: Template, comparison: Comparison) -> None:
        super().__init__()
        self._templates = (first, second)
        self._comparison = comparison
        self._angles = pick_angles(comparison.first, n_angles=12)
        self._angle = 0

    def compose(self) -> ComposeResult:
        """Put the path at the left, the curves at the right, the verdict below."""
        first, second = (f"{template.label} {template.id[:8]}" for template in self._templates)
        yield HeaderBar()
        with Horizontal():
            with Vertical(id="matrix"):
                yield Static(f"↑ {second}", classes="caption", markup=False)
                yield PathPicture(self._comparison)
                yield Static(f"→ {first}", classes="caption", markup=False)
            with Vertical(id="curves"):
                yield Static("at their own pace", classes="caption", id="own-title", markup=False)
                yield CurvePlot(id="own")
                yield Static("the second warped onto the first", classes="caption", markup=False)
                yield CurvePlot(id="warped")
        yield Static(self._describe(), id="verdict")
        yield KeyBar()

    def on_mount(self) -> None:
        """Draw the curves."""
        self._show_curves()

    def action_next_angle(self) -> None:
        """Show the curves of another joint."""
        self._angle = (self._angle + 1) % max(1, len(self._angles))
        self._show_curves()

    def _show_curves(self) -> None:
        if not self._angles:
            self.query_one("#own-title", Static).update("No joint angle changes in these takes.")
            return
        first, second = self._comparison.first, self._comparison.second
        angle = self._angles[self._angle]
        a, b = (np.degrees(compute_angles(s.position, s.skeleton)[:, angle]) for s in (first, second))
        path = self._comparison.path
        steps = np.unique(path[:, 0], return_index=True)[1]
        options = {"y_range": (0.0, 180.0), "units": (" s", "°")}
        self.query_one("#own-title", Static).update(
            f"{name_angles(first, self._angles)[self._angle]}, at their own pace"
        )
        own = [Curve("first", _seconds(first), a), Curve("second", _seconds(second), b)]
        self.query_one("#own", CurvePlot).show(own, **options)  # type: ignore[arg-type]
        warped = [own[0], Curve("second", _seconds(first), b[path[steps, 1]])]
        self.query_one("#warped", CurvePlot).show(warped, **options)  # type: ignore[arg-type]

    def _describe(self) -> Content:
        first, second, path = self._comparison.first, self._comparison.second, self._comparison.path
        step, keypoint = self._comparison.apart
        at = [float(_seconds(s)[frame]) for s, frame in zip((first, second), path[step], strict=True)]
        farthest = float(self._comparison.cost[path[step, 0], path[step, 1]])
        return Content("\n").join(
            [
                Content.styled(f"{self._comparison.distance:.2f} body sizes apart on average", "bold"),
                Content(
                    f"Furthest, {farthest:.2f}, at {at[0]:.2f} s of the first and {at[1]:.2f} s of the second: "
                    f"look at the {keypoint.replace('_', ' ')}."
                ),
                Content.styled(f"{first.duration:.2f} s against {second.duration:.2f} s", "$foreground-muted"),
            ]
        )


def _seconds(sequence: PoseSequence) -> FloatArray:
    return np.asarray(sequence.time - sequence.time[0])


def _spread(n_cells: int, n_frames: int) -> npt.NDArray[np.int64]:
    """Return the frame that each cell shows."""
    return np.linspace(0, n_frames - 1, n_cells).round().astype(np.int64)
