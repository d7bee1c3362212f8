"""What must not be imported: help comes at once, and nothing heavy loads before it is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

HEAVY = {"cv2", "mediapipe", "torch", "textual", "sklearn", "sqlalchemy", "alembic", "av", "numpy", "rich"}


def modules_after(*arguments: str) -> set[str]:
    """Run the command line in a fresh interpreter; return the top-level modules it loaded."""
    code = (
        "import sys, json\n"
        "from actionpose.cli import main\n"
        f"sys.argv[1:] = {list(arguments)!r}\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--version"], ["demo", "--help"], ["nosuch"]])
def test_help_imports_nothing_heavy(arguments):
    assert not modules_after(*arguments) & HEAVY


@pytest.mark.parametrize("arguments", [["templates", "--help"], ["templates", "list", "--help"], ["info", "--help"]])
def test_commands_without_pictures_import_no_model(arguments):
    assert not modules_after(*arguments) & {"cv2", "mediapipe", "torch", "textual", "sklearn"}


def test_package_imports_nothing_heavy():
    code = "import sys, actionpose; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {name.partition(".")[0] for name in done.stdout.split()} & HEAVY


def test_help_comes_at_once():
    def cpu_seconds() -> float:  # not the clock on the wall: the machine may be busy
        before = os.times()
        subprocess.run([sys.executable, "-m", "actionpose", "--help"], capture_output=True, check=True)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    assert min(cpu_seconds() for _ in range(3)) < 0.3
