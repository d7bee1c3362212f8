"""Recordings of a puppet's exact keypoints: the whole command line without a model or a camera."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from actionpose.cli import cli
from actionpose.pose import Pose
from actionpose.recording import RecordingWriter
from actionpose.skeleton import BLAZEPOSE_33, UPPER_BODY_6, Skeleton
from actionpose.sources.puppet import PuppetSource

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder that has templates/ and recordings/, so nothing of the user's is touched."""
    for name in ("templates", "recordings"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ACTIONPOSE_LIBRARY", raising=False)


@pytest.fixture
def run() -> Run:
    """Run the command line and check its exit code."""

    def run(*arguments: object, code: int = 0) -> Result:
        result = CliRunner().invoke(cli, [str(argument) for argument in arguments], prog_name="actionpose")
        assert result.exit_code == code, (result.exception, result.output)
        return result

    return run


@pytest.fixture
def perform(tmp_path: Path) -> Callable[..., Path]:
    """Record what a puppet does in the working folder; see `record_puppet`."""
    return lambda name, script, **options: record_puppet(tmp_path / f"{name}.jsonl.gz", script, **options)


@pytest.fixture
def taught(lesson: Path, tmp_path: Path) -> Path:
    """A library with two templates each of wave, clap and squat, where it is by default."""
    return shutil.copy(lesson / "library.sqlite", tmp_path / "templates" / "library.sqlite")


@pytest.fixture
def mixed(taught: Path, run: Run, perform: Callable[..., Path]) -> Path:
    """The same library and a wave by another model; return a wave and a clap by that one, to recognise."""
    assert taught.exists()
    perform("flat", "wave", skeleton=UPPER_BODY_6, pause=0.8)
    result = run("add", "--spans", "flat.csv")
    assert "note: 6 templates of blazepose_33 left aside: record again with this model (clap, squat)." in result.stderr
    return perform("flat-exam", "wave,clap", skeleton=UPPER_BODY_6, seed=7)


@pytest.fixture
def exam(lesson: Path) -> Path:
    """A recording of another body that claps, waves and squats."""
    return lesson / "exam.jsonl.gz"


@pytest.fixture
def drill(lesson: Path) -> Path:
    """A recording of a few seconds in which one claps and waves, to be played live."""
    return lesson / "drill.jsonl.gz"


@pytest.fixture(scope="session")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the recordings and the library are made once."""
    folder = tmp_path_factory.mktemp("lesson")
    record_puppet(folder / "lesson.jsonl.gz", "wave,clap,squat,wave,clap,squat", pause=0.8)
    record_puppet(folder / "exam.jsonl.gz", "clap,wave,squat", body=3, seed=7)
    record_puppet(folder / "drill.jsonl.gz", "clap,wave", body=3, seed=7, pause=0.3, speed=1.6)
    arguments = ["add", "--spans", str(folder / "lesson.csv"), "--library", str(folder / "library.sqlite")]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    return folder


def record_puppet(path: Path, script: str, *, skeleton: Skeleton = BLAZEPOSE_33, **options: float) -> Path:
    """Write the exact keypoints of a puppet; a CSV file of the same name holds the true spans.

    Another skeleton has some of the keypoints, where they are in the picture.
    """
    puppet = PuppetSource(script, **options)
    with RecordingWriter(path, skeleton=skeleton, estimator="truth", source="puppet", size=puppet.info.size) as writer:
        for index in range(puppet.info.n_frames):
            pose = puppet.truth(index)
            if skeleton is not BLAZEPOSE_33:
                position = pose.image_position[BLAZEPOSE_33.indices(skeleton.keypoints)]
                pose = Pose(skeleton=skeleton, time=pose.time, position=position)
            writer.append(index, pose.time, [pose])
    with path.with_name(path.name.replace(".jsonl.gz", ".csv")).open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["video", "label", "start_s", "end_s"])
        rows.writerows([path.name, label, f"{start:.3f}", f"{end:.3f}"] for label, start, end in puppet.spans)
    return path
