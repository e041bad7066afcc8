"""The tunnels as a host sees them: its devices, and who is at the other end of each; the same names at both ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from province.fleet.addressing import AddressPair
from province.fleet.fact import RoutingDomain
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host, Interface
from province.fleet.province import WatchName
from province.fleet.tunnels import Tunnel
from province.manifest.routes import FIRST_DOMAIN_TABLE, path_table

Values = dict[str, Any]
PublicKeys = Mapping[str, Mapping[str, str]]
"""Public keys by host and device."""


def tunnel_view(fleet: Fleet, host: Host) -> Values:
    """The host's tunnel devices and what routes between them; empty lists for a host without tunnels."""
    sites = fleet.province.addressing.sites
    devices = tunnel_devices(fleet, host)
    return {
        "asn": host.asn,
        "tunnel_devices": devices,
        "routing_domains": [
            _domain(fleet, domain, number)
            for number, domain in enumerate(fleet.province.domains, start=FIRST_DOMAIN_TABLE)
            if host.asn and host.routing_domain in (None, domain)
        ],
        "routing_core": _core(fleet, host),
        "sites_ipv4": str(sites.ipv4),
        "sites_ipv6": str(sites.ipv6),
        "prefix_ipv4": str(host.prefix.ipv4) if host.prefix else "",
        "prefix_ipv6": str(host.prefix.ipv6) if host.prefix else "",
    }


def tunnel_devices(fleet: Fleet, host: Host) -> list[Values]:
    """The host's tunnel devices with their peers, at a node in order of preference."""
    tunnels = fleet.tunnels_of(host.name)
    return _at_node(fleet, tunnels) if host.host_class == "edge" else _at_gateway(fleet, tunnels)


def with_keys(devices: Iterable[Values], keys: PublicKeys) -> list[Values]:
    """The same devices with the public key of every peer, empty for one that is not enrolled yet."""
    return [{**device, "peers": [_with_key(peer, keys) for peer in device["peers"]]} for device in devices]


def _with_key(peer: Values, keys: PublicKeys) -> Values:
    return {**peer, "public_key": keys.get(peer["name"], {}).get(peer["device"], "")}


def core_link(host: Host) -> Interface | None:
    """The interface at which a gateway speaks with the routers of its site; none for other hosts."""
    zones = (one for one in host.interfaces if one.zone and one.router)
    return next(zones) if host.host_class == "gateway" else None


def _core(fleet: Fleet, host: Host) -> Values:
    """The router that a gateway tells of the nodes, at its first zone; number 0 for a host that is no gateway."""
    link = core_link(host)
    if not link:
        return {"asn": 0}
    assert link.router  # noqa: S101 - it was chosen for it
    watch = fleet.province.routing.watches["fast"]
    return {
        "asn": fleet.province.routing.core_asn,
        "device": link.device,
        "ipv4": str(link.router[0]),
        "own_ipv4": str(link.address.plain[0]),
        "told": [str(one) for prefix in fleet.site_prefixes.values() for one in (prefix.ipv4, prefix.ipv6)],
        "echo_ms": watch.echo_ms,
        "missed": watch.missed,
    }


def _domain(fleet: Fleet, domain: RoutingDomain, table: int) -> Values:
    plan = fleet.province.addressing
    whole = plan.bodies[domain]
    return {
        "id": str(domain),
        "tag": fleet.province.domains[domain].tag,
        "table": table,
        "ipv4": str(whole.ipv4),
        "ipv6": str(whole.ipv6),
        "body_ipv4": plan.body_prefix.ipv4,
        "body_ipv6": plan.body_prefix.ipv6,
    }


def _at_node(fleet: Fleet, tunnels: Iterable[Tunnel]) -> list[Values]:
    """One device for each tunnel, in order of preference; everything may come through it."""
    return [
        {
            **_device(fleet, tunnel, tunnel.path.id, _watch(fleet, tunnel.node)),
            "device": tunnel.node_device,
            "listen_port": fleet.province.routing.first_tunnel_port + tunnel.preference,
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
            **_device(fleet, members[0], members[0].path.arrives, "fast"),
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


def _device(fleet: Fleet, tunnel: Tunnel, underlay: str, watch: WatchName) -> Values:
    """What both ends of a path have in common; the slower watch of the two ends governs (RFC 5880).

    `mark` is what the tunnel's own packets carry, so that they leave by `underlay` and no other.
    """
    timers = fleet.province.routing.watches[watch]
    domain = list(fleet.province.domains).index(tunnel.domain)
    return {
        "path": tunnel.path.id,
        "arrives": tunnel.path.arrives,
        "domain": str(tunnel.domain),
        "domain_tag": fleet.province.domains[tunnel.domain].tag,
        "domain_table": FIRST_DOMAIN_TABLE + domain,
        "mark": path_table(fleet.province, underlay),
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
    ipv4, ipv6 = address.texts
    return {"ipv4": ipv4, "ipv6": ipv6}
