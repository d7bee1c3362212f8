"""Sources: where frames come from, all behind the one protocol `Source`."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from actionpose.errors import SourceError
from actionpose.sources.base import Source, SourceInfo, SourceStatus

__all__ = ["Source", "SourceInfo", "SourceStatus", "open_source"]

_STREAM_SCHEMES = ("rtsp", "rtsps", "http", "https")
_RECORDING_SUFFIXES = (".jsonl", ".jsonl.gz")
_PLUGIN_GROUP = "actionpose.sources"

_ACCEPTED = (
    "A source is a camera number (0), a video file, a folder of images, a recording (.jsonl, .jsonl.gz), "
    "a stream (rtsp://..., http://...) or the drawn person (puppet:wave)."
)


def open_source(spec: str | int | Path) -> Source:
    """Open whatever a user may call a source.

    Parameters
    ----------
    spec : str, int or path
        A camera number; the path of a video, of a folder of images or of a recording; an ``rtsp://`` or
        ``http://`` address; ``puppet:`` and the actions to perform; or ``scheme:...`` of an installed plug-in
        (entry point group ``actionpose.sources``: a name is a scheme, its object takes `spec` and returns a
        `Source`).

    Returns
    -------
    Source
        Open and ready to be read.

    Raises
    ------
    SourceError
        If there is no such thing, or it cannot be opened; the hint says what to do.
    """
    if isinstance(spec, int):
        return _open_camera(spec)
    if isinstance(spec, Path):
        return _open_path(spec)
    spec = spec.strip()
    if re.fullmatch(r"[0-9]+", spec):
        return _open_camera(int(spec))
    scheme = _scheme(spec)
    if scheme == "puppet":
        from actionpose.sources.puppet import parse_puppet

        return parse_puppet(spec.partition(":")[2])
    if scheme in _STREAM_SCHEMES:
        from actionpose.sources.stream import StreamSource

        return StreamSource(spec)
    for plugin in entry_points(group=_PLUGIN_GROUP, name=scheme) if scheme else ():
        return _open_plugin(plugin, spec)
    if not spec:
        raise SourceError("The source is empty.", hint=_ACCEPTED)
    if "://" in spec:  # not quoted whole: it may hold a password
        raise SourceError(f"Addresses that begin with {scheme}:// cannot be opened.", hint=_ACCEPTED)
    return _open_path(Path(spec))


def _scheme(spec: str) -> str:
    """Part before the colon in lower case; a single letter is a Windows drive, not a scheme."""
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):", spec)
    return found[1].lower() if found else ""


def _open_camera(index: int) -> Source:
    from actionpose.sources.camera import CameraSource

    return CameraSource(index)


def _open_plugin(plugin: EntryPoint, spec: str) -> Source:
    try:
        opener = plugin.load()
    except Exception as error:
        raise SourceError(
            f"The plug-in for {plugin.name}: ({plugin.value}) cannot be loaded: {error}.",
            hint="Update or remove the package it came with.",
        ) from error
    source: Source = opener(spec)
    return source


def _open_path(path: Path) -> Source:
    path = path.expanduser()
    if path.is_dir():
        from actionpose.sources.images import ImageFolderSource

        return ImageFolderSource(path)
    if not path.exists():
        raise SourceError(f"There is no file or folder {str(path)!r}.", hint=f"Check the path. {_ACCEPTED}")
    if path.name.lower().endswith(_RECORDING_SUFFIXES):
        from actionpose.sources.replay import ReplaySource

        return ReplaySource(path)
    from actionpose.sources.video import VideoSource

    return VideoSource(path)
