"""A template at a glance: its skeleton played in a loop, and the joint angles that make it what it is."""

from __future__ import annotations

import time

import numpy as np
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from actionpose.body_frame import MIN_CONFIDENCE
from actionpose.features import compute_angles
from actionpose.pose import FloatArray, Pose, PoseSequence
from actionpose.template import Template
from actionpose.tui.curves import Curve, CurvePlot
from actionpose.tui.skeleton_view import Bounds, SkeletonView, pose_bounds

__all__ = ["TemplatePreview", "angle_curves", "name_angles", "pick_angles"]

_REDRAWS_HZ = 10.0
_PAUSE_S = 0.4  # between two rounds, so that start and end are seen


class TemplatePreview(Vertical):
    """Plays a template at its own speed, over the curves of its angles."""

    DEFAULT_CSS = """
    TemplatePreview {
        height: 1fr;
        SkeletonView { height: 3fr; }
        CurvePlot { height: 2fr; max-height: 12; }
        #clock { height: 1; color: $text-muted; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._template: Template | None = None
        self._sequence: PoseSequence | None = None
        self._poses: tuple[Pose, ...] = ()
        self._bounds: Bounds = (0.0, 0.0, 1.0, 1.0)
        self._frame = -1
        self._begun = 0.0
        self.is_playing = True

    def compose(self) -> ComposeResult:
        """Put skeleton, clock and curves on top of each other."""
        yield SkeletonView()
        yield Static(id="clock")
        yield CurvePlot()

    def on_mount(self) -> None:
        """Begin to play."""
        self.set_interval(1 / _REDRAWS_HZ, self._play)

    def show(self, template: Template | None) -> None:
        """Play another template from its start, or nothing."""
        if template is self._template and template is not None:
            return
        self._template = template
        self._sequence = sequence = template.sequence if template else None
        self._poses = tuple(sequence.iter_poses()) if sequence else ()
        self._frame, self._begun = -1, time.monotonic()
        plot = self.query_one(CurvePlot)
        if sequence is None:
            self.query_one(SkeletonView).show(())
            self.query_one("#clock", Static).update("")
            plot.show(())
            return
        self._bounds = pose_bounds(sequence)
        angles = pick_angles(sequence)
        plot.show(angle_curves(sequence, angles), x_range=(0.0, sequence.duration), y_range=(0, 180), units=(" s", "°"))
        self._show_frame(0)

    def toggle(self) -> None:
        """Pause, or play on from the same frame."""
        self.is_playing = not self.is_playing
        if self._sequence is not None and self.is_playing:
            self._begun = time.monotonic() - float(self._sequence.time[self._frame] - self._sequence.time[0])
        self._show_clock()

    def _play(self) -> None:
        sequence = self._sequence
        if sequence is None or not self.is_playing or not self.screen.is_current or not self.size:
            return
        elapsed = (time.monotonic() - self._begun) % (sequence.duration + _PAUSE_S)
        frame = int(np.searchsorted(sequence.time, sequence.time[0] + elapsed, "right")) - 1
        if frame != self._frame:
            self._show_frame(max(0, frame))

    def _show_frame(self, frame: int) -> None:
        assert self._sequence is not None
        self._frame = frame
        self.query_one(SkeletonView).show([self._poses[frame]], bounds=self._bounds)
        self.query_one(CurvePlot).at = float(self._sequence.time[frame] - self._sequence.time[0])
        self._show_clock()

    def _show_clock(self) -> None:
        if self._sequence is not None:
            at = self._sequence.time[self._frame] - self._sequence.time[0]
            state = "▶" if self.is_playing else "paused"
            text = f"{at:5.2f} of {self._sequence.duration:.2f} s  {state}"
            self.query_one("#clock", Static).update(text, layout=False)


def _seen_angles(sequence: PoseSequence) -> FloatArray:
    is_seen = sequence.confidence >= MIN_CONFIDENCE
    return compute_angles(np.where(is_seen[..., None], sequence.position, np.nan), sequence.skeleton)


def pick_angles(sequence: PoseSequence, *, n_angles: int = 3) -> list[int]:
    """Return the numbers of the skeleton's angles that move most, the most moving first; fewer where fewer move."""
    angles = _seen_angles(sequence)
    seen = ~np.isnan(angles).all(axis=0)
    extent = np.zeros(angles.shape[1])
    extent[seen] = np.nanmax(angles[:, seen], axis=0) - np.nanmin(angles[:, seen], axis=0)
    return [int(i) for i in np.argsort(-extent, kind="stable")[:n_angles] if extent[i] > 0]


def angle_curves(sequence: PoseSequence, angles: list[int]) -> list[Curve]:
    """Return angles in degrees over the seconds since the sequence's start."""
    degrees = np.degrees(_seen_angles(sequence))
    seconds = sequence.time - sequence.time[0]
    return [Curve(name, seconds, degrees[:, i]) for name, i in zip(name_angles(sequence, angles), angles, strict=True)]


def name_angles(sequence: PoseSequence, angles: list[int]) -> list[str]:
    """Name angles by their vertices, and by an end too where two of them share one: "left shoulder to hip"."""
    triples = [(sequence.skeleton.angles or ())[i] for i in angles]
    vertices = [vertex for _, vertex, _ in triples]
    names = []
    for _, vertex, last in triples:
        end = last.removeprefix("left_" if vertex.startswith("left_") else "right_")
        name = vertex if vertices.count(vertex) == 1 else f"{vertex} to {end}"
        names.append(name.replace("_", " "))
    return names
