"""A newcomer's first quarter of an hour, from the first screen to the last, by the keyboard alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.events import Key
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.widgets import Input

from tests.tui.conftest import notices, press, shown, until
from tests.tui.stage import SIZES


async def write(pilot: Pilot[None], text: str) -> None:
    """Type over what stands in the field that has the focus."""
    await press(pilot, "home", "ctrl+k")
    for character in text:
        pilot.app.post_message(Key(character if character.isalnum() else _character_to_key(character), character))
    await until(pilot, lambda: isinstance(pilot.app.focused, Input) and pilot.app.focused.value == text)


async def choose_source(pilot: Pilot[None], source: str) -> None:
    """Go to the settings, and have another source read."""
    await press(pilot, "5", "tab")
    await write(pilot, source)
    await press(pilot, "enter")
    await until(pilot, lambda: pilot.app.feed.state.source == source.partition("?")[0])


async def record(pilot: Pilot[None], label: str) -> None:
    """Name an action, in the field that has the focus, and show it twice."""
    await until(pilot, lambda: isinstance(pilot.app.focused, Input))
    await write(pilot, label)
    await press(pilot, "tab")
    await write(pilot, "2")
    await press(pilot, "enter")
    await until(pilot, lambda: f"r or space: record {label}." in shown(pilot))
    await press(pilot, "r")
    await until(pilot, lambda: "2 kept" in shown(pilot))


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
async def test_the_whole_walk(run_app, library, size):
    async with run_app("puppet:wave?seconds=600&pause=2", with_pictures=False, size=size) as pilot:
        app = pilot.app

        # Record two actions.
        await until(pilot, lambda: "Press r to record one." in shown(pilot))
        await press(pilot, "r")
        await record(pilot, "wave")
        await choose_source(pilot, "puppet:squat?seconds=600&pause=2")
        await press(pilot, "3")
        await until(pilot, lambda: "its name, for instance wave" in shown(pilot))
        await record(pilot, "squad")
        assert library.labels() == ["squad", "wave"]

        # See both recognised.
        await choose_source(pilot, "puppet:wave,squat?seconds=600&pause=1")
        await press(pilot, "1")
        await until(pilot, lambda: app.feed.counts[0, "wave"] and app.feed.counts[0, "squad"])
        await until(pilot, lambda: "squad" in shown(pilot) and "wave" in shown(pilot))

        # Rename one, delete, and undo.
        await press(pilot, "2")
        await until(pilot, lambda: "4 takes of 2 actions" in shown(pilot))
        await press(pilot, "r")
        await until(pilot, lambda: "Rename squad" in shown(pilot))
        await write(pilot, "squat")
        await press(pilot, "enter")
        await until(pilot, lambda: "Renamed squad to squat" in notices(pilot))
        await press(pilot, "d")
        await until(pilot, lambda: "3 takes of 2 actions" in shown(pilot))
        await press(pilot, "u")
        await until(pilot, lambda: "4 takes of 2 actions" in shown(pilot))

        # Export, lose everything, and import.
        await press(pilot, "x")
        await until(pilot, lambda: "Export 4 takes" in shown(pilot))
        await press(pilot, "enter")
        await until(pilot, lambda: len(list(Path("exported-templates").glob("*.json"))) == 4)
        await press(pilot, "a", "d", "y")
        await until(pilot, lambda: "nothing to recognise yet" in shown(pilot))
        library.purge()
        await press(pilot, "i")
        await until(pilot, lambda: "Import template files" in shown(pilot))
        await write(pilot, "exported-templates/")
        await press(pilot, "enter")
        await until(pilot, lambda: "4 takes of 2 actions" in shown(pilot))
        assert library.labels() == ["squat", "wave"]

        # Recognition has kept up with all of it.
        await press(pilot, "1")
        await until(pilot, lambda: app.feed.counts[0, "squat"])
        await press(pilot, "q")
        await until(pilot, lambda: not app.is_running)
    assert app.return_code == 0
