"""What an output is."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Protocol, runtime_checkable

from actionpose.decision import ActionEvent
from actionpose.errors import ActionposeError

__all__ = ["Output", "OutputError", "event_json", "event_record"]


class OutputError(ActionposeError):
    """An output that cannot be opened, or an event that it refuses for good."""


@runtime_checkable
class Output(Protocol):
    """Anything events can be sent to: the seam for receivers of your own.

    The constructor checks what can be checked at once and raises `OutputError` with advice; a receiver on the network
    is not reached for before the first event. All else happens in one thread of a `Dispatcher`, so a call may wait,
    for some seconds at most.
    """

    @property
    def name(self) -> str:
        """What to call it on screen, without passwords."""
        ...

    def write(self, event: ActionEvent) -> None:
        """Send an event.

        Raises
        ------
        OSError
            If the receiver is not there: it is tried again.
        OutputError
            If trying again would not help.
        """
        ...

    def close(self) -> None:
        """Let go of the receiver. May be called twice."""
        ...


def event_record(event: ActionEvent) -> dict[str, Any]:
    """Return an event as JSON and CSV show it; times in seconds of the source, to the millisecond."""
    return {
        name: round(value, 3 if name.endswith("_time") else 4) if isinstance(value, float) else value
        for name, value in dataclasses.asdict(event).items()
    }


def event_json(event: ActionEvent) -> str:
    """Return an event as one line of JSON, without the line's end."""
    return json.dumps(event_record(event), ensure_ascii=False)
