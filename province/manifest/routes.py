"""Which way packets take out of a host with tunnels: tables and rules in order of priority (ip-rule(8)).

  100  what a tunnel itself sends leaves by its own path, marked with the number of that path's table
  110  the host's own networks
  120  answers leave by the path on which the question came
  130  the routing domain: what was learned through the tunnels
  140  the host's own traffic to the sites over the leased line while no tunnel carries it: first contact, rescue
  150  nothing else of the province leaves a node outside a tunnel
Then the main table with the way to the Internet. At a gateway, 130 and 150 are for what comes in by a domain's tunnel.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

from province.fleet.fleet import Fleet
from province.fleet.hosts import Host, Interface
from province.fleet.province import NetworkPair, Province

Rule = dict[str, object]

FIRST_TABLE = 256
"""Number of the first underlay's table, and the mark of what has to leave by it."""

FIRST_DOMAIN_TABLE = 1001
"""Number of the first routing domain's table."""


def path_table(province: Province, underlay: str) -> int:
    """The number of an underlay's table, the same on every host; it counts all underlays of the plan."""
    return FIRST_TABLE + list(province.addressing.underlays).index(underlay)


def path_view(fleet: Fleet, host: Host, interface: Interface) -> dict[str, object]:
    """The table of an interface that tunnels leave by (0 for any other), its router there, and the host's rules."""
    if interface.zone is not None or interface.router is None or not host.asn:
        return {"table": 0, "network_ipv4": "", "network_ipv6": "", "router_ipv4": "", "router_ipv6": "", "rules": []}
    table = path_table(fleet.province, interface.device)
    rules: list[Rule] = [_rule(100, mark=table, table=table)]
    if not host.site:
        rules += [_rule(120, source=str(address), table=table) for address in interface.address.plain]
        if interface.device == fleet.province.leased_path.id:
            rules += _rules_of_a_node(fleet.province, host, table)
    return {
        "table": table,
        "network_ipv4": str(interface.address.ipv4.network),
        "network_ipv6": str(interface.address.ipv6.network),
        "router_ipv4": str(interface.router[0]),
        "router_ipv6": str(interface.router[1]),
        "rules": rules,
    }


def _rules_of_a_node(province: Province, host: Host, leased: int) -> list[Rule]:
    assert host.routing_domain, host.name  # noqa: S101 - every node belongs to a body
    plan = province.addressing
    domain = FIRST_DOMAIN_TABLE + list(province.domains).index(host.routing_domain)
    return [
        _rule(110, table=254, only_networks=True),
        _rule(130, table=domain),
        *(_rule(140, to=str(network), own=True, table=leased) for network in _both(plan.sites)),
        *(_rule(150, to=str(network)) for pair in (*plan.bodies.values(), plan.sites) for network in _both(pair)),
    ]


def _rule(
    priority: int,
    *,
    table: int = 0,
    mark: int = 0,
    source: str = "",
    to: str = "",
    own: bool = False,
    only_networks: bool = False,
) -> Rule:
    """One rule. `table` 0 refuses; `own`: for what the host itself sends; `only_networks`: leave default routes out."""
    return {
        "priority": priority,
        "table": table,
        "mark": mark,
        "from": source,
        "to": to,
        "own": own,
        "only_networks": only_networks,
    }


def _both(pair: NetworkPair) -> tuple[IPv4Network, IPv6Network]:
    return pair.ipv4, pair.ipv6
