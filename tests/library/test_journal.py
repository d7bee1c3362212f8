"""Every change can be undone, one after another, by any process."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from actionpose.errors import TemplateNotFoundError
from actionpose.library import TemplateLibrary, changes
from actionpose.template import Template
from tests.library.conftest import assert_same, fill, make_sequence, make_template
from tests.library.test_changes import state

Make = Callable[[TemplateLibrary], object]


@pytest.fixture
def filled(library: TemplateLibrary) -> TemplateLibrary:
    return fill(library)


def merge(library: TemplateLibrary) -> None:
    library.rename("wave", "clap", merge=True)


def replace_clip(library: TemplateLibrary) -> None:
    library.update(Template(label="wave", sequence=make_sequence(9), id="a", provenance={"source": "new"}))


def remove_in_one(library: TemplateLibrary, *names: str) -> None:
    with library.transaction():
        for name in names:
            library.remove(name)


def swap(library: TemplateLibrary) -> None:
    with library.transaction():
        library.rename("wave", "x")
        library.rename("clap", "wave")
        library.rename("x", "clap")


CHANGES: dict[str, tuple[Make, str]] = {
    "add": (lambda lib: lib.add(make_template("jump", 5)), "added 1 template of jump"),
    "remove": (lambda lib: lib.remove("wave"), "removed 2 templates of wave"),
    "disable": (lambda lib: lib.set_enabled("wave", False), "disabled 1 template of wave"),
    "enable": (lambda lib: lib.set_enabled("wave", True), "enabled 1 template of wave"),
    "rename": (lambda lib: lib.rename("wave", "greet"), "renamed wave to greet"),
    "merge": (merge, "merged wave into clap"),
    "swap": (swap, "renamed wave to clap; renamed clap to wave"),
    "tags": (lambda lib: lib.set_tags("clap", ["x", "y"]), "changed the tags of clap"),
    "notes": (lambda lib: lib.set_notes("clap", ""), "changed the notes of clap"),
    "replace": (replace_clip, "changed 1 template of wave"),
    "relabel": (partial(changes.relabel_takes, ids=["a"], label="clap"), "moved 1 template of wave to clap"),
    "relabel all": (partial(changes.relabel_takes, ids=["a", "b"], label="hi"), "renamed wave to hi"),
    "mirror": (partial(changes.add_mirrored, ids=["a"]), "added 1 template of wave"),
    "background": (lambda lib: lib.add_background(make_sequence(3)), "changed the background recordings"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_undone_and_told(filled: TemplateLibrary, location: str, name: str) -> None:
    make, summary = CHANGES[name]
    before, backgrounds = state(filled), len(filled.backgrounds())
    make(filled)
    after = state(filled), len(filled.backgrounds())
    assert after != (before, backgrounds)
    with TemplateLibrary.open(location) as other:
        assert other.undo() == summary
    assert (state(filled), len(filled.backgrounds())) == (before, backgrounds)


def test_all_changes_are_undone_one_after_another(filled: TemplateLibrary) -> None:
    states = []
    for make, _ in (CHANGES[name] for name in ("tags", "merge", "replace", "add", "disable")):
        states.append(state(filled))
        make(filled)
    filled.add(make_template("wave", 7, id="again"))  # the name of what was merged, while it is free
    filled.rename("clap", "greet")
    filled.add(make_template("clap", 8, id="more"))
    for _ in range(3):
        filled.undo()
    for before in reversed(states):
        assert filled.undo()
        assert state(filled) == before


def test_a_transaction_is_undone_as_one(filled: TemplateLibrary) -> None:
    before = state(filled)
    with filled.transaction():
        filled.rename("wave", "greet")
        filled.set_enabled("c", False)
    assert filled.undo() == "disabled 1 template of clap; renamed wave to greet"
    assert state(filled) == before


def test_what_changes_nothing_is_nothing_to_undo(library: TemplateLibrary) -> None:
    assert library.undo() == ""
    template = library.add(make_template("wave", 0))
    library.set_enabled("wave", True)
    library.set_tags("wave", [])
    library.rename("wave", "wave")
    library.update(template)
    with pytest.raises(TemplateNotFoundError):
        remove_in_one(library, "wave", "nosuch")
    assert library.undo() == "added 1 template of wave"
    assert library.templates() == []
    assert [t.id for t in library.restore()] == [template.id], "restoring brings back what was added"


def test_undoing_brings_back_everything_of_a_template(library: TemplateLibrary) -> None:
    template = library.add(make_template("wave", 0, quality={"rate_hz": 30.0, "motion": float("nan")}))
    library.update(Template(label="clap", sequence=make_sequence(4), id=template.id))
    library.undo()
    assert_same(library.get(template.id), template)


def test_purging_ends_what_can_be_undone(filled: TemplateLibrary) -> None:
    replace_clip(filled)
    filled.remove("b")
    filled.purge()
    assert filled.undo() == ""
    with filled._database.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sequences").scalar() == 2


def test_the_journal_does_not_grow_for_ever(filled: TemplateLibrary) -> None:
    for number in range(130):
        filled.set_notes("wave", str(number))
    n_undone = 0
    while filled.undo():
        n_undone += 1
    assert n_undone == 100


def test_merging_leaves_no_notes_for_the_next_of_that_name(filled: TemplateLibrary) -> None:
    merge(filled)
    filled.add(make_template("wave", 6))
    wave = next(action for action in filled.actions() if action.label == "wave")
    assert (wave.notes, wave.tags) == ("", ())
    assert np.array_equal([a.n_templates for a in filled.actions()], [3, 1])
