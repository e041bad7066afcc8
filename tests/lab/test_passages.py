"""What goes from a commune's zones to the sites, and what does not: with real packets, seen in the open."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from province.fleet.hosts import Host
from province.fleet.load import load_fleet
from province.fleet.province import CommuneZone
from province.lab.probe import computer_in, socket_at
from province.lab.state import Place
from province.manifest.passages import Passage, entrances, passages
from province.manifest.peers import Peers

from .conftest import CHECKOUT
from .eye import Eye, Probe, add_address, devices, introduce, sending, underlay_devices

pytestmark = pytest.mark.lab

FLEET = load_fleet("lab")
PLACE = Place(CHECKOUT)
NODE = FLEET.hosts["phu-quoc-party"]
INSIDE = [zone.id for zone in FLEET.province.commune_zones if not zone.internet]
SITE_EDGES = {f"{''.join(word[0] for word in site.id.split('-'))}-edge" for site in FLEET.data_centres}
INTERNET = ("203.0.113.7", "2001:db8:ffff::7")
"""Addresses for documentation (RFC 5737, RFC 3849) that no network of the lab has."""
UNUSED = 4444
NEIGHBOUR_FORGOTTEN = 20.0
"""Seconds until a node has noticed that another computer has an address that it knew (RFC 4861, section 7.3)."""
DSCP = {"cs0": 0, "cs1": 8, "cs6": 48, "af21": 18, "af31": 26, "ef": 46}
"""Numbers of the marks (RFC 2474, RFC 2597, RFC 3246)."""


def declared(zone: str) -> dict[Probe, Passage]:
    """Everything that the model lets users of a zone reach."""
    return {
        Probe(one.protocol, str(address), one.port): one
        for one in passages(FLEET)
        if one.zone == zone
        for address in one.entrance.plain
    }


WITH_FLOWS = [zone for zone in INSIDE if declared(zone)]
NEIGHBOURS = [zone for zone in FLEET.province.commune_zones if zone.neighbours]


def undeclared(node: Host, zone: str) -> list[Probe]:
    """A sample of every kind.

    Other zones, other nodes of both bodies, the other hub, bare underlays, other ports and hosts of the sites.
    """
    gateway, services = (_first(name) for name in ("gateway", "services"))
    door = entrances(FLEET, FLEET.primary_site)[0].plain
    pairs = [
        *(one.address.plain for one in node.interfaces if one.zone != zone),
        *(computer(node, other) for other in INSIDE if other != zone),
        *(one.address.plain for host in FLEET.hosts.values() if host.host_class == "edge" for one in host.interfaces),
        *(one.gateway_address.plain for one in FLEET.tunnels if one.domain != node.routing_domain),
        *(one.address.plain for one in gateway.interfaces),
        *(one.router for one in node.interfaces if one.router),
        services.interfaces[0].address.plain,
        door,
    ]
    found = [Probe("tcp", str(address), UNUSED) for pair in pairs for address in pair]
    return [*dict.fromkeys(found), *(Probe("tcp", str(one), 22) for one in (*services.management.plain, *door))]


def computer(node: Host, zone: str) -> tuple[str, str]:
    """The addresses of the computer that `computer_in` puts into a zone."""
    address = node.interface(zone).address
    return str(address.ipv4.network[10]), str(address.ipv6.network[10])


@pytest.mark.proves(10, 21, 78, "systems")
@pytest.mark.parametrize("zone", INSIDE)
def test_a_zone_reaches_what_its_flows_say_and_nothing_else(zone: str) -> None:
    """Neither another zone, nor the other body, nor a bare line, nor the Internet."""
    wanted = set(declared(zone))
    beside = next(other for other in WITH_FLOWS if other != zone)
    # Seen at last, so that all the others have been looked for, too.
    last = next(iter(declared(beside)))
    others = [*undeclared(NODE, zone), *(Probe("udp", address, 53) for address in INTERNET)]
    with (
        Eye(devices(PLACE, without=f"{NODE.name}:{zone}")) as eye,
        computer_in(PLACE, NODE, zone) as here,
        computer_in(PLACE, NODE, beside) as there,
    ):
        introduce(there, NODE.interface(beside).address.plain)
        with sending(here, [*others, *wanted]), sending(there, [last]):
            seen = eye.wait(lambda found: {one.probe for one in found if one.device in SITE_EDGES} >= {*wanted, last})
    ours = {one for one in seen if one.source in computer(NODE, zone)}
    assert {one.probe for one in ours} == wanted
    assert not {one.device for one in ours} & underlay_devices(PLACE, FLEET.province.addressing.underlays)


@pytest.mark.proves(23)
@pytest.mark.parametrize("zone", WITH_FLOWS)
def test_packets_arrive_with_the_mark_of_their_class(zone: str) -> None:
    """Whatever a computer wrote into its packets itself."""
    wanted = {(probe, DSCP[passage.traffic.dscp]) for probe, passage in declared(zone).items()}
    with Eye(SITE_EDGES) as eye, computer_in(PLACE, NODE, zone) as here, sending(here, declared(zone)):
        seen = eye.wait(lambda found: {(one.probe, one.dscp) for one in found} >= wanted)
    assert {(one.probe, one.dscp) for one in seen if one.source in computer(NODE, zone)} == wanted


@pytest.mark.proves(18, 78)
@pytest.mark.parametrize("zone", NEIGHBOURS, ids=lambda zone: zone.id)
def test_a_zone_is_reached_by_its_neighbours_at_its_ports_and_by_nobody_else(zone: CommuneZone) -> None:
    """Computers print, and what is public does not."""
    assert zone.neighbours is not None
    wanted = {Probe("tcp", one, port) for one in computer(NODE, zone.id) for port in zone.neighbours.ports}
    closed = [Probe("tcp", one, UNUSED) for one in computer(NODE, zone.id)]
    near = zone.neighbours.zones[-1]
    with (
        Eye(devices(PLACE, without=f"{NODE.name}:{near}") & devices(PLACE, without=f"{NODE.name}:video")) as eye,
        computer_in(PLACE, NODE, near) as here,
        computer_in(PLACE, NODE, zone.id) as there,
        computer_in(PLACE, NODE, "video") as elsewhere,
    ):
        introduce(there, NODE.interface(zone.id).address.plain)
        with sending(elsewhere, wanted), sending(here, [*closed, *wanted]):
            seen = eye.wait(lambda found: {one.probe for one in found if one.source in computer(NODE, near)} >= wanted)
    inside = {one for one in seen if one.target in computer(NODE, zone.id)}
    assert {one.probe for one in inside} == wanted
    assert {one.source for one in inside} == set(computer(NODE, near))


@pytest.mark.proves(78)
def test_nobody_speaks_under_an_address_of_another_zone() -> None:
    """A computer at the counter pretends to sit in the video room: not even what both may reach is open to it."""
    stolen = computer(NODE, "video")[0]
    honest = next(probe for probe in declared("counter") if "." in probe.target)
    forged = Probe(honest.protocol, honest.target, honest.port, source=stolen)
    with Eye(SITE_EDGES) as eye, computer_in(PLACE, NODE, "counter") as here:
        add_address(here, f"{stolen}/32")
        with sending(here, [forged]), sending(here, [honest]):
            seen = eye.wait(lambda found: honest in {one.probe for one in found})
    assert honest in {one.probe for one in seen}
    assert stolen not in {one.source for one in seen}


@pytest.mark.proves(86)
def test_public_wifi_leads_to_the_internet_under_the_nodes_address_and_nowhere_else() -> None:
    """The province's own networks are no part of the Internet, whichever way they are reached."""
    wanted = {Probe("tcp", address, 443) for address in INTERNET}
    closed = [*declared("users"), *undeclared(NODE, "wifi")]
    with (
        Eye(devices(PLACE, without=f"{NODE.name}:wifi")) as eye,
        computer_in(PLACE, NODE, "wifi") as here,
        computer_in(PLACE, NODE, "users") as there,
    ):
        introduce(there, NODE.interface("users").address.plain)
        with sending(here, [*closed, *wanted]):
            seen = eye.wait(lambda found: {one.probe for one in found if one.device == "internet"} >= wanted)
    outside = {one for one in seen if one.probe in wanted}
    own = {str(one) for one in NODE.interface("internet").address.plain}
    assert {one.probe for one in outside} == wanted
    assert {one.source for one in outside} == own
    assert not {one for one in seen if one.source in computer(NODE, "wifi")}


@pytest.mark.proves(78)
def test_the_management_zone_is_entered_from_the_sites_management_zones_only() -> None:
    """Through the tunnels: the switch of a commune is administered like its node."""
    station = Peers(FLEET).station[0]
    elsewhere = _first("services").interfaces[0].address.ipv4.network[1]
    switch, _ = computer(NODE, "management")
    node = str(NODE.interface("management").address.ipv4.ip)
    with computer_in(PLACE, NODE, "management") as here, serving(here, switch) as port:
        assert greets(str(station), switch, port, patience=NEIGHBOUR_FORGOTTEN)
        assert greets(str(station), node, 22)
        assert not greets(str(elsewhere), switch, port)
        assert not greets(str(elsewhere), node, 22)


@pytest.mark.proves(10, 21)
def test_no_site_host_opens_a_connection_into_a_commune() -> None:
    """What users asked for comes back; what nobody asked for stops at the gateway."""
    users, _ = computer(NODE, "users")
    elsewhere = _first("services").interfaces[0].address.ipv4.network[1]
    with computer_in(PLACE, NODE, "users") as here, serving(here, users) as port:
        assert not greets(str(elsewhere), users, port)
        assert not greets(str(Peers(FLEET).station[0]), users, port)


@contextmanager
def serving(place: str, address: str, port: int = 0) -> Iterator[int]:
    """Somebody who greets whoever comes; the port where."""
    door = socket_at(place, socket.AF_INET, socket.SOCK_STREAM)
    door.bind((address, port))
    door.listen()

    def greet() -> None:
        with suppress(OSError):
            while True:
                guest, _ = door.accept()
                with guest:
                    guest.sendall(b"hello")

    thread = threading.Thread(target=greet, daemon=True)
    thread.start()
    try:
        yield int(door.getsockname()[1])
    finally:
        door.shutdown(socket.SHUT_RDWR)
        door.close()
        thread.join()


def greets(source: str, target: str, port: int, patience: float = 3.0) -> bool:
    """Whether somebody greets at an address when the question comes from another one of this machine."""
    with suppress(OSError), socket.create_connection((target, port), patience, source_address=(source, 0)) as link:
        return bool(link.recv(1))
    return False


def _first(host_class: str) -> Host:
    return next(host for host in FLEET.hosts.values() if host.host_class == host_class)
