"""A library with templates of two keypoint models from the command line."""

from __future__ import annotations

import json

import pytest

ASIDE = "note: 6 templates of blazepose_33 left aside: record again with this model (clap, squat)."


def test_recognize_uses_those_that_fit(run, mixed, exam):
    result = run("recognize", mixed, "--format", "json")
    assert [event["label"] for event in json.loads(result.stdout)] == ["wave"]
    assert ASIDE in result.stderr
    world = run("recognize", exam, "--format", "json")
    assert [event["label"] for event in json.loads(world.stdout)] == ["clap", "wave", "squat"]
    assert "1 template of upper_body_6 left aside: they were recorded with another model." in world.stderr


def test_live_uses_those_that_fit(run, mixed):
    result = run("live", mixed)
    assert [json.loads(line)["label"] for line in result.stdout.splitlines()] == ["wave"]
    assert ASIDE in result.stderr


@pytest.mark.parametrize("command", ["recognize", "live"])
def test_none_that_fits_is_an_error_that_names_both_models(run, mixed, command):
    flat = [r["id"] for r in json.loads(run("templates", "list", "--json").stdout) if r["skeleton"] == "upper_body_6"]
    run("templates", "disable", *flat)
    stderr = run(command, mixed, code=1).stderr
    assert "templates fits these poses: they are of blazepose_33 in 3-D, the poses of upper_body_6 in 2-D." in stderr
    assert "hint: Choose the keypoint model that they were recorded with" in stderr


def test_check_and_list_tell_the_models_apart(run, mixed):
    assert mixed.exists()
    result = run("templates", "check").stdout
    assert "blazepose_33 in 3-D: 6 templates" in result
    assert "upper_body_6 in 2-D: 1 template" in result
    checked = json.loads(run("templates", "check", "--json").stdout)
    assert len(checked["templates"]) == 7
    assert [(model["skeleton"], model["n_dims"]) for model in checked["models"]] == [
        ("blazepose_33", 3),
        ("upper_body_6", 2),
    ]
    assert checked["by_sensitivity"] == checked["models"][0]["by_sensitivity"]
    listed = run("templates", "list")
    assert (
        "note: templates of 2 keypoint models: 6 of blazepose_33 in 3-D and 1 of upper_body_6 in 2-D" in listed.stderr
    )
    assert len(listed.stdout.splitlines()) == 8


def test_evaluate_measures_each_model_by_itself(run, mixed):
    report = json.loads(run("evaluate", mixed, "--spans", "flat-exam.csv", "--unknown", "--json").stdout)
    assert [event["label"] for event in report["events"]] == ["wave"]
    run("templates", "import", *run("templates", "export", "copy").stdout.split())
    assert "none can be recognised by another" in run("evaluate", code=1).stderr


def test_record_says_what_is_left_aside(run, mixed):
    result = run("record", "hello", "--source", mixed, "--takes", 1, "--countdown", 0)
    assert "1 of 1 takes of 'hello' kept." in result.stderr
    assert ASIDE in result.stderr


def test_a_new_model_is_told_which_templates_it_cannot_use(taught, capsys, tmp_path):
    from actionpose.cli.keypoint_models import tell_how_to_use
    from actionpose.skeleton import UPPER_BODY_6

    tell_how_to_use(tmp_path / "me", UPPER_BODY_6)
    said = capsys.readouterr().err
    assert "note: 6 templates of blazepose_33 left aside: record again with this model (clap, squat, wave)." in said
    assert f"actionpose record LABEL --model {tmp_path / 'me'}" in said
    taught.unlink()
    tell_how_to_use(tmp_path / "me", UPPER_BODY_6)
    assert "left aside" not in capsys.readouterr().err
    assert not taught.exists(), "asking makes no library"
