"""Where the template library lies when nobody says."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

__all__ = ["default_location"]

_FILE_NAME = "library.sqlite"


def default_location() -> str:
    """Return the path or database URL of the library that is used when none is named.

    ``ACTIONPOSE_LIBRARY`` where it is set; else ``templates/library.sqlite`` of the working folder when that has a
    ``templates`` folder, so that a project carries its own library; else the user's data folder.
    """
    chosen = os.environ.get("ACTIONPOSE_LIBRARY", "").strip()
    if chosen:
        return chosen
    templates = Path("templates")
    folder = templates if templates.is_dir() else platformdirs.user_data_path("actionpose", appauthor=False)
    return str(folder / _FILE_NAME)
