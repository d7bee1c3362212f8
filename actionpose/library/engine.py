"""What opening a library has in common on every database."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from actionpose.errors import LibraryError

__all__ = ["LOCK_TIMEOUT_S", "NO_LIBRARY_HINT", "Purpose", "Words", "create_engine", "purpose_of"]

LOCK_TIMEOUT_S = 5.0  # how long to wait for others that are writing

NO_LIBRARY_HINT = "Name another file, or one that does not exist yet: actionpose creates it."

Purpose = Literal["read", "write", "migrate"]  # of a transaction

Words = tuple[type[LibraryError], str, str]  # an error's class, what is wrong with the library, and what to do


def create_engine(url: URL, **options: Any) -> Engine:
    """Make an SQLAlchemy engine whose JSON columns take every float."""
    return sa.create_engine(
        url,
        json_serializer=lambda value: msgspec.json.encode(value).decode(),  # NaN becomes null: JSON has no NaN
        json_deserializer=msgspec.json.decode,
        **options,
    )


def purpose_of(connection: Connection) -> Purpose:
    """Return what the transaction that begins is for."""
    purpose: Purpose = connection.get_execution_options().get("purpose", "read")
    return purpose
