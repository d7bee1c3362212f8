"""Image folders."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from actionpose.errors import SourceError
from actionpose.sources.images import ImageFolderSource


def write_image(path: Path, *, value: int = 0, size: tuple[int, int] = (64, 48)) -> None:
    image = np.full((size[1], size[0], 3), (value, 0, 220), np.uint8)  # blue, green, red
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())


def test_natural_order_and_time(tmp_path: Path) -> None:
    for i in (10, 2, 1):
        write_image(tmp_path / f"shot {i}.png", value=i)
    (tmp_path / "notes.txt").write_text("no image")
    with ImageFolderSource(tmp_path, rate_hz=10) as source:
        frames = [source.read() for _ in range(4)]
    assert [f.image[0, 0].tolist() for f in frames if f and f.image is not None] == [[220, 0, i] for i in (1, 2, 10)]
    assert [(f.index, f.time) for f in frames if f] == [(0, 0.0), (1, 0.1), (2, 0.2)]
    assert source.info.n_frames == 3
    assert source.notes == ()


@pytest.mark.parametrize("suffix", [".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    write_image(tmp_path / f"50%d*{suffix}")
    with ImageFolderSource(tmp_path) as source:
        frame = source.read()
    assert frame is not None
    assert frame.image is not None
    assert frame.image.shape == (48, 64, 3)
    np.testing.assert_allclose(frame.image[20, 20], [220, 0, 0], atol=4)


def test_unreadable_images_are_left_out_and_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_image(tmp_path / "1.png")
    write_image(tmp_path / "2.png")
    (tmp_path / "2.png").write_bytes((tmp_path / "2.png").read_bytes()[:60])
    (tmp_path / "3.jpg").touch()
    (tmp_path / "4.png").mkdir()
    write_image(tmp_path / "5.jpg", size=(30, 20))
    with ImageFolderSource(tmp_path, rate_hz=30) as source:
        frames = [source.read() for _ in range(3)]
    assert [f.index for f in frames if f] == [0, 4], "each keeps its instant"
    assert frames[1] is not None
    assert frames[1].image is not None
    assert frames[1].image.shape == (20, 30, 3), "sizes may differ"
    assert [note.split()[0] for note in source.notes] == ["2.png", "3.jpg", "4.png"]
    assert capfd.readouterr().err == ""


def test_folders_without_images(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no image") as caught:
        ImageFolderSource(tmp_path)
    assert ".png" in caught.value.hint
    with pytest.raises(SourceError, match="no folder"):
        ImageFolderSource(tmp_path / "none")
    with pytest.raises(SourceError, match="rate"):
        ImageFolderSource(tmp_path, rate_hz=0)


def test_a_rate_that_is_assumed_is_told(tmp_path: Path) -> None:
    write_image(tmp_path / "1.png")
    with ImageFolderSource(tmp_path) as source:
        assert source.notes == (), "a single picture has no rate"
    write_image(tmp_path / "2.png")
    with ImageFolderSource(tmp_path) as source:
        assert source.info.rate_hz == 30.0
        assert "30 a second are assumed; say otherwise with --rate" in source.notes[0]
    for rate_hz in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(SourceError, match="rate is above 0"):
            ImageFolderSource(tmp_path, rate_hz=rate_hz)
