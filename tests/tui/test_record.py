"""The screen Record."""

from __future__ import annotations

import numpy as np
import pytest
from textual.widgets import DataTable, Input

from actionpose.errors import LibraryLockedError
from actionpose.recorder import RecorderSettings, RecorderState
from actionpose.recording import RecordingReader
from actionpose.takes import Take, TakeQuality
from actionpose.tui.attempts import Attempts, describe_verdict
from actionpose.tui.stage import describe_phase
from actionpose.tui.taking import BackgroundTaking, Taking
from actionpose.tui.trim import TrimScreen
from tests.tui.conftest import accept, notices, press, shown, until

STILL_SCRIPT = "puppet:wave?seconds=600&pause=2"


async def go_to_record(pilot):
    await until(pilot, lambda: pilot.app.feed.state.phase == "running")
    await press(pilot, "3")
    await until(pilot, lambda: pilot.app.screen.query_one("#label", Input).has_focus)


async def record_takes(pilot, label, *, takes=1):
    screen = pilot.app.screen
    screen.query_one("#label", Input).value = label
    screen.query_one("#takes", Input).value = str(takes)
    screen.query_one("#label", Input).focus()
    await until(pilot, lambda: screen.query_one("#label", Input).has_focus)
    await accept(pilot)
    await press(pilot, "r")
    await until(pilot, lambda: screen._taking is None and screen._attempts.n_kept == takes)


async def keep_take(pilot, wave):
    """Have a take that was recorded before."""
    screen = pilot.app.screen
    take = Take(sequence=wave[20:-20], recorded=wave, verdict=TakeQuality(problems=(), numbers={"motion": 3.0}))
    screen._source = pilot.app.settings.source
    screen._attempts.begin("wave")
    await screen._attempts.keep(screen._attempts.add(take, provenance={}))
    screen._fill_table()
    screen.action_leave_field()


def test_large_words_for_every_phase():
    def word(phase, phase_s=0.0, **state):
        return describe_phase(RecorderState(phase=phase, take_number=1, n_takes=3, **state), phase_s=phase_s)

    assert word("countdown", time_left=2.2) == "3"
    assert word("waiting", advice="Hold still for a moment.") == "still"
    assert word("waiting", advice="Go: perform the action.") == "go!"
    assert word("recording", phase_s=1.26) == "rec 1.3"
    assert word("recording", time_left=0.4) == "rec 0.4"
    assert word("done") == "done"


def test_a_verdict_in_a_few_words(wave):
    def describe(*problems, motion=3.0):
        return describe_verdict(
            Take(sequence=wave, recorded=wave, verdict=TakeQuality(problems=problems, numbers={"motion": motion}))
        )

    assert describe() == "good"
    assert describe(motion=0.1) == "good, a pose to hold"
    assert describe("Too short: 0.2 s. Perform the whole action.") == "Too short"
    assert describe("Tracking was lost for 0.5 s. Stay in the picture.") == "Tracking was lost for 0.5 s"


def test_background_is_done_after_its_time(make_tick):
    taking = BackgroundTaking(1.0)
    for index in range(40):
        taking.keep(make_tick(index))
    assert taking.is_done
    assert taking.sequence.duration < 1.01


async def test_takes_are_recorded_judged_and_kept(run_app, tmp_path):
    async with run_app(STILL_SCRIPT, with_pictures=False) as pilot:
        await go_to_record(pilot)
        await record_takes(pilot, "wave", takes=2)
        table = pilot.app.screen.query_one(DataTable)
        assert [table.get_row_at(row)[2:] for row in range(2)] == [["good", "kept"]] * 2
        templates = pilot.app.library.templates("wave")
        assert all(template.provenance["source"] == "puppet:wave" for template in templates)
        assert all(template.quality["motion"] > 1 for template in templates)
        name = templates[0].provenance["recording"]
    with RecordingReader(tmp_path / "recordings" / name) as recording:
        assert sum(1 for _ in recording) > 60


@pytest.mark.parametrize("size", [(80, 24), (40, 20), (200, 50)])
async def test_a_set_that_failed_says_so_and_why_and_what_to_do(run_app, wave, size):
    def take(*problems):
        return Take(sequence=wave, recorded=wave, verdict=TakeQuality(problems=problems, numbers={"motion": 3.0}))

    lost = "Tracking was lost for 0.5 s in the middle of it. Stay in the picture."
    unlike = "Too unlike the other takes. Do as before."
    async with run_app(STILL_SCRIPT, with_pictures=False, size=size) as pilot:
        await go_to_record(pilot)
        await press(pilot, *"wave", "enter")
        screen = pilot.app.screen
        screen._attempts.begin("wave")
        taking = screen._taking = Taking(RecorderSettings())
        taking._takes.extend([take(), take(unlike), take(lost), take(lost), take(lost)])
        taking.state = RecorderState(phase="done", take_number=2, n_takes=3, has_given_up=True)
        await until(pilot, lambda: "all the same." in str(screen.advice.content))
        await pilot.pause()
        said = str(screen.advice.content)
        assert said.startswith(
            "Gave up: 4 takes had problems, 1 of 3 are good. Most often: Tracking was lost for 0.5 s"
        )
        assert said.endswith(lost)  # of the take under the cursor
        assert screen.advice.region.bottom <= size[1]
        table = screen.query_one(DataTable)
        verdict = table.columns["verdict"]
        assert all(
            row.height >= -(-len(lost.partition(".")[0]) // verdict.width) for row in list(table.ordered_rows)[2:]
        )
        await press(pilot, "r")
        await until(pilot, lambda: "Gave up" not in str(screen.advice.content))


async def test_a_take_can_be_dropped_and_kept_again(run_app, wave):
    async with run_app(STILL_SCRIPT, with_pictures=False) as pilot:
        await go_to_record(pilot)
        await keep_take(pilot, wave)
        library, table = pilot.app.library, pilot.app.screen.query_one(DataTable)
        await press(pilot, "K")
        await until(pilot, lambda: not library.templates() and table.get_row_at(0)[3] == "-")
        await press(pilot, "K")
        await until(pilot, lambda: [template.label for template in library.templates()] == ["wave"])


@pytest.mark.slow
async def test_redo_drops_the_take_and_records_another(run_app):
    async with run_app(STILL_SCRIPT, with_pictures=False) as pilot:
        await go_to_record(pilot)
        await record_takes(pilot, "wave")
        first = pilot.app.library.templates("wave")[0].id
        await press(pilot, "o")
        await until(pilot, lambda: [t.id for t in pilot.app.library.templates() if t.id != first])
        assert first not in {template.id for template in pilot.app.library.templates()}


async def test_a_label_that_is_nearly_there_already_is_told_of(run_app, taught):
    assert "wave" in taught.labels()
    async with run_app(STILL_SCRIPT) as pilot:
        await go_to_record(pilot)
        screen = pilot.app.screen
        screen.query_one("#label", Input).value = "Wave"
        await accept(pilot)
        await press(pilot, "r")
        await until(pilot, lambda: 'there is an action "wave" already; "Wave" will be another one' in notices(pilot))
        await press(pilot, "escape", "e")
        screen.query_one("#label", Input).value = "UNKNOWN"
        await press(pilot, "enter")
        await until(pilot, lambda: "no template can have this label" in notices(pilot))


async def test_a_take_is_not_judged_by_its_own_mirror_image(taught, wave):
    attempts = Attempts(lambda: taught)
    attempts.begin("swing")
    take = Take(sequence=wave[20:-20], recorded=wave, verdict=TakeQuality())
    attempt = attempts.add(take, provenance={})
    await attempts.keep(attempt)
    image = taught.add(taught.templates("swing")[0].mirrored())
    await attempts.read_known()
    assert attempts.others(take, but=attempt) == []
    other = attempts.add(take, provenance={})
    compared = attempts.others(take, but=other)
    assert [len(sequence) for sequence in compared] == [len(image.sequence), len(take.sequence)], "of another take"


async def test_trimming_shortens_the_template(run_app, wave):
    async with run_app(STILL_SCRIPT, with_pictures=False) as pilot:
        await go_to_record(pilot)
        await keep_take(pilot, wave)
        before = pilot.app.library.templates("wave")[0].sequence
        await press(pilot, "t")
        await until(pilot, lambda: isinstance(pilot.app.screen, TrimScreen) and ", frames " in shown(pilot))
        await press(pilot, "right", "right", "comma", "enter")
        await until(pilot, lambda: [len(t.sequence) for t in pilot.app.library.templates()] == [len(before) - 3])
        after = pilot.app.library.templates("wave")[0].sequence
        assert np.allclose(after.time, before.time[2:-1])


@pytest.mark.slow
async def test_try_it_goes_live_with_the_new_template(run_app):
    async with run_app(STILL_SCRIPT, with_pictures=False) as pilot:
        await go_to_record(pilot)
        await record_takes(pilot, "wave")
        await press(pilot, "y")
        await until(pilot, lambda: pilot.app.current_mode == "live")
        await until(pilot, lambda: pilot.app.feed.counts[0, "wave"])


async def test_a_label_that_cannot_be_used_is_refused(run_app):
    async with run_app(STILL_SCRIPT, with_pictures=False) as pilot:
        await go_to_record(pilot)
        pilot.app.screen.query_one("#label", Input).value = "unknown"
        await press(pilot, "enter")
        await until(pilot, lambda: "does not know" in notices(pilot))
        assert pilot.app.screen._taking is None


async def test_a_length_that_makes_no_sense_is_refused(run_app):
    async with run_app(STILL_SCRIPT, with_pictures=False) as pilot:
        await go_to_record(pilot)
        screen = pilot.app.screen
        screen.query_one("#label", Input).value = "wave"
        screen.query_one("#seconds", Input).value = "-1"
        await accept(pilot)
        await press(pilot, "r")
        await until(pilot, lambda: "longer than 0 s" in notices(pilot))
        assert screen._taking is None


async def test_two_presses_of_keep_keep_and_drop(run_app, wave):
    async with run_app(STILL_SCRIPT, with_pictures=False) as pilot:
        await go_to_record(pilot)
        await keep_take(pilot, wave)
        screen = pilot.app.screen
        screen.action_keep()
        screen.action_keep()
        await pilot.app.workers.wait_for_complete(list(pilot.app.workers))
        assert len(pilot.app.library.templates()) == 1


async def test_background_is_added_to_the_library(run_app, monkeypatch):
    monkeypatch.setattr("actionpose.tui.record._BACKGROUND_S", 2.0)
    async with run_app(STILL_SCRIPT, with_pictures=False) as pilot:
        await go_to_record(pilot)
        await press(pilot, "escape", "b")
        await until(pilot, lambda: pilot.app.library.backgrounds())
        time = pilot.app.library.backgrounds()[0].time
        assert time[-2] - time[0] < 2.0  # the frame that reaches it is the last, however far apart they are
        assert time[-1] - time[0] > 1.9


async def test_leaving_the_screen_stops_recording(run_app):
    async with run_app(STILL_SCRIPT, with_pictures=False) as pilot:
        await go_to_record(pilot)
        screen = pilot.app.screen
        screen.query_one("#label", Input).value = "wave"
        await accept(pilot)
        await press(pilot, "space")
        await until(pilot, lambda: screen._taking is not None and screen._taking.state is not None)
        await press(pilot, "1")
        await until(pilot, lambda: screen._taking is None)


async def test_a_field_that_was_left_stays_left_on_coming_back(run_app):
    async with run_app(STILL_SCRIPT, with_pictures=False) as pilot:
        await go_to_record(pilot)
        screen = pilot.app.screen
        screen.label.value = "wave"
        await accept(pilot)
        await until(pilot, lambda: not screen.label.has_focus)
        for key, mode in (("1", "live"), ("3", "record")):
            await press(pilot, key)
            await until(pilot, lambda mode=mode: pilot.app.current_mode == mode)
        await pilot.pause(0.3)
        await press(pilot, "r")
        await until(pilot, lambda: screen._taking is not None)
        assert screen.label.value == "wave"


@pytest.mark.slow
async def test_a_library_that_cannot_be_written_to_is_told_before_anything_is_performed(run_app, monkeypatch):
    async with run_app(STILL_SCRIPT, with_pictures=False) as pilot:

        def refuse():
            raise LibraryLockedError("The file is read-only.", hint="Change the permissions.")

        monkeypatch.setattr(pilot.app.library, "validate_writable", refuse, raising=False)
        await go_to_record(pilot)
        pilot.app.screen.query_one("#label", Input).value = "wave"
        await accept(pilot)
        for key in ("r", "b"):
            await press(pilot, key)
            await until(pilot, lambda: "The file is read-only." in notices(pilot))
            assert pilot.app.screen._taking is None
            pilot.app.clear_notifications()
        assert not list(pilot.app.recordings.glob("*"))
        monkeypatch.undo()
        await press(pilot, "r")
        await until(pilot, lambda: pilot.app.library.templates())


async def test_a_library_that_cannot_be_written_is_reported_and_nothing_is_lost(run_app, monkeypatch):
    async with run_app(STILL_SCRIPT, with_pictures=False) as pilot:

        def refuse(_):
            raise LibraryLockedError("The library is locked.", hint="Close the other program.")

        monkeypatch.setattr(pilot.app.library, "add", refuse, raising=False)
        await go_to_record(pilot)
        screen = pilot.app.screen
        screen.query_one("#label", Input).value = "wave"
        screen.query_one("#takes", Input).value = "1"
        await accept(pilot)
        await press(pilot, "r")
        await until(pilot, lambda: "The library is locked." in notices(pilot))
        monkeypatch.undo()
        await press(pilot, "K")
        await until(pilot, lambda: pilot.app.library.templates())
