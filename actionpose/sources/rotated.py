"""Pictures turned by quarters, for video that lies on its side and does not say so."""

from __future__ import annotations

import dataclasses
from types import TracebackType
from typing import Self

import numpy as np

from actionpose.errors import SourceError
from actionpose.pose import Frame
from actionpose.sources.base import Source, SourceInfo, SourceStatus

__all__ = ["RotatedSource"]


class RotatedSource:
    """Another source, its pictures turned; closing it closes the other.

    Parameters
    ----------
    source : Source
        Of pictures.
    degrees : int
        90, 180 or 270, clockwise, besides the turn that the source's own mark asks for.

    Raises
    ------
    SourceError
        If it is another angle, or the source brings poses instead of pictures.
    """

    def __init__(self, source: Source, degrees: int) -> None:
        if degrees not in (90, 180, 270):
            raise SourceError(f"Pictures are turned by 90, 180 or 270 degrees, got {degrees}.")
        self._source = source
        self._quarter_turns = degrees // 90

    @property
    def info(self) -> SourceInfo:
        """What is known of the source; the size is that of the turned pictures."""
        info = self._source.info
        if info.size is None or self._quarter_turns == 2:
            return info
        width, height = info.size
        return dataclasses.replace(info, size=(height, width))

    @property
    def status(self) -> SourceStatus:
        """As the other source's."""
        return self._source.status

    @property
    def notes(self) -> tuple[str, ...]:
        """As the other source's."""
        return self._source.notes

    def read(self) -> Frame | None:
        """Return the next frame, turned."""
        frame = self._source.read()
        if frame is None:
            return None
        if frame.image is None:
            raise SourceError(
                f"{self._source.info.name} holds keypoints, not pictures, so nothing can be turned.",
                hint="Leave out --rotate.",
            )
        image = np.ascontiguousarray(np.rot90(frame.image, -self._quarter_turns))
        return dataclasses.replace(frame, image=image)

    def close(self) -> None:
        """Close the other source."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
