"""Pictures that labels of other tools name: which file is meant, and whether it is whole."""

from __future__ import annotations

import io
import os
import posixpath
import re
import struct
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import PIL.Image

__all__ = ["FoundPictures", "UnusablePictureError", "describe_left_out", "find_pictures", "read_picture"]

# A table may lie as deep in its project as DeepLabCut's training-datasets/iteration-0/UnaugmentedDataSet_me.
_N_FOLDERS_ABOVE = 3
_MAX_PIXELS = 2**27  # 12,000 x 11,000; twice as many would not fit in a gigabyte, unpacked and turned to RGB
_N_EXAMPLES, _LONGEST_EXAMPLE = 3, 80

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPictures:
    """Which file each written path means.

    Parameters
    ----------
    paths : dict of str to Path
        By the path as it was written.
    missing : sequence of str
        Written paths of which there is no file.
    ambiguous : sequence of str
        Written paths whose only candidate is another one's picture, or as much so.
    """

    paths: dict[str, Path]
    missing: Sequence[str]
    ambiguous: Sequence[str]

    def describe(self) -> list[str]:
        """Return what was left out and why, a sentence each."""
        n = len(self.paths) + len(self.missing) + len(self.ambiguous)
        reasons = {
            "not found": self.missing,
            "only pictures of the same name in another folder were found": self.ambiguous,
        }
        return [describe_left_out(names, n, "pictures", why) for why, names in reasons.items() if names]


def describe_left_out(names: Sequence[str], total: int, what: str, why: str) -> str:
    """Return a sentence that says how many of how many were left out and why, with a few of them by name."""
    different = list(dict.fromkeys(names))
    examples = ", ".join(_shorten(name) for name in different[:_N_EXAMPLES])
    if len(different) > _N_EXAMPLES:
        examples += " and others"
    return f"Left out {len(names)} of {total} {what}, {why}: {examples}."


def _shorten(name: str) -> str:
    return name if len(name) <= _LONGEST_EXAMPLE else f"...{name[-_LONGEST_EXAMPLE:]}"


def find_pictures(names: Iterable[str], folder: Path, *, has_folders_above: bool = True) -> FoundPictures:
    r"""Find the files that labels mean by the paths they were written with, on whatever machine that was.

    The whole path decides, in `folder` or one of those above; then its longest ending in `folder` that names a folder,
    then such an ending in one above, then the bare name in `folder`; at last the path itself, where it is absolute. Of
    paths that end alike only one can mean a picture: the one that names more of the folders it lies in. Where they name
    as many, none is taken.

    Parameters
    ----------
    names : iterable of str
        With ``/`` or ``\``; what leads out of a folder (``..``) is not followed.
    folder : Path
        Where to look.
    has_folders_above : bool
        Whether to look in the three folders above it, too.
    """
    folder = folder.resolve()
    parts_of = {name: _split(name) for name in names}
    own = _find_endings(parts_of, folder, least=1)
    above = [_find_endings(parts_of, base, least=2) for base in folder.parents[:_N_FOLDERS_ABOVE] if has_folders_above]
    # Of one of them, the best, else the nearest: other folders up there may be another project's.
    project = max(above, key=lambda found: max((n for n, _ in found.values()), default=0), default={})
    candidates: dict[str, Path] = {}
    for name, parts in parts_of.items():
        found = [places[name] for places in (own, project) if name in places]
        if found:  # of two that are no whole paths the first, unless it is a bare name
            candidates[name] = max(found, key=lambda ending: (ending[0] == len(parts), ending[0] > 1))[1]
    paths = _drop_others_pictures(candidates, parts_of)
    for name in parts_of.keys() - paths.keys():
        if Path(name).is_absolute() and os.path.isfile(name):  # noqa: PTH113  it may be no path at all
            paths[name] = Path(name)
    return FoundPictures(
        paths={name: paths[name] for name in parts_of if name in paths},
        missing=[name for name in parts_of if name not in paths and name not in candidates],
        ambiguous=[name for name in parts_of if name not in paths and name in candidates],
    )


def _find_endings(parts_of: dict[str, tuple[str, ...]], base: Path, *, least: int) -> dict[str, tuple[int, Path]]:
    """Return how many parts the longest ending of each path has that is a file in a folder, and the file."""
    found: dict[str, tuple[int, Path]] = {}
    for name, parts in parts_of.items():
        for i in range(len(parts) - least + 1):
            path = base.joinpath(*parts[i:])
            if os.path.isfile(path):  # noqa: PTH113  Path.is_file raises where a name is too long
                found[name] = len(parts) - i, path
                break
    return found


def _drop_others_pictures(candidates: dict[str, Path], parts_of: dict[str, tuple[str, ...]]) -> dict[str, Path]:
    """Return the candidates less those whose picture, or whose folder, another path names better."""
    agreeing = {name: _count_agreeing(parts_of[name], path.parts) for name, path in candidates.items()}
    most: defaultdict[Path, int] = defaultdict(int)
    for name, path in candidates.items():
        most[path.parent] = max(most[path.parent], agreeing[name])
    is_whole = {name: n == len(parts_of[name]) for name, n in agreeing.items()}
    left = {name: path for name, path in candidates.items() if is_whole[name] or agreeing[name] == most[path.parent]}
    n_claims = Counter(left.values())
    return {name: path for name, path in left.items() if is_whole[name] or n_claims[path] == 1}


def _count_agreeing(written: Sequence[str], parts: Sequence[str]) -> int:
    """Return how many of the last parts of two paths are the same."""
    pairs = zip(reversed(written), reversed(parts), strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), len(written))


def _split(name: str) -> tuple[str, ...]:
    """Return the parts of a written path, without a drive and without what leads out of the folder it is joined to."""
    path = posixpath.normpath(re.sub(r"^[A-Za-z]:", "", name.strip().replace("\\", "/")))
    return tuple(part for part in path.split("/") if part not in ("", ".", ".."))


class UnusablePictureError(Exception):
    """A picture that cannot be used, and why."""


def read_picture(path: Path, size: tuple[int, int] | None = None) -> Image:
    """Read a picture as RGB (H, W, 3).

    Parameters
    ----------
    path : Path
        The picture.
    size : (int, int), optional
        Width and height that its labels were made for: a picture that is only turned by a note in the file is read
        as it lies there, if that is what was labelled.

    Raises
    ------
    UnusablePictureError
        If it cannot be read, is cut short, has another size, or more pixels than any camera's.
    """
    try:
        content = path.read_bytes()
    except OSError:
        content = b""
    if content.startswith(b"\xff\xd8") and not _has_jpeg_end(content):  # OpenCV may paint the rest gray
        raise UnusablePictureError("the file is cut short")
    _check_size(content)
    picture = _decode(content, cv2.IMREAD_COLOR)
    if picture is None:
        raise UnusablePictureError("cannot be read")
    if size is not None and picture.shape[1::-1] != size:
        as_stored = _decode(content, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        if as_stored is None or as_stored.shape[1::-1] != size:
            raise UnusablePictureError("of another size than the one that was labelled")
        picture = as_stored
    rgb: Image = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    return rgb


def _check_size(content: bytes) -> None:
    """Refuse what would fill the memory, by what the head of the file says; OpenCV would unpack it first."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)  # our own limit is below
            with PIL.Image.open(io.BytesIO(content)) as picture:
                width, height = picture.size
    except PIL.Image.DecompressionBombError:
        raise UnusablePictureError("the picture is too large") from None
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, KeyError, IndexError, TypeError, OverflowError):
        raise UnusablePictureError("cannot be read") from None
    if width * height > _MAX_PIXELS:
        raise UnusablePictureError("the picture is too large")


def _decode(content: bytes, flags: int) -> Image | None:
    if not content:
        return None
    try:
        picture: Image | None = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error:  # more pixels than it takes
        return None
    return picture


def _has_jpeg_end(content: bytes) -> bool:
    """Whether the pixels of a JPEG end where they should (ITU-T T.81, annex B); a thumbnail's end is not its own."""
    at = 2
    while at + 4 <= len(content):
        if content[at] != 0xFF:
            return False
        marker = content[at + 1]
        if marker == 0xD9:
            return True
        if marker == 0xFF:  # fill
            at += 1
            continue
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        if marker == 0xDA:
            found = _NEXT_MARKER.search(content, at)
            if found is None:
                return False
            at = found.start()
    return content[at : at + 2] == b"\xff\xd9"


# Among pixels a byte of 255 is followed by 0, or by the number of a restart.
_NEXT_MARKER: re.Pattern[bytes] = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
