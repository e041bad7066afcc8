"""What a lab consists of, as plain values: the engine knows networks, guests, a mirror, never the model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from pathlib import Path
from typing import Literal

Image = Literal["host", "kubernetes"]

MEMORY_MIB: dict[Image, int] = {"host": 60, "kubernetes": 900}
"""What one guest needs at work, kernel memory included, in MiB (measured; a lab is sized by the sum)."""

LINK_NAME = re.compile(r"[a-z][a-z0-9.-]{0,14}")
HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class NetworkSpec:
    """One bridge in the lab's network namespace.

    The gateways are the namespace's own addresses on it: there it plays the provider's edge router (it
    forwards between the networks) and the operator's desk. The name is the bridge's: at most 15 characters.
    """

    name: str
    ipv4_gateway: IPv4Interface | None = None
    ipv6_gateway: IPv6Interface | None = None


@dataclass(frozen=True)
class Route:
    """A route of the namespace: who reaches `destination` goes through a guest at `via`."""

    destination: str
    via: IPv4Address | IPv6Address


@dataclass(frozen=True)
class NicSpec:
    """One interface of a guest, named `device` inside it.

    network: the bridge it is plugged into; None is a port with a live link and nobody at the other end.
    addresses, gateways: written into the guest by the engine for the management interface alone, so that the
    guest can be reached at all; on the others they only say what the configuration will set.
    mbps: the line's capacity in megabit per second, enforced in both directions outside the guest.
    mac: fixed hardware address; None leaves the one derived from the names.
    """

    device: str
    network: str | None
    addresses: tuple[IPv4Interface | IPv6Interface, ...] = ()
    gateways: tuple[IPv4Address | IPv6Address, ...] = ()
    mbps: float | None = None
    mac: str | None = None
    management: bool = False


@dataclass(frozen=True)
class GuestSpec:
    """One Debian host of the lab; exactly one of its interfaces is the management interface."""

    name: str
    nics: tuple[NicSpec, ...]
    image: Image = "host"
    memory_mib: int | None = None
    second: IPv4Address | None = None
    """Where the operator reaches it, too, when the management interface is cut off."""

    @property
    def management(self) -> NicSpec:
        """The interface through which the operator reaches the guest from its first second."""
        return next(nic for nic in self.nics if nic.management)

    @property
    def address(self) -> IPv4Address | IPv6Address:
        """The first management address, without its prefix length."""
        return self.management.addresses[0].ip

    @property
    def memory(self) -> int:
        """Memory to count with for this guest, MiB."""
        return self.memory_mib if self.memory_mib is not None else MEMORY_MIB[self.image]


@dataclass(frozen=True)
class MirrorSpec:
    """What the lab's own package source offers.

    packages: Debian package names; whatever they depend on comes with them.
    debs: package files of our own.
    images: a directory served as it is under /images/ (container images, binaries).
    port: TCP port on the station address.
    suites: releases of updates, each in a suite of its own. valid_days: so long holds the signature over an index.
    """

    packages: tuple[str, ...] = ()
    debs: tuple[Path, ...] = ()
    images: Path | None = None
    port: int = 80
    suites: tuple[str, ...] = ()
    valid_days: int = 60


@dataclass(frozen=True)
class NeighbourSpec:
    """A guest that speaks BGP with the namespace: its system's number, the bridge, both ends' addresses there."""

    name: str
    asn: int
    network: str
    address: IPv4Address
    local: IPv4Address


@dataclass(frozen=True)
class RouterSpec:
    """The namespace as a router that talks to others (BGP with BFD): the core between the sites.

    announces: prefixes that lie behind it. accepts: prefixes of which guests may announce parts.
    apart: prefixes between which it never forwards. sources: its own address, IPv4 and IPv6, towards what it learned.
    echo_ms, missed: how soon the end of a neighbour is noticed.
    """

    asn: int
    neighbours: tuple[NeighbourSpec, ...]
    announces: tuple[str, ...]
    accepts: tuple[str, ...]
    apart: tuple[tuple[str, ...], ...]
    sources: tuple[IPv4Address, IPv6Address]
    echo_ms: int
    missed: int


@dataclass(frozen=True)
class LabSpec:
    """A whole lab.

    domain: DNS suffix of the guests' full names.
    station: the operator's and the mirror's address; a gateway address, or else put on the loopback.
    user, user_id: the account the operator enters with before any configuration has run.
    routes: prefixes of the namespace that lie behind a guest.
    router: what the namespace's routing daemon does; None for a lab without one.
    """

    domain: str
    station: IPv4Address
    networks: tuple[NetworkSpec, ...]
    guests: tuple[GuestSpec, ...]
    mirror: MirrorSpec = MirrorSpec()
    routes: tuple[Route, ...] = ()
    router: RouterSpec | None = None
    user: str = "ops"
    user_id: int = 2000


def problems(spec: LabSpec) -> list[str]:
    """Everything that makes a lab impossible, each as one sentence; empty when it can be built."""
    found = [f"network {n.name}: not a link name" for n in spec.networks if not LINK_NAME.fullmatch(n.name)]
    found += _repeated("network", [network.name for network in spec.networks])
    found += _repeated("guest", [guest.name for guest in spec.guests])
    known = {network.name for network in spec.networks}
    for guest in spec.guests:
        found += [f"guest {guest.name}: {text}" for text in _guest_problems(guest, known)]
    addresses = [str(a.ip) for guest in spec.guests for nic in guest.nics if nic.network for a in nic.addresses]
    return found + _repeated("address", addresses)


def _guest_problems(guest: GuestSpec, networks: set[str]) -> list[str]:
    """Say what is wrong with one guest."""
    found = [] if HOST_NAME.fullmatch(guest.name) else ["not a host name"]
    found += _repeated("device", [nic.device for nic in guest.nics])
    found += [f"{n.device}: not a link name" for n in guest.nics if not LINK_NAME.fullmatch(n.device)]
    found += [
        f"{nic.device}: no network {nic.network}"
        for nic in guest.nics
        if nic.network is not None and nic.network not in networks
    ]
    management = [nic for nic in guest.nics if nic.management]
    if len(management) != 1:
        found.append(f"{len(management)} management interfaces, exactly one is needed")
    elif not management[0].addresses or management[0].network is None:
        found.append("the management interface has no address or no network")
    return found


def _repeated(what: str, names: list[str]) -> list[str]:
    """One sentence per name that occurs twice."""
    return sorted(f"{what} {name} occurs twice" for name in set(names) if names.count(name) > 1)
