"""Many cases in a few processes; a process that dies is a failure of the case it was reading, and another goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.fuzz.worker import draw_case

__all__ = ["Failure", "run_cases"]


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that went wrong: ``python -m tests.fuzz --seed SEED --case NUMBER`` repeats it."""

    number: int
    kind: str
    what: str


def run_cases(
    numbers: Sequence[int], *, seed: int, n_processes: int = 2, on_case: Callable[[], None] = lambda: None
) -> list[Failure]:
    """Read the damaged files of these numbers; return those that went wrong, in order."""
    # Cases of a kind together, so that not every process needs every library.
    ordered = sorted(numbers, key=lambda number: draw_case(number, seed)[0])
    size = -(-len(ordered) // n_processes)
    parts = [ordered[start : start + size] for start in range(0, len(ordered), size)]
    with ThreadPoolExecutor(n_processes) as pool:
        found = pool.map(lambda part: _run_part(part, seed, on_case), parts)
        return sorted((failure for failures in found for failure in failures), key=lambda failure: failure.number)


def _run_part(numbers: Sequence[int], seed: int, on_case: Callable[[], None]) -> list[Failure]:
    failures: list[Failure] = []
    left = list(numbers)
    while left:
        current: int | None = None
        with subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker", str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if len(numbers) == 1 else subprocess.DEVNULL,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("\n".join(map(str, left)))
            process.stdin.close()
            for line in process.stdout:
                told = json.loads(line)
                if "begin" in told:
                    current = told["begin"]
                    continue
                if told["failure"]:
                    failures.append(Failure(told["end"], draw_case(told["end"], seed)[0], told["failure"]))
                left.remove(told["end"])
                current = None
                on_case()
        if current is None and left:
            raise RuntimeError(f"The process ended with status {process.returncode} before it read anything.")
        if current is not None:
            what = f"the process ended with status {process.returncode}"
            failures.append(Failure(current, draw_case(current, seed)[0], what))
            left.remove(current)
            on_case()
    return failures
