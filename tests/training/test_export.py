"""Exporting: what comes out of the folder is what the checkpoint says."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")

from actionpose.errors import InvalidDataError  # noqa: E402
from actionpose.estimators import load_estimator  # noqa: E402
from actionpose.estimators.model_folder import read_model  # noqa: E402
from actionpose.sources.puppet import PuppetSource  # noqa: E402
from actionpose.training.checkpoint import load_model  # noqa: E402
from actionpose.training.dataset import KeypointDataset  # noqa: E402
from actionpose.training.evaluation import evaluate_keypoints, predict_with  # noqa: E402
from actionpose.training.export import export_model  # noqa: E402
from actionpose.training.network import KeypointNetwork  # noqa: E402
from actionpose.training.running import RunningNetwork  # noqa: E402
from actionpose.training.settings import (  # noqa: E402
    LOSSES_OF_HEAD,
    AugmentationSettings,
    NetworkSettings,
    TrainingSettings,
)
from actionpose.training.trainer import Trainer  # noqa: E402
from tests.training.puppets import dot_dataset, puppet_dataset  # noqa: E402


def train(dataset: KeypointDataset, folder: Path, *, epochs: int = 1, **network: object) -> Path:
    settings = TrainingSettings(
        epochs=epochs, batch_size=16, device="cpu", learning_rate=3e-3, augmentation=AugmentationSettings.none()
    )
    chosen = NetworkSettings(width=0.125, deconvolution_channels=16, **network)  # type: ignore[arg-type]
    for _ in Trainer(dataset, folder, network=chosen, settings=settings).run():
        pass
    return folder


@pytest.mark.parametrize(
    ("head", "loss"),
    [
        pytest.param(head, losses[0], marks=() if head == "regress" else pytest.mark.slow)
        for head, losses in LOSSES_OF_HEAD.items()
    ],
)
def test_the_graph_gives_what_the_checkpoint_gives(head: str, loss: str, tmp_path: Path) -> None:
    dots = dot_dataset()
    run = train(dots, tmp_path / "run", head=head, loss=loss)
    report = export_model(load_model(run), tmp_path / "model", name="dots", examples=dots.image, margin=None)
    assert report.largest_difference_px < 1e-3
    assert report.n_bytes == (tmp_path / "model" / "weights.onnx").stat().st_size
    expected, confidence = predict_with(run, dots)
    found, said = predict_with(tmp_path / "model", dots)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    np.testing.assert_allclose(said, confidence, atol=1e-4)
    description, _ = read_model(tmp_path / "model")
    assert description.skeleton.keypoints == dots.skeleton.keypoints
    assert (description.finder, description.margin, description.size) == ("none", None, (32, 32))
    assert set(description.versions) == {"actionpose", "torch", "onnx", "onnxruntime"}


@pytest.mark.parametrize("is_quantized", [False, True])
@pytest.mark.parametrize("head", LOSSES_OF_HEAD)
def test_what_runs_faster_gives_the_same(head: str, is_quantized: bool) -> None:
    torch.manual_seed(0)
    settings = NetworkSettings(width=0.125, head=head, deconvolution_channels=16)  # type: ignore[arg-type]
    network = KeypointNetwork(settings, size=(96, 64), channels=3, n_keypoints=5)
    with torch.no_grad():
        for _ in range(3):
            network(torch.rand(4, 3, 64, 96))  # running means and spreads that are not 0 and 1
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
        image = torch.randint(0, 255, (3, 64, 96, 3), dtype=torch.uint8)
        expected = network.eval().predict(image)
        found = RunningNetwork(network, is_quantized=is_quantized)(image)
    assert expected[0].std() > 1
    torch.testing.assert_close(found[0], expected[0], atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(found[1], expected[1], atol=1e-4, rtol=0)


@pytest.mark.slow
def test_from_pixels_to_a_running_model(tmp_path: Path) -> None:
    puppets = puppet_dataset(size=64, rate_hz=8, script="wave")
    run = train(puppets, tmp_path / "run", epochs=40)
    for precision in ("float32", "int8"):
        export_model(
            load_model(run), tmp_path / precision, name="puppet", examples=puppets.of_part("train").image,
            margin=puppets.margin, precision=precision,
        )  # fmt: skip
    test = puppets.of_part("test")
    scores = {
        name: evaluate_keypoints(test, predict_with(tmp_path / name, test)[0])["all"]["all"].pck_20.value
        for name in ("run", "float32", "int8")
    }
    assert scores["float32"] == scores["run"] > 0.6
    assert scores["int8"] > scores["run"] - 0.1
    sizes = [(tmp_path / name / "weights.onnx").stat().st_size for name in ("float32", "int8")]
    assert sizes[1] < 0.6 * sizes[0]  # a quarter in larger networks
    graph = onnx.load(tmp_path / "int8" / "weights.onnx").graph
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    made = {name: node.op_type for node in graph.node for name in node.output}
    # The first one has too few channels for whole numbers to be quicker.
    assert [made.get(node.input[1]) for node in convolutions] == [None] + ["DequantizeLinear"] * (len(convolutions) - 1)
    errors = []
    with load_estimator(tmp_path / "float32") as estimator, PuppetSource("wave", body=0, rate_hz=8) as puppet:
        for frame in iter(puppet.read, None):
            truth = puppet.truth(frame.index)
            for pose in estimator.estimate(frame):
                indices = truth.skeleton.indices(pose.skeleton.keypoints)
                errors.append(np.hypot(*(pose.position - truth.image_position[indices]).T))
    assert len(errors) > 10
    assert np.median(errors) < 25


def test_a_dataset_of_other_keypoints_or_pictures_is_refused(tmp_path: Path) -> None:
    dots = dot_dataset()
    run = train(dots, tmp_path / "run")
    export_model(load_model(run), tmp_path / "model", name="dots", examples=dots.image, margin=None)
    for folder in (run, tmp_path / "model"):
        with pytest.raises(InvalidDataError, match="keypoints are bright, dark, the dataset's left_shoulder"):
            predict_with(folder, puppet_dataset())
        with pytest.raises(InvalidDataError, match="takes pictures of 32x32 with 1 channels"):
            predict_with(folder, replace(dots, image=np.repeat(dots.image, 3, axis=3)))


def test_a_missing_exporter_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from actionpose.training.errors import TrainingError

    dots = dot_dataset()
    model = load_model(train(dots, tmp_path / "run"))
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(TrainingError, match="needs onnx and onnxscript"):
        export_model(model, tmp_path / "model", name="dots", examples=dots.image, margin=None)
