"""Real relays of video with their doors on loopback, by what hosts get: only addresses and folders are others."""

from __future__ import annotations

import contextlib
import importlib.machinery
import importlib.util
import itertools
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from province.fleet.fleet import Fleet
from province.fleet.video import relay_ports
from province.manifest.build import Builder
from province.manifest.manifest import Manifest
from province.manifest.trust import stand_in
from province.pki import authority
from province.pki.authority import Authority

from .relay_servers import certify, free_port
from .test_exports import program

STARTS_S = 10.0
NUMBERS = itertools.count(1)
ELSEWHERE = "127.1.1.1"
"""An address of this machine that no relay is told of."""


@dataclass
class Relay:
    """One host's relay and door."""

    name: str
    place: Path
    address: str
    port: int
    tls_port: int
    door_port: int
    secret: str
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def log(self) -> str:
        return "".join(one.read_text(encoding="utf-8", errors="replace") for one in self.place.glob("*.log"))

    def start(self) -> None:
        """Both programs, as their units start them."""
        conf = (self.place / "turnserver.conf").read_text(encoding="utf-8")
        (self.place / "whole.conf").write_text(f"{conf}static-auth-secret={self.secret}\n", encoding="utf-8")
        self._run("relay", [program("turnserver"), "-c", str(self.place / "whole.conf")])
        self._run("door", [sys.executable, "-I", str(self.place / "video-door")])
        for port in (self.tls_port, self.door_port):
            self._wait_for(port)

    def kill(self) -> None:
        """Without a warning, as a power cut would."""
        while self.running:
            _, process = self.running.popitem()
            process.kill()
            process.wait()

    def _run(self, name: str, words: list[str]) -> None:
        with (self.place / f"{name}.log").open("ab") as log:
            environment = {**os.environ, "CREDENTIALS_DIRECTORY": str(self.place / "credentials")}
            self.running[name] = subprocess.Popen(words, stdout=log, stderr=log, env=environment, cwd=self.place)

    def _wait_for(self, port: int) -> None:
        end = time.monotonic() + STARTS_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection((self.address, port), timeout=1):
                return
            assert all(one.poll() is None for one in self.running.values()), self.log[-2000:]
            assert time.monotonic() < end, self.log[-2000:]
            time.sleep(0.02)


@dataclass
class Node:
    """A node with its own program, plan and certificate."""

    place: Path

    def verb(self, name: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-I", str(self.place / "video"), name, str(self.place / "plan.json")],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "CREDENTIALS_DIRECTORY": str(self.place / "credentials")},
        )

    def status(self) -> dict[str, Any]:
        done = self.verb("status")
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    @property
    def program(self) -> ModuleType:
        """The node's program, to ask a relay for single things."""
        loader = importlib.machinery.SourceFileLoader("video_of_a_node", str(self.place / "video"))
        spec = importlib.util.spec_from_loader(loader.name, loader)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
        return module

    @property
    def plan(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((self.place / "plan.json").read_text(encoding="utf-8"))
        return told


@dataclass
class Site:
    """Relays and nodes of a fleet."""

    fleet: Fleet
    place: Path
    hosts: Authority = field(default_factory=lambda: authority.make("hosts of a test", datetime.now(UTC)))
    relays: list[Relay] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._builder = Builder(self.fleet, stand_in(self.fleet))

    def relay(self, name: str) -> Relay:
        host, place = self.fleet.hosts[name], self.place / name
        address = f"127.{os.getpid() % 250 + 2}.{secrets.randbelow(250) + 1}.{next(NUMBERS) % 250 + 1}"
        made = Relay(name, place, address, free_port(), free_port(), free_port(), secrets.token_hex(16))
        certify(place, self.hosts, self.hosts, (host.fqdn, host.name, "localhost"))
        manifest = self._builder.build(host)
        ports = relay_ports(self.fleet)
        ipv4, ipv6 = (str(one) for one in host.interfaces[0].address.plain)
        elsewhere = {
            f"listening-ip={ipv6}\nrelay-ip={ipv6}\n": "",
            f"={ipv4}\n": f"={address}\n",
            f"listening-port={ports['udp']}\n": f"listening-port={made.port}\n",
            f"tls-listening-port={ports['tcp']}\n": f"tls-listening-port={made.tls_port}\n",
            "/run/credentials/video-relay.service": f"{place}/credentials",
            "/run/video-relay": str(place),
            "/etc/ssl/province": f"{place}/ssl",
            # Everybody here speaks from loopback, which a relay else refuses before it looks at its lists.
            "no-multicast-peers\n": "no-multicast-peers\nallow-loopback-peers\n",
        }
        _write(manifest, "/etc/video/turnserver.conf", place / "turnserver.conf", elsewhere)
        door = {f'"port": {self.fleet.province.video.door_port}': f'"port": {made.door_port}'}
        _write(manifest, "/etc/video/door.json", place / "credentials/door.json", door)
        moved = {"/etc/ssl/province": f"{place}/ssl"}
        _write(manifest, "/usr/local/lib/province/video-door", place / "video-door", moved)
        (place / "credentials/turn.key").write_text(f"{made.secret}\n", encoding="utf-8")
        self.relays.append(made)
        return made

    def node(self, name: str, *relays: Relay, by: Authority | None = None) -> Node:
        """A node, or another host that pretends to be one, which is told of these relays."""
        host, place = self.fleet.hosts[name], self.place / name
        certify(place, by or self.hosts, self.hosts, (host.fqdn, host.name))
        pattern = self._builder.build(host if host.commune else self.fleet.nodes[0])
        moved = {"/etc/ssl/province": f"{place}/ssl", "/var/lib/video/": f"{place}/"}
        _write(pattern, "/usr/local/lib/province/video", place / "video", moved)
        plan = json.loads(pattern.files["/etc/video/plan.json"].content)
        plan["relays"] = [
            {"name": one.name, "host": "localhost", "door": one.door_port, "port": one.port, "address": one.address}
            for one in relays
        ]
        plan["try"]["seconds"] /= 5
        # The door's name is in its certificate; the relay of a test has an address of its own.
        text = (place / "video").read_text(encoding="utf-8")
        old = 'getaddrinfo(relay["host"], relay["port"]'
        assert text.count(old) == 1
        (place / "video").write_text(text.replace(old, 'getaddrinfo(relay["address"], relay["port"]'), encoding="utf-8")
        (place / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
        return Node(place)

    def end(self) -> None:
        for one in self.relays:
            one.kill()


def _write(manifest: Manifest, path: str, target: Path, elsewhere: dict[str, str]) -> None:
    """A file of a host with other places in it, each of which it names."""
    text = manifest.files[path].content
    for old, new in elsewhere.items():
        assert old in text, f"{path} does not say {old}"
        text = text.replace(old, new)
    target.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def at_work(site: Site) -> Iterator[Site]:
    try:
        yield site
    finally:
        site.end()
