"""Losses: how far a head's raw output is from the truth.

Each is called with ``raw``, ``target`` (N, K, 2) in pixels of the crop and ``weight`` (N, K), 0 where there is no
label, and returns a number. Keypoints that lie outside the crop have no bin and no weight.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from actionpose.training.heads import HEATMAP_STRIDE, SIMCC_BIN_PX, bin_centres

__all__ = [
    "AdaptiveWing",
    "CoordinateLoss",
    "HeatmapCrossEntropy",
    "HeatmapLoss",
    "MeanSquares",
    "ResidualLogLikelihood",
    "SimccCrossEntropy",
    "SmoothL1",
    "Wing",
]


class Locating(Protocol):
    """A head with ``locate``."""

    def locate(self, raw: Tensor) -> Tensor:
        """Return positions (N, K, 2) as shares of the crop's sides."""
        ...


class MeanSquares(nn.Module):
    """The square of the error."""

    def forward(self, error: Tensor) -> Tensor:
        """Return the loss of each number."""
        return error.square()


class SmoothL1(nn.Module):
    """Square near 0, straight beyond `beta` (Girshick 2015, arXiv:1504.08083, equation 3)."""

    def __init__(self, beta: float = 0.02) -> None:
        super().__init__()
        self.beta = beta

    def forward(self, error: Tensor) -> Tensor:
        """Return the loss of each number."""
        size = error.abs()
        return torch.where(size < self.beta, 0.5 * size.square() / self.beta, size - 0.5 * self.beta)


class Wing(nn.Module):
    """Steeper for small errors than for large ones (Feng et al. 2018, arXiv:1711.06753, equation 5).

    The paper's w = 10 and epsilon = 2 are pixels of a crop of 256, here shares of the side.
    """

    def __init__(self, w: float = 10 / 256, epsilon: float = 2 / 256) -> None:
        super().__init__()
        self.w, self.epsilon = w, epsilon
        self.offset = w - w * math.log1p(w / epsilon)

    def forward(self, error: Tensor) -> Tensor:
        """Return the loss of each number."""
        size = error.abs()
        return torch.where(size < self.w, self.w * torch.log1p(size / self.epsilon), size - self.offset)


class CoordinateLoss(nn.Module):
    """One of the three above, of the coordinates as shares of the crop's sides.

    Parameters
    ----------
    head : Locating
        Reads positions out of raw outputs.
    pointwise : Module
        From errors to losses.
    size : (int, int)
        Width and height of the crop.
    """

    def __init__(self, head: Locating, pointwise: nn.Module, *, size: tuple[int, int]) -> None:
        super().__init__()
        self._locate, self.pointwise, self.size = head.locate, pointwise, size

    def forward(self, raw: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Return the mean over labelled keypoints."""
        error = self._locate(raw) - target / target.new_tensor(self.size)
        return _weighted_mean(self.pointwise(error).mean(dim=2), weight)


class HeatmapCrossEntropy(nn.Module):
    """Cross-entropy between a map's softmax and a normal distribution around the keypoint."""

    def __init__(self, *, size: tuple[int, int], sigma_px: float) -> None:
        super().__init__()
        self.targets = _Gaussians(size, HEATMAP_STRIDE, sigma_px)

    def forward(self, raw: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Return the mean over labelled keypoints."""
        wanted, weight = self.targets(target), weight * self.targets.is_inside(target)
        wanted = wanted.flatten(2)
        wanted = wanted / wanted.sum(dim=2, keepdim=True).clamp(min=1e-9)
        return _weighted_mean(-(wanted * raw.flatten(2).log_softmax(dim=2)).sum(dim=2), weight)


class HeatmapLoss(nn.Module):
    """A loss of each bin of a map whose target is a bell of height 1.

    Parameters
    ----------
    pointwise : Module
        Called with prediction and target.
    size : (int, int)
        Width and height of the crop.
    sigma_px : float
        Spread of the bell.
    """

    def __init__(self, pointwise: nn.Module, *, size: tuple[int, int], sigma_px: float) -> None:
        super().__init__()
        self.pointwise = pointwise
        self.targets = _Gaussians(size, HEATMAP_STRIDE, sigma_px)

    def forward(self, raw: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Return the mean over labelled keypoints, of the sum over bins: a mean would vanish among empty ones."""
        weight = weight * self.targets.is_inside(target)
        return _weighted_mean(self.pointwise(raw, self.targets(target)).sum(dim=(2, 3)), weight)


class SquaredDifference(nn.Module):
    """The square of the difference."""

    def forward(self, predicted: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each bin."""
        return (predicted - target).square()


class AdaptiveWing(nn.Module):
    """Wing where the map should be high, squares where it should be low (Wang et al. 2019, arXiv:1904.07399, eq. 3).

    Bins near a peak weigh eleven times as much (section 4.3 there).
    """

    def __init__(self, alpha: float = 2.1, omega: float = 14.0, epsilon: float = 1.0, theta: float = 0.5) -> None:
        super().__init__()
        self.alpha, self.omega, self.epsilon, self.theta = alpha, omega, epsilon, theta

    def forward(self, predicted: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each bin."""
        size = (predicted - target).abs()
        power = self.alpha - target
        bend = self.theta / self.epsilon
        slope = self.omega * power * bend ** (power - 1) / (self.epsilon * (1 + bend**power))
        offset = self.theta * slope - self.omega * torch.log1p(bend**power)
        # Each branch is kept where its gradient is finite: the power of 0 is steep, and where() multiplies by 0.
        near = self.omega * torch.log1p((size.clamp(1e-6, self.theta) / self.epsilon) ** power)
        loss = torch.where(size < self.theta, near, slope * size - offset)
        high = functional.max_pool2d(target, 3, 1, 1) >= 0.2
        return loss * (1 + 10 * high)


class SimccCrossEntropy(nn.Module):
    """Cross-entropy along x and along y, between the bins' softmax and a normal distribution around the keypoint."""

    def __init__(self, *, size: tuple[int, int], sigma_px: float) -> None:
        super().__init__()
        self.targets = _Gaussians(size, SIMCC_BIN_PX, sigma_px)

    def forward(self, raw: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Return the mean over labelled keypoints."""
        weight = weight * self.targets.is_inside(target)
        x, y = self.targets.sides(target)
        loss = torch.zeros_like(weight)
        for logits, wanted in ((raw[:, :, : x.shape[2]], x), (raw[:, :, x.shape[2] :], y)):
            share = wanted / wanted.sum(dim=2, keepdim=True).clamp(min=1e-9)
            loss = loss - (share * logits.log_softmax(dim=2)).sum(dim=2)
        return _weighted_mean(loss, weight)


class ResidualLogLikelihood(nn.Module):
    """Residual log-likelihood estimation (Li et al. 2021, arXiv:2107.11291, equation 8).

    The error in units of the predicted spread has a density that a small flow learns, times a Laplace density.
    The flow is needed for training alone.
    """

    def __init__(self, *, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size
        self.flow = _Flow()

    def forward(self, raw: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Return the mean negative log-likelihood of labelled keypoints."""
        spread = raw[:, :, 2:].sigmoid().clamp(min=1e-4)
        error = (raw[:, :, :2] + 0.5 - target / target.new_tensor(self.size)) / spread
        error = torch.where(weight[:, :, None] > 0, error, torch.zeros_like(error))
        flow = self.flow.log_density(error.reshape(-1, 2)).reshape(error.shape[:2])
        laplace = (torch.log(2 * spread) + error.abs()).sum(dim=2)
        return _weighted_mean(torch.log(spread).sum(dim=2) - flow + laplace, weight)


class _Flow(nn.Module):
    """RealNVP of the plane (Dinh et al. 2017, arXiv:1605.08803): six couplings, alternately of x and of y."""

    keep: Tensor

    def __init__(self, n_couplings: int = 6, width: int = 32) -> None:
        super().__init__()
        keep = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).repeat(n_couplings // 2, 1)
        self.register_buffer("keep", keep, persistent=False)
        self.scales = nn.ModuleList(self._make_net(width, nn.Tanh()) for _ in range(n_couplings))
        self.shifts = nn.ModuleList(self._make_net(width, nn.Identity()) for _ in range(n_couplings))

    @staticmethod
    def _make_net(width: int, last: nn.Module) -> nn.Sequential:
        net = nn.Sequential(
            nn.Linear(2, width), nn.LeakyReLU(), nn.Linear(width, width), nn.LeakyReLU(), nn.Linear(width, 2), last
        )
        for layer in net:
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight, gain=0.01)
                nn.init.zeros_(layer.bias)
        return net

    def log_density(self, z: Tensor) -> Tensor:
        """Return the logarithm of the density at points (M, 2)."""
        log_volume = z.new_zeros(len(z))
        for i in reversed(range(len(self.scales))):
            keep = self.keep[i]
            scale = self.scales[i](z * keep) * (1 - keep)
            shift = self.shifts[i](z * keep) * (1 - keep)
            z = keep * z + (1 - keep) * (z - shift) * torch.exp(-scale)
            log_volume = log_volume - scale.sum(dim=1)
        return log_volume - 0.5 * z.square().sum(dim=1) - math.log(2 * math.pi)


class _Gaussians(nn.Module):
    """Bells around keypoints, sampled in the middles of bins."""

    x: Tensor
    y: Tensor

    def __init__(self, size: tuple[int, int], bin_px: int, sigma_px: float) -> None:
        super().__init__()
        self.size, self.sigma_px = size, sigma_px
        self.register_buffer("x", bin_centres(size[0], bin_px), persistent=False)
        self.register_buffer("y", bin_centres(size[1], bin_px), persistent=False)

    def sides(self, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return the bells along x (N, K, W) and along y (N, K, H)."""
        x = (self.x - target[:, :, 0, None]) / self.sigma_px
        y = (self.y - target[:, :, 1, None]) / self.sigma_px
        return torch.exp(-0.5 * x.square()), torch.exp(-0.5 * y.square())

    def forward(self, target: Tensor) -> Tensor:
        """Return the bells (N, K, H, W)."""
        x, y = self.sides(target)
        return y[:, :, :, None] * x[:, :, None, :]

    def is_inside(self, target: Tensor) -> Tensor:
        """Whether keypoints (N, K, 2) lie in the crop, as 0 or 1."""
        return ((target >= 0) & (target < target.new_tensor(self.size))).all(dim=2).to(target.dtype)


def _weighted_mean(loss: Tensor, weight: Tensor) -> Tensor:
    return (loss * weight).sum() / weight.sum().clamp(min=1e-6)
