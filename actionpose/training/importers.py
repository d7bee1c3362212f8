"""Labels that other tools wrote: COCO, DeepLabCut, FreiHAND, or a plain table."""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from actionpose.errors import InvalidDataError
from actionpose.pose import FloatArray
from actionpose.reading import decode_json, read_bytes
from actionpose.skeleton import HAND_21, STANDARD_SKELETONS, Skeleton
from actionpose.training.dataset import DOUBTFUL, SURE, UNLABELLED
from actionpose.training.labels import LabelledImage, LabelSet, compute_reference
from actionpose.training.pictures import find_pictures

__all__ = ["load_coco", "load_csv", "load_deeplabcut", "load_freihand"]

_MAX_JSON_BYTES = 2**31
_FREIHAND_VERSIONS = 4  # each pose was photographed once and composed with three other backgrounds
# DeepLabCut's pcutoff is .6: below, it draws no keypoint. What is about 0 says that the part is not in the picture.
_LIKELY, _UNLIKELY = 0.6, 0.1
_LIKELIHOODS = ("likelihood", "confidence", "score")

_Content = TypeVar("_Content")
_IntArray = npt.NDArray[np.uint8]


class _CocoImage(msgspec.Struct):
    id: int
    file_name: str
    width: float | None = None
    height: float | None = None

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height, where the file has them."""
        return (round(self.width), round(self.height)) if self.width and self.height else None


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


def load_coco(path: str | Path, *, images: str | Path | None = None, categories: Sequence[str] = ()) -> LabelSet:
    """Read COCO keypoints (cocodataset.org, "data format"): one picture for each annotated body.

    Parameters
    ----------
    path : path
        The JSON file. If its categories name no keypoints, a standard skeleton with as many is taken.
    images : path, optional
        Folder of the pictures. Default: that of the file, or one above it.
    categories : sequence of str, optional
        Names of those to read. Default: all that have keypoints, which must be the same ones.

    Raises
    ------
    InvalidDataError
        If the file is not of that format, or its categories have different keypoints.
    """
    path = Path(path)
    found = _read_json(path, _Coco)
    chosen, skeleton = _coco_skeleton(found, path, categories)
    pictures = {image.id: image for image in found.images}
    bodies, left_out = [], Counter[str]()
    for body in found.annotations:
        reason = _find_coco_fault(body, chosen, pictures, skeleton)
        if reason:
            left_out[reason] += 1
            continue
        values = np.array(body.keypoints, dtype=np.float64).reshape(-1, 3)
        picture = pictures[body.image_id]
        bodies.append(
            _Body(
                name=picture.file_name,
                position=values[:, :2],
                visibility=np.where(values[:, 2] > 0, SURE, UNLABELLED).astype(np.uint8),  # hidden ones are labels, too
                source=picture.file_name,
                area_px=body.area or None,
                size=picture.size,
            )
        )
    notes = [f"Left out {n} of {len(found.annotations)} bodies: {why}." for why, n in left_out.items()]
    if len(chosen) > 1:
        notes.append(f"{len(chosen)} categories have the same keypoints and are read as one.")
    return _finish(bodies, skeleton, path=path, images=images, notes=notes, has_seconds=False)


def _find_coco_fault(
    body: _CocoAnnotation, chosen: Sequence[int], pictures: dict[int, _CocoImage], skeleton: Skeleton
) -> str:
    """Return why a body cannot be used; nothing if it can."""
    values = np.array(body.keypoints, dtype=np.float64)
    if chosen and body.category_id not in chosen:
        return "of another category"
    if body.iscrowd:
        return "a crowd (iscrowd)"
    if not values[2::3].any():
        return "no keypoint is labelled"
    if values.size != 3 * skeleton.n_keypoints or not np.isfinite(values).all():
        return f"not {skeleton.n_keypoints} times x, y and v"
    return "" if body.image_id in pictures else "the file lists no picture of that image_id"


def _coco_skeleton(found: _Coco, path: Path, names: Sequence[str]) -> tuple[list[int], Skeleton]:
    """Return the categories' numbers, none where they do not matter, and their skeleton."""
    with_keypoints = [c for c in found.categories if c.keypoints and (not names or c.name in names)]
    unknown = [name for name in names if name not in [c.name for c in with_keypoints]]
    if unknown:
        raise InvalidDataError(
            f"{path} has no category {unknown[0]!r} with keypoints; it has "
            f"{', '.join(c.name for c in found.categories if c.keypoints) or 'none'}."
        )
    if with_keypoints:
        first = with_keypoints[0]
        other = next((c for c in with_keypoints if c.keypoints != first.keypoints), None)
        if other is not None:
            raise InvalidDataError(
                f"{path} has categories with different keypoints: {first.name} {', '.join(first.keypoints[:4])}, ...; "
                f"{other.name} {', '.join(other.keypoints[:4])}, ...",
                hint=f"Choose, for instance: --category {first.name!r}.",
            )
        known = next((s for s in STANDARD_SKELETONS.values() if list(s.keypoints) == first.keypoints), None)
        edges = [
            (first.keypoints[a - 1], first.keypoints[b - 1])
            for a, b in first.skeleton
            if min(a, b) > 0 and max(a, b) <= len(first.keypoints)
        ]
        name = first.name if len(with_keypoints) == 1 else "coco"
        return [c.id for c in with_keypoints], known or Skeleton(name=name, keypoints=first.keypoints, edges=edges)
    counts = {len(body.keypoints) // 3 for body in found.annotations if body.keypoints}
    fitting = [s for s in STANDARD_SKELETONS.values() if counts == {s.n_keypoints}]
    if not fitting:
        raise InvalidDataError(f"{path} does not name its keypoints, and has {sorted(counts)} of them.")
    return [], fitting[0]


def load_deeplabcut(path: str | Path, *, images: str | Path | None = None) -> LabelSet:
    """Read ``CollectedData_<scorer>.csv`` of a DeepLabCut project.

    Parameters
    ----------
    path : path
        The CSV file, or the ``.h5`` beside it, which holds the same numbers. Where it has likelihoods, keypoints below
        0.6 are doubtful and those below 0.1 unlabelled.
    images : path, optional
        Folder of the pictures. Default: that of the file, or one above it.

    Raises
    ------
    InvalidDataError
        If the file is not of that format, or has several animals.
    """
    path = Path(path)
    if path.suffix == ".h5":
        path = path.with_suffix(".csv")
    rows = _read_rows(path)
    header = {row[0]: row for row in itertools.islice(rows, 3) if row}
    if set(header) != {"scorer", "bodyparts", "coords"}:
        hint = "Files with several animals are not read." if "individuals" in header else ""
        raise InvalidDataError(
            f"{path} does not begin with the lines scorer, bodyparts and coords, as DeepLabCut writes them.", hint=hint
        )
    # The path of a picture takes one column, or three since DeepLabCut 2.2.
    first = next((i for i, text in enumerate(header["coords"]) if text in ("x", "y")), 0)
    coords = header["coords"][first:]
    n_axes = 3 if "likelihood" in coords else 2
    names = header["bodyparts"][first::n_axes]
    if not first or coords != ["x", "y", "likelihood"][:n_axes] * len(names):
        raise InvalidDataError(f"{path} has other coordinates than x and y, or x, y and likelihood.")
    skeleton = Skeleton(name="deeplabcut", keypoints=names, symmetry=_find_symmetry(names))
    bodies, likelihoods, lines = [], [], list(rows)
    pictures = ["/".join(text.replace("\\", "/") for text in row[:first] if text) for row in lines]
    sources = _name_sources(pictures, path.resolve().parent.name)
    for name, row in zip(pictures, lines, strict=True):
        values = _numbers(row[first:], path)
        if len(values) != n_axes * len(names):
            raise InvalidDataError(f"{path}: a line has {len(row)} columns, expected {first + n_axes * len(names)}.")
        position = values.reshape(-1, n_axes)
        likelihoods.append(position[:, 2] if n_axes == 3 else np.ones(len(names)))
        bodies.append(
            _Body(
                name=name,
                position=position[:, :2],
                visibility=_judge_likelihood(likelihoods[-1]),
                source=sources[name],
                time=_number_of(PurePosixPath(name).stem),
            )
        )
    notes = _describe_likelihoods(likelihoods)
    return _finish(bodies, skeleton, path=path, images=images, notes=notes, has_seconds=False)


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
        If a file is missing or does not fit the other, or a hand is not before its camera.
    """
    folder = Path(path)
    pictures = folder / "training" / "rgb" if images is None else Path(images)
    cameras = _read_json(folder / "training_K.json", list[_Matrix3])
    places = _read_json(folder / "training_xyz.json", list[_Hand])
    if len(cameras) != len(places):
        raise InvalidDataError(f"{folder} has {len(places)} hands and {len(cameras)} cameras; expected as many.")
    bodies = []
    for i, (camera, place) in enumerate(zip(cameras, places, strict=True)):
        projected = np.array(place) @ np.array(camera).T
        if not (projected[:, 2] > _NEAREST_M).all():
            raise InvalidDataError(f"{folder}: hand {i} does not lie before its camera.", hint="Correct or remove it.")
        position = projected[:, :2] / projected[:, 2:]
        visibility = np.full(len(position), SURE, dtype=np.uint8)
        for version in range(_FREIHAND_VERSIONS):
            name = f"{i + version * len(places):08d}.jpg"
            if version == 0 or (pictures / name).is_file():
                bodies.append(_Body(name=name, position=position, visibility=visibility, source=f"{i:08d}"))
    return _finish(bodies, HAND_21, path=folder, images=pictures, notes=[], has_seconds=False)


_NEAREST_M = 1e-3
_Coordinate = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]  # metres of a hand, pixels of a camera
_Triple = tuple[_Coordinate, _Coordinate, _Coordinate]
_Matrix3 = tuple[_Triple, _Triple, _Triple]
_Hand = Annotated[list[_Triple], msgspec.Meta(min_length=21, max_length=21)]


def load_csv(path: str | Path, *, images: str | Path | None = None) -> LabelSet:
    """Read a plain table: a column ``image``, and ``NAME_x``, ``NAME_y`` for each keypoint.

    Parameters
    ----------
    path : path
        The CSV file. A column ``NAME_v`` may hold 0, 1 or 2 as in COCO, ``NAME_likelihood``, ``_confidence`` or
        ``_score`` 0 to 1 as in `load_deeplabcut`; ``source`` and ``time_s`` may say where a picture is from; empty
        fields are unlabelled.
    images : path, optional
        Folder of the pictures. Default: that of the file, or one above it.

    Raises
    ------
    InvalidDataError
        If a column is missing or a field holds no number; the message names it.
    """
    path = Path(path)
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
    has_seconds = "time_s" in header
    bodies, likelihoods = [], []
    for row in rows:
        fields = dict(zip(header, row, strict=False))
        x, y, said = (_numbers([fields.get(f"{name}_{what}", "") for name in names], path) for what in "xyv")
        written = [next((fields[key] for w in _LIKELIHOODS if (key := f"{n}_{w}") in fields), "") for n in names]
        likelihoods.append(_numbers(written, path))
        by_likelihood = _judge_likelihood(likelihoods[-1])
        visibility = np.where(np.isfinite(said), np.clip(said, UNLABELLED, SURE), by_likelihood)
        name = fields.get("image", "")
        bodies.append(
            _Body(
                name=name,
                position=np.stack([x, y], axis=1),
                visibility=visibility.astype(np.uint8),
                source=fields.get("source") or (path.stem if has_seconds else name),
                time=float(np.nan_to_num(_numbers([fields.get("time_s", "")], path))[0]),
            )
        )
    notes = _describe_likelihoods(likelihoods)
    return _finish(bodies, skeleton, path=path, images=images, notes=notes, has_seconds=has_seconds)


def _name_sources(pictures: Sequence[str], folder: str) -> dict[str, str]:
    """Return what to call the video of each picture: its folder's name, or the whole path where two have that name."""
    parents = {picture: PurePosixPath(picture).parent for picture in pictures}
    n_folders = Counter(parent.name for parent in set(parents.values()))
    return {
        picture: (parent.name or folder) if n_folders[parent.name] == 1 else str(parent)
        for picture, parent in parents.items()
    }


def _judge_likelihood(likelihood: FloatArray) -> _IntArray:
    """Return visibilities for likelihoods of 0 to 1; NaN where there is none, as for a label made by hand."""
    doubted = np.where(likelihood < _LIKELY, DOUBTFUL, SURE)
    return np.where(likelihood < _UNLIKELY, UNLABELLED, doubted).astype(np.uint8)


def _describe_likelihoods(likelihoods: Sequence[FloatArray]) -> list[str]:
    """Return what became of keypoints that another model was not sure of; nothing if it was of all."""
    visibility = _judge_likelihood(np.concatenate([*likelihoods, np.empty(0)]))
    n_doubtful, n_unlabelled = (int((visibility == v).sum()) for v in (DOUBTFUL, UNLABELLED))
    if not n_doubtful + n_unlabelled:
        return []
    return [
        f"Of {len(visibility)} keypoints {n_unlabelled} with a likelihood below {_UNLIKELY} count as unlabelled, "
        f"{n_doubtful} below {_LIKELY} as doubtful."
    ]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    """A labelled body as a file has it: `LabelledImage` with the written path of the picture."""

    name: str
    position: FloatArray
    visibility: _IntArray
    source: str
    time: float = 0.0
    area_px: float | None = None
    size: tuple[int, int] | None = None


def _finish(
    bodies: Sequence[_Body],
    skeleton: Skeleton,
    *,
    path: Path,
    images: str | Path | None,
    notes: Sequence[str],
    has_seconds: bool,
) -> LabelSet:
    """Find the pictures; `notes` say what was left out before."""
    if not bodies:
        raise InvalidDataError(" ".join([f"{path} labels no picture that could be used.", *notes]))
    folder = path.parent if images is None else Path(images)
    found = find_pictures([body.name for body in bodies], folder, has_folders_above=images is None)
    notes = [*notes, *found.describe()]
    if not found.paths:
        n = len({body.name for body in bodies})
        raise InvalidDataError(
            " ".join([f"None of the {n} labelled pictures was found in {folder}.", *notes]),
            hint="Say where they are: --images FOLDER.",
        )
    labelled = [_make_image(body, found.paths[body.name], skeleton) for body in bodies if body.name in found.paths]
    return LabelSet(skeleton=skeleton, images=labelled, notes=notes, has_seconds=has_seconds)


def _make_image(body: _Body, path: Path, skeleton: Skeleton) -> LabelledImage:
    # Where a keypoint is not in the picture many tools write its place as 0, 0.
    is_labelled = np.isfinite(body.position).all(axis=1) & body.position.any(axis=1) & (body.visibility >= DOUBTFUL)
    position = np.where(is_labelled[:, None], body.position, np.nan)
    return LabelledImage(
        path=path,
        keypoints=position,
        visibility=np.where(is_labelled, body.visibility, UNLABELLED).astype(np.uint8),
        reference_px=compute_reference(position, skeleton),
        source=body.source,
        time=body.time,
        area_px=body.area_px,
        size=body.size,
    )


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
    content = read_bytes(path, max_bytes=_MAX_JSON_BYTES, what="a file of labels")
    return decode_json(content, kind, where=f"{path} cannot be read", strict=False)
