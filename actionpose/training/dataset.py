"""Labelled crops in one file: what a keypoint model is trained on and judged by."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, get_args

import msgspec
import numpy as np
import numpy.typing as npt

from actionpose.errors import InvalidDataError
from actionpose.reading import ArrayLayout, decode_json, read_arrays
from actionpose.recording.format import SkeletonRecord
from actionpose.skeleton import Skeleton
from actionpose.training.errors import TrainingError
from actionpose.whole_file import WholeFile

__all__ = [
    "DOUBTFUL",
    "SURE",
    "UNLABELLED",
    "KeypointDataset",
    "Part",
    "SplitKind",
    "choose_split",
    "compute_fingerprint",
    "load_dataset",
    "save_dataset",
    "split",
]

UNLABELLED, DOUBTFUL, SURE = 0, 1, 2
"""Visibility of a keypoint: no label; hidden, or not agreed on by the teacher's two passes; plain to see."""

Part = Literal["train", "validation", "test", "unused"]
SplitKind = Literal["time", "source", "random"]

_VERSION: Final = 1
_ARRAYS: Final = ("image", "keypoints", "visibility", "box", "reference_px", "source", "time", "part", "area")
_LAYOUTS: Final = {
    "version": ArrayLayout("iu", ()),
    "skeleton": ArrayLayout("u", ("S",)),
    "margin": ArrayLayout("f", ()),
    "image": ArrayLayout("u", ("N", "H", "W", "C")),
    "keypoints": ArrayLayout("f", ("N", "K", 2)),
    "visibility": ArrayLayout("u", ("N", "K")),
    "box": ArrayLayout("f", ("N", 4)),
    "reference_px": ArrayLayout("f", ("N",)),
    "source": ArrayLayout("U", ("N",)),
    "time": ArrayLayout("f", ("N",)),
    "part": ArrayLayout("U", ("N",)),
    "area": ArrayLayout("f", ("N",)),
}
_OUTLINE_SHARE = 0.53

_FloatArray = npt.NDArray[np.float32]
_BytesArray = npt.NDArray[np.uint8]
_TextArray = npt.NDArray[np.str_]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeypointDataset:
    """N crops with K keypoints each.

    Parameters
    ----------
    skeleton : Skeleton
        Names the K keypoints.
    image : array (N, H, W, C) uint8
        Crops; C is 1 for gray, 3 for RGB.
    keypoints : array (N, K, 2) float32
        Pixels of the crop, its first pixel reaching from 0 to 1; NaN where unlabelled. A keypoint may lie outside.
    visibility : array (N, K) uint8
        0 no label, 1 doubtful (hidden, or the teacher was not sure), 2 sure: as in COCO.
    box : array (N, 4) float32
        Left, top, width and height of the crop in its picture, pixels.
    reference_px : array (N,) float32
        What errors are measured in: the torso's length, or what the labels' skeleton has for a unit, in crop pixels.
    source : array (N,) of str
        Which video, folder or file the picture is from.
    time : array (N,) float64
        Seconds in that source.
    margin : float, optional
        Room around the keypoints that the crops were cut with, as a share of their extent; None for whole pictures.
    part : array (N,) of str, optional
        ``train``, ``validation``, ``test`` or ``unused``. Default: all ``train``. See `split`.
    area : array (N,) float32, optional
        Of the body's outline, crop pixels squared. Default: 0.53 of the box around its labels, as is the custom where
        nobody drew outlines.

    Raises
    ------
    InvalidDataError
        If shapes do not fit together, or nothing is labelled.
    """

    skeleton: Skeleton
    image: _BytesArray
    keypoints: _FloatArray
    visibility: _BytesArray
    box: _FloatArray
    reference_px: _FloatArray
    source: _TextArray
    time: npt.NDArray[np.float64]
    margin: float | None
    part: _TextArray = None  # type: ignore[assignment]
    area: _FloatArray = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.image.ndim != 4 or self.image.shape[3] not in (1, 3) or self.image.dtype != np.uint8:
            raise InvalidDataError(
                f"Images must be (N, H, W, 1) or (N, H, W, 3) of uint8, got {self.image.shape} of {self.image.dtype}."
            )
        n, k = len(self.image), self.skeleton.n_keypoints
        if not n:
            raise InvalidDataError("A dataset needs at least one image, got none.", hint="Collect some frames first.")
        if self.part is None:
            object.__setattr__(self, "part", np.full(n, "train"))
        if self.area is None:
            object.__setattr__(self, "area", self._estimate_area())
        shapes = {"keypoints": (n, k, 2), "visibility": (n, k), "box": (n, 4), "reference_px": (n,)}
        shapes |= {"source": (n,), "time": (n,), "part": (n,), "area": (n,)}
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise InvalidDataError(
                    f"{name} must have shape {shape} for {n} images and {k} keypoints, got {getattr(self, name).shape}."
                )
        if (self.visibility > SURE).any():
            raise InvalidDataError(f"Visibility must be 0, 1 or 2, got {self.visibility.max()}.")
        is_known = np.isfinite(self.keypoints).all(axis=2)
        if (~is_known & (self.visibility > UNLABELLED)).any():
            raise InvalidDataError("Keypoints with a visibility above 0 need a finite position.")
        if not self.visibility.any():
            raise InvalidDataError(f"None of the {n} images has a labelled keypoint.", hint="Label some of them.")
        if not ((self.reference_px > 0) & np.isfinite(self.reference_px)).all():
            raise InvalidDataError("reference_px must be positive pixels.")

    def _estimate_area(self) -> _FloatArray:
        places = self.keypoints.astype(np.float64)
        low = np.where(np.isnan(places), np.inf, places).min(axis=1)
        high = np.where(np.isnan(places), -np.inf, places).max(axis=1)
        sides = np.maximum(np.where(np.isfinite(high - low), high - low, 0), self.reference_px[:, None])
        area: _FloatArray = (_OUTLINE_SHARE * sides.prod(axis=1)).astype(np.float32)
        return area

    def __len__(self) -> int:
        return len(self.image)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the crops."""
        return self.image.shape[2], self.image.shape[1]

    @property
    def channels(self) -> int:
        """1 for gray, 3 for RGB."""
        return int(self.image.shape[3])

    @property
    def _cut(self) -> tuple[tuple[int, int], int, float | None]:
        return self.size, self.channels, self.margin

    def to_picture(self, position: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
        """Turn positions (N, K, 2) in the crops, pixels, into pixels of the pictures they were cut from."""
        box = self.box.astype(np.float64)
        placed: npt.NDArray[np.float64] = position * (box[:, None, 2:] / self.size) + box[:, None, :2]
        return placed

    @property
    def picture_reference_px(self) -> npt.NDArray[np.float64]:
        """What errors are measured in (N,), pixels of the pictures that the crops were cut from."""
        return self.reference_px.astype(np.float64) * self.picture_scale

    @property
    def picture_scale(self) -> npt.NDArray[np.float64]:
        """Pixels of the picture in one of the crop (N,)."""
        return self.box[:, 2].astype(np.float64) / self.size[0]

    def __getitem__(self, index: npt.NDArray[np.int64] | npt.NDArray[np.bool_] | slice) -> KeypointDataset:
        return replace(self, **{name: getattr(self, name)[index] for name in _ARRAYS})

    def of_part(self, *parts: Part) -> KeypointDataset:
        """Return the crops of these parts.

        Raises
        ------
        InvalidDataError
            If there are none.
        """
        chosen = np.isin(self.part, parts)
        if not chosen.any():
            raise InvalidDataError(
                f"The dataset has no images for {' or '.join(parts)}.",
                hint="Build it anew with more pictures, or with other shares for validation and test.",
            )
        return self[chosen]

    @staticmethod
    def concatenate(datasets: Sequence[KeypointDataset]) -> KeypointDataset:
        """Return all crops of several datasets, in order.

        Raises
        ------
        InvalidDataError
            If there are none, or their keypoints or image sizes differ.
        """
        if not datasets:
            raise InvalidDataError("Expected at least one dataset, got none.")
        first = datasets[0]
        for other in datasets[1:]:
            if not first.skeleton.has_same_keypoints(other.skeleton) or first._cut != other._cut:
                raise InvalidDataError(
                    f"Datasets differ: {first.skeleton.name}, {first._cut} and {other.skeleton.name}, {other._cut}.",
                    hint="Build all of them with the same keypoints, size, colour and margin.",
                )
        return replace(first, **{name: np.concatenate([getattr(d, name) for d in datasets]) for name in _ARRAYS})


def split(
    dataset: KeypointDataset,
    *,
    by: SplitKind = "time",
    validation: float = 0.1,
    test: float = 0.2,
    gap_s: float = 0.2,
    seed: int = 0,
) -> KeypointDataset:
    """Divide the crops into parts.

    Parameters
    ----------
    dataset : KeypointDataset
        Its present parts are forgotten.
    by : {"time", "source", "random"}
        ``time``: of each source the last stretch is for the test and the one before it for validation, and what lies
        within `gap_s` before such a stretch is not used, since neighbouring frames are nearly the same picture.
        ``source``: whole sources, drawn at random. ``random``: single images, for pictures that were not taken in a
        row. See `choose_split`.
    validation, test : float
        Share of each, 0 to 1; together below 1.
    gap_s : float
        Seconds between the stretches.
    seed : int
        For drawing.

    Raises
    ------
    InvalidDataError
        If the shares make no sense, leave nothing to train on or nothing of what is to be the test, or pictures without
        times are to be divided by them.
    """
    if min(validation, test) < 0 or validation + test >= 1:
        raise InvalidDataError(
            f"The shares for validation and test must lie between 0 and 1 and leave something to train on, "
            f"got {validation} and {test}."
        )
    if by not in get_args(SplitKind):
        raise InvalidDataError(f"Datasets are split by time, source or random, got {by!r}.")
    if by == "time" and not _has_times(dataset):
        raise InvalidDataError(
            f"Most of the {len(dataset)} images have no time of their own in their source.",
            hint="Split by source (whole videos, or all bodies of a picture), or at random.",
        )
    part = _divide(dataset, by, validation=validation, test=test, gap_s=gap_s, seed=seed)
    for name, share, purpose in (("train", 1.0, "train on"), ("test", test, "test on")):
        if share and not (part == name).any():
            raise InvalidDataError(
                f"Splitting {len(dataset)} images by {by!r} leaves none to {purpose}.",
                hint="Collect more, split in another way, or ask for other shares.",
            )
    return replace(dataset, part=part)


def choose_split(
    dataset: KeypointDataset, *, validation: float = 0.1, test: float = 0.2, gap_s: float = 0.2
) -> SplitKind:
    """Return how to divide this dataset: the first way that gives each part at least half of its share.

    By time, so that the test is later than what was trained on; else by source, so that pictures taken together stay
    together; else at random.

    Parameters
    ----------
    dataset, validation, test, gap_s
        As for `split`.
    """
    shares = {"train": 1 - validation - test, "validation": validation, "test": test}
    ways: tuple[SplitKind, ...] = ("time", "source") if _has_times(dataset) else ("source",)
    for by in ways:
        part = _divide(dataset, by, validation=validation, test=test, gap_s=gap_s, seed=0)
        if all((part == name).mean() >= share / 2 for name, share in shares.items()):
            return by
    return "random"


def _has_times(dataset: KeypointDataset) -> bool:
    """Whether most images are the only ones of their source at their time."""
    n_moments = len(set(zip(dataset.source.tolist(), dataset.time.tolist(), strict=True)))
    return 2 * n_moments > len(dataset)


def _divide(
    dataset: KeypointDataset, by: SplitKind, *, validation: float, test: float, gap_s: float, seed: int
) -> _TextArray:
    if by == "time":
        return _split_time(dataset, validation, test, gap_s)
    units = dataset.source if by == "source" else np.arange(len(dataset)).astype(str)
    return _split_units(units, validation, test, np.random.default_rng(seed))


def _split_time(dataset: KeypointDataset, validation: float, test: float, gap_s: float) -> _TextArray:
    part = np.full(len(dataset), "train", dtype="<U10")
    for source in np.unique(dataset.source):
        mine = np.flatnonzero(dataset.source == source)
        mine = mine[np.argsort(dataset.time[mine], kind="stable")]
        n = len(mine)
        first_test, first_validation = round(n * (1 - test)), round(n * (1 - test - validation))
        part[mine[first_validation:first_test]] = "validation"
        part[mine[first_test:]] = "test"
        time = dataset.time[mine]
        for first in (first_validation, first_test):
            if first < n:
                part[mine[:first][time[:first] > time[first] - gap_s]] = "unused"
    return part


def _split_units(units: _TextArray, validation: float, test: float, rng: np.random.Generator) -> _TextArray:
    names = rng.permutation(np.unique(units))
    n_test = max(1, round(len(names) * test)) if test else 0
    n_validation = max(1, round(len(names) * validation)) if validation else 0
    part = np.full(len(units), "train", dtype="<U10")
    part[np.isin(units, names[:n_test])] = "test"
    part[np.isin(units, names[n_test : n_test + n_validation])] = "validation"
    return part


def compute_fingerprint(dataset: KeypointDataset) -> str:
    """Return a checksum of what a training depends on: pictures, labels and parts."""
    digest = hashlib.sha256()
    for array in (dataset.image, dataset.keypoints, dataset.visibility, dataset.part):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def save_dataset(dataset: KeypointDataset, path: str | Path) -> None:
    """Write a dataset as one ``.npz`` file, compressed, without pickles.

    It holds the arrays of `KeypointDataset` by name, ``skeleton`` (JSON, uint8), ``margin`` (NaN for none) and
    ``version``.
    """
    arrays = {name: getattr(dataset, name) for name in _ARRAYS}
    skeleton = np.frombuffer(msgspec.json.encode(SkeletonRecord.from_skeleton(dataset.skeleton)), dtype=np.uint8)
    margin = np.array(np.nan if dataset.margin is None else dataset.margin)
    with WholeFile(path, error=TrainingError) as file:
        np.savez_compressed(file, version=np.array(_VERSION), skeleton=skeleton, margin=margin, **arrays)


def load_dataset(path: str | Path) -> KeypointDataset:
    """Read a dataset that `save_dataset` wrote.

    Raises
    ------
    InvalidDataError
        If there is no such file, it is cut off, or it holds something else.
    """
    path = Path(path)
    advice = "Make one: `actionpose keypoints build FOLDER -o data.npz`."
    found = read_arrays(path, _LAYOUTS, what="a keypoint dataset", hint=advice)
    if int(found.pop("version")) != _VERSION:
        raise InvalidDataError(f"{path} was written by another version of actionpose.", hint="Build it anew.")
    skeleton = decode_json(
        found.pop("skeleton").tobytes(), SkeletonRecord, where=f"{path} holds no valid skeleton"
    ).to_skeleton()
    margin = float(found.pop("margin"))
    return KeypointDataset(skeleton=skeleton, margin=None if np.isnan(margin) else margin, **found)
