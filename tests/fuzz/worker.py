"""Reads damaged files, one after the other, in a process with limits; tells on stdout what came of each.

A line ``{"begin": N}`` before each case and ``{"end": N, "failure": ..., "peak_mib": ...}`` after it, so that whoever
started it knows of which case it died.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from actionpose.errors import ActionposeError, FallbackWarning
from tests.fuzz.mutations import choose
from tests.fuzz.seeds import KINDS, Kind

MAX_BYTES = 2**30  # beyond what the process has after every valid file was read once
MAX_CPU_S = 10.0
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGING = ("os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.chmod", "os.symlink", "os.link")
_LEAVING = ("socket.connect", "subprocess.Popen", "os.system", "os.exec")


class _Watch:
    """Notes what is written outside a folder, and connections to anywhere."""

    def __init__(self, allowed: Path) -> None:
        self._allowed = str(allowed)
        self.trespasses: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            if isinstance(arguments[0], str | bytes) and arguments[2] & _WRITING:
                self._check(event, arguments[0])
        elif event in _CHANGING:
            self._check(event, arguments[0])
        elif event == "os.rename":
            self._check(event, arguments[0])
            self._check(event, arguments[1])
        elif event in _LEAVING:
            self.trespasses.append(f"{event} {arguments[0]}")

    def _check(self, event: str, path: Any) -> None:
        if isinstance(path, int):
            return
        real = os.path.realpath(os.fsdecode(path))
        if not real.startswith((self._allowed, "/dev/")):
            self.trespasses.append(f"{event} {real}")


def _prepare(scratch: Path, kinds: list[str]) -> dict[str, Path]:
    """Write a valid file of each kind, and read it: what is imported and started then does not count."""
    folders = {}
    for name in kinds:
        kind, folder = KINDS[name], scratch / "valid" / name.replace(" ", "_")
        folder.mkdir(parents=True)
        kind.make(folder)
        folders[name] = folder
        copied = scratch / "warm"
        shutil.copytree(folder, copied)
        kind.read(copied)
        shutil.rmtree(copied)
    return folders


def draw_case(number: int, seed: int) -> tuple[str, np.random.Generator]:
    """Return the kind of a case, and the generator that everything about it is drawn from."""
    rng = np.random.default_rng([seed, number])
    shares = np.array([kind.share for kind in KINDS.values()])
    return str(rng.choice(list(KINDS), p=shares / shares.sum())), rng


def write_case(kind: Kind, valid: Path, folder: Path, rng: np.random.Generator) -> None:
    """Copy a valid folder, and damage its file."""
    shutil.copytree(valid, folder)
    path = folder / kind.file
    path.write_bytes(choose(kind.mutations, path.read_bytes(), rng))


def _read(kind: Kind, folder: Path, watch: _Watch) -> str:
    """Return what went wrong in reading a file; nothing if it was read, or refused in the user's words."""
    watch.trespasses.clear()
    started = time.process_time()
    failure = ""
    try:
        kind.read(folder)
    except ActionposeError as error:
        if not error.message:
            failure = f"{type(error).__name__} without a word"
    except BaseException as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        failure = f"{type(error).__name__}: {str(error)[:200]} (at {Path(last.filename).name}:{last.lineno})"
        if os.environ.get("FUZZ_TRACEBACK"):
            traceback.print_exc()
    used = time.process_time() - started
    if not failure and used > MAX_CPU_S:
        failure = f"took {used:.0f} s"
    if not failure and watch.trespasses:
        failure = f"wrote elsewhere: {', '.join(watch.trespasses[:3])}"
    return failure


def _used_bytes() -> int:
    """Private writable memory of this process, which `RLIMIT_DATA` counts."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0


def main() -> None:
    """Read the cases whose numbers come on stdin, of the seed that is the argument."""
    seed = int(sys.argv[1])
    numbers = [int(line) for line in sys.stdin]
    warnings.simplefilter("error")
    warnings.simplefilter("default", FallbackWarning)  # which is an answer in the user's words
    sys.dont_write_bytecode = True
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what native code prints is no answer
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name).resolve()
        os.environ["TMPDIR"] = tempfile.tempdir = name
        os.chdir(name)
        kinds = [draw_case(number, seed)[0] for number in numbers]
        folders = _prepare(scratch, sorted(set(kinds)))
        watch = _Watch(scratch)
        limit = _used_bytes() + MAX_BYTES
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        for number in numbers:
            out.write(json.dumps({"begin": number}) + "\n")
            kind, rng = draw_case(number, seed)
            case = scratch / "case"
            write_case(KINDS[kind], folders[kind], case, rng)
            signal.alarm(60)  # ends the process wherever it hangs
            failure = _read(KINDS[kind], case, watch)
            signal.alarm(0)
            shutil.rmtree(case)
            out.write(json.dumps({"end": number, "failure": failure}) + "\n")
        out.flush()
    os._exit(0)  # native threads of models that were never loaded whole are not waited for


if __name__ == "__main__":
    main()
