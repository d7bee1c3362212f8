"""Events to a web service: HTTP POST of JSON."""

from __future__ import annotations

import base64
import http.client
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

from actionpose.decision import ActionEvent
from actionpose.outputs.base import OutputError, event_json

__all__ = ["WebhookOutput"]

_TIMEOUT_S = 5.0  # for all together: finding the host, connecting, sending and being answered
_WORTH_ANOTHER_TRY = {408, 425, 429}  # of the answers that blame the request


class WebhookOutput:
    """Posts each event as a JSON object. Redirections are not followed: they would lose it.

    Parameters
    ----------
    url : str
        ``http://`` or ``https://``; user and password in it become basic authentication.

    Raises
    ------
    OutputError
        If the address names no host.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        if not parts.hostname:
            raise OutputError(f"A {parts.scheme} address names no host.", hint=f"Write {parts.scheme}://host/path.")
        self.name = f"{parts.scheme}://{host}{parts.path}"
        self._url = parts._replace(netloc=host, fragment="").geturl()
        self._headers = {"Content-Type": "application/json", "User-Agent": "actionpose"}
        if parts.username is not None:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"

    def write(self, event: ActionEvent) -> None:
        """Post an event and wait for the answer, five seconds in all."""
        request = urllib.request.Request(self._url, data=event_json(event).encode(), headers=self._headers)
        attempt = _Attempt(request)
        attempt.join(_TIMEOUT_S)
        if attempt.is_alive():
            attempt.abandon()
            raise TimeoutError(f"it did not answer within {_TIMEOUT_S:g} s")
        try:
            if attempt.error is not None:
                raise attempt.error
        except urllib.error.HTTPError as error:
            error.close()
            answer = f"answered {error.code} {error.reason}".rstrip()
            if error.code < 500 and error.code not in _WORTH_ANOTHER_TRY:
                raise OutputError(f"It {answer}.", hint="Check the address and what it expects.") from None
            raise OSError(f"it {answer}") from None
        except urllib.error.URLError as error:  # wraps what the user should read
            raise error.reason if isinstance(error.reason, OSError) else OSError(str(error.reason)) from None
        except http.client.HTTPException as error:
            raise OSError(f"no HTTP answer ({type(error).__name__})") from None

    def close(self) -> None:
        """Nothing is kept open."""


class _Attempt(threading.Thread):
    """One request, in a thread of its own: timeouts of a socket begin anew with every byte that comes."""

    def __init__(self, request: urllib.request.Request) -> None:
        super().__init__(name="actionpose-webhook", daemon=True)
        self.error: Exception | None = None
        self._request = request
        self._connection: socket.socket | None = None
        self.start()

    def run(self) -> None:
        opener = urllib.request.build_opener(_NoRedirect, _Handler(self.keep))
        try:
            opener.open(self._request, timeout=_TIMEOUT_S).close()
        except Exception as error:  # raised where it was asked for
            self.error = error
        finally:
            if self._connection is not None:
                self._connection.close()

    def keep(self, connected: socket.socket) -> None:
        """Remember the connection, by a handle of its own since TLS takes the socket over."""
        self._connection = connected.dup()

    def abandon(self) -> None:
        """Cut the connection, which ends the thread."""
        if self._connection is not None:
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)


class _Connection(http.client.HTTPConnection):
    """Tells of its socket as soon as it is connected."""

    on_connected: Callable[[socket.socket], None]

    def connect(self) -> None:
        super().connect()
        self.on_connected(self.sock)


class _TlsConnection(http.client.HTTPSConnection, _Connection):
    """The same with TLS, whose handshake follows."""


class _Handler(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """Opens connections that tell of their sockets."""

    def __init__(self, on_connected: Callable[[socket.socket], None]) -> None:
        super().__init__()
        self._on_connected = on_connected

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self._open(_Connection, request)

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self._open(_TlsConnection, request)

    def _open(self, kind: type[_Connection], request: urllib.request.Request) -> http.client.HTTPResponse:
        def connect(*address: Any, **options: Any) -> _Connection:
            connection = kind(*address, **options)
            connection.on_connected = self._on_connected
            return connection

        return self.do_open(connect, request)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None
