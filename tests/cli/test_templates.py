"""``actionpose templates``: the library from the command line."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.usefixtures("taught")


def labels(run) -> list[str]:
    return [record["label"] for record in json.loads(run("templates", "list", "--json").stdout)]


def test_list_names_every_template(run):
    assert sorted(labels(run)) == ["clap", "clap", "squat", "squat", "wave", "wave"]
    output = run("templates", "list").stdout
    assert output.splitlines()[0].split()[:2] == ["id", "label"]
    assert len(output.splitlines()) == 7


def test_show_takes_a_label_or_an_id(run):
    of_label = json.loads(run("templates", "show", "wave", "--json").stdout)
    assert [record["label"] for record in of_label] == ["wave", "wave"]
    output = run("templates", "show", of_label[0]["id"][:8]).stdout
    assert of_label[0]["id"] in output
    assert "lesson.jsonl.gz" in output


def test_rename(run):
    run("templates", "rename", "wave", "greet")
    assert sorted(set(labels(run))) == ["clap", "greet", "squat"]
    assert "already" in run("templates", "rename", "greet", "clap", code=1).stderr
    run("templates", "rename", "greet", "clap", "--merge")
    assert labels(run).count("clap") == 4


def test_every_change_can_be_undone(run):
    before = run("templates", "list", "--json").stdout
    run("templates", "rename", "wave", "clap", "--merge")
    run("templates", "disable", "squat")
    assert "disabled 2 templates of squat" in run("templates", "undo").stderr
    assert "merged wave into clap" in run("templates", "undo").stderr
    assert run("templates", "list", "--json").stdout == before
    assert "added" in run("templates", "undo").stderr  # what the library was made by


def test_disable_and_enable(run):
    run("templates", "disable", "wave")
    records = json.loads(run("templates", "list", "--json").stdout)
    assert {record["label"] for record in records if not record["enabled"]} == {"wave"}
    assert run("templates", "list").stdout.count("disabled") == 2
    run("templates", "enable", "wave")
    assert "disabled" not in run("templates", "list").stdout


def test_remove_can_be_undone(run):
    result = run("templates", "remove", "wave")
    assert len(result.stdout.splitlines()) == 2
    assert "templates restore" in result.stderr
    assert "wave" not in labels(run)
    assert run("templates", "list", "--removed").stdout.count("wave") == 2
    run("templates", "restore")
    assert labels(run).count("wave") == 2


def test_export_and_import_round_trip(run, tmp_path):
    before = run("templates", "list", "--json").stdout
    files = run("templates", "export", "shared").stdout.split()
    assert len(files) == 6
    assert all((tmp_path / file).is_file() for file in files)
    other = tmp_path / "other.sqlite"
    run("templates", "import", "shared", "--library", other)
    assert json.loads(run("templates", "list", "--json", "--library", other).stdout) == json.loads(before)


def test_an_unknown_name_says_so(run):
    stderr = run("templates", "remove", "nosuch", code=1).stderr
    assert stderr.startswith("error: ")
    assert "nosuch" in stderr


def test_check_names_every_template(run):
    health = json.loads(run("templates", "check", "--json").stdout)["templates"]
    assert {item["label"] for item in health} == {"wave", "clap", "squat"}
    assert len(health) == 6
    assert all(item["threshold"] > 0 for item in health)
    assert len(run("templates", "check").stdout.splitlines()) >= 7


def test_check_judges_no_take_by_its_mirror_image(run, perform):
    perform("alone", "wave", pause=0.8)
    run("add", "--spans", "alone.csv", "--mirror", "--library", "alone.sqlite")
    result = run("templates", "check", "--library", "alone.sqlite").stdout
    assert "too few takes" in result
    assert "100 %" not in result
    assert "if it went wrong" not in result
    checked = json.loads(run("templates", "check", "--json", "--library", "alone.sqlite").stdout)
    assert [item["own_ratio"] for item in checked["templates"]] == [None, None]
    assert {item["missed"] for item in checked["by_sensitivity"]} == {None}
