"""Head pose: signs, recovery of every turn, and what is missing."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionpose.errors import InvalidDataError
from actionpose.estimators import head_pose
from actionpose.estimators.head_pose import compute_head_pose
from actionpose.skeleton import BLAZEPOSE_33, COCO_17, UPPER_BODY_6, Skeleton

SIZE = (640, 480)


def turn(axis: int, angle: float) -> np.ndarray:
    vector = np.zeros(3)
    vector[axis] = angle
    return cv2.Rodrigues(vector)[0]


def face(yaw: float, pitch: float, roll: float, *, skeleton: Skeleton = BLAZEPOSE_33, away: float = 0.8) -> np.ndarray:
    """A mean head before a camera that sees 60 degrees."""
    rotation = turn(1, yaw) @ turn(0, -pitch) @ turn(2, roll)
    position = np.full((skeleton.n_keypoints, 2), np.nan)
    for name, place in head_pose._MODEL.items():
        if name in skeleton.keypoints:
            x, y, z = rotation @ np.array(place) + [0.05, 0.02, away]
            focal = SIZE[0] / 2 / np.tan(np.pi / 6)
            position[skeleton.index(name)] = x / z * focal + SIZE[0] / 2, y / z * focal + SIZE[1] / 2
    return position


angle = st.floats(-0.9, 0.9)


@given(angle, angle, angle, st.sampled_from([BLAZEPOSE_33, COCO_17]))
def test_every_turn_is_recovered(yaw: float, pitch: float, roll: float, skeleton: Skeleton) -> None:
    found = compute_head_pose(face(yaw, pitch, roll, skeleton=skeleton), skeleton, size=SIZE)
    assert found is not None
    assert (found.yaw, found.pitch, found.roll) == pytest.approx((yaw, pitch, roll), abs=1e-3)


def test_signs_are_those_that_are_promised() -> None:
    index = BLAZEPOSE_33.index
    still = face(0, 0, 0)
    left, up, lean = face(-0.3, 0, 0), face(0, 0.3, 0), face(0, 0, 0.3)
    assert left[index("nose"), 0] > still[index("nose"), 0]  # to the person's left is to the picture's right
    assert up[index("nose"), 1] < still[index("nose"), 1]
    assert lean[index("left_ear"), 1] > lean[index("right_ear"), 1]


@given(angle, angle, st.integers(0, 1000))
def test_noise_of_a_pixel_turns_it_little(yaw: float, roll: float, seed: int) -> None:
    noise = np.random.default_rng(seed).normal(size=(33, 2))
    found = compute_head_pose(face(yaw, 0, roll, away=0.5) + noise, BLAZEPOSE_33, size=SIZE)
    assert found is not None
    assert abs(found.yaw - yaw) < 0.25
    assert abs(found.roll - roll) < 0.25


def test_a_hidden_face_has_no_pose() -> None:
    position = face(0, 0, 0)
    position[
        BLAZEPOSE_33.indices(["nose", "left_ear", "right_ear", "left_eye", "right_eye", "mouth_left", "mouth_right"])
    ] = np.nan
    assert compute_head_pose(position, BLAZEPOSE_33, size=SIZE) is None


def test_a_skeleton_without_a_face_is_refused() -> None:
    with pytest.raises(InvalidDataError, match="has 0 keypoints of a face"):
        compute_head_pose(np.zeros((6, 2)), UPPER_BODY_6, size=SIZE)
    with pytest.raises(InvalidDataError, match=r"must have shape \(33, 2\)"):
        compute_head_pose(np.zeros((6, 2)), BLAZEPOSE_33, size=SIZE)
