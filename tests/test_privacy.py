"""Nothing leaves the machine: no command reaches for the network.

Python's audit events show what Python code does. What compiled code does, the kernel shows: in a network namespace
without interfaces it counts every packet that finds no way out.
"""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

WATCH = """
import json, sys
from pathlib import Path

attempts = []

def watch(event, arguments):
    kind, _, what = event.partition(".")
    if kind == "socket" and what in ("connect", "bind", "sendto", "sendmsg", "getaddrinfo", "gethostbyname"):
        attempts.append(f"{event} {arguments[1:]}")

def count_unrouted():
    names, values = (line.split() for line in Path("/proc/net/snmp").read_text().splitlines()[:2])
    return int(values[names.index("OutNoRoutes")])

sys.addaudithook(watch)
"""
RUN = """
from actionpose.cli import cli
for arguments in json.loads(sys.argv[1]):
    cli(arguments, standalone_mode=False)
"""
REPORT = """
print(json.dumps({"attempts": attempts, "unrouted": count_unrouted() if sys.argv[2] == "cut off" else 0}))
"""
CONNECT = """
import socket
try:
    socket.create_connection(("127.0.0.1", 9), timeout=0.1)
except OSError:
    pass
"""
CONNECT_IN_C = """
import ctypes
from struct import pack
libc = ctypes.CDLL(None)
libc.connect(libc.socket(2, 1, 0), pack("@H", 2) + bytes([0, 9, 127, 0, 0, 1]) + bytes(8), 16)
"""


@functools.cache
def cut_off() -> tuple[str, ...]:
    """What runs a command without any network interface; nothing where that is not permitted."""
    unshare = shutil.which("unshare")
    if unshare and subprocess.run([unshare, "-rn", "true"], capture_output=True, check=False).returncode == 0:
        return unshare, "-rn"
    return ()


def watch(script: str, folder: Path, *commands: str) -> tuple[list[str], dict[str, Any]]:
    """Run commands and return what they printed, and what of the network they reached for."""
    for name in ("templates", "recordings"):
        (folder / name).mkdir(exist_ok=True)
    arguments = json.dumps([command.split() for command in commands])
    done = subprocess.run(
        [*cut_off(), sys.executable, "-c", WATCH + script + REPORT, arguments, "cut off" if cut_off() else "online"],
        capture_output=True, text=True, cwd=folder, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *output, report = done.stdout.splitlines()
    return output, json.loads(report)


@pytest.mark.slow
def test_recording_and_recognising_reach_for_no_network(tmp_path: Path) -> None:
    output, report = watch(
        RUN,
        tmp_path,
        "record wave --source puppet:wave,wave?fps=10&size=320x240&pause=1.5 --takes 1 --countdown 0 --keep-video",
        "live puppet:wave?fps=10&size=320x240&pause=1&body=2",
        "recognize puppet:wave?fps=10&size=320x240&pause=1&body=2 --format csv",
        "templates check",
        "info",
    )
    assert "wave" in output[0]
    assert any(",wave," in line for line in output)  # the table of recognize
    assert report == {"attempts": [], "unrouted": 0}


@pytest.mark.slow
def test_the_demo_reaches_for_no_network(tmp_path: Path) -> None:
    output, report = watch(RUN, tmp_path, "demo")
    assert "Found 4 of 4 actions" in output[-1]
    assert report == {"attempts": [], "unrouted": 0}


def test_an_attempt_would_be_seen(tmp_path: Path) -> None:
    _, report = watch(CONNECT, tmp_path)
    assert "127.0.0.1" in report["attempts"][-1]


@pytest.mark.skipif(not cut_off(), reason="needs Linux and the right to make a network namespace")
def test_an_attempt_of_compiled_code_would_be_seen(tmp_path: Path) -> None:
    _, report = watch(CONNECT_IN_C, tmp_path)
    assert report == {"attempts": [], "unrouted": 1}
