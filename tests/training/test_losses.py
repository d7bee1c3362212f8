"""Losses: gradients against differences, known values, and what they must ignore."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from actionpose.training import losses  # noqa: E402
from actionpose.training.heads import RegressHead  # noqa: E402
from actionpose.training.network import KeypointNetwork, make_loss  # noqa: E402
from actionpose.training.settings import LOSSES_OF_HEAD, NetworkSettings  # noqa: E402

SIZE = (64, 32)
PAIRS = [(head, loss) for head, choices in LOSSES_OF_HEAD.items() for loss in choices]


def make(head: str, loss: str) -> tuple[KeypointNetwork, torch.nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    settings = NetworkSettings(width=0.125, head=head, loss=loss, deconvolution_channels=8)
    network = KeypointNetwork(settings, size=SIZE, channels=1, n_keypoints=3)
    measure = make_loss(settings, network, size=SIZE).double()
    raw = network(torch.rand(2, 1, SIZE[1], SIZE[0])).detach().double()
    return network.double(), measure, raw + 0.3 * torch.randn_like(raw)


TARGET = torch.tensor([[[10.0, 20.0], [33.3, 7.7], [60.0, 30.0]], [[1.0, 1.0], [50.0, 16.0], [32.0, 16.0]]]).double()


@pytest.mark.parametrize(("head", "loss"), PAIRS)
def test_gradients_are_those_of_differences(head: str, loss: str) -> None:
    _, measure, raw = make(head, loss)
    weight = torch.tensor([[1.0, 0.5, 0.0], [1.0, 0.0, 1.0]]).double()
    raw.requires_grad_()
    measure(raw, TARGET, weight).backward()
    rng = np.random.default_rng(0)
    gradient, step = raw.grad, 1e-6
    assert gradient is not None
    assert gradient.abs().max() > 0
    for _ in range(5):
        direction = torch.from_numpy(rng.normal(size=raw.shape))
        with torch.no_grad():
            up, down = (measure(raw + sign * step * direction, TARGET, weight) for sign in (1, -1))
        assert float((gradient * direction).sum()) == pytest.approx(float(up - down) / (2 * step), rel=1e-4, abs=1e-7)


@pytest.mark.parametrize(("head", "loss"), PAIRS)
def test_keypoints_without_weight_do_not_count(head: str, loss: str) -> None:
    _, measure, raw = make(head, loss)
    weight = torch.ones(2, 3).double()
    weight[0, 1] = 0
    other = TARGET.clone()
    other[0, 1] = torch.tensor([3.0, 3.0])
    raw.requires_grad_()
    measure(raw, TARGET, weight).backward()
    with torch.no_grad():
        assert float(measure(raw, other, weight)) == float(measure(raw, TARGET, weight))
    assert raw.grad is not None
    assert raw.grad[0, 1].abs().max() == 0


@pytest.mark.parametrize(("head", "loss"), PAIRS)
def test_nothing_labelled_is_no_loss(head: str, loss: str) -> None:
    _, measure, raw = make(head, loss)
    raw.requires_grad_()
    value = measure(raw, TARGET, torch.zeros(2, 3).double())
    value.backward()
    assert float(value.detach()) == 0
    assert raw.grad is not None
    assert torch.isfinite(raw.grad).all()


@pytest.mark.parametrize(("head", "loss"), PAIRS)
def test_descending_the_loss_finds_the_keypoints(head: str, loss: str) -> None:
    network, measure, raw = make(head, loss)
    weight = torch.ones(2, 3).double()
    raw = raw.requires_grad_()
    optimizer = torch.optim.Adam([raw], lr=0.2 if head in ("heatmap", "simcc", "integral") else 0.02)
    for _ in range(300):
        optimizer.zero_grad()
        measure(raw, TARGET, weight).backward()
        optimizer.step()
    keypoints, confidence = network.head.decode(raw.detach())
    is_map = head in ("heatmap", "simcc")
    # At the rim a bell is cut off, and so is the neighbourhood its centre is taken of.
    inner = [(0, 1), (1, 1), (1, 2), (0, 0)]
    for n, k in inner:
        assert float(torch.dist(keypoints[n, k], TARGET[n, k])) < 1
    assert (confidence >= 0).all()
    assert (confidence <= 1).all()
    if is_map:
        assert confidence.min() > 0.7


def test_wing_is_that_of_the_paper() -> None:
    wing = losses.Wing(w=10, epsilon=2)
    found = wing(torch.tensor([0.0, 1.0, -5.0, 10.0, 30.0]))
    offset = 10 - 10 * math.log(1 + 10 / 2)
    expected = [0.0, 10 * math.log(1.5), 10 * math.log(3.5), 10 - offset, 30 - offset]
    assert found.tolist() == pytest.approx(expected, rel=1e-6)


def test_adaptive_wing_is_that_of_the_paper() -> None:
    found = losses.AdaptiveWing()(torch.tensor([[[[0.3]]], [[[0.0]]]]), torch.tensor([[[[0.1]]], [[[1.0]]]]))
    near = 14 * math.log(1 + 0.2 ** (2.1 - 0.1))
    power = 2.1 - 1
    a = 14 * (1 / (1 + 0.5**power)) * power * 0.5 ** (power - 1)
    far = a * 1.0 - (0.5 * a - 14 * math.log(1 + 0.5**power))
    assert found.flatten().tolist() == pytest.approx([near, 11 * far], rel=1e-5)


def test_smooth_l1_meets_in_the_middle() -> None:
    found = losses.SmoothL1(beta=0.5)(torch.tensor([0.1, 0.5, 2.0]))
    assert found.tolist() == pytest.approx([0.01, 0.25, 1.75])


def test_the_flow_is_a_density() -> None:
    torch.manual_seed(0)
    flow = losses._Flow()
    for parameter in flow.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    side = torch.linspace(-12, 12, 400)
    places = torch.stack(torch.meshgrid(side, side, indexing="ij"), dim=2).reshape(-1, 2)
    with torch.no_grad():
        mass = flow.log_density(places).exp().sum() * (side[1] - side[0]) ** 2
    assert float(mass) == pytest.approx(1, abs=0.01)


def test_a_keypoint_outside_the_crop_has_no_bin() -> None:
    _, measure, raw = make("heatmap", "cross_entropy")
    outside = TARGET.clone()
    outside[0, 0] = torch.tensor([-1.0, 5.0])
    weight = torch.zeros(2, 3).double()
    weight[0, 0] = 1
    assert float(measure(raw, outside, weight)) == 0


def test_a_spread_widens_with_the_error() -> None:
    head = RegressHead(4, 1, size=(32, 32), has_spread=True)
    raw = torch.tensor([[[0.1, 0.1, -5.0, -5.0]]])
    _, sure = head.decode(raw)
    _, unsure = head.decode(torch.tensor([[[0.1, 0.1, 1.0, 1.0]]]))
    assert sure > 0.9
    assert unsure == 0
