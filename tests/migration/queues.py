"""Real NATS servers for tests, somebody who publishes all the time, and somebody who does what was published."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import nats
from nats.errors import Error
from nats.errors import TimeoutError as Late
from nats.js.client import JetStreamContext

from province.errors import ProvinceError
from province.migration.queue.stream import Queue
from tests.consumers.relay_servers import free_port
from tests.consumers.test_exports import program

STREAM = "documents"
TAKER = "gateway"


class NatsServer:
    """One server with a store of its own."""

    def __init__(self, place: Path) -> None:
        self.place, self.port = place, free_port()
        self.place.mkdir()
        self.start()

    @property
    def queue(self) -> Queue:
        return Queue(f"nats://127.0.0.1:{self.port}", STREAM)

    def start(self) -> None:
        words = [program("nats-server"), "-js", "-sd", str(self.place / "store"), "-a", "127.0.0.1"]
        with (self.place / "log").open("ab") as log:
            self.process = subprocess.Popen([*words, "-p", str(self.port)], stdout=log, stderr=log)
        end = time.monotonic() + 10
        while "Server is ready" not in (self.place / "log").read_text() or not self._answers():
            assert time.monotonic() < end, (self.place / "log").read_text()[-2000:]
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            self.queue.count()
        except ProvinceError:  # it listens before it answers
            return False
        return True

    def kill(self) -> None:
        """Without a warning, as a power cut would."""
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        self.kill()
        shutil.rmtree(self.place)


class _Worker:
    """Works in a thread of its own until the test is over."""

    def __init__(self, *servers: NatsServer) -> None:
        self.servers = servers
        self.stop = threading.Event()
        self.wrong: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Any:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()
        assert self.wrong == []

    def _run(self) -> None:
        try:
            asyncio.run(self.work())
        except BaseException as error:  # noqa: BLE001 - the test shall see it
            self.wrong.append(error)

    async def work(self) -> None:
        raise NotImplementedError


class Publisher(_Worker):
    """Publishes to one side until it refuses, then to the other; keeps each number that a server acknowledged."""

    def __init__(self, *servers: NatsServer, pause_s: float = 0.002) -> None:
        super().__init__(*servers)
        self.acknowledged: list[int] = []
        self.pause_s = pause_s

    async def work(self) -> None:
        clients = [await nats.connect(f"nats://127.0.0.1:{one.port}") for one in self.servers]
        turn = number = 0
        while not self.stop.is_set():
            stream = clients[turn].jetstream(timeout=2)
            try:
                await stream.publish(f"documents.{number % 3}", b"%d" % number, headers={"Nats-Msg-Id": str(number)})
            except Error:
                # It said no, so nobody has it: the same one goes to the other side.
                turn = (turn + 1) % len(clients)
                await asyncio.sleep(0.02)
                continue
            self.acknowledged.append(number)
            number += 1
            await asyncio.sleep(self.pause_s)
        for client in clients:
            await client.close()

    def wait_for(self, more: int) -> None:
        wanted, end = len(self.acknowledged) + more, time.monotonic() + 20
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < end, self.wrong
            time.sleep(0.01)


class Taker(_Worker):
    """Does what both sides have for it, slowly, as a gateway at both would; keeps each number that it did."""

    def __init__(self, *servers: NatsServer, pause_s: float = 0.004) -> None:
        super().__init__(*servers)
        self.done: list[int] = []
        self.pause_s = pause_s

    async def work(self) -> None:
        clients = [await nats.connect(f"nats://127.0.0.1:{one.port}") for one in self.servers]
        await asyncio.gather(*(self._take(client.jetstream(timeout=2)) for client in clients))
        for client in clients:
            await client.close()

    async def _take(self, stream: JetStreamContext) -> None:
        while not self.stop.is_set():
            taken = await stream.pull_subscribe_bind(TAKER, STREAM)
            try:
                for one in await taken.fetch(1, timeout=0.2):
                    self.done.append(int(one.data))
                    await asyncio.sleep(self.pause_s)
                    await one.ack_sync()
            except (Late, Error):
                await asyncio.sleep(0.02)
            finally:
                await taken.unsubscribe()
