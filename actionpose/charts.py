"""Pictures of an evaluation: what was taken for what, how near every action was when, and what a threshold costs."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.transforms import Bbox

from actionpose.template import UNKNOWN
from actionpose.whole_file import save_whole

if TYPE_CHECKING:
    from actionpose.decision import ActionEvent
    from actionpose.evaluation import Confusion, Evaluation, Span
    from actionpose.recognizer import DistanceTrace

__all__ = ["draw_confusion", "draw_trace", "draw_trade_off", "save_figure"]

# Okabe & Ito: told apart by everybody.
_BLUE, _ORANGE, _GREEN, _GREY = "#0072B2", "#D55E00", "#009E73", "#999999"
_RADII_PT, _ANGLES_DEG = (5, 14, 24, 34, 46, 60), (45, 0, 90, 315, 135, 180, 270, 225)  # where a name is tried
_HIGHEST_RATIO = 2.5  # what is farther than that is simply far
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that every machine draws the same
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.parse_math": False,  # a label may hold a dollar sign
    "svg.hashsalt": "actionpose",
}


def draw_confusion(confusion: Confusion, *, title: str = "") -> Figure:
    """Draw what was taken for what: rows performed, columns recognised, darker = a larger share of the row.

    Parameters
    ----------
    confusion : Confusion
        At least the label ``unknown``.
    title : str
        Above the picture.

    Returns
    -------
    Figure
    """
    n_labels = len(confusion.labels)
    with matplotlib.rc_context(_STYLE):
        side = 2.0 + 0.45 * n_labels
        figure = Figure(figsize=(side + 0.6, side), layout="constrained")
        axes = figure.add_subplot()
        share = confusion.counts / np.maximum(confusion.counts.sum(axis=1, keepdims=True), 1)
        axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
        for i, j in np.argwhere(confusion.counts).tolist():
            color = "white" if share[i, j] > 0.5 else "black"
            axes.text(j, i, str(confusion.counts[i, j]), ha="center", va="center", color=color)
        axes.set_xticks(range(n_labels), confusion.labels, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(n_labels), confusion.labels)
        axes.set(xlabel="recognised", ylabel="performed", title=title)
        axes.spines[:].set_visible(False)
    return figure


def draw_trace(
    trace: DistanceTrace,
    *,
    spans: Sequence[Span] = (),
    events: Sequence[ActionEvent] = (),
    verdicts: Sequence[bool | None] = (),
    title: str = "",
) -> Figure:
    """Draw how near every action was at every instant, in units of its threshold.

    Each action has a row, also one that was performed and has no template: a line that dips under 1 where a match
    ends, green where the action was performed, and a bar for each event, blue where it is right, orange where it is
    wrong and grey where that is not counted or not known, with a tick where it was reported.

    Parameters
    ----------
    trace : DistanceTrace
        Of the whole stream.
    spans : sequence of (str, float, float)
        What was performed: label, start and end in seconds.
    events : sequence of ActionEvent
        What was recognised.
    verdicts : sequence of bool or None
        Of each event, as `actionpose.evaluation.judge_events` gives them.
    title : str
        Above the picture.

    Returns
    -------
    Figure
    """
    of_template = np.asarray(trace.labels, dtype=str)
    labels = sorted({*of_template.tolist(), *(label for label, *_ in spans)} - {UNKNOWN})
    ratio = np.minimum(trace.distance / trace.threshold, _HIGHEST_RATIO)
    duration_s = float(trace.time[-1] - trace.time[0]) if len(trace.time) else 0.0
    with matplotlib.rc_context(_STYLE):
        size = (min(40.0, max(10.0, duration_s / 6)), 0.8 + 0.9 * len(labels))
        figure = Figure(figsize=size, layout="constrained")
        rows = figure.subplots(len(labels), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        for axes, label in zip(rows, labels, strict=True):
            for performed, start, end in spans:
                if performed == label:
                    axes.axvspan(start, end, color=_GREEN, alpha=0.25, linewidth=0)
            axes.axhline(1.0, color=_GREY, linewidth=0.8, linestyle="--")
            if label in of_template:
                axes.plot(trace.time, ratio[:, of_template == label].min(axis=1), color="black", linewidth=0.7)
            for event, verdict in itertools.zip_longest(events, verdicts):
                if event.label == label:
                    color = {True: _BLUE, False: _ORANGE, None: _GREY}[verdict]
                    axes.plot([event.start_time, event.end_time], [0.15, 0.15], color=color, linewidth=3)
                    axes.axvline(event.report_time, ymax=0.2, color=color, linewidth=0.8)
            axes.set_ylabel(label, rotation=0, ha="right", va="center")
            axes.set(ylim=(0, _HIGHEST_RATIO), yticks=[0, 1, 2])
        rows[-1].set_xlabel("seconds")
        if duration_s:
            rows[-1].set_xlim(trace.time[0], trace.time[-1])
        figure.suptitle(title or "distance / threshold", fontsize=10)
        figure.legend(handles=_explain_trace(), loc="outside lower center", ncols=7, frameon=False)
    return figure


def _explain_trace() -> list[Artist]:
    return [
        Line2D([], [], color="black", linewidth=0.7, label="distance"),
        Line2D([], [], color=_GREY, linewidth=0.8, linestyle="--", label="threshold"),
        Patch(color=_GREEN, alpha=0.25, linewidth=0, label="performed"),
        Line2D([], [], color=_BLUE, linewidth=3, label="recognised, right"),
        Line2D([], [], color=_ORANGE, linewidth=3, label="recognised, wrong"),
        Line2D([], [], color=_GREY, linewidth=3, label="not counted"),
        Line2D([], [], color=_GREY, linewidth=0.8, marker="|", linestyle="", label="reported"),
    ]


def draw_trade_off(points: Sequence[tuple[float, Evaluation]]) -> Figure:
    """Draw what more or less sensitivity costs: false alarms per minute against the share that is missed.

    Parameters
    ----------
    points : sequence of (float, Evaluation)
        Sensitivities and what they gave, in order.

    Returns
    -------
    Figure
    """
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(6, 4.5), layout="constrained")
        axes = figure.add_subplot()
        alarms = [evaluation.false_alarms_per_minute for _, evaluation in points]
        missed = [100 * (1 - evaluation.total.recall) for _, evaluation in points]
        axes.plot(alarms, missed, color=_BLUE, marker="o", markersize=4, clip_on=False)
        names: dict[tuple[float, float], list[str]] = {}
        for (sensitivity, _), place in zip(points, zip(alarms, missed, strict=True), strict=True):
            names.setdefault(place, []).append(f"{sensitivity:g}")
        axes.set(xlabel="false alarms per minute", ylabel="missed, %", title="by sensitivity")
        axes.set_xlim(0, 1.1 * max(alarms, default=0) or 1)
        axes.set_ylim(0, 1.1 * max(missed, default=0) or 1)
        axes.grid(alpha=0.3)
        figure.draw_without_rendering()  # so that places on the page are known
        _name_points(axes, {place: ", ".join(found) for place, found in names.items()})
    return figure


def _name_points(axes: Axes, name_by_place: Mapping[tuple[float, float], str]) -> None:
    """Write names beside points, each where it overlaps neither another nor a point; farther ones with a line."""
    taken = [Bbox.from_bounds(x - 3, y - 3, 6, 6) for x, y in axes.transData.transform([*name_by_place]).tolist()]
    for place, name in name_by_place.items():
        for radius, angle in itertools.product(_RADII_PT, _ANGLES_DEG):
            x, y = offset = (radius * math.cos(math.radians(angle)), radius * math.sin(math.radians(angle)))
            text = axes.annotate(
                name,
                place,
                xytext=offset,
                textcoords="offset points",
                ha="left" if x > 1 else "right" if x < -1 else "center",
                va="bottom" if y > 1 else "top" if y < -1 else "center",
            )
            box = text.get_window_extent()
            is_inside = axes.bbox.contains(*box.min) and axes.bbox.contains(*box.max)
            if is_inside and not any(box.overlaps(other) for other in taken):
                if radius > _RADII_PT[0]:
                    line = {"arrowstyle": "-", "color": _GREY, "linewidth": 0.6, "shrinkA": 0}
                    axes.annotate("", place, xytext=offset, textcoords="offset points", arrowprops=line)
                taken.append(box)
                break
            text.remove()
        else:
            axes.annotate(name, place)  # there is no room


def save_figure(figure: Figure, stem: Path) -> list[Path]:
    """Write a figure as PNG and SVG, the same bytes every time.

    Parameters
    ----------
    figure : Figure
        What to write.
    stem : Path
        Where, without the ending; the folder must exist.

    Returns
    -------
    list of Path
        The two files.
    """
    paths = []
    for suffix in ("png", "svg"):
        picture = io.BytesIO()
        with matplotlib.rc_context(_STYLE):
            figure.savefig(picture, format=suffix, dpi=120, metadata={"Date": None} if suffix == "svg" else None)
        path = stem.with_name(f"{stem.name}.{suffix}")
        save_whole(path, picture.getvalue())
        paths.append(path)
    return paths
