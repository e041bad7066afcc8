"""The tunnels as a host sees them: its devices, and who is at the other end of each; the same names at both ends."""

from __future__ import annotations

from collections.abc import Iterable

from province.fleet.addressing import AddressPair
from province.fleet.fact import RoutingDomain
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.province import WatchName
from province.fleet.tunnels import Tunnel

Values = dict[str, object]

FIRST_MARK = 256
"""What a path's own packets are marked with, counted from here, so that they leave by that path and no other."""

FIRST_TABLE = 1001
"""Number of the first routing domain's table; a path's table has the number of its mark."""


def tunnel_view(fleet: Fleet, host: Host) -> Values:
    """The host's tunnel devices and what routes between them; empty lists for a host without tunnels."""
    tunnels = fleet.tunnels_of(host.name)
    devices = _at_node(fleet, tunnels) if host.host_class == "edge" else _at_gateway(fleet, tunnels)
    return {
        "asn": host.asn,
        "tunnel_devices": devices,
        "paths": [_path(fleet, host, path.id) for path in fleet.province.edge_paths],
        "routing_domains": [
            _domain(fleet, domain, number)
            for number, domain in enumerate(fleet.province.domains, start=FIRST_TABLE)
            if devices and host.routing_domain in (None, domain)
        ],
        "prefix_ipv4": str(host.prefix.ipv4) if host.prefix else "",
        "prefix_ipv6": str(host.prefix.ipv6) if host.prefix else "",
    }


def _path(fleet: Fleet, host: Host, path: str) -> Values:
    """A path of the province; the router is empty where the host is not connected to it."""
    number = FIRST_MARK + [one.id for one in fleet.province.edge_paths].index(path)
    router = next((one.router for one in host.interfaces if one.device == path and one.router), None)
    return {
        "id": path,
        "mark": number,
        "table": number,
        "router_ipv4": str(router[0]) if router else "",
        "router_ipv6": str(router[1]) if router else "",
    }


def _domain(fleet: Fleet, domain: RoutingDomain, table: int) -> Values:
    whole = fleet.province.addressing.bodies[domain]
    tag = fleet.province.domains[domain].tag
    return {"id": str(domain), "tag": tag, "table": table, "ipv4": str(whole.ipv4), "ipv6": str(whole.ipv6)}


def _at_node(fleet: Fleet, tunnels: Iterable[Tunnel]) -> list[Values]:
    """One device for each tunnel, in order of preference; everything may come through it."""
    return [
        {
            **_device(fleet, tunnel, _watch(fleet, tunnel.node)),
            "device": tunnel.node_device,
            "listen_port": 0,
            "preference": tunnel.preference,
            **_both(tunnel.node_address),
            "peers": [
                {
                    **_peer(fleet.hosts[tunnel.gateway], tunnel.gateway_device, tunnel.gateway_address),
                    "endpoint_ipv4": str(tunnel.endpoint[0]),
                    "endpoint_ipv6": str(tunnel.endpoint[1]),
                    "endpoint_port": tunnel.port,
                    "allowed": ["0.0.0.0/0", "::/0"],
                    "mbps": tunnel.mbps or 0,
                }
            ],
        }
        for tunnel in tunnels
    ]


def _at_gateway(fleet: Fleet, tunnels: Iterable[Tunnel]) -> list[Values]:
    """One device for each domain and path with its nodes behind it; a node sends from its own addresses only."""
    grouped: dict[str, list[Tunnel]] = {}
    for tunnel in tunnels:
        grouped.setdefault(tunnel.gateway_device, []).append(tunnel)
    return [
        {
            **_device(fleet, members[0], "fast"),
            "device": name,
            "listen_port": members[0].port,
            "preference": 0,
            **_both(members[0].gateway_address),
            "peers": [
                {
                    **_peer(fleet.hosts[one.node], one.node_device, one.node_address),
                    "endpoint_ipv4": "",
                    "endpoint_ipv6": "",
                    "endpoint_port": 0,
                    "allowed": _allowed(fleet.hosts[one.node], one.node_address),
                    "mbps": one.mbps or 0,
                }
                for one in members
            ],
        }
        for name, members in sorted(grouped.items())
    ]


def _device(fleet: Fleet, tunnel: Tunnel, watch: WatchName) -> Values:
    """What both ends of a path have in common; the slower watch of the two ends governs (RFC 5880)."""
    paths = [path.id for path in fleet.province.edge_paths]
    timers = fleet.province.routing.watches[watch]
    return {
        "path": tunnel.path.id,
        "arrives": tunnel.path.arrives,
        "domain": str(tunnel.domain),
        "mark": FIRST_MARK + paths.index(tunnel.path.id),
        "mtu": tunnel.mtu,
        "echo_ms": timers.echo_ms,
        "missed": timers.missed,
    }


def _peer(other: Host, device: str, address: AddressPair) -> Values:
    """Who is at the other end: `name` and `device` together name its public key."""
    return {
        "name": other.name,
        "device": device,
        "asn": other.asn,
        **_both(address),
        "prefix_ipv4": str(other.prefix.ipv4) if other.prefix else "",
        "prefix_ipv6": str(other.prefix.ipv6) if other.prefix else "",
    }


def _allowed(node: Host, address: AddressPair) -> list[str]:
    assert node.prefix, node.name  # noqa: S101 - every node has one
    ipv4, ipv6 = address.plain
    return [f"{ipv4}/32", f"{ipv6}/128", str(node.prefix.ipv4), str(node.prefix.ipv6)]


def _watch(fleet: Fleet, node: str) -> WatchName:
    fast = fleet.environment.fast_communes
    return "fast" if fast == "all" or fleet.hosts[node].commune in fast else "calm"


def _both(address: AddressPair) -> Values:
    return {"ipv4": str(address.ipv4), "ipv6": str(address.ipv6)}
