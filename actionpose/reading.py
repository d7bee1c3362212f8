"""Files of unknown origin, read without trusting what they say of themselves.

Sizes are checked before memory is taken, nothing in a file is ever executed, and whatever is wrong with one is told in
the user's words.
"""

from __future__ import annotations

import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from actionpose.errors import ActionposeError, InvalidDataError

__all__ = ["ArrayLayout", "check_archive", "decode_json", "read_arrays", "read_bytes"]

_Content = TypeVar("_Content")
_Array = npt.NDArray[Any]

_CHUNK_BYTES = 1 << 20
# Pictures and keypoints are packed to a half or a tenth; what is packed a hundredfold was made to fill the memory.
_MAX_PACKING, _UNSUSPICIOUS_BYTES = 100, 256 << 20
# What zipfile and numpy raise of a damaged file.
_BROKEN = (
    *(OSError, ValueError, EOFError, RuntimeError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError, SyntaxError),
)


@dataclass(frozen=True, slots=True)
class ArrayLayout:
    """What an array of a file must look like.

    Parameters
    ----------
    kinds : str
        Letters of the kinds of numbers that will do, as in `numpy.dtype.kind`: ``f`` floats, ``iu`` whole numbers,
        ``U`` texts.
    shape : tuple of int or str
        A number is that length; a letter any, the same wherever it stands in the layouts of one file.
    """

    kinds: str
    shape: tuple[int | str, ...]


def read_bytes(path: Path, *, max_bytes: int, what: str, error: type[ActionposeError] = InvalidDataError) -> bytes:
    """Read a whole file that is not larger than it may be.

    Parameters
    ----------
    path : Path
        A file, or a pipe.
    max_bytes : int
        More is refused.
    what : str
        What it should be, with its article: ``a keypoint model``.
    error : type of ActionposeError
        What to raise.

    Raises
    ------
    ActionposeError
        Of the type `error`, if the file cannot be read or is larger.
    """
    chunks: list[bytes] = []
    n_bytes = 0
    try:
        with path.open("rb") as file:
            while n_bytes <= max_bytes and (chunk := file.read(_CHUNK_BYTES)):
                chunks.append(chunk)
                n_bytes += len(chunk)
    except (OSError, ValueError) as problem:
        raise error(f"{path} cannot be read: {_reason(problem)}.", hint="Check the path.") from None
    if n_bytes > max_bytes:
        raise error(f"{path} is larger than {max_bytes >> 20} MiB: {what} is not.", hint="Check the path.")
    return b"".join(chunks)


def decode_json(
    content: bytes,
    kind: type[_Content],
    *,
    where: str,
    error: type[ActionposeError] = InvalidDataError,
    hint: str = "",
    strict: bool = True,
) -> _Content:
    """Return what a JSON document holds.

    Parameters
    ----------
    content : bytes
        The document.
    kind : type
        What msgspec is to make of it.
    where : str
        Beginning of the message: ``fish.json is not a skeleton``.
    error : type of ActionposeError
        What to raise.
    hint : str
        What to do about it.
    strict : bool
        Whether a text with a number in it is no number.

    Raises
    ------
    ActionposeError
        Of the type `error`, if it is not JSON or holds something else.
    """
    try:
        return msgspec.json.decode(content, type=kind, strict=strict)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        raise error(f"{where}: {_reason(problem)}.", hint=hint) from None


def read_arrays(
    path: Path,
    layouts: Mapping[str, ArrayLayout],
    *,
    what: str,
    error: type[ActionposeError] = InvalidDataError,
    hint: str = "",
) -> dict[str, _Array]:
    """Read arrays of an ``.npz`` file.

    Parameters
    ----------
    path : Path
        The file.
    layouts : mapping of str to ArrayLayout
        What each must look like. Others in the file are not looked at.
    what : str
        What the file should be, with its article: ``a keypoint dataset``.
    error : type of ActionposeError
        What to raise.
    hint : str
        What to do if it is not such a file.

    Raises
    ------
    ActionposeError
        Of the type `error`, if the file cannot be read, lacks an array, or one has another kind or shape.
    """
    lengths: dict[str, int] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            found = {name.removesuffix(".npy") for name in archive.namelist()}
            missing = [name for name in layouts if name not in found]
            if missing:
                there = ", ".join(sorted(found)[:12]) or "none"
                raise error(f"{path} is not {what}: it has no array {', '.join(missing)}, but {there}.", hint=hint)
            _check_packing(archive, path, error=error)
            arrays = {}
            for name, layout in layouts.items():
                with archive.open(f"{name}.npy") as file:
                    size = archive.getinfo(f"{name}.npy").file_size
                    arrays[name] = _read_array(file, size, layout, lengths, f"{path}, array {name}", error=error)
            return arrays
    except error:
        raise
    except FileNotFoundError:
        raise error(f"There is no file {path}.", hint=hint or "Check the path.") from None
    except (*_BROKEN, KeyError, MemoryError) as problem:
        reason = "not a whole .npz file" if isinstance(problem, zipfile.BadZipFile) else _reason(problem)
        raise error(f"{path} is not {what}: {reason}.", hint=hint) from None


def check_archive(
    path: Path, *, what: str, error: type[ActionposeError] = InvalidDataError, hint: str = ""
) -> frozenset[str]:
    """Read a zip file through, without keeping any of it, and return the names in it.

    Raises
    ------
    ActionposeError
        Of the type `error`, if it is none, a checksum is wrong, or it would unpack to suspiciously much.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_packing(archive, path, error=error)
            damaged = archive.testzip()
            if damaged is not None:
                raise error(f"{path} is damaged: {damaged} in it has another checksum.", hint=hint)
            return frozenset(archive.namelist())
    except error:
        raise
    except _BROKEN as problem:
        raise error(f"{path} is not {what}: it is no whole zip file ({_reason(problem)}).", hint=hint) from None


def _check_packing(archive: zipfile.ZipFile, path: Path, *, error: type[ActionposeError]) -> None:
    unpacked = sum(member.file_size for member in archive.infolist())
    packed = sum(member.compress_size for member in archive.infolist())
    if unpacked > _UNSUSPICIOUS_BYTES and unpacked > _MAX_PACKING * min(packed, path.stat().st_size):
        raise error(
            f"{path} would unpack to {unpacked / 2**20:,.0f} MiB from {packed / 2**20:,.1f}: no real data does.",
            hint="Get the file again from where it came from.",
        )


def _read_array(
    file: IO[bytes],
    n_bytes: int,
    layout: ArrayLayout,
    lengths: dict[str, int],
    where: str,
    *,
    error: type[ActionposeError],
) -> _Array:
    """Check what the header promises against what there is and what is wanted, then read the numbers."""
    version = np.lib.format.read_magic(file)  # type: ignore[no-untyped-call]
    if version not in ((1, 0), (2, 0)):
        raise error(f"{where}: the format {version[0]}.{version[1]} is not read.")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, is_fortran, dtype = read_header(file)  # type: ignore[no-untyped-call]
    expected = ", ".join(str(lengths.get(side, side)) if isinstance(side, str) else str(side) for side in layout.shape)
    fits = dtype.kind in layout.kinds and len(shape) == len(layout.shape)
    for side, length in zip(layout.shape, shape, strict=False):
        fits = fits and (lengths.setdefault(side, length) if isinstance(side, str) else side) == length
    if not fits:
        raise error(
            f"{where}: expected ({expected}) of {' or '.join(_KINDS[kind] for kind in layout.kinds)}, "
            f"got ({', '.join(map(str, shape))}) of {dtype}."
        )
    if math.prod(shape) * dtype.itemsize != n_bytes - file.tell():
        raise error(f"{where}: ({', '.join(map(str, shape))}) of {dtype} does not fit in {n_bytes} bytes.")
    content = file.read()
    array: _Array = np.frombuffer(content, dtype=dtype)
    if is_fortran:
        return array.reshape(shape[::-1]).transpose()
    return array.reshape(shape)


_KINDS = {"f": "floats", "i": "whole numbers", "u": "whole numbers from 0", "U": "texts", "b": "truth values"}


def _reason(problem: BaseException) -> str:
    if isinstance(problem, RecursionError):
        return "it is nested too deeply"
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    return str(problem).rstrip(".") or type(problem).__name__
