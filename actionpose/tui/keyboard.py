"""Keys in turn: each is handed out once everything that the one before it set going is done.

Textual hands a key to whatever has the focus when it arrives, but changes the focus, opens a dialog or shows what was
searched for some messages later. Of keys that come faster than that, from a paste or a slow line or quick fingers, the
second would go to what the first is about to leave.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

from textual.app import App
from textual.events import Event, Key
from textual.message_pump import MessagePump

__all__ = ["UNAWAITED", "Keyboard"]

UNAWAITED = "unawaited"  # group of the workers that no key waits for
_LONGEST_S = 3.0  # that a key is held back: a library that another program has locked must not lock the keyboard too
_LOOK_S = 0.005
_QUIET_ROUNDS = 2  # one may find every queue empty while the message taken out of one is still being handled


class Keyboard:
    """Holds keys back until they can be handed out.

    Done means that no message waits anywhere in the application, and that no worker of the screen in front runs: a
    worker of a screen that lies under a dialog may be what waits for its answer.

    Parameters
    ----------
    app : App
        Whose keys.
    hand_out : callable
        What the application does with a key.
    """

    def __init__(self, app: App[None], hand_out: Callable[[Event], Awaitable[None]]) -> None:
        self._app = app
        self._hand_out = hand_out
        self._held: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self.is_busy = False  # whether a key has not had all its effect
        self._task: asyncio.Task[None] | None = None

    def put(self, event: Event) -> None:
        """Take in a key or a pasted text."""
        self._held.extend(_split(event))
        self.is_busy = True
        self._arrived.set()

    def start(self) -> None:
        """Begin to hand keys out, those from before too, as soon as the first screen is there."""
        self._task = asyncio.create_task(self._run(), name="keyboard")

    def stop(self) -> None:
        """Hand out no more."""
        if self._task:
            self._task.cancel()

    async def _run(self) -> None:
        await self._settle()
        while True:
            self.is_busy = bool(self._held)
            if not self._held:
                self._arrived.clear()
                await self._arrived.wait()
            self._app.call_later(self._hand_out, self._held.popleft())
            await self._settle()

    async def _settle(self) -> None:
        """Wait until everything is done, for a while at most."""
        with suppress(asyncio.TimeoutError):
            async with asyncio.timeout(_LONGEST_S):
                n_quiet = 0
                while n_quiet < _QUIET_ROUNDS:
                    pumps = self._pumps()
                    await _handle_all(pumps)
                    if self._is_at_work():
                        n_quiet = 0
                        await asyncio.sleep(_LOOK_S)
                    elif any(pump.message_queue_size for pump in self._pumps()):
                        n_quiet = 0
                    else:
                        n_quiet += 1

    def _pumps(self) -> list[MessagePump]:
        """Return everything that has a queue of messages."""
        screens = self._app.screen_stack
        return [self._app, *(node for screen in screens for node in screen.walk_children(with_self=True))]

    def _is_at_work(self) -> bool:
        return any(
            not worker.is_finished and worker.group != UNAWAITED and self._app.screen in worker.node.ancestors_with_self
            for worker in self._app.workers
        )


def _split(event: Event) -> list[Event]:
    """Return Escape and a letter as the two keys they are: a terminal sends them like the letter with Alt."""
    if isinstance(event, Key) and event.key.startswith("alt+") and event.character:
        return [Key("escape", "\x1b"), Key(event.character, event.character)]
    return [event]


async def _handle_all(pumps: list[MessagePump]) -> None:
    """Wait until each has handled what is in its queue now."""
    n_waiting, are_done = 0, asyncio.Event()

    def count() -> None:
        nonlocal n_waiting
        n_waiting -= 1
        if n_waiting == 0:
            are_done.set()

    n_waiting = sum(pump.call_later(count) for pump in pumps)
    if n_waiting:
        await are_done.wait()
