"""The tunnels: from every node to every gateway over every path that the node has, computed from the model.

A node has one device for each tunnel (`rg1-tslcd`: the first gateway at Rạch Giá, over the leased line). A gateway has
one device for each path and routing domain (`gov-tslcd`), with all nodes of the domain behind it: the domains share no
device, no key and no subnet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from province.fleet import addressing
from province.fleet.addressing import AddressPair, Subnet
from province.fleet.fact import DeviceName, RoutingDomain, Slug
from province.fleet.findings import Finding
from province.fleet.hosts import Host
from province.fleet.province import EdgePath, Province

WIREGUARD_BYTES = 80
"""What WireGuard, UDP and an outer IPv6 header put around a packet."""


@dataclass(frozen=True)
class Tunnel:
    """One tunnel between a node and a gateway.

    The gateway waits at `endpoint` (both protocols), UDP `port`. `preference` orders a node's tunnels, 0 is the first
    choice. `mbps` is the capacity of the node's line, None when nobody stated it.
    """

    node: Slug
    gateway: Slug
    domain: RoutingDomain
    path: EdgePath
    node_device: DeviceName
    gateway_device: DeviceName
    node_address: AddressPair
    gateway_address: AddressPair
    endpoint: tuple[IPv4Address, IPv6Address]
    port: int
    preference: int
    mbps: int | None

    @property
    def mtu(self) -> int:
        """Largest packet inside the tunnel, bytes."""
        return self.path.mtu - WIREGUARD_BYTES


@dataclass(frozen=True)
class _End:
    """A gateway's device for a domain and a path: what all tunnels that end there have in common."""

    gateway: Host
    domain: RoutingDomain
    path: EdgePath
    short: str
    device: DeviceName
    subnet: Subnet
    address: AddressPair
    endpoint: tuple[IPv4Address, IPv6Address]
    port: int


def plan_tunnels(province: Province, nodes: Iterable[Host], hosts: Iterable[Host], primary: Slug) -> Iterator[Tunnel]:
    """All tunnels between `nodes` and the gateways among `hosts`, node by node, in order of preference.

    The leased line to the primary site comes first, then the leased line to the other sites, then the same over each
    backup. The gateways of one site share the load: nodes prefer them in turn.
    """
    gateways = [host for host in hosts if host.host_class == "gateway"]
    ends: dict[tuple[Slug, RoutingDomain, DeviceName], _End] = {}
    for number, node in enumerate(nodes):
        ordered = sorted(gateways, key=lambda one: (one.site != primary, one.site, (one.index + number) % 2, one.index))
        paths = [path for path in province.edge_paths if any(path.id == one.device for one in node.interfaces)]
        ways = [(path, gateway) for path in paths for gateway in ordered]
        for preference, (path, gateway) in enumerate(ways):
            assert node.routing_domain, node.name  # noqa: S101 - every node belongs to a body
            key = gateway.name, node.routing_domain, path.id
            if key not in ends:
                ends[key] = _end(province, gateway, node.routing_domain, path)
            yield _tunnel(province, node, ends[key], preference)


def check_room(province: Province, nodes: int, file: str) -> Iterator[Finding]:
    """Every tunnel network of a gateway counts the nodes of all domains through, so it must have room for all."""
    plan = province.addressing
    room = 2 ** (32 - plan.tunnel_prefix.ipv4) - 1 - plan.tunnel_reserved
    if nodes > room:
        yield Finding(
            file,
            "addressing.tunnel_prefix.ipv4",
            str(plan.tunnel_prefix.ipv4),
            f"has room for {room} nodes of {nodes}",
            "shorten the prefix; `tunnels` must hold as many networks as before",
        )


def gateway_device(province: Province, domain: RoutingDomain, path: EdgePath) -> DeviceName:
    """The gateways' device for a domain and a path."""
    return f"{province.domains[domain].tag}-{path.id}"


def gateway_port(province: Province, domain: RoutingDomain, path: EdgePath) -> int:
    """The UDP port of the gateways' device for a domain and a path."""
    return province.routing.first_tunnel_port + _number(province, domain, path)


def gateway_subnet(province: Province, gateway: Host, domain: RoutingDomain, path: EdgePath) -> Subnet:
    """The inner network of a gateway's device; the gateway is host 1 in it."""
    plan = province.addressing
    site_rank = gateway.asn - province.routing.site_asn
    place = site_rank * plan.gateways_per_site + gateway.index - 1
    devices = len(province.domains) * len(plan.underlays)
    number = place * devices + _number(province, domain, path)
    return addressing.nth(plan.tunnels, number, plan.tunnel_prefix.ipv4, plan.tunnel_prefix.ipv6)


def _number(province: Province, domain: RoutingDomain, path: EdgePath) -> int:
    """A device's number at every gateway; it counts all underlays of the plan, whether the environment has them."""
    underlays = list(province.addressing.underlays)
    return list(province.domains).index(domain) * len(underlays) + underlays.index(path.id)


def _end(province: Province, gateway: Host, domain: RoutingDomain, path: EdgePath) -> _End:
    assert gateway.site, gateway.name  # noqa: S101 - gateways stand at sites
    subnet = gateway_subnet(province, gateway, domain, path)
    return _End(
        gateway=gateway,
        domain=domain,
        path=path,
        short="".join(word[0] for word in gateway.site.split("-")),
        device=gateway_device(province, domain, path),
        subnet=subnet,
        address=subnet.host(1),
        endpoint=gateway.interface(path.arrives).address.plain,
        port=gateway_port(province, domain, path),
    )


def _tunnel(province: Province, node: Host, end: _End, preference: int) -> Tunnel:
    number = province.addressing.tunnel_reserved + node.asn - province.routing.node_asn
    return Tunnel(
        node=node.name,
        gateway=end.gateway.name,
        domain=end.domain,
        path=end.path,
        node_device=f"{end.short}{end.gateway.index}-{end.path.id}",
        gateway_device=end.device,
        node_address=end.subnet.host(number),
        gateway_address=end.address,
        endpoint=end.endpoint,
        port=end.port,
        preference=preference,
        mbps=node.interface(end.path.id).mbps,
    )
