"""The tunnels between nodes and gateways, as the model computes them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.manifest.build import Builder
from province.manifest.enrolled import Enrolled
from province.manifest.trust import stand_in


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


def test_a_peer_that_is_not_enrolled_is_left_out_and_named(production: Fleet) -> None:
    gateway = next(host for host in production.hosts.values() if host.host_class == "gateway")
    known, unknown = (tunnel for tunnel in production.tunnels_of(gateway.name)[:2])
    keys = {known.node: {known.node_device: "PUBLIC="}}
    trust = replace(stand_in(production), enrolled=Enrolled(keys=keys))
    manifest = Builder(production, trust).build(gateway)
    text = manifest.files[f"/etc/wireguard/{known.gateway_device}.conf"].content
    assert text.count("[Peer]") == 1
    assert "PublicKey = PUBLIC=" in text
    other = manifest.files[f"/etc/wireguard/{unknown.gateway_device}.conf"].content
    assert f"# {unknown.node}, {unknown.node_device}\n# is not enrolled yet" in other


def test_a_platform_with_the_module_needs_no_program_and_has_a_vrf_for_each_domain(production: Fleet) -> None:
    builder = Builder(production, stand_in(production))
    gateway = builder.build(production.hosts["rach-gia-gateway-1"])
    assert "wireguard-go" not in gateway.packages
    assert "Table=1001\n" in gateway.files["/etc/systemd/network/15-gov.netdev"].content
    assert "VRF=gov\n" in gateway.files["/etc/systemd/network/20-gov-tslcd.network"].content
    assert "ip link add" in gateway.files["/etc/systemd/system/province-tunnel@.service"].content
    assert {door.process for door in gateway.listens if door.capability == "tunnel"} == {"kernel"}


def test_a_node_says_how_much_it_likes_a_path_in_both_directions(production: Fleet) -> None:
    node = production.nodes[0]
    text = Builder(production, stand_in(production)).build(node).files["/etc/bird/bird.conf"].content
    sessions = {part.split("'")[0]: part for part in text.split("protocol bgp '")[1:]}
    for tunnel in production.tunnels_of(node.name):
        session = sessions[tunnel.node_device]
        assert session.count(f"bgp_local_pref = {200 - tunnel.preference};") == 2
        # And, in a copy that drains this tunnel, so much less that every other one goes before it.
        drained = len(production.tunnels_of(node.name))
        assert session.count("bgp_path.prepend(") == 2 * (tunnel.preference + drained)
        assert session.count(f"if {tunnel.preference} ~ DRAINED then bgp_local_pref = {100 - tunnel.preference};") == 2
