"""Files that appear under their names whole or not at all, whatever happens while they are written.

A file is written beside its place and renamed once it is whole. Meanwhile it is locked, so that what a process that was
killed left behind can be told from what a running one is writing: the next process that writes into the folder removes
it.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import secrets
import stat
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from actionpose.errors import ActionposeError

try:
    import fcntl
except ImportError:  # on Windows, where a file that a process has open cannot be removed anyway
    fcntl = None  # type: ignore[assignment]

__all__ = ["WholeFile", "remove_abandoned", "save_whole", "try_lock", "writing_error"]

_NO_SPACE = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_NO_FOLDER = {errno.ENOENT, errno.ENOTDIR}
_PART_NAME = ".actionpose-{}.part"  # without the file's own name, which may be as long as a name can be


class WholeFile:
    """A file that takes its name, and the place of an older one, when the block that writes it ends well.

    A context manager that gives the open binary file. It is created at once, so that a folder that cannot be written
    to is told of before any work is done. A device or pipe is written to as it is. Who may read it is as it was for the
    older file; for a new one, as the user has set (umask).

    Parameters
    ----------
    path : path
        What it is to be called.
    error : type of ActionposeError
        What to raise when it cannot be written.
    is_private : bool
        Whether a new file is for the user alone to read.

    Raises
    ------
    ActionposeError
        Of the type `error`: at once, or at the end of the block instead of any `OSError` within it.
    """

    def __init__(
        self, path: str | Path, *, error: type[ActionposeError] = ActionposeError, is_private: bool = False
    ) -> None:
        self.path = Path(path)
        self._kind = error
        try:
            is_device = _is_device(self.path)
            self._target = Path(os.path.realpath(self.path))  # a link stays one
            if self._target.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            self._part: Path | None = None
            self._file: BinaryIO
            if is_device:
                self._file = self.path.open("ab")  # after what others wrote to where standard output goes
            else:
                self._part, self._file = _create_part(self._target.parent, mode=0o600 if is_private else 0o666)
        except OSError as problem:
            raise writing_error(self.path, problem, kind=error) from problem

    @property
    def part(self) -> Path:
        """Where the file is meanwhile, for those who cannot write to the open one."""
        return self._part or self.path

    def finish(self) -> None:
        """Give the file its name.

        Raises
        ------
        ActionposeError
            If it cannot be written; things are as before then.
        """
        try:
            self._file.flush()
            if self._part is not None:
                os.fsync(self._file.fileno())  # some file systems tell only now that there is no room
                with contextlib.suppress(FileNotFoundError):
                    self._part.chmod(stat.S_IMODE(self._target.stat().st_mode))
                if fcntl is None:
                    self._file.close()  # Windows renames no open file
                self._part.replace(self._target)
            self._file.close()
        except OSError as problem:
            raise writing_error(self.path, problem, kind=self._kind) from problem
        finally:
            self.discard()

    def discard(self) -> None:
        """Leave things as they were before; does nothing once the file is whole."""
        if fcntl is None:
            _close(self._file)  # Windows removes no open file
        if self._part is not None:
            with contextlib.suppress(OSError):
                self._part.unlink(missing_ok=True)
        _close(self._file)

    def __enter__(self) -> BinaryIO:
        return self._file

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.finish()
        else:
            self.discard()
        if isinstance(error, OSError):
            raise writing_error(self.path, error, kind=self._kind) from error


def save_whole(
    path: str | Path, content: bytes, *, error: type[ActionposeError] = ActionposeError, is_private: bool = False
) -> None:
    """Write a file that appears whole or not at all; the parameters are those of `WholeFile`.

    Raises
    ------
    ActionposeError
        Of the type `error`, if it cannot be written.
    """
    with WholeFile(path, error=error, is_private=is_private) as file:
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


@functools.cache
def remove_abandoned(folder: Path) -> None:
    """Remove what processes that were killed left in a folder, the first time that this process is told to."""
    for path in folder.glob(_PART_NAME.format("*")):
        with contextlib.suppress(OSError), path.open("rb+") as file:
            if fcntl is not None and try_lock(file.fileno()):
                path.unlink()
        if fcntl is None:
            with contextlib.suppress(OSError):
                path.unlink()


def try_lock(descriptor: int) -> bool:
    """Lock an open file until it is closed, unless another process has it locked; return whether it did.

    Always True on Windows, where nothing is locked.

    Raises
    ------
    OSError
        If the file system knows no locks.
    """
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_device(path: Path) -> bool:
    """Whether a path is a device, a pipe or a name of an open file, such as ``/dev/stdout``."""
    if path.is_symlink() and path.absolute().parts[1:2] in (("dev",), ("proc",)):
        return True
    return path.exists() and not (path.is_file() or path.is_dir())


def _create_part(folder: Path, *, mode: int) -> tuple[Path, BinaryIO]:
    """Make a file with a name of its own in a folder, and lock it."""
    remove_abandoned(folder)
    while True:
        part = folder / _PART_NAME.format(secrets.token_hex(4))
        file = open(part, "xb", opener=lambda name, flags: os.open(name, flags, mode))  # noqa: SIM115
        try:
            # Between these two lines another process may take it for abandoned.
            if try_lock(file.fileno()) and os.fstat(file.fileno()).st_nlink:
                return part, file
        except OSError:  # no locks here: nobody else removes it either
            return part, file
        file.close()


def _close(file: BinaryIO) -> None:
    with contextlib.suppress(OSError):  # what is left in its buffer does not fit on the disk
        file.close()
