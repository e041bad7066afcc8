"""The address plan: a page of arithmetic over the ranges of the province file.

Every body of a commune has one prefix inside its routing domain, placed by the commune's rank among the
sorted unit codes; zones follow each other inside it. Hosts of a site stand in each zone at the place of their
role. Nothing is typed twice, so nothing can overlap that the ranges do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network

from province.fleet.province import AddressPlan, CommuneZone, NetworkPair
from province.fleet.site import HostRole


@dataclass(frozen=True)
class Subnet:
    """One network in both protocols; its first address is the router's."""

    ipv4: IPv4Network
    ipv6: IPv6Network

    def host(self, number: int) -> AddressPair:
        """The address with this number inside the subnet (1 is the router)."""
        if not 0 < number < self.ipv4.num_addresses - 1:
            raise ValueError(f"{self.ipv4} has no host number {number}")
        return AddressPair(
            IPv4Interface((int(self.ipv4.network_address) + number, self.ipv4.prefixlen)),
            IPv6Interface((int(self.ipv6.network_address) + number, self.ipv6.prefixlen)),
        )


@dataclass(frozen=True)
class AddressPair:
    """One interface address in both protocols, with the prefix lengths of its network."""

    ipv4: IPv4Interface
    ipv6: IPv6Interface

    @cached_property
    def plain(self) -> tuple[IPv4Address, IPv6Address]:
        """The two addresses without prefix lengths."""
        return self.ipv4.ip, self.ipv6.ip

    @cached_property
    def texts(self) -> tuple[str, str]:
        """The two addresses with prefix lengths, as text; writing out IPv6 is dear, and one end has many tunnels."""
        return str(self.ipv4), str(self.ipv6)


def nth(parent: NetworkPair, number: int, ipv4_prefix: int, ipv6_prefix: int) -> Subnet:
    """The subnet with this number (from 0) of the given lengths inside `parent`."""
    size4 = 1 << (32 - ipv4_prefix)
    size6 = 1 << (128 - ipv6_prefix)
    ipv4 = IPv4Network((int(parent.ipv4.network_address) + number * size4, ipv4_prefix))
    ipv6 = IPv6Network((int(parent.ipv6.network_address) + number * size6, ipv6_prefix))
    if not ipv4.subnet_of(parent.ipv4) or not ipv6.subnet_of(parent.ipv6):
        raise ValueError(f"{parent.ipv4} has no room for subnet number {number} of /{ipv4_prefix}")
    return Subnet(ipv4, ipv6)


def body_prefix(plan: AddressPlan, domain: NetworkPair, rank: int) -> Subnet:
    """The prefix of the body whose commune has this rank (from 0) among the sorted codes."""
    return nth(domain, rank, plan.body_prefix.ipv4, plan.body_prefix.ipv6)


def commune_zones(body: Subnet, zones: tuple[CommuneZone, ...]) -> dict[str, Subnet]:
    """The subnets of a body's zones, one after another; an optional zone keeps its place when it is absent."""
    found: dict[str, Subnet] = {}
    ipv4 = int(body.ipv4.network_address)
    for number, zone in enumerate(zones):
        size = 1 << (32 - zone.ipv4_prefix)
        ipv4 = -(-ipv4 // size) * size
        subnet = IPv4Network((ipv4, zone.ipv4_prefix))
        if not subnet.subnet_of(body.ipv4):
            raise ValueError(f"zone {zone.id} does not fit into {body.ipv4}")
        ipv6 = IPv6Network((int(body.ipv6.network_address) + (number << 64), 64))
        found[zone.id] = Subnet(subnet, ipv6)
        ipv4 += size
    return found


def underlay(plan: AddressPlan, name: str) -> Subnet:
    """The network that an underlay's provider gives us addresses from."""
    pair = plan.underlays[name]
    return Subnet(pair.ipv4, pair.ipv6)


def node_on_underlay(plan: AddressPlan, name: str, rank: int, body_number: int, bodies: int) -> AddressPair:
    """A node's address on an underlay: behind the reserved block, by commune rank and body."""
    return underlay(plan, name).host(plan.underlay_reserved + rank * bodies + body_number)


def site_prefix(plan: AddressPlan, site_rank: int) -> Subnet:
    """The prefix of a site, in which all its zones lie; `site_rank` counts the sites in the order of their ids."""
    return nth(plan.sites, site_rank, plan.site_prefix.ipv4, plan.site_prefix.ipv6)


def site_zone(plan: AddressPlan, site_rank: int, zone_number: int) -> Subnet:
    """The subnet of a site's zone."""
    site = site_prefix(plan, site_rank)
    parent = NetworkPair(ipv4=site.ipv4, ipv6=site.ipv6)
    return nth(parent, zone_number, plan.site_zone_ipv4, 64)


def role_number(plan: AddressPlan, role: HostRole, index: int) -> int:
    """A host's number inside every zone of its site: a block for each role, from one upwards inside it."""
    if not 0 < index < plan.role_stride:
        raise ValueError(f"no room for {role} number {index}: role_stride is {plan.role_stride}")
    return (list(HostRole).index(role) + 1) * plan.role_stride + index
