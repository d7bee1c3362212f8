"""The puppet: a drawn person that performs actions, whose every joint is known exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from types import TracebackType
from typing import Self, TypeVar

import numpy as np

from actionpose.errors import SourceError
from actionpose.pose import Frame, Pose
from actionpose.skeleton import BLAZEPOSE_33
from actionpose.sources.base import SourceInfo, SourceStatus
from actionpose.sources.puppet_body import Figure, make_body
from actionpose.sources.puppet_drawing import Camera, paint_figure, paint_room
from actionpose.sources.puppet_moves import ACTIONS, perform

__all__ = ["PuppetSource", "parse_puppet"]

_OPTIONS = ("body", "seed", "fps", "speed", "pause", "seconds", "size")
_Number = TypeVar("_Number", int, float)
_HIPS = BLAZEPOSE_33.indices(["left_hip", "right_hip"])


class PuppetSource:
    """A drawn person performing actions, with exact truth: pixels for tests and demonstrations on any machine.

    Parameters
    ----------
    script : str or sequence of str
        Actions to perform: names from `ACTIONS`, one or several; a string may hold several, parted by commas.
    body : int
        Who performs: each number is another person in other clothes, in another room.
    seed : int
        Varies speed, amplitude, timing and swaying. The same arguments always give the same pictures.
    rate_hz : float
        Frames per second; every rate shows the same performance.
    size : (int, int)
        Width and height in pixels.
    speed : float
        Pace of the actions; 1 is an unhurried adult.
    pause : float
        Mean seconds of idling before, between and after the actions.
    seconds : float, optional
        Length. Default: the script once, in order. Else the script again and again, in random order.

    Raises
    ------
    SourceError
        If an action does not exist or a number makes no sense; the message lists the choices.

    Examples
    --------
    >>> with PuppetSource("wave,clap", body=2) as puppet:
    ...     frame = puppet.read()
    >>> frame.image.shape, [label for label, _, _ in puppet.spans]
    ((480, 640, 3), ['wave', 'clap'])
    >>> puppet.truth(0).position.shape
    (33, 3)
    """

    def __init__(
        self,
        script: str | Sequence[str],
        *,
        body: int = 0,
        seed: int = 0,
        rate_hz: float = 30.0,
        size: tuple[int, int] = (640, 480),
        speed: float = 1.0,
        pause: float = 1.2,
        seconds: float | None = None,
    ) -> None:
        names = tuple(name.strip() for name in (script.split(",") if isinstance(script, str) else script))
        _check_script(names)
        _check_range("body", body, 0, 2**31)
        _check_range("seed", seed, 0, 2**31)
        _check_range("fps", rate_hz, 1, 1000)
        _check_range("speed", speed, 0.1, 10)
        _check_range("pause", pause, 0, 600)
        _check_range("seconds", 1 if seconds is None else seconds, 0.1, 6 * 3600)
        for side in size:
            _check_range("size", side, 64, 4096)
        self._body, self._camera, self._rate_hz = make_body(body), Camera(width=size[0], height=size[1]), rate_hz
        self._performance = perform(
            names, rng=np.random.default_rng([body, seed]), speed=speed, pause=pause, seconds=seconds
        )
        self._room = paint_room(self._body, self._camera)
        self._n_frames = max(1, round(self._performance.seconds * rate_hz))
        self._next = 0
        self._info = SourceInfo(
            name=f"puppet:{','.join(names)}", is_live=False, rate_hz=rate_hz, size=size, n_frames=self._n_frames
        )

    @property
    def info(self) -> SourceInfo:
        """What is known of the source."""
        return self._info

    @property
    def status(self) -> SourceStatus:
        """``running`` or ``ended``."""
        return "running" if self._next < self._n_frames else "ended"

    @property
    def notes(self) -> tuple[str, ...]:
        """Nothing: a puppet has no accidents."""
        return ()

    @property
    def spans(self) -> list[tuple[str, float, float]]:
        """Label, start and end in seconds of each action performed, in order; idling has none."""
        return list(self._performance.spans)

    def read(self) -> Frame | None:
        """Return the next picture (H, W, 3), or None at the end."""
        index = self._next
        if index >= self._n_frames:
            return None
        image = self._room.copy()
        paint_figure(image, self._figure(index), self._body, self._camera)
        self._next += 1
        return Frame(index=index, time=index / self._rate_hz, image=image)

    def truth(self, index: int) -> Pose:
        """Return where the keypoints of a frame really are.

        Parameters
        ----------
        index : int
            Number of the frame.

        Returns
        -------
        Pose
            `BLAZEPOSE_33` with world positions in metres from the middle of the hips (x to the image's right, y down,
            z away from the camera) and image positions in pixels.
        """
        points = self._figure(index).keypoints()
        return Pose(
            skeleton=BLAZEPOSE_33,
            time=index / self._rate_hz,
            position=points - points[_HIPS].mean(axis=0),
            image_position=self._camera.project(points)[0],
        )

    def _figure(self, index: int) -> Figure:
        return Figure(self._body, self._performance.directions(index / self._rate_hz))

    def close(self) -> None:
        """End the performance."""
        self._next = self._n_frames

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def parse_puppet(spec: str) -> PuppetSource:
    """Open a puppet by its address.

    Parameters
    ----------
    spec : str
        ``puppet:ACTION[,ACTION...][?OPTION=VALUE&...]`` with the options ``body``, ``seed``, ``fps``, ``speed``,
        ``pause``, ``seconds`` and ``size`` (``WIDTHxHEIGHT``).

    Raises
    ------
    SourceError
        If there is no such action or option, or a value cannot be read.

    Examples
    --------
    >>> parse_puppet("puppet:wave,squat?body=2&fps=15").info.rate_hz
    15.0
    """
    script, _, query = spec.removeprefix("puppet:").partition("?")
    options: dict[str, str] = {}
    for item in filter(None, query.split("&")):
        name, _, value = item.partition("=")
        if name not in _OPTIONS:
            raise SourceError(
                f"The puppet has no option {name!r}{_nearest(name, _OPTIONS)}",
                hint=f"Its options are {', '.join(_OPTIONS)}: for instance puppet:wave?body=2&seconds=60.",
            )
        options[name] = value
    return PuppetSource(
        script,
        body=_read("body", options.get("body", "0"), int),
        seed=_read("seed", options.get("seed", "0"), int),
        rate_hz=_read("fps", options.get("fps", "30"), float),
        size=_size(options.get("size", "640x480")),
        speed=_read("speed", options.get("speed", "1"), float),
        pause=_read("pause", options.get("pause", "1.2"), float),
        seconds=_read("seconds", options["seconds"], float) if "seconds" in options else None,
    )


def _read(option: str, text: str, kind: Callable[[str], _Number]) -> _Number:
    try:
        return kind(text)
    except ValueError:
        expected = "a whole number" if kind is int else "a number"
        raise SourceError(f"The puppet's {option} is {expected}, got {text!r}.") from None


def _size(text: str) -> tuple[int, int]:
    width, cross, height = text.partition("x")
    if not cross:
        raise SourceError(f"The puppet's size is WIDTHxHEIGHT in pixels, for instance 640x480, got {text!r}.")
    return _read("size", width, int), _read("size", height, int)


def _check_script(names: tuple[str, ...]) -> None:
    hint = f"It can do {', '.join(ACTIONS)}."
    if not any(names):
        raise SourceError("The puppet was given no action.", hint=hint)
    for name in names:
        if name not in ACTIONS:
            raise SourceError(f"The puppet has no action {name!r}{_nearest(name, ACTIONS)}", hint=hint)


def _check_range(name: str, value: float, lowest: float, highest: float) -> None:
    if not lowest <= value <= highest:
        raise SourceError(f"The puppet's {name} lies between {lowest:g} and {highest:g}, got {value:g}.")


def _nearest(name: str, choices: Iterable[str]) -> str:
    near = get_close_matches(name, choices, n=1)
    return f"; did you mean {near[0]!r}?" if near else "."
