"""Keypoint models of one's own: how exact they become, and how quick they are.

    python -m tests.benchmarks.bench_keypoints student    a student of MediaPipe, on the clips of ACTIONPOSE_DATA
    python -m tests.benchmarks.bench_keypoints strangers  the same, tested on clips of people never seen
    python -m tests.benchmarks.bench_keypoints puppets    trained on some bodies, tested on others, with exact truth
    python -m tests.benchmarks.bench_keypoints openfield  DeepLabCut's mice, 80 % of 116 pictures
    python -m tests.benchmarks.bench_keypoints heads      heads and losses on one small set, three seeds each
    python -m tests.benchmarks.bench_keypoints speed      time against MediaPipe's, one thread

``--epochs N`` changes how long is trained; ``--work FOLDER`` keeps what was made. Times of training are processor
seconds of one thread.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import cv2
import numpy as np
import onnxruntime
import torch

from actionpose.estimators.crops import Box, cut_crop
from actionpose.estimators.mediapipe import import_mediapipe
from actionpose.estimators.model_folder import read_model
from actionpose.estimators.onnx import load_session, run_session
from actionpose.skeleton import UPPER_BODY_6
from actionpose.sources import open_source
from actionpose.sources.puppet import PuppetSource
from actionpose.sources.puppet_moves import ACTIONS
from actionpose.training.build import DEFAULT_MARGIN, build_dataset
from actionpose.training.checkpoint import TrainedModel, load_model
from actionpose.training.collect import Collector
from actionpose.training.dataset import KeypointDataset, load_dataset, save_dataset, split
from actionpose.training.evaluation import evaluate_keypoints, predict_with
from actionpose.training.export import export_model
from actionpose.training.importers import load_deeplabcut
from actionpose.training.network import KeypointNetwork
from actionpose.training.settings import (
    LOSSES_OF_HEAD,
    AugmentationSettings,
    HeadKind,
    LossKind,
    NetworkSettings,
    TrainingSettings,
)
from actionpose.training.trainer import Trainer
from tests.training.puppets import crop_puppets

CLIPS = ("exercise.avi", "jumpingjack_*", "squat_*")
_PASSES, _STRETCH, _UNTIMED = 3, 15, 3
STRANGERS = ("_001", "_002", "_009")

_SPEEDS: tuple[tuple[str, NetworkSettings, Literal["float32", "int8"]], ...] = (
    ("half width", NetworkSettings(), "float32"),
    ("half width, int8", NetworkSettings(), "int8"),
    ("full width", NetworkSettings(width=1.0), "float32"),
    ("full width, int8", NetworkSettings(width=1.0), "int8"),
    ("full width, regress", NetworkSettings(width=1.0, head="regress"), "float32"),
)


def data_folder() -> Path:
    """Return the folder of research data."""
    return Path(os.environ["ACTIONPOSE_DATA"])


def student_dataset(work: Path) -> KeypointDataset:
    """Label the clips, or take what was made before."""
    path = work / "student.npz"
    if not path.exists():
        start = time.process_time()
        collector = Collector(work / "labels", UPPER_BODY_6)
        for pattern in CLIPS:
            for clip in sorted((data_folder() / "video").glob(pattern)):
                with open_source(clip) as source:
                    collector.read(source)
        save_dataset(split(build_dataset(collector.finish())), path)
        print(f"labelled {collector.n_kept} of {collector.n_seen} frames, {time.process_time() - start:.0f} s")
    return load_dataset(path)


def train(
    dataset: KeypointDataset, folder: Path, *, network: NetworkSettings, settings: TrainingSettings
) -> tuple[Path, float]:
    """Train from scratch; folder and processor seconds."""
    shutil.rmtree(folder, ignore_errors=True)
    start = time.process_time()
    for _ in Trainer(dataset, folder, network=network, settings=settings).run():
        pass
    return folder, time.process_time() - start


def in_crop_pixels(dataset: KeypointDataset) -> KeypointDataset:
    """Return crops that count as whole pictures: bodies in different pictures are of very different sizes."""
    return replace(dataset, box=np.tile(np.array([0, 0, *dataset.size], np.float32), (len(dataset), 1)))


def report(title: str, dataset: KeypointDataset, model: Path) -> None:
    """Print the scores of all keypoints and of each; pixels are those of the crops."""
    predicted, _ = predict_with(model, dataset)
    for labels, scores in evaluate_keypoints(in_crop_pixels(dataset), predicted).items():
        total = scores["all"]
        each = " ".join(f"{name} {score.pck_20.value:.3f}" for name, score in scores.items() if name != "all")
        print(
            f"{title:12} {labels:4} PCK@.1 {total.pck_10.value:.3f} @.2 {total.pck_20.value:.3f} "
            f"[{total.pck_20.low:.3f}, {total.pck_20.high:.3f}] n {total.pck_20.n} "
            f"median {total.median_px:.2f} px mean {total.mean_px:.2f} px | {each}",
            flush=True,
        )


def bench_student(work: Path, epochs: int | None) -> None:
    """Tested on the last fifth of every clip."""
    dataset = student_dataset(work)
    settings = TrainingSettings(epochs=epochs or 52)
    run, seconds = train(dataset, work / "student", network=NetworkSettings(), settings=settings)
    print(f"trained {settings.epochs} epochs in {seconds:.0f} s")
    report("later blocks", dataset.of_part("test"), run)
    examples = dataset.of_part("train").image
    for precision in ("float32", "int8"):
        folder = work / f"student-{precision}"
        exported = export_model(
            load_model(run), folder, name="student", examples=examples, margin=dataset.margin, precision=precision
        )
        print(exported)
        report(precision, dataset.of_part("test"), folder)


def bench_strangers(work: Path, epochs: int | None) -> None:
    """Tested on whole clips of people never seen, with and without puppets as further people."""
    dataset = student_dataset(work)
    names = np.unique(dataset.source)
    strangers = np.isin(dataset.source, [name for name in names if name.endswith(STRANGERS)])
    known = replace(split(dataset[~strangers], test=0), part=np.full(int((~strangers).sum()), "train"))
    puppets = replace(puppet_dataset(range(100, 124), size=128), part=None)
    for title, trained_on in (
        ("known", known),
        ("with puppets", KeypointDataset.concatenate([known, puppets])),
    ):
        settings = TrainingSettings(epochs=epochs or round(52 * len(known) / len(trained_on)))
        run, seconds = train(trained_on, work / "strangers", network=NetworkSettings(), settings=settings)
        print(f"{title}: {len(trained_on)} pictures, {settings.epochs} epochs, {seconds:.0f} s")
        report("strangers", dataset[strangers], run)


def puppet_dataset(bodies: range, *, size: int, rate_hz: float = 2.0) -> KeypointDataset:
    """Crops of puppets, each doing three actions."""
    actions = sorted(ACTIONS)
    scripts = {body: [actions[(3 * body + i) % len(actions)] for i in range(3)] for body in bodies}
    puppets = (PuppetSource(script, body=body, rate_hz=rate_hz) for body, script in scripts.items())
    return crop_puppets(puppets, size=size)


def bench_puppets(work: Path, epochs: int | None) -> None:
    """Tested on bodies never seen."""
    dataset, others = puppet_dataset(range(40), size=128), puppet_dataset(range(1000, 1012), size=128)
    settings = TrainingSettings(epochs=epochs or 25)
    run, seconds = train(dataset, work / "puppets", network=NetworkSettings(), settings=settings)
    print(f"{len(dataset)} pictures of 40 bodies, {settings.epochs} epochs, {seconds:.0f} s")
    report("other bodies", others, run)


def bench_openfield(work: Path, epochs: int | None) -> None:
    """Tested on 23 of 116 pictures drawn at random, in pixels of the 640x480 pictures."""
    folder = data_folder() / "keypoints" / "dlc_openfield" / "labeled-data" / "m4s1"
    labels = load_deeplabcut(folder / "CollectedData_Pranav.csv")
    dataset = split(
        build_dataset(labels, size=(320, 256), channels=3, margin=None), by="random", validation=0, test=0.2
    )
    settings = TrainingSettings(epochs=epochs or 400, augmentation=AugmentationSettings(rotation_deg=180, part=0.5))
    network = NetworkSettings(sigma_px=3.0, deconvolution_channels=64)
    run, seconds = train(dataset, work / "openfield", network=network, settings=settings)
    test = dataset.of_part("test")
    predicted, _ = predict_with(run, test)
    scores = evaluate_keypoints(test, predicted)["all"]
    each = " ".join(f"{name} {scores[name].median_px:.2f}" for name in dataset.skeleton.keypoints)
    print(
        f"{settings.epochs} epochs, {seconds:.0f} s: median {scores['all'].median_px:.2f} px, "
        f"mean {scores['all'].mean_px:.2f} px of 640x480 | {each}"
    )


def bench_heads(work: Path, epochs: int | None) -> None:
    """Three seeds each, puppets of 64x64, tested on bodies never seen."""
    dataset, others = puppet_dataset(range(20), size=64), puppet_dataset(range(1000, 1006), size=64)
    pairs: list[tuple[HeadKind, LossKind]] = [(h, loss) for h, losses in LOSSES_OF_HEAD.items() for loss in losses]
    for head, loss in pairs:
        found = []
        for seed in range(3):
            network = NetworkSettings(width=0.25, head=head, loss=loss, sigma_px=2.5)
            settings = TrainingSettings(epochs=epochs or 25, seed=seed)
            run, seconds = train(dataset, work / "heads", network=network, settings=settings)
            score = evaluate_keypoints(in_crop_pixels(others), predict_with(run, others)[0])["all"]["all"]
            found.append((score.pck_20.value, score.pck_10.value, score.mean_px, seconds))
        columns = list(zip(*found, strict=True))
        text = "  ".join(f"{statistics.mean(c):.3f} (±{statistics.pstdev(c):.3f})" for c in columns[:3])
        print(f"{head:8} {loss:13} PCK@.2, @.1, mean px: {text}  {statistics.mean(columns[3]):.0f} s", flush=True)


def bench_speed(work: Path, epochs: int | None) -> None:  # noqa: ARG001
    """Untrained networks take as long as trained ones; MediaPipe "full" tracks a puppet in the same run."""
    cv2.setNumThreads(1)
    with PuppetSource("wave", rate_hz=30) as puppet:
        images = [frame.image for frame in iter(puppet.read, None) if frame.image is not None][:60]
    crops = puppet_dataset(range(2), size=128).image
    box = Box(left=100.0, top=50.0, width=350.0, height=350.0)
    candidates: list[tuple[str, Callable[[int], object]]] = []
    for title, network, precision in _SPEEDS:
        model = _untrained(network)
        folder = work / title
        export_model(model, folder, name=title, examples=crops, margin=DEFAULT_MARGIN, precision=precision)
        description, weights = read_model(folder)
        session = load_session(weights, description)
        candidates.append((title, lambda _, session=session: run_session(session, crops[:1])))
    candidates.append(("crop", lambda i: cut_crop(images[i], box, (128, 128), channels=1)))
    candidates.append(("decode", _make_decoder(_untrained(NetworkSettings()), work / "decode.onnx")))
    with import_mediapipe().solutions.pose.Pose(model_complexity=1) as pose:
        candidates.insert(0, ("MediaPipe full", lambda i: pose.process(images[i])))
        times: dict[str, list[float]] = {name: [] for name, _ in candidates}
        # In turns, so that all meet the same machine; a stretch each, since live nothing else runs between two frames.
        for _, start, (name, call) in itertools.product(range(_PASSES), range(0, len(images), _STRETCH), candidates):
            clock = time.process_time if name == "MediaPipe full" else time.thread_time
            for i in range(start, min(start + _STRETCH, len(images))):
                before = clock()
                call(i)
                if i >= start + _UNTIMED:
                    times[name].append(1e3 * (clock() - before))
    # What else the machine does only adds: the quickest fifth tells more than the median where it is busy.
    spread = {name: np.quantile(values, (0.2, 0.5)).tolist() for name, values in times.items()}
    quick, median = spread["MediaPipe full"]
    for name, (low, middle) in spread.items():
        print(f"{name:22} median {middle:6.2f} ms 1/{median / middle:.1f}   fifth {low:6.2f} ms 1/{quick / low:.1f}")
    share = (spread["crop"][0] + spread["decode"][0]) / spread[_SPEEDS[0][0]][0]
    print(f"crop and decode: {100 * share:.1f} % of the default model's time")


def _untrained(network: NetworkSettings) -> TrainedModel:
    size, skeleton = (128, 128), UPPER_BODY_6
    made = KeypointNetwork(network, size=size, channels=1, n_keypoints=skeleton.n_keypoints).eval()
    return TrainedModel(network=made, settings=network, skeleton=skeleton, size=size, channels=1)


def _make_decoder(model: TrainedModel, path: Path) -> Callable[[int], object]:
    """Return what runs the last part of a model's graph alone, from maps to keypoints."""

    class Decoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = model.network.head

        def forward(self, raw: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return self.head.decode(raw)

    raw = torch.randn(1, model.skeleton.n_keypoints, 32, 32)
    torch.onnx.export(Decoder(), (raw,), str(path), dynamo=True, external_data=False, verbose=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    fed = {session.get_inputs()[0].name: raw.numpy()}
    return lambda _: session.run(None, fed)


BENCHES = {
    "student": bench_student,
    "strangers": bench_strangers,
    "puppets": bench_puppets,
    "openfield": bench_openfield,
    "heads": bench_heads,
    "speed": bench_speed,
}


def main() -> None:
    """Run one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", choices=BENCHES)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with TemporaryDirectory() as scratch:
        work = options.work or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        BENCHES[options.bench](work, options.epochs)


if __name__ == "__main__":
    main()
