"""Pictures turned, scaled, mirrored, darkened and painted over, a whole batch at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from actionpose.training.settings import AugmentationSettings

__all__ = ["augment", "part_size"]


def augment(
    image: Tensor,
    keypoints: Tensor,
    weight: Tensor,
    settings: AugmentationSettings,
    *,
    mirror_order: Sequence[int],
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Change a batch at random; the labels go along.

    Parameters
    ----------
    image : Tensor (N, C, H, W)
        0 to 1.
    keypoints : Tensor (N, K, 2)
        Pixels.
    weight : Tensor (N, K)
        0 where there is no label.
    settings : AugmentationSettings
        How much.
    mirror_order : sequence of int
        As `Skeleton.mirror_order` gives it.
    generator : Generator
        On the CPU; the same state gives the same changes on every device.

    Returns
    -------
    image, keypoints, weight : Tensor
        New ones, of the same shapes but for `part` of the settings. What comes from beyond the picture is black.
    """
    image, keypoints, weight = _flip(image, keypoints, weight, settings.flip, mirror_order, generator)
    image, keypoints = _move(image, keypoints, weight, settings, generator)
    image = _occlude(image, settings.occlusion, generator)
    image = _blur(image, settings.blur, generator)
    return _colour(image, settings, generator), keypoints, weight


def _flip(
    image: Tensor,
    keypoints: Tensor,
    weight: Tensor,
    probability: float,
    mirror_order: Sequence[int],
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    chosen = (torch.rand(len(image), generator=generator) < probability).to(image.device)
    width = image.shape[3]
    mirrored = keypoints[:, list(mirror_order)] * keypoints.new_tensor([-1, 1]) + keypoints.new_tensor([width, 0])
    return (
        torch.where(chosen[:, None, None, None], image.flip(3), image),
        torch.where(chosen[:, None, None], mirrored, keypoints),
        torch.where(chosen[:, None], weight[:, list(mirror_order)], weight),
    )


def _move(
    image: Tensor, keypoints: Tensor, weight: Tensor, settings: AugmentationSettings, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Turn and scale about the middle, or about a keypoint where only a part is kept; then shift."""
    n, channels, height, width = image.shape
    angle = _uniform((n,), generator) * math.radians(settings.rotation_deg)
    scale = torch.exp(_uniform((n,), generator) * math.log1p(settings.scale))
    seen = part_size((width, height), settings.part)
    shift = _uniform((n, 2), generator) * settings.shift * torch.tensor(seen)
    cos, sin = angle.cos() * scale, angle.sin() * scale
    forward = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)
    half, half_seen = torch.tensor([width / 2, height / 2]), torch.tensor(seen) / 2
    middle = half.expand(n, 2)
    if settings.part < 1:
        chosen = torch.multinomial(weight.cpu() + 1e-6, 1, generator=generator)[:, 0]
        middle = keypoints.cpu()[torch.arange(n), chosen]
    backward = torch.linalg.inv(forward)
    # `affine_grid` maps places of the new picture to places of the old one, both from -1 to 1 along each side.
    linear = backward * half_seen / half[:, None]
    offset = (middle - half - (backward @ shift[:, :, None])[:, :, 0]) / half
    theta = torch.cat([linear, offset[:, :, None]], dim=2).to(image)
    grid = functional.affine_grid(theta, [n, channels, seen[1], seen[0]], align_corners=False)
    moved = functional.grid_sample(image, grid, align_corners=False)
    middle, half_seen, shift, forward = (value.to(keypoints) for value in (middle, half_seen, shift, forward))
    return moved, (keypoints - middle[:, None]) @ forward.transpose(1, 2) + half_seen + shift[:, None]


def part_size(size: tuple[int, int], part: float) -> tuple[int, int]:
    """Return width and height of a part of a picture, multiples of 32."""
    width, height = (min(side, max(64, 32 * round(side * part / 32))) if part < 1 else side for side in size)
    return width, height


def _occlude(image: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Paint a rectangle of up to 40 % of each side in one shade."""
    n, _, height, width = image.shape
    sides = (0.1 + 0.3 * torch.rand(n, 2, generator=generator)) * torch.tensor([width, height])
    corner = torch.rand(n, 2, generator=generator) * (torch.tensor([width, height]) - sides)
    shade = torch.rand(n, 1, 1, 1, generator=generator).to(image)
    chosen = (torch.rand(n, generator=generator) < probability).to(image.device)
    x, y = torch.arange(width, device=image.device), torch.arange(height, device=image.device)
    low, high = corner.to(image.device), (corner + sides).to(image.device)
    in_x = (x >= low[:, 0, None]) & (x < high[:, 0, None])
    in_y = (y >= low[:, 1, None]) & (y < high[:, 1, None])
    covered = (in_y[:, :, None] & in_x[:, None, :] & chosen[:, None, None])[:, None]
    return torch.where(covered, shade, image)


def _blur(image: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    chosen = torch.nonzero(torch.rand(len(image), generator=generator) < probability)[:, 0].to(image.device)
    return image.index_copy(0, chosen, functional.avg_pool2d(image[chosen], 3, 1, 1, count_include_pad=False))


def _colour(image: Tensor, settings: AugmentationSettings, generator: torch.Generator) -> Tensor:
    n, channels = image.shape[:2]
    contrast = torch.exp(_uniform((n, channels, 1, 1), generator) * math.log1p(settings.contrast)).to(image)
    brightness = (_uniform((n, 1, 1, 1), generator) * settings.brightness).to(image)
    noise = (torch.rand(n, 1, 1, 1, generator=generator) * settings.noise).to(image)
    mean = image.mean(dim=(2, 3), keepdim=True)
    image = (image - mean) * contrast + mean + brightness
    if settings.noise:
        image = image + noise * torch.randn(image.shape, generator=generator).to(image)
    return image.clamp(0, 1)


def _uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return 2 * torch.rand(shape, generator=generator) - 1
