"""``actionpose keypoints``, from collecting to a running model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from actionpose.cli.keypoint_progress import draw_curve
from actionpose.training.dataset import load_dataset, save_dataset
from tests.cli.conftest import Run
from tests.training.puppets import dot_dataset

pytest.importorskip("torch")

TINY = ("--width", "0.125", "--epochs", "2", "--batch", "16", "--device", "cpu")


@pytest.fixture
def dots(tmp_path: Path) -> Path:
    save_dataset(dot_dataset(), tmp_path / "dots.npz")
    return tmp_path / "dots.npz"


@pytest.mark.slow
def test_quickstart_from_video_to_recognising(run: Run, tmp_path: Path) -> None:
    source = "puppet:wave,clap?fps=8&pause=0.4"
    result = run("keypoints", "quickstart", source, "-o", "models/me", "--minutes", "0.05")
    assert "Try it" not in result.stderr  # three seconds teach nothing
    assert "This model is not one to rely on:\n- " in result.stderr
    assert "more --minutes" in result.stderr
    model = tmp_path / "models" / "me"
    assert json.loads((model / "model.json").read_text())["skeleton"]["name"] == "upper_body_6"
    for name in ("training/labels/contact_sheet.jpg", "training/data.npz", "training/run/report.html"):
        assert (model / name).stat().st_size > 1000
    assert "<h1>Training of run</h1>" in (model / "training/run/report.html").read_text()
    judged = run(
        "keypoints",
        "evaluate",
        "models/me",
        "models/me/training/data.npz",
        "--json",
        "--teacher",
        "--worst",
        "worst.jpg",
    )
    # "sure" comes beside "all" where the two passes of the teacher disagree on a keypoint.
    assert set(json.loads(judged.stdout)) - {"sure"} == {"coco", "all", "teacher"}
    scores = json.loads(judged.stdout)["all"]
    assert set(scores) == {"all", *load_dataset(model / "training/data.npz").skeleton.keypoints}
    assert scores["all"]["pck_20"]["n"] > 10
    assert (tmp_path / "worst.jpg").stat().st_size > 1000
    run("keypoints", "configure", "models/me", "--smooth")
    said = run("keypoints", "analyze", source, "--model", "models/me", "-o", "analysis").stderr
    assert "a body in" in said
    table = (tmp_path / "analysis" / "keypoints.csv").read_text().splitlines()
    assert table[0].startswith("time_s,left_shoulder_x,left_shoulder_y,left_shoulder_confidence")
    assert len(table) > 20
    for name in ("trajectories.png", "trajectories.svg", "labelled.mp4"):
        assert (tmp_path / "analysis" / name).stat().st_size > 1000


def test_train_evaluate_and_resume(run: Run, dots: Path) -> None:
    trained = run("keypoints", "train", dots, "-o", "run", *TINY).stderr
    assert "px: pixels of the labelled pictures." in trained
    judged = run("keypoints", "evaluate", "run", dots)
    assert all(word in judged.stdout for word in ("PCK@0.1", "AUC", "NME", "bright", "AP50", "AP75"))
    assert "px: pixels of the labelled pictures; one of the model's 32x32 is 1.00 of them." in judged.stdout
    for said in (trained, judged.stderr):
        assert "This model is not one to rely on:" in said
        assert "- It was trained on 33 pictures, and will be wrong in others." in said
        assert "- The training made 6 steps" in said
    found = json.loads(run("keypoints", "evaluate", "run", dots, "--reference", "bright,dark", "--json").stdout)
    assert set(found) == {"coco", "all"}
    assert set(found["coco"]) >= {"ap", "ap50", "ap75", "ar"}
    assert found["all"]["bright"]["pck_50"]["n"] > 5
    refused = run("keypoints", "train", dots, "-o", "run", *TINY, code=1)
    assert "holds a training already" in refused.stderr
    assert "--resume" in refused.stderr
    run("keypoints", "train", dots, "-o", "run", "--resume")


def test_pixels_are_those_of_the_labelled_pictures(run: Run, dots: Path, tmp_path: Path) -> None:
    dataset = load_dataset(dots)
    save_dataset(replace(dataset, box=dataset.box * 5), tmp_path / "large.npz")  # seen at a fifth of their size
    run("keypoints", "train", dots, "-o", "run", *TINY)
    small, large = (
        json.loads(run("keypoints", "evaluate", "run", name, "--json").stdout)["all"]["bright"]
        for name in (dots, "large.npz")
    )
    for name in ("mean_px", "median_px"):
        assert large[name] == pytest.approx(5 * small[name])
    assert large["pck_20"] == small["pck_20"]
    shown = run("keypoints", "evaluate", "run", "large.npz").stdout
    assert f"{large['mean_px']:.2f}" in shown
    assert "one of the model's 32x32 is 5.00 of them" in shown


@pytest.mark.slow
def test_an_exported_model_is_one_to_try_only_if_it_is(run: Run, tmp_path: Path) -> None:
    import torch

    from actionpose.training.settings import AugmentationSettings, NetworkSettings, TrainingSettings
    from actionpose.training.trainer import Trainer

    torch.set_num_threads(1)
    dataset = dot_dataset(240)
    save_dataset(dataset, tmp_path / "dots.npz")
    network = NetworkSettings(width=0.125, deconvolution_channels=16, sigma_px=2.0)
    for name, epochs, is_good in (("bad", 1, False), ("good", 60, True)):
        settings = TrainingSettings(
            epochs=epochs, patience=100, learning_rate=5e-3, device="cpu", augmentation=AugmentationSettings.none()
        )
        for _ in Trainer(dataset, tmp_path / name, network=network, settings=settings).run():
            pass
        said = run("keypoints", "export", name, "dots.npz", "-o", f"models/{name}").stderr
        assert ("Try it: actionpose live --model models/" in said) == is_good
        assert ("This model is not one to rely on" in said) != is_good
        assert "px of its 32x32 pictures from the checkpoint" in said


def test_a_dataset_is_built_of_a_table(run: Run, tmp_path: Path, dots: Path) -> None:
    import cv2

    dataset = load_dataset(dots)
    lines = ["image,bright_x,bright_y,dark_x,dark_y"]
    for i, (image, keypoints) in enumerate(zip(dataset.image, dataset.keypoints, strict=True)):
        cv2.imwrite(str(tmp_path / f"{i}.png"), image)
        lines.append(",".join([f"{i}.png", *(f"{value:.3f}" for value in keypoints.ravel())]))
    (tmp_path / "table.csv").write_text("\n".join(lines))
    result = run(
        "keypoints", "build", "table.csv", "--format", "csv", "--whole", "--size", "32x32", "--split", "random",
        "-o", "data.npz",
    )  # fmt: skip
    assert "48 pictures of 32x32, gray, csv (33 train, 5 validation, 10 test)" in result.stderr
    built = load_dataset(tmp_path / "data.npz")
    assert (built.image == dataset.image).all()
    assert abs(built.keypoints - dataset.keypoints).max() < 0.01


def test_what_is_left_out_is_said(run: Run, tmp_path: Path) -> None:
    import cv2
    import numpy as np

    lines = ["image,nose_x,nose_y,tail_x,tail_y"]
    for i in range(12):
        cv2.imwrite(str(tmp_path / f"{i}.jpg"), np.random.default_rng(i).integers(0, 255, (60, 80, 3), np.uint8))
        lines.append(f"{i}.jpg,{10 + i},20,60,40")
    (tmp_path / "table.csv").write_text("\n".join([*lines, "gone.jpg,1,2,3,4"]))
    cut = tmp_path / "11.jpg"
    cut.write_bytes(cut.read_bytes()[:-100])
    said = run("keypoints", "build", "table.csv", "--format", "csv", "--whole", "--size", "32x32", "-o", "d.npz").stderr
    assert "note: Left out 1 of 13 pictures, not found: gone.jpg." in said
    assert "note: Left out 1 of 12 labelled bodies, the file is cut short:" in said
    assert "11 pictures of 32x32, gray, csv (8 train, 1 validation, 2 test). Split: source." in said
    for i in range(12):
        (tmp_path / f"{i}.jpg").write_bytes(b"")
    said = run("keypoints", "build", "table.csv", "--format", "csv", "--whole", "-o", "e.npz", code=1).stderr
    assert "not found: gone.jpg" in said
    assert (
        "error: None of the 12 labelled pictures can be used. Left out 12 of 12 labelled bodies, cannot be read" in said
    )


def test_videos_of_one_name_in_two_tables_stay_two_sources(run: Run, tmp_path: Path) -> None:
    import cv2
    import numpy as np

    for folder, n in (("a", 10), ("b", 20)):
        (tmp_path / folder).mkdir()
        lines = ["image,source,time_s,nose_x,nose_y,tail_x,tail_y"]
        for i in range(n):
            cv2.imwrite(str(tmp_path / folder / f"{i}.png"), np.zeros((60, 80, 3), np.uint8))
            lines.append(f"{i}.png,film,{i},10,20,60,40")
        (tmp_path / folder / "table.csv").write_text("\n".join(lines))
    run(
        "keypoints",
        "build",
        "a/table.csv",
        "b/table.csv",
        "--format",
        "csv",
        "--whole",
        "--size",
        "32x32",
        "-o",
        "d.npz",
    )
    dataset = load_dataset(tmp_path / "d.npz")
    assert sorted(set(dataset.source)) == ["b/table.csv: film", "film"]
    assert (dataset.part == "test").tolist() == [i >= 8 for i in range(10)] + [i >= 16 for i in range(20)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["build", "nothing/", "-o", "x.npz"], "collect"),
        (["build", "nothing.json", "--format", "coco", "-o", "x.npz"], "cannot be read"),
        (["train", "nothing.npz", "-o", "run"], "There is no file nothing.npz"),
        (["evaluate", "nothing", "dots.npz"], "holds no training"),
        (["export", "nothing", "dots.npz", "-o", "m"], "holds no training"),
        (["train", "dots.npz", "-o", "run", "--resume"], "holds no training"),
        (["collect", "nothing.mp4", "-o", "labels"], "no file or folder"),
        (["train", "dots.npz", "-o", "run", "--device", "cuda:7"], "Cannot train on 'cuda:7'"),
        (["configure", "nothing", "--smooth"], "cannot be read"),
        (["analyze", "dots.npz", "--model", "nothing", "-o", "out"], "no estimator 'nothing'"),
        (["train", "dots.npz", "-o", "run", "--head", "simcc", "--loss", "rle"], "must be one of cross_entropy"),
    ],
)
@pytest.mark.usefixtures("dots")
def test_what_cannot_be_done_is_explained(arguments: list[str], message: str, run: Run) -> None:
    result = run("keypoints", *arguments, code=1)
    assert message in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["build", "x", "-o", "x.npz", "--whole", "--margin", "0.2"],
        ["build", "x", "-o", "x.npz", "--size", "large"],
        ["build", "x", "-o", "x.npz", "--category", "zebra"],
        ["train", "dots.npz", "-o", "run", "--minutes", "1", "--epochs", "2"],
        ["evaluate", "run", "dots.npz", "--reference", "bright"],
    ],
)
@pytest.mark.usefixtures("dots")
def test_wrong_usage(arguments: list[str], run: Run) -> None:
    run("keypoints", *arguments, code=2)


def test_without_torch_it_says_what_to_install(run: Run, dots: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for arguments in (["train", dots, "-o", "run"], ["quickstart", "0", "-o", "m"], ["export", "run", dots, "-o", "m"]):
        assert "pip install 'actionpose[train]'" in run("keypoints", *arguments, code=1).stderr


def test_help_and_collecting_need_no_torch() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import actionpose.cli.keypoints, actionpose.training.collect, actionpose.training.build\n"
        "import actionpose.training.importers, actionpose.training.metrics, actionpose.training.evaluation\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def begin_training(dots: Path, tmp_path: Path, *options: str) -> subprocess.Popen[str]:
    """Train in a process of its own, up to the end of the first epoch."""
    command = [sys.executable, "-m", "actionpose", "keypoints", "train", str(dots), "-o", "run", *TINY[:2], *options]
    process = subprocess.Popen(
        [*command, "--patience", "100000", "--device", "cpu"],
        cwd=tmp_path, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("epoch 1:"):
            break
    return process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_saves_and_says_how_to_go_on(number: int, code: int, dots: Path, tmp_path: Path) -> None:
    from actionpose.training.checkpoint import read_progress

    with begin_training(dots, tmp_path, "--epochs", "10000", "--save-every", "1000") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("epoch 3:"):
                break
        process.send_signal(number)
        said = process.stderr.read()
        assert process.wait(timeout=120) == code
    assert "Saved. Go on with" in said
    assert "--resume" in said
    assert "Traceback" not in said
    assert read_progress(tmp_path / "run")[0] >= 9  # three steps an epoch, of which the first alone was saved so far
    assert (tmp_path / "run" / "report.html").is_file()


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_result(dots: Path, tmp_path: Path) -> None:
    import torch

    from actionpose.training.checkpoint import load_model
    from actionpose.training.settings import NetworkSettings, TrainingSettings
    from actionpose.training.trainer import Trainer

    with begin_training(dots, tmp_path, "--epochs", "60", "--save-every", "0") as process:
        process.kill()
    dataset = load_dataset(dots)
    n_threads = torch.get_num_threads()
    try:
        killed = Trainer.resume(dataset, tmp_path / "run")
        assert not killed.is_done
        network, settings = NetworkSettings(width=0.125), TrainingSettings(epochs=60, patience=100_000, device="cpu")
        whole = Trainer(dataset, tmp_path / "whole", network=network, settings=settings)
        for trainer in (killed, whole):
            for _ in trainer.run():
                pass
    finally:
        torch.set_num_threads(n_threads)
    assert killed.history == whole.history
    a, b = (load_model(tmp_path / name, which="last").network.state_dict() for name in ("run", "whole"))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_curve_is_drawn_in_a_line() -> None:
    assert draw_curve([0.1]) == "▁"
    assert draw_curve([1.0, 3.0, 2.0]) == "▁█▅"
    rising = draw_curve([i / 100 for i in range(100)])
    assert len(rising) == 16
    assert list(rising) == sorted(rising)
    assert (rising[0], rising[-1]) == ("▁", "█")
