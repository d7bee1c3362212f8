"""Processes that write are killed at random moments: nothing that they had said was saved may be lost or half there.

``python -m tests.fuzz.kills --kills 100`` repeats it.
"""

from __future__ import annotations

import gzip
import itertools
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import click

from actionpose.library import TemplateLibrary
from actionpose.library.files import load_template
from actionpose.recording import RecordingWriter, load_recording
from actionpose.skeleton import BLAZEPOSE_33
from actionpose.sources.puppet import PuppetSource
from actionpose.template import Template
from tests.synthetic import make_templates

__all__ = ["SCENARIOS", "Loss", "run_kills"]


@dataclass(frozen=True, slots=True)
class Loss:
    """What a kill cost."""

    number: int
    scenario: str
    what: str


# Each scenario prepares a folder, says what to run in it, and returns what is missing after a kill: nothing.


def _change_library(n_done: int) -> None:
    """Change a library again and again, telling after each change how many are done; `n_done` of them are skipped."""
    with TemplateLibrary.open("library.sqlite") as library:
        for n, change in enumerate(_iter_changes(library), start=1):
            if n > n_done:
                change()
                print(n, flush=True)


def _iter_changes(library: TemplateLibrary) -> Iterator[Callable[[], object]]:
    """Endless changes, each of several rows, that follow from their number alone."""
    for i in itertools.count():
        takes = [
            Template(label=f"action {i}", sequence=take.sequence, id=f"{i:06d}{j}", created=take.created)
            for j, take in enumerate(_TAKES)
        ]
        yield lambda takes=takes: library.add_all(takes)
        yield lambda i=i: library.rename(f"action {i}", f"renamed {i}")
        yield lambda i=i: library.set_enabled(f"renamed {i}", False)
        yield lambda i=i: library.set_tags(f"renamed {i}", ["a", f"tag {i}"])
        yield lambda i=i: library.rename(f"renamed {i}", "all", merge=i > 0)
        yield lambda i=i: library.remove([f"{i:06d}0", f"{i:06d}1"])
        yield lambda: library.undo()


_TAKES = make_templates(["wave"], n_takes=3)


def _describe(library: TemplateLibrary) -> list[tuple[object, ...]]:
    kept = [(t.id, t.label, t.enabled, len(t.sequence)) for t in library.templates()]
    removed = [(t.id, t.label, "removed") for t in library.removed()]
    return [*kept, *removed, *((a.label, tuple(a.tags), a.n_templates) for a in library.actions())]


def _check_changes(folder: Path, told: str) -> str:
    """Compare with a library in which as many changes were made, or one more that could not be told any more."""
    numbers = told.split("\n")[:-1]  # the last line may be half there
    n_told = int(numbers[-1]) if numbers else 0
    with closing(sqlite3.connect(folder / "library.sqlite")) as connection:
        if (found := connection.execute("PRAGMA integrity_check").fetchall()) != [("ok",)]:
            return f"the file is damaged: {found}"
    with TemplateLibrary.open("sqlite://") as expected, TemplateLibrary.open(folder / "library.sqlite") as found:
        changes = _iter_changes(expected)
        for change in itertools.islice(changes, n_told):
            change()
        if _describe(found) == _describe(expected):
            return ""
        next(changes)()
        return "" if _describe(found) == _describe(expected) else f"it is not as after {n_told} or {n_told + 1} changes"


def _check_export(folder: Path, told: str) -> str:  # noqa: ARG001
    paths = list((folder / "shared").glob("*.json")) if (folder / "shared").is_dir() else []
    for path in paths:
        load_template(path)
    with TemplateLibrary.open(folder / "library.sqlite") as library:
        library.export(folder / "shared")
        n_templates = len(library.templates())
    left = [path.name for path in (folder / "shared").iterdir()]
    return "" if len(left) == n_templates else f"{len(left)} files for {n_templates} templates: {left}"


def _prepare_export(folder: Path) -> None:
    with TemplateLibrary.open(folder / "library.sqlite") as library:
        library.add_all(Template(label=f"action {i}", sequence=_TAKES[0].sequence) for i in range(60))


def _prepare_camera(folder: Path) -> None:
    """A recording of a drawn person who waves, to be fed slowly, as a camera would."""
    puppet = PuppetSource("wave,wave,wave,wave", pause=2.5, seed=3)
    with RecordingWriter(folder / "waving.jsonl.gz", skeleton=BLAZEPOSE_33, estimator="truth", source="room") as writer:
        for index in range(puppet.info.n_frames or 0):
            pose = puppet.truth(index)
            writer.append(index, pose.time, [pose])
    (folder / "recordings").mkdir()
    os.mkfifo(folder / "camera.jsonl")


def _feed_camera(folder: Path, process: subprocess.Popen[str]) -> None:
    lines = gzip.decompress((folder / "waving.jsonl.gz").read_bytes()).splitlines(keepends=True)
    try:
        with (folder / "camera.jsonl").open("wb", buffering=0) as camera:
            for number, line in enumerate(lines[:-1]):
                camera.write(line)
                if number % 10 == 0:
                    time.sleep(0.02)
            process.wait()
    except BrokenPipeError:
        pass


def _check_record(folder: Path, told: str) -> str:
    announced = re.findall(r"^([0-9a-f]{8}) .*\n", told, flags=re.M)
    with TemplateLibrary.open(folder / "library.sqlite") as library:
        kept = [template.id[:8] for template in library.templates()]
    if missing := set(announced) - set(kept):
        return f"takes were announced and are gone: {missing}"
    for path in (folder / "recordings").iterdir():
        frames = load_recording(path).frames if path.stat().st_size else ()
        if [frame.index for frame in frames] != list(range(len(frames))):
            return f"{path.name} has gaps"
    return ""


def _check_live(folder: Path, told: str) -> str:
    """At live pace frames may be dropped, but every action was told after its poses had been kept."""
    events = [json.loads(line) for line in told.splitlines(keepends=True) if line.endswith("\n")]
    path = folder / "recordings" / "live.jsonl.gz"
    frames = load_recording(path).frames if path.exists() and path.stat().st_size else ()
    last = frames[-1].time if frames else 0.0
    return "".join(f"the recording ends at {last} before {event}. " for event in events if event["end_time"] > last)


def _prepare_live(folder: Path) -> None:
    _prepare_camera(folder)
    with TemplateLibrary.open(folder / "library.sqlite") as library:
        puppet = PuppetSource("wave", body=1)
        poses = [puppet.truth(i) for i in range(puppet.info.n_frames or 0)]
        library.add(Template.from_sequence("wave", type(_TAKES[0].sequence).from_poses(poses)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What is killed.

    Parameters
    ----------
    prepare : callable
        Fills a folder.
    command : tuple of str
        Arguments of Python, run in the folder.
    check : callable
        Takes the folder and what was printed; returns what was lost.
    latest_s : float
        How long after its first sign of life it is killed at the latest.
    feed : callable, optional
        Runs beside the process.
    """

    prepare: Callable[[Path], object]
    command: tuple[str, ...]
    check: Callable[[Path, str], str]
    latest_s: float
    feed: Callable[[Path, subprocess.Popen[str]], object] | None = None


_ACTIONPOSE = ("-m", "actionpose")

SCENARIOS = {
    "changes": Scenario(
        prepare=lambda folder: TemplateLibrary.open(folder / "library.sqlite").close(),
        command=("-c", "from tests.fuzz.kills import _change_library; _change_library(0)"),
        check=_check_changes,
        latest_s=1.5,
    ),
    "export": Scenario(
        prepare=_prepare_export,
        command=(*_ACTIONPOSE, "templates", "export", "./shared/", "--library", "library.sqlite"),
        check=_check_export,
        latest_s=2.5,
    ),
    "record": Scenario(
        prepare=_prepare_camera,
        command=(*_ACTIONPOSE, "record", "wave", "--source", "camera.jsonl", "--takes", "9", "--countdown", "0",
                 "--library", "library.sqlite"),
        check=_check_record,
        latest_s=4.0,
        feed=_feed_camera,
    ),
    "live": Scenario(
        prepare=_prepare_live,
        command=(*_ACTIONPOSE, "live", "camera.jsonl", "--library", "library.sqlite", "--record",
                 "recordings/live.jsonl.gz"),
        check=_check_live,
        latest_s=4.0,
        feed=_feed_camera,
    ),
}  # fmt: skip


def run_kills(numbers: range, *, seed: int, on_kill: Callable[[], None] = lambda: None) -> tuple[list[Loss], int]:
    """Kill a process for each number, scenarios in turn; return what was lost, and how many were killed at work."""
    losses: list[Loss] = []
    n_at_work = 0
    for number in numbers:
        name = list(SCENARIOS)[number % len(SCENARIOS)]
        rng = random.Random(f"{seed} {number}")
        with tempfile.TemporaryDirectory() as folder, _lost(losses, number, name):
            told, is_at_work = _kill_one(SCENARIOS[name], Path(folder), rng)
            n_at_work += is_at_work
            if what := SCENARIOS[name].check(Path(folder), told):
                losses.append(Loss(number, name, what))
        on_kill()
    return losses, n_at_work


@contextmanager
def _lost(losses: list[Loss], number: int, name: str) -> Iterator[None]:
    """Take an exception of a check for a loss too: what is there cannot be read."""
    try:
        yield
    except Exception as error:
        losses.append(Loss(number, name, f"{type(error).__name__}: {error}"))


def _kill_one(scenario: Scenario, folder: Path, rng: random.Random) -> tuple[str, bool]:
    """Return what a process printed until it was killed, and whether that ended it."""
    scenario.prepare(folder)
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, *scenario.command],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        told: list[str] = []
        reading = threading.Thread(target=_read_all, args=(process.stdout, told))
        reading.start()
        if scenario.feed:
            threading.Thread(target=scenario.feed, args=(folder, process), daemon=True).start()
        _await_start(process, folder)
        time.sleep(rng.uniform(0, scenario.latest_s))
        process.send_signal(signal.SIGKILL)
        process.wait()
        reading.join()
    return "".join(told), process.returncode == -signal.SIGKILL


def _read_all(stream: IO[str], told: list[str]) -> None:
    for text in stream:
        told.append(text)


def _await_start(process: subprocess.Popen[str], folder: Path) -> None:
    """Wait until something in the folder changes: before that there is nothing to lose."""
    before = _snapshot(folder)
    while process.poll() is None and _snapshot(folder) == before:
        time.sleep(0.01)


def _snapshot(folder: Path) -> list[tuple[str, int, int]]:
    found = []
    for path in sorted(folder.rglob("*")):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        found.append((str(path), status.st_size, status.st_mtime_ns if path.is_file() else 0))
    return found


@click.command()
@click.option("--kills", default=100, show_default=True, help="How many processes to kill.")
@click.option("--seed", default=0, show_default=True, help="What the moments are drawn from.")
def main(kills: int, seed: int) -> None:
    """Say what was lost."""
    with click.progressbar(length=kills, label="killing", file=sys.stderr) as bar:
        losses, n_at_work = run_kills(range(kills), seed=seed, on_kill=lambda: bar.update(1))
    for loss in losses:
        print(f"{loss.number:4d}  {loss.scenario:8s} {loss.what}")
    print(f"{len(losses)} of {kills} kills lost something, {n_at_work} of them amid work (seed {seed})")
    sys.exit(bool(losses))


if __name__ == "__main__":
    main()
