"""Sources: where frames come from, all behind the one protocol `Source`."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from actionpose.errors import SourceError
from actionpose.sources.base import Source, SourceInfo, SourceStatus

__all__ = ["Source", "SourceInfo", "SourceStatus", "is_path", "open_source"]

_STREAM_SCHEMES = ("rtsp", "rtsps", "http", "https")
_RECORDING_SUFFIXES = (".jsonl", ".jsonl.gz")
_PLUGIN_GROUP = "actionpose.sources"

_ACCEPTED = (
    "A source is a camera number (0), a video file, a folder of images, a recording (.jsonl, .jsonl.gz), "
    "a stream (rtsp://..., http://...) or the drawn person (puppet:wave)."
)


def open_source(spec: str | int | Path, *, rate_hz: float | None = None, rotate: int = 0) -> Source:
    """Open whatever a user may call a source.

    Parameters
    ----------
    spec : str, int or path
        A camera number; the path of a video, of a folder of images or of a recording; an ``rtsp://`` or
        ``http://`` address; ``puppet:`` and the actions to perform; or ``scheme:...`` of an installed plug-in
        (entry point group ``actionpose.sources``: a name is a scheme, its object takes `spec` and returns a
        `Source`).
    rate_hz : float, optional
        Frames per second of a video, a folder or a recording whose times are missing or wrong.
    rotate : int
        Degrees by which to turn the pictures clockwise: 0, 90, 180 or 270.

    Returns
    -------
    Source
        Open and ready to be read.

    Raises
    ------
    SourceError
        If there is no such thing, it cannot be opened, or has a time or a turn of its own; the hint says what to do.
    """
    if rotate:
        from actionpose.sources.rotated import RotatedSource

        source = open_source(spec, rate_hz=rate_hz)
        try:
            return RotatedSource(source, rotate)
        except SourceError:
            source.close()
            raise
    if not isinstance(spec, int) and is_path(spec):
        return _open_path(Path(spec.strip()) if isinstance(spec, str) else spec, rate_hz)
    if rate_hz is not None:
        raise SourceError(
            "A rate can be given for videos, folders of pictures and recordings alone: others keep time themselves.",
            hint="Leave out --rate. A puppet is given one as puppet:wave?fps=15.",
        )
    return _open_other(spec)


def is_path(spec: str | int | Path) -> bool:
    """Whether a source is a file or a folder, there or not, rather than a camera, an address or a puppet."""
    if isinstance(spec, str):
        spec = spec.strip()
        scheme = _scheme(spec)
        is_scheme = scheme in ("puppet", *_STREAM_SCHEMES) or "://" in spec or scheme in _plugin_schemes()
        return not (is_scheme or not spec or re.fullmatch(r"[0-9]+", spec))
    return isinstance(spec, Path)


def _plugin_schemes() -> set[str]:
    return entry_points(group=_PLUGIN_GROUP).names


def _open_other(spec: str | int | Path) -> Source:
    if isinstance(spec, int):
        return _open_camera(spec)
    spec = str(spec).strip()
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
    # Not quoted whole: it may hold a password.
    raise SourceError(f"Addresses that begin with {scheme}:// cannot be opened.", hint=_ACCEPTED)


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


def _open_path(path: Path, rate_hz: float | None) -> Source:
    path = path.expanduser()
    if path.is_dir():
        from actionpose.sources.images import ImageFolderSource

        return ImageFolderSource(path, rate_hz=rate_hz)
    if not path.exists():
        raise SourceError(f"There is no file or folder {str(path)!r}.", hint=f"Check the path. {_ACCEPTED}")
    if path.name.lower().endswith(_RECORDING_SUFFIXES):
        from actionpose.sources.replay import ReplaySource

        return ReplaySource(path, rate_hz=rate_hz)
    from actionpose.sources.video import VideoSource

    return VideoSource(path, rate_hz=rate_hz)
