"""Every change to the library can be taken back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from actionpose.errors import TemplateNotFoundError
from actionpose.library import TemplateLibrary, changes
from actionpose.library.changes import Change
from tests.library.conftest import fill, make_template

Make = Callable[[TemplateLibrary], Change]


@pytest.fixture
def library() -> TemplateLibrary:
    return fill(TemplateLibrary.open("sqlite://"))


def state(library: TemplateLibrary) -> object:
    templates = [(t.id, t.label, t.enabled, t.sequence.position.tobytes()) for t in library.templates()]
    return templates, [(a.label, a.tags, a.notes) for a in library.actions()]


CHANGES: dict[str, tuple[Make, str]] = {
    "remove": (partial(changes.remove_takes, ids=["a", "c"]), "Removed 2 takes of 2 actions"),
    "turn off": (partial(changes.enable_takes, ids=["a", "b"], enabled=False), "Turned off 2 takes of wave"),
    "turn on": (partial(changes.enable_takes, ids=["a", "b"], enabled=True), "Turned on 2 takes of wave"),
    "rename": (partial(changes.rename_action, old="wave", new=" greet "), "Renamed wave to greet"),
    "relabel": (partial(changes.relabel_takes, ids=["a"], label="clap"), "Moved 1 take of wave to clap"),
    "relabel anew": (partial(changes.relabel_takes, ids=["a", "b"], label="hi"), "Moved 2 takes of wave to hi"),
    "merge": (partial(changes.merge_actions, labels=["wave", "clap"], into="clap"), "Merged wave into clap"),
    "merge anew": (partial(changes.merge_actions, labels=["wave", "clap"], into="x"), "Merged clap, wave into x"),
    "tag": (partial(changes.tag_actions, labels=["wave", "clap"], add=["arm"], drop=["hand"]), "Tagged clap, wave"),
    "mirror": (partial(changes.add_mirrored, ids=["a"]), "Mirrored 1 take of wave"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_told_and_taken_back(library: TemplateLibrary, name: str) -> None:
    make, summary = CHANGES[name]
    before = state(library)
    change = make(library)
    assert change.summary == summary
    assert state(library) != before
    known = {template.id for template in library.templates()}
    assert set(change.ids) <= known
    change.undo(library)
    assert state(library) == before


def test_importing_is_taken_back_where_it_added_and_where_it_replaced(library: TemplateLibrary, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    with TemplateLibrary.open("sqlite://") as other:
        other.add_all([make_template("wave", 9, id="a"), make_template("jump", 5, id="d")])
        other.export(folder)
    before = state(library)
    change = changes.import_takes(library, folder, replacing=True)
    assert change.summary == f"Imported 2 takes of 2 actions from {folder}"
    assert change.ids == ("d", "a")
    change.undo(library)
    assert state(library) == before
    changes.import_takes(library, folder, replacing=True)
    again = changes.import_takes(library, folder)
    assert again.summary == f"{folder} holds nothing new"


def test_an_undo_leaves_what_has_changed_since(library: TemplateLibrary) -> None:
    change = changes.relabel_takes(library, ["a"], "clap")
    library.set_enabled("a", False)
    change.undo(library)
    assert not library.get("a").enabled
    assert library.get("a").label == "wave"


def test_an_undo_that_comes_too_late_says_so(library: TemplateLibrary) -> None:
    change = changes.remove_takes(library, ["a"])
    library.purge()
    with pytest.raises(TemplateNotFoundError, match="no removed template"):
        change.undo(library)
