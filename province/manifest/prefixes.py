"""Networks and addresses as rule sets want them: prefixes of both protocols, sorted, as few as cover the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from province.fleet.addressing import AddressPair
from province.fleet.hosts import Interface
from province.fleet.province import NetworkPair

Network = IPv4Network | IPv6Network

EVERYBODY = NetworkPair(ipv4=IPv4Network("0.0.0.0/0"), ipv6=IPv6Network("::/0"))


@dataclass(frozen=True)
class Prefixes:
    """Prefixes in both protocols, sorted, the smallest set that covers the same addresses."""

    ipv4: tuple[str, ...] = ()
    ipv6: tuple[str, ...] = ()


def prefixes(networks: Iterable[NetworkPair | Network]) -> Prefixes:
    """Several networks, in pairs or alone, as text."""
    pairs = [(one.ipv4, one.ipv6) if isinstance(one, NetworkPair) else (one,) for one in networks]
    listed: list[Network] = [network for pair in pairs for network in pair]
    ipv4 = collapse_addresses(one for one in listed if isinstance(one, IPv4Network))
    ipv6 = collapse_addresses(one for one in listed if isinstance(one, IPv6Network))
    return Prefixes(tuple(map(str, ipv4)), tuple(map(str, ipv6)))


def single(address: AddressPair) -> NetworkPair:
    """One address as a network of its own."""
    ipv4, ipv6 = address.plain
    return NetworkPair(ipv4=IPv4Network(ipv4), ipv6=IPv6Network(ipv6))


def of_interface(interface: Interface) -> NetworkPair:
    """The network that an interface is in."""
    return NetworkPair(ipv4=interface.address.ipv4.network, ipv6=interface.address.ipv6.network)
