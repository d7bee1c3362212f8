"""Keys that come faster than what they set going: each does what it would have done after a pause."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from textual.command import CommandPalette
from textual.events import Key, Paste
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.widgets import DataTable, Input

from actionpose.library import TemplateLibrary
from actionpose.takes import Take, TakeQuality
from actionpose.tui.app import ActionposeApp
from actionpose.tui.compare import CompareScreen
from actionpose.tui.dialogs import Confirm, Prompt
from actionpose.tui.library import LibraryScreen
from actionpose.tui.trim import TrimScreen
from tests.synthetic import make_templates
from tests.tui.conftest import until
from tests.tui.stage import make_app, notices_of, text_of
from tests.tui.terminal import Terminal


@pytest.fixture
def library(tmp_path: Path) -> Iterator[TemplateLibrary]:
    """Two takes each of five actions; wave comes last."""
    with TemplateLibrary.open(tmp_path / "library.sqlite") as library:
        takes = make_templates(("wave", "raise"), n_takes=2)
        others = [
            replace(take, id=f"{i:04x}{take.id[4:]}", label=label)
            for i, label in enumerate(("box", "clap", "nod"))
            for take in takes[:2]
        ]
        library.add_all([*takes, *(replace(t, id=f"{j:02x}{t.id[2:]}") for j, t in enumerate(others))])
        yield library


@pytest.fixture(autouse=True)
def _without_health(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actionpose.tui.library.check_health", lambda templates: {})  # noqa: ARG005


def key(name: str) -> Key:
    """One key as a terminal sends it."""
    if len(name) > 1:
        return Key(name, None)
    return Key(name if name.isalnum() else _character_to_key(name), name)


async def type_ahead(pilot: Pilot[None], *keys: str | Paste) -> None:
    """Press all keys before the first has any effect, and wait until the last has had its."""
    for each in keys:
        pilot.app.post_message(key(each) if isinstance(each, str) else each)
    await pilot.pause()


def value_of(app: ActionposeApp, field: str) -> str:
    return app.screen.query_one(field, Input).value


def enabled(library: TemplateLibrary) -> set[str]:
    """Labels of the actions that are on."""
    return {template.label for template in library.templates() if template.enabled}


async def library_is_read(pilot: Pilot[None]) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, LibraryScreen) and pilot.app.screen.table.row_count)


async def test_a_search_and_what_is_done_to_what_was_found(library: TemplateLibrary, tmp_path: Path) -> None:
    app = make_app(library, tmp_path, "library")
    async with app.run_test(size=(80, 24)) as pilot:
        await library_is_read(pilot)
        await type_ahead(pilot, "/", *"wave", "enter", "a", "e")
        await until(pilot, lambda: enabled(library) == {"box", "clap", "nod", "raise"})
        assert value_of(app, "#search") == "wave"


async def test_a_search_in_a_paste(library: TemplateLibrary, tmp_path: Path) -> None:
    app = make_app(library, tmp_path, "library")
    async with app.run_test(size=(80, 24)) as pilot:
        await library_is_read(pilot)
        await type_ahead(pilot, "/", Paste("wave"), "enter", "d", "d")
        await until(pilot, lambda: library.labels() == ["box", "clap", "nod", "raise"])


async def test_keys_from_before_the_first_screen(library: TemplateLibrary, tmp_path: Path) -> None:
    app = make_app(library, tmp_path, "record")
    for each in ("j", "u", "m", "p", "enter", "2"):
        app._keyboard.put(key(each))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.current_mode == "library")
        await type_ahead(pilot, "3")
        assert value_of(app, "#label") == "jump"


async def test_the_name_of_an_action_and_the_key_that_records_it(library: TemplateLibrary, tmp_path: Path) -> None:
    app = make_app(library, tmp_path, "live")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await type_ahead(pilot, "3", *"jump 2", "enter", "r")
        assert value_of(app, "#label") == "jump 2"
        assert app.screen._taking is not None  # it records
        await type_ahead(pilot, "r", "e", *"hop", "tab", "5", "tab", "1", ".", "5", "escape", "1")
        assert app.current_mode == "live"
        await type_ahead(pilot, "r")
        assert [value_of(app, field) for field in ("#label", "#takes", "#seconds")] == ["hop", "5", "1.5"]


async def test_dialogs(library: TemplateLibrary, tmp_path: Path) -> None:
    app = make_app(library, tmp_path, "library")
    async with app.run_test(size=(80, 24)) as pilot:
        await library_is_read(pilot)
        await type_ahead(pilot, "r", *"quit", "enter", "t", *"a, 2", "enter")  # rename box, and tag it
        assert library.labels() == ["clap", "nod", "quit", "raise", "wave"]
        assert library.actions()[2].tags == ("2", "a")
        await type_ahead(pilot, "r", *"wave", "enter", "n")  # it exists: merge?
        assert "quit" in library.labels()
        await type_ahead(pilot, "r", *"wave", "enter", "y", "u")
        assert "quit" in library.labels()
        await type_ahead(pilot, "r", "tab", "space", "shift+tab", *"alone", "enter")
        assert library.labels() == ["alone", "clap", "nod", "quit", "raise", "wave"]
        await type_ahead(pilot, "g", "space", "c", "right", "escape", "G", "d")
        assert not isinstance(app.screen, CompareScreen)
        assert "Removed 1 take of alone" in notices_of(app)


async def test_more_than_one_action_at_once_is_asked_about(library: TemplateLibrary, tmp_path: Path) -> None:
    app = make_app(library, tmp_path, "library")
    async with app.run_test(size=(80, 24)) as pilot:
        await library_is_read(pilot)
        await type_ahead(pilot, "a")
        for letter, question in (("e", "Turn off"), ("d", "Delete"), ("f", "Mirror")):
            await type_ahead(pilot, letter)
            assert isinstance(app.screen, Confirm)
            assert f"{question} 10 takes of 5 actions?" in text_of(app)
            await type_ahead(pilot, "n")
            assert len(enabled(library)) == 5
            assert len(library.templates()) == 10
        await type_ahead(pilot, "e", "y")
        assert not enabled(library)
        await type_ahead(pilot, "u")
        assert len(enabled(library)) == 5
        await type_ahead(pilot, "m")
        assert isinstance(app.screen, Prompt)
        assert "Merge 5 actions into" in text_of(app)
        await type_ahead(pilot, "escape", "escape", "e")  # nothing is marked any more: the take under the cursor
        assert len([template for template in library.templates() if not template.enabled]) == 1


async def test_screens_one_after_another(library: TemplateLibrary, tmp_path: Path) -> None:
    app = make_app(library, tmp_path, "live")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await type_ahead(pilot, "2", "4", "escape", "5", "tab", "escape", "1", "f4", "o", "end", *"12 q.mp4")
        await type_ahead(pilot, "f3", *"34", "escape", "2")
        assert app.current_mode == "library"
        await type_ahead(pilot, "4")
        assert value_of(app, "#path").endswith("12 q.mp4")
        await type_ahead(pilot, "escape", "3")
        assert value_of(app, "#label") == "34"


async def test_escape_and_a_letter_that_a_terminal_takes_for_alt(library: TemplateLibrary, tmp_path: Path) -> None:
    app = make_app(library, tmp_path, "record")
    async with app.run_test(size=(80, 24)) as pilot:
        await type_ahead(pilot, *"wave")
        pilot.app.post_message(Key("alt+q", "q"))
        await until(pilot, lambda: not app.is_running)


async def test_numbers_and_texts_of_the_settings(library: TemplateLibrary, tmp_path: Path) -> None:
    app = make_app(library, tmp_path, "live")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await type_ahead(pilot, "5", "tab", "tab", "tab", "3", "enter", "2")
        assert (app.settings.people, app.current_mode) == (3, "library")


async def test_the_command_palette(library: TemplateLibrary, tmp_path: Path) -> None:
    app = make_app(library, tmp_path, "live")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await type_ahead(pilot, "ctrl+p", *"go to library", "enter", "G")
        assert not isinstance(app.screen, CommandPalette)
        assert app.current_mode == "library"


async def test_trimming(library: TemplateLibrary, tmp_path: Path) -> None:
    app = make_app(library, tmp_path, "record")
    recorded = library.templates("wave")[0].sequence
    async with app.run_test(size=(80, 24)) as pilot:
        await type_ahead(pilot, *"wave", "enter")
        screen = app.screen
        take = Take(sequence=recorded, recorded=recorded, verdict=TakeQuality(problems=(), numbers={"motion": 3.0}))
        screen._source = app.settings.source
        screen._attempts.begin("wave")
        screen._attempts.add(take, provenance={})
        screen._fill_table()
        await type_ahead(pilot, "t", "right", "right", ",", "enter", "j", "K", "K", "2")
        assert not isinstance(app.screen, TrimScreen)
        assert [len(attempt.take.sequence) for attempt in screen._attempts.takes] == [len(recorded) - 3]
        assert app.current_mode == "library"


async def test_the_same_keys_move_in_every_table(library: TemplateLibrary, tmp_path: Path) -> None:
    app = make_app(library, tmp_path, "library")
    async with app.run_test(size=(80, 24)) as pilot:
        await library_is_read(pilot)
        table = app.screen.query_one(DataTable)
        for keys, row in ((("G",), 9), (("g",), 0), (("j", "j", "k"), 1), (("end",), 9), (("k",), 8), (("home",), 0)):
            await type_ahead(pilot, *keys)
            assert table.cursor_row == row


def test_keys_in_one_burst_in_a_real_terminal(library: TemplateLibrary, tmp_path: Path) -> None:
    terminal = Terminal("tui", "puppet:wave?seconds=60", "--library", "library.sqlite", cwd=tmp_path)
    terminal.read_until(b"Settings")
    terminal.write(b"2/wave\raerwav2\r3jump\r2q")
    terminal.read_until(b"\x1b[?1049l", seconds=60.0)
    assert terminal.wait() == 0
    assert library.labels() == ["box", "clap", "nod", "raise", "wav2"]
    assert enabled(library) == {"box", "clap", "nod", "raise"}
    os.close(terminal.master)
