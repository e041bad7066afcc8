"""A host's view: addresses of peers, routes that keep the domains apart, the same names for every class."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import pytest

from province.errors import ProvinceError
from province.fleet.fact import Body
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.load import load_fleet
from province.fleet.site import Duty
from province.manifest.inventory import inventory
from province.manifest.peers import Peers
from province.manifest.trust import stand_in
from province.manifest.view import host_facts, host_view

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def routes(fleet: Fleet, host: Host) -> dict[str, str]:
    """Destination → device, over all interfaces."""
    interfaces: Any = host_facts(fleet, host)["interfaces"]
    return {route["to"]: interface["device"] for interface in interfaces for route in interface["routes"]}


def of_class(fleet: Fleet, host_class: str) -> Host:
    return next(host for host in fleet.hosts.values() if host.host_class == host_class)


@pytest.mark.proves(10, 21)
def test_no_main_table_leads_into_a_domain_and_a_node_reaches_the_province_through_tunnels_or_not_at_all(
    fleet: Fleet,
) -> None:
    plan = fleet.province.addressing
    closed = {str(net) for pair in (*plan.bodies.values(), plan.sites) for net in (pair.ipv4, pair.ipv6)}
    for host in (*fleet.nodes, *fleet.hosts.values()):
        interfaces: Any = host_facts(fleet, host)["interfaces"]
        found = {route["to"] for interface in interfaces for route in interface["routes"]} - {"0.0.0.0/0", "::/0"}
        assert not found & closed, host.name
        refused = {rule["to"] for one in interfaces for rule in one["rules"] if not rule["table"]}
        assert refused == (set() if host.site else closed), host.name


def test_a_node_s_own_first_contact_may_use_the_leased_line_and_what_it_forwards_may_not(fleet: Fleet) -> None:
    interfaces: Any = host_facts(fleet, fleet.nodes[0])["interfaces"]
    rules = {one["device"]: one["rules"] for one in interfaces}
    bare = [rule for rule in rules["tslcd"] if rule["to"] and rule["table"]]
    assert {rule["to"] for rule in bare} == {str(fleet.province.addressing.sites.ipv4), "2001:db8:100::/40"}
    assert all(rule["own"] and rule["priority"] > 130 for rule in bare)
    assert not [rule for device in rules if device != "tslcd" for rule in rules[device] if rule["to"]]


def test_a_node_leaves_through_the_internet(fleet: Fleet) -> None:
    assert routes(fleet, fleet.nodes[0])["0.0.0.0/0"] == "internet"


def test_a_site_host_leaves_through_its_first_zone(fleet: Fleet) -> None:
    assert routes(fleet, of_class(fleet, "services"))["0.0.0.0/0"] == "internal"
    assert routes(fleet, of_class(fleet, "bastion"))["0.0.0.0/0"] == "management"
    assert routes(fleet, of_class(fleet, "gateway"))["0.0.0.0/0"] == "edge"


def test_no_host_has_two_ways_to_the_same_place(fleet: Fleet) -> None:
    for host in fleet.hosts.values():
        interfaces: Any = host_facts(fleet, host)["interfaces"]
        found = [route["to"] for interface in interfaces for route in interface["routes"]]
        assert len(found) == len(set(found)), host.name


def test_the_answer_to_an_administrator_goes_back_through_the_management_zone(fleet: Fleet) -> None:
    for name, pair in Peers(fleet).management.items():
        host = next(one for one in fleet.hosts.values() if one.site and one.site != name and one.duties)
        assert routes(fleet, host)[str(pair.ipv4)] == "management"


def test_every_class_has_the_same_names_and_plain_values(fleet: Fleet) -> None:
    views = [host_view(fleet, host, stand_in(fleet)) for host in (fleet.nodes[0], *fleet.hosts.values())]
    assert len({frozenset(view) for view in views}) == 1
    for view in views:
        assert json.loads(json.dumps(view)) == view


def test_a_host_asks_the_services_of_its_own_site_first(fleet: Fleet) -> None:
    for site in fleet.data_centres:
        host = next(one for one in fleet.hosts_of(site.id) if one.host_class == "control-plane")
        facts: Any = host_facts(fleet, host)
        assert facts["time_servers"][0]["name"].startswith(site.id)
        assert [one["name"].startswith(site.id) for one in facts["log_servers"]] == [True, False]
    facts = host_facts(fleet, fleet.nodes[0])
    assert facts["log_servers"][0]["name"].startswith(fleet.primary_site.id)


def test_a_log_host_s_own_lines_lie_at_the_other_site(fleet: Fleet) -> None:
    """Who takes a log host over does not have all that is known of it."""
    for host in fleet.hosts.values():
        if Duty.LOGS in host.duties:
            facts: Any = host_facts(fleet, host)
            (there,) = facts["log_servers"]
            assert fleet.hosts[there["name"]].site not in (host.site, None)
            assert Duty.LOGS in fleet.hosts[there["name"]].duties


def test_packages_come_from_whom_the_environment_names() -> None:
    lab, production = load_fleet("lab"), load_fleet("production")
    router = Peers(lab).station[0]
    assert host_facts(lab, lab.nodes[0])["mirror_base"] == f"http://{router}"
    served = host_facts(production, production.nodes[0])["mirror_base"]
    services = [host for host in production.hosts.values() if host.duties]
    assert served in {f"http://{host.interfaces[0].address.ipv4.ip}" for host in services}


def test_a_zone_that_the_host_does_not_have_is_an_error_with_those_that_it_has(fleet: Fleet) -> None:
    with pytest.raises(ProvinceError, match="not connected to a zone database") as caught:
        Peers(fleet).resolve(("zone/database",), of_class(fleet, "worker"))
    assert "servers" in caught.value.hint


def test_administrators_come_from_all_management_zones_and_from_nowhere_else(fleet: Fleet) -> None:
    found = Peers(fleet).resolve(("management",), fleet.nodes[0])
    hosts = [one for one in fleet.hosts.values() if one.site]
    for prefix in found.ipv4:
        assert any(one.management.ipv4.ip in ip_network(prefix) for one in hosts)
    assert all(any(one.management.ipv4.ip in ip_network(prefix) for prefix in found.ipv4) for one in hosts)


@pytest.mark.proves(23)
def test_the_inventory_groups_hosts_by_what_they_are(fleet: Fleet) -> None:
    found = inventory(fleet, NOW)
    groups = found["groups"]
    assert len(groups["edge"]) == len(Body) * fleet.province.unit_count
    assert set(groups["body_party"]) | set(groups["body_people"]) == set(groups["edge"])
    planes_and_more = {
        host.name for host in fleet.hosts.values() if host.host_class in {"control-plane", "worker", "ingress"}
    }
    assert set(groups["cluster_node"]) == planes_and_more
    assert sorted(name for wave in fleet.waves for name in groups[f"wave_{wave.number}"]) == sorted(groups["edge"])
    assert all(name.isidentifier() for name in groups)


def test_hubs_come_before_the_nodes_that_knock_at_their_doors(fleet: Fleet) -> None:
    found = inventory(fleet, NOW)
    for names in (list(found["hosts"]), found["groups"]["enrol_due"]):
        of_nodes = [fleet.hosts[name].commune is not None for name in names]
        assert of_nodes == sorted(of_nodes)
        assert len(set(of_nodes)) == 2


def test_the_inventory_reaches_hosts_by_their_management_address(fleet: Fleet) -> None:
    variables = inventory(fleet, NOW)["hosts"]
    for host in fleet.hosts.values():
        assert variables[host.name]["ansible_host"] == str(host.management.ipv4.ip)
        assert "production/ssh_config" in variables[host.name]["ansible_ssh_common_args"]


def test_nodes_of_a_bridge_cluster_know_the_way_to_each_other_s_pods(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PROVINCE_SPARE", "1")
    fleet = load_fleet("lab")
    nodes = [host for host in fleet.hosts_of("rach-gia") if host.host_class in {"control-plane", "worker"}]
    views = {host.name: host_facts(fleet, host) for host in nodes}
    assert [host.host_class for host in nodes] == ["control-plane"] * 3 + ["worker"]
    for host in nodes:
        others = {str(views[one.name]["cluster_node_pods_ipv4"]) for one in nodes if one is not host}
        found = routes(fleet, host)
        assert {to: found[to] for to in others} == dict.fromkeys(others, "servers")
        assert views[host.name]["cluster_node_pods_ipv4"] not in found


def test_a_cluster_that_grows_moves_no_pods(monkeypatch: pytest.MonkeyPatch) -> None:
    small = load_fleet("lab")
    monkeypatch.setenv("PROVINCE_SPARE", "1")
    large = load_fleet("lab")
    for host in small.hosts_of("rach-gia"):
        before, after = (host_facts(fleet, fleet.hosts[host.name]) for fleet in (small, large))
        assert before["cluster_node_pods_ipv4"] == after["cluster_node_pods_ipv4"]
        assert before["cluster_api_address"] == after["cluster_api_address"]
