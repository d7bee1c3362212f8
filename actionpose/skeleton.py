"""Skeletons: which keypoints a pose has and how they hang together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from actionpose.errors import InvalidDataError

__all__ = ["BLAZEPOSE_33", "COCO_17", "HAND_21", "OPENPOSE_18", "STANDARD_SKELETONS", "UPPER_BODY_6", "Skeleton"]

# The shoulders first: at a desk they are in view and the hips are not.
_BODY_ROOTS = (
    ("left_shoulder", "right_shoulder"),
    ("neck",),
    ("left_hip", "right_hip"),
    ("pelvis",),
    ("wrist",),
    ("palm",),
)
_BODY_SCALES = (
    (("left_shoulder", "left_hip"), ("right_shoulder", "right_hip")),
    (("neck", "left_hip"), ("neck", "right_hip")),
    (("neck", "pelvis"),),
    (("left_shoulder", "right_shoulder"),),
    (("wrist", "middle_1"),),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Skeleton:
    """Keypoint names, the edges between them, and the frame a pose is measured in.

    Everything after ``edges`` has a default worked out from the names and edges, so any animal or object
    needs only those two.

    Parameters
    ----------
    name : str
        Name of the skeleton.
    keypoints : sequence of str
        K different keypoint names; their order is the order of every array.
    edges : sequence of (str, str)
        Pairs of keypoints joined by a limb.
    symmetry : sequence of (str, str), optional
        Left/right pairs, swapped when a pose is mirrored. Default: every ``left_x`` with its ``right_x``.
    root : sequence of str, optional
        Keypoints whose mean is the origin of the body frame. Default: the shoulders, neck, hips, pelvis or
        wrist, whichever the skeleton has first; else the mean of all keypoints.
    scale : sequence of (str, str), optional
        Pairs whose mean distance is the unit of length. Default: the torso; else the mean edge.
    angles : sequence of (str, str, str), optional
        Joint angles ``(a, b, c)``, measured at the vertex ``b``. Default: one for each pair of edges that
        meet in a keypoint with two or three edges.

    Raises
    ------
    InvalidDataError
        If names repeat, or a name is used that is not a keypoint.

    Examples
    --------
    >>> mouse = Skeleton(
    ...     name="mouse",
    ...     keypoints=["snout", "left_ear", "right_ear", "tail_base"],
    ...     edges=[("snout", "left_ear"), ("snout", "right_ear"), ("left_ear", "tail_base")],
    ... )
    >>> mouse.symmetry
    (('left_ear', 'right_ear'),)
    >>> mouse.angles[0]
    ('left_ear', 'snout', 'right_ear')
    """

    name: str
    keypoints: Sequence[str]
    edges: Sequence[tuple[str, str]] = ()
    symmetry: Sequence[tuple[str, str]] | None = None
    root: Sequence[str] | None = None
    scale: Sequence[tuple[str, str]] | None = None
    angles: Sequence[tuple[str, str, str]] | None = None

    def __post_init__(self) -> None:
        keypoints = tuple(self.keypoints)
        if not keypoints:
            raise InvalidDataError(f"Skeleton {self.name!r} has no keypoints; expected at least one name.")
        repeated = sorted({name for name in keypoints if keypoints.count(name) > 1})
        if repeated:
            raise InvalidDataError(f"Skeleton {self.name!r} names keypoints twice: {', '.join(repeated)}.")
        edges = _pairs(self.edges)
        known = set(keypoints)
        fixed: dict[str, tuple[object, ...]] = {
            "keypoints": keypoints,
            "edges": edges,
            "symmetry": _pairs(_default_symmetry(keypoints) if self.symmetry is None else self.symmetry),
            "root": tuple(self.root) if self.root else _default_root(keypoints),
            "scale": _pairs(self.scale) if self.scale else _default_scale(keypoints, edges),
            "angles": tuple((a, b, c) for a, b, c in self.angles)
            if self.angles is not None
            else _default_angles(edges),
        }
        for field, value in fixed.items():
            used = {name for item in value for name in ((item,) if isinstance(item, str) else item)}  # type: ignore[attr-defined]
            if not used <= known:
                raise InvalidDataError(
                    f"Skeleton {self.name!r}: {field} uses {', '.join(sorted(used - known))}, "
                    f"but the keypoints are {', '.join(keypoints)}."
                )
            object.__setattr__(self, field, value)

    @property
    def n_keypoints(self) -> int:
        """K, the number of keypoints."""
        return len(self.keypoints)

    def has_same_keypoints(self, other: Skeleton) -> bool:
        """Whether arrays of the two skeletons mean the same, whatever else they define."""
        return self is other or self.keypoints == other.keypoints

    def index(self, name: str) -> int:
        """Position of a keypoint in every array.

        Raises
        ------
        InvalidDataError
            If the skeleton has no such keypoint; the message lists the names.
        """
        try:
            return tuple(self.keypoints).index(name)
        except ValueError:
            raise InvalidDataError(
                f"Skeleton {self.name!r} has no keypoint {name!r}; it has {', '.join(self.keypoints)}."
            ) from None

    def indices(self, names: Iterable[str]) -> list[int]:
        """Positions of several keypoints, as `index` gives them."""
        return [self.index(name) for name in names]

    def mirror_order(self) -> list[int]:
        """Index of each keypoint's mirror image (itself where it has no counterpart)."""
        order = list(range(self.n_keypoints))
        for left, right in self.symmetry or ():
            i, j = self.index(left), self.index(right)
            order[i], order[j] = j, i
        return order


def _pairs(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((a, b) for a, b in pairs)


def _default_symmetry(keypoints: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(n, "right" + n[4:]) for n in keypoints if n.startswith("left") and "right" + n[4:] in keypoints]


def _default_root(keypoints: tuple[str, ...]) -> tuple[str, ...]:
    return next((root for root in _BODY_ROOTS if set(root) <= set(keypoints)), keypoints)


def _default_scale(keypoints: tuple[str, ...], edges: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    for pairs in _BODY_SCALES:
        if {name for pair in pairs for name in pair} <= set(keypoints):
            return pairs
    return edges or tuple((keypoints[0], name) for name in keypoints[1:]) or ((keypoints[0], keypoints[0]),)


def _default_angles(edges: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str, str], ...]:
    neighbours: dict[str, list[str]] = {}
    for a, b in edges:
        neighbours.setdefault(a, []).append(b)
        neighbours.setdefault(b, []).append(a)
    return tuple(
        (ends[i], vertex, ends[j])
        for vertex, ends in neighbours.items()
        if 2 <= len(ends) <= 3
        for i in range(len(ends))
        for j in range(i + 1, len(ends))
    )


def _both_sides(*chains: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Edges along each chain, once for the left and once for the right side."""
    return tuple(
        (f"{side}_{a}", f"{side}_{b}") for side in ("left", "right") for chain in chains for a, b in pairwise(chain)
    )


_LIMB_EDGES = _both_sides(("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"), ("shoulder", "hip"))
_TRUNK_EDGES = (("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"))
_BODY_ANGLES = tuple(
    angle
    for side, other in (("left", "right"), ("right", "left"))
    for angle in (
        (f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist"),
        (f"{side}_elbow", f"{side}_shoulder", f"{side}_hip"),
        (f"{side}_elbow", f"{side}_shoulder", f"{other}_shoulder"),
        (f"{side}_shoulder", f"{side}_hip", f"{side}_knee"),
        (f"{other}_hip", f"{side}_hip", f"{side}_knee"),
        (f"{side}_hip", f"{side}_knee", f"{side}_ankle"),
    )
)

_FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
_COCO_LIMBS = tuple(
    f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in ("left", "right")
)

COCO_17 = Skeleton(
    name="coco_17",
    keypoints=_FACE + _COCO_LIMBS,
    edges=(("nose", "left_eye"), ("nose", "right_eye"), *_both_sides(("eye", "ear")), *_TRUNK_EDGES, *_LIMB_EDGES),
    angles=_BODY_ANGLES,
)

OPENPOSE_18 = Skeleton(
    name="openpose_18",
    keypoints=(
        "nose", "neck",
        "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
        "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
        "right_eye", "left_eye", "right_ear", "left_ear",
    ),
    edges=(
        ("nose", "neck"), ("nose", "left_eye"), ("nose", "right_eye"), *_both_sides(("eye", "ear")),
        ("neck", "left_shoulder"), ("neck", "right_shoulder"), ("neck", "left_hip"), ("neck", "right_hip"),
        *_both_sides(("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")),
    ),
    angles=_BODY_ANGLES,
)  # fmt: skip

BLAZEPOSE_33 = Skeleton(
    name="blazepose_33",
    keypoints=(
        "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer",
        "left_ear", "right_ear", "mouth_left", "mouth_right",
        "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
        "left_pinky", "right_pinky", "left_index", "right_index", "left_thumb", "right_thumb",
        "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
        "left_heel", "right_heel", "left_foot_index", "right_foot_index",
    ),
    edges=(
        ("nose", "left_eye_inner"), ("nose", "right_eye_inner"), ("mouth_left", "mouth_right"),
        *_both_sides(("eye_inner", "eye", "eye_outer", "ear")), *_TRUNK_EDGES, *_LIMB_EDGES,
        *_both_sides(("wrist", "pinky", "index", "wrist", "thumb"), ("ankle", "heel", "foot_index", "ankle")),
    ),
    symmetry=(
        *((f"left_{n}", f"right_{n}") for n in (
            "eye_inner", "eye", "eye_outer", "ear", "shoulder", "elbow", "wrist", "pinky", "index", "thumb",
            "hip", "knee", "ankle", "heel", "foot_index",
        )),
        ("mouth_left", "mouth_right"),
    ),
    angles=_BODY_ANGLES,
)  # fmt: skip

_FINGERS = ("thumb", "index", "middle", "ring", "pinky")
_FINGER_CHAINS = tuple(("wrist", *(f"{finger}_{i}" for i in range(1, 5))) for finger in _FINGERS)

HAND_21 = Skeleton(
    name="hand_21",
    keypoints=("wrist", *(name for chain in _FINGER_CHAINS for name in chain[1:])),
    edges=tuple(edge for chain in _FINGER_CHAINS for edge in pairwise(chain)),
    angles=tuple((a, b, c) for chain in _FINGER_CHAINS for a, b, c in zip(chain, chain[1:], chain[2:], strict=False)),
)

UPPER_BODY_6 = Skeleton(
    name="upper_body_6",
    keypoints=("left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist"),
    edges=(("left_shoulder", "right_shoulder"), *_both_sides(("shoulder", "elbow", "wrist"))),
    angles=(
        *((f"{s}_shoulder", f"{s}_elbow", f"{s}_wrist") for s in ("left", "right")),
        ("right_shoulder", "left_shoulder", "left_elbow"),
        ("left_shoulder", "right_shoulder", "right_elbow"),
    ),
)

STANDARD_SKELETONS = {s.name: s for s in (BLAZEPOSE_33, COCO_17, OPENPOSE_18, HAND_21, UPPER_BODY_6)}
