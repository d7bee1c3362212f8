"""The library's tables, and what is in their rows as domain types."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import hashlib
import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect

from actionpose.errors import FallbackWarning, InvalidDataError
from actionpose.features import compute_angles
from actionpose.pose import FloatArray, PoseSequence
from actionpose.recording import SkeletonRecord
from actionpose.safe_text import storable
from actionpose.skeleton import Skeleton
from actionpose.template import Template

__all__ = [
    "SCHEMA_VERSION",
    "VERSION_TABLE",
    "StoredTemplate",
    "UnusableTemplate",
    "actions",
    "backgrounds",
    "changes",
    "insert",
    "insert_background",
    "insert_template",
    "library",
    "metadata",
    "removals",
    "select_backgrounds",
    "select_stored",
    "select_templates",
    "sequences",
    "skeletons",
    "templates",
    "update_template",
]

SCHEMA_VERSION = "0002"  # the newest revision in migrations/versions; revisions are numbered, so they compare as text
VERSION_TABLE = "actionpose_version"


class UtcDateTime(sa.TypeDecorator[dt.datetime]):
    """An instant, kept in UTC: SQLite has no time zones."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(dt.UTC).replace(tzinfo=None)

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:  # noqa: ARG002
        return None if value is None else value.replace(tzinfo=dt.UTC)


metadata = sa.MetaData(
    naming_convention={  # constraints need names before a migration can alter them
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

library = sa.Table(  # one row
    "library",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("revision", sa.Integer, nullable=False),
)

skeletons = sa.Table(
    "skeletons",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),  # SHA-256 of the content: each skeleton is kept once
    sa.Column("content", sa.Text, nullable=False),
)

sequences = sa.Table(  # arrays as .npy bytes
    "sequences",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("skeleton_id", sa.ForeignKey("skeletons.id"), nullable=False),
    sa.Column("time", sa.LargeBinary, nullable=False),
    sa.Column("position", sa.LargeBinary, nullable=False),
    sa.Column("confidence", sa.LargeBinary, nullable=False),
    sa.Column("image_position", sa.LargeBinary),
    sa.Column("angles", sa.LargeBinary, nullable=False),  # derived, for those who read the database with other tools
)

actions = sa.Table(
    "actions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("label", sa.String(100), nullable=False, unique=True),
    sa.Column("notes", sa.Text, nullable=False),
    sa.Column("tags", sa.JSON, nullable=False),
    sa.Column("created", UtcDateTime, nullable=False),
)

removals = sa.Table(  # what one command removed comes back together
    "removals",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("time", UtcDateTime, nullable=False),
)

templates = sa.Table(
    "templates",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("action_id", sa.ForeignKey("actions.id"), nullable=False, index=True),
    sa.Column("sequence_id", sa.ForeignKey("sequences.id"), nullable=False, unique=True),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("created", UtcDateTime, nullable=False),
    sa.Column("provenance", sa.JSON, nullable=False),
    sa.Column("quality", sa.JSON, nullable=False),
    sa.Column("removal_id", sa.ForeignKey("removals.id"), index=True),
)

backgrounds = sa.Table(
    "backgrounds",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("sequence_id", sa.ForeignKey("sequences.id"), nullable=False, unique=True),
    sa.Column("created", UtcDateTime, nullable=False),
    sa.Column("provenance", sa.JSON, nullable=False),
    sa.Column("removal_id", sa.ForeignKey("removals.id"), index=True),
)

changes = sa.Table(  # the journal
    "changes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("time", UtcDateTime, nullable=False),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("before", sa.JSON, nullable=False),  # by table: ids, and what their rows held; None of new ones
)

_SEQUENCE_COLUMNS = (
    sequences.c.skeleton_id,
    sequences.c.time,
    sequences.c.position,
    sequences.c.confidence,
    sequences.c.image_position,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusableTemplate:
    """A template that is in the library and cannot be used, such as one whose times cannot be seconds.

    Parameters
    ----------
    id, label, enabled, created
        As in `Template`.
    problem : str
        Why it cannot be used.
    """

    id: str
    label: str
    enabled: bool
    created: dt.datetime
    problem: str


StoredTemplate = Template | UnusableTemplate


def select_templates(connection: Connection, condition: sa.ColumnElement[bool]) -> list[Template]:
    """Read templates in the library's order; one that cannot be used is left aside with a `FallbackWarning`."""
    usable = []
    for template in select_stored(connection, condition):
        if isinstance(template, Template):
            usable.append(template)
        else:
            short_id = template.id[:8]
            warnings.warn(
                f"Template {short_id} ({template.label}) is left aside: {template.problem} "
                f"`actionpose templates remove {short_id}` takes it out of the library.",
                FallbackWarning,
                stacklevel=1,
            )
    return usable


def select_stored(connection: Connection, condition: sa.ColumnElement[bool]) -> list[StoredTemplate]:
    """Read templates in the library's order: by label, then age, then id, whatever order they were added in."""
    statement = (
        sa.select(
            templates.c.id,
            templates.c.enabled,
            templates.c.created,
            templates.c.provenance,
            templates.c.quality,
            actions.c.label,
            *_SEQUENCE_COLUMNS,
        )
        .join_from(templates, actions)
        .join(sequences, sequences.c.id == templates.c.sequence_id)
        .where(condition)
    )
    skeletons_by_id = _read_skeletons(connection)
    found = [_template(row, skeletons_by_id) for row in connection.execute(statement)]
    return sorted(found, key=lambda template: (template.label, template.created, template.id))


def select_backgrounds(connection: Connection, condition: sa.ColumnElement[bool]) -> list[PoseSequence]:
    """Read background recordings, oldest first; one that cannot be read is left aside with a `FallbackWarning`."""
    statement = (
        sa.select(backgrounds.c.created, *_SEQUENCE_COLUMNS)
        .join_from(backgrounds, sequences, sequences.c.id == backgrounds.c.sequence_id)
        .where(condition)
        .order_by(backgrounds.c.id)
    )
    skeletons_by_id = _read_skeletons(connection)
    usable = []
    for row in connection.execute(statement):
        try:
            usable.append(_sequence(row, skeletons_by_id))
        except InvalidDataError as error:
            warnings.warn(
                f"The background recorded at {row.created:%Y-%m-%d %H:%M} UTC is left aside: {error}",
                FallbackWarning,
                stacklevel=1,
            )
    return usable


def insert_template(connection: Connection, template: Template) -> None:
    """Write a template whose id is not there yet."""
    sequence_id = _insert_sequence(connection, template.sequence)
    values = {"id": template.id, "sequence_id": sequence_id, **_template_values(connection, template)}
    connection.execute(sa.insert(templates).values(values))


def update_template(connection: Connection, template: Template) -> None:
    """Write over the template of the same id, and take it back if it was removed.

    Another clip becomes a row of its own: the one it had before is there for undoing.
    """
    same_id = templates.c.id == template.id
    of_template = sa.select(sequences).join(templates, templates.c.sequence_id == sequences.c.id).where(same_id)
    present = connection.execute(of_template).mappings().one()
    sequence = _sequence_values(connection, template.sequence)
    is_same = all(present[name] == value for name, value in sequence.items())
    sequence_id = present["id"] if is_same else insert(connection, sequences, **sequence)
    values = {"removal_id": None, "sequence_id": sequence_id, **_template_values(connection, template)}
    connection.execute(sa.update(templates).where(same_id).values(values))


def insert_background(connection: Connection, sequence: PoseSequence, provenance: Mapping[str, str]) -> None:
    """Write a background recording."""
    values = {
        "created": dt.datetime.now(dt.UTC),
        "provenance": {storable(k): storable(v) for k, v in provenance.items()},
    }
    insert(connection, backgrounds, sequence_id=_insert_sequence(connection, sequence), **values)


def insert(connection: Connection, table: sa.Table, **values: object) -> int:
    """Write a row into a table that numbers its rows; return its id."""
    result = connection.execute(sa.insert(table).values(values).returning(table.c.id))
    return int(result.scalar_one())


def _insert_sequence(connection: Connection, sequence: PoseSequence) -> int:
    return insert(connection, sequences, **_sequence_values(connection, sequence))


def _template_values(connection: Connection, template: Template) -> dict[str, object]:
    return {
        "action_id": _action_id(connection, template.label, created=template.created),
        "enabled": template.enabled,
        "created": template.created,
        "provenance": dict(template.provenance),
        "quality": dict(template.quality),
    }


def _action_id(connection: Connection, label: str, *, created: dt.datetime) -> int:
    found = connection.execute(sa.select(actions.c.id).where(actions.c.label == label)).scalar()
    if found is not None:
        return int(found)
    return insert(connection, actions, label=label, notes="", tags=[], created=created)


def _sequence_values(connection: Connection, sequence: PoseSequence) -> dict[str, object]:
    image = sequence.image_position
    return {
        "skeleton_id": _skeleton_id(connection, sequence.skeleton),
        "time": _npy(sequence.time),
        "position": _npy(sequence.position),
        "confidence": _npy(sequence.confidence),
        "image_position": None if image is None else _npy(image),
        "angles": _npy(compute_angles(sequence.position, sequence.skeleton)),
    }


def _skeleton_id(connection: Connection, skeleton: Skeleton) -> str:
    content = msgspec.json.encode(SkeletonRecord.from_skeleton(skeleton))
    digest = hashlib.sha256(content).hexdigest()
    known = connection.execute(sa.select(skeletons.c.id).where(skeletons.c.id == digest)).scalar()
    if known is None:
        connection.execute(sa.insert(skeletons).values(id=digest, content=content.decode()))
    return digest


def _read_skeletons(connection: Connection) -> dict[str, Skeleton]:
    read = {}
    for row in connection.execute(sa.select(skeletons)):
        with contextlib.suppress(msgspec.MsgspecError, InvalidDataError, TypeError):  # missed by what needs it
            read[row.id] = msgspec.json.decode(row.content, type=SkeletonRecord).to_skeleton()
    return read


def _template(row: Any, skeletons_by_id: Mapping[str, Skeleton]) -> StoredTemplate:
    try:
        return Template(
            id=row.id,
            label=row.label,
            sequence=_sequence(row, skeletons_by_id),
            enabled=row.enabled,
            created=row.created,
            provenance=row.provenance,
            quality={name: float("nan") if value is None else value for name, value in row.quality.items()},
        )
    except InvalidDataError as error:
        return UnusableTemplate(
            id=row.id, label=row.label, enabled=row.enabled, created=row.created, problem=str(error)
        )


def _sequence(row: Any, skeletons_by_id: Mapping[str, Skeleton]) -> PoseSequence:
    """Return the poses of a row; raises `InvalidDataError` if they cannot be."""
    if row.skeleton_id not in skeletons_by_id:
        raise InvalidDataError("Its skeleton cannot be read.")
    try:
        return PoseSequence(
            skeleton=skeletons_by_id[row.skeleton_id],
            time=_array(row.time),
            position=_array(row.position),
            confidence=_array(row.confidence),
            image_position=None if row.image_position is None else _array(row.image_position),
        )
    except InvalidDataError:
        raise
    except (TypeError, ValueError) as error:
        raise InvalidDataError(f"Its arrays cannot be read: {error}.") from error


def _npy(array: FloatArray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def _array(content: bytes) -> FloatArray:
    """Read .npy bytes without copying them."""
    end = 10 + int.from_bytes(content[8:10], "little")
    return np.frombuffer(content, offset=end).reshape(_shape(content[:end]))


@functools.lru_cache(maxsize=1024)  # parsing a header takes longer than reading the array, and few differ
def _shape(header: bytes) -> tuple[int, ...]:
    file = io.BytesIO(header)
    if np.lib.format.read_magic(file) != (1, 0):  # type: ignore[no-untyped-call]
        raise ValueError("not an .npy array of format 1.0")
    shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(file)  # type: ignore[no-untyped-call]
    if dtype != np.float64 or is_fortran:
        raise ValueError(f"not an array of float64 in C order but {dtype}")
    return tuple(shape)
