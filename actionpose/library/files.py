"""Portable template files: one template each, as JSON that reads well in a diff.

A file holds everything a template is, its skeleton written out, one line for each frame. NaN is ``null``, and every
float is the shortest text that reads back as the same number. Joint angles in degrees come along for other tools; they
follow from the positions, so reading ignores them.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np

from actionpose.errors import InvalidDataError, LibraryError, TemplateFileError
from actionpose.features import compute_angles
from actionpose.pose import FloatArray, PoseSequence
from actionpose.recording import SkeletonRecord
from actionpose.template import Template
from actionpose.whole_file import save_whole, writing_error

__all__ = [
    "ID_PATTERN",
    "TemplateFile",
    "file_names",
    "have_same_content",
    "load_template",
    "load_templates",
    "save_template",
]

FORMAT: Literal["actionpose-template"] = "actionpose-template"
VERSION: Literal[1] = 1
ID_PATTERN = r"^[0-9A-Za-z_-]{1,64}$"  # fit for a file name on any system

_MAX_BYTES = 32 * 2**20  # about four minutes of a whole body at 30 frames per second
_FILES_HINT = "Template files are made by `actionpose templates export`."

_Row = list[float | None]


class _FrameRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    time: float
    position: list[_Row]
    confidence: _Row
    image_position: list[_Row] | None = None


class _AnglesRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    names: tuple[str, ...]
    degrees: list[_Row]


class _TemplateRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: Literal["actionpose-template"] = FORMAT
    version: Literal[1] = VERSION
    id: Annotated[str, msgspec.Meta(pattern=ID_PATTERN)]
    label: str
    enabled: bool
    created: Annotated[dt.datetime, msgspec.Meta(tz=True)]
    provenance: dict[str, str]
    quality: dict[str, float | None]
    skeleton: SkeletonRecord
    frames: Annotated[list[_FrameRecord], msgspec.Meta(min_length=2)]
    angles: _AnglesRecord | None = None
    tags: tuple[str, ...] = ()  # of its action, and left out where there are none, as are the notes: as in older files
    notes: str = ""


class _FormatOnly(msgspec.Struct, frozen=True):
    format: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateFile:
    """What a portable file holds.

    Parameters
    ----------
    template : Template
        The template.
    tags : tuple of str
        Of its action.
    notes : str
        On its action.
    """

    template: Template
    tags: tuple[str, ...] = ()
    notes: str = ""


def save_template(template: Template, path: str | Path, *, tags: Iterable[str] = (), notes: str = "") -> None:
    """Write a template to a file of its own, with the tags of its action and the notes on it.

    The file appears whole or not at all, whatever happens meanwhile, and takes the place of one of the same name.

    Raises
    ------
    LibraryError
        If it cannot be written, or would be too large to be read again.
    """
    path = Path(path)
    content = (_lay_out(_to_record(template, tags=tuple(tags), notes=notes)) + "\n").encode()
    if len(content) > _MAX_BYTES:
        raise LibraryError(
            f"Template {template.id} ({template.label}) is too long for a file: {len(template.sequence)} frames.",
            hint="Record the action anew, in seconds rather than minutes.",
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise writing_error(path, error, kind=LibraryError) from error
    save_whole(path, content, error=LibraryError)


def load_template(path: str | Path) -> Template:
    """Read the template of a file; see `load_templates` for all that a file holds.

    Raises
    ------
    TemplateFileError
        If the file cannot be read, is larger than 32 MiB, holds no valid template, or was written by a newer
        actionpose. The message names the file and, where it can, the field.
    """
    return _load(Path(path)).template


def _load(path: Path) -> TemplateFile:
    content = _read(path)
    try:
        found = msgspec.json.decode(content, type=_FormatOnly)
        if found.format == FORMAT and found.version > VERSION:
            raise TemplateFileError(
                f"{path} is a template file of version {found.version}; this actionpose reads up to {VERSION}.",
                hint="Update: pip install --upgrade actionpose",
            )
        record = msgspec.json.decode(content, type=_TemplateRecord)
        return TemplateFile(template=_to_template(record), tags=record.tags, notes=record.notes)
    except RecursionError:
        raise TemplateFileError(f"{path} is no template file: nested too deeply.", hint=_FILES_HINT) from None
    except InvalidDataError as error:
        raise TemplateFileError(
            f"{path} holds no valid template: {error.message}", hint=error.hint or _FILES_HINT
        ) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise TemplateFileError(f"{path} is no template file: {error}.", hint=_FILES_HINT) from None


def have_same_content(a: Template, b: Template) -> bool:
    """Whether two templates differ in nothing but being enabled, which each library decides for itself."""
    arrays = zip(_arrays(a.sequence), _arrays(b.sequence), strict=True)
    return _description(a) == _description(b) and all(np.array_equal(x, y, equal_nan=True) for x, y in arrays)


def load_templates(paths: str | Path | Iterable[str | Path]) -> dict[Path, TemplateFile]:
    """Read files, and in place of each folder the ``.json`` files in it; a template that comes twice is read once.

    Raises
    ------
    TemplateFileError
        If a folder has no such files, a file is none, or two files hold different templates of one id.
    """
    file_by_id: dict[str, Path] = {}
    loaded: dict[Path, TemplateFile] = {}
    for file in _find_files([paths] if isinstance(paths, str | Path) else paths):
        read = _load(file)
        first = file_by_id.setdefault(read.template.id, file)
        if first is file:
            loaded[file] = read
        elif not have_same_content(read.template, loaded[first].template):
            raise TemplateFileError(
                f"{first} and {file} hold different templates of one id.", hint="Leave one of them out."
            )
    return loaded


def file_names(templates: Sequence[Template]) -> list[str]:
    """Return a name for each template's file, safe in any folder whatever the labels hold.

    The id is cut short, except where the short names would be the same.
    """
    short = [f"{_words(template.label)}-{template.id[:8]}.json" for template in templates]
    n_same = Counter(name.casefold() for name in short)  # some systems do not tell upper from lower case
    return [
        name if n_same[name.casefold()] == 1 else f"{_words(template.label)}-{template.id}.json"
        for name, template in zip(short, templates, strict=True)
    ]


def _words(label: str) -> str:
    kept = "".join(character if character.isalnum() or character in "-_" else " " for character in label)
    return "-".join(kept.split())[:50] or "template"


def _find_files(paths: Iterable[str | Path]) -> Iterator[Path]:
    for path in map(Path, paths):
        found = sorted(path.glob("*.json")) if path.is_dir() else [path]
        if not found:
            raise TemplateFileError(f"The folder {path} has no .json files.", hint=_FILES_HINT)
        yield from found


def _read(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise TemplateFileError(f"{path} is a folder, not a template file.", hint=_FILES_HINT)
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise TemplateFileError(f"Cannot read {path}: {error.strerror}.", hint="Check the path.") from None
    if len(content) > _MAX_BYTES:
        raise TemplateFileError(f"{path} is larger than {_MAX_BYTES >> 20} MiB: no template is.", hint=_FILES_HINT)
    return content


def _description(template: Template) -> bytes:
    """Return everything but the arrays; as JSON, since NaN does not equal itself."""
    parts = (
        template.label,
        template.created.astimezone(dt.UTC),
        dict(template.provenance),
        dict(template.quality),
        SkeletonRecord.from_skeleton(template.sequence.skeleton),
    )
    return msgspec.json.encode(parts, order="sorted")


def _arrays(sequence: PoseSequence) -> tuple[FloatArray, ...]:
    image = np.empty(0) if sequence.image_position is None else sequence.image_position
    return sequence.time, sequence.position, sequence.confidence, image


def _to_record(template: Template, *, tags: tuple[str, ...], notes: str) -> _TemplateRecord:
    sequence = template.sequence
    degrees = np.degrees(compute_angles(sequence.position, sequence.skeleton)).round(1)
    images = [None] * len(sequence) if sequence.image_position is None else sequence.image_position.tolist()
    return _TemplateRecord(
        id=template.id,
        label=template.label,
        enabled=template.enabled,
        created=template.created.astimezone(dt.UTC),
        provenance=dict(template.provenance),
        quality=dict(template.quality),
        skeleton=SkeletonRecord.from_skeleton(sequence.skeleton),
        frames=[
            _FrameRecord(time=time, position=position, confidence=confidence, image_position=image)
            for time, position, confidence, image in zip(
                sequence.time.tolist(), sequence.position.tolist(), sequence.confidence.tolist(), images, strict=True
            )
        ],
        angles=_AnglesRecord(
            names=tuple("-".join(names) for names in sequence.skeleton.angles or ()), degrees=degrees.tolist()
        ),
        tags=tags,
        notes=notes,
    )


def _to_template(record: _TemplateRecord) -> Template:
    skeleton = record.skeleton.to_skeleton()
    n_keypoints = skeleton.n_keypoints
    n_dims = len(record.frames[0].position[0]) if record.frames[0].position else 0
    has_image = record.frames[0].image_position is not None
    if any((frame.image_position is not None) != has_image for frame in record.frames):
        raise InvalidDataError("frames: either every frame has an image_position or none.")
    return Template(
        id=record.id,
        label=record.label,
        enabled=record.enabled,
        created=record.created,
        provenance=record.provenance,
        quality={name: float("nan") if value is None else value for name, value in record.quality.items()},
        sequence=PoseSequence(
            skeleton=skeleton,
            time=np.array([frame.time for frame in record.frames]),
            position=_stack(record, "position", (n_keypoints, n_dims)),
            confidence=_stack(record, "confidence", (n_keypoints,)),
            image_position=_stack(record, "image_position", (n_keypoints, 2)) if has_image else None,
        ),
    )


def _stack(record: _TemplateRecord, field: str, shape: tuple[int, ...]) -> FloatArray:
    """Gather one field of all frames, naming the first frame in which it has another shape."""
    arrays = []
    for i, frame in enumerate(record.frames):
        try:
            array = np.array(getattr(frame, field), dtype=np.float64)  # None becomes NaN
        except ValueError:
            raise InvalidDataError(f"frames[{i}].{field}: the rows differ in length.") from None
        if array.shape != shape:
            raise InvalidDataError(f"frames[{i}].{field}: expected shape {shape}, got {array.shape}.")
        arrays.append(array)
    return np.stack(arrays)


def _lay_out(value: object, indent: str = "") -> str:
    """Write a record with a line for each field, a list with a line for each item, all else on the line it is in."""
    inner = indent + "  "
    if isinstance(value, _TemplateRecord | SkeletonRecord | _AnglesRecord):
        left_out = {name for name in ("tags", "notes") if not getattr(value, name, "")}
        names = (name for name in value.__struct_fields__ if name not in left_out)
        fields = (f'{inner}"{name}": {_lay_out(getattr(value, name), inner)}' for name in names)
        return "{\n" + ",\n".join(fields) + f"\n{indent}}}"
    if isinstance(value, list):
        return "[\n" + ",\n".join(inner + _encode(item) for item in value) + f"\n{indent}]"
    return _encode(value)


def _encode(value: object) -> str:
    return msgspec.json.encode(value).decode()
