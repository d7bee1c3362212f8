"""Events to a web service: HTTP POST of JSON."""

from __future__ import annotations

import base64
import http.client
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import unquote, urlsplit

from actionpose.decision import ActionEvent
from actionpose.outputs.base import OutputError, event_json

__all__ = ["WebhookOutput"]

_TIMEOUT_S = 5.0
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
        self._opener = urllib.request.build_opener(_NoRedirect)

    def write(self, event: ActionEvent) -> None:
        """Post an event and wait for the answer."""
        request = urllib.request.Request(self._url, data=event_json(event).encode(), headers=self._headers)
        try:
            self._opener.open(request, timeout=_TIMEOUT_S).close()
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


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None
