"""The screen Live."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.widgets import Input

from actionpose.decision import ActionEvent
from actionpose.recognizer import ActionState, RecognizerState
from actionpose.sources.puppet import PuppetSource
from actionpose.tui.live import event_text
from actionpose.tui.person import PersonPanel, describe_nearness, draw_bar
from actionpose.tui.skeleton_view import SkeletonView
from actionpose.tui.timeline import Timeline, draw_blocks
from tests.synthetic import make_templates
from tests.tui.conftest import accept, notices, press, shown, until
from tests.tui.puppets import TwoPuppets


def make_state(ratio: float, label: str = "wave") -> ActionState:
    return ActionState(label=label, template_id="t", distance=ratio, threshold=1.0, progress=0.5)


def make_event(label: str, start: float, end: float, track_id: int = 0) -> ActionEvent:
    return ActionEvent(
        label=label, start_time=start, end_time=end, report_time=end + 0.2, distance=0.5, threshold=1.0,
        template_id="t", track_id=track_id,
    )  # fmt: skip


def test_a_bar_reaches_its_mark_at_the_threshold():
    before, after = draw_bar(make_state(1.0), width=30)
    assert before == "━" * 20
    assert not after.strip()
    before, after = draw_bar(make_state(2.0), width=30)
    assert before.strip() == "━" * 10
    before, after = draw_bar(make_state(0.1), width=30)
    assert before + after == "━" * 30


def test_a_bar_is_empty_before_there_is_anything_to_compare():
    before, after = draw_bar(make_state(float("inf")), width=12)
    assert not (before + after).strip()
    assert len(before + after) == 12


def test_nearness_says_why_an_action_is_rejected():
    assert describe_nearness(make_state(1.3)) == "1.30 x its threshold"
    assert describe_nearness(make_state(float("inf"))) == "nothing to compare"


async def test_templates_of_another_model_are_no_reason_to_see_nobody(run_app, library):
    library.add_all(make_templates(("wave", "raise"), n_takes=1))
    async with run_app() as pilot:
        await until(pilot, lambda: "None of the 2 templates fits" in shown(pilot))
        assert "Nobody" not in shown(pilot)
        assert pilot.app.feed.state.phase == "running"
        await until(pilot, lambda: "upper_body_6 in 2-D" in notices(pilot))
        await press(pilot, "3")
        screen = pilot.app.screen
        screen.query_one("#label", Input).value = "swing"
        screen.query_one("#takes", Input).value = "1"
        await accept(pilot)
        await press(pilot, "r")
        await until(pilot, lambda: "swing" in library.labels())
        await press(pilot, "1")
        await until(pilot, lambda: pilot.app.feed.latest.states)
        await until(pilot, lambda: "2 templates of upper_body_6 left aside" in notices(pilot))
        await until(pilot, lambda: "None of the 2 templates fits" not in shown(pilot))


async def test_the_panel_says_why_nothing_is_recognised():
    def words(*ratios):
        panel = PersonPanel(track_id=0)
        panel._state = RecognizerState(actions=tuple(make_state(ratio, f"a{i}") for i, ratio in enumerate(ratios)))
        return panel._sureness()

    assert words(1.25, 3.0) == "nearest a0, 25% too far"
    assert words(4.0, 3.0) == "nearest a1, far off"
    assert words(float("inf")) == "nothing to compare yet"


def test_blocks_stand_where_their_time_is_and_name_the_action():
    blocks = draw_blocks([make_event("wave", 20.0, 25.0), make_event("clap", 29.0, 29.2)], end_s=30.0, width=60)
    assert blocks == [(40, 50, "[  wave  ]"), (58, 59, "c")]


def test_blocks_that_are_over_half_a_minute_old_are_gone():
    assert draw_blocks([make_event("wave", 1.0, 2.0)], end_s=40.0, width=60) == []


def test_an_event_is_one_line_with_start_end_and_count():
    assert event_text(make_event("wave", 12.34, 14.0), count=3).plain.split() == ["12.3", "-", "14.0", "s", "wave", "3"]


async def test_an_empty_library_says_what_to_do(run_app):
    async with run_app() as pilot:
        await until(pilot, lambda: "Press r to record one." in shown(pilot))
        await press(pilot, "r")
        await until(pilot, lambda: pilot.app.current_mode == "record")


@pytest.mark.usefixtures("taught")
async def test_actions_are_recognised_counted_and_logged(run_app):
    async with run_app("puppet:wave,squat?seconds=600&seed=3", with_pictures=False) as pilot:
        feed = pilot.app.feed
        await until(pilot, lambda: {"wave", "squat"} <= {event.label for event in feed.events})
        await pilot.pause(0.3)
        text = shown(pilot)
        assert "running" in text
        assert "[" in text.splitlines()[-3]
        assert "x" in text
        assert sum(feed.counts.values()) == len(feed.events)
        panel = pilot.app.screen.query_one(PersonPanel)
        assert {"wave", "squat"} == {action.label for action in panel._state.actions}


@pytest.mark.usefixtures("taught")
async def test_clear_forgets_events_and_counts(run_app):
    async with run_app("puppet:wave?seconds=600", with_pictures=False) as pilot:
        feed = pilot.app.feed
        await until(pilot, lambda: feed.events)
        await press(pilot, "space", "c")
        assert not feed.counts
        assert not pilot.app.screen.query_one("#log").lines


async def test_the_skeleton_alone_can_be_shown_for_privacy(run_app):
    async with run_app() as pilot:
        await until(pilot, lambda: "▀" in shown(pilot))
        await press(pilot, "v")
        await until(pilot, lambda: "▀" not in shown(pilot))
        assert pilot.app.screen.query_one(SkeletonView).display
        assert any("\u2800" < character < "\u2900" for character in shown(pilot))
        assert pilot.app.settings.picture == "skeleton"


async def test_a_source_without_pictures_shows_the_skeleton(run_app):
    async with run_app(with_pictures=False) as pilot:
        await until(pilot, lambda: any("\u2800" < character < "\u2900" for character in shown(pilot)))


async def test_pause_and_go_on(run_app):
    async with run_app(with_pictures=False) as pilot:
        feed = pilot.app.feed
        await until(pilot, lambda: feed.state.phase == "running")
        await press(pilot, "space")
        await until(pilot, lambda: feed.state.phase == "paused")
        await press(pilot, "space")
        await until(pilot, lambda: feed.state.phase == "running")


async def test_a_source_that_ended_can_be_played_again(run_app):
    async with run_app("puppet:wave?seconds=1") as pilot:
        await until(pilot, lambda: "press space to play it again" in shown(pilot).lower())
        time = pilot.app.feed.time
        await press(pilot, "space")
        await until(pilot, lambda: pilot.app.feed.state.phase == "running" or pilot.app.feed.time < time)


async def test_a_source_that_cannot_be_opened_says_why(run_app):
    async with run_app("puppet:fly") as pilot:
        await until(pilot, lambda: "no action 'fly'" in shown(pilot))
        await until(pilot, lambda: "5 to choose another source" in " ".join(shown(pilot).split()))


@pytest.mark.usefixtures("taught")
async def test_two_people_are_recognised_side_by_side(make_app, monkeypatch):
    app = make_app("both")
    puppets = [PuppetSource(action, seconds=600, pause=1.0) for action in ("wave", "squat")]
    monkeypatch.setattr(app.feed, "_open_source", lambda _: TwoPuppets(*puppets, pace=4.0))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.feed.counts[0, "wave"] and app.feed.counts[1, "squat"])
        assert set(app.feed.counts) == {(0, "wave"), (1, "squat")}
        await press(pilot, "h")
        await until(pilot, lambda: "person 2: matching" in shown(pilot))
        names = next(line for line in shown(pilot).splitlines() if "Person 1" in line)
        assert "Person 2" in names
        log = "\n".join(line.text for line in app.screen.query_one("#log").lines)
        assert "person 1  wave" in log
        assert "person 2  squat" in log


class TimelineApp(App[None]):
    def compose(self) -> ComposeResult:
        yield Timeline()


async def test_the_time_line_grows_a_row_for_each_person():
    async with TimelineApp().run_test(size=(62, 10)) as pilot:
        timeline = pilot.app.query_one(Timeline)
        timeline.show([make_event("wave", 1, 4)], time=5.0)
        await pilot.pause()
        assert timeline.size.height == 2
        timeline.show([make_event("wave", 1, 4), make_event("squat", 1, 5, track_id=1)], time=5.0)
        await pilot.pause()
        assert timeline.size.height == 3
        rows = shown(pilot).splitlines()
        assert "[wave]" in rows[0]
        assert "[squat ]" in rows[1]
        assert rows[2].split() == ["-30", "s", "-20", "s", "-10", "s", "now"]
