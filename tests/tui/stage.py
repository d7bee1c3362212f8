"""An application that opens on one of its screens, with a live source that shows nothing."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from textual.pilot import Pilot

from actionpose.library import TemplateLibrary
from actionpose.pose import Frame
from actionpose.sources import Source, SourceInfo, open_source
from actionpose.tui.app import ActionposeApp
from actionpose.tui.preferences import Settings

SIZES = ((80, 24), (200, 50))


class NoSource:
    """Nobody ever comes by."""

    info = SourceInfo(name="nothing", is_live=True)
    status = "running"
    notes = ()

    def __init__(self) -> None:
        self._closed = threading.Event()

    def read(self) -> Frame | None:
        self._closed.wait()
        return None

    def close(self) -> None:
        self._closed.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def make_app(library: TemplateLibrary, folder: Path, mode: str, *, ascii_only: bool = False) -> ActionposeApp:
    """Return an application over a library that opens on the screen `mode`, and keeps its files in `folder`."""

    def open_(spec: str) -> Source:
        return NoSource() if spec == "nothing" else open_source(spec)

    class App(ActionposeApp):
        DEFAULT_MODE = mode

    return App(
        library=library,
        settings=Settings(source="nothing"),
        settings_path=folder / "settings.toml",
        recordings=folder / "recordings",
        ascii_only=ascii_only,
        open_source=open_,
        load_estimator=lambda settings, source: None,  # noqa: ARG005
    )


async def wait_for(pilot: Pilot[None], condition: Callable[[], object], *, timeout_s: float = 20.0) -> None:
    """Let the application go on until something is so."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert pilot.app._exception is None, "it crashed"
        assert time.monotonic() < deadline, "it never happened"
        await asyncio.sleep(0.01)


def text_of(app: ActionposeApp) -> str:
    """Return what is on the screen."""
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in lines)


def notices_of(app: ActionposeApp) -> str:
    """Return what the user has been told in passing."""
    return "\n".join(notice.message for notice in app._notifications)
