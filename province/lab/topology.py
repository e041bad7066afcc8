"""The model as a lab: every host of an environment becomes a guest, every network a bridge."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from province.fleet import addressing
from province.fleet.addressing import Subnet
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host, Interface
from province.lab.spec import (
    GuestSpec,
    Image,
    LabSpec,
    MirrorSpec,
    NeighbourSpec,
    NetworkSpec,
    NicSpec,
    RouterSpec,
)

KUBERNETES_CLASSES = {"control-plane", "worker", "ingress"}


def lab_spec(
    fleet: Fleet, packages: Iterable[str] = (), debs: tuple[Path, ...] = (), images: Path | None = None
) -> LabSpec:
    """The lab of a fleet; `packages`, `debs` and `images` fill its mirror."""
    return LabSpec(
        domain=fleet.province.domain,
        station=station(fleet),
        networks=tuple(_networks(fleet)),
        guests=tuple(guest_of(host) for host in fleet.hosts.values()),
        router=_router(fleet),
        mirror=MirrorSpec(
            packages=tuple(sorted(set(packages))),
            debs=debs,
            images=images,
            suites=tuple(one.id for one in fleet.registers.update_releases.rows),
            valid_days=fleet.province.updates.valid_days,
        ),
        user=fleet.environment.automation.name,
        user_id=fleet.environment.automation.uid,
    )


def station(fleet: Fleet) -> IPv4Address:
    """The operator's desk: the router's place in the management zone of the primary site."""
    return _desk(fleet)[0]


def _desk(fleet: Fleet) -> tuple[IPv4Address, IPv6Address]:
    zone = _site_zones(fleet)[f"{fleet.primary_site.id}-{fleet.province.management_zone}"]
    return zone.host(1).plain


def _router(fleet: Fleet) -> RouterSpec:
    """The routers of the sites and the network between them, as one: neighbour of every gateway."""
    plan = fleet.province.addressing
    watch = fleet.province.routing.watches["fast"]
    return RouterSpec(
        asn=fleet.province.routing.core_asn,
        neighbours=tuple(_neighbour(host) for host in fleet.hosts.values() if host.host_class == "gateway"),
        announces=tuple(str(network) for site in fleet.site_prefixes.values() for network in (site.ipv4, site.ipv6)),
        accepts=tuple(str(network) for pair in plan.bodies.values() for network in (pair.ipv4, pair.ipv6)),
        apart=(
            tuple(str(pair.ipv4) for pair in plan.bodies.values()),
            tuple(str(pair.ipv6) for pair in plan.bodies.values()),
        ),
        sources=_desk(fleet),
        echo_ms=watch.echo_ms,
        missed=watch.missed,
    )


def _neighbour(gateway: Host) -> NeighbourSpec:
    link = next(one for one in gateway.interfaces if one.zone and one.router)
    assert link.router  # noqa: S101 - just looked for
    return NeighbourSpec(gateway.name, gateway.asn, bridge_name(link.network), link.address.plain[0], link.router[0])


def bridge_name(network: str) -> str:
    """A model network's name cut to what Linux takes: `rach-gia-management` becomes `rg-management`."""
    words = network.split("-")
    return network if len(words) == 1 else "".join(word[0] for word in words[:-1]) + "-" + words[-1]


def _networks(fleet: Fleet) -> Iterable[NetworkSpec]:
    plan = fleet.province.addressing
    subnets = {name: addressing.underlay(plan, name) for name in plan.underlays} | _site_zones(fleet)
    for name, subnet in subnets.items():
        router = subnet.host(1)
        yield NetworkSpec(bridge_name(name), router.ipv4, router.ipv6)


def _site_zones(fleet: Fleet) -> dict[str, Subnet]:
    """The zones of every site that has hosts, in the order that the hosts' addresses use."""
    return {
        f"{site}-{zone.id}": addressing.site_zone(fleet.province.addressing, rank, number)
        for rank, site in enumerate(fleet.site_prefixes)
        for number, zone in enumerate(fleet.province.site_zones)
    }


def guest_of(host: Host) -> GuestSpec:
    """A host as a guest."""
    image: Image = "kubernetes" if host.host_class in KUBERNETES_CLASSES else "host"
    return GuestSpec(
        name=host.name,
        image=image,
        nics=tuple(_nic(host, interface) for interface in host.interfaces),
        second=host.interface("management").address.plain[0] if host.host_class == "edge" else None,
    )


def _nic(host: Host, interface: Interface) -> NicSpec:
    private = host.host_class == "edge" and interface.zone is not None
    return NicSpec(
        device=interface.device,
        network=None if private else bridge_name(interface.network),
        addresses=(interface.address.ipv4, interface.address.ipv6),
        gateways=_gateways(host, interface),
        mbps=interface.mbps,
        management=interface.address == host.management,
    )


def _gateways(host: Host, interface: Interface) -> tuple[IPv4Address, ...]:
    """The way back to the operator's desk: the router of the network that administrators come through."""
    if interface.address != host.management:
        return ()
    return (IPv4Address(int(interface.address.ipv4.network.network_address) + 1),)
