"""A keypoint network: backbone, head and loss, put together by their settings."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from actionpose.training import losses
from actionpose.training.heads import HeatmapHead, IntegralHead, RegressHead, SimccHead
from actionpose.training.resnet import ResNet
from actionpose.training.settings import NetworkSettings

__all__ = ["KeypointNetwork", "make_loss"]

Head = HeatmapHead | IntegralHead | SimccHead | RegressHead

# Of ImageNet, so that published weights see what they are used to; gray is the mean of the colours.
_MEAN = {1: (0.449,), 3: (0.485, 0.456, 0.406)}
_STD = {1: (0.226,), 3: (0.229, 0.224, 0.225)}


class KeypointNetwork(nn.Module):
    """Crops in, keypoints out.

    Parameters
    ----------
    settings : NetworkSettings
        What it looks like.
    size : (int, int)
        Width and height of the crops.
    channels : int
        1 for gray, 3 for RGB.
    n_keypoints : int
        K.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, settings: NetworkSettings, *, size: tuple[int, int], channels: int, n_keypoints: int) -> None:
        super().__init__()
        self.backbone = ResNet(settings.backbone, width=settings.width, channels=channels)
        self.head = _make_head(settings, self.backbone.n_features, n_keypoints, size)
        mean, std = (torch.tensor(values[channels]).view(1, -1, 1, 1) for values in (_MEAN, _STD))
        self.register_buffer("scale", 1 / std, persistent=False)
        self.register_buffer("shift", mean / std, persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """Return the head's raw output for pictures (N, C, H, W) from 0 to 1."""
        return self._look(image * self.scale - self.shift)

    def predict(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return keypoints (N, K, 2) in pixels and confidence (N, K) for pictures (N, H, W, C) of uint8."""
        image = image.permute(0, 3, 1, 2).to(self.scale.dtype)
        return self.head.decode(self._look(image * (self.scale / 255) - self.shift).float())

    def _look(self, normalised: Tensor) -> Tensor:
        raw: Tensor = self.head(self.backbone(normalised))
        return raw


def make_loss(settings: NetworkSettings, network: KeypointNetwork, *, size: tuple[int, int]) -> nn.Module:
    """Return the loss of the settings; see `actionpose.training.losses`."""
    sigma_px, head = settings.sigma_px, network.head
    if isinstance(head, HeatmapHead):
        if settings.loss == "cross_entropy":
            return losses.HeatmapCrossEntropy(size=size, sigma_px=sigma_px)
        pointwise = losses.SquaredDifference() if settings.loss == "mse" else losses.AdaptiveWing()
        return losses.HeatmapLoss(pointwise, size=size, sigma_px=sigma_px)
    if isinstance(head, SimccHead):
        return losses.SimccCrossEntropy(size=size, sigma_px=sigma_px)
    if settings.loss == "rle":
        return losses.ResidualLogLikelihood(size=size)
    pointwise = {"mse": losses.MeanSquares, "smooth_l1": losses.SmoothL1, "wing": losses.Wing}[settings.loss]()
    return losses.CoordinateLoss(head, pointwise, size=size)


def _make_head(settings: NetworkSettings, n_features: int, n_keypoints: int, size: tuple[int, int]) -> Head:
    if settings.head == "heatmap":
        return HeatmapHead(
            n_features,
            n_keypoints,
            size=size,
            channels=settings.deconvolution_channels,
            sigma_px=settings.sigma_px,
            is_distribution=settings.loss == "cross_entropy",
        )
    if settings.head == "integral":
        channels = settings.deconvolution_channels
        return IntegralHead(n_features, n_keypoints, size=size, channels=channels, sigma_px=settings.sigma_px)
    if settings.head == "simcc":
        return SimccHead(n_features, n_keypoints, size=size, sigma_px=settings.sigma_px)
    return RegressHead(n_features, n_keypoints, size=size, has_spread=settings.loss == "rle")
