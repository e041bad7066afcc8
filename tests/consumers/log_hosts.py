"""Real rsyslog daemons on loopback, by the configuration that hosts get but for addresses and folders."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.site import Duty
from province.manifest.build import Builder
from province.manifest.trust import stand_in
from province.manifest.view import host_facts
from province.pki.authority import Authority
from province.toolchain import cache

from .relay_servers import certify, free_port
from .test_exports import program

MODULES = "consumers/debian13/rsyslogd/usr/lib/*/rsyslog"
PORT = 2514
ROUND = re.compile(r"line (\d+) of the test")
ON_DISK = re.compile(rb"line (\d+) of the test")
"""The same in the file of a queue, where a line stands more than once."""


@dataclass
class LogHost:
    """One host's rsyslog, its files in a folder: `doors` is where programs of the host write their lines."""

    host: Host
    place: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def doors(self) -> Path:
        return self.place / "log.socket"

    @property
    def said(self) -> str:
        """What the daemon said of itself."""
        return (self.place / "said").read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        self.doors.unlink(missing_ok=True)
        with (self.place / "said").open("ab") as said:
            self.process = subprocess.Popen(
                [
                    program("rsyslogd"),
                    "-n",
                    *("-f", str(self.place / "rsyslog.conf")),
                    *("-i", str(self.place / "pid")),
                    *("-M", modules()),
                ],
                stdout=said,
                stderr=said,
            )
        self.wait(self.doors.exists, "it opens its door")

    def wait(self, until: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
        """Until something is so, while the daemon lives."""
        end = time.monotonic() + seconds
        while not until():
            assert self.process is None or self.process.poll() is None, self.said[-2000:]
            assert time.monotonic() < end, f"{what}: not within {seconds} s\n{self.said[-2000:]}"
            time.sleep(0.05)

    def kill(self) -> None:
        """Without a warning, as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        (self.place / "pid").unlink(missing_ok=True)

    def stop(self) -> None:
        """As `systemctl stop` does: what waits in memory is written down."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait(20)

    def write(self, first: int, beyond: int) -> None:
        """Lines of a program of this host, numbered from `first`."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
            door.connect(str(self.doors))
            for number in range(first, beyond):
                door.send(f"<14>proof: line {number} of the test".encode())

    def kept(self) -> Counter[int]:
        """How often a collector has each numbered line."""
        found: Counter[int] = Counter()
        for file in (self.place / "hosts").rglob("messages.log"):
            found.update(int(number) for number in ROUND.findall(file.read_text(encoding="utf-8", errors="replace")))
        return found

    @property
    def waiting_bytes(self) -> int:
        """What waits on the disk of a host for its collector."""
        return sum(one.stat().st_size for one in (self.place / "spool").glob("to-log-host.*"))

    @property
    def waiting_lines(self) -> int:
        """How many numbered lines wait on the disk of a host for its collector."""
        texts = (one.read_bytes() for one in (self.place / "spool").glob("to-log-host.0*"))
        return sum(len(set(ON_DISK.findall(text))) for text in texts)


def modules() -> str:
    """Where the daemon finds its modules: beside the one that was taken from its package, or its own place."""
    found = sorted(cache.directory().glob(MODULES))
    return str(found[0]) if found else ""


@dataclass
class Logs:
    """Hosts of a fleet and a collector, one process for each."""

    fleet: Fleet
    place: Path
    authority: Authority
    hosts: list[LogHost] = field(default_factory=list)
    collectors: dict[str, LogHost] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._builder = Builder(self.fleet, stand_in(self.fleet))

    def collector(self, site: str = "") -> LogHost:
        """The collector of a site, the primary one's if none is named, that hosts are told to use, by its own name."""
        there = self.fleet.hosts_of(site or self.fleet.primary_site.id)
        made = self._host(next(host.name for host in there if Duty.LOGS in host.duties), self.authority, free_port())
        self.collectors[made.host.name] = made
        return made

    def sender(self, name: str, by: Authority | None = None) -> LogHost:
        """A host whose lines go to the collectors that the test has made; where it has none, nobody answers."""
        return self._host(name, by or self.authority, free_port())

    def _host(self, name: str, by: Authority, port: int) -> LogHost:
        host = self.fleet.hosts[name]
        place = self.place / name
        certify(place, by, self.authority, (host.fqdn, host.name))
        (place / "spool").mkdir()
        made = LogHost(host, place, port)
        text = moved(self._builder.build(host).files["/etc/rsyslog.conf"].content, made)
        servers: Any = host_facts(self.fleet, host)["log_servers"]
        for one in servers:
            there = self.collectors.get(one["name"])
            text = text.replace(
                f'target="{one["ipv4"]}" port="{PORT}"',
                f'target="127.0.0.1" port="{there.port if there else free_port()}"',
            )
        (place / "rsyslog.conf").write_text(text, encoding="utf-8")
        self.hosts.append(made)
        return made

    def end(self) -> None:
        for host in self.hosts:
            if host.process is not None and host.process.poll() is None:
                host.kill()


def moved(text: str, to: LogHost) -> str:
    """A configuration with the folders, the port and the door of a test."""
    for old, new in (
        ("/etc/ssl/province/host.key", f"{to.place}/credentials/host.key"),
        ("/etc/ssl/province", f"{to.place}/ssl"),
        ("/var/spool/rsyslog", f"{to.place}/spool"),
        ("/var/log/hosts", f"{to.place}/hosts"),
        ("/var/log/", f"{to.place}/own-"),
        ('fileOwner="root" fileGroup="adm" ', ""),
        ('dirOwner="root" dirGroup="adm" ', ""),
        ("/etc/rsyslog.d", f"{to.place}/rsyslog.d"),
        (
            'module(load="imuxsock")',
            f'module(load="imuxsock" SysSock.Use="off")\ninput(type="imuxsock" Socket="{to.doors}")',
        ),
        # A host asks again after five seconds; a test has no time for it.
        ('action.resumeInterval="5"', 'action.resumeInterval="1"'),
        (f'type="imrelp" port="{PORT}"', f'type="imrelp" port="{to.port}"'),
    ):
        text = text.replace(old, new)
    return text


@contextlib.contextmanager
def at_work(logs: Logs) -> Iterator[Logs]:
    try:
        yield logs
    finally:
        logs.end()
