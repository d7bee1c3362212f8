"""Cutting a take by hand, with the skeleton playing what remains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Click
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from actionpose.pose import FloatArray, PoseSequence
from actionpose.takes import Take, assess_take, compute_motion
from actionpose.tui.key_bar import KeyBar
from actionpose.tui.skeleton_view import SkeletonView, pose_bounds

__all__ = ["TrimBar", "TrimScreen"]

_STEPS_HZ = 15.0
_LEVELS = " ▁▂▃▄▅▆▇█"


class TrimBar(Widget):
    """How much moves when, and between brackets what is kept of it."""

    DEFAULT_CSS = """
    TrimBar { height: 4; padding: 0 1; }
    """

    def __init__(self, motion: FloatArray) -> None:
        super().__init__()
        self._motion = motion
        self._range = (0, len(motion))
        self._now = 0

    def show(self, start: int, end: int, *, now: int) -> None:
        """Show what is kept, and the frame that is played."""
        if (start, end, now) != (*self._range, self._now):
            self._range, self._now = (start, end), now
            self.refresh()

    def frame_at(self, column: int) -> int:
        """Return the frame at a column of the bar."""
        return min(len(self._motion), max(0, round(column * len(self._motion) / max(1, self.content_size.width))))

    def render(self) -> Content:
        """Return the curve in two rows, the brackets, and the place of the playing frame."""
        width = max(2, self.content_size.width)
        n_frames = len(self._motion)
        bins = np.minimum(np.arange(n_frames) * width // n_frames, width - 1)
        level = np.zeros(width)
        np.maximum.at(level, bins, self._motion)
        if n_frames < width:
            level = np.interp(np.arange(width), bins, self._motion)
        level = np.round(16 * level / max(float(level.max()), 1e-9)).astype(int)
        upper = "".join(_LEVELS[max(0, min(8, int(v) - 8))] for v in level)
        lower = "".join(_LEVELS[min(8, int(v))] for v in level)
        start, end = (round(frame * width / n_frames) for frame in self._range)
        end = max(start + 2, min(end, width))
        brackets = " " * start + "[" + "─" * (end - start - 2) + "]"
        now = " " * min(width - 1, self._now * width // n_frames) + "▲"
        gone, kept = "$foreground-disabled", "$text-accent"
        rows = [
            Content.assemble((row[:start], gone), (row[start:end], kept), (row[end:], gone)) for row in (upper, lower)
        ]
        return Content("\n").join([*rows, Content.styled(brackets, "bold"), Content.styled(now, "$foreground-muted")])


class TrimScreen(ModalScreen[Take | None]):
    """Cuts a take; gives the new one, or None when it stays as it was.

    Parameters
    ----------
    take : Take
        Which.
    others : sequence of PoseSequence
        The other takes of the action, to judge it by.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move_start(-1)", "Start earlier", show=False),
        Binding("right", "move_start(1)", "Start", key_display="← →"),
        Binding("shift+left,comma", "move_end(-1)", "End earlier", show=False),
        Binding("shift+right,full_stop", "move_end(1)", "End", key_display=", ."),
        Binding("space", "pause", "Play or pause"),
        Binding("enter", "save", "Save"),
        Binding("escape,q", "leave", "Leave"),
    ]
    DEFAULT_CSS = """
    TrimScreen {
        align: center middle;
        #trim { width: 90%; max-width: 100; height: 90%; max-height: 34; background: $surface; }
        #title, #verdict { height: auto; padding: 0 1; }
        #title { background: $panel; }
    }
    """
    view = getters.query_one(SkeletonView)
    bar = getters.query_one(TrimBar)
    verdict = getters.query_one("#verdict", Static)

    def __init__(self, take: Take, *, title: str, others: Sequence[PoseSequence] = ()) -> None:
        super().__init__()
        self._take, self._title, self._others = take, title, others
        recorded = take.recorded
        self._start, self._end = np.searchsorted(recorded.time, take.sequence.time[[0, -1]]).tolist()
        self._end += 1
        self._poses = list(recorded.iter_poses())
        self._bounds = pose_bounds(recorded)
        self._played_s = 0.0
        self._is_playing = True
        self._present = take

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        with Vertical(id="trim"):
            yield Static(self._title, id="title", markup=False)
            yield SkeletonView()
            yield TrimBar(compute_motion(self._take.recorded))
            yield Static(id="verdict", markup=False)
            yield KeyBar()

    def on_mount(self) -> None:
        """Begin to play."""
        self._change(self._start, self._end)
        self.set_interval(1 / _STEPS_HZ, self._play)

    def action_move_start(self, frames: int) -> None:
        """Begin earlier or later."""
        self._change(self._start + frames, self._end)

    def action_move_end(self, frames: int) -> None:
        """End earlier or later."""
        self._change(self._start, self._end + frames)

    def action_pause(self) -> None:
        """Stop and go on playing."""
        self._is_playing = not self._is_playing

    def action_save(self) -> None:
        """Give the take as it is now."""
        self.dismiss(self._present)

    def action_leave(self) -> None:
        """Leave it as it was."""
        self.dismiss(None)

    def on_click(self, event: Click) -> None:
        """Move the nearer end to where the mouse is."""
        if event.widget is not self.bar:
            return
        frame = self.bar.frame_at(event.x - 1)
        if abs(frame - self._start) <= abs(frame - self._end):
            self._change(frame, self._end)
        else:
            self._change(self._start, frame)

    def _change(self, start: int, end: int) -> None:
        n_frames = len(self._poses)
        self._start = max(0, min(start, self._end - 2))
        self._end = min(n_frames, max(end, self._start + 2))
        sequence = self._take.recorded[self._start : self._end]
        verdict = assess_take(sequence, others=self._others, may_be_still=self._take.verdict.is_still)
        self._present = replace(self._take, sequence=sequence, verdict=verdict)
        text = " ".join(verdict.problems) or "good"
        self.verdict.update(f"{sequence.duration:4.1f} s, frames {self._start} to {self._end} of {n_frames}:  {text}")
        self._show()

    def _play(self) -> None:
        if self._is_playing:
            self._played_s += 1 / _STEPS_HZ
            self._show()

    def _show(self) -> None:
        time = self._take.recorded.time[self._start : self._end]
        length = float(time[-1] - time[0]) + 1 / _STEPS_HZ
        now = self._start + int(np.searchsorted(time, time[0] + self._played_s % length, "right")) - 1
        self.view.show([self._poses[now]], bounds=self._bounds)
        self.bar.show(self._start, self._end, now=now)
