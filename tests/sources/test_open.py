"""`open_source`: one word for everything that can be read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from actionpose.errors import SourceError
from actionpose.sources import Source, is_path, open_source
from tests.sources.mjpeg_server import MjpegServer
from tests.sources.test_images import write_image
from tests.sources.videos import write_video
from tests.test_recording import write


def kind(spec: str | int | Path) -> str:
    with open_source(spec) as source:
        assert isinstance(source, Source)
        return type(source).__name__


@pytest.mark.parametrize("as_type", [str, Path])
def test_paths(tmp_path: Path, as_type: type) -> None:
    write_image(tmp_path / "1.png")
    assert kind(as_type(tmp_path)) == "ImageFolderSource"
    assert kind(as_type(write(tmp_path / "R.JSONL"))) == "ReplaySource"
    assert kind(as_type(write(tmp_path / "r.jsonl.gz"))) == "ReplaySource"
    assert kind(as_type(write_video(tmp_path / "a.mp4"))) == "VideoSource"
    assert kind(as_type((tmp_path / "a.mp4").rename(tmp_path / "take:1"))) == "VideoSource"


def test_the_home_folder_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    write_video(tmp_path / "a.mp4")
    assert kind("~/a.mp4") == "VideoSource"


def test_addresses_and_the_puppet() -> None:
    with MjpegServer() as server:
        assert kind(server.url) == "StreamSource"
    assert kind("puppet:wave") == "PuppetSource"


@pytest.mark.parametrize("spec", ["97", 97, " 97 "])
def test_cameras(spec: str | int) -> None:
    with pytest.raises(SourceError, match="amera 97"):
        open_source(spec)


@pytest.mark.parametrize("spec", ["", "nothing.mp4", "foo:bar", "rtmp://user:secret@host/live", Path("nothing")])
def test_anything_else_lists_what_is_accepted(spec: str | Path) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(spec)
    assert "camera number" in caught.value.hint
    assert "puppet:wave" in caught.value.hint
    assert "secret" not in str(caught.value)


def test_plug_ins_are_found_by_their_scheme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "kinect-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: kinect\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(
        "[actionpose.sources]\nkinect = kinect_plugin:open_kinect\nbroken = no_such_module:open\n"
    )
    (tmp_path / "kinect_plugin.py").write_text(
        "from actionpose.sources import open_source\n\n\n"
        "def open_kinect(spec):\n    return open_source('puppet:' + spec.removeprefix('kinect:'))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert kind("kinect:wave") == "PuppetSource"
    with pytest.raises(SourceError, match="no_such_module"):
        open_source("broken:0")


def test_importing_sources_loads_no_decoder() -> None:
    script = "import sys, actionpose.sources; print({'cv2', 'av', 'mediapipe'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "set()"


def test_a_rate_is_for_files(tmp_path: Path) -> None:
    write_image(tmp_path / "1.png")
    for path in (tmp_path, write(tmp_path / "r.jsonl"), write_video(tmp_path / "a.mp4", n_frames=3)):
        with open_source(path, rate_hz=5) as source:
            assert source.info.rate_hz == 5
    for spec in ("0", 0, "puppet:wave", "rtsp://host/live"):
        with pytest.raises(SourceError, match="rate can be given for videos") as caught:
            open_source(spec, rate_hz=5)
        assert "Leave out --rate" in caught.value.hint


@pytest.mark.parametrize(
    ("spec", "expected"),
    [("a.mp4", True), (Path("a"), True), ("C:/a.mp4", True), ("0", False), (1, False), ("puppet:wave", False)],
)
def test_paths_are_told_from_other_sources(spec: str | int | Path, expected: bool) -> None:
    assert is_path(spec) is expected
