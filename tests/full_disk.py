"""Disks without room: by a limit of the system on the size of files, which needs no rights, and a tiny file system."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NEEDS_LIMITS = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")


def run_without_room(
    *arguments: object, room_bytes: int = 0, cwd: Path | None = None, program: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command line, or a program in Python, in a process whose files may not grow beyond `room_bytes`."""
    limiting = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({room_bytes}, {room_bytes}))"
    program = program or "from actionpose.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", f"{limiting}\n{program}", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def mounted_without_room(folder: Path, holding: Path | None = None) -> Iterator[Path]:
    """Make a folder a file system of its own that is full, but for its names; skip the test where that needs rights.

    A copy of the file `holding` is in it.
    """
    folder.mkdir()
    size = 2**17 + (holding.stat().st_size if holding else 0)
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if not sys.platform.startswith("linux") or subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system is not permitted here")
    try:
        if holding:
            shutil.copy(holding, folder)
        with contextlib.suppress(OSError):
            (folder / "ballast").write_bytes(bytes(2**20))
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
