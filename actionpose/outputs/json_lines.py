"""Events as JSON, one object per line."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

from actionpose.decision import ActionEvent
from actionpose.outputs.base import OutputError, event_json
from actionpose.private import make_private_folder, open_private

__all__ = ["JsonLinesOutput"]


class JsonLinesOutput:
    """Appends each event to a file, or prints it, as one line of JSON that is there at once.

    Parameters
    ----------
    path : path, optional
        Default: standard output.
    is_private : bool
        Whether a file or folder that is made is for the user alone to read.

    Raises
    ------
    OutputError
        If the file cannot be written to.
    """

    def __init__(self, path: str | Path | None = None, *, is_private: bool = False) -> None:
        self.name = str(path) if path else "standard output"
        try:
            if path and is_private:
                make_private_folder(Path(path).parent)
            elif path:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            opener = open_private if is_private else None
            self._file = open(path, "ab", buffering=0, opener=opener) if path else None  # noqa: SIM115  close() does
        except OSError as error:
            raise OutputError(
                f"Cannot write to {self.name}: {error.strerror}.", hint="Choose a folder you can write to."
            ) from None

    def write(self, event: ActionEvent) -> None:
        """Write a line; a disk that is full raises an `OSError` and keeps no half of it."""
        line = event_json(event) + "\n"
        if self._file is None:
            sys.stdout.write(line)
            sys.stdout.flush()
            return
        data = line.encode()
        before = self._file.seek(0, 2)
        n_written = self._file.write(data)
        if n_written < len(data):
            self._file.truncate(before)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
