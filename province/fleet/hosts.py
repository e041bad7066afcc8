"""Every Debian host, computed: 2 nodes for each commune, and the hosts that sites declare by role and count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Literal

from province.fleet import addressing
from province.fleet.addressing import AddressPair, Subnet
from province.fleet.commune import Commune
from province.fleet.fact import Body, RoutingDomain, Slug
from province.fleet.province import Province
from province.fleet.site import Duty, HostRole, Site

HostClass = Literal["edge", "gateway", "services", "bastion", "control-plane", "worker", "storage", "ingress"]


@dataclass(frozen=True)
class Interface:
    """A network device of a host: what it serves, where it is plugged in, its addresses.

    `network` names the layer-2 network; `zone` is None on an underlay. `mbps` is the capacity of the line.
    """

    device: str
    network: str
    zone: str | None
    address: AddressPair
    router: tuple[IPv4Address, IPv6Address] | None
    mbps: int | None = None


@dataclass(frozen=True)
class Host:
    """A Debian host of ours."""

    name: Slug
    fqdn: str
    host_class: HostClass
    interfaces: tuple[Interface, ...]
    site: Slug | None = None
    commune: str | None = None
    body: Body | None = None
    routing_domain: RoutingDomain | None = None
    duties: tuple[Duty, ...] = ()
    forwards: bool = False
    wave: int | None = None
    asn: int = 0
    """The host's autonomous system; 0 for hosts that do not take part in routing."""
    prefix: Subnet | None = None
    """A node's part of its routing domain: every zone lies in it."""
    index: int = 1
    """Its number among the hosts of its role at its site, from 1."""
    rack: Slug | None = None
    """What fails together at a site: hosts of one role stand in its racks in turn."""

    @property
    def management(self) -> AddressPair:
        """Where administrators reach the host: the management zone at a site, the leased line at a commune."""
        wanted = "management" if self.site else self.interfaces[0].device
        return self.interface(wanted).address

    def interface(self, device: str) -> Interface:
        """The interface with this device name; KeyError when the host has none."""
        for interface in self.interfaces:
            if interface.device == device:
                return interface
        raise KeyError(f"{self.name} has no interface {device}")


def edge_nodes(
    province: Province, communes: Mapping[str, Commune], waves: Mapping[tuple[str, Body], int]
) -> Iterator[Host]:
    """The nodes of all communes, in the order of codes, Party Committee first."""
    for rank, code in enumerate(sorted(communes)):
        for number, body in enumerate(Body):
            yield _edge_node(province, communes[code], body, rank, number, waves.get((code, body)))


def _edge_node(province: Province, commune: Commune, body: Body, rank: int, body_number: int, wave: int | None) -> Host:
    plan = province.addressing
    name = f"{commune.short}-{body}"
    domain = province.bodies[body].routing_domain
    interfaces = []
    for path in province.edge_paths:
        line = commune.backup(path.backup) if path.backup else commune.lines.of(body)
        if line is None:
            continue
        address = addressing.node_on_underlay(plan, path.id, rank, body_number, len(Body))
        router = addressing.underlay(plan, path.id).host(1).plain
        interfaces.append(Interface(path.id, path.id, None, address, router, line.mbps))
    prefix = addressing.body_prefix(plan, plan.bodies[domain], rank)
    subnets = addressing.commune_zones(prefix, province.commune_zones)
    interfaces += [
        Interface(zone.id, f"{name}-{zone.id}", zone.id, subnets[zone.id].host(1), None)
        for zone in province.commune_zones
        if not zone.optional or commune.wifi
    ]
    return Host(
        name=name,
        fqdn=f"{name}.{province.domain}",
        host_class="edge",
        interfaces=tuple(interfaces),
        commune=commune.code,
        body=body,
        routing_domain=domain,
        wave=wave,
        forwards=True,
        prefix=prefix,
        asn=province.routing.node_asn + rank * len(Body) + body_number,
    )


def site_hosts(province: Province, sites: Iterable[Site]) -> Iterator[Host]:
    """The hosts of all sites, by site, role and number."""
    ranked = sorted((site for site in sites if site.hosts), key=lambda site: site.id)
    for rank, site in enumerate(ranked):
        for role, group in site.hosts.items():
            for index in range(1, group.count + 1):
                yield _site_host(province, site, rank, role, index)


def _site_host(province: Province, site: Site, rank: int, role: HostRole, index: int) -> Host:
    plan = province.addressing
    layout = province.roles[role]
    number = addressing.role_number(plan, role, index)
    name = f"{site.id}-{role}-{index}"
    interfaces = []
    for underlay in layout.underlays:
        subnet = addressing.underlay(plan, underlay)
        place = plan.role_stride * (rank + 1) + index
        interfaces.append(Interface(underlay, underlay, None, subnet.host(place), subnet.host(1).plain))
    numbers = {zone.id: position for position, zone in enumerate(province.site_zones)}
    for zone in layout.zones:
        subnet = addressing.site_zone(plan, rank, numbers[zone])
        router = subnet.host(1).plain if zone == layout.zones[0] else None
        interfaces.append(Interface(zone, f"{site.id}-{zone}", zone, subnet.host(number), router))
    return Host(
        name=name,
        fqdn=f"{name}.{province.domain}",
        host_class=role.value,
        interfaces=tuple(interfaces),
        site=site.id,
        duties=site.hosts[role].duties,
        forwards=layout.forwards,
        asn=province.routing.site_asn + rank if role is HostRole.GATEWAY else 0,
        index=index,
        rack=site.racks[(index - 1) % len(site.racks)].id if site.racks else None,
    )
