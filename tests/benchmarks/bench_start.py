"""How soon ``actionpose tui`` shows its first screen, and how soon it is gone, against importing what it is drawn with.

    python -m tests.benchmarks.bench_start [--pairs 7]

Both are started anew each time, one after the other: the ratio of the two is what a busy machine leaves as it is.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

from tests.benchmarks.terminal import Terminal

LAST_KEY = b"Quit"  # the footer's, which is drawn last


def time_first_screen(folder: Path) -> tuple[float, float, float]:
    """Seconds to the first screen, seconds of the processor till then, and seconds from SIGTERM to the end."""
    command = [sys.executable, "-m", "actionpose", "tui", "puppet:wave", "--library", str(folder / "library.sqlite")]
    with Terminal([*command, "--config", str(folder / "settings.toml")], awaited=LAST_KEY) as terminal:
        shown_s = terminal.wait_until_shown()
        ticks = Path(f"/proc/{terminal.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        sleep(1.0)
        began = perf_counter()
        terminal.process.terminate()
        terminal.process.wait()
        return shown_s, sum(map(int, ticks)) / 100, perf_counter() - began


def time_import() -> float:
    """Seconds that a bare ``import textual.app`` takes."""
    began = perf_counter()
    subprocess.run([sys.executable, "-c", "import textual.app"], check=True)
    return perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=7)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        time_first_screen(Path(folder))  # compiles, and fills the disk's cache
        rows = [(*time_first_screen(Path(folder)), time_import()) for _ in range(options.pairs)]
    shown, cpu, left, bare = (statistics.median(column) for column in zip(*rows, strict=True))
    fastest = min(row[0] for row in rows)
    print(f"first screen after {shown:.2f} s ({fastest:.2f} at best, {cpu:.2f} s of processor), gone in {left:.2f} s")
    ratio = statistics.median(row[0] / row[3] for row in rows)
    print(f"import textual.app {bare:.2f} s, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
