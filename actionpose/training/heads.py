"""Heads: from a backbone's features to keypoints.

Each has ``forward(features) -> raw``, what its losses look at, and ``decode(raw) -> (keypoints, confidence)`` with
keypoints (N, K, 2) in pixels of the crop and confidence (N, K) from 0 to 1. Decoding is part of the exported graph, so
whatever runs a model need not know its head. ``locate(raw)``, where there is one, gives positions that a coordinate
loss can learn from: (N, K, 2) as shares of the crop's sides.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Deconvolutions", "HeatmapHead", "IntegralHead", "RegressHead", "SimccHead"]

_STRIDE = 32  # of the backbone
_N_DECONVOLUTIONS = 3
HEATMAP_STRIDE = _STRIDE // 2**_N_DECONVOLUTIONS
SIMCC_BIN_PX = 2
_SIMCC_CHANNELS = 64


class Deconvolutions(nn.Module):
    """Three 4x4 deconvolutions and a 1x1 convolution to a map for each keypoint.

    "Simple Baselines for Human Pose Estimation", Xiao et al. 2018, arXiv:1804.06208, section 2.
    """

    def __init__(self, n_features: int, n_keypoints: int, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(_N_DECONVOLUTIONS):
            layers += [
                nn.ConvTranspose2d(n_features, channels, 4, 2, 1, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(inplace=True),
            ]
            n_features = channels
        self.deconvolutions = nn.Sequential(*layers)
        self.final = nn.Conv2d(channels, n_keypoints, 1)
        for module in self.modules():
            if isinstance(module, nn.ConvTranspose2d | nn.Conv2d):
                nn.init.normal_(module.weight, std=0.001 if module is self.final else 0.02)
        nn.init.zeros_(self.final.bias) if self.final.bias is not None else None

    def forward(self, features: Tensor) -> Tensor:
        """Return maps (N, K, 8 H, 8 W) of features (N, C, H, W)."""
        maps: Tensor = self.final(self.deconvolutions(features))
        return maps


class HeatmapHead(nn.Module):
    """A map for each keypoint, a quarter of the crop's size.

    The position is the centre of mass around the highest bin. The confidence of a `is_distribution` map is the
    probability within that neighbourhood; of another, the height of its peak.

    Parameters
    ----------
    n_features, n_keypoints : int
        Channels that come in, maps that come out.
    size : (int, int)
        Width and height of the crop.
    channels : int
        Of the deconvolutions.
    sigma_px : float
        Spread of the targets it is trained on.
    is_distribution : bool
        Whether the maps are logits of a distribution over the bins (cross-entropy) or heights (MSE, Adaptive Wing).
    """

    column: Tensor
    row: Tensor
    is_near_x: Tensor
    is_near_y: Tensor
    sums: Tensor

    def __init__(
        self,
        n_features: int,
        n_keypoints: int,
        *,
        size: tuple[int, int],
        channels: int,
        sigma_px: float,
        is_distribution: bool,
    ) -> None:
        super().__init__()
        self.maps = Deconvolutions(n_features, n_keypoints, channels)
        self.is_distribution = is_distribution
        reach_px = (max(1, round(2.3 * sigma_px / HEATMAP_STRIDE)) + 0.5) * HEATMAP_STRIDE
        x, y = (bin_centres(side, HEATMAP_STRIDE) for side in size)
        place = torch.arange(len(x) * len(y))
        buffers = {
            "column": place % len(x),
            "row": place // len(x),
            "is_near_x": _is_near(x, reach_px),
            "is_near_y": _is_near(y, reach_px),
            "sums": torch.stack([x.repeat(len(y)), y.repeat_interleave(len(x)), torch.ones(len(place))], dim=1),
        }
        for name, buffer in buffers.items():
            self.register_buffer(name, buffer, persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return maps (N, K, H/4, W/4)."""
        raw: Tensor = self.maps(features)
        return raw

    def decode(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return keypoints and confidence."""
        n, k, height, width = raw.shape
        flat = raw.reshape(n, k, height * width)
        flat = flat.softmax(dim=2) if self.is_distribution else flat.clamp(min=0)
        peak = flat.argmax(dim=2).flatten()
        # Tables and one product of matrices: the fewer steps, the quicker small models run.
        near_x = self.is_near_x.index_select(0, self.column.index_select(0, peak)).reshape(n, k, 1, width)
        near_y = self.is_near_y.index_select(0, self.row.index_select(0, peak)).reshape(n, k, height, 1)
        near = near_y * near_x
        found = (flat * near.reshape(n, k, height * width)) @ self.sums
        mass = found[:, :, 2]
        confidence = mass if self.is_distribution else flat.amax(dim=2)
        return found[:, :, :2] / found[:, :, 2:].clamp(min=1e-9), confidence.clamp(0, 1)


class IntegralHead(nn.Module):
    """The mean of a distribution over a map: a heatmap that is trained by its coordinates.

    "Integral Human Pose Regression", Sun et al. 2018, arXiv:1711.08229; "Numerical Coordinate Regression", Nibali et
    al. 2018, arXiv:1801.07372. The confidence is the probability around the mean.
    """

    x: Tensor
    y: Tensor

    def __init__(
        self, n_features: int, n_keypoints: int, *, size: tuple[int, int], channels: int, sigma_px: float
    ) -> None:
        super().__init__()
        self.maps = Deconvolutions(n_features, n_keypoints, channels)
        self.size = size
        self.reach_px = 2.3 * sigma_px + HEATMAP_STRIDE / 2
        self.register_buffer("x", bin_centres(size[0], HEATMAP_STRIDE), persistent=False)
        self.register_buffer("y", bin_centres(size[1], HEATMAP_STRIDE), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (N, K, H/4, W/4)."""
        raw: Tensor = self.maps(features)
        return raw

    def locate(self, raw: Tensor) -> Tensor:
        """Return the means as shares of the crop's sides."""
        return self._mean(_distribution(raw)) / raw.new_tensor(self.size)

    def _mean(self, share: Tensor) -> Tensor:
        return torch.stack([(share.sum(dim=2) * self.x).sum(dim=2), (share.sum(dim=3) * self.y).sum(dim=2)], dim=2)

    def decode(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return keypoints and confidence."""
        share = _distribution(raw)
        mean = self._mean(share)
        near_x = (self.x - mean[:, :, 0, None]).abs() <= self.reach_px
        near_y = (self.y - mean[:, :, 1, None]).abs() <= self.reach_px
        near = near_y[:, :, :, None] & near_x[:, :, None, :]
        return mean, (share * near).sum(dim=(2, 3)).clamp(0, 1)


class SimccHead(nn.Module):
    """A distribution over x and one over y for each keypoint, in bins of 2 pixels.

    "SimCC", Li et al. 2022, arXiv:2107.03332. The confidence is the lesser of the two probabilities around the peaks.
    """

    x: Tensor
    y: Tensor

    def __init__(self, n_features: int, n_keypoints: int, *, size: tuple[int, int], sigma_px: float) -> None:
        super().__init__()
        self.n_x, self.n_y = size[0] // SIMCC_BIN_PX, size[1] // SIMCC_BIN_PX
        self.n_keypoints = n_keypoints
        self.reach = max(1, round(2.3 * sigma_px / SIMCC_BIN_PX))
        n_places = (size[0] // _STRIDE) * (size[1] // _STRIDE)
        self.reduce = nn.Sequential(nn.Conv2d(n_features, _SIMCC_CHANNELS, 1), nn.ReLU(inplace=True), nn.Flatten())
        self.bins = nn.Linear(_SIMCC_CHANNELS * n_places, n_keypoints * (self.n_x + self.n_y))
        self.register_buffer("x", bin_centres(size[0], SIMCC_BIN_PX), persistent=False)
        self.register_buffer("y", bin_centres(size[1], SIMCC_BIN_PX), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (N, K, W/2 + H/2): those of x, then those of y."""
        raw: Tensor = self.bins(self.reduce(features))
        return raw.reshape(-1, self.n_keypoints, self.n_x + self.n_y)

    def decode(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return keypoints and confidence."""
        places, masses = [], []
        for logits, centre in ((raw[:, :, : self.n_x], self.x), (raw[:, :, self.n_x :], self.y)):
            share = logits.softmax(dim=2)
            index = torch.arange(share.shape[2], device=raw.device, dtype=torch.float32)
            weight = share * ((index - share.argmax(dim=2, keepdim=True).float()).abs() <= self.reach)
            masses.append(weight.sum(dim=2))
            places.append((weight * centre).sum(dim=2) / masses[-1])
        return torch.stack(places, dim=2), torch.minimum(masses[0], masses[1]).clamp(0, 1)


class RegressHead(nn.Module):
    """Coordinates from the pooled features: the shortest way, and the least exact.

    "DeepPose", Toshev & Szegedy 2014, arXiv:1312.4659. With a spread it is the head of residual log-likelihood
    estimation, and the confidence is 1 minus the spread in tenths of the crop's side; without one there is nothing to
    tell it by, and it is always 1.
    """

    def __init__(self, n_features: int, n_keypoints: int, *, size: tuple[int, int], has_spread: bool) -> None:
        super().__init__()
        self.n_keypoints, self.size, self.has_spread = n_keypoints, size, has_spread
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.coordinates = nn.Linear(n_features, n_keypoints * (4 if has_spread else 2))
        nn.init.xavier_uniform_(self.coordinates.weight, gain=0.01)
        nn.init.zeros_(self.coordinates.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Return x, y as shares of the crop's sides from its middle and, with a spread, two logits: (N, K, 2 or 4)."""
        raw: Tensor = self.coordinates(self.pool(features).flatten(1))
        return raw.reshape(-1, self.n_keypoints, 4 if self.has_spread else 2)

    def locate(self, raw: Tensor) -> Tensor:
        """Return positions as shares of the crop's sides."""
        return raw[:, :, :2] + 0.5

    def decode(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return keypoints and confidence."""
        keypoints = self.locate(raw) * raw.new_tensor(self.size)
        if not self.has_spread:
            return keypoints, torch.ones_like(raw[:, :, 0])
        return keypoints, (1 - 10 * raw[:, :, 2:].sigmoid().mean(dim=2)).clamp(0, 1)


def bin_centres(n_px: int, bin_px: int) -> Tensor:
    """Return where the middles of bins lie, in pixels."""
    return (torch.arange(n_px // bin_px, dtype=torch.float32) + 0.5) * bin_px


def _is_near(centres: Tensor, reach_px: float) -> Tensor:
    """Return which bins are within reach of which, (B, B), as 0 or 1."""
    return ((centres[:, None] - centres).abs() < reach_px).to(centres.dtype)


def _distribution(raw: Tensor) -> Tensor:
    n, k, height, width = raw.shape
    return raw.reshape(n, k, height * width).softmax(dim=2).reshape(n, k, height, width)
