"""What a keypoint model sees in a whole video: a table, a picture of the paths, and a video with them drawn in."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from actionpose.drawing import draw_pose
from actionpose.errors import InvalidDataError, RecordingError
from actionpose.estimators.base import KeypointEstimator
from actionpose.pose import FloatArray, Pose, PoseSequence
from actionpose.safe_text import to_cell
from actionpose.sources import Source
from actionpose.training.errors import TrainingError
from actionpose.video_writer import VideoWriter
from actionpose.whole_file import save_whole

__all__ = ["draw_trajectories", "find_trajectories", "save_trajectories"]

Image = npt.NDArray[np.uint8]

_DEFAULT_RATE_HZ = 30.0
_MIN_CONFIDENCE = 0.3  # under which a keypoint is not drawn


def find_trajectories(
    source: Source,
    estimator: KeypointEstimator,
    *,
    video: str | Path | None = None,
    on_frame: Callable[[], None] = lambda: None,
    should_stop: Callable[[], bool] = lambda: False,
    on_video_error: Callable[[RecordingError], None] | None = None,
) -> PoseSequence:
    """Find the keypoints of the first body in every frame.

    Parameters
    ----------
    source : Source
        With pictures.
    estimator : KeypointEstimator
        Forgets earlier frames first.
    video : path, optional
        Write the pictures there, with the keypoints drawn in.
    on_frame : callable
        Called after every frame.
    should_stop : callable
        Asked after every frame; when true, the rest is left out.
    on_video_error : callable, optional
        Is given why the video cannot be written. Default: that is raised, and what was found is lost.

    Returns
    -------
    PoseSequence
        Pixels, one entry for each frame; NaN where nobody was found.

    Raises
    ------
    InvalidDataError
        If there is no frame with a picture.
    RecordingError
        If the video cannot be written.
    """
    estimator.reset()
    unknown = np.full((estimator.skeleton.n_keypoints, 2), np.nan)
    times, positions, confidences = [], [], []
    writer: VideoWriter | None = None
    try:
        for frame in iter(source.read, None):
            if frame.image is None:
                continue
            found = estimator.estimate(frame)
            seen = bool(found) and found[0].image_position is not None
            times.append(frame.time)
            positions.append(found[0].image_position if seen else unknown)
            confidences.append(found[0].confidence if seen else np.zeros(len(unknown)))
            if video is not None:
                if writer is None:
                    size = frame.image.shape[1], frame.image.shape[0]
                    writer = VideoWriter(video, rate_hz=source.info.rate_hz or _DEFAULT_RATE_HZ, size=size)
                image = frame.image.copy()
                if found:
                    draw_pose(image, found[0], min_confidence=_MIN_CONFIDENCE)
                    _mark_keypoints(image, found[0])
                writer.write(image, frame.time)
            on_frame()
            if should_stop():
                break
    finally:
        if writer is not None:
            try:
                writer.close()
            except RecordingError as error:
                if on_video_error is None:
                    raise
                on_video_error(error)
    if not times:
        raise InvalidDataError(f"{source.info.name} has no pictures.", hint="A recording holds keypoints already.")
    return PoseSequence(
        skeleton=estimator.skeleton,
        time=np.array(times),
        position=np.array(positions),
        confidence=np.array(confidences),
    )


def _mark_keypoints(image: Image, pose: Pose) -> None:
    """Draw a dot with a rim at each keypoint, in the colour of its path."""
    assert pose.image_position is not None
    radius = max(3, min(image.shape[:2]) // 120)
    is_shown = (pose.confidence >= _MIN_CONFIDENCE) & np.isfinite(pose.image_position).all(axis=1)
    colours = (255 * _choose_colours(len(is_shown))).round().astype(int).tolist()
    for i in np.flatnonzero(is_shown):
        x, y = pose.image_position[i].astype(int).tolist()
        cv2.circle(image, (x, y), radius + 1, (255, 255, 255), cv2.FILLED, cv2.LINE_AA)
        cv2.circle(image, (x, y), radius, colours[i], cv2.FILLED, cv2.LINE_AA)


def _choose_colours(n: int) -> FloatArray:
    """Return n colours (n, 3) that are told apart, 0 to 1."""
    colours: FloatArray = matplotlib.colormaps["turbo"](np.linspace(0.05, 0.95, n))[:, :3]
    return colours


def save_trajectories(trajectories: PoseSequence, path: str | Path) -> None:
    """Write a CSV table: ``time_s``, and ``NAME_x``, ``NAME_y``, ``NAME_confidence``; empty where nobody was found."""
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    names = trajectories.skeleton.keypoints
    rows.writerow(["time_s", *(to_cell(f"{name}_{what}") for name in names for what in ("x", "y", "confidence"))])
    for time, points, confidence in zip(trajectories.time, trajectories.position, trajectories.confidence, strict=True):
        values = [
            field
            for (x, y), c in zip(points, confidence, strict=True)
            for field in ((f"{x:.2f}", f"{y:.2f}", f"{c:.3f}") if np.isfinite(x) else ("", "", "0"))
        ]
        rows.writerow([f"{time:.4f}", *values])
    save_whole(path, table.getvalue().encode(), error=TrainingError)


def draw_trajectories(trajectories: PoseSequence, *, size: tuple[int, int] | None) -> Figure:
    """Draw the path of each keypoint through the picture, and its x and y over time.

    Parameters
    ----------
    trajectories : PoseSequence
        Pixels.
    size : (int, int), optional
        Width and height of the picture; without it, only the paths are seen.
    """
    position = np.where(trajectories.confidence[:, :, None] >= _MIN_CONFIDENCE, trajectories.position, np.nan)
    colours = _choose_colours(trajectories.skeleton.n_keypoints)
    figure = Figure(figsize=(12, 5), layout="constrained")
    paths, x, y = figure.subplot_mosaic([["paths", "x"], ["paths", "y"]]).values()
    for i, (name, colour) in enumerate(zip(trajectories.skeleton.keypoints, colours, strict=True)):
        paths.plot(*position[:, i].T, color=colour, linewidth=0.8, label=name)
        x.plot(trajectories.time, position[:, i, 0], color=colour, linewidth=0.8)
        y.plot(trajectories.time, position[:, i, 1], color=colour, linewidth=0.8)
    paths.set(aspect="equal", xlabel="x (pixels)", ylabel="y (pixels)")
    if size is None:
        paths.yaxis.set_inverted(True)
    else:
        paths.set(xlim=(0, size[0]), ylim=(size[1], 0))
    paths.legend(fontsize="small")
    x.set(ylabel="x (pixels)")
    y.set(ylabel="y (pixels)", xlabel="time (s)")
    return figure
