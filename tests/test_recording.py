"""Recordings survive what happens to files: cuts, full disks, and lines that are not what they claim."""

from __future__ import annotations

import contextlib
import gzip
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionpose.errors import InvalidDataError, RecordingError
from actionpose.pose import MAX_TIME_S, Pose
from actionpose.recording import (
    RecordingReader,
    RecordingWriter,
    SkeletonRecord,
    iter_recording,
    load_recording,
)
from actionpose.skeleton import STANDARD_SKELETONS, UPPER_BODY_6, Skeleton

SUFFIXES = [".jsonl", ".jsonl.gz"]


def make_pose(time: float, *, seed: int = 0, track_id: int = 0, n_dims: int = 3) -> Pose:
    rng = np.random.default_rng(seed)
    position = rng.normal(size=(6, n_dims))
    position[rng.integers(6)] = np.nan
    return Pose(
        skeleton=UPPER_BODY_6,
        time=time,
        position=position,
        confidence=rng.random(6),
        image_position=rng.normal(size=(6, 2)) * 100 if seed % 2 else None,
        track_id=track_id,
    )


def write(path: Path, n_frames: int = 4) -> Path:
    with RecordingWriter(
        path, skeleton=UPPER_BODY_6, estimator="none", source="test", rate_hz=30.0, size=(64, 48)
    ) as writer:
        for i in range(n_frames):
            writer.append(i, i / 30, [make_pose(i / 30, seed=i)])
    return path


def assert_same_pose(a: Pose, b: Pose) -> None:
    assert (a.skeleton, a.time, a.track_id) == (b.skeleton, b.time, b.track_id)
    np.testing.assert_array_equal(a.position, b.position)
    np.testing.assert_array_equal(a.confidence, b.confidence)
    assert (a.image_position is None) == (b.image_position is None)
    if a.image_position is not None and b.image_position is not None:
        np.testing.assert_array_equal(a.image_position, b.image_position)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_round_trip_is_exact(tmp_path: Path, suffix: str) -> None:
    recording = load_recording(write(tmp_path / f"new/folder/r{suffix}"))
    assert recording.is_complete
    assert recording.header.skeleton == UPPER_BODY_6
    assert recording.header.size == (64, 48)
    assert recording.header.created.tzinfo is not None
    assert [frame.index for frame in recording.frames] == [0, 1, 2, 3]
    for i, frame in enumerate(recording.frames):
        assert frame.image is None
        assert frame.poses is not None
        assert_same_pose(frame.poses[0], make_pose(i / 30, seed=i))


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=False), min_size=12, max_size=12),
    st.floats(-MAX_TIME_S, MAX_TIME_S),
)
def test_every_float_round_trips(tmp_path_factory: pytest.TempPathFactory, values: list[float], time: float) -> None:
    pose = Pose(skeleton=UPPER_BODY_6, time=time, position=np.reshape(values, (6, 2)))
    path = tmp_path_factory.mktemp("floats") / "r.jsonl"
    with RecordingWriter(path, skeleton=UPPER_BODY_6, estimator="", source="") as writer:
        writer.append(0, time, [pose])
    (frame,) = iter_recording(path)
    assert frame.poses is not None
    assert_same_pose(frame.poses[0], pose)


@pytest.mark.parametrize("skeleton", STANDARD_SKELETONS.values(), ids=lambda s: s.name)
def test_skeletons_round_trip(skeleton: Skeleton) -> None:
    text = msgspec.json.encode(SkeletonRecord.from_skeleton(skeleton))
    assert msgspec.json.decode(text, type=SkeletonRecord).to_skeleton() == skeleton


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_cut_at_any_byte_loads_up_to_the_last_whole_line(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"r{suffix}", n_frames=2)
    whole = load_recording(path).frames
    n_frames = []
    for n_bytes in reversed(range(path.stat().st_size)):
        os.truncate(path, n_bytes)
        try:
            recording = load_recording(path)
        except RecordingError:
            n_frames.append(-1)
            continue
        n_frames.append(len(recording.frames))
        for frame, original in zip(recording.frames, whole, strict=False):
            assert frame.poses is not None
            assert original.poses is not None
            assert_same_pose(frame.poses[0], original.poses[0])
    assert n_frames == sorted(n_frames, reverse=True)
    assert set(n_frames) == {2, 1, 0, -1}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_zeros_after_a_power_loss_are_a_cut(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"r{suffix}"
    writer = RecordingWriter(path, skeleton=UPPER_BODY_6, estimator="", source="")
    for i in range(20):
        writer.append(i, float(i), [make_pose(float(i), seed=i)])
    path.write_bytes(path.read_bytes() + bytes(5000))
    recording = load_recording(path)
    writer.close()
    assert len(recording.frames) >= 18
    assert not recording.is_complete


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_killed_process_loses_no_appended_frame(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"r{suffix}"
    script = f"""
import os, signal
from actionpose.recording import RecordingWriter
from actionpose.skeleton import UPPER_BODY_6
writer = RecordingWriter({str(path)!r}, skeleton=UPPER_BODY_6, estimator="", source="")
for i in range(50):
    writer.append(i, i / 10, [])
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -signal.SIGKILL
    recording = load_recording(path)
    assert len(recording.frames) == 50
    assert not recording.is_complete


def test_compressed_recordings_are_ordinary_gzip(tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl.gz")
    assert gzip.decompress(path.read_bytes()).count(b"\n") == 6


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_full_disk_keeps_what_was_written(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"r{suffix}"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    writer = RecordingWriter(path, skeleton=UPPER_BODY_6, estimator="", source="")
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    try:
        with pytest.raises(RecordingError, match="keeps the") as caught:  # noqa: PT012
            for i in range(1000):
                writer.append(i, float(i), [make_pose(float(i), seed=i)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "disk space" in caught.value.hint
    recording = load_recording(path)
    assert 0 < len(recording.frames) == writer.n_frames
    writer.close()
    with pytest.raises(RecordingError, match="closed"):
        writer.append(5000, 5000.0, [])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_interrupted_anywhere_keeps_whole_lines(tmp_path: Path, suffix: str) -> None:
    for n_events in range(1, 200, 7):
        path = tmp_path / f"{n_events}{suffix}"
        writer = RecordingWriter(path, skeleton=UPPER_BODY_6, estimator="", source="")
        countdown = iter(range(n_events))

        def interrupt(*_: object, countdown: Iterator[int] = countdown) -> object:
            if next(countdown, None) is None:
                sys.settrace(None)
                raise KeyboardInterrupt
            return interrupt

        tracing = sys.gettrace()
        with contextlib.suppress(KeyboardInterrupt), writer:
            sys.settrace(interrupt)
            for i in range(40):
                writer.append(i, float(i), [])
        sys.settrace(tracing)
        frames = load_recording(path).frames
        assert [frame.index for frame in frames] == list(range(len(frames)))
        assert len(frames) >= writer.n_frames


def test_never_written_over(tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl")
    before = path.read_bytes()
    with pytest.raises(RecordingError, match="exists already"):
        RecordingWriter(path, skeleton=UPPER_BODY_6, estimator="", source="")
    assert path.read_bytes() == before


def test_writing_into_a_file_as_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RecordingError, match="Cannot create"):
        RecordingWriter(tmp_path / "file/r.jsonl", skeleton=UPPER_BODY_6, estimator="", source="")


@pytest.mark.parametrize(("index", "time"), [(0, 5.0), (2, 0.0), (2, float("nan")), (2, float("inf"))])
def test_frames_must_come_in_order(tmp_path: Path, index: int, time: float) -> None:
    with RecordingWriter(tmp_path / "r.jsonl", skeleton=UPPER_BODY_6, estimator="", source="") as writer:
        writer.append(0, 0.0, [])
        with pytest.raises(InvalidDataError, match="in order"):
            writer.append(index, time, [])


def test_a_pose_of_another_skeleton_is_refused(tmp_path: Path) -> None:
    other = Skeleton(name="stick", keypoints=("a", "b"), edges=(("a", "b"),))
    writer = RecordingWriter(tmp_path / "r.jsonl", skeleton=UPPER_BODY_6, estimator="", source="")
    with writer, pytest.raises(InvalidDataError, match="stick"):
        writer.append(0, 0.0, [Pose.missing(other, 0.0)])


def test_sequences_fill_the_frames_between_with_nan(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with RecordingWriter(path, skeleton=UPPER_BODY_6, estimator="", source="") as writer:
        for i, track_ids in enumerate([(), (7,), (), (7, 3), (3,)]):
            poses = [make_pose(float(i), seed=i, track_id=t, n_dims=2 + (t == 3)) for t in track_ids]
            writer.append(i, float(i), poses)
    sequences = load_recording(path).sequences()
    assert list(sequences) == [3, 7]
    np.testing.assert_array_equal(sequences[7].time, [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(sequences[7].position[2], make_pose(3.0, seed=3, n_dims=2).position)
    assert np.isnan(sequences[7].position[1]).all()
    assert sequences[3].position.shape == (2, 6, 3)


def test_closing_a_reader_ends_it(tmp_path: Path) -> None:
    reader = RecordingReader(write(tmp_path / "r.jsonl"))
    next(reader)
    reader.close()
    reader.close()
    assert list(reader) == []


FRAME = '{"type":"frame","index":%d,"time":%s,"poses":[%s]}'
POSE = '{"track_id":0,"position":%s,"confidence":[1,1,1,1,1,1],"image_position":null}'


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("hello", "malformed"),
        ("", "truncated"),
        ("[1,2]", "object"),
        ("\x00\x01", "malformed"),
        ('{"type":"frame","index":9,"time":9.0}', "poses"),
        ('{"type":"frame","index":9,"time":9.0,"poses":[],"more":1}', "more"),
        ('{"type":"surprise"}', "surprise"),
        (FRAME % (9, "1e999", ""), "range"),
        (FRAME % (9, "null", ""), "float"),
        (FRAME % (9, "0.0", ""), "greater"),
        (FRAME % (0, "9.0", ""), "greater"),
        (FRAME % (-1, "9.0", ""), ">= 0"),
        (FRAME % (9, "9.0", POSE % "[[1,2]]"), "shape"),
        (FRAME % (9, "9.0", POSE % "[[1,2],[1,2],[1,2],[1,2],[1,2],[1]]"), "differ in length"),
        (FRAME % (9, "9.0", POSE % "[]"), "shape"),
        (FRAME % (9, "9.0", POSE % ("[" * 100_000)), "float|array|nested"),
        ('{"type":"frame","x":' + "[" * 100_000, "x|nested"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, reason: str) -> None:
    path = write(tmp_path / "r.jsonl")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:3], line, *lines[3:]]) + "\n")
    with pytest.raises(RecordingError, match=f"line 4: .*({reason})"):
        load_recording(path)


def test_a_line_without_end_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl.gz"
    path.write_bytes(gzip.compress(write(tmp_path / "r.jsonl").read_bytes() + bytes(100 * 2**20), 1))
    with pytest.raises(RecordingError, match=r"line 7: longer than 16 MiB"):
        load_recording(path)


def test_a_missing_line_makes_it_incomplete(tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:2] + lines[3:]))
    recording = load_recording(path)
    assert len(recording.frames) == 3
    assert not recording.is_complete


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 100, b"hello\n", b"{}\n", b"\xff\xfe\n", b"[" * 10_000 + b"\n", b"\x1f\x8b\x08junk"],
)
def test_other_files_are_not_recordings(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=r"not a recording|empty"):
        load_recording(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="No such file"):
        load_recording(tmp_path / "none.jsonl")
    with pytest.raises(RecordingError, match="directory"):
        load_recording(tmp_path)


def test_a_newer_version_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl")
    path.write_text(path.read_text().replace('"version":1', '"version":2,"novelty":true'))
    with pytest.raises(RecordingError, match=r"version 2.*Update"):
        load_recording(path)


def test_a_header_of_a_million_names_is_refused_at_once(tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl")
    names = ",".join(f'"{i}"' for i in range(1_000_000))
    path.write_text(path.read_text().replace('"keypoints":[', f'"keypoints":[{names},'))
    with pytest.raises(RecordingError, match="not a recording"):
        load_recording(path)


@pytest.mark.parametrize("with_pose", [False, True])
def test_a_time_that_cannot_be_one_is_told_with_its_line(tmp_path: Path, with_pose: bool) -> None:
    path = write(tmp_path / "a.jsonl")
    lines = path.read_text().splitlines()
    line = msgspec.json.decode(lines[3])
    line["time"] *= 1e300
    line["poses"] = line["poses"] if with_pose else []
    path.write_text("\n".join([*lines[:3], msgspec.json.encode(line).decode(), *lines[4:]]) + "\n")
    with pytest.raises(RecordingError, match="line 4: time must be a finite number of seconds"):
        load_recording(path)


@pytest.mark.parametrize("time", [1e300, -1e300, float("nan")])
def test_such_a_time_is_not_written(tmp_path: Path, time: float) -> None:
    with RecordingWriter(tmp_path / "a.jsonl", skeleton=UPPER_BODY_6, estimator="none", source="test") as writer:
        with pytest.raises(InvalidDataError, match="at times up to"):
            writer.append(0, time, [])
        writer.append(0, 1.7e9, [])
    assert load_recording(tmp_path / "a.jsonl").frames[0].time == 1.7e9
