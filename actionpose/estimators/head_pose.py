"""Where a head is turned, from the keypoints of its face."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from actionpose.errors import InvalidDataError
from actionpose.pose import FloatArray
from actionpose.skeleton import Skeleton

__all__ = ["HeadPose", "compute_head_pose"]

# A mean head in metres: x to its left, y down, z out of its back, from the middle between the eyes; its proportions are
# those of Farkas 1994, "Anthropometry of the Head and Face". The ears lie far behind the eyes, which tells yaw from
# a shift to the side.
_MODEL = {
    "nose": (0.0, 0.043, -0.030),
    "left_eye": (0.0325, 0.0, 0.0),
    "right_eye": (-0.0325, 0.0, 0.0),
    "left_eye_inner": (0.016, 0.001, 0.002),
    "right_eye_inner": (-0.016, 0.001, 0.002),
    "left_eye_outer": (0.0455, 0.001, 0.008),
    "right_eye_outer": (-0.0455, 0.001, 0.008),
    "left_ear": (0.074, 0.018, 0.090),
    "right_ear": (-0.074, 0.018, 0.090),
    "mouth_left": (0.026, 0.072, -0.004),
    "mouth_right": (-0.026, 0.072, -0.004),
}
_MIN_KEYPOINTS = 5  # four have two solutions
_FIELD_OF_VIEW_RAD = np.radians(60)  # of the picture's longer side, a usual webcam


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadPose:
    """Angles in radians, all 0 when the face looks straight against the optical axis; not those of a mirror image.

    Parameters
    ----------
    yaw : float
        About the head's own vertical; negative when the person turns to their left.
    pitch : float
        About the axis through the ears; positive when the face is lifted.
    roll : float
        About the line of sight; positive when the head leans to the person's left shoulder.
    """

    yaw: float
    pitch: float
    roll: float


def compute_head_pose(
    image_position: FloatArray, skeleton: Skeleton, *, size: tuple[int, int], focal_px: float | None = None
) -> HeadPose | None:
    """Compute where a head is turned, by fitting a mean head to its face (perspective-n-point, `cv2.solvePnP`).

    A mean head is not everybody's: expect a constant error of some degrees in pitch, and good differences.

    Parameters
    ----------
    image_position : array (K, 2)
        Pixels; NaN = not seen.
    skeleton : Skeleton
        Nose, eyes, ears and corners of the mouth are used, by the names they have in `BLAZEPOSE_33` and `COCO_17`.
    size : (int, int)
        Width and height of the picture.
    focal_px : float, optional
        Focal length. Default: that of a camera that sees 60 degrees.

    Returns
    -------
    HeadPose or None
        None if fewer than five keypoints of the face were seen.

    Raises
    ------
    InvalidDataError
        If the positions do not fit the skeleton, or it has fewer than five keypoints of a face.
    """
    if image_position.shape != (skeleton.n_keypoints, 2):
        raise InvalidDataError(
            f"image_position must have shape {(skeleton.n_keypoints, 2)} for skeleton {skeleton.name!r}, "
            f"got {image_position.shape}."
        )
    names = [name for name in skeleton.keypoints if name in _MODEL]
    if len(names) < _MIN_KEYPOINTS:
        raise InvalidDataError(
            f"Skeleton {skeleton.name!r} has {len(names)} keypoints of a face; expected {_MIN_KEYPOINTS} of "
            f"{', '.join(_MODEL)}."
        )
    seen = [name for name in names if np.isfinite(image_position[skeleton.index(name)]).all()]
    if len(seen) < _MIN_KEYPOINTS:
        return None
    focal_px = focal_px or max(size) / 2 / np.tan(_FIELD_OF_VIEW_RAD / 2)
    camera = np.array([[focal_px, 0, size[0] / 2], [0, focal_px, size[1] / 2], [0, 0, 1]])
    model = np.array([_MODEL[name] for name in seen])
    found, turn, _ = cv2.solvePnP(model, image_position[skeleton.indices(seen)], camera, None, flags=cv2.SOLVEPNP_SQPNP)
    if not found:
        return None
    rotation, _ = cv2.Rodrigues(turn)
    # Turned about the line of sight first, then about the ears, then about the vertical.
    yaw = np.arctan2(rotation[0, 2], rotation[2, 2])
    pitch = np.arctan2(rotation[1, 2], np.hypot(rotation[0, 2], rotation[2, 2]))
    roll = np.arctan2(rotation[1, 0], rotation[1, 1])
    return HeadPose(yaw=float(yaw), pitch=float(pitch), roll=float(roll))
