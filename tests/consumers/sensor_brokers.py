"""Real brokers of the sensors on loopback, by the configuration that hosts get but for addresses and folders."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.manifest.build import Builder
from province.manifest.trust import stand_in
from province.pki.authority import Authority

from .relay_servers import Line, certify, free_port
from .test_exports import program

FILES = {"broker.conf": ".", "acl": "credentials", "devices-ca.pem": "credentials"}
"""Files of /etc/sensors, and where a broker of a test finds each."""


@dataclass
class Shown:
    """A key with a certificate, and the authority that its owner trusts."""

    place: Path

    @property
    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.place / "ssl/service-ca.pem"))
        context.load_cert_chain(self.place / "ssl/host.pem", self.place / "credentials/host.key")
        return context


@dataclass
class Broker:
    """One host's broker, its files in a folder."""

    host: Host
    place: Path
    port: int
    local_port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return (self.place / "log").read_text(encoding="utf-8", errors="replace")

    @property
    def shown(self) -> Shown:
        """What a program of the host itself shows."""
        return Shown(self.place)

    def start(self) -> None:
        with (self.place / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [program("mosquitto"), "-c", str(self.place / "broker.conf")], stdout=log, stderr=log
            )
        end = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.local_port), timeout=1):
                return
            assert self.process.poll() is None, self.log[-2000:]
            assert time.monotonic() < end, self.log[-2000:]
            time.sleep(0.02)

    def kill(self) -> None:
        """Without a warning, as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()


@dataclass
class Brokers:
    """Nodes and hubs of a fleet, one process for each, and devices with their certificates."""

    fleet: Fleet
    place: Path
    hosts: Authority
    devices: Authority
    brokers: list[Broker] = field(default_factory=list)
    lines: dict[str, Line] = field(default_factory=dict)
    """What every node's way to a hub leads through, by the hub's name."""

    def __post_init__(self) -> None:
        self._builder = Builder(self.fleet, stand_in(self.fleet))

    def hub(self, name: str) -> Broker:
        made = self._broker(name, ("localhost",))
        self.lines[name] = Line(made.port)
        return made

    def node(self, name: str, *hubs: Broker, by: Authority | None = None) -> Broker:
        """A node whose bridges end at the given hubs, in the place of those that it is told."""
        made = self._broker(name, (), by=by)
        file = made.place / "broker.conf"
        text = file.read_text(encoding="utf-8")
        for hub in hubs:
            told = f"address {hub.host.fqdn}:{self.fleet.province.sensors.port}\n"
            assert text.count(told) == 1, f"{file} does not say {told} once"
            text = text.replace(told, f"address localhost:{self.lines[hub.host.name].port}\n")
        file.write_text(text, encoding="utf-8")
        return made

    def device(self, name: str, by: Authority | None = None) -> Shown:
        """A device with a certificate of its own."""
        return self._shown((name,), by or self.devices)

    def host(self, name: str) -> Shown:
        """A host of which only the certificate matters."""
        host = self.fleet.hosts[name]
        return self._shown((host.fqdn, host.name), self.hosts)

    def _shown(self, names: tuple[str, ...], by: Authority) -> Shown:
        place = self.place / f"shown-{len(list(self.place.iterdir()))}"
        certify(place, by, self.hosts, names)
        return Shown(place)

    def _broker(self, name: str, more: tuple[str, ...], by: Authority | None = None) -> Broker:
        host = self.fleet.hosts[name]
        place = self.place / name
        certify(place, by or self.hosts, self.hosts, (host.fqdn, host.name, *more))
        (place / "store").mkdir()
        broker = Broker(host, place, free_port(), free_port())
        files = self._builder.build(host).files
        for file, folder in FILES.items():
            if f"/etc/sensors/{file}" in files:
                text = self._moved(files[f"/etc/sensors/{file}"].content, broker)
                (place / folder / file).write_text(text, encoding="utf-8")
        if host.commune:
            (place / "credentials/devices-ca.pem").write_text(self.devices.pem, encoding="utf-8")
        self.brokers.append(broker)
        return broker

    def _moved(self, text: str, broker: Broker) -> str:
        rules = self.fleet.province.sensors
        for old, new in (
            ("/run/credentials/sensors.service", f"{broker.place}/credentials"),
            ("/etc/ssl/province", f"{broker.place}/ssl"),
            ("/var/lib/sensors/", f"{broker.place}/store/"),
            (f"listener {rules.local_port} 127.0.0.1\n", f"listener {broker.local_port} 127.0.0.1\n"),
        ):
            text = text.replace(old, new)
        # A node has a door for each address of its zone, a hub one for all; the first of them is the test's.
        ports = iter((broker.port, free_port()))
        door = re.compile(rf"^listener {rules.port}\b.*$", re.MULTILINE)
        text = door.sub(lambda _: f"listener {next(ports)} 127.0.0.1", text)
        # Started by root, the server would become an account that cannot read a test's files.
        return f"{text}\nuser {pwd.getpwuid(os.getuid()).pw_name}\n" if "listener" in text else text

    def end(self) -> None:
        for line in self.lines.values():
            line.end()
        for broker in self.brokers:
            if broker.process is not None and broker.process.poll() is None:
                broker.kill()


@contextlib.contextmanager
def at_work(brokers: Brokers) -> Iterator[Brokers]:
    try:
        yield brokers
    finally:
        brokers.end()
