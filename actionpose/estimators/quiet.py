"""Silence for libraries written in C++ that talk on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet_stderr"]

_STDERR = 2


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Discard what is written to file descriptor 2, by any thread, until the block ends.

    Keep the block short: Python's own ``sys.stderr`` ends there too.
    """
    sys.stderr.flush() if sys.stderr else None
    try:
        saved = os.dup(_STDERR)
    except OSError:  # a program without a console
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, _STDERR)
        yield
    finally:
        os.dup2(saved, _STDERR)
        os.close(nowhere)
        os.close(saved)
