"""What devices and readers do with brokers of the sensors, by a client that is not ours (Eclipse Paho)."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from .sensor_brokers import Shown

DAY_S = 86400
HELLO = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x"
"""CONNECT of version 3.1.1: a clean session, 60 s, a client called x."""
WELCOME = b"\x20\x02\x00\x00"
"""CONNACK: accepted."""


class Connection:
    """A client of version 5, in which a broker says why it refuses; its session outlives a cut, and it comes again."""

    def __init__(self, shown: Shown, port: int, name: str, topic: str = "") -> None:
        self.acknowledged: dict[int, tuple[str, float]] = {}
        """What the broker said to each packet, by its number, and when (seconds of the monotonic clock)."""
        self.heard: list[MQTTMessage] = []
        self.granted: list[str] = []
        self.lost = 0
        """How often the connection ended."""
        self._topic = topic
        self._answered = threading.Event()
        self._client = client = Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTProtocolVersion.MQTTv5)
        client.tls_set_context(shown.context)
        client.tls_insecure_set(True)  # brokers of a test have no address of their host
        client.reconnect_delay_set(1, 1)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        lasting = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        lasting.SessionExpiryInterval = DAY_S
        client.connect("127.0.0.1", port, clean_start=False, properties=lasting)
        client.loop_start()
        assert self._answered.wait(10), f"{name} got no answer"

    def send(self, topic: str, numbers: range, *, keep: bool = False) -> dict[int, int]:
        """Messages by number; the numbers of their packets."""
        return {number: self._client.publish(topic, b"%d" % number, 1, keep).mid for number in numbers}

    def said(self, topic: str) -> str:
        """What the broker says to one message."""
        (packet,) = self.send(topic, range(1)).values()
        end = time.monotonic() + 10
        while packet not in self.acknowledged:
            assert time.monotonic() < end, f"no answer about {topic}"
            time.sleep(0.01)
        return self.acknowledged[packet][0]

    def numbers(self, topic: str) -> list[int]:
        """The numbers of the messages of a topic in the order in which they came."""
        return [int(one.payload) for one in list(self.heard) if one.topic == topic]

    def end(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: Client, _: Any, __: Any, code: ReasonCode, ___: Any) -> None:
        assert not code.is_failure, code
        if self._topic:
            client.subscribe(self._topic, 1)
        else:
            self._answered.set()

    def _on_disconnect(self, *_: Any) -> None:
        self.lost += 1

    def _on_publish(self, _: Client, __: Any, packet: int, code: ReasonCode, ___: Any) -> None:
        self.acknowledged[packet] = (str(code), time.monotonic())

    def _on_subscribe(self, _: Client, __: Any, ___: int, codes: list[ReasonCode], ____: Any) -> None:
        self.granted = [str(code) for code in codes]
        self._answered.set()

    def _on_message(self, _: Client, __: Any, message: MQTTMessage) -> None:
        self.heard.append(message)


@contextlib.contextmanager
def connected(shown: Shown, port: int, name: str = "", topic: str = "") -> Iterator[Connection]:
    made = Connection(shown, port, name, topic)
    try:
        yield made
    finally:
        made.end()


def lets_in(context: ssl.SSLContext, port: int) -> bool:
    """Whether a broker greets who shows what the context has; a certificate is judged when the first answer is due."""
    context.check_hostname = False  # brokers of a test have no address of their host
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        try:
            with context.wrap_socket(plain) as wire:
                wire.sendall(HELLO)
                return wire.recv(len(WELCOME)) == WELCOME
        except (ssl.SSLError, ConnectionError):
            return False
