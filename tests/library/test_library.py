"""The library as one process sees it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy.engine import Connection

from actionpose.errors import InvalidDataError, LibraryError, TemplateFileError, TemplateNotFoundError
from actionpose.library import TemplateLibrary, rows
from actionpose.pose import PoseSequence
from actionpose.skeleton import COCO_17, Skeleton
from actionpose.template import Template
from tests.library.conftest import assert_same, make_sequence, make_template


def ids(templates: list[Template]) -> list[str]:
    return [template.id for template in templates]


def test_a_template_comes_back_as_it_went_in(location: str) -> None:
    template = make_template(
        enabled=False,
        created=dt.datetime(2024, 2, 3, 4, 5, 6, 789, tzinfo=dt.timezone(dt.timedelta(hours=5))),
        provenance={"source": "camera 0", "note": "naïve ☃"},
        quality={"rate_hz": 1 / 3, "confidence": float("nan")},
    )
    with TemplateLibrary.open(location) as library:
        assert library.add(template) is template
    with TemplateLibrary.open(location) as library:
        assert_same(library.get(template.id), template)


def test_every_kind_of_sequence_is_kept(library: TemplateLibrary) -> None:
    flat = PoseSequence(skeleton=COCO_17, time=[0.0, 0.5], position=np.zeros((2, 17, 2)))
    chain = Skeleton(name="chain", keypoints=["a", "b", "c"], edges=[("a", "b"), ("b", "c")])
    own = PoseSequence(skeleton=chain, time=[-1.0, 7.0], position=np.asfortranarray(np.arange(18.0).reshape(2, 3, 3)))
    unseen = PoseSequence(skeleton=COCO_17, time=[0, 1], position=np.full((2, 17, 3), np.nan))
    for template in library.add_all([Template.from_sequence("a", s) for s in (flat, own, unseen)]):
        assert_same(library.get(template.id), template)


def test_a_skeleton_without_angles(library: TemplateLibrary) -> None:
    pair = Skeleton(name="pair", keypoints=["a", "b"], edges=[("a", "b")])
    sequence = PoseSequence(skeleton=pair, time=[0.0, 1.0], position=np.zeros((2, 2, 3)))
    template = library.add(Template.from_sequence("a", sequence))
    assert_same(library.get(template.id), template)


def test_templates_come_in_an_order_that_does_not_depend_on_when_they_were_added(tmp_path: Path) -> None:
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    made = [
        make_template(label, created=start + dt.timedelta(days=day), id=f"{label}{day}")
        for label, day in [("wave", 2), ("clap", 3), ("wave", 1), ("clap", 0)]
    ]
    orders = []
    for i, templates in enumerate((made, made[::-1])):
        with TemplateLibrary.open(tmp_path / f"{i}.sqlite") as library:
            library.add_all(templates)
            orders.append(ids(library.templates()))
            assert ids(library.templates("wave")) == ["wave1", "wave2"]
            assert library.labels() == ["clap", "wave"]
    assert orders[0] == orders[1] == ["clap0", "clap3", "wave1", "wave2"]


def test_a_template_is_found_by_the_beginning_of_its_id(library: TemplateLibrary) -> None:
    library.add_all([make_template(id=key) for key in ("abc1", "abc2", "abd_")])
    assert library.get("abd").id == "abd_"
    assert library.get("abc1").id == "abc1"
    with pytest.raises(TemplateNotFoundError, match=r"2 templates .* 'abc': abc1, abc2"):
        library.get("abc")
    for pattern in ("%", "_bd", "ABD", ""):
        with pytest.raises(TemplateNotFoundError):
            library.get(pattern)
    with pytest.raises(TemplateNotFoundError, match="'wave' is an action with 3 templates"):
        library.get("wave")


@pytest.mark.parametrize("method", ["get", "remove", "templates", "restore"])
def test_an_unknown_name_is_answered_with_the_nearest(library: TemplateLibrary, method: str) -> None:
    library.add_all([make_template("jumping jack"), make_template("wave")])
    if method == "restore":
        library.remove("jumping jack")
    with pytest.raises(TemplateNotFoundError, match=r"no .*'Jumpingjack'.*jumping jack\?"):
        getattr(library, method)("Jumpingjack")


def test_adding_is_all_or_nothing(library: TemplateLibrary) -> None:
    first, second = make_template(), make_template("clap")
    library.add(first)
    revision = library.revision
    with pytest.raises(LibraryError, match=r"in the library already"):
        library.add_all([second, first])
    assert ids(library.templates()) == [first.id]
    assert library.labels() == ["wave"]
    assert library.revision == revision
    with pytest.raises(InvalidDataError, match="1 to 64 letters"):
        library.add(make_template(id="../../etc"))


def test_actions_count_their_templates_and_keep_notes_and_tags(library: TemplateLibrary) -> None:
    library.add_all([make_template("wave", id="a"), make_template("wave", id="b"), make_template("clap")])
    library.set_notes("wave", "right hand\nonly")
    assert library.set_tags("wave", ["hand", " greeting ", "hand", ""]).tags == ("greeting", "hand")
    assert [t.enabled for t in library.set_enabled("a", False)] == [False]
    wave = library.actions()[1]
    assert (wave.label, wave.notes, wave.n_templates, wave.n_enabled) == ("wave", "right hand\nonly", 2, 1)
    assert [t.enabled for t in library.templates("wave")] == [False, True]
    library.set_enabled("wave", False)
    assert library.actions()[1].n_enabled == 0


@pytest.mark.parametrize("unfit", ["\0", "\udcff"])
def test_text_that_cannot_be_kept_is_refused_and_in_file_names_replaced(library: TemplateLibrary, unfit: str) -> None:
    template = make_template(provenance={"source": f"dance{unfit}.mp4"})
    assert template.provenance == {"source": "dance\ufffd.mp4"}
    assert_same(library.get(library.add(template).id), template)
    library.add_background(make_sequence(), provenance={"source": f"dance{unfit}.mp4"})
    for change in (lambda: library.set_notes("wave", f"ab{unfit}"), lambda: library.set_tags("wave", [f"ab{unfit}"])):
        with pytest.raises(InvalidDataError, match="position 2"):
            change()
    with pytest.raises(InvalidDataError, match="printable"):
        library.rename("wave", f"ab{unfit}")
    with pytest.raises(TemplateNotFoundError):
        library.get(f"ab{unfit}")
    assert (library.actions()[0].notes, library.actions()[0].tags, library.revision) == ("", (), 2)


def test_a_skeleton_of_odd_names_is_refused(library: TemplateLibrary) -> None:
    skeleton = Skeleton(name="\ud800", keypoints=["a", "b"], edges=[("a", "b")])
    sequence = PoseSequence(skeleton=skeleton, time=[0.0, 1.0], position=np.zeros((2, 2, 3)))
    with pytest.raises(InvalidDataError, match="surrogate"):
        library.add(Template.from_sequence("a", sequence))


def test_a_template_with_a_new_skeleton_arriving_while_one_reads(
    library: TemplateLibrary, location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.add(make_template("wave"))
    read_skeletons = rows._read_skeletons
    pair = Skeleton(name="pair", keypoints=["a", "b"], edges=[("a", "b")])
    new = PoseSequence(skeleton=pair, time=[0.0, 1.0], position=np.zeros((2, 2, 3)))

    def read_and_let_another_write(connection: Connection) -> object:
        found = read_skeletons(connection)
        with TemplateLibrary.open(location) as other:
            other.add(Template.from_sequence("new", new))
        return found

    monkeypatch.setattr(rows, "_read_skeletons", read_and_let_another_write)
    assert [template.label for template in library.templates()] == ["wave"]
    monkeypatch.undo()
    assert [template.label for template in library.templates()] == ["new", "wave"]


def test_renaming(library: TemplateLibrary) -> None:
    library.add(make_template("wave"))
    library.set_tags("wave", ["hand"])
    assert library.rename("wave", " hello ").tags == ("hand",)
    assert library.labels() == ["hello"]
    assert library.rename("hello", "hello").label == "hello"
    with pytest.raises(InvalidDataError, match="unknown"):
        library.rename("hello", "unknown")
    with pytest.raises(TemplateNotFoundError):
        library.rename("wave", "other")


def test_renaming_to_an_action_that_exists_merges_only_when_told_to(library: TemplateLibrary) -> None:
    library.add_all([make_template("wave", id="a"), make_template("wave", id="b"), make_template("hello", id="c")])
    library.remove("b")
    library.set_notes("wave", "one")
    library.set_notes("hello", "two")
    library.set_tags("wave", ["x"])
    with pytest.raises(LibraryError, match=r"'hello' already, with 1 templates.*merge"):
        library.rename("wave", "hello")
    merged = library.rename("wave", "hello", merge=True)
    assert (merged.n_templates, merged.notes, merged.tags) == (2, "two\none", ("x",))
    assert library.restore("b")[0].label == "hello"


def test_renaming_to_an_action_that_was_removed_needs_no_merge(library: TemplateLibrary) -> None:
    library.add_all([make_template("wave", id="a"), make_template("hello", id="b")])
    library.remove("hello")
    assert library.rename("wave", "hello").n_templates == 1
    assert ids(library.restore()) == ["b"]
    assert library.actions()[0].n_templates == 2


def test_removing_is_undone_step_by_step(library: TemplateLibrary) -> None:
    library.add_all([make_template("wave", id="a"), make_template("wave", id="b"), make_template("clap", id="c")])
    library.set_notes("wave", "kept")
    assert ids(library.remove("c")) == ["c"]
    assert ids(library.remove("wave")) == ["a", "b"]
    assert library.templates() == []
    assert library.actions() == []
    assert ids(library.removed()) == ["a", "b", "c"]
    assert ids(library.restore()) == ["a", "b"]
    assert library.actions()[0].notes == "kept"
    assert ids(library.restore()) == ["c"]
    assert library.restore() == []


def test_removed_templates_come_back_by_name(library: TemplateLibrary) -> None:
    library.add_all([make_template("wave", id="a"), make_template("wave", id="b"), make_template("clap", id="c")])
    library.remove("a")
    library.remove("b")
    library.remove("c")
    assert ids(library.restore("wave")) == ["a", "b"]
    assert ids(library.restore("c")) == ["c"]
    with pytest.raises(TemplateNotFoundError, match="no removed template or action 'c'"):
        library.restore("c")


def test_several_are_changed_together_or_not_at_all(library: TemplateLibrary) -> None:
    library.add_all([make_template("wave", id="a"), make_template("wave", id="b"), make_template("clap", id="c")])
    assert ids(library.remove(["c", "a"])) == ["c", "a"]
    with pytest.raises(TemplateNotFoundError):
        library.remove(["b", "nothing"])
    assert ids(library.templates()) == ["b"]
    assert ids(library.restore(["a", "clap"])) == ["c", "a"]
    assert [t.enabled for t in library.set_enabled(["a", "clap"], False)] == [False, False]
    assert library.get("b").enabled
    library.remove(["a", "b"])
    assert ids(library.restore()) == ["a", "b"]


def test_updating_writes_over_templates_all_or_none(library: TemplateLibrary) -> None:
    first, second = library.add_all([make_template("wave", id="a"), make_template("wave", seed=1, id="b")])
    trimmed = replace(first, label="hello", sequence=first.sequence[1:4], quality={"motion": 2.0})
    assert_same(library.update(trimmed), trimmed)
    assert_same(library.get("a"), trimmed)
    assert_same(library.get("b"), second)
    assert library.labels() == ["hello", "wave"]
    library.remove("b")
    revision = library.revision
    with pytest.raises(TemplateNotFoundError, match=r"b \(wave\) is not in the library"):
        library.update_all([first, second])
    assert library.get("a").label == "hello"
    assert library.revision == revision


def tag_and_rename(library: TemplateLibrary, old: str, new: str) -> None:
    with library.transaction():
        library.set_tags(old, ["tagged"])
        library.rename(old, new)


def test_changes_in_a_transaction_are_one_change(library: TemplateLibrary, location: str) -> None:
    library.add_all([make_template("wave"), make_template("clap")])
    revision = library.revision
    with TemplateLibrary.open(location) as other, library.transaction():
        library.set_tags("wave", ["hand"])
        assert library.actions()[1].tags == ("hand",)
        with pytest.raises(LibraryError, match="already"):
            tag_and_rename(library, "clap", "wave")
        library.rename("clap", "applaud")
        assert other.labels() == ["clap", "wave"]
        assert other.revision == revision
    assert [(action.label, action.tags, action.notes) for action in library.actions()] == [
        ("applaud", (), ""),
        ("wave", ("hand",), ""),
    ]
    assert library.revision > revision


def test_a_transaction_that_fails_leaves_the_library_as_it_was(library: TemplateLibrary) -> None:
    library.add(make_template("wave"))
    revision = library.revision
    with pytest.raises(InvalidDataError, match="1 to 100"):
        tag_and_rename(library, "wave", "")
    assert library.actions()[0].tags == ()
    assert library.revision == revision
    tag_and_rename(library, "wave", "greet")
    assert library.actions()[0].tags == ("tagged",)


def test_purging_forgets_what_was_removed_and_nothing_else(library: TemplateLibrary) -> None:
    kept, gone = make_template("wave"), make_template("clap", seed=1, provenance={"source": "a secret place"})
    library.add_all([kept, gone])
    library.add_background(make_sequence(2))
    library.remove("clap")
    assert library.purge() == 1
    assert library.removed() == []
    assert_same(library.templates()[0], kept)
    assert len(library.backgrounds()) == 1
    library.add(gone)
    library.remove_backgrounds()
    assert library.purge() == 1
    assert library.backgrounds() == []


def test_purging_leaves_no_trace_in_the_file(path: Path) -> None:
    gone = make_template("clap", seed=1, provenance={"source": "a secret place"})
    with TemplateLibrary.open(path) as library:
        library.add_all([make_template("wave"), gone])
        library.remove("clap")
        library.purge()
    content = path.read_bytes()
    assert b"a secret place" not in content
    assert gone.sequence.position.tobytes() not in content


def test_backgrounds(library: TemplateLibrary) -> None:
    first, second = make_sequence(1), make_sequence(2)
    library.add_background(first, provenance={"source": "camera 0"})
    library.add_background(second)
    np.testing.assert_array_equal([s.position for s in library.backgrounds()], [first.position, second.position])
    assert library.remove_backgrounds() == 2
    assert library.backgrounds() == []
    assert library.restore() == []
    assert library.restore_backgrounds() == 2
    assert len(library.backgrounds()) == 2
    assert library.restore_backgrounds() == 0


def test_the_revision_changes_with_every_change_and_with_nothing_else(library: TemplateLibrary) -> None:
    seen = [library.revision]
    for change in (
        lambda: library.add(make_template(id="a")),
        lambda: library.set_enabled("a", False),
        lambda: library.rename("wave", "hello"),
        lambda: library.remove("a"),
        lambda: library.restore(),
        lambda: library.add_background(make_sequence()),
    ):
        change()
        library.templates()
        library.actions()
        seen.append(library.revision)
    assert seen == sorted(set(seen))


def test_a_library_in_memory(library: TemplateLibrary) -> None:
    with TemplateLibrary.open("sqlite://") as memory:
        memory.add(make_template())
        assert memory.labels() == ["wave"]
        assert library.labels() == []


class TestFolders:
    """Export and import."""

    def test_round_trip(self, library: TemplateLibrary, tmp_path: Path) -> None:
        made = library.add_all([make_template("wave", 1), make_template("jumping jack", 2, enabled=False)])
        files = library.export(tmp_path / "out")
        assert [file.name[:-14] for file in files] == ["jumping-jack", "wave"]
        with TemplateLibrary.open(tmp_path / "other.sqlite") as other:
            assert len(other.import_(tmp_path / "out")) == 2
            for template in made:
                assert_same(other.get(template.id), template)

    def test_a_choice_is_exported_and_one_template_to_a_file(self, library: TemplateLibrary, tmp_path: Path) -> None:
        library.add_all([make_template("wave", id=f"same-beginning-{i}") for i in range(2)])
        library.add(make_template("clap", id="c"))
        names = [file.name for file in library.export(tmp_path, names=["wave", "c", "same-beginning-0"])]
        assert names == ["clap-c.json", "wave-same-beginning-0.json", "wave-same-beginning-1.json"]
        assert library.export(tmp_path / "one.json", names=["clap"]) == [tmp_path / "one.json"]
        with pytest.raises(LibraryError, match="holds one template, but 3"):
            library.export(tmp_path / "all.json")
        with pytest.raises(TemplateNotFoundError):
            library.export(tmp_path, names=["nothing"])

    def test_importing_again_changes_nothing(self, library: TemplateLibrary, tmp_path: Path) -> None:
        library.add_all([make_template("wave", id="a", quality={"motion": float("nan")}), make_template(id="b")])
        files = library.export(tmp_path / "out")
        library.set_enabled("a", False)
        assert library.import_(files) == []
        assert not library.get("a").enabled

    def test_a_removed_template_is_restored(self, library: TemplateLibrary, tmp_path: Path) -> None:
        library.add_all([make_template(id="a"), make_template(id="b")])
        library.export(tmp_path / "out")
        library.remove("a")
        assert ids(library.import_(tmp_path / "out")) == ["a"]
        assert library.removed() == []

    def test_a_changed_template_replaces_only_when_told_to(self, library: TemplateLibrary, tmp_path: Path) -> None:
        library.add(make_template("wave", seed=1, id="a"))
        library.export(tmp_path / "out")
        library.remove("a")
        library.purge()
        library.add(make_template("clap", seed=2, id="a"))
        with pytest.raises(LibraryError, match=r"differs from the template a \(clap\)"):
            library.import_(tmp_path / "out")
        (replaced,) = library.import_(tmp_path / "out", replace=True)
        assert_same(library.get("a"), replaced)
        assert library.labels() == ["wave"]

    def test_one_bad_file_stops_all(self, library: TemplateLibrary, tmp_path: Path) -> None:
        library.add(make_template())
        library.export(tmp_path / "out")
        library.remove("wave")
        (tmp_path / "out" / "z.json").write_text("{}")
        with pytest.raises(TemplateFileError, match=r"z\.json"):
            library.import_(tmp_path / "out")
        assert library.templates() == []

    def test_two_files_of_one_id(self, library: TemplateLibrary, tmp_path: Path) -> None:
        first, second = make_template("wave", id="a"), make_template("clap", id="a")
        for template, folder in ((first, "1"), (first, "2"), (second, "3")):
            with TemplateLibrary.open("sqlite://") as other:
                other.add(template)
                other.export(tmp_path / folder)
        with pytest.raises(TemplateFileError, match="different templates of one id"):
            library.import_([tmp_path / "1", tmp_path / "3"])
        assert ids(library.import_([tmp_path / "1", tmp_path / "2"])) == ["a"]
