"""What templates, models and receivers hold is shown, and does nothing else."""

from __future__ import annotations

import dataclasses

from rich.segment import Segment
from textual.color import Color
from textual.widgets import Select

from actionpose.library import TemplateLibrary
from actionpose.template import Template
from actionpose.tui.dialogs import Confirm
from actionpose.tui.safe_filter import SafeFilter
from tests.tui.conftest import RunApp, press, shown, until

_EVIL = "\x1b]0;owned\x07\x9b31m\u202e"


def test_a_line_keeps_its_width_when_control_characters_are_taken_out() -> None:
    line = [Segment("wave"), Segment(f"{_EVIL}cam \udcff"), Segment("", None, [(1,)])]  # type: ignore[list-item]
    cleaned = SafeFilter().apply(line, Color(0, 0, 0))
    assert [segment.text for segment in cleaned] == ["wave", "]0;owned31mcam �", ""]
    assert Segment.get_line_length(cleaned) == Segment.get_line_length(line)
    assert cleaned[2].control


async def test_names_reach_tables_details_and_questions_as_text_alone(
    run_app: RunApp, library: TemplateLibrary, takes: list[Template]
) -> None:
    library.add(dataclasses.replace(takes[0], provenance={"source": f"{_EVIL}[/cam]"}))
    library.set_tags("wave", ["[/x]", "[red]dog"])
    async with run_app(size=(140, 40)) as pilot:
        await press(pilot, "2")
        await until(pilot, lambda: "]0;owned31m[/cam]" in shown(pilot))
        assert "[red]dog" in shown(pilot)
        pilot.app.screen.query_one(Select).value = "[/x]"
        await until(pilot, lambda: shown(pilot).count("[/x]") > 1)
        await pilot.app.push_screen(Confirm(f"Use {_EVIL}[/it]?", yes="Yes"))
        await until(pilot, lambda: "Use ]0;owned31m[/it]?" in shown(pilot))
        assert shown(pilot).replace("\n", "").isprintable()
