"""The puppet: a source like any other, and truth like no other."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionpose.errors import SourceError
from actionpose.skeleton import BLAZEPOSE_33
from actionpose.sources.base import Source
from actionpose.sources.puppet import PuppetSource, parse_puppet
from actionpose.sources.puppet_body import make_body
from actionpose.sources.puppet_moves import ACTIONS, IDLE, PARTS

ACTIVE = [name for name in ACTIONS if name != IDLE]
SMALL = (128, 96)


def keypoint(puppet: PuppetSource, index: int, name: str) -> np.ndarray:
    return puppet.truth(index).position[BLAZEPOSE_33.index(name)]


def frames_of(puppet: PuppetSource, label: str) -> range:
    start, end = next((start, end) for name, start, end in puppet.spans if name == label)
    return range(int(start * puppet.info.rate_hz), int(end * puppet.info.rate_hz))


def test_it_is_a_source() -> None:
    puppet = PuppetSource("wave", size=SMALL, rate_hz=10)
    assert isinstance(puppet, Source)
    assert not puppet.info.is_live
    frames = []
    with puppet:
        assert puppet.status == "running"
        while (frame := puppet.read()) is not None:
            frames.append(frame)
    assert [f.index for f in frames] == list(range(puppet.info.n_frames or 0))
    assert frames[7].time == pytest.approx(0.7)
    assert frames[0].image is not None
    assert frames[0].image.shape == (96, 128, 3)
    assert frames[0].image.dtype == np.uint8
    assert puppet.status == "ended"
    assert puppet.notes == ()


def test_closing_ends_it() -> None:
    puppet = PuppetSource("idle", size=SMALL)
    puppet.close()
    puppet.close()
    assert puppet.read() is None
    assert puppet.status == "ended"


def test_the_same_arguments_give_the_same_pictures() -> None:
    once, again = (PuppetSource("clap", body=4, seed=9, size=SMALL) for _ in range(2))
    for _ in range(5):
        assert np.array_equal(once.read().image, again.read().image)  # type: ignore[union-attr]


@pytest.mark.parametrize("changed", [{"body": 1}, {"seed": 1}, {"speed": 1.5}])
def test_other_arguments_give_another_performance(changed: dict[str, float]) -> None:
    plain, other = PuppetSource("clap", size=SMALL), PuppetSource("clap", size=SMALL, **changed)  # type: ignore[arg-type]
    assert plain.spans != other.spans


def test_bodies_differ() -> None:
    bodies = [make_body(number) for number in range(12)]
    assert make_body(3) == bodies[3]
    assert len({body.torso for body in bodies}) == 12
    assert len({(body.shirt, body.trousers, body.skin, body.hair) for body in bodies}) > 8


def test_frame_rate_changes_the_sampling_and_not_the_performance() -> None:
    fast, slow = (PuppetSource("wave,squat", size=SMALL, rate_hz=rate) for rate in (30, 10))
    assert fast.spans == slow.spans
    for index in range(0, slow.info.n_frames or 0, 7):
        np.testing.assert_allclose(slow.truth(index).position, fast.truth(3 * index).position, atol=1e-12)


def test_a_script_is_performed_once_and_in_order() -> None:
    puppet = PuppetSource("wave,idle,clap", size=SMALL)
    assert [label for label, _, _ in puppet.spans] == ["wave", "clap"]
    assert puppet.spans[1][1] - puppet.spans[0][2] > 2.0
    assert (puppet.info.n_frames or 0) / 30 > puppet.spans[-1][2]


def test_seconds_repeat_the_script_in_random_order() -> None:
    puppet = PuppetSource("wave,clap,squat,idle", seconds=60, size=SMALL)
    labels = [label for label, _, _ in puppet.spans]
    assert puppet.info.n_frames == 1800
    assert {labels.count(name) for name in ("wave", "clap", "squat")} <= {4, 5, 6, 7}
    assert sorted(labels[:3]) == ["clap", "squat", "wave"]
    assert puppet.spans[-1][2] <= 60


def test_a_script_of_idling_has_no_spans() -> None:
    assert PuppetSource("idle", seconds=5, pause=0, size=SMALL).spans == []


@given(seed=st.integers(0, 10_000), body=st.integers(0, 50), speed=st.floats(0.5, 2), pause=st.floats(0.1, 3))
@settings(deadline=None, max_examples=25)
def test_spans_are_in_order_and_apart(seed: int, body: int, speed: float, pause: float) -> None:
    puppet = PuppetSource(ACTIVE, body=body, seed=seed, speed=speed, pause=pause, size=(64, 64))
    edges = [edge for _, start, end in puppet.spans for edge in (start, end)]
    assert [label for label, _, _ in puppet.spans] == ACTIVE
    assert all(a < b for a, b in pairwise(edges))


@given(
    action=st.sampled_from(sorted(ACTIONS)), seed=st.integers(0, 1000), body=st.integers(0, 50), part=st.floats(0, 1)
)
@settings(deadline=None, max_examples=60)
def test_limbs_keep_their_length_and_the_hips_are_the_origin(action: str, seed: int, body: int, part: float) -> None:
    puppet, person = PuppetSource(action, body=body, seed=seed, size=(64, 64)), make_body(body)
    position = puppet.truth(round(part * (puppet.info.n_frames or 0))).position
    assert np.isfinite(position).all()
    at = dict(zip(BLAZEPOSE_33.keypoints, position, strict=True))
    np.testing.assert_allclose(at["left_hip"] + at["right_hip"], 0, atol=1e-9)
    for side in ("left", "right"):
        for a, b, length in (
            ("shoulder", "elbow", person.upper_arm),
            ("elbow", "wrist", person.forearm),
            ("hip", "knee", person.thigh),
            ("knee", "ankle", person.shin),
        ):
            assert np.linalg.norm(at[f"{side}_{a}"] - at[f"{side}_{b}"]) == pytest.approx(length)


@pytest.mark.parametrize("action", ACTIVE)
@pytest.mark.parametrize("size", [(640, 480), (480, 640)])
def test_it_stays_in_the_picture_and_moves_without_jumps(action: str, size: tuple[int, int]) -> None:
    puppet = PuppetSource(action, body=3, seed=2, size=size, rate_hz=15)
    poses = [puppet.truth(index) for index in range(puppet.info.n_frames or 0)]
    pixels = np.stack([pose.image_position for pose in poses])
    assert pixels.min() > 0
    assert (pixels.max(axis=(0, 1)) < size).all()
    speed = np.linalg.norm(np.diff(pixels, axis=0), axis=2) / puppet._camera.px_per_m * 15
    assert 0.3 < speed.max() < 9  # m/s: a person, not a machine


def test_axes_are_those_of_mediapipe() -> None:
    puppet = PuppetSource("punch", size=SMALL)
    first = puppet.truth(0)
    at = dict(zip(BLAZEPOSE_33.keypoints, first.position, strict=True))
    assert at["left_shoulder"][0] > 0.1 > -0.1 > at["right_shoulder"][0]
    assert at["nose"][1] < at["left_shoulder"][1] < 0 < at["left_knee"][1] < at["left_ankle"][1]
    assert at["nose"][2] < at["left_ear"][2]  # it faces the camera
    assert min(keypoint(puppet, i, "right_wrist")[2] for i in frames_of(puppet, "punch")) < -0.4
    assert first.image_position is not None
    assert first.image_position[:, 0].mean() == pytest.approx(64, abs=4)


def test_actions_do_what_they_are_called() -> None:
    puppet = PuppetSource("raise_both_arms,clap,squat,wave,side_bend,kick,bow,jumping_jack", size=SMALL)

    def over(label: str, name: str, axis: int) -> np.ndarray:
        return np.array([keypoint(puppet, i, name)[axis] for i in frames_of(puppet, label)])

    for side in ("left", "right"):
        assert over("raise_both_arms", f"{side}_wrist", 1).min() < over("raise_both_arms", "nose", 1).min()
    gap = over("clap", "left_index", 0) - over("clap", "right_index", 0)
    assert gap.min() == pytest.approx(0, abs=0.12)
    assert np.sum((gap[1:-1] < gap[:-2]) & (gap[1:-1] <= gap[2:]) & (gap[1:-1] < 0.2)) == 3
    assert over("squat", "left_ankle", 1).min() < 0.7 * over("squat", "left_ankle", 1).max()
    assert over("wave", "right_wrist", 1).min() < -0.5 < -0.1 < over("wave", "left_wrist", 1).min()
    assert over("side_bend", "nose", 0).max() > 0.2
    assert over("kick", "right_ankle", 2).min() < -0.4
    assert over("bow", "nose", 2).min() < -0.4
    feet = over("jumping_jack", "left_ankle", 0) - over("jumping_jack", "right_ankle", 0)
    assert np.ptp(feet) > 0.35


def test_key_poses_name_parts_that_exist() -> None:
    sided = {part.split("_", 1)[1] for part in PARTS if part.startswith("left")}
    named = {part for keys in ACTIONS.values() for _, pose in keys for part in pose}
    assert named <= set(PARTS) | sided


def test_addresses() -> None:
    puppet = parse_puppet("puppet:wave,idle,clap?body=2&seed=3&fps=15&speed=1.3&seconds=20&size=320x240&pause=0.5")
    assert puppet.info.rate_hz == 15
    assert puppet.info.size == (320, 240)
    assert puppet.info.n_frames == 300
    assert puppet.info.name == "puppet:wave,idle,clap"
    direct = PuppetSource(["wave", "idle", "clap"], body=2, seed=3, rate_hz=15, speed=1.3, seconds=20, pause=0.5)
    assert puppet.spans == direct.spans


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("puppet:", "was given no action. It can do idle, wave"),
        ("puppet:wavee", "no action 'wavee'; did you mean 'wave'? It can do"),
        ("puppet:wave,,clap", "no action ''. It can do"),
        ("puppet:wave?sped=2", "no option 'sped'; did you mean 'speed'? Its options are body, seed"),
        ("puppet:wave?body=big", "body is a whole number, got 'big'"),
        ("puppet:wave?fps=x", "fps is a number, got 'x'"),
        ("puppet:wave?fps=0", "fps lies between 1 and 1000, got 0"),
        ("puppet:wave?speed=nan", "speed lies between 0.1 and 10, got nan"),
        ("puppet:wave?body=-1", "body lies between 0 and"),
        ("puppet:wave?size=640", "WIDTHxHEIGHT"),
        ("puppet:wave?size=640x1", "size lies between 64 and 4096, got 1"),
        ("puppet:wave?seconds=0", "seconds lies between 0.1 and 21600, got 0"),
    ],
)
def test_errors_say_what_to_write(spec: str, message: str) -> None:
    with pytest.raises(SourceError, match=re.escape(message)):
        parse_puppet(spec)
