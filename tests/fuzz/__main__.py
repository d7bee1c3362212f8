"""Read many damaged files, or one of them again."""

from __future__ import annotations

import sys
from collections import Counter

import click
from rich.console import Console
from rich.progress import Progress

from tests.fuzz.runner import run_cases


@click.command()
@click.option("--cases", "n_cases", default=5000, show_default=True, help="How many files.")
@click.option("--seed", default=0, show_default=True, help="What everything is drawn from.")
@click.option("--case", "number", type=int, help="Read this one alone.")
@click.option("--processes", default=2, show_default=True, help="How many at a time.")
def main(n_cases: int, seed: int, number: int | None, processes: int) -> None:
    """Say of how many damaged files reading went wrong, and how."""
    numbers = range(n_cases) if number is None else [number]
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("reading", total=len(numbers))
        failures = run_cases(numbers, seed=seed, n_processes=processes, on_case=lambda: progress.advance(task))
    for failure in failures:
        print(f"{failure.number:6d}  {failure.kind:18s} {failure.what}")
    for kind, count in Counter(failure.kind for failure in failures).most_common():
        print(f"{count:6d} of kind {kind}")
    print(f"{len(failures)} of {len(numbers)} cases went wrong (seed {seed})")
    sys.exit(bool(failures))


main()
