"""The application on a puppet's exact keypoints: everything but the camera and the model is real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from textual._wait import wait_for_idle
from textual.app import App, ScreenStackError
from textual.pilot import Pilot
from textual.widgets import Input

from actionpose.library import TemplateLibrary
from actionpose.pose import Frame, PoseSequence
from actionpose.session import SessionStats, Tick
from actionpose.sources.puppet import PuppetSource
from actionpose.template import Template
from actionpose.tui.app import ActionposeApp
from actionpose.tui.preferences import Settings
from tests.tui.puppets import open_puppet

MakeApp = Callable[..., ActionposeApp]
RunApp = Callable[..., AbstractAsyncContextManager[Pilot[None]]]


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Touch nothing of the user's, and look the same in every terminal."""
    monkeypatch.chdir(tmp_path)
    for name in ("ACTIONPOSE_LIBRARY", "ACTIONPOSE_SOURCE", "ACTIONPOSE_MODEL", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Textual's pilot waits until the process rests, a second at most; a live session never does."""

    async def wait(min_sleep: float = 0.02) -> None:
        await wait_for_idle(min_sleep, max_sleep=0.03)

    wait_for_screen = Pilot._wait_for_screen

    async def wait_for_keys(pilot: Pilot[None], timeout: float = 30.0) -> bool:
        await wait_for_screen(pilot, timeout)  # for a key that has only been posted
        keyboard = getattr(pilot.app, "_keyboard", None)  # of the application itself, not of a widget's own
        await until(pilot, lambda: keyboard is None or not keyboard.is_busy or not pilot.app.is_running)
        return await wait_for_screen(pilot, timeout)

    monkeypatch.setattr("textual.pilot.wait_for_idle", wait)
    monkeypatch.setattr("textual.app.wait_for_idle", wait)
    monkeypatch.setattr(Pilot, "_wait_for_screen", wait_for_keys)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[TemplateLibrary]:
    """An empty library."""
    with TemplateLibrary.open(tmp_path / "library.sqlite") as library:
        yield library


@pytest.fixture(scope="session")
def takes() -> list[Template]:
    """Two takes each of wave and squat."""
    puppet = PuppetSource("wave,squat,wave,squat", pause=0.8)
    sequence = play(puppet)
    return [Template.from_sequence(label, sequence.between(start, end)) for label, start, end in puppet.spans]


@pytest.fixture
def taught(library: TemplateLibrary, takes: list[Template]) -> TemplateLibrary:
    """A library that holds them."""
    library.add_all(takes)
    return library


@pytest.fixture
def make_app(library: TemplateLibrary, tmp_path: Path) -> MakeApp:
    """Make an application; ``pace`` is how much faster than life its puppet moves."""

    def make(
        source: str = "puppet:wave?seconds=600", *, pace: float = 6.0, with_pictures: bool = True,
        ascii_only: bool = False, **settings: object,
    ) -> ActionposeApp:  # fmt: skip
        return ActionposeApp(
            library=library,
            settings=Settings(source=source, **settings),
            settings_path=tmp_path / "config" / "settings.toml",
            recordings=tmp_path / "recordings",
            ascii_only=ascii_only,
            open_source=partial(open_puppet, pace=pace, with_pictures=with_pictures),
            load_estimator=lambda *_: None,
        )

    return make


@pytest.fixture
def run_app(make_app: MakeApp) -> RunApp:
    """Run an application headless, by a pilot; arguments as for `make_app`."""

    @asynccontextmanager
    async def run(
        *arguments: object, size: tuple[int, int] = (80, 24), **options: object
    ) -> AsyncIterator[Pilot[None]]:
        async with make_app(*arguments, **options).run_test(size=size) as pilot:
            yield pilot
            app = pilot.app  # a screen that is being built cannot be taken down
            await until(pilot, lambda: _is_ready(app) or not app.is_running)

    return run


async def until(pilot: Pilot[None], condition: Callable[[], object], *, seconds: float = 60.0) -> None:
    """Wait for something to become true; the sessions here are real, so nothing happens at once."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not condition():
        assert pilot.app._exception is None, "it crashed"
        assert loop.time() < end, f"still not so after {seconds} s:\n{shown(pilot)}"
        await asyncio.sleep(0.01)


def _is_ready(app: App[None]) -> bool:
    try:
        return bool(app.screen.is_mounted and app.screen.size)
    except ScreenStackError:  # between two modes
        return False


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys; unlike the pilot's own, it does not wait for the session's thread to come to rest."""
    for key in keys:
        pilot.app.simulate_key(key)
        await pilot.pause()
        await until(pilot, lambda: _is_ready(pilot.app))


async def accept(pilot: Pilot[None]) -> None:
    """Accept what is typed in a field, which gives the keys back to the screen."""
    await press(pilot, "enter")
    await until(pilot, lambda: not isinstance(pilot.app.focused, Input))


def notices(pilot: Pilot[None]) -> str:
    """What was notified so far."""
    return "\n".join(notification.message for notification in pilot.app._notifications)


def shown(pilot: Pilot[None]) -> str:
    """Everything on the screen as text."""
    app = pilot.app
    lines = ["".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips(app.size)]
    return "\n".join(line[: app.size.width] for line in lines)


def play(puppet: PuppetSource) -> PoseSequence:
    """Its exact keypoints."""
    return PoseSequence.from_poses([puppet.truth(index) for index in range(puppet.info.n_frames or 0)])


@pytest.fixture(scope="session")
def wave() -> PoseSequence:
    """One wave."""
    return play(PuppetSource("wave", pause=0.8))


@pytest.fixture
def make_tick() -> Callable[[int], Tick]:
    """Make what a session tells after one frame of a puppet."""
    puppet = PuppetSource("wave")
    stats = SessionStats(
        n_read=1, n_processed=1, n_dropped=0, capture_hz=30.0, rate_hz=30.0, estimator_s=0.01, recognizer_s=0.001,
        latency_p50_s=0.02, latency_p95_s=0.03, tracks={},
    )  # fmt: skip

    def make(index: int) -> Tick:
        pose = puppet.truth(index)
        frame = Frame(index=index, time=pose.time)
        return Tick(frame=frame, poses=(pose,), states={}, stats=stats, status="running", source=puppet.info)

    return make
