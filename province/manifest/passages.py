"""Who may go through a forwarding host: the model's flows as passages from a commune's zones to the sites."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property

from province.fleet.addressing import AddressPair
from province.fleet.exposed import DOORS, entrance_class
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.site import Duty, HostRole, Site
from province.fleet.system import EndKind, System, end_of
from province.fleet.traffic import Traffic, TrafficClass
from province.manifest.capability import Protocol

Values = dict[str, object]


@dataclass(frozen=True)
class Passage:
    """A way that users of a zone may take, through a tunnel to one entrance of a site.

    `systems` are those found there, as `system/component`; what shares an address and a port cannot be told apart.
    """

    zone: str
    entrance: AddressPair
    protocol: Protocol
    port: int
    systems: tuple[str, ...]
    traffic: TrafficClass

    @cached_property
    def values(self) -> Values:
        """The passage as templates see it; every node has the same, so nobody may change it."""
        ipv4, ipv6 = self.entrance.plain
        return {
            "zone": self.zone,
            "ipv4": str(ipv4),
            "ipv6": str(ipv6),
            "protocol": self.protocol,
            "port": self.port,
            "systems": list(self.systems),
            "traffic": self.traffic.id,
        }


@dataclass(frozen=True)
class _Way:
    """One flow of one system as seen from a zone."""

    zone: str
    protocol: Protocol
    port: int
    system: System
    component: str


def passages(fleet: Fleet) -> tuple[Passage, ...]:
    """All passages of a commune's zones, the same for every commune and body: no fact says who uses which system."""
    zones = [zone.id for zone in fleet.province.commune_zones]
    found: dict[tuple[int, str, AddressPair, Protocol, int], list[_Way]] = {}
    for site in fleet.data_centres:
        doors = entrances(fleet, site)
        for system in fleet.systems_at(site):
            for way in _ways(system, zones):
                served_by = system.components[way.component].duty
                for door in doors if served_by is None else with_duty(fleet, site, served_by):
                    key = (zones.index(way.zone), way.zone, door, way.protocol, way.port)
                    found.setdefault(key, []).append(way)
    return tuple(
        Passage(
            zone=zone,
            entrance=door,
            protocol=protocol,
            port=port,
            systems=tuple(sorted(f"{way.system.id}/{way.component}" for way in ways)),
            traffic=traffic_class(fleet.province.traffic, zone, [way.system.id for way in ways]),
        )
        for (_, zone, door, protocol, port), ways in sorted(found.items(), key=lambda one: _order(one[0]))
    )


def entrances(fleet: Fleet, site: Site) -> tuple[AddressPair, ...]:
    """The addresses at which users reach the systems of a site, each in the first zone of its host."""
    wanted = entrance_class(fleet, site)
    return tuple(host.interfaces[0].address for host in fleet.hosts_of(site.id) if host.host_class == wanted)


def with_duty(fleet: Fleet, site: Site, duty: Duty) -> tuple[AddressPair, ...]:
    """The addresses of a site's hosts with a duty, where users reach what those hosts serve themselves."""
    return tuple(host.interfaces[0].address for host in fleet.hosts_of(site.id) if duty in host.duties)


def traffic_class(traffic: Traffic, zone: str, systems: list[str]) -> TrafficClass:
    """The class of a passage: the one that claims all its systems, else the zone's."""
    claimed = [traffic.of_system(system) for system in systems]
    first = claimed[0]
    return first if first is not None and all(one is first for one in claimed) else traffic.of_zone(zone)


def zone_prefixes(host: Host) -> Iterator[tuple[str, str, str]]:
    """Every zone of a node with its two prefixes, in the order of the model."""
    for interface in host.interfaces:
        if interface.zone is not None:
            yield interface.zone, str(interface.address.ipv4.network), str(interface.address.ipv6.network)


def _ways(system: System, zones: list[str]) -> Iterator[_Way]:
    for flow in system.flows:
        origin, end = end_of(flow.origin), end_of(flow.to)
        if origin.kind is EndKind.ZONE and origin.name in zones and end.kind is EndKind.COMPONENT:
            component = system.components[end.name]
            if component.offered_on is not None:
                yield _Way(origin.name, component.protocol, component.offered_on, system, end.name)


def _order(key: tuple[int, str, AddressPair, Protocol, int]) -> tuple[int, int, str, int]:
    number, _, door, protocol, port = key
    return number, int(door.ipv4), protocol, port


def passage_view(fleet: Fleet, host: Host, known: tuple[Passage, ...]) -> Values:
    """What the firewall of a forwarding host needs; empty lists for hosts that pass nothing on between zones.

    `known` are the passages of the fleet, worked out once for all hosts.
    """
    return {
        **(_at_gateway(fleet, host, known) if host.host_class == "gateway" else _at_node(fleet, host, known)),
        "management_zone": fleet.province.management_zone,
        **_ranges(fleet),
        **_fence(fleet, host),
    }


@cache
def _ranges(fleet: Fleet) -> Values:
    """The same for all hosts, and nobody changes it."""
    plan = fleet.province.addressing
    ranges = [*plan.bodies.values(), *plan.underlays.values(), plan.sites, plan.tunnels]
    return {
        "province_ipv4": [str(pair.ipv4) for pair in ranges],
        "province_ipv6": [str(pair.ipv6) for pair in ranges],
    }


def _fence(fleet: Fleet, host: Host) -> Values:
    """Whether the host stands at a site that must not serve, and the doors of systems that it then keeps shut."""
    fenced = host.site in fleet.fences
    shut = fenced and host.host_class == entrance_class(fleet, fleet.sites[str(host.site)])
    ports = [port for doors in DOORS.values() for port in (doors.https, doors.http)]
    return {"site_fenced": fenced, "fenced_doors": sorted(ports) if shut else []}


def _at_node(fleet: Fleet, host: Host, known: tuple[Passage, ...]) -> Values:
    zones = list(zone_prefixes(host)) if host.host_class == "edge" else []
    internet = _internet_zones(fleet, host) if zones else []
    there = {zone for zone, _, _ in zones}
    inner = [zone for zone, _, _ in zones if zone not in {one["zone"] for one in internet}]
    neighbours = _neighbours(fleet, there)
    pairs = [(zone, tunnel.node_device) for zone in inner for tunnel in fleet.tunnels_of(host.name)]
    beside = [(str(one["from"]), str(one["to"])) for one in neighbours]
    return {
        "zone_prefixes": [{"zone": zone, "ipv4": ipv4, "ipv6": ipv6} for zone, ipv4, ipv6 in zones],
        "zone_vlans": _vlans(fleet, zones),
        "zone_ports": _ports(fleet, zones),
        "internet_zones": internet,
        "neighbours": neighbours,
        "ways": _both_ways((*pairs, *beside, *((one["zone"], one["device"]) for one in internet))),
        "passages": [one.values for one in known if one.zone in there],
        "domain_prefixes": [],
        "node_management": [],
    }


def _at_gateway(fleet: Fleet, gateway: Host, known: tuple[Passage, ...]) -> Values:
    """Between its tunnels and the first zone of its role, where the site's router waits."""
    inside = fleet.province.roles[HostRole.GATEWAY].zones[0]
    domains = _domain_prefixes(fleet, gateway)
    return {
        "zone_prefixes": [],
        "zone_vlans": [],
        "zone_ports": [],
        "internet_zones": [],
        "neighbours": [],
        "ways": _both_ways(tuple((str(one["device"]), inside) for one in domains)),
        "passages": list(_doors_of_systems(one for one in known if not _is_fenced(fleet, one))),
        "domain_prefixes": domains,
        "node_management": _node_management(fleet),
    }


@cache
def _both_ways(pairs: tuple[tuple[str, str], ...]) -> list[Values]:
    """Each pair there and back; nodes with the same lines have the same ways, so nobody may change them."""
    return [{"from": one, "to": other} for pair in pairs for one, other in (pair, pair[::-1])]


def _is_fenced(fleet: Fleet, passage: Passage) -> bool:
    """Whether a passage leads to a site that must not serve. Nodes keep theirs: no gateway takes users through."""
    ipv4, _ = passage.entrance.plain
    return any(ipv4 in fleet.site_prefixes[site].ipv4 for site in fleet.fences)


def _doors_of_systems(known: Iterable[Passage]) -> Iterator[Values]:
    """The passages as a gateway sees them: whoever comes through a tunnel, whatever zone it began in."""
    merged: dict[tuple[AddressPair, Protocol, int], Passage] = {}
    for one in known:
        key = (one.entrance, one.protocol, one.port)
        earlier = merged.setdefault(key, one)
        merged[key] = replace(one, systems=tuple(sorted({*earlier.systems, *one.systems})))
    return (one.values for one in merged.values())


def _vlans(fleet: Fleet, zones: list[tuple[str, str, str]]) -> list[Values]:
    if fleet.environment.platform.zone_devices == "own":
        return []
    numbers = {zone.id: zone.vlan for zone in fleet.province.commune_zones}
    return [{"device": zone, "vlan": numbers[zone]} for zone, _, _ in zones]


def _ports(fleet: Fleet, zones: list[tuple[str, str, str]]) -> list[Values]:
    carried = [one["device"] for one in _vlans(fleet, zones)]
    return [{"device": fleet.province.zone_port.device, "zones": carried}] if carried else []


def _internet_zones(fleet: Fleet, node: Host) -> list[dict[str, str]]:
    """Zones whose users may reach the Internet and nothing else, with the node's first backup; none without one."""
    backup = next((one.device for one in node.interfaces[1:] if one.zone is None), None)
    there = {one.zone for one in node.interfaces}
    zones = [zone.id for zone in fleet.province.commune_zones if zone.internet and zone.id in there]
    return [{"zone": zone, "device": backup} for zone in zones] if backup else []


def _neighbours(fleet: Fleet, there: set[str]) -> list[Values]:
    """From which zone connections may be opened into which other one of the same commune, and to which ports."""
    return [
        {"from": one, "to": zone.id, "ports": list(zone.neighbours.ports)}
        for zone in fleet.province.commune_zones
        if zone.neighbours is not None and zone.id in there
        for one in zone.neighbours.zones
        if one in there
    ]


def _domain_prefixes(fleet: Fleet, gateway: Host) -> list[Values]:
    """For each tunnel device of a gateway, the addresses of its domain: the nodes' networks and the tunnels' own.

    What comes out of a device in a VRF is seen under the VRF's name, which is the domain's tag.
    """
    ipv4: dict[str, list[str]] = {}
    ipv6: dict[str, list[str]] = {}
    ends = [(one.domain, one.gateway_device, one.gateway_address) for one in fleet.tunnels_of(gateway.name)]
    for domain, name, inner in dict.fromkeys(ends):
        tag = fleet.province.domains[domain].tag
        whole = fleet.province.addressing.bodies[domain]
        for device in (name, *([tag] if fleet.environment.platform.routing_domains == "vrf" else [])):
            ipv4.setdefault(device, [str(whole.ipv4)]).append(str(inner.ipv4.network))
            ipv6.setdefault(device, [str(whole.ipv6)]).append(str(inner.ipv6.network))
    return [
        {"device": device, "ipv4": list(dict.fromkeys(ipv4[device])), "ipv6": list(dict.fromkeys(ipv6[device]))}
        for device in sorted(ipv4)
    ]


def _node_management(fleet: Fleet) -> list[Values]:
    """The management zone of every node."""
    found: list[Values] = []
    for node in fleet.hosts.values():
        for zone, ipv4, ipv6 in zone_prefixes(node) if node.host_class == "edge" else ():
            if zone == fleet.province.management_zone:
                found.append({"node": node.name, "ipv4": ipv4, "ipv6": ipv6})
    return found
