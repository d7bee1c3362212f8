"""``actionpose templates``: the library from the command line."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.shell_completion import ShellComplete

from actionpose.cli import cli

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


def listed(run) -> dict[str, dict]:
    return {record["id"]: record for record in json.loads(run("templates", "list", "--json").stdout)}


def test_a_template_alone_can_be_given_another_name(run):
    [first, _] = json.loads(run("templates", "show", "wave", "--json").stdout)
    assert "hello" in run("templates", "rename", first["id"][:8], "hello").stdout
    assert sorted(labels(run)) == ["clap", "clap", "hello", "squat", "squat", "wave"]


def test_several_are_changed_at_once(run):
    [first, _] = json.loads(run("templates", "show", "wave", "--json").stdout)
    result = run("templates", "disable", "clap", first["id"][:8])
    assert len(result.stdout.splitlines()) == 3
    assert "3 templates changed." in result.stderr
    assert "2 templates changed." in run("templates", "enable", "clap").stderr
    assert len(run("templates", "remove", "clap", first["id"]).stdout.splitlines()) == 3
    assert len(run("templates", "restore", "clap", first["id"]).stdout.splitlines()) == 3
    assert len(run("templates", "show", "clap", "wave").stdout.split("\n\n")) == 4
    assert labels(run) == ["clap", "clap", "squat", "squat", "wave", "wave"]
    run("templates", "remove", "clap", "nosuch", code=1)
    assert labels(run).count("clap") == 2, "all or none"


def test_where_nothing_changes_no_success_is_told(run):
    run("templates", "export", "shared")
    run("templates", "tag", "wave", "--add", "hand")
    run("templates", "notes", "wave", "loud")
    run("templates", "mirror", "wave")
    for command in (
        "enable wave", "restore", "import shared", "rename wave wave", "tag wave --add hand", "tag wave --drop foot",
        "notes wave loud",
    ):  # fmt: skip
        result = run("templates", *command.split())
        assert "Nothing to change." in result.stderr
        assert "changed." not in result.stderr
    assert "there already" in run("templates", "mirror", "wave").stderr
    assert "mirror" not in run("templates", "undo").stderr
    assert "hand" not in run("templates", "list").stdout


def test_an_empty_tag_changes_nothing(run):
    assert run("templates", "tag", "wave", "--add", " ").stderr == "Nothing to change.\n"


def test_tags_and_notes(run):
    assert run("templates", "tag", "wave", "clap", "--add", "hands", "--add", "arms").stdout.splitlines() == [
        "wave  arms, hands", "clap  arms, hands",
    ]  # fmt: skip
    run("templates", "tag", "clap", "--drop", "arms")
    assert run("templates", "tag", "clap", "squat").stdout.splitlines() == ["clap  hands", "squat  "]
    run("templates", "notes", "wave", "right hand only")
    assert run("templates", "notes", "wave").stdout == "right hand only\n"
    described = {(r["label"], tuple(r["tags"]), r["notes"]) for r in listed(run).values()}
    assert described == {
        ("wave", ("arms", "hands"), "right hand only"), ("clap", ("hands",), ""), ("squat", (), ""),
    }  # fmt: skip
    assert "arms, hands" in run("templates", "show", "wave").stdout
    assert "right hand only" in run("templates", "show", "wave").stdout
    assert "wave" in run("templates", "tag", "wvae", "--add", "x", code=1).stderr


def test_tags_and_notes_travel_with_exported_files(run, tmp_path):
    run("templates", "export", "plain")
    assert "tags" not in next(iter((tmp_path / "plain").glob("wave*"))).read_text()
    run("templates", "tag", "wave", "--add", "hands")
    run("templates", "notes", "wave", "right hand only")
    run("templates", "export", "shared")
    [record, *_] = [json.loads(file.read_text()) for file in (tmp_path / "shared").glob("wave*")]
    assert (record["tags"], record["notes"]) == (["hands"], "right hand only")
    run("templates", "import", "shared", "--library", "other.sqlite")
    other = json.loads(run("templates", "show", "wave", "--json", "--library", "other.sqlite").stdout)
    assert [(r["tags"], r["notes"]) for r in other] == [(["hands"], "right hand only")] * 2
    run("templates", "import", "plain", "--library", "third.sqlite")
    assert len(json.loads(run("templates", "list", "--json", "--library", "third.sqlite").stdout)) == 6


def test_merging_mirroring_and_trimming(run):
    before = listed(run)
    result = run("templates", "merge", "wave", "clap", "--into", "arms")
    assert len(result.stdout.splitlines()) == 4
    assert set(labels(run)) == {"arms", "squat"}
    assert len(run("templates", "mirror", "squat").stdout.splitlines()) == 2
    assert labels(run).count("squat") == 4
    squat = next(key for key, record in before.items() if record["label"] == "squat")
    result = run("templates", "trim", squat, "--start", "0:00.2", "--end", 0.9)
    assert result.stdout.startswith(squat[:8])
    after = listed(run)[squat]
    assert after["duration_s"] == pytest.approx(0.7, abs=0.05)
    start = float(before[squat]["provenance"]["start"])
    assert float(after["provenance"]["start"]) == pytest.approx(start + 0.2, abs=0.04)
    assert "Nothing would remain" in run("templates", "trim", squat, "--start", 5, code=1).stderr
    for _ in range(3):
        run("templates", "undo")
    assert {key: listed(run)[key] for key in before} == before
    assert len(listed(run)) == 6


@pytest.mark.parametrize("arguments", [["wave"], ["wave", "out/"], ["squat", "clap"]])
def test_an_export_without_a_target_writes_nothing(run, tmp_path, arguments):
    stderr = run("templates", "export", *arguments, code=2).stderr
    assert f"./{arguments[0]}" in stderr
    assert f"templates export {'out/' if 'out/' in arguments else 'FOLDER/'} {arguments[0]}" in stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recordings", "templates"]
    run("templates", "export", "./wave/")
    assert len(list((tmp_path / "wave").iterdir())) == 6


def complete(line: str) -> list[str]:
    arguments = line.split(" ")
    found = ShellComplete(cli, {}, "actionpose", "_ACTIONPOSE_COMPLETE").get_completions(arguments[:-1], arguments[-1])
    return [item.value for item in found]


def test_a_shell_completes_labels_and_ids(run, tmp_path):
    [first, *_] = json.loads(run("templates", "show", "wave", "--json").stdout)
    assert complete("templates disable ") == ["clap", "squat", "wave"]
    assert complete("templates disable wave ") == ["clap", "squat"]
    assert complete("templates show w") == ["wave"]
    assert first["id"][:8] in complete(f"templates show {first['id'][:3]}")
    assert complete("evaluate --hide s") == ["squat"]
    assert complete("add s") == ["squat"]
    run("templates", "remove", "squat")
    assert complete("templates restore ") == ["squat"]
    assert complete("templates show ") == ["clap", "wave"]
    assert complete(f"templates show --library {tmp_path / 'none.sqlite'} ") == []
    assert not (tmp_path / "none.sqlite").exists()


def test_completing_is_quick_since_it_loads_no_database_layer():
    code = (
        "import sys; from click.shell_completion import ShellComplete as S; from actionpose.cli import cli;"
        "c = S(cli, {}, 'actionpose', 'X').get_completions;"
        "print([i.value for i in c([], 'r')], [i.value for i in c(['templates', 'show'], 'w')]);"
        "print(sorted({'sqlalchemy', 'cv2', 'mediapipe', 'torch', 'textual'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines() == ["['record', 'recognize'] ['wave']", "[]"]


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
