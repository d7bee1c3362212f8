"""A program in a pseudo-terminal whose output is read and thrown away, as a terminal would."""

from __future__ import annotations

import os
import pty
import struct
import subprocess
import termios
import threading
from collections.abc import Sequence
from fcntl import ioctl
from time import perf_counter
from types import TracebackType
from typing import Self

__all__ = ["Terminal", "report"]

_REPORT = "BENCHMARK_REPORT"  # number of the file descriptor that takes results: the screen is taken


class Terminal:
    """Starts a program; a context manager that ends it.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.
    columns, rows : int
        Size of the terminal.
    awaited : bytes
        Text whose first appearance on the screen is timed.
    """

    def __init__(self, command: Sequence[str], *, columns: int = 80, rows: int = 24, awaited: bytes = b"") -> None:
        self.n_bytes = 0
        self.shown_s = float("nan")  # when the awaited text had been written
        self._awaited = awaited
        self._has_shown = threading.Event()
        self._master, slave = pty.openpty()
        ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._results, report_to = os.pipe()
        environment = os.environ | {"COLORTERM": "truecolor", "TERM": "xterm-256color", _REPORT: str(report_to)}
        self._began = perf_counter()
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, pass_fds=[report_to], env=environment,
            start_new_session=True,
        )  # fmt: skip
        os.close(report_to)
        os.close(slave)
        threading.Thread(target=self._drain, daemon=True).start()

    def wait_until_shown(self, *, timeout_s: float = 60.0) -> float:
        """Wait for the awaited text; seconds from the start to it."""
        assert self._has_shown.wait(timeout_s), f"{self._awaited!r} never came"
        return self.shown_s

    def wait(self) -> str:
        """Wait for the end of the program; what it reported."""
        with os.fdopen(self._results, closefd=False) as results:
            text = results.read()
        self.process.wait()
        return text

    def _drain(self) -> None:
        seen = b""
        try:
            while data := os.read(self._master, 1 << 16):
                self.n_bytes += len(data)
                if self._awaited and not self._has_shown.is_set():
                    seen += data
                    if self._awaited in seen:
                        self.shown_s = perf_counter() - self._began
                        self._has_shown.set()
        except OSError:  # the other end is closed
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._results)
        os.close(self._master)


def report(text: str) -> None:
    """Tell the `Terminal` this program runs in."""
    os.write(int(os.environ[_REPORT]), text.encode())
