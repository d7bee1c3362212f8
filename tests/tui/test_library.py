from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Select

from actionpose.errors import LibraryLockedError
from actionpose.library import TemplateLibrary
from actionpose.skeleton import BLAZEPOSE_33
from actionpose.tui.app import ActionposeApp
from actionpose.tui.compare import CompareScreen
from actionpose.tui.dialogs import Confirm, Prompt, TickBox
from actionpose.tui.library import LibraryScreen
from actionpose.tui.listing import Contents, read_contents
from actionpose.tui.preview import TemplatePreview
from actionpose.tui.takes_table import TakesTable
from tests.library.test_unusable import spoil
from tests.synthetic import make_templates
from tests.tui.stage import SIZES, make_app, notices_of, text_of, wait_for


@pytest.fixture
def library(tmp_path: Path) -> Iterator[TemplateLibrary]:
    with TemplateLibrary.open(tmp_path / "library.sqlite") as library:
        library.add_all(make_templates(("wave", "raise", "punch"), n_takes=2))
        library.set_tags("wave", ["hand", "greeting"])
        yield library


@pytest.fixture(autouse=True)
def _quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Work in a folder of its own, and leave the slow check of health to the one test of it."""
    monkeypatch.chdir(tmp_path)
    if request.node.name != "test_takes_are_listed_checked_and_played":
        monkeypatch.setattr("actionpose.tui.library.check_health", lambda templates: {})  # noqa: ARG005


@pytest.fixture
def app(library: TemplateLibrary, tmp_path: Path) -> ActionposeApp:
    return make_app(library, tmp_path, "library")


def labels(app: ActionposeApp) -> list[str]:
    """Labels of the rows that are shown."""
    return [row.template.label for row in screen(app).table._shown]


def screen(app: ActionposeApp) -> LibraryScreen:
    found = next(screen for screen in app.screen_stack if isinstance(screen, LibraryScreen))
    return found


async def open_dialog(pilot, key: str, kind: type = Prompt):
    await pilot.press(key)
    await wait_for(pilot, lambda: isinstance(pilot.app.screen, kind))
    await pilot.pause()
    return pilot.app.screen


async def answer(pilot, key: str, text: str) -> None:
    dialog = await open_dialog(pilot, key)
    dialog.query_one(Input).value = text
    await pilot.press("enter")


async def test_the_table_keeps_the_focus_while_the_library_is_read(
    app: ActionposeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_read = threading.Event()

    def read_when_told(library: TemplateLibrary) -> Contents:
        may_read.wait(60)
        return read_contents(library)

    monkeypatch.setattr("actionpose.tui.library.read_contents", read_when_told)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("escape")
        await pilot.pause(0.5)
        assert isinstance(app.focused, TakesTable)
        assert not screen(app).query_one("#empty").display
        may_read.set()
        await wait_for(pilot, lambda: len(labels(app)) == 6)
        assert isinstance(app.focused, TakesTable)


async def test_takes_are_listed_checked_and_played(app: ActionposeApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, lambda: len(labels(app)) == 6)
        assert labels(app) == ["punch", "punch", "raise", "raise", "wave", "wave"]
        await wait_for(pilot, lambda: screen(app)._health)
        await pilot.pause()
        text = text_of(app)
        assert "6 takes of 3 actions" in text
        assert "keypoint models" not in text
        assert "typical" in text
        assert "distance in thresholds" in text
        assert "left elbow" in text
        assert "greeting, hand" in text
        assert any("⠀" < character <= "⣿" for character in text)


async def test_an_empty_library_says_what_to_do(tmp_path: Path) -> None:
    with TemplateLibrary.open(tmp_path / "empty.sqlite") as library:
        app = make_app(library, tmp_path, "library")
        async with app.run_test(size=(80, 24)) as pilot:
            await wait_for(pilot, lambda: "nothing to recognise yet" in text_of(app))
            await pilot.press("space", "r", "d", "c", "f", "m", "x", "p", "a", "s")
            await pilot.pause()
            assert isinstance(app.screen, LibraryScreen)


async def test_searching_filtering_and_sorting(app: ActionposeApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, lambda: len(labels(app)) == 6)
        await pilot.press("slash", *"AIS")
        await wait_for(pilot, lambda: labels(app) == ["raise", "raise"])
        assert "2 found · 6 takes of 3 actions" in text_of(app)
        await pilot.press("enter", "escape")
        await wait_for(pilot, lambda: len(labels(app)) == 6)

        screen(app).query_one("#tag", Select).value = "hand"
        await wait_for(pilot, lambda: labels(app) == ["wave", "wave"])
        await pilot.press("escape")
        await wait_for(pilot, lambda: len(labels(app)) == 6)

        await pilot.press("S")
        assert labels(app)[0] == "wave"
        await pilot.press("s")
        durations = [row.template.sequence.duration for row in screen(app).table._shown]
        assert durations == sorted(durations)
        await pilot.press("S")
        assert [row.template.sequence.duration for row in screen(app).table._shown] == durations[::-1]


async def test_a_click_on_a_heading_sorts(app: ActionposeApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, lambda: len(labels(app)) == 6)
        await pilot.click(TakesTable, offset=(6, 0))
        assert labels(app)[0] == "wave"


async def test_renaming_an_action_and_undoing_it(app: ActionposeApp, library: TemplateLibrary) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, lambda: len(labels(app)) == 6)
        await answer(pilot, "r", "jab")
        await wait_for(pilot, lambda: labels(app).count("jab") == 2)
        assert screen(app).table.current.template.label == "jab"
        await pilot.press("u")
        await wait_for(pilot, lambda: labels(app).count("punch") == 2)
        assert library.labels() == ["punch", "raise", "wave"]
        await pilot.press("u")
        await wait_for(pilot, lambda: "Nothing to undo" in notices_of(app))


async def test_renaming_one_take_alone(app: ActionposeApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, lambda: len(labels(app)) == 6)
        dialog = await open_dialog(pilot, "r")
        dialog.query_one(Input).value = "jab"
        await pilot.press("tab", "space")
        await wait_for(pilot, lambda: "[x] this take alone" in text_of(app))
        assert dialog.query_one(TickBox).value
        await pilot.press("enter")
        await wait_for(pilot, lambda: sorted(labels(app)) == ["jab", "punch", "raise", "raise", "wave", "wave"])
        await pilot.press("u")
        await wait_for(pilot, lambda: "jab" not in labels(app))


async def test_dialogs_are_answered_with_the_mouse(app: ActionposeApp, library: TemplateLibrary) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, lambda: len(labels(app)) == 6)
        await open_dialog(pilot, "r")
        await pilot.click("#no")
        await wait_for(pilot, lambda: isinstance(app.screen, LibraryScreen))
        dialog = await open_dialog(pilot, "r")
        dialog.query_one(Input).value = "jab"
        await pilot.click("#yes")
        await wait_for(pilot, lambda: "jab" in library.labels())


async def test_renaming_to_another_action_asks_before_it_merges(app: ActionposeApp, library: TemplateLibrary) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, lambda: len(labels(app)) == 6)
        await answer(pilot, "r", "wave")
        await wait_for(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("n")
        await pilot.pause()
        assert "punch" in library.labels()
        await answer(pilot, "r", "wave")
        await wait_for(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("enter")
        await wait_for(pilot, lambda: labels(app).count("wave") == 4)
        await pilot.press("u")
        await wait_for(pilot, lambda: labels(app).count("punch") == 2)
        assert {action.label: action.tags for action in library.actions()}["wave"] == ("greeting", "hand")


async def test_marked_takes_are_removed_together_and_brought_back(app: ActionposeApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, lambda: len(labels(app)) == 6)
        await pilot.press("space", "down", "space")
        await pilot.pause()
        assert "2 marked" in text_of(app)
        assert text_of(app).count("●") >= 2
        await pilot.press("d", "y")
        await wait_for(pilot, lambda: labels(app) == ["punch", "raise", "wave", "wave"])
        assert "marked" not in text_of(app).splitlines()[-2]
        await pilot.press("u")
        await wait_for(pilot, lambda: len(labels(app)) == 6)


async def test_takes_are_turned_off_mirrored_and_merged(app: ActionposeApp, library: TemplateLibrary) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, lambda: len(labels(app)) == 6)
        await pilot.press("e")
        await wait_for(pilot, lambda: "off" in [row.verdict for row in screen(app).table._shown])
        await pilot.press("u")
        await wait_for(pilot, lambda: all(template.enabled for template in library.templates()))
        await pilot.press("f")
        await wait_for(pilot, lambda: labels(app).count("punch") == 3)
        assert any("mirror_of" in template.provenance for template in library.templates("punch"))
        await pilot.press("u")
        await wait_for(pilot, lambda: labels(app).count("punch") == 2)
        await pilot.press("a")
        await answer(pilot, "m", "all")
        await wait_for(pilot, lambda: set(labels(app)) == {"all"})
        assert library.actions()[0].tags == ("greeting", "hand")
        await pilot.press("u")
        await wait_for(pilot, lambda: library.labels() == ["punch", "raise", "wave"])
        await wait_for(pilot, lambda: library.actions()[2].tags == ("greeting", "hand"))
        assert library.actions()[0].tags == ()


async def test_tags_of_several_actions_change_by_what_they_share(app: ActionposeApp, library: TemplateLibrary) -> None:
    library.set_tags("punch", ["hand", "box"])
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, lambda: len(labels(app)) == 6)
        await pilot.press("space", "ctrl+end", "space")
        dialog = await open_dialog(pilot, "t")
        assert dialog.query_one(Input).value == "hand"
        dialog.query_one(Input).value = "arm"
        await pilot.press("enter")
        await wait_for(pilot, lambda: library.actions()[0].tags == ("arm", "box"))
        assert library.actions()[2].tags == ("arm", "greeting")
        await pilot.press("u")
        await wait_for(pilot, lambda: library.actions()[0].tags == ("box", "hand"))


async def test_exporting_and_importing(app: ActionposeApp, library: TemplateLibrary, tmp_path: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, lambda: len(labels(app)) == 6)
        await open_dialog(pilot, "x")
        await pilot.press("enter")  # the folder that is offered
        await wait_for(pilot, lambda: len(list((tmp_path / "exported-templates").glob("*.json"))) == 6)
        await pilot.press("d")
        await wait_for(pilot, lambda: len(labels(app)) == 5)
        library.purge()
        await answer(pilot, "i", str(tmp_path / "exported-templates"))
        await wait_for(pilot, lambda: len(labels(app)) == 6)
        await pilot.press("u")
        await wait_for(pilot, lambda: len(labels(app)) == 5)

        await open_dialog(pilot, "x")
        await pilot.press("enter")
        await wait_for(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("escape")
        await answer(pilot, "i", "no-such-folder/")
        await wait_for(pilot, lambda: "Check the path" in notices_of(app))


async def test_two_takes_are_compared(app: ActionposeApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, lambda: len(labels(app)) == 6)
        await pilot.press("c")
        await pilot.pause()
        assert isinstance(app.screen, LibraryScreen)
        await pilot.press("space")
        await pilot.press("c")
        await wait_for(pilot, lambda: isinstance(app.screen, CompareScreen))
        await pilot.pause()
        text = text_of(app)
        assert "body sizes apart on average" in text
        assert "●●●" in text
        for size in ((20, 5), (200, 50), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.press("right")
        await pilot.press("escape")
        await wait_for(pilot, lambda: isinstance(app.screen, LibraryScreen))


async def test_what_another_process_does_appears(app: ActionposeApp, library: TemplateLibrary) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, lambda: len(labels(app)) == 6)
        with TemplateLibrary.open(library.location) as other:
            other.rename("wave", "greet")
        await wait_for(pilot, lambda: "greet" in labels(app))


async def test_a_library_that_cannot_be_written_to_is_said(
    app: ActionposeApp, library: TemplateLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise LibraryLockedError("library.sqlite is locked.", hint="Close the other program.")

    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, lambda: len(labels(app)) == 6)
        monkeypatch.setattr(library, "remove", fail)
        await pilot.press("d")
        await wait_for(pilot, lambda: "Close the other program." in notices_of(app))
        assert len(labels(app)) == 6
        await pilot.press("u")
        await wait_for(pilot, lambda: "Nothing to undo" in notices_of(app))


async def test_a_library_that_cannot_be_read_is_said_once(app: ActionposeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> int:
        raise LibraryLockedError("library.sqlite cannot be read.")

    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, lambda: len(labels(app)) == 6)
        with monkeypatch.context() as context:
            context.setattr(TemplateLibrary, "revision", property(fail))
            told = []
            monkeypatch.setattr(app, "report", told.append)
            await wait_for(pilot, lambda: told)
            await pilot.pause(1.2)
            assert len(told) == 1
        assert len(labels(app)) == 6


@pytest.mark.parametrize("ascii_only", [False, True])
async def test_any_size_and_back(library: TemplateLibrary, tmp_path: Path, ascii_only: bool) -> None:
    app = make_app(library, tmp_path, "library", ascii_only=ascii_only)
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, lambda: len(labels(app)) == 6)
        for size in (*SIZES, (20, 5), (1, 1), (40, 10), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.press("down")
        dialog = await open_dialog(pilot, "r")
        await pilot.resize_terminal(20, 5)
        await pilot.resize_terminal(80, 24)
        assert dialog.query_one(Input).has_focus
        await pilot.press("escape")
        await pilot.pause()
        assert "wave" in text_of(app)


async def test_every_key_is_described(app: ActionposeApp) -> None:
    async with app.run_test(size=(80, 24)):
        assert all(binding.binding.description for binding in app.screen.active_bindings.values())
        assert "Marked takes" in LibraryScreen.HELP


def test_how_the_library_looks(
    fixed_library: TemplateLibrary, tmp_path: Path, snap_compare: Callable[..., bool]
) -> None:
    app = make_app(fixed_library, tmp_path, "library")
    assert snap_compare(app, terminal_size=(80, 24), run_before=settle)


def test_how_a_wide_library_looks(
    fixed_library: TemplateLibrary, tmp_path: Path, snap_compare: Callable[..., bool]
) -> None:
    app = make_app(fixed_library, tmp_path, "library")
    assert snap_compare(app, terminal_size=(160, 44), run_before=settle)


def test_how_a_comparison_looks(
    fixed_library: TemplateLibrary, tmp_path: Path, snap_compare: Callable[..., bool]
) -> None:
    async def compare(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("space", "c")
        await wait_for(pilot, lambda: isinstance(pilot.app.screen, CompareScreen))
        await pilot.pause()

    app = make_app(fixed_library, tmp_path, "library")
    assert snap_compare(app, terminal_size=(80, 24), run_before=compare)


@pytest.fixture
def fixed_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TemplateLibrary]:
    """The same takes every time, with times of day that are the same everywhere."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    takes = make_templates(("wave", "raise", "punch"), n_takes=2, skeleton=BLAZEPOSE_33, n_dims=3)
    with TemplateLibrary.open(tmp_path / "fixed.sqlite") as library:
        library.add_all(
            replace(
                take,
                id=f"{i:032x}",
                created=dt.datetime(2025, 5, 1, 10, i, tzinfo=dt.UTC),
                enabled=i != 2,
                provenance={"source": f"take-{i}.mp4"},
                quality={"confidence": 0.98, "visible": 1.0, "motion": 4.2},
            )
            for i, take in enumerate(takes)
        )
        library.set_tags("wave", ["hand", "greeting"])
        yield library
    monkeypatch.undo()
    time.tzset()


async def settle(pilot: Pilot[None]) -> None:
    """Stop everything that moves by itself."""
    app = cast(ActionposeApp, pilot.app)
    await wait_for(pilot, lambda: len(labels(app)) == 6 and app.feed.state.phase == "running")
    preview = app.screen.query_one(TemplatePreview)
    preview.toggle()
    preview._show_frame(20)
    await pilot.press("down")
    await pilot.pause(0.6)
    preview._show_frame(20)
    await pilot.pause()


@pytest.mark.filterwarnings("default::actionpose.errors.FallbackWarning")
async def test_what_cannot_be_used_is_told_and_deleted(
    app: ActionposeApp, library: TemplateLibrary, tmp_path: Path
) -> None:
    spoiled = library.templates("wave")[0]
    spoil(tmp_path / "library.sqlite", spoiled.id, n_frames=len(spoiled.sequence))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await wait_for(pilot, lambda: len(labels(app)) == 5)
        assert "1 cannot be used (D deletes)" in text_of(app)
        await wait_for(pilot, lambda: "is left aside" in notices_of(app))
        await pilot.press("D")
        await wait_for(pilot, lambda: not library.unusable())
        await wait_for(pilot, lambda: "cannot be used" not in str(screen(app).query_one("#status").render()))
        await pilot.press("u")
        await wait_for(pilot, lambda: len(library.unusable()) == 1)


async def test_takes_of_two_keypoint_models_are_told_of(app: ActionposeApp, library: TemplateLibrary) -> None:
    library.add_all(make_templates(("cross",), n_takes=1, skeleton=BLAZEPOSE_33, n_dims=3))
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_for(pilot, lambda: "of 2 keypoint models, each fits its own" in text_of(app))


async def test_a_name_that_is_nearly_another_is_told_of(app: ActionposeApp, library: TemplateLibrary) -> None:
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await wait_for(pilot, lambda: len(labels(app)) == 6)
        await answer(pilot, "r", "Wave")
        await wait_for(pilot, lambda: "Wave" in library.labels())
        await wait_for(pilot, lambda: 'there is an action "wave" already; "Wave" will be another' in notices_of(app))
        await wait_for(pilot, lambda: "Nearly the name of wave" in text_of(app))
