"""A network rewritten to run faster, number for number the same: what is exported."""

from __future__ import annotations

import copy
import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

from actionpose.training.heads import Deconvolutions
from actionpose.training.network import KeypointNetwork

__all__ = ["RunningNetwork"]

# A new pixel of a 4x4 deconvolution with stride 2 is made of the two old ones nearest to it, along each side.
# For new pixels of even and of odd place: (old one among the three around it, place in the kernel).
_TAPS_OF_THREE = (((1, 1), (0, 3)), ((1, 2), (2, 0)))
# The same for the two new pixels between two old ones.
_TAPS_BETWEEN = (((0, 2), (1, 0)), ((0, 3), (1, 1)))


class RunningNetwork(nn.Module):
    """Crops (N, H, W, C) of uint8 in, keypoints (N, K, 2) in pixels and confidence (N, K) out.

    Parameters
    ----------
    network : KeypointNetwork
        Stays as it is.
    is_quantized : bool
        Whether its numbers will be whole: runtimes have quick convolutions for these, and no deconvolutions.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, network: KeypointNetwork, *, is_quantized: bool) -> None:
        super().__init__()
        network = copy.deepcopy(network).cpu().eval()
        self.backbone, self.head = network.backbone, network.head
        with torch.no_grad():  # the first convolution scales, too
            self.backbone.conv1.weight *= network.scale / 255
        if is_quantized:
            # The same the other way round, and the pool stays beside the first convolution, in floats.
            self.backbone.relu, self.backbone.maxpool = self.backbone.maxpool, self.backbone.relu
        self.register_buffer("shift", network.shift / network.scale * 255)
        maps = getattr(self.head, "maps", None)
        if isinstance(maps, Deconvolutions):
            self.head.maps = _RunningMaps(maps, is_quantized=is_quantized)
        self.eval()

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return keypoints and confidence."""
        n, height, width, channels = image.shape
        planes = image.reshape(n, 1, height, width) if channels == 1 else image.permute(0, 3, 1, 2)
        centred = planes.float() - self.shift
        return self.head.decode(self.head(self.backbone(centred)))


class _RunningMaps(nn.Module):
    """Deconvolutions of which the last is a 2x2 convolution, with its four kinds of new pixels for channels.

    They go through the 1x1 convolution before they are put in their places: fewer numbers to move.
    """

    def __init__(self, maps: Deconvolutions, *, is_quantized: bool) -> None:
        super().__init__()
        *first, last, norm, relu = maps.deconvolutions
        self.first = nn.Sequential(*first)
        if is_quantized:
            _replace_deconvolutions(self.first)
        self.last, self.relu = _write_as_convolution(last, norm, taps=_TAPS_BETWEEN), relu
        n_maps, n_channels = maps.final.weight.shape[:2]
        self.final = nn.Conv2d(4 * n_channels, 4 * n_maps, 1)
        self.shuffle = nn.PixelShuffle(2)
        assert maps.final.bias is not None
        assert self.final.bias is not None
        with torch.no_grad():
            each = maps.final.weight.view(n_maps, 1, n_channels, 1) * torch.eye(4).view(1, 4, 1, 4)
            self.final.weight.copy_(each.reshape(4 * n_maps, 4 * n_channels, 1, 1))
            self.final.bias.copy_(maps.final.bias.repeat_interleave(4))

    def forward(self, features: Tensor) -> Tensor:
        maps: Tensor = self.shuffle(self.final(self.relu(self.last(self.first(features)))))
        # The first new pixel lies between the edge and the first old one; a negative pad is one step, slices are two.
        return functional.pad(maps, (-1, -1, -1, -1))


def _replace_deconvolutions(layers: nn.Sequential) -> None:
    """Write each deconvolution, with its normalisation, as a 3x3 convolution and a shuffle of its channels."""
    for i, layer in enumerate(layers):
        if isinstance(layer, nn.ConvTranspose2d):
            layers[i], layers[i + 1] = (
                _write_as_convolution(layer, layers[i + 1], taps=_TAPS_OF_THREE),
                nn.PixelShuffle(2),
            )


@torch.no_grad()
def _write_as_convolution(
    layer: nn.Module, norm: nn.Module, *, taps: tuple[tuple[tuple[int, int], tuple[int, int]], ...]
) -> nn.Conv2d:
    """Return a convolution whose channels are (channel, row, column) of a 4x4 deconvolution and its normalisation."""
    assert isinstance(layer, nn.ConvTranspose2d)
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_var is not None
    assert norm.running_mean is not None
    n_in, n_out = layer.in_channels, layer.out_channels
    side = 1 + max(place for kind in taps for place, _ in kind)
    convolution = nn.Conv2d(n_in, 4 * n_out, side, padding=1)
    kernel = torch.zeros(n_out, 2, 2, n_in, side, side)
    for a, b in itertools.product(range(2), range(2)):
        for (y, from_y), (x, from_x) in itertools.product(taps[a], taps[b]):
            kernel[:, a, b, :, y, x] = layer.weight[:, :, from_y, from_x].T
    gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    kernel *= gain.view(-1, 1, 1, 1, 1, 1)
    convolution.weight.copy_(kernel.reshape(4 * n_out, n_in, side, side))
    assert convolution.bias is not None
    convolution.bias.copy_((norm.bias - norm.running_mean * gain).repeat_interleave(4))
    return convolution
