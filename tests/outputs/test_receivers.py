"""Each output against a receiver of its kind on the loopback interface."""

from __future__ import annotations

import errno
import http.server
import json
import os
import socket
import struct
import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from pythonosc.osc_message import OscMessage

from actionpose.outputs import Output, OutputError, event_record, open_output
from actionpose.outputs.osc import osc_address
from tests.outputs.events import event

RECORD = {
    "label": "wave",
    "start_time": 1.0,
    "end_time": 2.5,
    "report_time": 2.75,
    "distance": 0.5,
    "threshold": 1.25,
    "template_id": "abc",
    "track_id": 2,
    "repetitions": 1,
}


def test_a_record_is_rounded():
    assert event_record(event()) == RECORD
    assert event_record(event(start=1 / 3))["start_time"] == 0.333


# Files


def test_json_lines_are_appended_and_there_at_once(tmp_path):
    path = tmp_path / "new" / "events.jsonl"
    for label in ("wave", "Öffnen"):
        output = open_output(str(path))
        output.write(event(label))
        assert json.loads(path.read_text("utf-8").splitlines()[-1]) == RECORD | {"label": label}
        output.close()
        output.close()
    assert len(path.read_text("utf-8").splitlines()) == 2


def test_standard_output(capsys):
    open_output("-").write(event())
    assert json.loads(capsys.readouterr().out) == RECORD


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_an_os_error(tmp_path):
    path = tmp_path / "events.jsonl"
    path.symlink_to("/dev/full")
    output = open_output(str(path))
    with pytest.raises(OSError, match="No space left") as caught:
        output.write(event())
    assert caught.value.errno == errno.ENOSPC
    output.close()


def test_a_file_that_cannot_be_written_is_told_at_once(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Cannot write to"):
        open_output(str(tmp_path / "file" / "events.jsonl"))


# OSC


@pytest.mark.parametrize(("path", "address"), [("", "/actionpose/wave"), ("/stage/left/", "/stage/left/wave")])
def test_osc_messages(path, address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        output = open_output(f"osc://127.0.0.1:{receiver.getsockname()[1]}{path}")
        output.write(event())
        output.close()
        message = OscMessage(receiver.recv(1000))
    assert message.address == address
    assert list(message) == [1.0, 2.5, 0.5, 1.25, 2]


def test_osc_addresses_hold_no_forbidden_character():
    assert osc_address("jump up/down? [fast]") == "/actionpose/jump_up_down___fast_"


def test_an_unknown_host_is_an_os_error():
    output = open_output("osc://nosuch.invalid")
    with pytest.raises(OSError):  # noqa: PT011  the system's words differ
        output.write(event())


# HTTP


class Service(http.server.BaseHTTPRequestHandler):
    answer = 200
    requests: ClassVar[list[tuple[str, dict[str, str], bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.requests.append((self.path, dict(self.headers), body))
        self.send_response(self.answer)
        if self.answer == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def service() -> Iterator[str]:
    Service.requests.clear()
    Service.answer = 200
    with http.server.HTTPServer(("127.0.0.1", 0), Service) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_webhook_is_posted_json(service):
    output = open_output(f"http://user:sec%40ret@{service}/hook?key=secret#part")
    output.write(event())
    [(path, headers, body)] = Service.requests
    assert path == "/hook?key=secret"
    assert headers["Content-Type"] == "application/json"
    assert headers["Authorization"] == "Basic dXNlcjpzZWNAcmV0"
    assert json.loads(body) == RECORD
    assert output.name == f"http://{service}/hook", "no secrets"


@pytest.mark.parametrize(
    ("answer", "kind"), [(404, OutputError), (302, OutputError), (429, OSError), (500, OSError), (503, OSError)]
)
def test_what_a_web_service_may_answer(service, answer, kind):
    Service.answer = answer
    with pytest.raises(kind, match=f"nswered {answer}"):
        open_output(f"http://{service}/").write(event())
    assert len(Service.requests) == 1


def test_a_web_service_that_is_not_there_is_an_os_error(free_port):
    with pytest.raises(ConnectionRefusedError):
        open_output(f"http://127.0.0.1:{free_port}/").write(event())


DRIPPED = {
    "header": b"HTTP/1.1 200 OK\r\nX-Padding: " + b"x" * 1000,
    "interim answers": b"HTTP/1.1 100 Continue\r\n\r\n" * 100,
    "handshake": b"\x16\x03\x03\x40\x00" + b"x" * 1000,
    "nothing": b"",
}


@pytest.mark.parametrize("what", DRIPPED)
def test_a_web_service_that_drips_its_answer_is_given_up_in_time(what, monkeypatch):
    monkeypatch.setattr("actionpose.outputs.webhook._TIMEOUT_S", 0.5)
    scheme = "https" if what == "handshake" else "http"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        is_cut = threading.Event()
        thread = threading.Thread(target=_drip, args=(listener, DRIPPED[what], is_cut))
        thread.start()
        output = open_output(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/")
        with pytest.raises(TimeoutError, match=r"did not answer within 0\.5 s"):
            output.write(event())
        thread.join()
    assert is_cut.is_set(), "the connection is not kept"


def _drip(listener: socket.socket, answer: bytes, is_cut: threading.Event) -> None:
    """Send a byte in 50 ms, until nobody is there any more."""
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(0.05)
        for _ in range(400):
            try:
                if not connection.recv(65536):
                    is_cut.set()
                    return
            except TimeoutError:
                connection.send(answer[:1])
                answer = answer[1:]
            except OSError:
                is_cut.set()
                return


# MQTT


class Broker:
    """Answers as an MQTT 3.1.1 broker does, and keeps what is published."""

    def __init__(self, *, port: int = 0, code: int = 0, is_mute: bool = False) -> None:
        self.published: list[tuple[str, bytes]] = []
        self.logins: list[bytes] = []
        self._code = code
        self._is_mute = is_mute
        self._connections: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def __enter__(self) -> Broker:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            try:
                while head := stream.read(1):
                    length = shift = 0
                    while True:
                        byte = stream.read(1)[0]
                        length |= (byte & 127) << shift
                        shift += 7
                        if byte < 128:
                            break
                    body = stream.read(length)
                    if answer := self._answer(head[0], body):
                        connection.sendall(answer)
            except (OSError, IndexError):
                return

    def _answer(self, head: int, body: bytes) -> bytes:
        match head >> 4:
            case 1:
                self.logins.append(body)
                return bytes([0x20, 2, 0, self._code])
            case 3:
                (n,) = struct.unpack(">H", body[:2])
                if self._is_mute:
                    return b""
                self.published.append((body[2 : 2 + n].decode(), body[4 + n :]))
                return bytes([0x40, 2]) + body[2 + n : 4 + n]
            case 12:
                return bytes([0xD0, 0])
        return b""


def test_events_are_published():
    with Broker() as broker:
        output = open_output(f"mqtt://user:secret@127.0.0.1:{broker.port}/home/actions")
        for _ in range(3):
            output.write(event())
        output.close()
        assert "secret" not in output.name
        assert b"secret" in broker.logins[0]
        assert [(topic, json.loads(body)) for topic, body in broker.published] == [("home/actions", RECORD)] * 3
        assert len(broker.logins) == 1


def test_a_broker_that_comes_back_is_found(free_port):
    output = open_output(f"mqtt://127.0.0.1:{free_port}/actions")
    with pytest.raises(OSError, match="refused"):
        output.write(event())
    with Broker(port=free_port) as broker:
        output.write(event())
        assert len(broker.published) == 1
    with pytest.raises(OSError, match=r"lost|refused|answer"):
        output.write(event())
    with Broker(port=free_port) as broker:
        output.write(event())
        assert len(broker.published) == 1, "and what failed is not sent behind our back"
        output.close()


def test_a_broker_that_refuses():
    with Broker(code=5) as broker, pytest.raises(OutputError, match="Not authorized"):
        open_output(f"mqtt://127.0.0.1:{broker.port}/actions").write(event())


def test_a_broker_that_does_not_answer(monkeypatch):
    monkeypatch.setattr("actionpose.outputs.mqtt._WAIT_S", 0.3)
    with Broker(is_mute=True) as broker, pytest.raises(TimeoutError, match="does not answer"):
        open_output(f"mqtt://127.0.0.1:{broker.port}/actions").write(event())


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


# Programs


def script(folder: Path, code: str) -> str:
    path = folder / "on action.py"
    path.write_text(f"#!{sys.executable}\n{code}")
    path.chmod(0o755)
    return f"exec:'{path}'"


posix = pytest.mark.skipif(os.name != "posix", reason="scripts are made executable")


@posix
def test_a_program_gets_the_event(tmp_path, capfd):
    code = (
        "import os, sys; print('noise');open(sys.argv[1], 'a').write(os.environ['ACTIONPOSE_LABEL'] + sys.stdin.read())"
    )
    output = open_output(f"{script(tmp_path, code)} '{tmp_path}/got it' $HOME;")
    output.write(event())
    label, brace, rest = (tmp_path / "got it").read_text().partition("{")
    assert label == "wave"
    assert json.loads(brace + rest) == RECORD
    assert capfd.readouterr() == ("", "")


@posix
@pytest.mark.parametrize(
    ("code", "message"),
    [("import sys; sys.exit('no such lamp')", "code 1: no such lamp"), ("raise SystemExit(3)", "code 3")],
)
def test_a_program_that_fails_is_told(tmp_path, code, message):
    with pytest.raises(OutputError, match=message):
        open_output(script(tmp_path, code)).write(event())


@posix
def test_a_program_that_hangs_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("actionpose.outputs.command._TIMEOUT_S", 0.5)
    with pytest.raises(OutputError, match="more than"):
        open_output(script(tmp_path, "import time; time.sleep(60)")).write(event())


@posix
def test_a_program_may_leave_another_in_the_background(tmp_path, monkeypatch):
    monkeypatch.setattr("actionpose.outputs.command._TIMEOUT_S", 4.0)
    code = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(8)'])"
    open_output(script(tmp_path, code)).write(event())


# Keys


@pytest.fixture
def pressed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a made-up desktop gets to see."""
    seen: list[str] = []

    class Named(dict):
        def __iter__(self):
            return iter([types.SimpleNamespace(name=name) for name in self.keys()])

    class Controller:
        def press(self, key: str) -> None:
            seen.append(f"+{key}")

        def release(self, key: str) -> None:
            seen.append(f"-{key}")

    keyboard = types.SimpleNamespace(Key=Named(space="<space>", ctrl="<ctrl>"), Controller=Controller)
    monkeypatch.setitem(sys.modules, "pynput", types.SimpleNamespace(keyboard=keyboard))
    return seen


def test_the_labels_of_keys_are_kept_as_those_of_actions_are(pressed):
    assert open_output("key:cafe\u0301=space,wave=a").labels == ("caf\u00e9", "wave")
    assert not pressed


def test_keys_are_pressed_and_released(pressed):
    output = open_output("key:wave=space,clap=Ctrl+s,jump=,,plus=ctrl++")
    for label in ("wave", "clap", "jump", "plus", "squat"):
        output.write(event(label))
    assert pressed == [
        "+<space>", "-<space>", "+<ctrl>", "+s", "-s", "-<ctrl>", "+,", "-,", "+<ctrl>", "++", "-+", "-<ctrl>",
    ]  # fmt: skip


def test_keys_that_do_not_exist(pressed):
    with pytest.raises(OutputError, match="no key 'spacebar'") as caught:
        open_output("key:wave=spacebar")
    assert "space, ctrl" in caught.value.hint
    assert not pressed


def test_without_pynput_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynput", None)
    with pytest.raises(OutputError, match="not installed") as caught:
        open_output("key:wave=space")
    assert "actionpose[keyboard]" in caught.value.hint


# Spelling


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("osc://studio", "osc://studio:12000"),
        ("mqtt://h/a/b", "mqtt://h:1883/a/b"),
        ("mqtts://u:p@h:99/a", "mqtts://h:99/a"),
        ("HTTPS://h/x?y=z", "https://h/x"),
    ],
)
def test_names_and_default_ports(spec, name):
    output = open_output(spec)
    assert output.name == name
    assert isinstance(output, Output)


@pytest.mark.parametrize(
    "spec",
    [
        "", "events.txt", "ftp://user:secret@h/x", "osc://", "osc://h:port", "osc://h/a b", "mqtt://h", "mqtt://h/a/#",
        "http://", "http://[::1", "key:", "key:wave", "key:wave=", "exec:", "exec:'", "exec:no-such-program",
    ],
)  # fmt: skip
def test_what_is_no_output_is_told_with_advice(spec, pressed):
    with pytest.raises(OutputError) as caught:
        open_output(spec)
    assert caught.value.hint
    assert "secret" not in str(caught.value)
    assert not pressed
