"""Files of unknown origin: sizes are checked first, and what is wrong is told."""

from __future__ import annotations

import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actionpose.errors import EstimatorError, InvalidDataError
from actionpose.reading import ArrayLayout, check_archive, decode_json, read_arrays, read_bytes

LAYOUTS = {"position": ArrayLayout("f", ("T", 2)), "label": ArrayLayout("U", ("T",))}


@contextmanager
def at_most(n_bytes: int) -> Iterator[None]:
    """Check what numpy and Python take, at their peak."""
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < n_bytes


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_come_back_as_they_were(tmp_path: Path, save) -> None:
    position = np.asfortranarray(np.random.default_rng(0).normal(size=(5, 2)))
    label = np.array(["wave", "clap", "", "jump", "sit"])
    save(tmp_path / "data.npz", position=position, label=label, more=np.zeros(3))
    found = read_arrays(tmp_path / "data.npz", LAYOUTS, what="a clip")
    np.testing.assert_array_equal(found["position"], position)
    np.testing.assert_array_equal(found["label"], label)
    assert set(found) == set(LAYOUTS)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"position": np.zeros((4, 2))}, "not a clip: it has no array label, but position"),
        ({"position": np.zeros((4, 3)), "label": np.full(4, "a")}, r"expected \(T, 2\) of floats, got \(4, 3\)"),
        ({"position": np.zeros((4, 2), int), "label": np.full(4, "a")}, "expected .* of floats, got .* of int64"),
        ({"position": np.zeros((4, 2)), "label": np.full(5, "a")}, r"label: expected \(4\) of texts, got \(5\)"),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, arrays, words: str) -> None:
    np.savez(tmp_path / "data.npz", **arrays)
    with pytest.raises(InvalidDataError, match=words):
        read_arrays(tmp_path / "data.npz", LAYOUTS, what="a clip")


def test_a_header_may_promise_what_it_likes(tmp_path: Path) -> None:
    np.save(tmp_path / "position.npy", np.zeros((4, 2)))
    content = (tmp_path / "position.npy").read_bytes()
    promising = content.replace(b"(4, 2), }            ", b"(99999999999, 2), }  ")
    assert len(promising) == len(content)
    assert promising != content
    with zipfile.ZipFile(tmp_path / "data.npz", "w") as archive:
        archive.writestr("position.npy", promising)
    with at_most(1 << 20), pytest.raises(InvalidDataError, match=r"\(99999999999, 2\) of float64 does not fit in"):
        read_arrays(tmp_path / "data.npz", {"position": LAYOUTS["position"]}, what="a clip")


def test_zeros_that_weigh_nothing_while_they_are_packed_are_not_unpacked(tmp_path: Path) -> None:
    zeros = np.lib.stride_tricks.as_strided(np.zeros(1, np.uint8), (400 << 20,), (0,))
    np.savez_compressed(tmp_path / "data.npz", image=zeros)
    with at_most(1 << 20):
        with pytest.raises(InvalidDataError, match=r"would unpack to 400 MiB from 0\.4"):
            read_arrays(tmp_path / "data.npz", {"image": ArrayLayout("u", ("N",))}, what="a clip")
        with pytest.raises(EstimatorError, match="would unpack to"):
            check_archive(tmp_path / "data.npz", what="a bundle", error=EstimatorError)


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", position=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InvalidDataError, match="of object"):
        read_arrays(tmp_path / "data.npz", {"position": LAYOUTS["position"]}, what="a clip")


@pytest.mark.parametrize("content", [b"", b"not a zip file", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_archive(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "data.npz"
    path.write_bytes(content)
    with pytest.raises(InvalidDataError, match=r"not a whole \.npz file|has no array position"):
        read_arrays(path, LAYOUTS, what="a clip")


def test_a_member_that_was_changed_is_found_by_its_checksum(tmp_path: Path) -> None:
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.tflite", b"0123456789" * 50)
    assert check_archive(path, what="a bundle") == {"model.tflite"}
    path.write_bytes(path.read_bytes().replace(b"0123", b"0223", 1))
    with pytest.raises(InvalidDataError, match=r"damaged: model.tflite in it has another checksum"):
        check_archive(path, what="a bundle")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs an endless file")
def test_a_file_larger_than_it_may_be_is_not_read_whole() -> None:
    with at_most(8 << 20), pytest.raises(EstimatorError, match="larger than 3 MiB: a keypoint model is not"):
        read_bytes(Path("/dev/zero"), max_bytes=3 << 20, what="a keypoint model", error=EstimatorError)


def test_a_small_file_takes_no_more_memory_than_it_has(tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"abc")
    with at_most(8 << 20):
        assert read_bytes(tmp_path / "small", max_bytes=1 << 30, what="a keypoint model") == b"abc"


def test_a_name_that_no_file_can_have_is_told() -> None:
    for name in ("x" * 400, "a\0b"):
        with pytest.raises(InvalidDataError, match="cannot be read"):
            read_bytes(Path(name), max_bytes=10, what="a table")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": "\xff"}', "utf-8"),
        (b"[7]", "Expected `object`"),
        (b"", "truncated"),
    ],
    ids=["deep", "bytes", "other", "empty"],
)
def test_what_is_no_such_json(content: bytes, words: str) -> None:
    with pytest.raises(InvalidDataError, match=rf"a\.json is no mapping: .*{words}"):
        decode_json(content, dict[str, Any] if content != b"[" * 100_000 else Any, where="a.json is no mapping")


def test_json_comes_back() -> None:
    assert decode_json(b'{"a": 7}', dict[str, int], where="") == {"a": 7}
    assert decode_json(b'{"a": "7"}', dict[str, int], where="", strict=False) == {"a": 7}
