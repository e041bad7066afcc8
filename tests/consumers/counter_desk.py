"""A node's kiosk with its door, and people who hand in: by what hosts get, but for addresses and folders."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nats.aio.client import Client
from nats.js.api import ConsumerConfig, DeliverPolicy

from province.manifest.build import Builder
from province.manifest.trust import stand_in

from .relay_clients import NODE, asked
from .relay_servers import Relays, Server, free_port
from .test_exports import program

STARTS_S = 10.0
EDGE = "--edge-of-a-form--"


@dataclass
class Desk:
    """The kiosk of one node."""

    node: Server
    place: Path
    short: Path
    """Where the socket lies: a path of a socket has 107 letters."""
    port: int
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def log(self) -> str:
        return (self.place / "log").read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        environment = {
            **os.environ,
            "CREDENTIALS_DIRECTORY": str(self.node.place / "credentials"),
            "RUNTIME_DIRECTORY": str(self.short),
        }
        with (self.place / "log").open("ab") as log:
            kiosk = [sys.executable, "-I", str(self.place / "counter")]
            door = [
                program("nginx"),
                "-e",
                "stderr",
                "-c",
                str(self.place / "door.conf"),
                "-g",
                "daemon off; user root;",
            ]
            for words in (kiosk, door):
                self.running.append(subprocess.Popen(words, stdout=log, stderr=log, env=environment))
        end = time.monotonic() + STARTS_S
        while not self._answers():
            assert all(one.poll() is None for one in self.running), self.log[-2000:]
            assert time.monotonic() < end, self.log[-2000:]
            time.sleep(0.02)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.ask("GET", "/")[0] == 200
        return False

    def kill(self) -> None:
        """Without a warning, as a power cut would; the workers of the door go with it."""
        for process in self.running:
            children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False)
            process.kill()
            process.wait()
            for child in children.stdout.split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(child), 9)
        self.running = []

    def end(self) -> None:
        self.kill()
        shutil.rmtree(self.short)

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
        """Status and page, over the door and with its certificate checked."""
        context = ssl.create_default_context(cafile=str(self.node.place / "ssl/service-ca.pem"))
        context.check_hostname = False
        wire = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=context)
        heads = {"Content-Type": f"multipart/form-data; boundary={EDGE}"} if body is not None else {}
        with contextlib.closing(wire):
            wire.request(method, path, body=body, headers=heads)
            answer = wire.getresponse()
            return answer.status, answer.read().decode()

    def number(self) -> str:
        """That of a fresh form."""
        (found,) = re.findall(r'name="number" value="([0-9a-f]{32})"', self.ask("GET", "/")[1])
        return str(found)

    def hand_in(self, number: str, name: str, scan: bytes = b"", **more: str) -> tuple[int, str]:
        """A form as a browser without JavaScript sends it."""
        fields = {"number": number, "name": name, "procedure": "Khai sinh", **more}
        parts = [f'form-data; name="{key}"\r\n\r\n{value}'.encode() for key, value in fields.items()]
        parts.append(b'form-data; name="files"; filename="scan.pdf"\r\nContent-Type: application/pdf\r\n\r\n' + scan)
        whole = b"".join(b"--%s\r\nContent-Disposition: %s\r\n" % (EDGE.encode(), part) for part in parts)
        return self.ask("POST", "/nop", whole + b"--%s--\r\n" % EDGE.encode())


@contextlib.contextmanager
def desk_of(relays: Relays, node: Server) -> Iterator[Desk]:
    """The kiosk of a node whose queue is there."""
    place = node.place / "counter"
    place.mkdir()
    desk = Desk(node, place, Path(tempfile.mkdtemp(prefix="desk-", dir="/tmp")), free_port())
    files = Builder(relays.fleet, stand_in(relays.fleet)).build(node.host).files
    plan: dict[str, Any] = json.loads(files["/etc/counter/plan.json"].content)
    plan["address"][1] = node.client_port
    (node.place / "credentials/plan.json").write_text(json.dumps(plan), encoding="utf-8")
    text = files["/usr/local/lib/province/counter"].content
    for old, new in (
        ("/usr/local/lib/province/relay", str(node.place / "relay")),
        ("LOOKS_S, ANSWER_S = 10, 3", "LOOKS_S, ANSWER_S = 0.5, 3"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (place / "counter").write_text(text, encoding="utf-8")
    for name in ("style.css", "down.html"):
        path = f"/usr/local/share/province/counter/{name}"
        (place / name).write_text(files[path].content, encoding="utf-8")
    text = files["/etc/counter/door.conf"].content
    ipv4, ipv6 = (f"listen {one}:443 ssl;" for one in _addresses(relays, node))
    for old, new in (
        (ipv4, f"listen 127.0.0.1:{desk.port} ssl;"),
        (ipv6, ""),
        ("/etc/ssl/province/host.pem", f"{node.place}/ssl/host.pem"),
        ("/run/credentials/counter-door.service", f"{node.place}/credentials"),
        ("/run/counter-door", str(desk.short)),
        ("/run/counter/", f"{desk.short}/"),
        ("/usr/local/share/province/counter", str(place)),
        # One who hands in here is a whole commune.
        ("rate=5r/s", "rate=500r/s"),
    ):
        assert old in text, f"the door's file does not say {old}"
        text = text.replace(old, new)
    (place / "door.conf").write_text(text, encoding="utf-8")
    try:
        yield desk
    finally:
        desk.end()


def _addresses(relays: Relays, node: Server) -> tuple[str, str]:
    zone = relays.fleet.province.counter.zone
    ipv4, ipv6 = next(one.address.plain for one in node.host.interfaces if one.zone == zone)
    return str(ipv4), f"[{ipv6}]"


def dossiers(hub: Server, count: int) -> list[dict[str, Any]]:
    """What was handed in, as it lies at a hub, in order."""

    async def read(client: Client) -> list[dict[str, Any]]:
        first = ConsumerConfig(deliver_policy=DeliverPolicy.ALL)
        reader = await client.jetstream().subscribe("relay.>", stream=NODE, ordered_consumer=True, config=first)
        return [json.loads((await reader.next_msg(timeout=10)).data) for _ in range(count)]

    return asked(hub, read)
