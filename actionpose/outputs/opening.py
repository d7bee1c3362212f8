"""What a user may call an output."""

from __future__ import annotations

import re
import shlex
from urllib.parse import SplitResult, unquote, urlsplit

from actionpose.naming import normalize_label
from actionpose.outputs.base import Output, OutputError

__all__ = ["open_output"]

_ACCEPTED = (
    "An output is a file (events.jsonl), - (standard output), osc://HOST:PORT, mqtt://HOST/TOPIC, http://HOST/PATH, "
    "key:ACTION=KEY,... or exec:PROGRAM ARGUMENTS."
)


def open_output(spec: str) -> Output:
    """Open whatever a user may call an output.

    Parameters
    ----------
    spec : str
        ``events.jsonl`` (a file to append to), ``-`` (standard output), ``osc://HOST[:PORT][/PREFIX]``,
        ``mqtt[s]://[USER:PASSWORD@]HOST[:PORT]/TOPIC``, ``http[s]://...``, ``key:wave=space,clap=ctrl+s`` or
        ``exec:PROGRAM ARGUMENTS``.

    Returns
    -------
    Output
        Not yet connected: that is done with the first event.

    Raises
    ------
    OutputError
        If it is none of these, or cannot work; the hint says what to do.
    """
    scheme, colon, rest = spec.strip().partition(":")
    match scheme.lower() if colon else "":
        case "osc":
            return _open_osc(_address(spec))
        case "mqtt" | "mqtts":
            return _open_mqtt(_address(spec))
        case "http" | "https":
            from actionpose.outputs.webhook import WebhookOutput

            return WebhookOutput(_address(spec).geturl())
        case "key":
            from actionpose.outputs.keyboard import KeyboardOutput

            return KeyboardOutput(_key_map(rest))
        case "exec":
            return _open_command(rest)
    from actionpose.outputs.json_lines import JsonLinesOutput

    if spec.strip() == "-":
        return JsonLinesOutput()
    if spec.lower().endswith((".jsonl", ".ndjson")) and "://" not in spec:
        return JsonLinesOutput(spec)
    shown = f"{scheme}:..." if "://" in spec else repr(spec)  # not quoted whole: it may hold a password
    raise OutputError(f"{shown} is no output.", hint=_ACCEPTED)


def _address(spec: str) -> SplitResult:
    try:
        parts = urlsplit(spec.strip(), allow_fragments=False)  # a topic may not hold a #, which must be seen to say so
        parts.port  # noqa: B018  checks itself
    except ValueError as error:
        raise OutputError(f"The address of the output cannot be read: {error}.", hint=_ACCEPTED) from None
    if not parts.hostname:
        raise OutputError(f"The {parts.scheme} output names no host.", hint=_ACCEPTED)
    return parts


def _open_osc(address: SplitResult) -> Output:
    from actionpose.outputs.osc import DEFAULT_PORT, OscOutput

    assert address.hostname
    prefix = address.path.rstrip("/") or "/actionpose"
    return OscOutput(address.hostname, address.port or DEFAULT_PORT, prefix=prefix)


def _open_mqtt(address: SplitResult) -> Output:
    from actionpose.outputs.mqtt import MqttOutput

    assert address.hostname
    return MqttOutput(
        address.hostname,
        unquote(address.path.removeprefix("/")),
        port=address.port,
        user=None if address.username is None else unquote(address.username),
        password=None if address.password is None else unquote(address.password),
        tls=address.scheme == "mqtts",
    )


def _key_map(rest: str) -> dict[str, str]:
    pairs = re.findall(r"([^=]+)=(.[^,]*)(?:,|$)", rest)  # a key may be a comma
    if not pairs or ",".join(f"{label}={key}" for label, key in pairs) != rest:
        raise OutputError(f"Expected actions and their keys, got {rest!r}.", hint="Write key:wave=space,clap=ctrl+s.")
    return {normalize_label(label): key.strip() or key for label, key in pairs}


def _open_command(rest: str) -> Output:
    from actionpose.outputs.command import CommandOutput

    try:
        arguments = shlex.split(rest)
    except ValueError as error:
        raise OutputError(f"The program {rest!r} cannot be read: {error}.", hint=_ACCEPTED) from None
    return CommandOutput(arguments)
