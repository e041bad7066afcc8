"""What publishers and readers do with servers of the relay, by a client that is not ours (nats-py)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

import nats
from nats.aio.client import Client
from nats.js.api import ConsumerConfig, DeliverPolicy

from .relay_servers import Relays, Server

NODE = "phu-quoc-people"
SUBJECTS = tuple(f"relay.documents.{agency}" for agency in ("office", "one-stop", "party", "signing"))
DRAINED_S = 60.0
Answer = TypeVar("Answer")


def cut(relays: Relays) -> None:
    for line in relays.lines.values():
        line.cut()


def mend(relays: Relays, node: Server, hubs: list[Server]) -> None:
    """The lines carry again, and the node has found that out."""
    for line in relays.lines.values():
        line.mend()
    reached(node, *hubs)


def reached(node: Server, *hubs: Server) -> None:
    """Wait until every hub answers the node: by then a hub knows whatever the node told it before."""

    async def ask(client: Client, hub: Server) -> bool:
        try:
            await client.request(f"$JS.{hub.host.name}.API.STREAM.INFO.{NODE}", b"", timeout=1)
        except nats.errors.Error:
            return False
        return True

    for hub in hubs:
        until(partial(asked, node, partial(ask, hub=hub)), f"{hub.host.name} answers the node")


def until(holds: Callable[[], bool], what: str, within_s: float = DRAINED_S) -> float:
    """Wait for something; how many seconds it took."""
    begin = time.monotonic()
    while not holds():
        assert time.monotonic() - begin < within_s, f"not within {within_s:.0f} s: {what}"
        time.sleep(0.1)
    return time.monotonic() - begin


def asked(server: Server, doing: Callable[[Client], Coroutine[Any, Any, Answer]]) -> Answer:
    """What somebody does with a connection to a server, by the certificate of its host."""

    async def connected() -> Answer:
        client = await connect(server)
        try:
            return await doing(client)
        finally:
            await client.close()

    return asyncio.run(connected())


async def connect(server: Server, shown: Server | None = None) -> Client:
    return await nats.connect(
        f"tls://127.0.0.1:{server.client_port}",
        tls=server.context(shown),
        tls_hostname=server.host.fqdn,
        allow_reconnect=False,
        connect_timeout=5,
        inbox_prefix=f"_INBOX.{server.host.name}".encode(),
    )


def send(node: Server, numbers: range, body: bytes = b"") -> None:
    """Documents by number, each acknowledged before the next; the subjects take turns."""

    async def publish(client: Client) -> None:
        stream = client.jetstream(timeout=10)
        for number in numbers:
            subject = SUBJECTS[number % len(SUBJECTS)]
            await stream.publish(subject, b"%d " % number + body, headers={"Nats-Msg-Id": f"document-{number}"})

    asked(node, publish)


def last(server: Server) -> int:
    """The number of the last message in a server's stream of the node."""

    async def ask(client: Client) -> int:
        return (await client.jetstream().stream_info(NODE)).state.last_seq

    return asked(server, ask)


def kept(server: Server) -> int:
    """How many messages a server's stream of the node holds."""

    async def ask(client: Client) -> int:
        return (await client.jetstream().stream_info(NODE)).state.messages

    return asked(server, ask)


def arrived(hub: Server, count: int) -> list[tuple[str, int]]:
    """Subject and number of every document at a hub, in the order in which somebody reads them."""

    async def read(client: Client) -> list[tuple[str, int]]:
        first = ConsumerConfig(deliver_policy=DeliverPolicy.ALL)
        subscription = await client.jetstream().subscribe("relay.>", stream=NODE, ordered_consumer=True, config=first)
        found = [await subscription.next_msg(timeout=10) for _ in range(count)]
        return [(one.subject, int(one.data.split()[0])) for one in found]

    return asked(hub, read)
