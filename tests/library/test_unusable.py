"""What is stored but cannot be used, such as times that cannot be seconds: left aside, named, and easily removed."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from actionpose.cli import cli
from actionpose.errors import FallbackWarning, LibraryError
from actionpose.library import TemplateLibrary, UnusableTemplate
from actionpose.session.recognizers import EmptyLibraryError, enabled_templates
from tests.library.conftest import execute, make_sequence, make_template


def spoil(
    location: str, template_id: str, column: str = "time", content: bytes | str | None = None, *, n_frames: int = 5
) -> None:
    """Write into a library what should not be there; by default a last time of years."""
    if content is None:
        buffer = io.BytesIO()
        np.save(buffer, np.array([*range(n_frames - 1), 1e9]) / 30)
        content = buffer.getvalue()
    execute(
        location,
        f"UPDATE sequences SET {column} = :content WHERE id = (SELECT sequence_id FROM templates WHERE id = :id)",
        content=content,
        id=template_id,
    )


@pytest.fixture
def spoiled(location: str) -> str:
    with TemplateLibrary.open(location) as library:
        library.add_all([make_template("clap", id="aaaa"), make_template("wave", 1, id="bbbb")])
    spoil(location, "bbbb")
    return location


@pytest.mark.parametrize(
    ("column", "content", "problem"),
    [
        ("time", None, "lasts 3.33e[+]07 s"),
        ("time", b"nonsense", "arrays cannot be read"),
        ("time", b"", "arrays cannot be read"),
        ("position", b"\x93NUMPY\x01\x00\x02\x00{}", "arrays cannot be read"),
        ("skeleton_id", "none", "skeleton cannot be read"),
    ],
)
def test_the_others_are_used(location: str, column: str, content: bytes | str | None, problem: str) -> None:
    with TemplateLibrary.open(location) as library:
        library.add_all([make_template("clap", id="aaaa"), make_template("wave", 1, id="bbbb")])
        spoil(location, "bbbb", column, content)
        with pytest.warns(FallbackWarning, match=f"bbbb .wave. is left aside: .*{problem}.*templates remove bbbb"):
            assert [template.id for template in library.templates()] == ["aaaa"]
        (unusable,) = library.unusable()
        assert (unusable.id, unusable.label) == ("bbbb", "wave")
        with pytest.raises(LibraryError, match="cannot be used") as caught:
            library.get("bbbb")
        assert "templates remove bbbb" in caught.value.hint


def test_it_is_removed_and_restored_like_any_other(spoiled: str) -> None:
    with TemplateLibrary.open(spoiled) as library:
        assert [type(t) for t in library.set_enabled("wave", False)] == [UnusableTemplate]
        assert [t.id for t in library.remove("bbbb")] == ["bbbb"]
        assert [t.id for t in library.templates()] == ["aaaa"]
        assert [t.id for t in library.removed()] == ["bbbb"]
        assert [t.id for t in library.restore()] == ["bbbb"]
        library.remove("wave")
        assert library.purge() == 1
        assert library.unusable() == []


def test_a_file_can_take_its_place(spoiled: str, tmp_path: Path) -> None:
    with TemplateLibrary.open(tmp_path / "other.sqlite") as other:
        other.add(make_template("wave", 1, id="bbbb"))
        (file,) = other.export(tmp_path / "wave.json")
    with TemplateLibrary.open(spoiled) as library:
        with pytest.raises(LibraryError, match="differs from the template bbbb"):
            library.import_(file)
        assert [t.id for t in library.import_(file, replace=True)] == ["bbbb"]
        assert [t.id for t in library.templates()] == ["aaaa", "bbbb"]


def test_a_library_of_nothing_else_says_why(spoiled: str) -> None:
    with TemplateLibrary.open(spoiled) as library:
        library.remove("aaaa")
        with (
            pytest.warns(FallbackWarning),
            pytest.raises(EmptyLibraryError, match=r"None .* can be used; wave: .* lasts"),
        ):
            enabled_templates(library)


def test_a_background_that_cannot_be_read_is_left_aside(location: str) -> None:
    with TemplateLibrary.open(location) as library:
        library.add_background(make_sequence())
        library.add_background(make_sequence(1))
        execute(location, "UPDATE sequences SET position = :position WHERE id = 1", position=b"x")
        with pytest.warns(FallbackWarning, match="background recorded at .* is left aside"):
            assert len(library.backgrounds()) == 1


def test_the_command_line_lists_and_removes_it(spoiled: str) -> None:
    def run(*arguments: str) -> str:
        with pytest.warns(FallbackWarning) if "list" in arguments else contextlib.nullcontext():
            result = CliRunner().invoke(cli, ["templates", *arguments, "--library", str(spoiled)])
        assert result.exit_code == 0, result.output
        return result.stdout

    assert "cannot be used" in run("list")
    records = json.loads(run("list", "--json"))
    assert "lasts 3.33e+07 s" in records[1]["problem"]
    assert run("disable", "wave") == "bbbb  wave  cannot be used\n"
    assert run("remove", "bbbb") == "bbbb  wave  cannot be used\n"
