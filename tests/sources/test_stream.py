"""Network streams, against a server on the loopback interface."""

from __future__ import annotations

import socket
import threading
import time
from fractions import Fraction
from pathlib import Path

import pytest

from actionpose.errors import SourceError
from actionpose.sources import stream
from actionpose.sources.stream import StreamSource
from tests.sources.mjpeg_server import MjpegServer
from tests.sources.videos import write_video


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return port


def wait_for_status(source: StreamSource, status: str, timeout_s: float = 5.0) -> None:
    deadline = time.monotonic() + timeout_s
    while source.status != status:
        assert time.monotonic() < deadline, f"still {source.status}, not {status}"
        time.sleep(0.01)


def test_frames_arrive_in_time(capfd: pytest.CaptureFixture[str]) -> None:
    with MjpegServer() as server, StreamSource(server.url) as source:
        frames = [source.read() for _ in range(20)]
        assert source.info.size == (64, 48)
        assert source.info.is_live
        assert source.status == "running"
    first = frames[0]
    assert first is not None
    assert first.image is not None
    assert first.image[20, 10, 0] > 150, "red is first"
    times = [frame.time for frame in frames if frame is not None]
    assert sorted(set(times)) == times
    assert capfd.readouterr().err == ""


def test_a_slow_reader_gets_the_newest_frame() -> None:
    with MjpegServer() as server, StreamSource(server.url) as source:
        first = source.read()
        time.sleep(0.5)
        late = source.read()
        assert first is not None
        assert late is not None
        assert late.index - first.index > 5
        assert late.time - first.time > 0.4


def test_it_comes_back_within_three_seconds_of_the_server() -> None:
    server = MjpegServer()
    with StreamSource(server.url) as source:
        before = source.read()
        assert before is not None
        server.stop()
        wait_for_status(source, "reconnecting")
        time.sleep(1.0)
        start = time.monotonic()
        with MjpegServer(server.port):
            after = source.read()
            while after is not None and after.time < before.time + 1.0:  # what had arrived before the loss
                after = source.read()
            assert after is not None
            assert time.monotonic() - start < 3.0
            assert source.status == "running"
            assert source.notes == (f"{source.info.name} was lost once.",)


def test_silence_is_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LOST_AFTER_S", 0.5)
    with MjpegServer(n_pictures=60) as server, StreamSource(server.url) as source:
        assert source.read() is not None
        wait_for_status(source, "reconnecting", 10.0)
        wait_for_status(source, "running", 10.0)


@pytest.mark.parametrize("state", ["silent", "lost"])
def test_close_ends_a_waiting_read_within_a_second(state: str) -> None:
    with MjpegServer(n_pictures=60) as server:
        source = StreamSource(server.url)
        if state == "lost":
            server.stop()
            wait_for_status(source, "reconnecting")
        ends: list[float] = []

        def read_on() -> None:
            while source.read() is not None:
                pass
            ends.append(time.monotonic())

        reader = threading.Thread(target=read_on)
        reader.start()
        time.sleep(1.5 if state == "silent" else 0.2)
        start = time.monotonic()
        source.close()
        reader.join(timeout=2.0)
        assert ends
        assert ends[0] - start < 1.0
        assert source.status == "ended"


def test_a_server_that_hangs_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_OPEN_S", 0.5)
    start = time.monotonic()
    with MjpegServer(n_pictures=0) as server, pytest.raises(SourceError, match="no answer"):
        StreamSource(server.url)
    assert time.monotonic() - start < 3.0


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"HTTP/1.1 401 Unauthorized\r\n\r\n", "password"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "not this path"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello", "no video stream"),
    ],
)
def test_what_else_may_be_at_an_address(head: bytes, message: str) -> None:
    with MjpegServer(head=head, n_pictures=1) as server, pytest.raises(SourceError) as caught:
        StreamSource(server.url.replace("//", "//user:secret@"))
    assert message in caught.value.hint
    assert "secret" not in str(caught.value)


def test_a_file_behind_an_address_is_no_live_stream(tmp_path: Path) -> None:
    data = write_video(tmp_path / "a.mp4", movflags="faststart").read_bytes()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data)
    with MjpegServer(head=head, n_pictures=1) as server, pytest.raises(SourceError, match="is a file"):
        StreamSource(server.url)


def test_nobody_there(free_port: int) -> None:
    with pytest.raises(SourceError, match="Connection refused") as caught:
        StreamSource(f"rtsp://user:secret@127.0.0.1:{free_port}/live?token=secret")
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__
    assert f"rtsp://127.0.0.1:{free_port}/live" in caught.value.message


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("rtsp://u:secret@cam/live", "rtsp://cam/live"),
        ("HTTP://cam:80/video?password=secret", "http://cam:80/video"),
        ("rtsp://u:sec/ret@cam/live", "rtsp://cam/live"),
        ("rtsp://u:s@ecret?x@cam/live", "rtsp://cam/live"),
        ("rtsp://cam/user=u&password=secret", "rtsp://cam"),
        ("http://cam#secret", "http://cam"),
    ],
)
def test_names_hold_no_secrets(url: str, name: str) -> None:
    assert stream._public_name(url) == name


def test_an_address_without_host() -> None:
    with pytest.raises(SourceError, match="no host"):
        StreamSource("http:///video")


def test_pixels_are_made_square(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.ts", aspect=Fraction(2))
    capture = stream._StreamCapture(str(path), name="camera")
    try:
        assert capture.size == (128, 48)
        assert capture.read().shape == (48, 128, 3)
    finally:
        capture.close()
