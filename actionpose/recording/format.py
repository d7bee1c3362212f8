"""The lines of a recording."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

import msgspec
import numpy as np

from actionpose.errors import InvalidDataError
from actionpose.pose import Frame, Pose
from actionpose.safe_text import storable
from actionpose.skeleton import Skeleton

__all__ = [
    "FORMAT",
    "VERSION",
    "EndLine",
    "FrameLine",
    "HeaderLine",
    "RecordingHeader",
    "SkeletonRecord",
]

FORMAT: Final = "actionpose-recording"
VERSION: Final = 1

_Names = Annotated[tuple[str, ...], msgspec.Meta(max_length=1000)]
_Pairs = Annotated[tuple[tuple[str, str], ...], msgspec.Meta(max_length=5000)]
_Triples = Annotated[tuple[tuple[str, str, str], ...], msgspec.Meta(max_length=5000)]


class SkeletonRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A skeleton written out in full, as files hold it: what it means never depends on today's defaults."""

    name: str
    keypoints: _Names
    edges: _Pairs
    symmetry: _Pairs
    root: _Names
    scale: _Pairs
    angles: _Triples

    @classmethod
    def from_skeleton(cls, skeleton: Skeleton) -> SkeletonRecord:
        """Write a skeleton out."""
        return cls(
            name=skeleton.name,
            keypoints=tuple(skeleton.keypoints),
            edges=tuple(skeleton.edges),
            symmetry=tuple(skeleton.symmetry or ()),
            root=tuple(skeleton.root or ()),
            scale=tuple(skeleton.scale or ()),
            angles=tuple(skeleton.angles or ()),
        )

    def to_skeleton(self) -> Skeleton:
        """Return the skeleton.

        Raises
        ------
        InvalidDataError
            If its names do not fit together.
        """
        return Skeleton(
            name=self.name,
            keypoints=self.keypoints,
            edges=self.edges,
            symmetry=self.symmetry,
            root=self.root,
            scale=self.scale,
            angles=self.angles,
        )


_Row = list[float | None]  # null = not seen


class _PoseRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    track_id: int
    position: list[_Row]
    confidence: _Row
    image_position: list[_Row] | None


class FrameLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="frame"):
    """One frame, without poses when nobody was in view."""

    index: Annotated[int, msgspec.Meta(ge=0)]
    time: float
    poses: list[_PoseRecord]

    @classmethod
    def from_poses(cls, index: int, time: float, poses: Iterable[Pose]) -> FrameLine:
        """Write a frame out."""
        return cls(
            index=index,
            time=time,
            poses=[
                _PoseRecord(
                    track_id=pose.track_id,
                    position=pose.position.tolist(),
                    confidence=pose.confidence.tolist(),
                    image_position=None if pose.image_position is None else pose.image_position.tolist(),
                )
                for pose in poses
            ],
        )

    def to_frame(self, skeleton: Skeleton) -> Frame:
        """Return the frame.

        Raises
        ------
        InvalidDataError
            If an array has another shape than the skeleton asks for.
        """
        poses = tuple(
            Pose(
                skeleton=skeleton,
                time=self.time,
                position=_to_array(record.position),
                confidence=_to_array(record.confidence),
                image_position=None if record.image_position is None else _to_array(record.image_position),
                track_id=record.track_id,
            )
            for record in self.poses
        )
        return Frame(index=self.index, time=self.time, poses=poses)


class EndLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="end"):
    """The last line of a recording that was closed properly."""

    n_frames: int


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingHeader:
    """What a recording says of itself in its first line.

    Parameters
    ----------
    skeleton : Skeleton
        Of every pose in it.
    estimator : str
        Name of the keypoint model that found the poses.
    source : str
        Name of the source they were found in.
    rate_hz : float, optional
        Nominal frame rate of the source.
    size : (int, int), optional
        Width and height in pixels of the pictures.
    created : datetime
        When the recording began, with time zone.
    """

    skeleton: Skeleton
    estimator: str
    source: str
    rate_hz: float | None = None
    size: tuple[int, int] | None = None
    created: dt.datetime = field(default_factory=_now)


class HeaderLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first line."""

    format: Literal["actionpose-recording"] = FORMAT
    version: Literal[1] = VERSION
    created: Annotated[dt.datetime, msgspec.Meta(tz=True)]
    source: str
    estimator: str
    rate_hz: float | None
    size: tuple[int, int] | None
    skeleton: SkeletonRecord

    @classmethod
    def from_header(cls, header: RecordingHeader) -> HeaderLine:
        """Write a header out."""
        return cls(
            created=header.created,
            source=storable(header.source),
            estimator=storable(header.estimator),
            rate_hz=header.rate_hz,
            size=header.size,
            skeleton=SkeletonRecord.from_skeleton(header.skeleton),
        )

    def to_header(self) -> RecordingHeader:
        """Return the header.

        Raises
        ------
        InvalidDataError
            If the names of the skeleton do not fit together.
        """
        return RecordingHeader(
            skeleton=self.skeleton.to_skeleton(),
            estimator=self.estimator,
            source=self.source,
            rate_hz=self.rate_hz,
            size=self.size,
            created=self.created,
        )


def _to_array(rows: list[_Row] | _Row) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    try:
        array = np.array(rows, dtype=np.float64)  # None becomes NaN
    except ValueError:
        raise InvalidDataError("the rows of a pose differ in length") from None
    array.flags.writeable = False
    return array
