"""First packets from anywhere in the lab, and an eye on everything that passes there.

What a computer in a commune sends comes to light in the lab's network only where it is not inside a tunnel: behind a
gateway, where it belongs, or on a bare underlay, where it does not. What is inside of one, an eye in a host sees.
"""

from __future__ import annotations

import itertools
import json
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address

from province.fleet.addressing import AddressPair
from province.lab import guest as guests
from province.lab import network, processes
from province.lab.commands import enter, run
from province.lab.probe import socket_at
from province.lab.state import Place

EVERY_PROTOCOL = 0x0003
STAND_IN_TABLE = 80
DISCARD = 9
"""A port where nobody listens (RFC 863)."""
PATIENCE = 15.0

SEND = """
import ipaddress, json, select, socket, sys

def opened(protocol, target, port, source):
    version = ipaddress.ip_address(target).version
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    one = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, kind)
    one.setblocking(False)
    if source:
        one.bind((source, 0))
    return one

def send(one, probe):
    protocol, target, port, _ = probe
    try:
        if protocol == "udp":
            one.sendto(b"probe", (target, port))
        else:
            one.connect_ex((target, port))
    except OSError as error:
        if target not in told:
            print(target, error, file=sys.stderr)
        told.add(target)

told = set()
def under_way(one):
    if one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        return False
    try:
        one.getpeername()
    except OSError:
        return True
    return False

probes = json.loads(sys.stdin.readline())
sockets = [opened(*probe) for probe in probes]
for one, probe in zip(sockets, probes):
    send(one, probe)
print("sent", flush=True)
while not select.select([sys.stdin], [], [], 0.5)[0]:
    for at, probe in enumerate(probes):
        if probe[0] == "tcp":
            if under_way(sockets[at]):
                continue
            sockets[at].close()
            sockets[at] = opened(*probe)
        send(sockets[at], probe)
"""
"""Sends the first packet of each connection, and keeps at it until its input ends.

UDP goes out twice a second. The kernel repeats the first packet of TCP itself, but gives up at the first word from a
router that the way is closed, which it may be for a moment only: then the connection is opened anew. So it is when
somebody answered: a packet that is sent once may be missed by who looks at all of them.
"""


_numbers = itertools.count()


@dataclass(frozen=True, order=True)
class Probe:
    """The first packet of a connection to somewhere."""

    protocol: str
    target: str
    port: int
    source: str = ""


@dataclass(frozen=True)
class Seen:
    """A packet in the open: on which device of the lab, from whom, to whom, how marked."""

    device: str
    source: str
    target: str
    protocol: str
    port: int
    dscp: int

    @property
    def probe(self) -> Probe:
        """What the packet was sent for."""
        return Probe(self.protocol, self.target, self.port)


@contextmanager
def sending(place: str, probes: Iterable[Probe]) -> Iterator[None]:
    """Open all these connections from a network namespace, and keep trying meanwhile."""
    rows = [(one.protocol, one.target, one.port, one.source) for one in probes]
    with subprocess.Popen(
        [*enter(place), sys.executable, "-c", SEND], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as sender:
        assert sender.stdin
        assert sender.stdout
        sender.stdin.write(json.dumps(rows) + "\n")
        sender.stdin.flush()
        assert sender.stdout.readline() == "sent\n"
        yield
        sender.stdin.close()


class Eye:
    """Sees every packet on some devices while it is open: of a network namespace, or of the one where the test runs."""

    def __init__(self, devices: Iterable[str], place: str | None = None) -> None:
        self._devices = frozenset(devices)
        kind = (socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(EVERY_PROTOCOL))
        self._socket = socket_at(place, *kind) if place else socket.socket(*kind)
        self._socket.settimeout(0.2)
        self._seen: set[Seen] = set()
        self._open = True
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Eye:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._open = False
        self._thread.join()
        self._socket.close()

    @property
    def seen(self) -> frozenset[Seen]:
        """What passed until now."""
        return frozenset(self._seen)

    def wait(self, condition: Callable[[frozenset[Seen]], bool]) -> frozenset[Seen]:
        """What passed until the condition holds, or until nobody would wait any longer."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and not condition(self.seen):
            time.sleep(0.05)
        return self.seen

    def _look(self) -> None:
        while self._open:
            try:
                packet, (device, *_) = self._socket.recvfrom(200)
            except TimeoutError:
                continue
            found = parse(device, packet)
            if found is not None and device in self._devices:
                self._seen.add(found)


def parse(device: str, packet: bytes) -> Seen | None:
    """The ends of an IP packet (RFC 791, RFC 8200) that carries TCP or UDP without extension headers."""
    version = packet[0] >> 4 if packet else 0
    if version == 4 and len(packet) >= 28:
        header, protocol, mark = (packet[0] & 15) * 4, packet[9], packet[1]
        ends = packet[12:16], packet[16:20]
    elif version == 6 and len(packet) >= 48:
        header, protocol, mark = 40, packet[6], (packet[0] & 15) << 4 | packet[1] >> 4
        ends = packet[8:24], packet[24:40]
    else:
        return None
    names = {socket.IPPROTO_TCP: "tcp", socket.IPPROTO_UDP: "udp"}
    if protocol not in names or len(packet) < header + 4:
        return None
    source, target = (str(ip_address(one)) for one in ends)
    (port,) = struct.unpack_from("!H", packet, header + 2)
    return Seen(device, source, target, names[protocol], port, mark >> 2)


def devices(place: Place, *, without: str = "") -> frozenset[str]:
    """The devices of the lab's own network, but for the cable of one zone of a node (`node:zone`)."""
    links = network.links_of(place.netns)
    return frozenset(name for name, link in links.items() if not without or link.get("ifalias") != without)


@contextmanager
def inside_of(place: Place, guest: str) -> Iterator[str]:
    """A name for the network namespace that a guest has to itself: there, packets are seen outside of tunnels."""
    name = f"{place.netns}-in-{guest}-{next(_numbers)}"
    init = processes.container_init(guests.running(place)[guest].pid)
    run(["ip", "netns", "attach", name, init])
    try:
        yield name
    finally:
        run(["ip", "netns", "del", name])


def underlay_devices(place: Place, underlays: Collection[str]) -> frozenset[str]:
    """The bridges of underlays and the cables in them."""
    links = network.links_of(place.netns)
    return frozenset(name for name, link in links.items() if name in underlays or link.get("master") in underlays)


def introduce(computer: str, routers: Iterable[object]) -> None:
    """Make a computer and its node know each other, so that nothing for it waits for an answer to who it is."""
    for router in map(str, routers):
        with sending(computer, [Probe("tcp", router, DISCARD)]):
            deadline = time.monotonic() + PATIENCE
            while "lladdr" not in run(["ip", "-n", computer, "neigh", "show", "to", router]):
                assert time.monotonic() < deadline, f"{computer} does not find {router}"
                time.sleep(0.05)


def add_address(place: str, address: str) -> None:
    """Give a computer one more address."""
    run(["ip", "-n", place, "address", "add", address, "dev", "lan"])


@contextmanager
def stand_in(place: Place, address: AddressPair, networks: Iterable[str]) -> Iterator[None]:
    """What comes from a gateway for an address ends in the lab's own network, where a test can serve it.

    The host whose address it is notices nothing: only what arrives on these networks, the gateways' inner side, is
    concerned.
    """
    added, removed = [], []
    for one in address.plain:
        route = f"-{one.version} route {{}} local {one} dev lo table {STAND_IN_TABLE}"
        rules = [
            f"-{one.version} rule {{}} priority {STAND_IN_TABLE} iif {network} to {one} lookup {STAND_IN_TABLE}"
            for network in networks
        ]
        added += [route.format("replace"), *(rule.format("add") for rule in rules)]
        removed += [*(rule.format("del") for rule in rules), route.format("del")]
    try:
        for line in added:
            run(["ip", "-n", place.netns, *line.split()])
        yield
    finally:
        for line in removed:
            run(["ip", "-n", place.netns, *line.split()])
