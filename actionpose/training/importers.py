"""Labels that other tools wrote: COCO, DeepLabCut, FreiHAND, or a plain table."""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from actionpose.errors import InvalidDataError
from actionpose.pose import FloatArray
from actionpose.skeleton import HAND_21, STANDARD_SKELETONS, Skeleton
from actionpose.training.dataset import DOUBTFUL, SURE, UNLABELLED
from actionpose.training.labels import LabelledImage, LabelSet, compute_reference

__all__ = ["load_coco", "load_csv", "load_deeplabcut", "load_freihand"]

_MAX_JSON_BYTES = 2**31
_FREIHAND_VERSIONS = 4  # each pose was photographed once and composed with three other backgrounds

_Content = TypeVar("_Content")
_IntArray = npt.NDArray[np.uint8]


class _CocoImage(msgspec.Struct):
    id: int
    file_name: str


class _CocoCategory(msgspec.Struct):
    id: int
    name: str = ""
    keypoints: list[str] = []
    skeleton: list[tuple[int, int]] = []


class _CocoAnnotation(msgspec.Struct):
    image_id: int
    keypoints: list[float] = []
    category_id: int = 1
    iscrowd: int = 0
    area: float = 0.0


class _Coco(msgspec.Struct):
    images: list[_CocoImage]
    annotations: list[_CocoAnnotation]
    categories: list[_CocoCategory] = []


def load_coco(path: str | Path, *, images: str | Path | None = None) -> LabelSet:
    """Read COCO keypoints (cocodataset.org, "data format"): one picture for each annotated body.

    Parameters
    ----------
    path : path
        The JSON file. If its categories name no keypoints, a standard skeleton with as many is taken.
    images : path, optional
        Folder of the pictures. Default: that of the file.

    Raises
    ------
    InvalidDataError
        If the file is not of that format, or several categories have keypoints.
    """
    path = Path(path)
    folder = path.parent if images is None else Path(images)
    found = _read_json(path, _Coco)
    category, skeleton = _coco_skeleton(found, path)
    names = {image.id: image.file_name for image in found.images}
    labelled, n_left_out = [], 0
    for body in found.annotations:
        if category is not None and body.category_id != category:
            continue
        values = np.array(body.keypoints, dtype=np.float64)
        fits = values.size == 3 * skeleton.n_keypoints and np.isfinite(values).all() and body.image_id in names
        if not fits or body.iscrowd or not values[2::3].any():
            n_left_out += 1
            continue
        position, visibility = values.reshape(-1, 3)[:, :2], values[2::3]
        labelled.append(
            _make_image(
                folder / _inside(names[body.image_id]),
                np.where(visibility[:, None] > 0, position, np.nan),
                np.where(visibility > 0, SURE, UNLABELLED).astype(np.uint8),  # a person labelled the hidden ones too
                skeleton,
                source=names[body.image_id],
                area_px=body.area or None,
            )
        )
    return _finish(skeleton, labelled, [f"{n_left_out} bodies without keypoints were left out."] * bool(n_left_out))


def _coco_skeleton(found: _Coco, path: Path) -> tuple[int | None, Skeleton]:
    with_keypoints = [category for category in found.categories if category.keypoints]
    if len(with_keypoints) > 1:
        raise InvalidDataError(
            f"{path} has keypoints for {', '.join(c.name for c in with_keypoints)}.", hint="Keep one category."
        )
    if with_keypoints:
        category = with_keypoints[0]
        known = next((s for s in STANDARD_SKELETONS.values() if list(s.keypoints) == category.keypoints), None)
        edges = [
            (category.keypoints[a - 1], category.keypoints[b - 1])
            for a, b in category.skeleton
            if min(a, b) > 0 and max(a, b) <= len(category.keypoints)
        ]
        return category.id, known or Skeleton(name=category.name, keypoints=category.keypoints, edges=edges)
    counts = {len(body.keypoints) // 3 for body in found.annotations if body.keypoints}
    fitting = [s for s in STANDARD_SKELETONS.values() if counts == {s.n_keypoints}]
    if not fitting:
        raise InvalidDataError(f"{path} does not name its keypoints, and has {sorted(counts)} of them.")
    return None, fitting[0]


def load_deeplabcut(path: str | Path, *, images: str | Path | None = None) -> LabelSet:
    """Read ``CollectedData_<scorer>.csv`` of a DeepLabCut project.

    Parameters
    ----------
    path : path
        The CSV file, or the ``.h5`` beside it, which holds the same numbers.
    images : path, optional
        Folder of the pictures. Default: that of the file.

    Raises
    ------
    InvalidDataError
        If the file is not of that format, or has several animals.
    """
    path = Path(path)
    if path.suffix == ".h5":
        path = path.with_suffix(".csv")
    folder = path.parent if images is None else Path(images)
    rows = _read_rows(path)
    header = {row[0]: row for row in itertools.islice(rows, 3) if row}
    if set(header) != {"scorer", "bodyparts", "coords"}:
        hint = "Files with several animals are not read." if "individuals" in header else ""
        raise InvalidDataError(
            f"{path} does not begin with the lines scorer, bodyparts and coords, as DeepLabCut writes them.", hint=hint
        )
    # The path of a picture takes one column, or three since DeepLabCut 2.2.
    first = next((i for i, text in enumerate(header["coords"]) if text in ("x", "y")), None)
    if first is None or header["coords"][first:] != ["x", "y"] * ((len(header["coords"]) - first) // 2):
        raise InvalidDataError(f"{path} has other coordinates than x and y.")
    names = header["bodyparts"][first::2]
    skeleton = Skeleton(name="deeplabcut", keypoints=names, symmetry=_find_symmetry(names))
    labelled = []
    for row in rows:
        position = _numbers(row[first:], path).reshape(-1, 2) if row else np.empty((0, 2))
        if len(position) != len(names):
            raise InvalidDataError(f"{path}: a line has {len(row)} columns, expected {first + 2 * len(names)}.")
        visibility = np.where(np.isfinite(position).all(axis=1), SURE, UNLABELLED).astype(np.uint8)
        name = next(text for text in reversed(row[:first]) if text)
        picture = PureWindowsPath(name) if "\\" in name else PurePosixPath(name)
        source, time = picture.parent.name or folder.resolve().name, _number_of(picture.stem)
        labelled.append(_make_image(folder / picture.name, position, visibility, skeleton, source=source, time=time))
    return _finish(skeleton, labelled, [])


def load_freihand(path: str | Path, *, images: str | Path | None = None) -> LabelSet:
    """Read FreiHAND (Zimmermann et al. 2019, arXiv:1909.04349) as it is published.

    Parameters
    ----------
    path : path
        The folder with ``training_xyz.json`` and ``training_K.json``.
    images : path, optional
        Folder of the pictures. Default: ``training/rgb`` in it.

    Raises
    ------
    InvalidDataError
        If a file is missing or does not fit the other.
    """
    folder = Path(path)
    pictures = folder / "training" / "rgb" if images is None else Path(images)
    cameras = _read_json(folder / "training_K.json", list[_Matrix3])
    places = _read_json(folder / "training_xyz.json", list[_Hand])
    if len(cameras) != len(places):
        raise InvalidDataError(f"{folder} has {len(places)} hands and {len(cameras)} cameras; expected as many.")
    labelled = []
    for i, (camera, place) in enumerate(zip(cameras, places, strict=True)):
        projected = np.array(place) @ np.array(camera).T
        position = projected[:, :2] / projected[:, 2:]
        visibility = np.full(len(position), SURE, dtype=np.uint8)
        for version in range(_FREIHAND_VERSIONS):
            picture = pictures / f"{i + version * len(places):08d}.jpg"
            if version == 0 or picture.is_file():
                labelled.append(_make_image(picture, position, visibility, HAND_21, source=f"{i:08d}"))
    return _finish(HAND_21, labelled, [])


_Triple = tuple[float, float, float]
_Matrix3 = tuple[_Triple, _Triple, _Triple]
_Hand = Annotated[list[_Triple], msgspec.Meta(min_length=21, max_length=21)]


def load_csv(path: str | Path, *, images: str | Path | None = None) -> LabelSet:
    """Read a plain table: a column ``image``, and ``NAME_x``, ``NAME_y`` for each keypoint.

    Parameters
    ----------
    path : path
        The CSV file. A column ``NAME_v`` may hold 0, 1 or 2 as in COCO; ``source`` and ``time_s`` may say where a
        picture is from; empty fields are unlabelled.
    images : path, optional
        Folder of the pictures. Default: that of the file.

    Raises
    ------
    InvalidDataError
        If a column is missing or a field holds no number; the message names it.
    """
    path = Path(path)
    folder = path.parent if images is None else Path(images)
    rows = _read_rows(path)
    header = next(rows, [])
    names = [name[:-2] for name in header if name.endswith("_x") and f"{name[:-2]}_y" in header]
    if "image" not in header or not names:
        raise InvalidDataError(
            f"{path} needs a column image, and columns NAME_x and NAME_y for each keypoint; it has "
            f"{', '.join(header[:12]) or 'none'}."
        )
    skeleton = next(
        (s for s in STANDARD_SKELETONS.values() if list(s.keypoints) == names),
        Skeleton(name="csv", keypoints=names, symmetry=_find_symmetry(names)),
    )
    labelled = []
    for row in rows:
        fields = dict(zip(header, row, strict=False))
        position = np.stack(
            [_numbers([fields.get(f"{name}_{axis}", "") for name in names], path) for axis in "xy"], axis=1
        )
        is_known = np.isfinite(position).all(axis=1)
        said = np.nan_to_num(_numbers([fields.get(f"{name}_v", "") for name in names], path), nan=SURE)
        visibility = np.where(is_known, np.clip(said, UNLABELLED, SURE), UNLABELLED).astype(np.uint8)
        time = np.nan_to_num(_numbers([fields.get("time_s", "")], path))[0]
        labelled.append(
            _make_image(
                folder / _inside(fields["image"]),
                position,
                visibility,
                skeleton,
                source=fields.get("source") or path.stem,
                time=float(time),
            )
        )
    return _finish(skeleton, labelled, [])


def _find_symmetry(names: Sequence[str]) -> list[tuple[str, str]]:
    """Pair ``leftear`` with ``rightear``, ``Paw_L`` with ``Paw_R`` and the like."""
    pairs = []
    for name in names:
        others = {
            re.sub("left", "right", name),
            re.sub("Left", "Right", name),
            re.sub(r"(^|_)([Ll])(?=_|$)", _swap, name),
        }
        pairs += [(name, other) for other in sorted(others - {name}) if other in names]
    return pairs


def _swap(found: re.Match[str]) -> str:
    return found[1] + {"l": "r", "L": "R"}[found[2]]


def _make_image(
    path: Path,
    position: FloatArray,
    visibility: _IntArray,
    skeleton: Skeleton,
    *,
    source: str,
    time: float = 0.0,
    area_px: float | None = None,
) -> LabelledImage:
    position = np.where(visibility[:, None] >= DOUBTFUL, position, np.nan)
    return LabelledImage(
        path=path,
        keypoints=position,
        visibility=visibility,
        reference_px=compute_reference(position, skeleton),
        source=source,
        time=time,
        area_px=area_px,
    )


def _finish(skeleton: Skeleton, images: Sequence[LabelledImage], notes: Sequence[str]) -> LabelSet:
    there = [image for image in images if image.path.is_file()]
    if not there:
        where = f" in {images[0].path.parent}" if images else ""
        raise InvalidDataError(
            f"None of the {len(images)} labelled pictures was found{where}.",
            hint="Say where they are: --images FOLDER.",
        )
    if len(there) < len(images):
        notes = [*notes, f"{len(images) - len(there)} of {len(images)} pictures were not found and were left out."]
    return LabelSet(skeleton=skeleton, images=there, notes=notes)


def _inside(name: str) -> Path:
    """Return a path that cannot lead out of the folder it is joined to."""
    return Path(*(part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in ("/", "..", ".")))


def _read_rows(path: Path) -> Iterator[list[str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return iter([row for row in csv.reader(file) if row])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidDataError(f"{path} cannot be read as a table: {error}.") from error


def _numbers(fields: Sequence[str], path: Path) -> FloatArray:
    try:
        return np.array([float(text) if text.strip() else np.nan for text in fields])
    except ValueError as error:
        raise InvalidDataError(f"{path}: {error}.", hint="Positions are numbers of pixels, or empty.") from error


def _number_of(stem: str) -> float:
    """Return the last number of a picture's name, in place of its time: it keeps the order."""
    digits = re.findall(r"\d+", stem)
    return float(digits[-1]) if digits else 0.0


def _read_json(path: Path, kind: type[_Content]) -> _Content:
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise InvalidDataError(f"{path} is larger than {_MAX_JSON_BYTES >> 30} GiB.")
        return msgspec.json.decode(path.read_bytes(), type=kind, strict=False)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidDataError(f"{path} cannot be read: {error}.") from error
