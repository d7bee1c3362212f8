"""Files that appear under their names whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from actionpose.errors import ActionposeError

__all__ = ["WholeFile", "save_whole", "writing_error"]

_NO_SPACE = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_NO_FOLDER = {errno.ENOENT, errno.ENOTDIR}


class WholeFile:
    """A file that takes its name, and the place of an older one, when the block that writes it ends well.

    A context manager that gives the open binary file. It is created at once, so that a folder that cannot be written
    to is told of before any work is done. A device or pipe is written to as it is.

    Parameters
    ----------
    path : path
        What it is to be called.
    error : type of ActionposeError
        What to raise when it cannot be written.

    Raises
    ------
    ActionposeError
        Of the type `error`: at once, or at the end of the block instead of any `OSError` within it.
    """

    def __init__(self, path: str | Path, *, error: type[ActionposeError] = ActionposeError) -> None:
        self.path = Path(path)
        self._kind = error
        try:
            is_device = self.path.exists() and not (self.path.is_file() or self.path.is_dir())
            self._target = Path(os.path.realpath(self.path))  # a link stays one
            if self._target.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            self._part = None if is_device else self._target.with_name(_part_name(self._target.name))
            self._file: BinaryIO = (self._part or self.path).open("wb")
        except OSError as problem:
            raise writing_error(self.path, problem, kind=error) from problem

    def discard(self) -> None:
        """Leave things as they were before; does nothing once the file is whole."""
        with contextlib.suppress(OSError):
            self._file.close()
        if self._part is not None:
            with contextlib.suppress(OSError):
                self._part.unlink(missing_ok=True)

    def __enter__(self) -> BinaryIO:
        return self._file

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._finish()
        except OSError as problem:
            raise writing_error(self.path, problem, kind=self._kind) from problem
        finally:
            self.discard()
        if isinstance(error, OSError):
            raise writing_error(self.path, error, kind=self._kind) from error

    def _finish(self) -> None:
        self._file.flush()
        if self._part is None:
            self._file.close()
            return
        os.fsync(self._file.fileno())  # some file systems tell only now that there is no room
        self._file.close()
        self._part.replace(self._target)


def _part_name(name: str) -> str:
    """Return what a file is called meanwhile, no longer than any file system allows."""
    return f".{name[:50]}.{os.getpid()}.part"


def save_whole(path: str | Path, content: bytes, *, error: type[ActionposeError] = ActionposeError) -> None:
    """Write a file that appears whole or not at all.

    Raises
    ------
    ActionposeError
        Of the type `error`, if it cannot be written.
    """
    with WholeFile(path, error=error) as file:
        file.write(content)


def writing_error(
    path: str | Path, error: OSError, *, kind: type[ActionposeError] = ActionposeError
) -> ActionposeError:
    """Return what to raise when a file or folder cannot be written, and what to do about it."""
    if error.errno in _NO_SPACE:
        hint = "Free some space, or choose another place."
    elif error.errno in _NO_FOLDER:
        hint = "Make the folder first, or check the path."
    else:
        hint = "Choose a place that you can write to."
    return kind(f"Cannot write {path}: {error.strerror or error}.", hint=hint)
