"""One work queue as a JetStream server holds it: what it says of itself, its messages, and who takes them."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import nats
from nats.aio.client import Client
from nats.errors import Error
from nats.js.api import RawStreamMsg
from nats.js.client import JetStreamContext
from nats.js.errors import APIError, NotFoundError

from province.errors import ExitCode, ProvinceError

Answer = TypeVar("Answer")
Config = dict[str, Any]
NOT_FOUND = frozenset({10014, 10059})
"""What the server says of a consumer and of a stream that is not there."""
PATIENCE_S = 5
AT_ONCE = 256
"""Messages that are on their way at a time."""
OURS = frozenset({"name", "subjects", "subject_transform", "metadata"})
"""What of a stream's configuration a move changes itself."""


@dataclass(frozen=True)
class Message:
    """What a publisher sent, under its number in the stream."""

    number: int
    subject: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def digest(self) -> str:
        """The SHA-256 of subject, headers and body."""
        said = json.dumps([self.subject, sorted(self.headers.items())], ensure_ascii=False).encode()
        return hashlib.sha256(said + b"\0" + self.body).hexdigest()


@dataclass(frozen=True)
class Queue:
    """A stream of a server, by `url` (nats:// or tls://); `credentials`: a file of the program `nsc`."""

    url: str
    stream: str
    credentials: str | None = None

    def named(self, stream: str) -> Queue:
        """Another stream of the same server."""
        return Queue(self.url, stream, self.credentials)

    def config(self) -> Config | None:
        """How the stream is made; None where there is none."""
        found = self._info()
        return None if found is None else dict(found["config"])

    def count(self) -> int:
        """How many messages wait."""
        found = self._info()
        return 0 if found is None else int(found["state"]["messages"])

    def make(self, config: Config) -> None:
        """Make the stream, or change it so."""
        verb = "CREATE" if self._info() is None else "UPDATE"
        self._ask(f"STREAM.{verb}.{self.stream}", config | {"name": self.stream})

    def release(self) -> tuple[int, ...]:
        """The version of the server."""

        async def ask(client: Client) -> tuple[int, ...]:
            version = client.connected_server_version
            return version.major, version.minor

        return self._with(ask)

    def consumers(self) -> list[Config]:
        """Who takes messages, as the server says it: `config`, `num_pending`, `num_ack_pending`."""
        if self._info() is None:
            return []
        found = self._ask(f"CONSUMER.LIST.{self.stream}")
        return sorted(found.get("consumers") or [], key=lambda one: str(one["name"]))

    def consume(self, config: Config) -> None:
        """Make a consumer, or change it so; what waits is left to it."""
        request = {"stream_name": self.stream, "config": config, "action": ""}
        self._ask(f"CONSUMER.DURABLE.CREATE.{self.stream}.{config['durable_name']}", request)

    def dismiss(self, name: str) -> None:
        """Take a consumer away; nothing where there is none."""
        self._ask(f"CONSUMER.DELETE.{self.stream}.{name}", missing_is_fine=True)

    def remove(self) -> None:
        """Take the stream away with all that waits in it; nothing where there is none."""
        self._ask(f"STREAM.DELETE.{self.stream}", missing_is_fine=True)

    def purge(self) -> None:
        """Throw away all that waits."""
        self._ask(f"STREAM.PURGE.{self.stream}")

    def messages(self, last: int | None = None) -> list[Message]:
        """All that waits, in order, and no consumer sees that it was read; up to a number, where one is told."""

        async def read(client: Client) -> list[Message]:
            return [one async for one in _read(client, self.stream, last)]

        return self._with(read)

    def newest(self) -> int:
        """The number of the newest message that ever came."""
        found = self._info()
        return 0 if found is None else int(found["state"]["last_seq"])

    def publish(self, prefix: str, messages: Iterable[Message]) -> None:
        """Send messages, in order, each under its subject behind a prefix; back when the server has them all."""

        async def send(client: Client) -> None:
            stream, waiting = client.jetstream(timeout=PATIENCE_S), list(messages)
            for first in range(0, len(waiting), AT_ONCE):
                # Sent in this order over one connection, and so stored in it.
                sent = [
                    stream.publish(f"{prefix}{one.subject}", one.body, headers=dict(one.headers) or None)
                    for one in waiting[first : first + AT_ONCE]
                ]
                for answer in await asyncio.gather(*sent):
                    if answer.duplicate:
                        raise ProvinceError(f"{self.url}: {self.stream} took a message for one that it had already")

        self._with(send)

    def _info(self) -> Config | None:
        found = self._ask(f"STREAM.INFO.{self.stream}", missing_is_fine=True)
        return found or None

    def _ask(self, what: str, body: Config | None = None, *, missing_is_fine: bool = False) -> Config:
        async def ask(client: Client) -> Config:
            told = await client.request(
                f"$JS.API.{what}", json.dumps(body).encode() if body else b"", timeout=PATIENCE_S
            )
            return dict(json.loads(told.data))

        answer = self._with(ask)
        error = answer.get("error")
        if error and missing_is_fine and error.get("err_code") in NOT_FOUND:
            return {}
        if error:
            raise ProvinceError(f"{self.url}: {what}: {error.get('description', error)}")
        return answer

    def _with(self, doing: Callable[[Client], Coroutine[Any, Any, Answer]]) -> Answer:
        async def connected() -> Answer:
            client = await nats.connect(
                self.url,
                user_credentials=self.credentials,
                allow_reconnect=False,
                connect_timeout=PATIENCE_S,
                max_reconnect_attempts=1,
                reconnect_time_wait=0.1,
                error_cb=_quiet,
            )
            try:
                return await doing(client)
            finally:
                await client.close()

        try:
            return asyncio.run(connected())
        except APIError as error:
            raise ProvinceError(f"{self.url}: {self.stream}: {error.description}") from None
        except (OSError, Error) as error:
            raise ProvinceError(f"{self.url}: {self.stream}: {error}", exit_code=ExitCode.UNREACHABLE) from None


async def _read(client: Client, stream: str, last: int | None) -> AsyncIterator[Message]:
    """The next that is there, and with it as many behind it as may be on their way at a time."""
    context, number = client.jetstream(timeout=PATIENCE_S), 1
    while last is None or number <= last:
        try:
            found = await context.get_msg(stream, seq=number, subject=">", next=True)
        except NotFoundError:
            return
        first = int(found.seq or number)
        number = first + AT_ONCE
        behind = await asyncio.gather(*(_one(context, stream, one) for one in range(first + 1, number)))
        for one in (found, *behind):
            if one is not None and (last is None or int(one.seq or 0) <= last):
                yield Message(int(one.seq or 0), one.subject or "", one.headers or {}, one.data or b"")


async def _one(context: JetStreamContext, stream: str, number: int) -> RawStreamMsg | None:
    """A message by its number; None where somebody took it, or none came yet."""
    try:
        return await context.get_msg(stream, seq=number)
    except NotFoundError:
        return None


async def _quiet(_error: Exception) -> None:
    """The client's own words are told once, by whoever asked."""
