"""Whom a certificate is for; the model says it, never the request."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from province.fleet.hosts import Host

Address = IPv4Address | IPv6Address


@dataclass(frozen=True)
class Subject:
    """The names that a certificate shows: DNS names, the full one first, and addresses."""

    names: tuple[str, ...]
    addresses: tuple[Address, ...] = ()


def subject(host: Host) -> Subject:
    """A host by its full and its short name and by every address that it has."""
    addresses = tuple(address for interface in host.interfaces for address in interface.address.plain)
    return Subject((host.fqdn, host.name), addresses)
