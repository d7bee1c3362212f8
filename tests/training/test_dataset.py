"""Datasets: what they refuse, how they are divided, and that files bring back what was written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionpose.errors import InvalidDataError
from actionpose.training.dataset import KeypointDataset, choose_split, load_dataset, save_dataset, split
from tests.training.puppets import dot_dataset, puppet_dataset


def test_a_file_brings_everything_back(tmp_path: Path) -> None:
    for dataset in (dot_dataset(), puppet_dataset()):
        save_dataset(dataset, tmp_path / "data.npz")
        back = load_dataset(tmp_path / "data.npz")
        assert back.skeleton == dataset.skeleton
        assert back.margin == dataset.margin
        for name in ("image", "keypoints", "visibility", "box", "reference_px", "source", "time", "part"):
            np.testing.assert_array_equal(getattr(back, name), getattr(dataset, name))
    assert [path.name for path in tmp_path.iterdir()] == ["data.npz"]


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "cut", "pickled", "other"])
def test_what_is_no_dataset_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    if kind == "cut":
        save_dataset(dot_dataset(), path)
        path.write_bytes(path.read_bytes()[:-500])
    elif kind == "pickled":
        np.savez(path, version=np.array([{}], dtype=object))
    elif kind == "other":
        np.savez(path, x=np.zeros(3))
    elif kind != "missing":
        path.write_bytes(b"" if kind == "empty" else b"no zip file")
    with pytest.raises(InvalidDataError, match=r"no file|not a keypoint dataset"):
        load_dataset(path)


@settings(max_examples=30)
@given(
    counts=st.lists(st.integers(1, 60), min_size=1, max_size=4),
    validation=st.floats(0, 0.4),
    test=st.floats(0, 0.4),
    gap=st.floats(0, 1),
)
def test_tests_are_later_than_what_is_trained_on(counts: list[int], validation: float, test: float, gap: float) -> None:
    dots = dot_dataset()
    index = np.concatenate([np.arange(n) % len(dots) for n in counts])
    source = np.repeat([f"s{i}" for i in range(len(counts))], counts)
    time = np.concatenate([np.arange(n) / 10 for n in counts])
    order = np.random.default_rng(0).permutation(len(index))
    dataset = replace(dots[index], source=source, time=time)[order]
    try:
        parted = split(dataset, validation=validation, test=test, gap_s=gap)
    except InvalidDataError:
        return
    for name in np.unique(source):
        of = {p: parted.time[(parted.source == name) & (parted.part == p)] for p in ("train", "validation", "test")}
        for earlier, later in (("train", "validation"), ("train", "test"), ("validation", "test")):
            if len(of[earlier]) and len(of[later]):
                assert of[earlier].max() <= of[later].min() - gap + 1e-9
                assert of[earlier].max() < of[later].min()


def test_sources_are_not_shared_between_parts() -> None:
    dataset = split(puppet_dataset(bodies=(0, 1, 2, 3)), by="source", validation=0.25, test=0.25)
    for name in np.unique(dataset.source):
        assert len(set(dataset.part[dataset.source == name])) == 1
    assert set(dataset.part) == {"train", "validation", "test"}


@pytest.mark.parametrize(
    ("source", "time", "expected"),
    [
        (["film"] * 40, np.arange(40) / 4, "time"),  # frames of a video
        (np.repeat(["a", "b"], 20), np.tile(np.arange(20.0), 2), "time"),  # numbered pictures of two videos
        ([f"{i}.jpg" for i in range(40)], np.zeros(40), "source"),  # a collection, one body in each picture
        (np.repeat([f"{i}.jpg" for i in range(10)], 4), np.zeros(40), "source"),  # four bodies in each
        (np.repeat([f"v{i}" for i in range(20)], 2), np.tile([0.0, 5.0], 20), "source"),  # two frames of each video
        (["table"] * 40, np.zeros(40), "random"),
        (np.repeat(["a", "b"], 20), np.zeros(40), "random"),
    ],
)
def test_the_split_suits_the_data(source: list[str], time: np.ndarray, expected: str) -> None:
    dataset = replace(dot_dataset(40), source=np.array(source), time=time)
    assert choose_split(dataset) == expected
    parted = split(dataset, by=choose_split(dataset))
    assert {name: int((parted.part == name).sum()) for name in ("train", "validation", "test")} == {
        "train": 28, "validation": 4, "test": 8,
    }  # fmt: skip


def test_pictures_without_times_are_not_split_by_time() -> None:
    dots = dot_dataset(40)
    with pytest.raises(InvalidDataError, match="no time of their own"):
        split(replace(dots, time=np.zeros(40)))
    alone = replace(dots, source=np.arange(40).astype(str))
    with pytest.raises(InvalidDataError, match="by 'time' leaves none to test on"):
        split(alone)
    assert (split(alone, test=0).part == "train").all()


@pytest.mark.parametrize(("validation", "test"), [(0.5, 0.5), (-0.1, 0.2), (0.0, 1.0)])
def test_shares_must_leave_something(validation: float, test: float) -> None:
    with pytest.raises(InvalidDataError, match="leave something to train on"):
        split(dot_dataset(), validation=validation, test=test)


def test_parts_that_are_empty_are_named() -> None:
    with pytest.raises(InvalidDataError, match="no images for test"):
        split(dot_dataset(), test=0).of_part("test")


def test_several_datasets_become_one() -> None:
    a, b = puppet_dataset(bodies=(0,)), puppet_dataset(bodies=(1,))
    both = KeypointDataset.concatenate([a, b])
    assert len(both) == len(a) + len(b)
    with pytest.raises(InvalidDataError, match="Datasets differ"):
        KeypointDataset.concatenate([a, dot_dataset()])
    with pytest.raises(InvalidDataError, match="at least one"):
        KeypointDataset.concatenate([])


def test_arrays_must_fit_together() -> None:
    dots = dot_dataset()
    with pytest.raises(InvalidDataError, match=r"keypoints must have shape \(48, 2, 2\)"):
        replace(dots, keypoints=dots.keypoints[:, :1])
    with pytest.raises(InvalidDataError, match=r"Images must be \(N, H, W, 1\)"):
        replace(dots, image=dots.image[..., 0])
    with pytest.raises(InvalidDataError, match=r"None of the 48 images has a labelled keypoint"):
        replace(dots, visibility=np.zeros_like(dots.visibility))
    with pytest.raises(InvalidDataError, match="finite position"):
        replace(dots, keypoints=np.full_like(dots.keypoints, np.nan))
    with pytest.raises(InvalidDataError, match="at least one image"):
        dots[np.zeros(0, dtype=int)]
    with pytest.raises(InvalidDataError, match="Visibility must be 0, 1 or 2"):
        replace(dots, visibility=np.full_like(dots.visibility, 3))
    with pytest.raises(InvalidDataError, match="reference_px"):
        replace(dots, reference_px=np.zeros_like(dots.reference_px))
