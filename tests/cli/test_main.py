"""The command line as a whole: help, errors, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import actionpose
from actionpose.cli import _COMMANDS

_TEMPLATE_COMMANDS = ("list", "show", "rename", "enable", "disable", "remove", "restore", "export", "import", "check")


@pytest.mark.parametrize("command", [*_COMMANDS, *(f"templates {name}" for name in _TEMPLATE_COMMANDS)])
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_command_teaches_with_an_example(run, command, option):
    output = run(*command.split(), option).stdout
    assert "Examples:" in output
    assert f"actionpose {command}" in output.partition("Examples:")[2]


def test_the_first_help_lists_every_command(run):
    output = run("--help").stdout
    assert all(name in output for name in _COMMANDS)
    assert "First steps" in output


def test_version(run):
    assert run("--version").stdout == f"actionpose {actionpose.__version__}\n"


def test_an_unknown_command_is_wrong_usage(run):
    assert "nosuch" in run("nosuch", code=2).stderr


def test_errors_are_on_stderr_without_a_traceback():
    done = subprocess.run(
        [sys.executable, "-m", "actionpose", "recognize", "nosuch.mp4"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert [line.partition(": ")[0] for line in done.stderr.splitlines()] == ["error", "hint"]


def test_ctrl_c_is_one_short_line(run, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("actionpose.cli.templates.open_library", interrupted)
    assert run("templates", "list", code=130).stderr.strip() == "Stopped."


def test_info_is_for_people_and_for_scripts(run):
    facts = json.loads(run("info", "--json").stdout)
    assert facts["actionpose"] == actionpose.__version__
    assert "mediapipe" in facts["models"]
    assert facts["packages"]["numpy"]
    assert facts["folders"]["recordings"].endswith("recordings")
    output = run("info").stdout
    assert all(output.count(f"{name} ") for name in facts)


def test_info_creates_no_library(run, tmp_path):
    assert "problem" in json.loads(run("info", "--json").stdout)["library"]
    assert list((tmp_path / "templates").iterdir()) == []


def test_library_option_and_environment_name_the_library(run, taught, tmp_path, monkeypatch):
    elsewhere = taught.rename(tmp_path / "elsewhere.sqlite")
    assert len(json.loads(run("templates", "list", "--json", "--library", elsewhere).stdout)) == 6
    assert json.loads(run("templates", "list", "--json").stdout) == []
    monkeypatch.setenv("ACTIONPOSE_LIBRARY", str(elsewhere))
    assert len(json.loads(run("templates", "list", "--json").stdout)) == 6
