"""Labels that are nearly equal, from the command line."""

from __future__ import annotations

import json
import sqlite3
import unicodedata

import pytest

from actionpose.library import TemplateLibrary, rows

pytestmark = pytest.mark.usefixtures("taught")

WAVES = (
    'note: there is an action "wave" already; "Wave" will be another one. To join them: '
    "actionpose templates rename --merge Wave wave"
)


def counts(run) -> dict[str, int]:
    labels = [record["label"] for record in json.loads(run("templates", "list", "--json").stdout)]
    return {label: labels.count(label) for label in labels}


def write_spans(path, video, labels):
    rows = [f"{video.name},{label},{1.0 + i},{2.0 + i}" for i, label in enumerate(labels)]
    path.write_text("\n".join(["video,label,start_s,end_s", *rows]) + "\n")


def test_add_and_record_say_what_is_nearly_there_already(run, drill, tmp_path):
    assert WAVES in run("add", "Wave", drill, "--start", 0.5, "--end", 1.5).stderr
    assert "will be another" not in run("add", "Wave", drill, "--start", 0.5, "--end", 1.5).stderr
    recorded = run("record", "WAVE", "--source", drill, "--takes", 1, "--countdown", 0, "--seconds", 1).stderr
    assert recorded.count("will be another one") == 2
    write_spans(tmp_path / "spans.csv", drill, ["Clap", "CLAP"])
    (tmp_path / drill.name).write_bytes(drill.read_bytes())
    assert run("add", "--spans", "spans.csv").stderr.count('there is an action "') == 3


def test_check_lists_them_and_the_command_it_names_joins_them(run, drill):
    assert "nearly equal" not in run("templates", "check").stderr
    run("add", "Wave", drill, "--start", 0.5, "--end", 1.5)
    note = '"wave" and "Wave" are nearly equal, and two actions. To join them: '
    command = "actionpose templates rename --merge Wave wave"
    assert f"note: {note}{command}" in run("templates", "check").stderr
    assert json.loads(run("templates", "check", "--json").stdout)["alike"] == [f"{note}{command}"]
    run(*command.split()[1:])
    assert counts(run) == {"clap": 2, "squat": 2, "wave": 3}


def test_import_restore_and_rename_say_so_too(run, tmp_path):
    run("templates", "export", "files")
    for file in (tmp_path / "files").iterdir():
        file.write_text(file.read_text().replace('"label": "wave"', '"label": "Wave"'))
    other = tmp_path / "other.sqlite"
    run("templates", "import", "files", "--library", other)
    run("templates", "rename", "Wave", "wave", "--library", other)
    assert "will be another" not in run("templates", "rename", "wave", "WAVE", "--library", other).stderr
    assert '"WAVE" already; "clap' not in run("templates", "rename", "clap", "wave", "--library", other).stderr
    assert counts(run) == {"clap": 2, "squat": 2, "wave": 2}
    assert WAVES in run("templates", "rename", "clap", "Wave").stderr
    run("templates", "remove", "Wave")
    assert WAVES in run("templates", "restore").stderr


def test_import_of_nearly_the_same_label(run, tmp_path, drill):
    other = tmp_path / "other.sqlite"
    run("add", "Wave", drill, "--start", 0.5, "--end", 1.5, "--library", other)
    run("templates", "export", "files", "--library", other)
    assert WAVES in run("templates", "import", "files").stderr


def test_an_accented_letter_is_one_label_however_it_is_encoded(run, drill):
    composed = "caf\u00e9"
    decomposed = unicodedata.normalize("NFD", composed)
    assert composed != decomposed
    for label in (composed, decomposed):
        result = run("add", label, drill, "--start", 0.5, "--end", 1.5)
        assert "another one" not in result.stderr
    assert counts(run)[composed] == 2
    assert composed in run("templates", "show", decomposed).stdout
    run("templates", "rename", decomposed, "tea")
    assert counts(run)["tea"] == 2


@pytest.mark.parametrize("label", ["UNKNOWN", "Unknown"])
def test_unknown_is_refused_in_capitals_too(run, drill, label):
    commands = ("add", label, drill), ("record", label, "--source", drill), ("templates", "rename", "wave", label)
    for arguments in commands:
        assert "no template can have this label" in run(*arguments, code=1).stderr


def test_labels_of_spans_that_are_not_there_are_answered_with_the_nearest(run, drill, tmp_path):
    write_spans(tmp_path / "truth.csv", drill, ["clapp", "Wave", "juggle", "UNKNOWN"])
    stderr = run("evaluate", drill, "--spans", "truth.csv", "--json").stderr
    assert "note: clapp: not in the library; did you mean clap?" in stderr
    assert "note: Wave: not in the library; did you mean wave?" in stderr
    assert "note: juggle: not in the library." in stderr
    assert "nknown" not in stderr.replace("unknown actions", "")
    assert "note: clapp: not in the library; did you mean clap?" in run("evaluate", "--hide", "clapp", code=1).stderr


def test_labels_of_a_library_of_before_are_joined(taught):
    """An old library may hold one name in two encodings, and a label that is refused by now."""
    decomposed = unicodedata.normalize("NFD", "caf\u00e9")
    with sqlite3.connect(taught) as database:
        database.execute("UPDATE actions SET label = ? WHERE label = 'wave'", (decomposed,))
        database.execute("UPDATE actions SET label = 'caf\u00e9' WHERE label = 'clap'")
        database.execute("UPDATE actions SET label = 'Unknown' WHERE label = 'squat'")
        database.execute("DROP TABLE changes")
        database.execute(f"UPDATE {rows.VERSION_TABLE} SET version_num = '0001'")
    database.close()
    with TemplateLibrary.open(taught) as library:
        with pytest.warns(match="is left aside: 'Unknown' reads like 'unknown'"):
            found = library.templates()
        assert [template.label for template in found] == ["caf\u00e9"] * 4
        assert library.rename("Unknown", "squat").n_templates == 2
        assert len(library.templates()) == 6
