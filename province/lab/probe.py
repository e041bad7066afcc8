"""Probes with real packets from places of the lab: the operator's desk, or a computer in a zone of a commune."""

from __future__ import annotations

import itertools
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address

from province.fleet.hosts import Host
from province.lab import inside, network
from province.lab.commands import run
from province.lab.state import Place
from province.lab.topology import guest_of

HERTZ = 20
ECHO_REQUEST, ECHO_REPLY = 8, 0
PATIENCE = 2.0
"""Seconds that the last answers may take."""

_idents = itertools.count(os.getpid())


@dataclass(frozen=True)
class Outcome:
    """What came of a series of echo requests, in the order of sending: when each was sent, and whether it came back."""

    sent: tuple[float, ...]
    answered: tuple[bool, ...]

    @property
    def lost(self) -> int:
        """How many never came back."""
        return self.answered.count(False)

    @property
    def outage(self) -> float:
        """Seconds from the first request that was lost to the first after the last one that was."""
        missing = [index for index, came in enumerate(self.answered) if not came]
        return (missing[-1] - missing[0] + 1) / HERTZ if missing else 0.0


class Pinger:
    """Sends 20 echo requests a second (RFC 792) to one address until it is stopped."""

    def __init__(self, place: str, target: IPv4Address) -> None:
        self._target = str(target)
        self._ident = next(_idents) & 0xFFFF
        self._socket = socket_at(place, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self._sent: list[float] = []
        self._answered: set[int] = set()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send), threading.Thread(target=self._receive)]

    def __enter__(self) -> Pinger:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def answers(self) -> int:
        """How many came back so far."""
        return len(self._answered)

    @property
    def sent(self) -> int:
        """How many were sent so far."""
        return len(self._sent)

    def halt(self) -> None:
        """Send no more; `stop` then tells what came of it. Many are halted together, so that they wait together."""
        self._stop.set()

    def stop(self) -> Outcome:
        """Stop, wait for the last answers, and say what came of it."""
        self.halt()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        self._socket.close()
        return Outcome(tuple(self._sent), tuple(number in self._answered for number in range(len(self._sent))))

    def _send(self) -> None:
        begun = time.monotonic()
        for number in itertools.count():
            if self._stop.wait(max(0.0, begun + number / HERTZ - time.monotonic())):
                return
            self._sent.append(time.monotonic())
            try:
                self._socket.sendto(_echo(self._ident, number & 0xFFFF), (self._target, 0))
            except OSError:
                continue  # no route at this moment: this one is lost, as on the way

    def _receive(self) -> None:
        self._socket.settimeout(0.1)
        deadline = None
        while deadline is None or time.monotonic() < deadline:
            if self._stop.is_set() and deadline is None:
                deadline = time.monotonic() + PATIENCE
            if deadline and len(self._answered) == len(self._sent):
                return
            try:
                packet = self._socket.recv(2048)
            except TimeoutError:
                continue
            kind, _, _, ident, number = struct.unpack("!BBHHH", packet[(packet[0] & 15) * 4 :][:8])
            if kind == ECHO_REPLY and ident == self._ident:
                self._answered.add(number)


def socket_at(place: str, family: int, kind: int, protocol: int = 0) -> socket.socket:
    """A socket that stands in the network namespace `place`, whoever uses it."""
    return inside.each(place, lambda _: socket.socket(family, kind, protocol), [None], workers=1)[0]


@contextmanager
def computer_in(place: Place, node: Host, zone: str) -> Iterator[str]:
    """A computer in a zone of a commune: the network namespace that it is, with the zone's address number 10."""
    interface = node.interface(zone)
    port = network.links(guest_of(node))[zone]
    name = f"{place.netns}-{node.asn % 1000}-{zone}"
    bridge, plug = f"z{node.asn % 1000}{zone}"[:15], f"y{node.asn % 1000}{zone}"[:15]
    address4, address6 = interface.address.ipv4, interface.address.ipv6
    run(["ip", "netns", "add", name])
    try:
        run(["ip", "-n", place.netns, "link", "add", bridge, "type", "bridge", "mcast_snooping", "0"])
        run(["ip", "-n", place.netns, "link", "add", plug, "type", "veth", "peer", "name", "lan", "netns", name])
        network.batch(
            place.netns,
            [f"link set {one} master {bridge}" for one in (plug, port)]
            + [f"link set {one} up" for one in (plug, bridge)],
        )
        network.batch(
            name,
            [
                "link set lo up",
                f"addr add {address4.network[10]}/{address4.network.prefixlen} dev lan",
                f"addr add {address6.network[10]}/{address6.network.prefixlen} dev lan nodad",
                "link set lan up",
                f"route add default via {address4.ip}",
                f"route add default via {address6.ip}",
            ],
        )
        yield name
    finally:
        run(["ip", "netns", "del", name])
        run(["ip", "-n", place.netns, "link", "del", bridge])


def _echo(ident: int, number: int) -> bytes:
    header = struct.pack("!BBHHH", ECHO_REQUEST, 0, 0, ident, number)
    return struct.pack("!BBHHH", ECHO_REQUEST, 0, _checksum(header), ident, number)


def _checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return int(~(total + (total >> 16)) & 0xFFFF)
