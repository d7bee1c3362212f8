"""Adapters of research data, on small files of the same form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from actionpose.datasets import DATASETS, load_dataset, options_of
from actionpose.datasets.jk2017 import LEAP_21, load_jk2017
from actionpose.datasets.kinect import KINECT_20, KINECT_21
from actionpose.datasets.msr import MSR_20
from actionpose.datasets.natops import NATOPS_8
from actionpose.errors import InvalidDataError
from actionpose.evaluation import ClipSet, Stream
from actionpose.skeleton import Skeleton

random = np.random.default_rng(0)


@pytest.mark.parametrize("skeleton", [KINECT_20, KINECT_21, LEAP_21, MSR_20, NATOPS_8])
def test_every_keypoint_hangs_on_an_edge(skeleton: Skeleton) -> None:
    assert {name for edge in skeleton.edges for name in edge} == set(skeleton.keypoints)
    assert skeleton.angles


def test_an_option_of_another_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataError, match="natops has no option users"):
        load_dataset(f"natops:{tmp_path}", users=("1",))
    with pytest.raises(InvalidDataError, match="no data set 'nosuch'"):
        load_dataset("nosuch:x")
    assert options_of("signs") == ("axes", "shots", "draws", "seed")


@pytest.mark.parametrize("name", DATASETS)
def test_what_is_not_there_or_something_else_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidDataError, match=r"holds no|no file"):
        load_dataset(f"{name}:{tmp_path / 'nothing'}")
    other = tmp_path / {"jk2017": "user_1.npz", "utkinect": "s01_e01.npz"}.get(name, "other.npz")
    path = tmp_path if name in ("jk2017", "utkinect") else other
    np.savez(other, something=np.zeros(3))
    with pytest.raises(InvalidDataError, match="it has no array"):
        load_dataset(f"{name}:{path}")
    other.write_text("not arrays")
    with pytest.raises(InvalidDataError, match=r"not a whole \.npz file"):
        load_dataset(f"{name}:{path}")


def test_arrays_that_would_run_code_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "natops.npz"
    np.savez(path, train=np.array([{"a": 1}], dtype=object), train_label=[], test=[], test_label=[])
    with pytest.raises(InvalidDataError, match=r"expected .* of floats, got .* of object"):
        load_dataset(f"natops:{path}")


# JK2017


def write_session(path: Path, asked: list[str], *, names: list[str]) -> None:
    """Each gesture is asked for during thirty frames; two templates of all but redrum."""
    shown = [name for name in names if name != "redrum" for _ in range(2)]
    command = np.repeat(np.arange(len(asked)), 30)
    np.savez(
        path,
        label_names=np.array(names),
        template_position=random.normal(size=(len(shown), 120, 21, 3)).astype(np.float32),
        template_label=np.array([names.index(name) for name in shown]),
        stream_position=random.normal(size=(len(command), 21, 3)).astype(np.float32),
        stream_expected=np.array([names.index(asked[i]) for i in command]),
        stream_command=command,
    )


@pytest.fixture
def sessions(tmp_path: Path) -> Path:
    names = ["jab", "kick", "redrum"]
    write_session(tmp_path / "user_1.npz", ["jab", "kick", "kick", "redrum", "jab"], names=names)
    write_session(tmp_path / "user_2.npz", ["kick", "jab"], names=names)
    write_session(tmp_path / "user_3.npz", ["kick"], names=names)
    return tmp_path


def test_requests_that_were_repeated_or_cannot_be_met_do_not_count(sessions: Path) -> None:
    first = load_jk2017(sessions)[0]
    assert [label for label, _, _ in first.truth] == ["jab", "kick", "jab"]
    starts = [start for _, start, _ in first.truth]
    np.testing.assert_allclose(starts, np.array([0, 60, 120]) / 30, atol=0.02)
    assert first.are_requests
    np.testing.assert_allclose([t.sequence.duration for t in first.templates], 1.33 * 119 / 120)
    assert first.sequence.skeleton == KINECT_21


def test_people_axes_and_shots_can_be_chosen(sessions: Path) -> None:
    (only,) = load_jk2017(sessions, users=("2",), axes="xy", shots=1)
    assert (only.name, only.unit, only.sequence.n_dims) == ("2", "2", 2)
    assert [template.label for template in only.templates] == ["jab", "kick"]
    with pytest.raises(InvalidDataError, match=r"no user 9; it has 1, 2, 3"):
        load_jk2017(sessions, users=("2", "9"))


def test_templates_of_others_go_with_every_stream_but_their_own(sessions: Path) -> None:
    streams = load_jk2017(sessions, templates="other")
    assert [stream.name for stream in streams] == ["2 by 1", "3 by 1", "1 by 2", "3 by 2", "1 by 3", "2 by 3"]
    assert [stream.unit[-1] for stream in streams] == ["1", "1", "2", "2", "3", "3"]
    assert streams[0].templates is streams[1].templates


def test_hands_are_known_by_their_gestures(tmp_path: Path) -> None:
    write_session(tmp_path / "user_300.npz", ["explode", "love"], names=["explode", "love"])
    (stream,) = load_jk2017(tmp_path)
    assert stream.sequence.skeleton == LEAP_21
    assert stream.templates[0].sequence.duration == pytest.approx(3.3 * 119 / 120)


# UTKinect


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    for name in ("s01_e01", "s01_e02", "s02_e01", "s02_e02"):
        frame = np.concatenate([np.arange(100, 200, 2), np.arange(260, 400, 2)])
        position = random.normal(size=(len(frame), 20, 3))
        position[3] = 0
        np.savez(
            tmp_path / f"{name}.npz",
            frame=frame,
            position=position,
            span_label=np.array(["walk", "wave"]),
            span_start=np.array([300, 120]),
            span_end=np.array([350, 180]),
        )
    return tmp_path


def test_each_recording_is_searched_for_what_the_other_shows(recordings: Path) -> None:
    streams = load_dataset(f"utkinect:{recordings}", background=True)
    assert [(s.name, s.unit) for s in streams if isinstance(s, Stream)] == [
        ("s01_e01", "s01"), ("s01_e02", "s01"), ("s02_e01", "s02"), ("s02_e02", "s02"),
    ]  # fmt: skip
    stream = streams[0]
    assert isinstance(stream, Stream)
    assert stream.truth == (("wave", 4.0, 6.0), ("walk", 10.0, pytest.approx(350 / 30)))
    assert [t.label for t in stream.templates] == ["wave", "walk"]
    assert [len(t.sequence) for t in stream.templates] == [30, 25]
    assert np.isnan(stream.sequence.position[3]).all()
    np.testing.assert_allclose(stream.sequence.time[[0, 50]], [100 / 30, 260 / 30])
    assert [round(part.time[0] * 30) for part in stream.background] == [100, 180, 350]
    assert not load_dataset(f"utkinect:{recordings}", users=("s02",))[0].background


# Clips


def clip_set(spec: str, **options: object) -> ClipSet:
    found = load_dataset(spec, **options)[0]
    assert isinstance(found, ClipSet)
    return found


def test_msr_is_split_by_subject(tmp_path: Path) -> None:
    length = np.full(10, 12)
    position = random.normal(size=(120, 20, 3))
    position[:12] = 0  # never tracked
    position[15, 4] = 0
    subject = np.arange(1, 11)
    np.savez(tmp_path / "msr.npz", position=position, length=length, label=np.full(10, 13), subject=subject)
    found = clip_set(f"msr:{tmp_path / 'msr.npz'}")
    assert [t.provenance["person"] for t in found.templates] == [f"subject {i}" for i in (3, 5, 7, 9)]
    assert [t.provenance["person"] for t in found.clips] == [f"subject {i}" for i in (2, 4, 6, 8, 10)]
    assert found.labels == {"bend"}
    assert np.isnan(found.clips[0].sequence.position[3, 4]).all()
    assert clip_set(f"msr:{tmp_path / 'msr.npz'}", axes="xy").clips[0].sequence.n_dims == 2


def test_natops_keeps_its_split(tmp_path: Path) -> None:
    values = random.normal(size=(4, 51, 24))
    labels = np.array(["1.0", "6.0", "1.0", "6.0"])
    np.savez(tmp_path / "n.npz", train=values, train_label=labels, test=values[:2], test_label=labels[:2])
    found = clip_set(f"natops:{tmp_path / 'n.npz'}")
    assert (len(found.templates), len(found.clips)) == (4, 2)
    assert found.labels == {"i have command", "lock wings"}
    np.testing.assert_array_equal(found.clips[0].sequence.position[0, 1], values[0, 0, 3:6])


def test_shots_are_drawn_and_never_recognised_by_themselves(tmp_path: Path) -> None:
    hand = random.normal(size=(6, 30, 21, 3))
    hand[2, 5] = 0
    np.savez(
        tmp_path / "s.npz",
        pose=np.abs(random.normal(size=(6, 30, 33, 4))),
        left_hand=hand,
        right_hand=hand,
        label=np.array(["hello"] * 3 + ["thanks"] * 3),
    )
    spec = f"signs:{tmp_path / 's.npz'}"
    draws = load_dataset(spec, shots=2, draws=5)
    assert len(draws) == 5
    for draw in draws:
        assert isinstance(draw, ClipSet)
        assert [t.label for t in draw.templates] == ["hello", "hello", "thanks", "thanks"]
        assert {t.id for t in draw.templates}.isdisjoint(c.id for c in draw.clips)
        assert len(draw.clips) == 2
    every = [*clip_set(spec).templates, *clip_set(spec).clips]
    missing = [np.isnan(clip.sequence.position[5, 33:]).all() for clip in every]
    assert sum(missing) == 1
    first, again = (
        [[t.sequence.position[0, 0, 0] for t in d.templates] for d in load_dataset(spec, seed=s)]  # type: ignore[union-attr]
        for s in (0, 0)
    )
    assert first == again
    with pytest.raises(InvalidDataError, match="more than 3 clips of every label; hello, thanks"):
        load_dataset(spec, shots=3)


def test_pose_trainer_knows_what_openpose_did_not_see(tmp_path: Path) -> None:
    keypoints = np.abs(random.normal(size=(40, 18, 3)))
    keypoints[0, 4] = 0
    np.savez(tmp_path / "p.npz", keypoints=keypoints, length=np.full(4, 10), label=["curl", "curl", "shrug", "shrug"])
    found = clip_set(f"pose-trainer:{tmp_path / 'p.npz'}")
    every = [*found.templates, *found.clips]
    assert sum(bool(np.isnan(clip.sequence.position[0, 4]).all()) for clip in every) == 1
    assert every[0].sequence.n_dims == 2
