"""What a host's resolver is told: where it listens, whose names it knows, whom it asks, what it refuses."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from ipaddress import IPv4Network, IPv6Network
from typing import TypedDict

from province.fleet.exposed import exposed_at
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host, Interface
from province.fleet.site import Duty, Provided
from province.manifest.passages import entrances
from province.manifest.peers import Peers

NOTHING: dict[str, object] = {
    "dns_addresses": [],
    "dns_blocked": [],
    "dns_forward_zones": [],
    "dns_public_prefixes": [],
    "dns_records": [],
    "dns_reverse_zones": [],
    "dns_zone_prefixes": [],
}


class KnownName(TypedDict):
    """A full name, its addresses in both protocols, and whether they lead back to it."""

    name: str
    addresses: list[str]
    reverse: bool


IPV4_LABEL_BITS = 8
IPV6_LABEL_BITS = 4


def names_view(fleet: Fleet, host: Host, peers: Peers) -> dict[str, object]:
    """The host's part in resolving names; the same keys, empty, for hosts that only ask."""
    domain = {"dns_domain": fleet.province.domain}
    blocked = [{"name": row.id, "reason": row.reason} for row in fleet.registers.blocked_names.rows]
    shared = {**domain, "dns_blocked": blocked, "dns_reverse_zones": list(reverse_zones(fleet))}
    if host.host_class == "edge":
        return {**NOTHING, **shared, **_for_a_commune(fleet, host)}
    if Duty.DNS in host.duties:
        return {**NOTHING, **shared, **_for_the_province(fleet, host, peers)}
    return {**NOTHING, **domain}


@cache
def reverse_zones(fleet: Fleet) -> tuple[str, ...]:
    """The zones of addresses back to names for the whole address plan, each enclosing range once."""
    plan = fleet.province.addressing
    pairs = [*plan.bodies.values(), *plan.underlays.values(), plan.sites]
    return tuple(sorted({reverse_zone(network) for pair in pairs for network in (pair.ipv4, pair.ipv6)}))


def reverse_zone(network: IPv4Network | IPv6Network) -> str:
    """The smallest zone of `in-addr.arpa` or `ip6.arpa` that encloses a network (RFC 1035, 3.5; RFC 3596, 2.5)."""
    bits = IPV4_LABEL_BITS if network.version == 4 else IPV6_LABEL_BITS
    labels = network.prefixlen // bits
    enclosing = network.supernet(new_prefix=labels * bits)
    pointer = enclosing.network_address.reverse_pointer.split(".")
    return ".".join(pointer[enclosing.max_prefixlen // bits - labels :])


def known_names(fleet: Fleet, peers: Peers) -> list[KnownName]:
    """The province's own names: its hosts, the duties that hosts do, and the systems that users know."""
    return [*_hosts(fleet), *_services(peers), *_systems(fleet)]


def _for_a_commune(fleet: Fleet, host: Host) -> dict[str, object]:
    """A node answers its zones; those that lead to the Internet do not learn the province's own names."""
    public = {zone.id for zone in fleet.province.commune_zones if zone.internet}
    zones = [one for one in host.interfaces if one.zone]
    return {
        "dns_addresses": [str(address) for one in zones for address in one.address.plain],
        "dns_zone_prefixes": _networks(one for one in zones if one.zone not in public),
        "dns_public_prefixes": _networks(one for one in zones if one.zone in public),
    }


def _for_the_province(fleet: Fleet, host: Host, peers: Peers) -> dict[str, object]:
    return {
        # A bastion stands in the management zone alone and asks there.
        "dns_addresses": [
            str(address) for one in (host.interfaces[0].address, host.management) for address in one.plain
        ],
        "dns_forward_zones": [
            {"zone": one.zone, "addresses": addresses}
            for one in fleet.environment.forward_zones
            if (addresses := list(map(str, peers.resolvers_outside(one))))
        ],
        "dns_records": known_names(fleet, peers),
    }


def _hosts(fleet: Fleet) -> list[KnownName]:
    """Every host under its full name, with the addresses under which others know it, and back from them."""
    found: list[KnownName] = []
    for host in fleet.hosts.values():
        addresses = list(map(str, host.interfaces[0].address.plain))
        found.append({"name": host.fqdn, "addresses": addresses, "reverse": True})
    return found


def _services(peers: Peers) -> list[KnownName]:
    """Every duty under its own name, for the province and for each site: `time`, `time.rach-gia`.

    A fenced site's hosts are found under the site's own names alone.
    """
    domain = peers.fleet.province.domain
    found: dict[str, list[str]] = {}
    for host in peers.site_hosts:
        addresses = list(map(str, host.interfaces[0].address.plain))
        for duty in host.duties:
            everywhere = [] if host.site in peers.fleet.fences else [f"{duty}.{domain}"]
            for name in (*everywhere, f"{duty}.{host.site}.{domain}"):
                found.setdefault(name, []).extend(addresses)
    return [{"name": name, "addresses": addresses, "reverse": False} for name, addresses in found.items()]


def _systems(fleet: Fleet) -> list[KnownName]:
    """Every name that users know of a system, and the entrances of the first site that has both, for all of its names.

    A system that runs at both sites is entered at the primary one, unless that is fenced; what runs at a fenced site
    alone is not found at all.
    """
    found: dict[str, list[str]] = {}
    for site in fleet.data_centres:
        if site.id not in fleet.fences and site.cluster and site.cluster.offers(Provided.INGRESS):
            addresses = [str(address) for door in entrances(fleet, site) for address in door.plain]
            for name in exposed_at(fleet, site):
                found.setdefault(name.host, addresses)
    return [{"name": name, "addresses": addresses, "reverse": False} for name, addresses in found.items()]


def _networks(interfaces: Iterable[Interface]) -> list[str]:
    """The networks of interfaces, both protocols."""
    pairs = [one.address for one in interfaces]
    return [str(network) for one in pairs for network in (one.ipv4.network, one.ipv6.network)]
