from __future__ import annotations

import dataclasses

import pytest

from actionpose.errors import ActionposeError, InvalidDataError
from actionpose.skeleton import (
    BLAZEPOSE_33,
    COCO_17,
    HAND_21,
    OPENPOSE_18,
    STANDARD_SKELETONS,
    UPPER_BODY_6,
    Skeleton,
)

MOUSE = Skeleton(
    name="mouse",
    keypoints=["snout", "left_ear", "right_ear", "tail"],
    edges=[("snout", "left_ear"), ("snout", "right_ear"), ("snout", "tail")],
)


@pytest.mark.parametrize("skeleton", STANDARD_SKELETONS.values(), ids=lambda skeleton: skeleton.name)
def test_standard_skeletons_hang_together(skeleton: Skeleton) -> None:
    assert skeleton.n_keypoints == len(set(skeleton.keypoints)) == int(skeleton.name.rsplit("_", 1)[1])
    assert {name for edge in skeleton.edges for name in edge} == set(skeleton.keypoints) or skeleton is BLAZEPOSE_33
    assert len({frozenset(edge) for edge in skeleton.edges}) == len(skeleton.edges), "an edge is there twice"
    assert skeleton.angles
    assert all(len({a, b, c}) == 3 for a, b, c in skeleton.angles)
    assert STANDARD_SKELETONS[skeleton.name] is skeleton


@pytest.mark.parametrize("skeleton", STANDARD_SKELETONS.values(), ids=lambda skeleton: skeleton.name)
def test_mirror_order_undoes_itself(skeleton: Skeleton) -> None:
    order = skeleton.mirror_order()
    assert [order[i] for i in order] == list(range(skeleton.n_keypoints))


@pytest.mark.parametrize(
    ("skeleton", "root", "scale"),
    [
        (BLAZEPOSE_33, ("left_shoulder", "right_shoulder"), ("left_shoulder", "left_hip")),
        (COCO_17, ("left_shoulder", "right_shoulder"), ("left_shoulder", "left_hip")),
        (OPENPOSE_18, ("left_shoulder", "right_shoulder"), ("left_shoulder", "left_hip")),
        (UPPER_BODY_6, ("left_shoulder", "right_shoulder"), ("left_shoulder", "right_shoulder")),
        (HAND_21, ("wrist",), ("wrist", "middle_1")),
        (MOUSE, tuple(MOUSE.keypoints), ("snout", "left_ear")),
    ],
    ids=lambda value: value.name if isinstance(value, Skeleton) else "",
)
def test_body_frame_defaults(skeleton: Skeleton, root: tuple[str, ...], scale: tuple[str, str]) -> None:
    assert skeleton.root == root
    assert skeleton.scale is not None
    assert skeleton.scale[0] == scale


def test_defaults_of_an_animal_come_from_names_and_edges() -> None:
    assert MOUSE.symmetry == (("left_ear", "right_ear"),)
    assert MOUSE.scale == MOUSE.edges
    assert MOUSE.angles is not None
    assert {frozenset(angle) for angle in MOUSE.angles} == {
        frozenset(("left_ear", "snout", "right_ear")),
        frozenset(("left_ear", "snout", "tail")),
        frozenset(("right_ear", "snout", "tail")),
    }
    assert all(vertex == "snout" for _, vertex, _ in MOUSE.angles)


@pytest.mark.parametrize("n_edges", [1, 2, 3, 4])
def test_default_angles_skip_ends_and_hubs(n_edges: int) -> None:
    tips = [f"tip_{i}" for i in range(n_edges)]
    star = Skeleton(name="star", keypoints=["hub", *tips], edges=[("hub", tip) for tip in tips])
    assert len(star.angles or ()) == {1: 0, 2: 1, 3: 3, 4: 0}[n_edges]


def test_a_skeleton_without_edges_has_a_scale() -> None:
    assert Skeleton(name="dots", keypoints=["a", "b", "c"]).scale == (("a", "b"), ("a", "c"))
    assert Skeleton(name="dot", keypoints=["a"]).scale == (("a", "a"),)


def test_what_is_given_is_kept_and_frozen() -> None:
    own = Skeleton(
        name="own", keypoints=["a", "b", "c"], symmetry=[("a", "c")], root=["b"], scale=[("a", "c")],
        angles=[("a", "b", "c")],
    )  # fmt: skip
    assert (own.symmetry, own.root, own.scale, own.angles) == ((("a", "c"),), ("b",), (("a", "c"),), (("a", "b", "c"),))
    assert own.mirror_order() == [2, 1, 0]
    assert hash(own) == hash(dataclasses.replace(own))
    with pytest.raises(dataclasses.FrozenInstanceError):
        own.name = "other"  # type: ignore[misc]


def test_index_finds_keypoints_by_name() -> None:
    assert MOUSE.index("tail") == 3
    assert MOUSE.indices(["tail", "snout"]) == [3, 0]
    with pytest.raises(InvalidDataError, match=r"no keypoint 'nose'; it has snout, left_ear, right_ear, tail"):
        MOUSE.index("nose")


def test_keypoints_alone_say_whether_poses_fit() -> None:
    same = Skeleton(name="other", keypoints=MOUSE.keypoints)
    assert MOUSE.has_same_keypoints(MOUSE)
    assert MOUSE.has_same_keypoints(same)
    assert not MOUSE.has_same_keypoints(Skeleton(name="mouse", keypoints=MOUSE.keypoints[::-1]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"keypoints": []}, "at least one"),
        ({"keypoints": ["a", "b", "a"]}, "twice: a"),
        ({"edges": [("a", "x")]}, r"edges uses x, but the keypoints are a, b"),
        ({"symmetry": [("a", "x")]}, "symmetry uses x"),
        ({"root": ["x"]}, "root uses x"),
        ({"scale": [("x", "b")]}, "scale uses x"),
        ({"angles": [("a", "b", "x")]}, "angles uses x"),
    ],
)
def test_errors_name_the_field_and_the_choices(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidDataError, match=message) as caught:
        Skeleton(**{"name": "bad", "keypoints": ["a", "b"], **arguments})  # type: ignore[arg-type]
    assert isinstance(caught.value, ActionposeError)
    assert isinstance(caught.value, ValueError)
