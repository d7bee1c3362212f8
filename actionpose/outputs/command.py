"""Events as runs of a program."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from tempfile import TemporaryFile

from actionpose.decision import ActionEvent
from actionpose.outputs.base import OutputError, event_json, event_record

__all__ = ["CommandOutput"]

_TIMEOUT_S = 10.0
_TOLD_BYTES = 1000  # of what it complains about, the last


class CommandOutput:
    """Runs a program for each event, one after the other and without a shell.

    The event is its standard input, as JSON, and its environment: ``ACTIONPOSE_LABEL``, ``ACTIONPOSE_START_TIME``
    and so on. What it prints is discarded; it is ended when it takes longer than ten seconds.

    Parameters
    ----------
    arguments : sequence of str
        The program and what to call it with.

    Raises
    ------
    OutputError
        If there is no such program, or it may not be run.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        program = shutil.which(arguments[0]) if arguments else None
        if program is None:
            raise OutputError(
                f"There is no program {arguments[0] if arguments else ''!r} that may be run.",
                hint="Check its path, and make it executable (chmod +x).",
            )
        self.name = f"exec:{arguments[0]}"
        self._arguments = [program, *arguments[1:]]

    def write(self, event: ActionEvent) -> None:
        """Run the program and wait for it to end well."""
        record = {f"ACTIONPOSE_{name.upper()}": str(value) for name, value in event_record(event).items()}
        # A file, since a pipe has no end while a program that this one started in the background holds it open.
        with TemporaryFile() as complaint:
            process = subprocess.Popen(
                self._arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=complaint,
                env=os.environ | record,
                start_new_session=True,  # Ctrl-C is meant for us
            )
            with process:
                try:
                    process.communicate(event_json(event).encode(), timeout=_TIMEOUT_S)
                except subprocess.TimeoutExpired:
                    raise OutputError(f"It ran for more than {_TIMEOUT_S:.0f} s and was ended.") from None
                finally:
                    if process.poll() is None:
                        _kill(process)
            if process.returncode:
                complaint.seek(max(0, complaint.seek(0, os.SEEK_END) - _TOLD_BYTES))
                told = complaint.read().decode(errors="replace").strip().rpartition("\n")[2]
                raise OutputError(f"It ended with code {process.returncode}{': ' + told if told else '.'}")

    def close(self) -> None:
        """Every program has ended by then."""


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a program with all it started."""
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
