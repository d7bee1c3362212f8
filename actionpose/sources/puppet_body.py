"""The puppet's body: its proportions and colours, and where its keypoints are in a pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from actionpose.pose import FloatArray
from actionpose.skeleton import BLAZEPOSE_33
from actionpose.sources.puppet_moves import PARTS

__all__ = ["Body", "Colour", "Figure", "make_body"]

Colour = tuple[int, int, int]

_ANKLE_HEIGHT_M = 0.075

_SKIN = ((224, 172, 138), (241, 200, 170), (141, 92, 62), (198, 144, 105), (101, 66, 46))
_HAIR = ((62, 44, 34), (28, 24, 24), (120, 78, 42), (186, 146, 88), (92, 84, 80))
_SHIRT = ((38, 110, 162), (186, 66, 60), (52, 132, 92), (226, 168, 52), (112, 78, 150), (70, 76, 88))
_TROUSERS = ((52, 58, 78), (96, 84, 72), (38, 40, 46), (70, 88, 116))
_SHOES = ((58, 46, 40), (34, 34, 38), (150, 52, 48))
_WALL = ((214, 218, 214), (226, 216, 200), (200, 214, 222), (220, 208, 212), (206, 216, 200))
_FLOORING = ((168, 136, 104), (150, 152, 156), (136, 104, 78))


# (to the side, up, ahead) of the middle of the head, in metres
_FACE = {
    "nose": (0.0, -0.022, 0.112),
    "{side}_eye_inner": (0.017, 0.014, 0.088),
    "{side}_eye": (0.032, 0.014, 0.085),
    "{side}_eye_outer": (0.046, 0.014, 0.078),
    "{side}_ear": (0.077, 0.0, 0.0),
    "mouth_{side}": (0.027, -0.062, 0.085),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """Lengths in metres and colours as RGB."""

    torso: float
    shoulder: float  # half the distance between the joints, as is `hip`
    hip: float
    upper_arm: float
    forearm: float
    hand: float
    thigh: float
    shin: float
    foot: float
    girth: float  # thickness of limbs and trunk; 1 is average
    head: float  # size of the head; 1 is average
    yaw: float  # how far it stands turned, in radians
    has_long_hair: bool
    has_stripe: bool
    skin: Colour
    hair: Colour
    shirt: Colour
    trousers: Colour
    shoes: Colour
    wall: Colour
    flooring: Colour


def make_body(number: int) -> Body:
    """Return a person; the same number is always the same person."""
    rng = np.random.default_rng(number)
    tall, legs, arms, girth = rng.uniform([0.93, 0.96, 0.96, 0.88], [1.05, 1.04, 1.04, 1.12])

    def pick(colours: tuple[Colour, ...]) -> Colour:
        return colours[int(number + rng.integers(2)) % len(colours)]

    return Body(
        torso=0.50 * tall,
        shoulder=0.175 * tall * rng.uniform(0.93, 1.08),
        hip=0.095 * tall,
        upper_arm=0.285 * tall * arms,
        forearm=0.25 * tall * arms,
        hand=0.17 * tall,
        thigh=0.425 * tall * legs,
        shin=0.41 * tall * legs,
        foot=0.2 * tall,
        girth=girth,
        head=rng.uniform(0.97, 1.06),
        yaw=float(rng.uniform(-0.12, 0.12)),
        has_long_hair=number % 2 == 1,
        has_stripe=number % 3 == 2,
        skin=pick(_SKIN),
        hair=pick(_HAIR),
        shirt=pick(_SHIRT),
        trousers=pick(_TROUSERS),
        shoes=pick(_SHOES),
        wall=pick(_WALL),
        flooring=pick(_FLOORING),
    )


class Figure:
    """A body in a pose, in metres: x to the image's right, y down from the floor, z away from the camera.

    Parameters
    ----------
    body : Body
        Who.
    directions : array (P, 3)
        Limb directions, as `Performance.directions` gives them.

    Attributes
    ----------
    points : dict of str to array (3,)
        The keypoints of `BLAZEPOSE_33`, and ``neck`` and ``skull`` (the middle of the head).
    head : array (3, 3)
        Unit vectors of the head: to its left, up, ahead.
    """

    def __init__(self, body: Body, directions: FloatArray) -> None:
        turn = _rotation(body.yaw + 0.4 * directions[0, 2])
        part = dict(zip(PARTS, directions @ turn.T, strict=True))
        spine = part["spine"]
        across = _perpendicular(_rotation(body.yaw + directions[0, 2])[:, 0], spine)
        self.points = point = {"neck": body.torso * spine}
        for side, sign in (("left", 1.0), ("right", -1.0)):
            point[f"{side}_hip"] = sign * body.hip * turn[:, 0]
            point[f"{side}_knee"] = point[f"{side}_hip"] + body.thigh * part[f"{side}_thigh"]
            point[f"{side}_ankle"] = point[f"{side}_knee"] + body.shin * part[f"{side}_shin"]
            self._add_foot(side, body, part[f"{side}_foot"], part[f"{side}_shin"])
            point[f"{side}_shoulder"] = point["neck"] + sign * body.shoulder * across
            point[f"{side}_elbow"] = point[f"{side}_shoulder"] + body.upper_arm * part[f"{side}_upper_arm"]
            point[f"{side}_wrist"] = point[f"{side}_elbow"] + body.forearm * part[f"{side}_forearm"]
            self._add_hand(side, body, part[f"{side}_forearm"], part[f"{side}_thumb"])
        self._add_head(body, part["head"], _perpendicular(turn[:, 0], part["head"]))
        self._stand(sideways=directions[0, 0], lift=directions[0, 1])

    def _add_foot(self, side: str, body: Body, toes: FloatArray, shin: FloatArray) -> None:
        ankle = self.points[f"{side}_ankle"]
        sole = ankle + 0.7 * _ANKLE_HEIGHT_M * _perpendicular(shin, toes)
        self.points[f"{side}_heel"] = sole - 0.2 * body.foot * toes
        self.points[f"{side}_foot_index"] = sole + 0.65 * body.foot * toes

    def _add_hand(self, side: str, body: Body, along: FloatArray, thumb: FloatArray) -> None:
        wrist, across = self.points[f"{side}_wrist"], _perpendicular(thumb, along)
        for name, ahead, aside in (("index", 0.52, 0.17), ("pinky", 0.46, -0.22), ("thumb", 0.32, 0.32)):
            self.points[f"{side}_{name}"] = wrist + body.hand * (ahead * along + aside * across)

    def _add_head(self, body: Body, up: FloatArray, across: FloatArray) -> None:
        self.head = np.stack([across, up, np.cross(across, up)])
        skull = self.points["neck"] + body.head * np.array([0, 0.208, 0.02]) @ self.head
        self.points["skull"] = skull
        for name, (aside, above, front) in _FACE.items():
            for side, sign in (("left", 1.0), ("right", -1.0)):
                key = name.format(side=side)
                self.points[key] = skull + body.head * np.array([sign * aside, above, front]) @ self.head

    def _stand(self, *, sideways: float, lift: float) -> None:
        """Put the lower foot on the floor, and keep the feet that bear weight where they are."""
        point = self.points
        ankles = np.stack([point["left_ankle"], point["right_ankle"]])
        above = ankles[:, 1].max() - ankles[:, 1]
        weight = np.exp(-above / 0.06)
        origin = weight @ ankles / weight.sum() + [-sideways, lift + _ANKLE_HEIGHT_M, 0.0]
        for name in point:
            point[name] = point[name] - origin

    def of(self, side: str, *names: str) -> list[FloatArray]:
        """Return points of one side, for instance ``of("left", "hip", "knee")``."""
        return [self.points[f"{side}_{name}"] for name in names]

    def keypoints(self) -> FloatArray:
        """Return the keypoints of `BLAZEPOSE_33` (33, 3)."""
        return np.stack([self.points[name] for name in BLAZEPOSE_33.keypoints])


def _rotation(yaw: float) -> FloatArray:
    cos, sin = np.cos(yaw), np.sin(yaw)
    return np.array([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])


def _perpendicular(vector: FloatArray, to: FloatArray) -> FloatArray:
    """Return the unit vector nearest to `vector` at right angles to the unit vector `to`."""
    across: FloatArray = vector - (vector @ to) * to
    across /= np.linalg.norm(across)
    return across
