"""Training: it learns, it stops, and it goes on as if nothing had happened."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from actionpose.errors import InvalidDataError  # noqa: E402
from actionpose.training.checkpoint import load_model, predict, save_checkpoint  # noqa: E402
from actionpose.training.dataset import KeypointDataset  # noqa: E402
from actionpose.training.errors import TrainingError  # noqa: E402
from actionpose.training.metrics import compute_errors  # noqa: E402
from actionpose.training.pace import estimate_epochs  # noqa: E402
from actionpose.training.settings import (  # noqa: E402
    LOSSES_OF_HEAD,
    AugmentationSettings,
    NetworkSettings,
    TrainingSettings,
)
from actionpose.training.trainer import Progress, Trainer  # noqa: E402
from tests.training.puppets import dot_dataset  # noqa: E402

TINY = NetworkSettings(width=0.125, deconvolution_channels=16, sigma_px=2.0)
QUICK = TrainingSettings(epochs=3, batch_size=16, device="cpu", augmentation=AugmentationSettings(rotation_deg=10))


@pytest.fixture(scope="module")
def dots() -> KeypointDataset:
    return dot_dataset()


def run(trainer: Trainer, *, stop_at: int | None = None) -> list[Progress]:
    return list(trainer.run(should_stop=lambda: trainer._step == stop_at))


@pytest.mark.parametrize("head", LOSSES_OF_HEAD)
def test_each_head_learns_two_dots(head: str, dots: KeypointDataset, tmp_path: Path) -> None:
    network = replace(TINY, head=head, loss=None)
    settings = replace(QUICK, epochs=30, learning_rate=5e-3, augmentation=AugmentationSettings.none())
    trainer = Trainer(dots, tmp_path / "run", network=network, settings=settings)
    progress = run(trainer)
    train = dots.of_part("train")
    found, confidence = predict(load_model(tmp_path / "run", which="last").network, train.image)
    errors = compute_errors(found, train.keypoints.astype(float), train.visibility > 0)
    chance = compute_errors(
        np.broadcast_to(train.keypoints.mean(axis=0), train.keypoints.shape), train.keypoints.astype(float),
        train.visibility > 0,
    )  # fmt: skip
    assert errors.mean() < (0.6 if head in ("regress", "integral") else 0.35) * chance.mean()
    assert progress[-1].loss < progress[0].loss
    assert confidence.shape == (len(train), 2)


def test_the_same_seed_gives_the_same_model(dots: KeypointDataset, tmp_path: Path) -> None:
    for name in "ab":
        run(Trainer(dots, tmp_path / name, network=TINY, settings=QUICK))
    a, b = (load_model(tmp_path / name).network.state_dict() for name in "ab")
    assert all(torch.equal(a[name], b[name]) for name in a)
    run(Trainer(dots, tmp_path / "c", network=TINY, settings=replace(QUICK, seed=1)))
    c = load_model(tmp_path / "c").network.state_dict()
    assert not all(torch.equal(a[name], c[name]) for name in a)


@pytest.mark.parametrize("loss", ["cross_entropy", "rle"])
@pytest.mark.parametrize("stop_at", [1, 3, 5])
def test_a_stopped_training_goes_on_to_the_same_result(
    loss: str, stop_at: int, dots: KeypointDataset, tmp_path: Path
) -> None:
    network = replace(TINY, head="regress" if loss == "rle" else "heatmap", loss=loss)
    whole = Trainer(dots, tmp_path / "whole", network=network, settings=QUICK)
    expected = run(whole)
    halves = run(Trainer(dots, tmp_path / "halves", network=network, settings=QUICK), stop_at=stop_at)
    assert len(halves) == stop_at
    resumed = Trainer.resume(dots, tmp_path / "halves")
    assert not resumed.is_done
    halves += run(resumed)
    assert halves == expected
    assert resumed.history == whole.history
    for which in ("best", "last"):
        a, b = (load_model(tmp_path / name, which=which).network.state_dict() for name in ("whole", "halves"))
        assert all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(("save_s", "n_saved"), [(1e6, 3), (0.0, 5)])
def test_a_training_killed_in_the_middle_goes_on_from_the_last_checkpoint(
    save_s: float, n_saved: int, dots: KeypointDataset, tmp_path: Path
) -> None:
    expected = run(Trainer(dots, tmp_path / "whole", network=TINY, settings=QUICK))
    settings = replace(QUICK, save_s=save_s)
    steps = Trainer(dots, tmp_path / "killed", network=TINY, settings=settings).run()
    for _ in range(5):  # of 3 steps per epoch; nobody says good-bye
        next(steps)
    del steps
    (tmp_path / "killed" / ".actionpose-0a1b2c3d.part").write_bytes(b"half a checkpoint")
    resumed = Trainer.resume(dots, tmp_path / "killed")
    assert run(resumed) == expected[n_saved:]


def test_it_stops_when_nothing_improves(dots: KeypointDataset, tmp_path: Path) -> None:
    settings = replace(QUICK, epochs=50, patience=2, learning_rate=1e-8)
    trainer = Trainer(dots, tmp_path / "run", network=TINY, settings=settings)
    assert run(trainer)[-1].step < trainer.n_steps
    assert trainer.is_done
    assert trainer.best is not None
    assert trainer.history[-1].epoch - trainer.best.epoch == 2


def test_a_loss_that_is_no_number_ends_it_and_keeps_what_was_good(dots: KeypointDataset, tmp_path: Path) -> None:
    trainer = Trainer(dots, tmp_path / "run", network=TINY, settings=QUICK)
    steps = trainer.run()
    for _ in range(4):
        next(steps)
    good = load_model(tmp_path / "run").network.state_dict()
    with torch.no_grad():
        trainer._network.backbone.conv1.weight.fill_(float("nan"))
    with pytest.raises(TrainingError, match=r"At step 5 the loss became nan.*Lower --learning-rate"):
        next(steps)
    kept = load_model(tmp_path / "run").network.state_dict()
    assert all(torch.equal(good[name], kept[name]) for name in good)
    assert all(torch.isfinite(value).all() for value in kept.values())
    assert Trainer.resume(dots, tmp_path / "run")._step == 3


def test_a_gradient_that_is_no_number_is_not_followed(dots: KeypointDataset, tmp_path: Path) -> None:
    trainer = Trainer(dots, tmp_path / "run", network=TINY, settings=QUICK)
    trainer._network.backbone.conv1.weight.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(TrainingError, match=r"At step 1 the loss became .* and its gradient (nan|inf)"):
        next(trainer.run())
    assert all(torch.isfinite(p).all() for p in trainer._network.parameters())


@pytest.mark.parametrize("schedule", ["cosine", "plateau", "steps", "constant"])
def test_schedules(schedule: str, dots: KeypointDataset, tmp_path: Path) -> None:
    settings = replace(QUICK, epochs=10, schedule=schedule, warm_up=0.2, patience=100, learning_rate=1e-4)
    trainer = Trainer(dots, tmp_path / "run", network=replace(TINY, width=0.1), settings=settings)
    rates = []
    while trainer._step < trainer.n_steps:
        rates.append(trainer._learning_rate())
        trainer._step += 1
    assert rates[0] < rates[3] < rates[5] == pytest.approx(1e-4)
    assert max(rates) <= 1e-4 * (1 + 1e-9)
    if schedule in ("cosine", "steps"):
        assert rates[-1] < 0.02e-4 if schedule == "cosine" else rates[-1] == pytest.approx(1e-6)


def test_nothing_is_mirrored_without_pairs(dots: KeypointDataset, tmp_path: Path) -> None:
    assert Trainer(dots, tmp_path, network=TINY, settings=QUICK)._augmentation.flip == 0


def test_parts_of_pictures_teach_as_well(tmp_path: Path) -> None:
    dots = dot_dataset(size=96)
    settings = replace(QUICK, epochs=2, augmentation=AugmentationSettings(rotation_deg=180, part=0.6))
    run(Trainer(dots, tmp_path / "run", network=TINY, settings=settings))
    found, _ = predict(load_model(tmp_path / "run").network, dots.image[:3])
    assert found.shape == (3, 2, 2)
    with pytest.raises(InvalidDataError, match="The simcc head cannot be trained on parts"):
        Trainer(dots, tmp_path / "other", network=replace(TINY, head="simcc", loss=None), settings=settings)


def test_same_pictures_are_refused(dots: KeypointDataset, tmp_path: Path) -> None:
    same = replace(dots, image=np.repeat(dots.image[:1], len(dots), axis=0))
    with pytest.raises(InvalidDataError, match="are the same: there is nothing to learn"):
        Trainer(same, tmp_path, network=TINY)


def test_labels_that_are_all_doubtful_are_refused(dots: KeypointDataset, tmp_path: Path) -> None:
    doubtful = replace(dots, visibility=np.ones_like(dots.visibility))
    with pytest.raises(InvalidDataError, match="No picture to train on has a sure label"):
        Trainer(doubtful, tmp_path, network=TINY)


def test_another_dataset_is_not_gone_on_with(dots: KeypointDataset, tmp_path: Path) -> None:
    run(Trainer(dots, tmp_path, network=TINY, settings=replace(QUICK, epochs=1)))
    with pytest.raises(TrainingError, match="another dataset"):
        Trainer.resume(dot_dataset(seed=1), tmp_path)
    with pytest.raises(TrainingError, match=r"holds a training already.*--resume"):
        Trainer(dots, tmp_path, network=TINY)
    with pytest.raises(TrainingError, match="holds no training"):
        Trainer.resume(dots, tmp_path / "elsewhere")


class _Evil:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return (Path.touch, (self._path,))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_disk_is_told_in_our_words(tmp_path: Path) -> None:
    (tmp_path / "last.pt").symlink_to("/dev/full")
    with pytest.raises(TrainingError, match=r"Cannot write .*last\.pt: No space left on device"):
        save_checkpoint(tmp_path / "last.pt", {"version": 1, "weights": torch.zeros(1000)})


@pytest.mark.parametrize("kind", ["empty", "text", "cut", "pickle", "other"])
def test_a_damaged_or_hostile_checkpoint_is_refused(kind: str, dots: KeypointDataset, tmp_path: Path) -> None:
    run(Trainer(dots, tmp_path, network=TINY, settings=replace(QUICK, epochs=1)))
    path = tmp_path / "best.pt"
    if kind == "cut":
        path.write_bytes(path.read_bytes()[:5000])
    elif kind == "pickle":
        torch.save(_Evil(tmp_path / "touched"), path)
    elif kind == "other":
        torch.save({"weights": torch.zeros(3)}, path)
    else:
        path.write_bytes(b"" if kind == "empty" else b"hello" if kind == "text" else pickle.dumps([1]))
    with pytest.raises(TrainingError, match=r"best\.pt (is damaged|was not written)"):
        load_model(tmp_path)
    assert not (tmp_path / "touched").exists()


def test_minutes_become_epochs(dots: KeypointDataset) -> None:
    few, many = (estimate_epochs(dots, network=TINY, settings=QUICK, minutes=m).epochs for m in (0.02, 2.0))
    assert 1 <= few < many


def test_without_a_validation_part_the_last_model_is_kept(dots: KeypointDataset, tmp_path: Path) -> None:
    trainer = Trainer(replace(dots, part=np.full(len(dots), "train")), tmp_path, network=TINY, settings=QUICK)
    run(trainer)
    assert trainer.history == []
    best, last = (load_model(tmp_path, which=which).network.state_dict() for which in ("best", "last"))
    assert all(torch.equal(best[name], last[name]) for name in best)


def test_published_weights_fit(dots: KeypointDataset, tmp_path: Path) -> None:
    from actionpose.training.resnet import ResNet

    torch.manual_seed(3)
    published = ResNet("resnet18", width=0.125, channels=3).state_dict()
    torch.save({**published, "fc.weight": torch.zeros(1000, 64), "fc.bias": torch.zeros(1000)}, tmp_path / "w.pth")
    trainer = Trainer(dots, tmp_path / "run", network=TINY, settings=QUICK, weights=tmp_path / "w.pth")
    assert torch.equal(trainer._network.backbone.layer4[1].conv2.weight, published["layer4.1.conv2.weight"])
    gray = published["conv1.weight"].sum(dim=1, keepdim=True)
    assert torch.equal(trainer._average.backbone.conv1.weight, gray)
    torch.save({"nothing": torch.zeros(1)}, tmp_path / "w.pth")
    with pytest.raises(TrainingError, match="does not hold weights of this backbone"):
        Trainer(dots, tmp_path / "other", network=TINY, settings=QUICK, weights=tmp_path / "w.pth")


def test_names_and_sizes_are_torchvisions() -> None:
    from actionpose.training.resnet import ResNet

    # From torchvision's documentation, less the classifier's 513000 (18, 34) and 2049000 (50, 101) parameters.
    counts = {"resnet18": 11_689_512 - 513_000, "resnet34": 21_797_672 - 513_000}
    counts |= {"resnet50": 25_557_032 - 2_049_000, "resnet101": 44_549_160 - 2_049_000}
    for name, expected in counts.items():
        with torch.device("meta"):
            network = ResNet(name)
        assert sum(p.numel() for p in network.parameters()) == expected
        assert "layer2.0.downsample.1.running_var" in network.state_dict()
