"""Augmentation: labels go where the picture goes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from actionpose.training.augmentation import augment  # noqa: E402
from actionpose.training.settings import AugmentationSettings  # noqa: E402

WIDTH, HEIGHT = 64, 48


def bell(points: torch.Tensor) -> torch.Tensor:
    """A picture with a bright spot at each point (N, 2)."""
    x, y = torch.arange(WIDTH) + 0.5, torch.arange(HEIGHT) + 0.5
    squared = (x - points[:, 0, None, None]) ** 2 + (y[:, None] - points[:, 1, None, None]) ** 2
    return torch.exp(-squared / 8)[:, None]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rotation=st.sampled_from([0.0, 30.0, 180.0]),
    scale=st.sampled_from([0.0, 0.3]),
    flip=st.sampled_from([0.0, 0.5, 1.0]),
)
def test_labels_stay_on_what_they_mark(seed: int, rotation: float, scale: float, flip: float) -> None:
    rng = np.random.default_rng(seed)
    points = torch.from_numpy(rng.uniform([20, 15], [WIDTH - 20, HEIGHT - 15], (4, 2))).float()
    change = AugmentationSettings(
        rotation_deg=rotation, scale=scale, shift=0.05, flip=flip, brightness=0, contrast=0, noise=0, blur=0,
        occlusion=0,
    )  # fmt: skip
    # The second keypoint is the mirror image of the first, and lies at the same place.
    image, keypoints, _ = augment(
        bell(points), points[:, None].repeat(1, 2, 1), torch.ones(4, 2), change, mirror_order=[1, 0],
        generator=torch.Generator().manual_seed(seed),
    )  # fmt: skip
    mass = image[:, 0]
    x = (mass.sum(1) * (torch.arange(WIDTH) + 0.5)).sum(1) / mass.sum((1, 2))
    y = (mass.sum(2) * (torch.arange(HEIGHT) + 0.5)).sum(1) / mass.sum((1, 2))
    assert torch.allclose(keypoints[:, 0], torch.stack([x, y], 1), atol=0.4)


def test_a_mirror_image_swaps_left_and_right() -> None:
    image = torch.rand(1, 1, HEIGHT, WIDTH)
    keypoints = torch.tensor([[[10.0, 5.0], [50.0, 7.0], [30.0, 9.0]]])
    only_flip = AugmentationSettings(
        rotation_deg=0, scale=0, shift=0, flip=1, brightness=0, contrast=0, noise=0, blur=0, occlusion=0
    )
    changed, found, weight = augment(
        image, keypoints, torch.tensor([[1.0, 0.5, 0.0]]), only_flip, mirror_order=[1, 0, 2],
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    assert torch.allclose(changed, image.flip(3), atol=1e-5)
    assert found.tolist() == [[[WIDTH - 50.0, 7.0], [WIDTH - 10.0, 5.0], [WIDTH - 30.0, 9.0]]]
    assert weight.tolist() == [[0.5, 1.0, 0.0]]


def test_none_changes_nothing() -> None:
    image, keypoints = torch.rand(3, 3, HEIGHT, WIDTH), torch.rand(3, 2, 2) * 40
    changed, found, _ = augment(
        image, keypoints, torch.ones(3, 2), AugmentationSettings.none(), mirror_order=[0, 1],
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    assert torch.allclose(changed, image, atol=1e-5)
    assert torch.allclose(found, keypoints, atol=1e-4)


def test_values_stay_in_range_and_seeds_decide() -> None:
    image, keypoints = torch.rand(8, 1, HEIGHT, WIDTH), torch.rand(8, 2, 2) * 40
    runs = [
        augment(
            image, keypoints, torch.ones(8, 2), AugmentationSettings(), mirror_order=[1, 0],
            generator=torch.Generator().manual_seed(seed),
        )
        for seed in (1, 1, 2)
    ]  # fmt: skip
    assert runs[0][0].min() >= 0
    assert runs[0][0].max() <= 1
    assert torch.equal(runs[0][0], runs[1][0])
    assert not torch.equal(runs[0][0], runs[2][0])


def test_it_turns_as_far_as_asked() -> None:
    change = AugmentationSettings(
        rotation_deg=20, scale=0, shift=0, flip=0, brightness=0, contrast=0, noise=0, blur=0, occlusion=0
    )
    middle = torch.tensor([WIDTH / 2, HEIGHT / 2])
    keypoints = (middle + torch.tensor([10.0, 0.0])).expand(500, 1, 2)
    _, found, _ = augment(
        torch.zeros(500, 1, HEIGHT, WIDTH), keypoints, torch.ones(500, 1), change, mirror_order=[0],
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    offset = found[:, 0] - middle
    angle = torch.atan2(offset[:, 1], offset[:, 0]).abs().max()
    assert math.radians(19) < float(angle) <= math.radians(20.001)
    assert torch.allclose(offset.norm(dim=1), torch.tensor(10.0), atol=1e-3)


@pytest.mark.parametrize("part", [0.5, 1.0])
def test_a_part_is_seen_around_a_keypoint(part: float) -> None:
    size, rng = (192, 128), np.random.default_rng(0)
    keypoints = torch.tensor(rng.uniform([40, 30], [150, 100], (8, 2, 2)), dtype=torch.float32)
    y, x = torch.meshgrid(torch.arange(size[1]) + 0.5, torch.arange(size[0]) + 0.5, indexing="ij")
    squared = (x - keypoints[:, 0, 0, None, None]) ** 2 + (y - keypoints[:, 0, 1, None, None]) ** 2
    chosen = replace(AugmentationSettings.none(), rotation_deg=180, scale=0.2, shift=0.2, part=part)
    weight = torch.tensor([[1.0, 0.0]]).repeat(8, 1)
    image, moved, _ = augment(
        torch.exp(-squared / 18)[:, None], keypoints, weight, chosen,
        mirror_order=[0, 1], generator=torch.Generator().manual_seed(1),
    )  # fmt: skip
    assert tuple(image.shape[2:]) == ((64, 96) if part < 1 else (128, 192))
    y, x = torch.meshgrid(torch.arange(image.shape[2]) + 0.5, torch.arange(image.shape[3]) + 0.5, indexing="ij")
    is_inside = ((moved[:, 0] > 12) & (moved[:, 0] < torch.tensor([x.max() - 12, y.max() - 12]))).all(dim=1)
    assert is_inside.all() or part == 1
    shade = image[:, 0] / image[:, 0].sum(dim=(1, 2), keepdim=True)
    found = torch.stack([(shade * x).sum(dim=(1, 2)), (shade * y).sum(dim=(1, 2))], dim=1)
    torch.testing.assert_close(found[is_inside], moved[is_inside, 0], atol=0.4, rtol=0)
