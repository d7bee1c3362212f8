"""ResNet (He et al. 2016, arXiv:1512.03385), with torchvision's names, so that published weights fit.

As there, the stride of a bottleneck lies on its 3x3 convolution ("v1.5").
"""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["ResNet"]

_BLOCKS = {
    "resnet18": (2, 2, 2, 2),
    "resnet34": (3, 4, 6, 3),
    "resnet50": (3, 4, 6, 3),
    "resnet101": (3, 4, 23, 3),
}
_BOTTLENECKS = ("resnet50", "resnet101")
_STAGE_WIDTHS = (64, 128, 256, 512)


class _BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, n_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _make_shortcut(n_in, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        shortcut: Tensor = x if self.downsample is None else self.downsample(x)
        return self.relu(y + shortcut)  # type: ignore[no-any-return]


class _Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, n_in: int, width: int, stride: int) -> None:
        super().__init__()
        n_out = width * self.expansion
        self.conv1 = nn.Conv2d(n_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, n_out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(n_out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _make_shortcut(n_in, n_out, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        shortcut: Tensor = x if self.downsample is None else self.downsample(x)
        return self.relu(y + shortcut)  # type: ignore[no-any-return]


class ResNet(nn.Module):
    """The convolutional part: (N, C, H, W) to (N, n_features, H/32, W/32).

    Parameters
    ----------
    name : str
        ``resnet18``, ``resnet34``, ``resnet50`` or ``resnet101``.
    width : float
        Channels in units of the published network's, in steps of 8.
    channels : int
        Of the picture: 1 or 3.
    """

    def __init__(self, name: str, *, width: float = 1.0, channels: int = 3) -> None:
        super().__init__()
        block = _Bottleneck if name in _BOTTLENECKS else _BasicBlock
        widths = [max(8, 8 * round(stage * width / 8)) for stage in _STAGE_WIDTHS]
        self.conv1 = nn.Conv2d(channels, widths[0], 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.relu: nn.Module = nn.ReLU(inplace=True)
        self.maxpool: nn.Module = nn.MaxPool2d(3, 2, 1)
        n_in, stages = widths[0], []
        for stage, (n_blocks, n_width) in enumerate(zip(_BLOCKS[name], widths, strict=True)):
            blocks: list[nn.Module] = []
            for i in range(n_blocks):
                blocks.append(block(n_in, n_width, 2 if stage and not i else 1))
                n_in = n_width * block.expansion
            stages.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.n_features = n_in
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Return the last stage's features."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        return x

    def load_published(self, weights: dict[str, Tensor]) -> None:
        """Take over a torchvision state dict; its classifier is left out, and a gray picture sums the colours' filters.

        Raises
        ------
        RuntimeError
            If names or shapes do not fit: another depth or width.
        """
        weights = {name: value for name, value in weights.items() if not name.startswith("fc.")}
        first = weights.get("conv1.weight")
        if first is not None and first.shape[1] == 3 and self.conv1.weight.shape[1] == 1:
            weights["conv1.weight"] = first.sum(dim=1, keepdim=True)
        self.load_state_dict(weights)


def _make_shortcut(n_in: int, n_out: int, stride: int) -> nn.Sequential | None:
    if n_in == n_out and stride == 1:
        return None
    return nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out))
