"""The thread that takes up what changes in the library."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from actionpose.errors import ActionposeError
from actionpose.recognizer import Recognizer
from actionpose.session.recognizers import RecognizerSet

__all__ = ["LibraryWatch", "MakeRecognizer"]

MakeRecognizer = Callable[[], Recognizer | RecognizerSet | None]

_POLL_S = 1.0  # how often the library is asked whether it changed


class LibraryWatch:
    """A thread that makes a new recogniser whenever the library has changed.

    Parameters
    ----------
    revision : callable
        Gives a number that changes with the library.
    make_recognizer : callable
        Gives the recogniser or recognisers of the library as it is then, or None where it holds nothing to recognise.
    """

    def __init__(self, revision: Callable[[], int], make_recognizer: MakeRecognizer) -> None:
        self.notes: tuple[str, ...] = ()
        self.revision = revision
        self._make_recognizer = make_recognizer
        self._seen = revision()
        self._fresh: deque[Recognizer | RecognizerSet | None] = deque(maxlen=1)
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="actionpose-library", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def close(self) -> None:
        """Join the thread, unless it is in the midst of making a recogniser."""
        self._closed.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=0.5)

    def exchange(self, make_recognizer: MakeRecognizer, *, seen: int) -> None:
        """Make recognisers by other settings from now on; the library was at revision `seen` when one was made last."""
        with self._lock:
            self._make_recognizer = make_recognizer
            self._seen = seen
            self._fresh.clear()

    def take(self) -> tuple[Recognizer | RecognizerSet | None, ...]:
        """Return the new recogniser, once; empty while there is none."""
        with self._lock:
            fresh = tuple(self._fresh)
            self._fresh.clear()
            return fresh

    def _poll(self) -> None:
        while not self._closed.wait(_POLL_S):
            try:
                revision = self.revision()
                make = self._make_recognizer
                if revision != self._seen:
                    recognizer = make()
                    with self._lock:
                        if make is self._make_recognizer:
                            self._fresh.append(recognizer)
                            self._seen = revision
                self.notes = ()
            except ActionposeError as error:  # locked for a moment, or emptied: go on with what there is
                self.notes = (f"The library changed but cannot be used yet: {error.message}",)
