"""Cameras. The capture object alone is made up: a machine that runs tests has no camera."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from actionpose.errors import SourceError
from actionpose.sources import camera
from actionpose.sources.camera import CameraSource, list_cameras


class FakeCapture:
    """A camera of 100 pictures a second that is unplugged after `n_pictures`."""

    def __init__(self, n_pictures: int | None = None, *, is_opened: bool = True) -> None:
        self.properties: dict[int, float] = {}
        self.is_released = False
        self._left = n_pictures
        self._is_opened = is_opened

    def isOpened(self) -> bool:
        return self._is_opened

    def set(self, prop: int, value: float) -> bool:
        self.properties[prop] = value
        return True

    def get(self, prop: int) -> float:
        return self.properties.get(prop, 0.0)

    def read(self) -> tuple[bool, Any]:
        assert not self.is_released
        time.sleep(0.01)
        if self._left is not None:
            if self._left == 0:
                return False, None
            self._left -= 1
        image = np.zeros((48, 64, 3), np.uint8)
        image[..., 2] = 255  # red, in OpenCV's order
        return True, image

    def release(self) -> None:
        self.is_released = True


def test_pictures_are_rgb_and_the_wishes_are_passed_on() -> None:
    capture = FakeCapture()
    with CameraSource(1, size=(640, 480), open_capture=lambda _: capture) as source:
        frame = source.read()
        assert source.info.name == "camera 1"
        assert source.info.size == (64, 48), "what it gives, not what it was asked for"
        assert source.info.rate_hz == 30
    assert frame is not None
    assert frame.image is not None
    assert frame.image[0, 0].tolist() == [255, 0, 0]
    assert capture.properties[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter.fourcc(*"MJPG")
    assert capture.properties[cv2.CAP_PROP_FRAME_WIDTH] == 640
    assert capture.is_released


def test_an_unplugged_camera_is_opened_again() -> None:
    captures = [FakeCapture(5), FakeCapture(is_opened=False), FakeCapture()]
    opened = []

    def open_capture(index: int) -> FakeCapture:
        opened.append(index)
        return captures[len(opened) - 1]

    with CameraSource(0, open_capture=open_capture) as source:
        statuses, times = set(), []
        deadline = time.monotonic() + 5
        while len(opened) < 3 and time.monotonic() < deadline:
            statuses.add(source.status)
            time.sleep(0.005)
        for _ in range(5):
            frame = source.read()
            assert frame is not None
            times.append(frame.time)
        assert source.status == "running"
        assert source.notes == ("camera 0 was lost once.",)
    assert statuses == {"running", "reconnecting"}
    assert times == sorted(set(times))
    assert all(capture.is_released for capture in captures)


@pytest.mark.parametrize("capture", [FakeCapture(is_opened=False), FakeCapture(0)], ids=["closed", "dark"])
def test_a_camera_that_gives_nothing_is_released(capture: FakeCapture) -> None:
    with pytest.raises(SourceError, match="amera 94") as caught:
        CameraSource(94, open_capture=lambda _: capture)
    assert "puppet:wave" in caught.value.hint
    assert capture.is_released


def test_an_error_in_the_driver_reaches_the_reader() -> None:
    class Broken(FakeCapture):
        n_reads = 0

        def read(self) -> tuple[bool, Any]:
            self.n_reads += 1
            if self.n_reads > 1:
                raise RuntimeError("driver gone")
            return super().read()

    with CameraSource(0, open_capture=lambda _: Broken()) as source:
        with pytest.raises(RuntimeError, match="driver gone"):
            source.read()
        assert source.status == "ended"


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /dev")
def test_no_camera_is_told_without_noise(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SourceError, match="There is no camera 97") as caught:
        CameraSource(97)
    assert "plug one in" in caught.value.hint or "These are:" in caught.value.hint
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("platform", "setting"), [("darwin", "Privacy & Security"), ("win32", "Privacy > Camera")])
def test_other_systems_are_told_of_their_settings(monkeypatch: pytest.MonkeyPatch, platform: str, setting: str) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    with pytest.raises(SourceError, match=setting):
        CameraSource(0, open_capture=lambda _: FakeCapture(is_opened=False))


def test_cameras_are_listed_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for node, index, name in [
        ("video10", 0, "Desk\n"),
        ("video2", 0, "Lid\n"),
        ("video3", 1, "Lid\n"),
        ("v4l-x", 0, "x"),
    ]:
        (tmp_path / node).mkdir()
        (tmp_path / node / "index").write_text(f"{index}\n")
        (tmp_path / node / "name").write_text(name)
    monkeypatch.setattr(camera, "_NODES", tmp_path)
    assert list_cameras() == ["2: Lid", "10: Desk"]
    monkeypatch.setattr(camera, "_NODES", tmp_path / "none")
    assert list_cameras() == []
