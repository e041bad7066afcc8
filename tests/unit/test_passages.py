"""Passages through forwarding hosts: exactly the model's flows, and nothing between zones, bodies or domains."""

from __future__ import annotations

import re
from typing import Any

import pytest

from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.fleet.system import EndKind, end_of
from province.manifest.build import Builder
from province.manifest.passages import entrances, passage_view, passages, traffic_class, with_duty
from province.manifest.trust import stand_in

from .conftest import Edit
from .test_bad_data import problems


def ruleset(fleet: Fleet, host: str) -> str:
    known = {one.name: one for one in (*fleet.nodes, *fleet.hosts.values())}
    return Builder(fleet, stand_in(fleet)).build(known[host]).files["/etc/nftables.conf"].content


def gateway(fleet: Fleet) -> str:
    return next(host.name for host in fleet.hosts.values() if host.host_class == "gateway")


@pytest.mark.proves("systems")
def test_every_flow_from_a_zone_of_communes_is_a_passage_and_every_passage_is_such_a_flow(fleet: Fleet) -> None:
    zones = {zone.id for zone in fleet.province.commune_zones}
    running = {system.id for site in fleet.data_centres for system in fleet.systems_at(site)}
    flows = {
        (end_of(flow.origin).name, f"{system.id}/{flow.to}")
        for system in fleet.systems.values()
        for flow in system.flows
        if end_of(flow.origin).kind is EndKind.ZONE and end_of(flow.origin).name in zones and system.id in running
    }
    assert {(one.zone, system) for one in passages(fleet) for system in one.systems} == flows


def test_a_system_is_reached_at_the_entrances_of_the_sites_where_it_runs(fleet: Fleet) -> None:
    at = {site.id: set(entrances(fleet, site)) for site in fleet.data_centres}
    assert all(len(doors) == 2 for doors in at.values())
    for one in passages(fleet):
        for name in one.systems:
            system = fleet.systems[name.split("/")[0]]
            placed = {site.id for site in fleet.data_centres if site.purpose in system.placed_in(fleet.tiers)}
            duty = system.components[name.split("/")[1]].duty
            doors = [
                door for site in placed for door in (with_duty(fleet, fleet.sites[site], duty) if duty else at[site])
            ]
            assert one.entrance in doors, name


def test_without_ingress_hosts_a_site_lets_users_in_at_its_control_plane() -> None:
    lab = load_fleet("lab")
    for site in lab.data_centres:
        host = next(one for one in lab.hosts_of(site.id) if one.host_class == "control-plane")
        assert entrances(lab, site) == (host.interface("servers").address,)


def test_what_speaks_http_is_found_at_443_and_media_at_its_own_port(fleet: Fleet) -> None:
    found = {(one.zone, one.protocol, one.port) for one in passages(fleet)}
    assert ("users", "tcp", 443) in found
    assert ("video", "udp", 3478) in found
    assert not {port for _, _, port in found} & {8080, 8443}


def test_wifi_has_no_passage_at_all(fleet: Fleet) -> None:
    assert "wifi" not in {one.zone for one in passages(fleet)}


def test_a_passage_that_systems_of_several_classes_share_gets_the_class_of_the_zone(fleet: Fleet) -> None:
    traffic = fleet.province.traffic
    assert traffic_class(traffic, "users", ["signing", "one-stop"]).id == "one-stop"
    assert traffic_class(traffic, "users", ["signing", "e-office"]).id == "documents"
    assert traffic_class(traffic, "iot", ["environment"]) is traffic.ordinary


@pytest.mark.proves(10, 21)
def test_no_way_leads_from_one_zone_or_tunnel_into_another_but_to_neighbours(fleet: Fleet) -> None:
    known = passages(fleet)
    for host in (*fleet.nodes, *fleet.hosts.values()):
        view: Any = passage_view(fleet, host, known)
        if host.host_class not in {"edge", "gateway"}:
            assert view["ways"] == []
            continue
        zones = {one.zone for one in host.interfaces if one.zone}
        beside = {frozenset((one["from"], one["to"])) for one in view["neighbours"]}
        assert beside == ({frozenset(("printers", one)) for one in ("users", "counter")} if host.commune else set())
        for way in (one for one in view["ways"] if frozenset(one.values()) not in beside):
            assert len({way["from"], way["to"]} & zones) == 1, host.name
        underlays = {one.device for one in host.interfaces if one.zone is None}
        bare = {(way["from"], way["to"]) for way in view["ways"] if {way["from"], way["to"]} & underlays}
        assert all("wifi" in way for way in bare), host.name


def test_the_number_of_rules_does_not_grow_with_nodes_or_flows(fleet: Fleet) -> None:
    """204 nodes cost one lookup in a set, like 8; what only one platform needs (`own_ends`) is left out."""

    def rules(text: str) -> int:
        chains = text.split("    chain ")[1:]
        kept = [chain for chain in chains if chain.split(" ")[0] not in {"input", "output", "own_ends"}]
        return sum(len(re.findall(r"\n        \S", chain)) for chain in kept)

    assert rules(ruleset(fleet, gateway(fleet))) == rules(ruleset(load_fleet("lab"), "rach-gia-gateway-1"))


def test_gateways_let_through_what_nodes_themselves_ask_of_the_sites(fleet: Fleet) -> None:
    text = ruleset(fleet, gateway(fleet))
    errands = text.partition("set errands4")[2].partition("}")[0]
    assert "udp . 123, # time" in errands
    assert "tcp . 80, # packages" in errands
    doors = text.partition("set doors4")[2].partition("}")[0]
    assert "tcp . 22, # ssh" in doors


def test_a_flow_to_a_system_that_is_not_exposed_is_refused(data: Any, edit: Edit) -> None:
    edit("fleet/systems/e-office.yml", "exposure: tslcd", "exposure: none")
    assert "systems/e-office.yml\n  exposure: " in problems(data)


def test_a_flow_from_a_zone_that_does_not_exist_is_refused(data: Any, edit: Edit) -> None:
    edit("fleet/systems/e-office.yml", "from: zone/users", "from: zone/user")
    assert 'flows.0.from: no such zone (is user); did you mean "users"?' in problems(data)


def test_two_zones_of_one_vlan_are_refused(data: Any, edit: Edit) -> None:
    edit("fleet/province.yml", "vlan: 20", "vlan: 10")
    assert "commune_zones.vlan: two zones share it (is 10)" in problems(data)


def test_a_neighbour_on_a_public_network_is_refused(data: Any, edit: Edit) -> None:
    edit("fleet/province.yml", "neighbours: {from: [users, counter]", "neighbours: {from: [users, wifi]")
    assert "commune_zones.printers.neighbours.from: no such closed zone (is wifi)" in problems(data)


def test_zones_that_do_not_fit_into_a_bodys_prefix_are_refused(data: Any, edit: Edit) -> None:
    edit("fleet/province.yml", "id: users,      vlan: 10, ipv4_prefix: 26", "id: users,      vlan: 10, ipv4_prefix: 24")
    assert "zone counter does not fit into" in problems(data)
