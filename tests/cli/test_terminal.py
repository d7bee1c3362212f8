"""What reaches the terminal, pipe or file that the command line writes to."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.table import Table

from actionpose.cli import _format_warning, terminal
from actionpose.cli.terminal import show_table, simple_table
from actionpose.errors import FallbackWarning
from actionpose.library import TemplateLibrary
from tests.cli.conftest import Run

_EVIL = "\x1b]0;owned\x07\x9b31m\u202e\nerror: forged"
_SHOWN = "�]0;owned��31m� error: forged"

_NEEDS_FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
_NEEDS_SHELL = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")


@pytest.fixture
def haunted(taught: Path) -> Path:
    """A library with a template whose source, quality and skeleton hold escape sequences."""
    with TemplateLibrary.open(taught) as library:
        template = library.templates("wave")[0]
        skeleton = dataclasses.replace(template.sequence.skeleton, name=_EVIL)
        library.add(
            dataclasses.replace(
                template,
                id="0" * 32,
                sequence=dataclasses.replace(template.sequence, skeleton=skeleton),
                provenance={"source": _EVIL, _EVIL: "x"},
                quality={_EVIL: 1.0},
            )
        )
    return taught


@pytest.mark.usefixtures("haunted")
def test_escape_sequences_are_shown_as_text(run: Run) -> None:
    table = run("templates", "list").output
    assert table.count(_SHOWN) == 1
    details = run("templates", "show", "0" * 32).output
    assert details.count(_SHOWN) == 4  # skeleton, source, key of the provenance, key of the quality
    for text in (table, details, run("templates", "check").output, run("templates", "show", "0" * 32, "--json").output):
        assert text.replace("\n", "").isprintable()
    found = json.loads(run("templates", "show", "0" * 32, "--json").output)
    assert found[0]["provenance"]["source"] == _EVIL  # JSON has escapes of its own


@pytest.mark.usefixtures("taught")
def test_errors_that_name_what_a_file_or_an_argument_holds_are_text(run: Run, tmp_path: Path) -> None:
    (tmp_path / "spans.csv").write_text("video,label,start_s,end_s\nx.mp4,\x1b[31mred,0,1\n", encoding="utf-8")
    for result in (
        run("add", "--spans", "spans.csv", code=1),
        run("templates", "show", _EVIL, code=1),
        run("templates", _EVIL, code=2),
        run("recognize", _EVIL, code=1),
    ):
        assert result.output.replace("\n", "").isprintable(), result.output
        assert not re.search("^error: forged", result.output, re.MULTILINE)


def test_only_one_place_prints() -> None:
    printing = re.compile(r"click\.(echo|secho)|(?<!narration\.)\bprint\(|Console\(|std(out|err)\.write")
    folder = Path(terminal.__file__).parent
    others = [path for path in sorted(folder.glob("*.py")) if path.name != "terminal.py"]
    assert [path.name for path in others if printing.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_narrow_table_folds_names_and_keeps_every_number(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = _print_in_terminal(_scores(), width, monkeypatch)
    text = " ".join(lines)
    for number in ("0.123", "0.12-0.45", "0.981", "12.34", "1234"):
        assert text.split().count(number) == 2, text
    assert "".join(line[:8].strip() for line in lines).count("jumping_jack_with_a_long_nam") == 0 or width > 60


def test_a_table_that_fits_is_not_folded_and_a_file_gets_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(_print_in_terminal(_scores(), 120, monkeypatch)) == 3
    file = io.StringIO()
    monkeypatch.setenv("COLUMNS", "40")
    show_table(_scores(), file)
    assert len(file.getvalue().splitlines()) == 3


def _scores() -> Table:
    table = simple_table("action", "PCK@0.1", "95 %", "recall", "mean px", "n", names={"action"})
    for name in ("jumping_jack_with_a_long_name", "ウェーブを両手で大きくする"):
        table.add_row(name, "0.123", "0.12-0.45", "0.981", "12.34", "1234")
    return table


def _print_in_terminal(table: Table, width: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("FORCE_COLOR", "1")  # says that it is a terminal
    file = io.StringIO()
    show_table(table, file)
    return re.sub("\x1b\\[[0-9;]*m", "", file.getvalue()).splitlines()


@_NEEDS_SHELL
@pytest.mark.usefixtures("taught")
@pytest.mark.parametrize("redirection", [">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full", "| head -n 1", "| true"])
def test_closed_and_broken_streams_are_borne_in_silence(redirection: str) -> None:
    done = _shell(f"templates list {redirection}")
    assert done.stderr == ""
    assert done.returncode in (0, 1)


@_NEEDS_FULL
@pytest.mark.usefixtures("taught")
@pytest.mark.parametrize("command", ["templates list", "templates list --json", "templates show wave", "--help"])
def test_a_full_disk_behind_stdout_is_told_in_a_line(command: str) -> None:
    done = _shell(f"{command} > /dev/full")
    assert done.stderr.splitlines() == [
        "error: Cannot write to standard output: No space left on device.",
        "hint: Free some space, or choose another place.",
    ]
    assert done.returncode == 1


@_NEEDS_SHELL
@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_names_that_an_encoding_lacks_become_question_marks(encoding: str, taught: Path) -> None:
    with TemplateLibrary.open(taught) as library:
        library.rename("wave", "手を振る 👋…")
    done = _shell("templates list; $ACTIONPOSE templates show none", encoding=encoding)
    assert "???? ?" in done.stdout
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_a_warning_is_a_line_without_code() -> None:
    shown = _format_warning(RuntimeWarning("Mean of \x1bempty slice"), RuntimeWarning, "statistics.py", 12)
    assert shown == "warning: Mean of �empty slice\n"
    assert _format_warning(FallbackWarning("using MediaPipe"), FallbackWarning, "x.py", 1) == "note: using MediaPipe\n"


def _shell(command: str, *, encoding: str = "utf-8") -> subprocess.CompletedProcess[str]:
    actionpose = f"'{sys.executable}' -m actionpose"
    environment = {
        **os.environ,
        "PYTHONIOENCODING": encoding,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "ACTIONPOSE": actionpose,
    }
    return subprocess.run(
        ["sh", "-c", f"{actionpose} {command.replace('$ACTIONPOSE', actionpose)}"],
        env=environment,
        capture_output=True,
        encoding=encoding,
        check=False,
    )
