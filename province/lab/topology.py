"""The model as a lab: every host of an environment becomes a guest, every network a bridge."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address
from pathlib import Path

from province.fleet import addressing
from province.fleet.addressing import Subnet
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host, Interface
from province.lab.spec import GuestSpec, Image, LabSpec, MirrorSpec, NetworkSpec, NicSpec

KUBERNETES_CLASSES = {"control-plane", "worker", "ingress"}


def lab_spec(
    fleet: Fleet, packages: Iterable[str] = (), debs: tuple[Path, ...] = (), images: Path | None = None
) -> LabSpec:
    """The lab of a fleet; `packages`, `debs` and `images` fill its mirror."""
    return LabSpec(
        domain=fleet.province.domain,
        station=station(fleet),
        networks=tuple(_networks(fleet)),
        guests=tuple(_guest(host) for host in fleet.hosts.values()),
        mirror=MirrorSpec(packages=tuple(sorted(set(packages))), debs=debs, images=images),
        user=fleet.environment.automation.name,
        user_id=fleet.environment.automation.uid,
    )


def station(fleet: Fleet) -> IPv4Address:
    """The operator's desk: the router's place in the management zone of the primary site."""
    zone = _site_zones(fleet)[f"{fleet.primary_site.id}-{fleet.province.management_zone}"]
    return zone.host(1).ipv4.ip


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
    ranked = sorted(site.id for site in fleet.sites.values() if site.hosts)
    return {
        f"{site}-{zone.id}": addressing.site_zone(fleet.province.addressing, rank, number)
        for rank, site in enumerate(ranked)
        for number, zone in enumerate(fleet.province.site_zones)
    }


def _guest(host: Host) -> GuestSpec:
    image: Image = "kubernetes" if host.host_class in KUBERNETES_CLASSES else "host"
    return GuestSpec(
        name=host.name,
        image=image,
        nics=tuple(_nic(host, interface) for interface in host.interfaces),
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
