"""Events to a message broker: MQTT 3.1.1, each delivered at least once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from actionpose.decision import ActionEvent
from actionpose.outputs.base import OutputError, event_json

if TYPE_CHECKING:
    from paho.mqtt.client import Client
    from paho.mqtt.reasoncodes import ReasonCode

__all__ = ["MqttOutput"]

_WAIT_S = 3.0


class MqttOutput:
    """Publishes each event as JSON.

    Parameters
    ----------
    host : str
        The broker.
    topic : str
        What to publish to, without wildcards.
    port : int, optional
        Default: 1883, or 8883 with TLS.
    user, password : str, optional
        For the broker.
    tls : bool
        Encrypt, and check the broker's certificate.

    Raises
    ------
    OutputError
        If the topic cannot be published to.
    """

    def __init__(
        self,
        host: str,
        topic: str,
        *,
        port: int | None = None,
        user: str | None = None,
        password: str | None = None,
        tls: bool = False,
    ) -> None:
        if not topic or set("+#\0") & set(topic):
            raise OutputError(
                f"Events cannot be published to the MQTT topic {topic!r}.",
                hint="Write mqtt://HOST/TOPIC, with a topic without + and #.",
            )
        port = port or (8883 if tls else 1883)
        self.name = f"mqtt{'s' if tls else ''}://{host}:{port}/{topic}"
        self._broker = (host, port)
        self._topic = topic
        self._login = (user, password)
        self._tls = tls
        self._client: Client | None = None

    def write(self, event: ActionEvent) -> None:
        """Publish an event and wait until the broker has it."""
        client = self._client = self._client or self._connect()
        try:
            message = client.publish(self._topic, event_json(event), qos=1)
            message.wait_for_publish(_WAIT_S)
            if not message.is_published():
                raise TimeoutError("the broker does not answer")
        except (RuntimeError, ValueError) as error:  # how paho says that it is not connected
            self.close()
            raise OSError(f"the connection to the broker was lost ({error})") from None
        except OSError:
            self.close()  # and with it what it would send again by itself
            raise

    def close(self) -> None:
        """Take leave of the broker."""
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()

    def _connect(self) -> Client:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        client = Client(CallbackAPIVersion.VERSION2)
        client.connect_timeout = _WAIT_S
        user, password = self._login
        if user is not None:
            client.username_pw_set(user, password)
        if self._tls:
            client.tls_set()
        answers: list[str] = []
        answered = threading.Event()

        def on_connect(_client: object, _userdata: object, _flags: object, reason: ReasonCode, _more: object) -> None:
            answers.append(str(reason) if reason.is_failure else "")
            answered.set()

        client.on_connect = on_connect
        client.connect(*self._broker)
        client.loop_start()
        if answered.wait(_WAIT_S) and not answers[0]:
            return client
        client.disconnect()
        client.loop_stop()
        if not answers:
            raise TimeoutError("the broker does not answer")
        raise OutputError(f"The broker refuses the connection: {answers[0]}.", hint="Check user and password.")
