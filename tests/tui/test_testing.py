from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Input

from actionpose.decision import ActionEvent
from actionpose.errors import InvalidDataError, LibraryError
from actionpose.evaluation import Span, match_events
from actionpose.library import TemplateLibrary
from actionpose.recognizer import RecognizerSettings
from actionpose.recording import RecordingWriter
from actionpose.session.recognizers import make_recognizer
from actionpose.skeleton import UPPER_BODY_6
from actionpose.sources import open_source
from actionpose.tui.app import ActionposeApp
from actionpose.tui.score import describe_score
from actionpose.tui.testing import TestScreen
from actionpose.tui.trace import draw_spans
from actionpose.tui.trial import (
    Trial,
    evaluate_trials,
    find_files,
    find_spans,
    list_outcomes,
    run_trial,
)
from tests.synthetic import Move, frame_times, make_templates, sample
from tests.test_evaluation import event
from tests.tui.stage import make_app, notices_of, text_of, wait_for

MOVES = (Move("wave", 1.0, 2.5), Move("raise", 4.0, 5.5), Move("wave", 7.0, 8.4))


@pytest.fixture
def library(tmp_path: Path) -> Iterator[TemplateLibrary]:
    with TemplateLibrary.open(tmp_path / "library.sqlite") as library:
        library.add_all(make_templates(("wave", "raise"), n_takes=1))
        yield library


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """A folder with one recording, and what is performed in it."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    record(folder / "gym.jsonl", MOVES)
    return folder


@pytest.fixture
def app(library: TemplateLibrary, recordings: Path) -> ActionposeApp:
    return make_app(library, recordings.parent, "test")


def record(path: Path, moves: Sequence[Move], *, spans: Sequence[Move] | None = None) -> None:
    sequence = sample(moves, frame_times(0.0, 10.0), seed=5)
    with RecordingWriter(path, skeleton=UPPER_BODY_6, estimator="truth", source="moves", size=(640, 480)) as writer:
        for index, pose in enumerate(sequence.iter_poses()):
            writer.append(index, pose.time, [pose])
    write_spans(path, moves if spans is None else spans)


def write_spans(recording: Path, moves: Sequence[Move]) -> None:
    with recording.with_suffix(".csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["video", "label", "start_s", "end_s"])
        rows.writerows([recording.name, move.label, move.start, move.end] for move in moves)


def attempt(library: TemplateLibrary, path: Path, spans: str = "", **options: object) -> Trial | None:
    return run_trial(
        path,
        make_recognizer(library, RecognizerSettings()),
        find_spans(spans, path),
        open_source=open_source,
        load_estimator=lambda source: None,  # noqa: ARG005
        **{"on_progress": lambda progress: None, "is_cancelled": lambda: False, **options},  # type: ignore[arg-type]  # noqa: ARG005
    )


def screen(app: ActionposeApp) -> TestScreen:
    assert isinstance(app.screen, TestScreen)
    return app.screen


def n_rows(app: ActionposeApp) -> int:
    return app.screen.query_one("#events", DataTable).row_count


# Without a screen


def test_a_trial_tells_events_distances_and_progress(library: TemplateLibrary, recordings: Path) -> None:
    told = []
    trial = attempt(library, recordings / "gym.jsonl", on_progress=told.append)
    assert trial is not None
    assert [event.label for event in trial.events] == ["wave", "raise", "wave"]
    assert trial.labels == ("raise", "wave")
    assert trial.ratio.shape == (300, 2) == (len(told), 2)
    assert trial.duration_s == pytest.approx(10 - 1 / 30)
    during = (trial.time > 1.0) & (trial.time < 2.6)
    nearest = np.nanmin(trial.ratio[during], axis=0)
    assert trial.labels[int(nearest.argmin())] == "wave"
    assert nearest.min() < 1
    assert told[-1].n_events >= 2
    assert [outcome.verdict for outcome in list_outcomes(trial)] == ["right"] * 3
    evaluation = evaluate_trials([trial])
    assert evaluation is not None
    assert evaluation.total.f1 == 1.0


@pytest.mark.parametrize(("n_actions", "is_whole"), [(3, True), (9, False)])
def test_what_was_taken_for_what_keeps_to_its_lines(n_actions: int, is_whole: bool) -> None:
    """Of many actions the table would be wider than its panel, and its last column stand on lines of its own."""
    labels = [f"a long label {k}" for k in range(n_actions)]
    spans: list[Span] = [(label, 4.0 * k, 4.0 * k + 1) for k, label in enumerate(labels)]
    events = [event(label, start, end) for label, (_, start, end) in zip([*labels[1:], labels[0]], spans, strict=True)]
    trial = Trial(path=Path("x"), events=(), spans=tuple(spans), labels=(), time=np.arange(2.0), ratio=np.zeros((2, 0)))
    lines = describe_score([trial], match_events(events, spans), width=44).plain.splitlines()
    table = lines[next(i for i, line in enumerate(lines) if line.startswith("performed")) :]
    assert max(map(len, table)) <= 44
    assert (table[0] == "performed by row, recognised by column") == is_whole
    assert len(table) == (2 + n_actions + 1 if is_whole else 1 + n_actions)


def test_a_trial_can_be_cancelled(library: TemplateLibrary, recordings: Path) -> None:
    assert attempt(library, recordings / "gym.jsonl", is_cancelled=lambda: True) is None


def test_verdicts_agree_with_the_evaluation(library: TemplateLibrary, recordings: Path) -> None:
    path = recordings / "gym.jsonl"
    write_spans(path, [Move("raise", 1.0, 2.5), Move("raise", 4.0, 5.5), Move("raise", 8.8, 9.5)])
    trial = attempt(library, path)
    assert trial is not None
    outcomes = list_outcomes(trial)
    assert [(o.label, o.verdict, o.performed) for o in outcomes] == [
        ("wave", "wrong", "raise"),
        ("raise", "right", ""),
        ("wave", "false", ""),
        ("raise", "missed", ""),
    ]
    evaluation = evaluate_trials([trial])
    assert evaluation is not None
    total = evaluation.total
    assert (total.tp, total.fp, total.fn) == (1, 2, 2)


def test_spans_are_found_given_or_none(library: TemplateLibrary, recordings: Path, tmp_path: Path) -> None:
    path = recordings / "gym.jsonl"
    assert len(find_spans("", path) or ()) == 3
    assert find_spans("-", path) == []
    table = path.with_suffix(".csv").rename(tmp_path / "spans.csv")
    assert find_spans("", path) is None
    assert len(find_spans(str(table), path) or ()) == 3
    assert find_spans(str(table), path.with_name("other.jsonl")) is None
    trial = attempt(library, path)
    assert trial is not None
    assert evaluate_trials([trial]) is None
    assert {outcome.verdict for outcome in list_outcomes(trial)} == {""}
    trial = attempt(library, path, "-")
    assert trial is not None
    assert {outcome.verdict for outcome in list_outcomes(trial)} == {"false"}


def test_files_of_a_folder(recordings: Path, tmp_path: Path) -> None:
    (recordings / "b.MP4").touch()
    (recordings / "gym.events.jsonl").touch()  # what was found in a recording is none itself
    assert [file.name for file in find_files(recordings)] == ["b.MP4", "gym.jsonl"]
    assert find_files(recordings / "b.MP4") == [recordings / "b.MP4"]
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    assert find_files(pictures) == [pictures]  # perhaps of images: the source will tell
    with pytest.raises(InvalidDataError, match="no file or folder"):
        find_files(tmp_path / "nothing")


def test_an_empty_library_is_told(tmp_path: Path) -> None:
    with (
        TemplateLibrary.open(tmp_path / "empty.sqlite") as library,
        pytest.raises(LibraryError, match="no templates"),
    ):
        make_recognizer(library, RecognizerSettings())


def test_spans_are_drawn_where_they_are() -> None:
    spans = [("wave", 1.0, 5.0), ("clap", 6.0, 6.1), ("unknown", 7.0, 9.0), ("jump", 9.5, 12.0), ("late", 11.0, 12.0)]
    assert draw_spans(spans, (0.0, 10.0), 21) == "  [wave───] |      | "
    assert draw_spans(spans, (0.0, 10.0), 0) == ""


# With a screen


async def test_a_folder_is_tried_scored_and_gone_through(app: ActionposeApp, recordings: Path) -> None:
    record(recordings / "hall.jsonl", MOVES[:1], spans=[*MOVES[:1], Move("raise", 6.0, 7.0)])
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert "Nothing has been tried yet" in text_of(app)
        assert screen(app).query_one("#path", Input).value == f"{recordings}/"
        await pilot.press("enter")
        await wait_for(pilot, lambda: n_rows(app) == 5)
        await wait_for(pilot, lambda: not screen(app)._is_running)
        await pilot.pause()
        text = text_of(app)
        assert "4 events in 2 files" in text
        assert text.count("✓ right") == 4
        assert "○ missed" in text
        assert "F1 0.89" in text
        assert "no false alarm in 0.3 min" in text
        assert "performed by row" in text
        assert "threshold" in text
        assert "truth" in text
        await pilot.press("n")
        await pilot.pause()
        assert screen(app).query_one("#events", DataTable).cursor_row == 4
        for size in ((20, 5), (1, 1), (200, 50), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.press("up")
        await pilot.pause()
        assert "wave" in text_of(app)


async def test_a_field_that_was_left_stays_left_on_coming_back(app: ActionposeApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert screen(app).query_one("#path").has_focus
        await pilot.press("escape")
        await wait_for(pilot, lambda: app.focused is None)
        for key, mode in (("2", "library"), ("4", "test")):
            await pilot.press(key)
            await wait_for(pilot, lambda mode=mode: app.current_mode == mode)
        await pilot.pause(0.3)
        assert app.focused is None


async def test_without_a_table_nothing_is_judged(app: ActionposeApp, recordings: Path) -> None:
    (recordings / "gym.csv").unlink()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("enter")
        await wait_for(pilot, lambda: n_rows(app) == 3)
        await pilot.pause()
        text = text_of(app)
        assert "3 events in 0.2 min" in text
        assert "right" not in text
        assert "Give a table" in text
        await pilot.press("n")
        assert screen(app).query_one("#events", DataTable).cursor_row == 1


async def test_a_trial_stops_on_escape_and_live_rests_meanwhile(
    app: ActionposeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(*_: object, is_cancelled, **__: object) -> None:  # type: ignore[no-untyped-def]
        while not is_cancelled():
            time.sleep(0.01)

    monkeypatch.setattr("actionpose.tui.testing.run_trial", endless)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("enter")
        await wait_for(pilot, lambda: "gym.jsonl" in text_of(app))
        await wait_for(pilot, lambda: app.feed.state.phase == "paused")
        await pilot.press("r")
        await pilot.press("escape")
        await wait_for(pilot, lambda: "cancelled" in text_of(app))
        await wait_for(pilot, lambda: app.feed.state.phase == "running")


async def test_what_cannot_be_tried_is_told(app: ActionposeApp, recordings: Path, library: TemplateLibrary) -> None:
    (recordings / "broken.jsonl").write_text("no recording")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("enter")
        await wait_for(pilot, lambda: n_rows(app) == 3)  # the other file is tried all the same
        await wait_for(pilot, lambda: "is not a recording" in notices_of(app))
        await wait_for(pilot, lambda: not screen(app)._is_running)
        library.set_enabled("wave", False)
        library.set_enabled("raise", False)
        await pilot.press("r")
        await wait_for(pilot, lambda: "holds no enabled templates" in notices_of(app))
        await pilot.press("o")
        screen(app).query_one("#path", Input).value = "no/such/file"
        library.set_enabled("wave", True)
        await wait_for(pilot, lambda: not screen(app)._is_running)
        await pilot.press("enter")
        await wait_for(pilot, lambda: "no file or folder" in notices_of(app))


def test_how_a_trial_looks(
    app: ActionposeApp, monkeypatch: pytest.MonkeyPatch, snap_compare: Callable[..., bool]
) -> None:
    monkeypatch.setattr("actionpose.tui.testing.run_trial", lambda path, *_, **__: make_trial(path))
    monkeypatch.setattr(app.feed, "hold", lambda: lambda: None)  # the header says `paused` for an uncertain while

    async def run(pilot: Pilot[None]) -> None:
        await wait_for(pilot, lambda: app.feed.state.phase == "running")
        await pilot.press("enter")
        await wait_for(pilot, lambda: n_rows(app) == 3 and not screen(app)._is_running)
        screen(app).query_one("#path", Input).value = "gym/"
        await pilot.press("n")
        await pilot.pause(0.6)

    assert snap_compare(app, terminal_size=(100, 30), run_before=run)


def make_trial(path: Path) -> Trial:
    """A wave that is right, one that is false, and a raise that was missed."""
    time = np.arange(300) / 30
    dip = 2.2 - 1.6 * np.exp(-((time - 2.5) ** 2) / 0.2) - 1.4 * np.exp(-((time - 7.0) ** 2) / 0.1)
    options = {"threshold": 1.0, "template_id": "a"}
    return Trial(
        path=path,
        events=(
            ActionEvent(label="wave", start_time=1.0, end_time=2.5, report_time=2.7, distance=0.6, **options),  # type: ignore[arg-type]
            ActionEvent(label="wave", start_time=6.0, end_time=7.0, report_time=7.2, distance=0.8, **options),  # type: ignore[arg-type]
        ),
        spans=(("wave", 1.1, 2.6), ("raise", 4.0, 5.5)),
        labels=("raise", "wave"),
        time=time,
        ratio=np.stack([2.0 - 0.8 * np.exp(-((time - 5.0) ** 2)), dip], axis=1),
    )


async def test_performed_actions_that_are_not_in_the_library_are_answered_with_the_nearest(
    app: ActionposeApp, recordings: Path
) -> None:
    write_spans(recordings / "gym.jsonl", [Move("wavee", 1.0, 2.5)])
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        screen(app).query_one("#path", Input).value = str(recordings / "gym.jsonl")
        await pilot.press("enter")
        await wait_for(pilot, lambda: "wavee: not in the library; did you mean wave?" in notices_of(app))
