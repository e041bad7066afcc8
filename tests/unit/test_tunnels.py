"""The tunnels between nodes and gateways, as the model computes them."""

from __future__ import annotations

from collections import Counter

import pytest

from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet


@pytest.fixture(scope="module")
def production() -> Fleet:
    return load_fleet("production")


def test_every_node_reaches_every_gateway_over_every_path_it_has(production: Fleet) -> None:
    gateways = [host for host in production.hosts.values() if host.host_class == "gateway"]
    for node in production.nodes:
        underlays = [one.device for one in node.interfaces if one.zone is None]
        found = {(one.gateway, one.path.id) for one in production.tunnels_of(node.name)}
        assert found == {(gateway.name, path) for gateway in gateways for path in underlays}, node.name


def test_the_leased_line_to_the_primary_site_comes_first_and_the_backups_last(production: Fleet) -> None:
    order = [path.id for path in production.province.edge_paths]
    for node in production.nodes:
        tunnels = production.tunnels_of(node.name)
        assert production.hosts[tunnels[0].gateway].site == production.primary_site.id
        places = [order.index(one.path.id) for one in sorted(tunnels, key=lambda one: one.preference)]
        assert places == sorted(places), node.name


def test_the_gateways_of_a_site_share_the_nodes(production: Fleet) -> None:
    preferred = Counter(production.tunnels_of(node.name)[0].gateway for node in production.nodes)
    assert set(preferred.values()) == {len(production.nodes) // len(preferred)}
    assert len(preferred) == 2


@pytest.mark.proves(10)
def test_the_domains_share_no_device_no_port_and_no_inner_network(production: Fleet) -> None:
    domain_of: dict[object, str] = {}
    for tunnel in production.tunnels:
        for thing in (
            (tunnel.gateway, tunnel.gateway_device),
            (tunnel.gateway, tunnel.port),
            tunnel.gateway_address.ipv4.network,
            tunnel.gateway_address.ipv6.network,
        ):
            assert domain_of.setdefault(thing, tunnel.domain) == tunnel.domain, thing


def test_no_inner_address_stands_twice_and_no_device_name_is_too_long(production: Fleet) -> None:
    ends = Counter(
        address
        for tunnel in production.tunnels
        for address in (*tunnel.node_address.plain, (tunnel.gateway_address.plain, tunnel.gateway_device))
    )
    assert not [end for end, count in ends.items() if count > 1 and not isinstance(end, tuple)]
    for tunnel in production.tunnels:
        assert max(len(tunnel.node_device), len(tunnel.gateway_device)) <= 15


def test_the_same_node_has_the_same_addresses_in_every_environment(production: Fleet) -> None:
    lab = load_fleet("lab")
    wanted = {(one.node, one.gateway, one.path.id): (one.node_address, one.port) for one in production.tunnels}
    for tunnel in lab.tunnels:
        assert wanted[tunnel.node, tunnel.gateway, tunnel.path.id] == (tunnel.node_address, tunnel.port)
