"""Government and Party are closed worlds: from every zone of a commune, nothing gets to the other body or its hub.

The hub of a domain is what the gateways have of it: their ends of its tunnels, its devices and its table. Packets are
looked for where they would come to light: inside the other domain's tunnels at the gateways and at the other body's
node, and in its zones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from province.errors import ProvinceError
from province.fleet.fact import RoutingDomain
from province.fleet.hosts import Host
from province.fleet.load import load_fleet
from province.lab.commands import run
from province.lab.probe import Pinger, computer_in
from province.lab.state import Place
from province.manifest.passages import passages
from province.manifest.tunnels import tunnel_devices
from province.manifest.view import host_facts
from province.ops.node_ssh import SshContact

from .conftest import CHECKOUT, wait_until
from .eye import Eye, Probe, Seen, inside_of, sending

pytestmark = [pytest.mark.lab, pytest.mark.proves(10)]

FLEET = load_fleet("lab")
PLACE = Place(CHECKOUT)
GATEWAYS = [host for host in FLEET.hosts.values() if host.host_class == "gateway"]
ECHOES = 10
UNUSED, SSH, BGP = 4444, 22, 179

each_domain = pytest.mark.parametrize("domain", list(RoutingDomain), ids=str)


def node_of(domain: RoutingDomain) -> Host:
    """A body's node of the first commune, in whose office the other body has one, too."""
    return next(host for host in FLEET.hosts.values() if host.routing_domain == domain)


def other(domain: RoutingDomain) -> RoutingDomain:
    return next(one for one in RoutingDomain if one != domain)


def zones_of(node: Host) -> list[str]:
    return [one.zone for one in node.interfaces if one.zone]


def hub(domain: RoutingDomain) -> list[IPv4Address | IPv6Address]:
    """The gateways' own addresses in a domain, of both sites."""
    pairs = dict.fromkeys(one.gateway_address.plain for one in FLEET.tunnels if one.domain == domain)
    return [address for pair in pairs for address in pair]


def belongings(domain: RoutingDomain) -> list[IPv4Address | IPv6Address]:
    """Everything that a domain has: its nodes in each of their zones, a computer there, and the ends of its tunnels."""
    nodes = [host for host in FLEET.hosts.values() if host.routing_domain == domain]
    zones = [one.address for node in nodes for one in node.interfaces if one.zone]
    computers = [(pair.ipv4.network[10], pair.ipv6.network[10]) for pair in zones]
    ends = [one.node_address.plain for one in FLEET.tunnels if one.domain == domain]
    return [*(one for pair in (*(pair.plain for pair in zones), *computers, *ends) for one in pair), *hub(domain)]


def knocks(targets: Iterable[IPv4Address | IPv6Address]) -> list[Probe]:
    """First packets to addresses: to a port that nobody has, to those that hosts have, over both protocols."""
    kinds = (("tcp", UNUSED), ("udp", UNUSED), ("tcp", SSH), ("tcp", BGP))
    return [Probe(protocol, str(target), port) for target in targets for protocol, port in kinds]


def of_domain(seen: Iterable[Seen], domain: RoutingDomain) -> set[Seen]:
    """What was sent from a domain's addresses."""
    whole = FLEET.province.addressing.bodies[domain]
    return {one for one in seen if any(ip_address(one.source) in network for network in (whole.ipv4, whole.ipv6))}


@contextmanager
def eyes_in(domain: RoutingDomain) -> Iterator[list[Eye]]:
    """Open eyes inside a domain: in its tunnels at all gateways, and in zones and tunnels of one of its nodes."""
    node = node_of(domain)
    looked_at = {
        **{host.name: [one["device"] for one in devices_of(host, domain)] for host in GATEWAYS},
        node.name: [*zones_of(node), *(one["device"] for one in devices_of(node, domain))],
    }
    with ExitStack() as stack:
        yield [
            stack.enter_context(Eye(devices, stack.enter_context(inside_of(PLACE, host))))
            for host, devices in looked_at.items()
        ]


def devices_of(host: Host, domain: RoutingDomain) -> list[dict[str, str]]:
    return [one for one in tunnel_devices(FLEET, host) if one["domain"] == domain]


def all_seen(eyes: Iterable[Eye]) -> set[Seen]:
    return {one for eye in eyes for one in eye.seen}


def permitted(zone: str) -> Probe:
    """Something that a zone may reach at a site."""
    return next(
        Probe(one.protocol, str(one.entrance.plain[0]), one.port) for one in passages(FLEET) if one.zone == zone
    )


@each_domain
def test_no_packet_crosses_into_the_other_bodys_zones_or_hub(domain: RoutingDomain) -> None:
    """From a computer in every zone; what is permitted comes through meanwhile, and what the others send is seen."""
    own, away = node_of(domain), node_of(other(domain))
    probes = knocks(belongings(other(domain)))
    with ExitStack() as stack:
        theirs = stack.enter_context(eyes_in(other(domain)))
        ours = stack.enter_context(eyes_in(domain))
        computers = {zone: stack.enter_context(computer_in(PLACE, own, zone)) for zone in zones_of(own)}
        stranger = stack.enter_context(computer_in(PLACE, away, "users"))
        near = [
            stack.enter_context(Pinger(computers[zone], address))
            for zone in computers
            for address in own.interface(zone).address.plain
        ]
        targets = [*away.interface("management").address.plain, *hub(other(domain))]
        far = [stack.enter_context(Pinger(place, address)) for place in computers.values() for address in targets]
        for place in computers.values():
            stack.enter_context(sending(place, probes))
        stack.enter_context(sending(computers["users"], [permitted("users")]))
        stack.enter_context(sending(stranger, [permitted("users")]))
        wait_until(lambda: min(one.sent for one in (*near, *far)) >= ECHOES, "echoes asked for")
        wait_until(lambda: bool(of_domain(all_seen(ours), domain)), "what is permitted goes into a tunnel")
        wait_until(lambda: bool(of_domain(all_seen(theirs), other(domain))), "what the others send is seen")
        for one in (*near, *far):
            one.halt()
        assert min(one.stop().answered.count(True) for one in near) > 0
        assert [one.stop().answered.count(True) for one in far] == [0] * len(far)
        crossed = of_domain(all_seen(theirs), domain)
    assert crossed == set()


@each_domain
def test_a_node_in_the_wrong_hands_is_held_to_its_domain_by_the_gateways(domain: RoutingDomain) -> None:
    """Its own rules are gone and its routes lead into the tunnel: what it sends arrives there, and goes no further."""
    own = node_of(domain)
    probes = knocks(belongings(other(domain)))
    with ExitStack() as stack:
        theirs = stack.enter_context(eyes_in(other(domain)))
        ours = stack.enter_context(eyes_in(domain))
        inside = stack.enter_context(inside_of(PLACE, own.name))
        stack.enter_context(misused(own, other(domain)))
        far = [stack.enter_context(Pinger(inside, address)) for address in hub(other(domain))]
        computer = stack.enter_context(computer_in(PLACE, own, "users"))
        stack.enter_context(sending(computer, probes))
        stack.enter_context(sending(inside, probes))
        at_the_gateway = {device["device"] for host in GATEWAYS for device in devices_of(host, domain)}
        wait_until(
            lambda: {one.probe for one in all_seen(ours) if one.device in at_the_gateway} >= set(probes),
            "every probe arrives at a gateway",
        )
        wait_until(lambda: min(one.sent for one in far) >= ECHOES, "echoes asked for")
        for one in far:
            one.halt()
        assert [one.stop().answered.count(True) for one in far] == [0] * len(far)
        crossed = of_domain(all_seen(theirs), domain)
    assert crossed == set()


@contextmanager
def misused(node: Host, domain: RoutingDomain) -> Iterator[None]:
    """A node without its firewall that sends what is another domain's into its first tunnel; afterwards as it was."""
    facts = host_facts(FLEET, node)
    table = facts["routing_domains"][0]["table"]  # type: ignore[index]
    tunnel = FLEET.tunnels_of(node.name)[0]
    whole, inner = FLEET.province.addressing.bodies[domain], FLEET.province.addressing.tunnels
    via = zip((whole.ipv4, whole.ipv6), tunnel.gateway_address.plain, strict=True)
    routes = [f"{network} via {gateway} dev {tunnel.node_device} table {table}" for network, gateway in via]
    routes += [f"{network} dev {tunnel.node_device} table {table}" for network in (inner.ipv4, inner.ipv6)]
    contact = SshContact(FLEET, node.name)
    run(
        contact.words(
            "; ".join(["set -e", "nft delete table inet province", *(f"ip route add {one}" for one in routes)])
        )
    )
    try:
        yield
    finally:
        run(contact.words("; ".join([*(f"ip route del {one}" for one in routes), "systemctl reload nftables.service"])))


def test_a_gateway_knows_no_way_from_one_domain_into_the_other() -> None:
    """Asked of the kernel, so that it holds without any firewall."""
    for gateway in GATEWAYS:
        for device in tunnel_devices(FLEET, gateway):
            whole = FLEET.province.addressing.bodies[other(device["domain"])]
            peer = device["peers"][0]
            with inside_of(PLACE, gateway.name) as inside:
                for target, source in ((whole.ipv4[4097], peer["ipv4"]), (whole.ipv6[4097], peer["ipv6"])):
                    words = ["route", "get", target, "from", source.split("/")[0], "iif", device["device"]]
                    with pytest.raises(ProvinceError, match="unreachable"):
                        run(["ip", "-n", inside, *words])
