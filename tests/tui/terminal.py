"""The real thing, in a terminal of its own."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path


class Terminal:
    """A program in a pseudo-terminal."""

    def __init__(self, *arguments: str, cwd: Path, is_module: bool = True) -> None:
        self.master, slave = pty.openpty()
        environment = os.environ | {"TERM": "xterm-256color", "XDG_CONFIG_HOME": str(cwd), "XDG_DATA_HOME": str(cwd)}
        self.process = subprocess.Popen(
            [sys.executable, *(["-m", "actionpose"] if is_module else []), *arguments],
            stdin=slave, stdout=slave, stderr=slave, cwd=cwd, env=environment, start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self.output = b""

    def read_until(self, text: bytes, *, seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while text not in self.output:
            assert time.monotonic() < end, self.output[-2000:]
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.output += os.read(self.master, 1 << 16)
                except OSError:
                    break

    def write(self, text: bytes) -> None:
        os.write(self.master, text)

    def wait(self) -> int:
        self.read_until(b"(never)", seconds=20.0) if self.process.poll() is None else None
        return self.process.wait(timeout=20)
