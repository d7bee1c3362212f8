"""Settings: where they come from, where they go, and the screen that changes them."""

from __future__ import annotations

import pytest
from textual.widgets import Input, Label, Select

from actionpose.errors import ActionposeError, InvalidDataError
from actionpose.recognizer import RecognizerSettings
from actionpose.sources.puppet import PuppetSource
from actionpose.tradeoff import compute_tradeoff
from actionpose.tui.alarms import describe_alarms, expect_alarms
from actionpose.tui.preferences import Settings, load_settings, save_settings
from actionpose.tui.slider import Slider
from tests.synthetic import idle, make_templates
from tests.tui.conftest import notices, play, press, shown, until


@pytest.fixture
def path(tmp_path):
    return tmp_path / "config" / "settings.toml"


def test_flag_before_environment_before_file_before_default(path):
    save_settings(path, {"source": "file", "model": "file", "votes": 6})
    environment = {"ACTIONPOSE_SOURCE": "environment", "ACTIONPOSE_MODEL": "environment"}
    settings = load_settings(path, flags={"source": "flag", "model": None, "outputs": ()}, environment=environment)
    assert (settings.source, settings.model, settings.votes, settings.window) == ("flag", "environment", 6, 50)


def test_what_is_saved_is_loaded_again(path):
    changes = {"sensitivity": 1.25, "mode": "window", "outputs": ("osc://127.0.0.1:12000", "exec:./on wave")}
    save_settings(path, changes)
    settings = load_settings(path, environment={})
    assert {name: getattr(settings, name) for name in changes} == changes


def test_comments_and_other_keys_in_the_file_stay(path):
    path.parent.mkdir()
    path.write_text('# mine\nsource = "1"  # the good camera\nvotes = 3\n')
    save_settings(path, {"votes": 5})
    assert path.read_text() == '# mine\nsource = "1"  # the good camera\nvotes = 5\n'


def test_an_unknown_key_names_the_file_and_the_nearest(path):
    path.parent.mkdir()
    path.write_text("sensitivty = 1.0\n")
    with pytest.raises(ActionposeError, match=r"settings\.toml has the unknown key 'sensitivty'; did you mean 'sensit"):
        load_settings(path, environment={})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("votes = 'many'", "votes in .* must be a whole number; got 'many'"),
        ("votes = true", "votes in .* must be a whole number"),
        ("outputs = 'osc://x'", "outputs in .* must be a list of texts"),
        ("mode = 'fast'", "mode must be one of stream, window"),
        ("picture = 'none'", "picture must be one of camera, skeleton"),
        ("people = 0", "people must be 1 to 10"),
        ("source = ''", "source must not be empty"),
        ("votes = ", "cannot be read"),
    ],
)
def test_a_wrong_value_says_what_was_expected(path, text, message):
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(ActionposeError, match=message):
        load_settings(path, environment={})


def test_numbers_from_the_environment(path):
    settings = load_settings(
        path, environment={"ACTIONPOSE_SENSITIVITY": "1.2", "ACTIONPOSE_OUTPUTS": "a.jsonl b.jsonl"}
    )
    assert settings.sensitivity == 1.2
    assert settings.outputs == ("a.jsonl", "b.jsonl")
    with pytest.raises(InvalidDataError, match="ACTIONPOSE_VOTES must be a whole number; got 'x'"):
        load_settings(path, environment={"ACTIONPOSE_VOTES": "x"})


def test_a_whole_number_is_a_number_too(path):
    path.parent.mkdir()
    path.write_text("sensitivity = 1\n")
    assert load_settings(path, environment={}).sensitivity == 1.0


def test_a_file_that_cannot_be_written_says_so(path):
    path.parent.write_text("in the way")
    with pytest.raises(ActionposeError, match="cannot be"):
        save_settings(path, {"votes": 5})


def test_the_recogniser_gets_votes_and_window():
    settings = Settings(votes=7, window=33, mode="window").recognizer
    assert (settings.top, settings.window_frames, settings.mode) == (7, 33, "window")


async def test_a_change_is_applied_and_saved_at_once(run_app, path):
    async with run_app(with_pictures=False) as pilot:
        await until(pilot, lambda: pilot.app.feed.state.phase == "running")
        await press(pilot, "5")
        screen = pilot.app.screen
        screen.query_one(Slider).focus()
        await until(pilot, lambda: screen.query_one(Slider).has_focus)
        await press(pilot, "right", "right")
        assert pilot.app.settings.sensitivity == pytest.approx(1.1)
        screen.query_one("#mode", Select).value = "window"
        await until(pilot, lambda: pilot.app.settings.mode == "window")
        field = screen.query_one("#source", Input)
        field.focus()
        await until(pilot, lambda: field.has_focus)
        field.value = "puppet:clap?seconds=600"
        await press(pilot, "enter")
        await until(pilot, lambda: pilot.app.feed.state.source == "puppet:clap")
    saved = load_settings(path, environment={})
    assert (saved.sensitivity, saved.mode, saved.source) == (pytest.approx(1.1), "window", "puppet:clap?seconds=600")
    assert "votes" not in path.read_text()


@pytest.mark.parametrize(
    ("name", "typed", "why", "leave"),
    [
        *(("votes", "many", "Votes is a whole number, got 'many'.", key) for key in ("enter", "tab")),
        *(("source", "puppet:fly", "no action 'fly'", key) for key in ("enter", "tab")),
        ("votes", "0", "top must be", "enter"),
        ("people", "0", "people must be 1 to 10; got 0.", "enter"),
        ("people", "1.5", "People is a whole number, got '1.5'.", "enter"),
        ("ratio", "nan", "ratio must be", "enter"),
        ("ratio", "2", "ratio must be", "enter"),
        ("window", "1", "window_frames must be", "enter"),
        ("source", " ", "source must not be empty.", "enter"),
        ("model", "", "model must not be empty.", "enter"),
        ("outputs", "smoke signals", "smoke", "enter"),
        ("outputs", "-", "taken by the screens", "enter"),
        ("source", "missing.mp4", "missing.mp4", "enter"),
    ],
)
async def test_what_is_refused_is_not_saved_and_its_field_says_why(run_app, path, name, typed, why, leave):
    async with run_app(with_pictures=False, size=(160, 40)) as pilot:
        await until(pilot, lambda: pilot.app.feed.state.phase == "running")
        await press(pilot, "5")
        before = pilot.app.settings
        field = pilot.app.screen.query_one(f"#{name}", Input)
        field.focus()
        await until(pilot, lambda: field.has_focus)
        field.value = typed
        await press(pilot, leave)
        await until(pilot, lambda: name in pilot.app.refused)
        await press(pilot, "f5")
        await until(pilot, lambda: why in str(pilot.app.screen.query_one(f"#why-{name}", Label).content))
        await until(pilot, lambda: why in " ".join(shown(pilot).split()))
        assert field.value.strip() == typed.strip()
        assert pilot.app.settings == before
        assert not path.exists()
        assert pilot.app.feed.state.phase == "running"
        field.focus()
        await until(pilot, lambda: field.has_focus)
        await press(pilot, "escape")
        await until(pilot, lambda: why not in " ".join(shown(pilot).split()))
        assert not pilot.app.refused
        assert field.value == ("" if name == "outputs" else str(getattr(before, name)))
    assert not path.exists()


async def test_what_was_refused_can_be_corrected(run_app, path):
    async with run_app(with_pictures=False) as pilot:
        await until(pilot, lambda: pilot.app.feed.state.phase == "running")
        await press(pilot, "5", "tab", *"puppet:fly", "enter")
        await until(pilot, lambda: "no action 'fly'" in " ".join(shown(pilot).split()))
        await press(pilot, "tab", "shift+tab", *"puppet:clap", "enter")
        await until(pilot, lambda: pilot.app.feed.state.source == "puppet:clap" and path.exists())
        assert not pilot.app.refused
    assert load_settings(path, environment={}).source == "puppet:clap"


async def test_escape_leaves_the_field_as_it_was(run_app):
    async with run_app(with_pictures=False) as pilot:
        await press(pilot, "5")
        await press(pilot, "x", "y", "escape")
        assert pilot.app.settings.source.startswith("puppet:")
        await press(pilot, "1")
        await until(pilot, lambda: pilot.app.current_mode == "live")


async def test_a_source_that_cannot_be_opened_leaves_the_old_one_running(run_app):
    async with run_app(with_pictures=False) as pilot:
        await until(pilot, lambda: pilot.app.feed.state.phase == "running")
        pilot.app.change_settings(source="puppet:fly")
        await until(pilot, lambda: "no action 'fly'" in notices(pilot))
        assert pilot.app.feed.state.phase == "running"


async def test_an_output_that_is_none_is_reported_at_the_start(run_app):
    async with run_app(with_pictures=False, outputs=("smoke signals",)) as pilot:
        await until(pilot, lambda: pilot.app.feed.state.phase == "running")
        await until(pilot, lambda: "smoke" in notices(pilot))


def test_false_alarms_in_words():
    assert describe_alarms(0, 0.5) == "under 6.0 false alarms/min"
    assert describe_alarms(3, 2.0) == "about 1.5 false alarms/min"
    assert describe_alarms(0, 0.0) == "record a background to know"


def test_false_alarms_are_those_in_the_backgrounds(taught, wave):
    templates = taught.templates("wave")
    minutes = wave.duration / 60
    assert expect_alarms([], [wave], RecognizerSettings())(1.0) == "no templates yet"
    for mode in ("stream", "window"):
        settings = RecognizerSettings(mode=mode)
        assert expect_alarms(templates, [], settings)(1.0) == "record a background to know"
        assert expect_alarms(templates, [wave], settings)(0.05).startswith(describe_alarms(0, minutes))
    assert expect_alarms(templates, [wave], RecognizerSettings(mode="window"))(1.0) == describe_alarms(1, minutes)


def test_false_alarms_and_misses_for_every_sensitivity_are_those_of_the_tradeoff(taught):
    templates, background = taught.templates(), play(PuppetSource("raise_both_arms,clap,bow", pause=0.5, seed=7))
    expect = expect_alarms(templates, [background], RecognizerSettings(feature="angles"))
    tradeoff = compute_tradeoff(templates, [background], settings=RecognizerSettings(feature="angles").matching)
    for sensitivity in (0.5, 1.0, 1.5):
        words = f"{tradeoff.describe_alarms(sensitivity)} false alarms/min, "
        assert expect(sensitivity) == f"{words}{tradeoff.missed_share(sensitivity):.0%} missed"


def test_templates_and_backgrounds_of_another_model_do_not_count(taught, wave):
    templates, other = taught.templates(), make_templates(("wave",), n_takes=1)
    for mode in ("stream", "window"):
        settings = RecognizerSettings(mode=mode)
        told = expect_alarms([*other, *templates], [wave, idle(60.0)], settings)(1.0)
        assert told == expect_alarms(templates, [wave], settings)(1.0)


async def test_the_slider_says_what_it_costs(run_app, taught, wave):
    taught.add_background(wave)
    async with run_app(with_pictures=False, pace=1) as pilot:
        await until(pilot, lambda: pilot.app.feed.state.phase == "running")
        await press(pilot, "5")
        await until(pilot, lambda: "false alarms/min" in " ".join(shown(pilot).split()))


async def test_a_slider_keeps_within_its_bounds(run_app):
    async with run_app(with_pictures=False, sensitivity=1.5) as pilot:
        await press(pilot, "5")
        slider = pilot.app.screen.query_one(Slider)
        slider.focus()
        await until(pilot, lambda: slider.has_focus)
        await press(pilot, "right")
        assert slider.value == 1.5
        await pilot.click(Slider, offset=(0, 0))
        await until(pilot, lambda: slider.value == 0.5)


def test_sources_are_opened_at_the_chosen_rate_and_turn(path):
    opened = []

    def opener(spec, **chosen):
        opened.append((spec, chosen))

    for spec in ("a.mp4", "0"):
        Settings().open_source(opener, spec)
        Settings(rate=12.5, rotate=90).open_source(opener, spec)
    assert opened == [
        ("a.mp4", {}),
        ("a.mp4", {"rate_hz": 12.5, "rotate": 90}),
        ("0", {}),
        ("0", {"rotate": 90}),  # what is live keeps its own time
    ]
    save_settings(path, {"rate": 25.0, "rotate": 270})
    settings = load_settings(path, environment={"ACTIONPOSE_RATE": "12.5"})
    assert (settings.rate, settings.rotate) == (12.5, 270)
    for values in ({"rate": -1.0}, {"rotate": 45}):
        with pytest.raises(InvalidDataError, match=next(iter(values))):
            Settings(**values)
