"""Files and folders that only their user may read: what they hold is how people moved."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["make_private_folder", "open_private"]


def make_private_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing, for the user alone; leave those that exist as they are.

    Raises
    ------
    OSError
        If it cannot be made, or is a file.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.is_dir()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)


def open_private(path: str | Path, flags: int) -> int:
    """Open a file, for the user alone where that makes it; an `opener` for `open`."""
    return os.open(path, flags, 0o600)
