"""How the puppet is drawn: a camera, a room, and a figure of shaded capsules and ellipsoids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from actionpose.pose import FloatArray
from actionpose.sources.puppet_body import Body, Colour, Figure

__all__ = ["Camera", "paint_figure", "paint_room"]

Image = npt.NDArray[np.uint8]

_DISTANCE_M = 4.0  # from the camera to the puppet
_CAMERA_HEIGHT_M = 1.0
_VIEW_HEIGHT_M = 2.55  # what the picture shows at the puppet's distance: room for raised arms and a jump
_FLOOR = 0.92  # where the puppet stands, as a part of the picture's height

_SHIFT = 4  # bits after the point in OpenCV's polygon coordinates
_ROUND = np.linspace(0, 2 * np.pi, 20, endpoint=False)
_CIRCLE = np.stack([np.cos(_ROUND), np.sin(_ROUND)], axis=1)
_CAP = np.linspace(-1, 1, 10)  # half a circle, from tangent to tangent
_LAYERS = np.linspace(0, 1, 6)  # of a round part, from its rim to its highlight
_LIGHT = np.array([-0.5, -0.55])  # towards the light, in the picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A pinhole camera at the height of the belly, looking straight ahead."""

    width: int
    height: int

    @property
    def px_per_m(self) -> float:
        """Pixels per metre at the puppet's distance."""
        return min(self.height, self.width * 1.1) / _VIEW_HEIGHT_M

    def project(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return pixels (N, 2) and pixels per metre (N,) of points (N, 3) in metres."""
        scale = self.px_per_m * _DISTANCE_M / (_DISTANCE_M + points[:, 2])
        horizon = self.height * _FLOOR - _CAMERA_HEIGHT_M * self.px_per_m
        return (points[:, :2] + [0.0, _CAMERA_HEIGHT_M]) * scale[:, None] + [self.width / 2, horizon], scale


def paint_room(body: Body, camera: Camera) -> Image:
    """Return an empty room (H, W, 3)."""
    width, height = camera.width, camera.height
    skirting = int(height * 0.74)
    light = np.linspace(0.93, 1.05, width)[None, :, None] * np.linspace(1.04, 0.94, height)[:, None, None]
    room = np.empty((height, width, 3))
    room[:skirting] = body.wall
    room[skirting:] = body.flooring
    room[skirting:] *= np.linspace(0.82, 1.1, height - skirting)[:, None, None]
    board = max(1, height // 60)
    room[skirting - board : skirting] = np.minimum(np.array(body.wall) * 1.12, 250)
    image: Image = np.clip(room * light, 0, 255).astype(np.uint8)
    left, right, top, bottom = (int(v) for v in (0.06 * width, 0.22 * width, 0.14 * height, 0.42 * height))
    frame = max(1, height // 80)
    cv2.rectangle(image, (left - frame, top - frame), (right + frame, bottom + frame), (116, 92, 68), -1, cv2.LINE_AA)
    cv2.rectangle(image, (left, top), (right, bottom), (238, 234, 224), -1, cv2.LINE_AA)
    hill = np.array([[left, bottom], [left, (top + 2 * bottom) // 3], [(left + right) // 2, (top + bottom) // 2],
                     [right, (top + 3 * bottom) // 4], [right, bottom]])  # fmt: skip
    cv2.fillPoly(image, [hill], tuple(int(0.5 * c + 90) for c in body.shirt), cv2.LINE_AA)
    cv2.circle(
        image, ((left + 2 * right) // 3, (2 * top + bottom) // 3), max(1, height // 40), (232, 190, 96), -1, cv2.LINE_AA
    )
    return image


def paint_figure(image: Image, figure: Figure, body: Body, camera: Camera) -> None:
    """Paint a figure onto a picture, far parts first."""
    _paint_shadow(image, figure, camera)
    parts = _Parts()
    _add_legs(parts, figure, body)
    _add_trunk(parts, figure, body)
    _add_arms(parts, figure, body)
    _add_head(parts, figure, body)
    for outline, colour in parts.outlines(camera):
        cv2.fillConvexPoly(image, outline, colour, cv2.LINE_AA, _SHIFT)


def _paint_shadow(image: Image, figure: Figure, camera: Camera) -> None:
    apart = np.ptp([figure.points[f"{side}_ankle"][0] for side in ("left", "right")])
    (x, y), scale = (values[0] for values in camera.project(np.zeros((1, 3))))
    rx, ry = (0.22 + 0.5 * apart) * scale, 0.09 * scale
    x0, x1 = (int(np.clip(v, 0, image.shape[1])) for v in (x - rx, x + rx))
    y0, y1 = (int(np.clip(v, 0, image.shape[0])) for v in (y - ry, y + ry))
    inside = ((np.arange(x0, x1) - x) / rx)[None, :] ** 2 + ((np.arange(y0, y1) - y) / ry)[:, None] ** 2
    dim = 1 - 0.45 * np.clip(1 - inside, 0, 1)
    image[y0:y1, x0:x1] = (image[y0:y1, x0:x1] * dim[..., None]).astype(np.uint8)


class _Parts:
    """The parts of a figure, outlined all at once.

    A round part is painted as layers that shrink and brighten towards the light. Parts of one depth are painted layer
    by layer, so that upper arm and forearm join without a seam.
    """

    def __init__(self) -> None:
        self._capsules: list[tuple[FloatArray, FloatArray, float, float]] = []
        self._ellipsoids: list[tuple[FloatArray, FloatArray]] = []
        self._hulls: list[tuple[FloatArray, FloatArray]] = []
        self._paint: dict[str, list[tuple[Colour, float, float]]] = {"capsule": [], "ellipsoid": [], "hull": []}

    def add_capsule(
        self, ends: tuple[FloatArray, FloatArray], radii: tuple[float, float], colour: Colour, *, depth: float
    ) -> None:
        """Add a limb between two points (3,), with the radii there, in metres."""
        self._capsules.append((*ends, *radii))
        self._paint["capsule"].append((colour, depth, 1.0))

    def add_ellipsoid(
        self, centre: FloatArray, axes: FloatArray, colour: Colour, *, depth: float, relief: float
    ) -> None:
        """Add an ellipsoid with the half axes (3, 3), in metres; without relief it has one colour all over."""
        self._ellipsoids.append((centre, axes))
        self._paint["ellipsoid"].append((colour, depth, relief))

    def add_hull(self, centres: FloatArray, radii: FloatArray, colour: Colour, *, depth: float) -> None:
        """Add what a cloth stretched over spheres would look like."""
        self._hulls.append((centres, radii))
        self._paint["hull"].append((colour, depth, 0.5))

    def outlines(self, camera: Camera) -> Iterator[tuple[npt.NDArray[np.int32], tuple[float, ...]]]:
        """Yield polygons in fixed-point pixels and their colours, in the order of painting."""
        layered = [*self._capsule_layers(camera), *self._ellipsoid_layers(camera), *self._hull_layers(camera)]
        queue = []
        paint = [item for kind in self._paint.values() for item in kind]
        colours, _, relief = (np.array(values) for values in zip(*paint, strict=True))
        brightness = 1 + relief[:, None] * (0.32 * _LAYERS - 0.24)
        shades = np.minimum(colours[:, None] * brightness[..., None], 255).tolist()
        for layers, shade, (_, depth, is_round) in zip(layered, shades, paint, strict=True):
            n_layers = len(_LAYERS) if is_round else 1
            queue += [(-depth, i, layers[i], shade[i]) for i in range(n_layers)]
        queue.sort(key=lambda item: item[:2])
        for _, _, outline, colour in queue:
            yield outline, colour

    def _capsule_layers(self, camera: Camera) -> npt.NDArray[np.int32]:
        """Two circles and their common tangents each (C, L, N, 2)."""
        start, end, start_radius, end_radius = (np.array(values) for values in zip(*self._capsules, strict=True))
        pixels, scale = camera.project(np.concatenate([end, start]))
        pixels = pixels.reshape(2, -1, 2)
        radii = scale.reshape(2, -1) * [end_radius, start_radius]
        axis = pixels[0] - pixels[1]
        lean = np.arcsin(np.clip((radii[1] - radii[0]) / np.maximum(np.hypot(*axis.T), 1e-6), -1, 1))
        heading = np.arctan2(axis[:, 1], axis[:, 0])
        half = np.stack([np.pi / 2 - lean, np.pi / 2 + lean])  # the tangents touch the thinner end further back
        angles = heading[:, None] + half[:, :, None] * _CAP + np.array([0, np.pi])[:, None, None]
        rim = radii[..., None, None] * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
        return _layers(np.broadcast_to(pixels[:, :, None], rim.shape), rim, shrink=0.8, drift=0.4 * radii.mean(axis=0))

    def _ellipsoid_layers(self, camera: Camera) -> npt.NDArray[np.int32]:
        """Outlines (E, L, N, 2), as seen from afar."""
        centres, axes = (np.array(values) for values in zip(*self._ellipsoids, strict=True))
        pixels, scale = camera.project(centres)
        flat = axes[:, :, :2] * scale[:, None, None]
        shape = np.linalg.cholesky(flat.transpose(0, 2, 1) @ flat + 1e-4 * np.eye(2))
        rim = _CIRCLE @ shape.transpose(0, 2, 1)
        return _layers(
            np.broadcast_to(pixels[None, :, None], (1, *rim.shape)), rim[None], shrink=0.75, drift=0.25 * shape[:, 0, 0]
        )

    def _hull_layers(self, camera: Camera) -> Iterator[npt.NDArray[np.int32]]:
        for centres, radii in self._hulls:
            pixels, scale = camera.project(centres)
            rims = (pixels[:, None] + (radii * scale)[:, None, None] * _CIRCLE).reshape(-1, 2)
            outline = cv2.convexHull(rims.astype(np.float32))[:, 0].astype(np.float64)
            middle = np.broadcast_to(outline.mean(axis=0), outline.shape)
            drift = 0.3 * radii[:1] * scale[:1]
            yield _layers(middle[None, None], (outline - middle)[None, None], shrink=0.6, drift=drift)[0]


def _layers(centres: FloatArray, rims: FloatArray, *, shrink: float, drift: FloatArray) -> npt.NDArray[np.int32]:
    """Shrink rims (H, C, N, 2) to their centres while drifting to the light: fixed-point pixels (C, L, H * N, 2)."""
    kept = (1 - shrink * _LAYERS)[:, None, None, None, None]
    moved = (_LAYERS[:, None] * drift)[:, None, :, None, None] * _LIGHT
    outlines = centres + kept * rims + moved
    n_layers, halves, n_parts, n_points, _ = outlines.shape
    ordered = outlines.transpose(2, 0, 1, 3, 4).reshape(n_parts, n_layers, halves * n_points, 2)
    fixed: npt.NDArray[np.int32] = np.rint(ordered * (1 << _SHIFT)).astype(np.int32)
    return fixed


def _add_legs(parts: _Parts, figure: Figure, body: Body) -> None:
    thick, middle, thin = body.girth * np.array([0.083, 0.062, 0.047])
    for side in ("left", "right"):
        hip, knee, ankle, heel, toe = figure.of(side, "hip", "knee", "ankle", "heel", "foot_index")
        depth = (hip[2] + knee[2]) / 2
        parts.add_capsule((hip, knee), (thick, middle), body.trousers, depth=depth)
        parts.add_capsule((knee, ankle), (middle, thin), body.trousers, depth=depth)
        parts.add_capsule((heel, toe), (0.042, 0.038), body.shoes, depth=max(depth, ankle[2]) + 0.06)


def _add_trunk(parts: _Parts, figure: Figure, body: Body) -> None:
    neck, skull = figure.points["neck"], figure.points["skull"]
    shoulders, hips = (
        np.stack([figure.points[f"{side}_{n}"] for side in ("left", "right")]) for n in ("shoulder", "hip")
    )
    nape = neck + 0.2 * (skull - neck)
    depth = float(shoulders[:, 2].mean() + hips[:, 2].mean()) / 2 - 0.05
    waist = 0.08 * body.girth
    parts.add_hull(
        np.stack([*shoulders, *hips, nape]), np.array([0.06, 0.06, waist, waist, 0.062]), body.shirt, depth=depth
    )
    if body.has_stripe:
        left, right = 0.62 * shoulders + 0.38 * hips
        parts.add_capsule((left, right), (0.02, 0.02), (236, 232, 222), depth=depth - 0.001)
    collar = neck + 0.12 * (skull - neck)
    parts.add_ellipsoid(collar, np.diag([0.06, 0.038, 0.02]), _shade(body.skin, 0.95), depth=depth - 0.002, relief=0)
    parts.add_capsule((nape, skull), (0.052, 0.054), _shade(body.skin, 0.9), depth=depth - 0.003)


def _add_arms(parts: _Parts, figure: Figure, body: Body) -> None:
    girth = body.girth
    for side in ("left", "right"):
        shoulder, elbow, wrist = figure.of(side, "shoulder", "elbow", "wrist")
        depth = (shoulder[2] + wrist[2]) / 2 - 0.08
        parts.add_capsule((shoulder, elbow), (0.046 * girth, 0.04 * girth), body.skin, depth=depth)
        parts.add_capsule((elbow, wrist), (0.04 * girth, 0.028 * girth), body.skin, depth=depth)
        hem = 0.45 * shoulder + 0.55 * elbow
        parts.add_capsule((shoulder, hem), (0.06, 0.053 * girth), body.shirt, depth=depth - 0.001)
        _add_hand(parts, figure, body, side=side, depth=depth - 0.01)


def _add_hand(parts: _Parts, figure: Figure, body: Body, *, side: str, depth: float) -> None:
    wrist, index, pinky, thumb = figure.of(side, "wrist", "index", "pinky", "thumb")
    middle = (index + pinky) / 2
    along = (middle - wrist) / np.linalg.norm(middle - wrist)
    bones = [
        ((0.8 * wrist + 0.2 * middle, middle), (0.03, 0.035)),
        ((0.3 * thumb + 0.7 * wrist, thumb + 0.7 * (thumb - wrist)), (0.017, 0.011)),
    ]
    for share, reach in ((0.0, 0.4), (0.33, 0.46), (0.67, 0.44), (1.0, 0.34)):
        knuckle = (1 - share) * index + share * pinky
        tip = knuckle + reach * body.hand * along + 0.25 * (knuckle - middle)
        bones.append(((knuckle, tip), (0.013, 0.011)))
    for ends, radii in bones:
        parts.add_capsule(ends, radii, body.skin, depth=depth)


def _add_head(parts: _Parts, figure: Figure, body: Body) -> None:
    skull, axes = figure.points["skull"], figure.head
    depth = float(min(figure.points["neck"][2], skull[2])) - 0.1
    looks_away = axes[2, 2] > 0.4

    def add(
        at: tuple[float, ...], radii: tuple[float, ...], colour: Colour, *, nearer: float, relief: float = 0
    ) -> None:
        centre = skull + body.head * np.array(at) @ axes
        half_axes = body.head * np.array(radii)[:, None] * axes
        parts.add_ellipsoid(centre, half_axes, colour, depth=depth - nearer, relief=relief)

    if body.has_long_hair:
        ends = skull, skull + 0.75 * (figure.points["neck"] - skull)
        parts.add_capsule(ends, (0.085, 0.08), body.hair, depth=depth + 0.3)
    add((0, 0.026, -0.014), (0.084, 0.106, 0.1), body.hair, nearer=0, relief=1)
    for sign in (-1, 1):
        add((sign * 0.077, 0, 0), (0.013, 0.028, 0.018), _shade(body.skin, 0.9), nearer=1e-3)
    add((0, -0.018, 0.018), (0.073, 0.097, 0.084), body.skin, nearer=2e-3, relief=1)
    add((0, 0.072, 0.05), (0.064, 0.026, 0.05), body.hair, nearer=3e-3, relief=1)
    if looks_away:
        return
    lips, white, iris = _blend(body.skin, (176, 60, 60), 0.65), (246, 244, 240), (58, 42, 34)
    for sign in (-1, 1):
        add((sign * 0.042, -0.028, 0.07), (0.015, 0.011, 0.003), _blend(body.skin, (224, 104, 92), 0.16), nearer=4e-3)
        add((sign * 0.032, 0.014, 0.08), (0.0145, 0.009, 0.003), white, nearer=5e-3)
        add((sign * 0.0315, 0.014, 0.083), (0.0075, 0.008, 0.003), iris, nearer=6e-3)
        add((sign * 0.034, 0.034, 0.083), (0.017, 0.0036, 0.003), _shade(body.hair, 0.8), nearer=5e-3)
    add((0, -0.004, 0.095), (0.009, 0.024, 0.012), _shade(body.skin, 0.93), nearer=5e-3)
    add((0, -0.022, 0.1), (0.014, 0.0085, 0.008), _shade(body.skin, 0.8), nearer=6e-3)
    add((0, -0.019, 0.104), (0.012, 0.009, 0.008), _shade(body.skin, 1.02), nearer=7e-3)
    add((0, -0.06, 0.086), (0.029, 0.013, 0.004), lips, nearer=5e-3)
    add((0, -0.051, 0.088), (0.03, 0.0105, 0.004), body.skin, nearer=6e-3)  # leaves a smile of the lips


def _shade(colour: Colour, by: float) -> Colour:
    return _blend(colour, (0, 0, 0), 1 - by)


def _blend(colour: Colour, other: Colour, share: float) -> Colour:
    r, g, b = (min(255, int((1 - share) * c + share * o)) for c, o in zip(colour, other, strict=True))
    return r, g, b
