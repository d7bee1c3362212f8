"""Keeping a session on disk: what was seen, so that it can be played again, and what was found in it."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from actionpose.errors import ActionposeError, RecordingError
from actionpose.outputs import JsonLinesOutput, OutputError
from actionpose.recording import RecordingWriter
from actionpose.session.tick import Tick
from actionpose.sources.base import SourceInfo
from actionpose.whole_file import writing_error

__all__ = ["EVENTS_SUFFIX", "SessionRecording", "events_path"]

EVENTS_SUFFIX = ".events.jsonl"

_SUFFIXES = (".jsonl.gz", ".jsonl")
_CAPACITY = 3000  # ticks; a disk that is silent for longer than a hundred seconds will not come back
_FLUSH_S = 2.0


class SessionRecording:
    """Writes the poses of a session to a recording, and its events beside it; a sink for `SessionRunner`.

    Recognised by the same templates, the recording gives the same events again. A thread of its own writes, so
    that a slow disk holds nothing up; when the disk is full, `error` and `notes` tell, and nothing more is written.
    After another source or model was switched to, a new recording begins beside the first: ``NAME-2.jsonl.gz``. A
    context manager.

    Parameters
    ----------
    path : path
        A new file, ``*.jsonl`` or ``*.jsonl.gz``; the events of ``NAME.jsonl.gz`` come to ``NAME.events.jsonl``, one
        JSON object per line.

    Raises
    ------
    RecordingError
        If the file exists already, has another ending, or cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path = Path(path)
        suffix = next((suffix for suffix in _SUFFIXES if path.name.endswith(suffix)), "")
        if not suffix:
            raise RecordingError(f"A recording ends in .jsonl or .jsonl.gz, got {path.name!r}.", hint="Add the ending.")
        self.notes: tuple[str, ...] = ()
        self.error: ActionposeError | None = None  # why it is not whole
        self.n_frames = 0
        self._paths = _iter_part_paths(path, suffix)
        self._part = _Part(next(self._paths))
        self._ticks: deque[Tick] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._write_all, name="actionpose-recording", daemon=True)
        self._thread.start()

    def keep(self, tick: Tick) -> None:
        """Write a tick down; returns at once."""
        if tick.frame is None and not tick.events:
            return
        with self._changed:
            if self._is_closed:
                return
            if len(self._ticks) >= _CAPACITY:
                self._give_up(RecordingError(f"Writing {self.path} is too slow, so the recording ends here."))
                return
            self._ticks.append(tick)
            self._changed.notify_all()

    def close(self) -> None:
        """Write what is left and close the files. May be called twice."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join(timeout=_FLUSH_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _give_up(self, error: ActionposeError) -> None:
        with self._changed:
            self.error = error
            self.notes += (str(error),)
            self._is_closed = True
            self._ticks.clear()

    def _write_all(self) -> None:
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._ticks or self._is_closed)
                    if not self._ticks:
                        break
                    tick = self._ticks.popleft()
                if not self._part.belongs(tick):
                    self._part.close()
                    self._part = _Part(next(self._paths))
                self.n_frames += self._part.write(tick)
            self._part.close()
            if not self.n_frames and not self.notes:
                self.notes += ("Nobody was in view, so nothing was recorded.",)
        except (ActionposeError, OSError) as error:
            told = writing_error(self.path, error, kind=RecordingError) if isinstance(error, OSError) else error
            self._give_up(told)
            with suppress(ActionposeError, OSError):
                self._part.close()


class _Part:
    """One recording and its events: of one source, with one model."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: RecordingWriter | None = None  # once it is known of what skeleton
        self._of: tuple[SourceInfo | None, str] | None = None
        self._last_index = -1
        if path.exists():
            raise RecordingError(
                f"{path} exists already; a recording is never written over.",
                hint="Choose another name, or move the old file away.",
            )
        try:
            self._events = JsonLinesOutput(events_path(path), is_private=True)
        except OutputError as error:
            raise RecordingError(error.message, hint=error.hint) from None

    def belongs(self, tick: Tick) -> bool:
        """Whether a tick is of the same run of the same source and model."""
        is_next = tick.frame is None or tick.frame.index > self._last_index
        return is_next and self._of in (None, (tick.source, tick.model))

    def write(self, tick: Tick) -> bool:
        """Write a tick; whether a frame of it was kept."""
        frame = tick.frame
        if frame is not None:
            self._of, self._last_index = (tick.source, tick.model), frame.index
            if self._writer is None and tick.poses:
                self._writer = RecordingWriter(
                    self._path,
                    skeleton=tick.poses[0].skeleton,
                    estimator=tick.model,
                    source=tick.source.name if tick.source else "",
                    rate_hz=tick.source.rate_hz if tick.source else None,
                    size=tick.source.size if tick.source else None,
                )
            if self._writer is not None:
                self._writer.append(frame.index, frame.time, tick.poses)
        for event in tick.events:
            self._events.write(event)
        return frame is not None and self._writer is not None

    def close(self) -> None:
        """Close both files, and take the second away where the first never began."""
        self._events.close()
        if self._writer is None:
            events_path(self._path).unlink(missing_ok=True)
        else:
            self._writer.close()


def events_path(path: Path) -> Path:
    """Return where the events of a recording lie: ``NAME.events.jsonl``."""
    stem = path.name.removesuffix(".gz").removesuffix(".jsonl")
    return path.with_name(f"{stem}{EVENTS_SUFFIX}")


def _iter_part_paths(path: Path, suffix: str) -> Iterator[Path]:
    """Yield the path, then ``NAME-2`` and so on, as far as they are free."""
    yield path
    stem = path.name.removesuffix(suffix)
    for number in itertools.count(2):
        part = path.with_name(f"{stem}-{number}{suffix}")
        if not part.exists():
            yield part
