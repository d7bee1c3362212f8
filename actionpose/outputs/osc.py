"""Events to music and media software: Open Sound Control over UDP."""

from __future__ import annotations

import re
import socket

from actionpose.decision import ActionEvent
from actionpose.outputs.base import OutputError

__all__ = ["DEFAULT_PORT", "OscOutput", "osc_address"]

DEFAULT_PORT = 12000  # where programs that follow Wekinator listen

_FORBIDDEN = re.compile(r"[^!-~]|[#*,/?\[\]{}]")
_PREFIX = re.compile(r"(/[^\s#*,/?\[\]{}]+)+")


class OscOutput:
    """One message per event: ``/actionpose/LABEL start end distance threshold track``.

    Start and end are seconds, all but the track are 32-bit floats. UDP does not tell whether anyone listens, so a
    message to a computer that is there counts as sent.

    Parameters
    ----------
    host : str
        Name or address.
    port : int
        UDP port.
    prefix : str
        What addresses begin with.

    Raises
    ------
    OutputError
        If the prefix is no OSC address.
    """

    def __init__(self, host: str, port: int = DEFAULT_PORT, *, prefix: str = "/actionpose") -> None:
        if not _PREFIX.fullmatch(prefix):
            raise OutputError(f"{prefix!r} is no OSC address.", hint="Write osc://HOST:PORT/some/prefix.")
        self.name = f"osc://{host}:{port}"
        self._receiver = (host, port)
        self._prefix = prefix
        self._socket: socket.socket | None = None

    def write(self, event: ActionEvent) -> None:
        """Send a message."""
        from pythonosc.osc_message_builder import OscMessageBuilder

        message = OscMessageBuilder(osc_address(event.label, prefix=self._prefix))
        for value in (event.start_time, event.end_time, event.distance, event.threshold):
            message.add_arg(float(value), OscMessageBuilder.ARG_TYPE_FLOAT)
        message.add_arg(event.track_id, OscMessageBuilder.ARG_TYPE_INT)
        if self._socket is None:
            family, kind, protocol, _, address = socket.getaddrinfo(*self._receiver, type=socket.SOCK_DGRAM)[0]
            self._socket = socket.socket(family, kind, protocol)
            self._socket.connect(address)  # so that a port nobody listens on is told of, where the system can
        try:
            self._socket.send(message.build().dgram)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def osc_address(label: str, *, prefix: str = "/actionpose") -> str:
    """Return the address of an action: characters that OSC forbids become underscores."""
    return f"{prefix}/{_FORBIDDEN.sub('_', label)}"
