"""The application as a whole: its screens, keys, sizes, colours, and how it begins and ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
from textual.widgets import Input, Select
from textual.widgets._toast import Toast

from actionpose.errors import InvalidDataError, LibraryError
from actionpose.session import Phase, RunnerState
from actionpose.takes import Take, TakeQuality
from actionpose.tui.app import ActionposeApp
from actionpose.tui.ascii_filter import to_ascii
from actionpose.tui.attempts import Attempt
from actionpose.tui.header import SCREENS, describe_session
from actionpose.tui.help import HelpScreen, list_keys
from tests.tui.conftest import notices, press, shown, until
from tests.tui.frozen import FrozenFeed
from tests.tui.terminal import Terminal


async def test_number_keys_reach_every_screen(run_app):
    async with run_app(with_pictures=False) as pilot:
        for number, (mode, name) in list(enumerate(SCREENS.items(), 1))[::-1]:
            await press(pilot, f"f{number}")
            await until(pilot, lambda mode=mode: pilot.app.current_mode == mode)
            await until(pilot, lambda title=f"{number} {name}": title in shown(pilot).partition("\n")[0])


async def test_the_header_shows_source_rate_latency_and_state(run_app):
    async with run_app(with_pictures=False, pace=1) as pilot:
        await until(pilot, lambda: "fps" in shown(pilot))
        status = shown(pilot).splitlines()[1]
        assert "running" in status
        assert "puppet:wave" in status
        assert "ms latency" in status


def test_phases_are_told_apart_without_colour():
    told = {describe_session(RunnerState(phase=phase), None, width=60).plain for phase in get_args(Phase)}
    assert len(told) == len(get_args(Phase))
    assert len({to_ascii(text) for text in told}) == len(told)


async def test_a_click_on_a_name_goes_there(run_app):
    async with run_app(with_pictures=False) as pilot:
        column = shown(pilot).splitlines()[0].index("Record")
        await pilot.click(offset=(column + 1, 0))
        await until(pilot, lambda: pilot.app.current_mode == "record")


async def test_help_explains_the_screen_and_its_keys(run_app):
    async with run_app(with_pictures=False) as pilot:
        await press(pilot, "question_mark")
        assert isinstance(pilot.app.screen, HelpScreen)
        await until(pilot, lambda: "A bar for each action says how near it is" in " ".join(shown(pilot).split()))
        assert "Picture or skeleton" in shown(pilot)
        await press(pilot, "escape")
        await until(pilot, lambda: pilot.app.current_mode == "live")
        assert not isinstance(pilot.app.screen, HelpScreen)


async def test_the_command_palette_finds_the_screens(run_app):
    async with run_app(with_pictures=False) as pilot:
        commands = {command.title for command in pilot.app.get_system_commands(pilot.app.screen)}
        assert {f"Go to {name}" for name in SCREENS.values()} <= commands
        assert {"Help", "Light or dark", "Quit", "Picture or skeleton"} <= commands
        await press(pilot, "ctrl+p", *"skel", "enter")
        await until(pilot, lambda: pilot.app.settings.picture == "skeleton")


async def test_what_is_typed_in_a_field_is_no_key(run_app):
    async with run_app(with_pictures=False) as pilot:
        await press(pilot, "3", *"quiz2")
        assert pilot.app.screen.query_one("#label", Input).value == "quiz2"
        assert "Leave the field" in shown(pilot).splitlines()[-1]
        await press(pilot, "escape", "2")
        await until(pilot, lambda: pilot.app.current_mode == "library")


@pytest.mark.parametrize(("key", "mode", "field"), [("f3", "record", "#label"), ("f4", "test", "#path")])
async def test_keys_typed_while_a_screen_is_being_built_are_for_it(run_app, key, mode, field):
    async with run_app(with_pictures=False) as pilot:
        pilot.app.simulate_key(key)
        async with asyncio.timeout(60):
            while pilot.app.current_mode != mode:
                await asyncio.sleep(0)
        for typed in ("q", "escape"):
            pilot.app.simulate_key(typed)
        await pilot.pause()
        assert pilot.app.screen.query_one(field, Input).value.endswith("q")


async def settled_keys(pilot) -> str:
    """Wait for the line at the bottom to change no more."""
    seen = []

    def is_settled() -> bool:
        seen.append(shown(pilot).rpartition("\n")[2])
        return "? Help" in seen[-1] and seen[-20:] == 20 * seen[-1:]

    await until(pilot, is_settled)
    return seen[-1]


@pytest.mark.slow
@pytest.mark.usefixtures("taught")
async def test_keys_at_the_bottom_answer_to_the_mouse(run_app):
    async with run_app(with_pictures=False) as pilot:
        for number in range(1, len(SCREENS) + 1):
            await press(pilot, f"f{number}", "escape")
            column = (await settled_keys(pilot)).index("? Help")
            await pilot.click(offset=(column + 2, 23))
            await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
            await pilot.click(offset=(40, 12))
            await until(pilot, lambda: not isinstance(pilot.app.screen, HelpScreen))


async def test_light_and_dark(run_app):
    async with run_app(with_pictures=False) as pilot:
        assert pilot.app.current_theme.dark
        await press(pilot, "ctrl+t")
        await until(pilot, lambda: pilot.app.settings.theme == "light")
        assert not pilot.app.current_theme.dark
        await press(pilot, "5", "ctrl+t")
        await until(pilot, lambda: pilot.app.screen.query_one("#theme", Select).value == "dark")


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_leaving_stops_every_thread(run_app, key):
    async with run_app(with_pictures=False) as pilot:
        await until(pilot, lambda: pilot.app.feed.state.phase == "running")
        await press(pilot, key)
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("actionpose")]


@pytest.mark.slow
@pytest.mark.usefixtures("taught")
async def test_every_screen_survives_a_tiny_terminal(run_app):
    async with run_app() as pilot:
        await until(pilot, lambda: pilot.app.feed.state.phase == "running")
        for number in range(len(SCREENS), 0, -1):
            await press(pilot, f"f{number}")
            for size in ((20, 5), (1, 1), (200, 50), (80, 24)):
                await pilot.resize_terminal(*size)
            assert "Settings" in shown(pilot).splitlines()[0]
        await until(pilot, lambda: "ms latency" in shown(pilot))


@pytest.mark.usefixtures("taught")
async def test_ascii_shows_nothing_else(run_app):
    async with run_app(ascii_only=True) as pilot:
        await until(pilot, lambda: pilot.app.feed.latest is not None)
        for number in range(1, len(SCREENS) + 1):
            await press(pilot, f"f{number}")
            await pilot.pause(0.3)
            assert shown(pilot).isascii()
            assert shown(pilot).strip()


async def test_an_error_is_shown_with_what_to_do(run_app):
    async with run_app(with_pictures=False) as pilot:
        pilot.app.report(LibraryError("It [cannot] be read.", hint="Close the other program."))
        await pilot.pause()
        assert notices(pilot) == "It [cannot] be read.\nClose the other program."


async def test_templates_that_do_not_go_together_are_told_of_and_recording_goes_on(run_app, taught, monkeypatch):
    def refuse(*_, **__):
        raise InvalidDataError("The templates have several skeletons.")

    monkeypatch.setattr("actionpose.tui.feed.make_recognizer", refuse)
    assert taught.labels()
    async with run_app(with_pictures=False) as pilot:
        await until(pilot, lambda: "several skeletons" in notices(pilot))
        await until(pilot, lambda: pilot.app.feed.state.phase == "running")


async def test_events_go_to_the_outputs(run_app, taught, tmp_path):
    assert taught.labels()
    async with run_app(with_pictures=False, outputs=("events.jsonl",)) as pilot:
        await until(pilot, lambda: pilot.app.feed.events)
        await until(pilot, lambda: '"label":' in (tmp_path / "events.jsonl").read_text())


@pytest.mark.usefixtures("taught")
async def test_as_many_keys_are_told_of_as_there_is_room_for(run_app):
    async with run_app(with_pictures=False) as pilot:
        await press(pilot, "2")
        await until(pilot, lambda: "r Rename" in shown(pilot).splitlines()[-1])
        assert "? Help" in shown(pilot).splitlines()[-1]
        for width, last in ((100, "/ Search"), (200, "^p palette")):
            await pilot.resize_terminal(width, 24)
            await until(pilot, lambda last=last: last in shown(pilot).splitlines()[-1])
        keys = [key for key in list_keys(pilot.app.screen) if not key.action.startswith(("switch_mode", "quit"))]
        line = shown(pilot).splitlines()[-1]
        assert [key for key in keys if not any(f" {name} " in line for name in key.names)] == []
        await pilot.resize_terminal(40, 24)
        await until(pilot, lambda: "1   2 Library   3   4   5" in shown(pilot).splitlines()[0])


@pytest.mark.parametrize("size", [(80, 24), (40, 12), (200, 50)])
@pytest.mark.usefixtures("taught")
async def test_notices_cover_nothing(make_app, size):
    async with make_app(with_pictures=False).run_test(size=size, notifications=True) as pilot:
        await press(pilot, "2")
        await until(pilot, lambda: "wave" in shown(pilot))
        pilot.app.notify("a short one")
        pilot.app.report(LibraryError("It cannot be read: another program uses it.", hint="Close the other program."))
        await until(pilot, lambda: "other program." in " ".join(shown(pilot).replace("▌", "").split()))
        toasts = [toast.region for toast in pilot.app.screen.query(Toast)]
        beside = [pilot.app.screen.query_one(name).region for name in ("#takes", "#detail", "#status", "KeyBar")]
        assert not [region for region in beside for toast in toasts if region.intersection(toast).area]
        assert "a short one" in shown(pilot)


@pytest.fixture
def frozen(make_app) -> Callable[..., ActionposeApp]:
    """Make an application that shows one moment."""

    def make(*, people: int = 1, **options: object) -> ActionposeApp:
        app = make_app(**options)
        app.feed = FrozenFeed(people=people)
        app.settings_path = Path("settings.toml")
        return app

    return make


def test_look_of_live(frozen, snap_compare):
    assert snap_compare(frozen(), terminal_size=(80, 24), press=["wait:300"])


def test_look_of_two_people_side_by_side_in_a_large_terminal(frozen, snap_compare):
    assert snap_compare(frozen(people=2, picture="skeleton"), terminal_size=(160, 40), press=["wait:300"])


def test_look_of_live_in_ascii(frozen, snap_compare):
    assert snap_compare(frozen(ascii_only=True, picture="skeleton"), terminal_size=(80, 24), press=["wait:300"])


def test_look_of_record(frozen, wave, snap_compare):
    async def show(pilot):
        await press(pilot, "3")
        screen = pilot.app.screen
        await until(pilot, lambda: screen.label.has_focus)  # as it comes up; not after it was taken away
        problem = "Too short: 0.2 s. Perform the whole action, a little slower, or give it a longer fixed length."
        for number, problems in enumerate([(), (problem,)], 1):
            take = Take(sequence=wave, recorded=wave, verdict=TakeQuality(problems=problems, numbers={"motion": 3.0}))
            screen._attempts.takes.append(Attempt("wave", number, take, {}, template_id="" if problems else "t"))
        screen.set_focus(None)
        screen._fill_table(choose=1)
        await until(pilot, lambda: "Too short" in shown(pilot) and "● running" in shown(pilot))
        await pilot.pause(1.0)  # for the picture beside it, of which the text says nothing

    assert snap_compare(frozen(), terminal_size=(80, 24), run_before=show)


def test_look_of_settings_in_light(frozen, snap_compare):
    async def show(pilot):
        await press(pilot, "5")
        pilot.app.screen.query_one("#sensitivity").focus()
        await until(pilot, lambda: "no templates yet" in shown(pilot))
        await pilot.pause(0.2)

    assert snap_compare(frozen(theme="light"), terminal_size=(80, 24), run_before=show)


# The real thing, in a terminal of its own.


@pytest.mark.parametrize("end", [b"q", b"\x03", signal.SIGTERM, signal.SIGHUP])
def test_it_leaves_without_a_traceback(tmp_path, end):
    terminal = Terminal("tui", "puppet:wave?seconds=60", "--library", "library.sqlite", cwd=tmp_path)
    terminal.read_until(b"Settings")
    time.sleep(0.5)
    if isinstance(end, bytes):
        terminal.write(end)
    else:
        terminal.process.send_signal(end)
    terminal.read_until(b"\x1b[?1049l")  # back to the terminal's own screen
    assert terminal.wait() == 0
    assert b"Traceback" not in terminal.output
    os.close(terminal.master)


@pytest.mark.parametrize(("is_loading", "output"), [(True, "done\n"), (False, "done\ntaken down\n")])
def test_a_model_that_is_still_loading_meets_no_interpreter_being_taken_down(is_loading, output):
    script = f"""
import atexit, sys, threading, time
from actionpose import cli
atexit.register(print, "taken down")
if {is_loading}:
    threading.Thread(target=time.sleep, args=(60,), name="actionpose-opener", daemon=True).start()
cli.cli = lambda **_: sys.exit(print("done") or 3)
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=50, check=False)
    assert (done.stdout, done.returncode) == (output, 3)


@pytest.mark.parametrize("arguments", [[], ["tui"]])
def test_without_a_terminal_it_says_so(arguments, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "actionpose", *arguments],
        capture_output=True, text=True, check=False, cwd=tmp_path, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr
    assert "actionpose live" in done.stderr
    assert not done.stdout


def test_a_broken_settings_file_is_told_of_before_the_screen(tmp_path):
    (tmp_path / "mine.toml").write_text("sourc = '0'\n")
    terminal = Terminal("tui", "--config", "mine.toml", cwd=tmp_path)
    terminal.read_until(b"did you mean 'source'?")
    assert terminal.wait() == 1
    os.close(terminal.master)


def test_a_library_that_is_none_is_told_of_after_the_screen(tmp_path):
    (tmp_path / "library.sqlite").write_text("no database")
    terminal = Terminal("tui", "puppet:wave", "--library", "library.sqlite", cwd=tmp_path)
    terminal.read_until(b"error: ")
    assert terminal.wait() == 1
    assert b"Traceback" not in terminal.output
    os.close(terminal.master)


def test_a_crash_is_shown_and_fails(tmp_path):
    script = (
        "import sys; from actionpose.cli import main; from actionpose.tui.live import LiveScreen\n"
        "def crash(self): raise ZeroDivisionError('on purpose')\n"
        "LiveScreen._redraw = crash; sys.argv[1:] = ['tui', 'puppet:wave', '--library', 'library.sqlite']; main()"
    )
    terminal = Terminal("-c", script, cwd=tmp_path, is_module=False)
    terminal.read_until(b"on purpose")
    assert terminal.wait() == 1
    os.close(terminal.master)
