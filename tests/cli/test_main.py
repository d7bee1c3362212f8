"""The command line as a whole: help, errors, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import actionpose
from actionpose.cli import _COMMANDS

_TEMPLATE_COMMANDS = (
    "list",
    "show",
    "rename",
    "merge",
    "tag",
    "notes",
    "mirror",
    "trim",
    "enable",
    "disable",
    "remove",
    "restore",
    "undo",
    "export",
    "import",
    "check",
)


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


def test_help_of_templates_teaches_in_order_and_in_whole_sentences(run):
    lines = run("templates", "--help").stdout.partition("Commands:")[2].partition("Examples:")[0].split("\n")
    names = [line.split()[0] for line in lines if line[2:3].strip()]
    assert names[:2] == ["list", "show"]
    assert names.index("remove") < names.index("restore") < names.index("undo")
    assert {"merge", "tag", "notes", "mirror", "trim"} < set(names)
    assert "..." not in "".join(lines)


def test_version(run):
    assert run("--version").stdout == f"actionpose {actionpose.__version__}\n"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("templats list", "Did you mean templates?"),
        ("LIVE", "Did you mean live?"),
        ("templates lst", "Did you mean list?"),
        ("templates rm wave", "Did you mean remove?"),
        ("templates delete wave", "Did you mean remove?"),
        ("keypoints trian x", "Did you mean train?"),
        ("help templates renam", "Did you mean rename?"),
        ("templates list --jsn", "--json"),
        ("nosuch", "There are demo, record"),
    ],
)
def test_what_is_misspelt_is_wrong_usage_with_what_was_meant(run, typed, meant):
    assert meant in run(*typed.split(), code=2).stderr


@pytest.mark.parametrize("command", ["", "live", "templates", "templates rename", "keypoints train"])
def test_help_is_a_command_too(run, command):
    shown = run("help", *command.split()).stdout
    assert shown == run(*command.split(), "--help").stdout
    group, _, name = command.rpartition(" ")
    if group:
        assert run(group, "help", name).stdout == shown
    assert "no commands of its own" in run("help", "live", "x", code=2).stderr


def test_no_help_shows_what_is_for_its_layout_alone(run):
    """At 80 columns the tables in it keep their lines."""
    for command in (*_COMMANDS, *(f"templates {name}" for name in _TEMPLATE_COMMANDS)):
        shown = run("help", *command.split()).stdout
        assert "\\b" not in shown
        assert "\b" not in shown
        assert max(map(len, shown.partition("Examples:")[0].splitlines())) <= 80
    evaluating = run("help", "evaluate").stdout.splitlines()
    assert "    natops:FILE.npz        NATOPS, clips in the split it comes in" in evaluating


@pytest.mark.parametrize(
    "command",
    ["recognize x.jsonl.gz", "live x.jsonl.gz", "evaluate x.jsonl.gz --spans x.csv", "evaluate", "templates check",
     "templates export out/"],
)  # fmt: skip
def test_an_empty_library_says_so_in_every_command(run, perform, command):
    perform("x", "wave")
    stderr = run(*command.split(), code=1).stderr
    assert "holds no templates" in stderr
    assert "actionpose record wave" in stderr


@pytest.mark.parametrize("command", ["templates list", "templates list --json"])
def test_the_list_of_an_empty_library_is_empty_and_says_so(run, command):
    result = run(*command.split())
    assert result.stdout in ("", "[]\n")
    assert "holds no templates" in result.stderr
    assert "actionpose record wave" in result.stderr


def test_a_name_in_an_empty_library_says_so(run):
    assert "holds none" in run("templates", "show", "wave", code=1).stderr
    assert "holds none" in run("templates", "rename", "wave", "x", code=1).stderr


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
