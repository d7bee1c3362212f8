"""A puppet whose poses need no model: pictures and exact keypoints, faster than life."""

from __future__ import annotations

import threading
from dataclasses import replace
from types import TracebackType
from typing import Self

from actionpose.pose import Frame
from actionpose.sources.base import SourceInfo, SourceStatus
from actionpose.sources.puppet import PuppetSource, parse_puppet


class TruePuppet:
    """Plays a puppet with its poses, `pace` times as fast as its time stamps say."""

    def __init__(self, puppet: PuppetSource, *, pace: float = 1.0, with_pictures: bool = True) -> None:
        self._puppet = puppet
        self._pace = pace
        self._with_pictures = with_pictures
        self._index = 0
        self._closed = threading.Event()
        of = puppet.info
        self.info = SourceInfo(name=of.name, is_live=True, rate_hz=of.rate_hz, size=of.size)
        self.notes: tuple[str, ...] = ()

    @property
    def status(self) -> SourceStatus:
        return "ended" if self._closed.is_set() or self._index >= (self._puppet.info.n_frames or 0) else "running"

    def read(self) -> Frame | None:
        if self.status == "ended" or self._closed.wait(1 / (self.info.rate_hz or 30.0) / self._pace):
            return None
        index, self._index = self._index, self._index + 1
        pose = self._puppet.truth(index)
        image = None
        if self._with_pictures:
            frame = self._puppet.read()
            image = frame.image if frame else None
        return Frame(index=index, time=pose.time, image=image, poses=(pose,))

    def close(self) -> None:
        self._closed.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class TwoPuppets(TruePuppet):
    """Plays the poses of two puppets at once, each a track of its own."""

    def __init__(self, first: PuppetSource, second: PuppetSource, *, pace: float = 1.0) -> None:
        super().__init__(first, pace=pace, with_pictures=False)
        self._second = second

    def read(self) -> Frame | None:
        frame = super().read()
        if frame is None or frame.poses is None:
            return None
        beside = replace(self._second.truth(frame.index), track_id=1)
        return Frame(index=frame.index, time=frame.time, poses=(*frame.poses, beside))


def open_puppet(spec: str, *, pace: float = 1.0, with_pictures: bool = True) -> TruePuppet:
    return TruePuppet(parse_puppet(spec), pace=pace, with_pictures=with_pictures)
