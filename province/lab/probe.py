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
from ipaddress import IPv4Address, IPv6Address

from province.fleet.hosts import Host
from province.lab import inside, network
from province.lab.commands import run
from province.lab.state import Place
from province.lab.topology import guest_of

HERTZ = 20
PATIENCE = 2.0
"""Seconds that the last answers may take."""


@dataclass(frozen=True)
class Echo:
    """How an echo is asked for and answered: types of messages of ICMP (RFC 792) and of ICMPv6 (RFC 4443)."""

    family: socket.AddressFamily
    protocol: int
    request: int
    reply: int


ECHO = {
    4: Echo(socket.AF_INET, socket.IPPROTO_ICMP, 8, 0),
    6: Echo(socket.AF_INET6, socket.IPPROTO_ICMPV6, 128, 129),
}
"""By version of IP."""

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
    """Sends 20 echo requests a second to one address of either protocol until it is stopped."""

    def __init__(self, place: str, target: IPv4Address | IPv6Address) -> None:
        self._target = str(target)
        self._echo = ECHO[target.version]
        self._ident = next(_idents) & 0xFFFF
        self._socket = socket_at(place, self._echo.family, socket.SOCK_RAW, self._echo.protocol)
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
                self._socket.sendto(_request(self._echo, self._ident, number & 0xFFFF), (self._target, 0))
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
            # The kernel hands over ICMP with the IP header before it, ICMPv6 without (raw(7), RFC 3542).
            start = (packet[0] & 15) * 4 if self._echo.family is socket.AF_INET else 0
            kind, _, _, ident, number = struct.unpack("!BBHHH", packet[start : start + 8])
            if kind == self._echo.reply and ident == self._ident:
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
        # A namespace is gone when its last socket is, which may be later; its cable has to be away now.
        try:
            network.batch(place.netns, [f"link del {plug}", f"link del {bridge}"])
        finally:
            run(["ip", "netns", "del", name])


def _request(echo: Echo, ident: int, number: int) -> bytes:
    """The message; over IPv6 the kernel puts the checksum in, which covers the addresses, too (RFC 3542)."""
    header = struct.pack("!BBHHH", echo.request, 0, 0, ident, number)
    return struct.pack("!BBHHH", echo.request, 0, _checksum(header), ident, number)


def _checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return int(~(total + (total >> 16)) & 0xFFFF)
