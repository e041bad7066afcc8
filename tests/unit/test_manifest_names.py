"""What resolvers are told: zones, records, whom they ask, whom they answer what."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from province.fleet.exposed import exposed_at
from province.fleet.findings import BadData
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.fleet.site import Duty
from province.manifest.build import Builder
from province.manifest.names import reverse_zone
from province.manifest.passages import entrances
from province.manifest.peers import Peers
from province.manifest.trust import stand_in
from province.manifest.view import host_facts
from tests.unit.conftest import Edit

CONFIGURATION = "/etc/unbound/unbound.conf"


def configuration(fleet: Fleet, name: str) -> str:
    return Builder(fleet, stand_in(fleet)).build(fleet.hosts[name]).files[CONFIGURATION].content


@pytest.mark.parametrize(
    ("network", "zone"),
    [
        ("198.18.0.0/17", "18.198.in-addr.arpa"),
        ("198.19.128.0/24", "128.19.198.in-addr.arpa"),
        ("10.0.0.0/8", "10.in-addr.arpa"),
        ("2001:db8:1::/48", "1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"),
        ("2001:db8:100::/42", "1.0.8.b.d.0.1.0.0.2.ip6.arpa"),
    ],
)
def test_the_reverse_zone_of_a_network_encloses_it(network: str, zone: str) -> None:
    assert reverse_zone(ip_network(network)) == zone


def test_every_host_and_every_duty_has_a_name_at_every_resolver(fleet: Fleet) -> None:
    for resolver in Peers(fleet).with_duty(Duty.DNS, fleet.nodes[0]):
        facts: Any = host_facts(fleet, resolver)
        records = {record["name"]: record["addresses"] for record in facts["dns_records"]}
        assert {host.fqdn for host in fleet.hosts.values()} <= set(records)
        node = fleet.nodes[0]
        assert records[node.fqdn] == [str(address) for address in node.management.plain]
        domain = fleet.province.domain
        assert set(records[f"time.{domain}"]) > set(records[f"time.rach-gia.{domain}"])


def test_every_system_that_users_know_by_name_is_found_at_one_site_s_entrance(fleet: Fleet) -> None:
    facts: Any = host_facts(fleet, next(one for one in fleet.hosts.values() if Duty.DNS in one.duties))
    names = [record["name"] for record in facts["dns_records"]]
    assert len(names) == len(set(names)), "a name that two things claim would lead to either"
    records = {record["name"]: record["addresses"] for record in facts["dns_records"]}
    primary, recovery = fleet.data_centres
    for site in (recovery, primary):
        doors = [str(address) for door in entrances(fleet, site) for address in door.plain]
        here = {name.host for name in exposed_at(fleet, site)}
        there = here if site is primary else here - {name.host for name in exposed_at(fleet, primary)}
        assert doors
        assert {host: records[host] for host in there} == dict.fromkeys(there, doors)


def test_a_node_asks_the_resolvers_of_all_sites_by_name_and_nobody_else(fleet: Fleet) -> None:
    text = configuration(fleet, fleet.nodes[0].name)
    asked = [line.split()[1] for line in text.splitlines() if "forward-addr" in line]
    resolvers = Peers(fleet).with_duty(Duty.DNS, fleet.nodes[0])
    assert asked == [f"{one.interfaces[0].address.ipv4.ip}@853#{one.fqdn}" for one in resolvers]
    assert {one.site for one in resolvers} == {site.id for site in fleet.data_centres}


def test_public_wifi_does_not_learn_the_province_s_own_names(fleet: Fleet) -> None:
    with_wifi = next(host for host in fleet.nodes if any(one.zone == "wifi" for one in host.interfaces))
    without = next(host for host in fleet.nodes if not any(one.zone == "wifi" for one in host.interfaces))
    wifi = with_wifi.interface("wifi").address.ipv4.network
    text = configuration(fleet, with_wifi.name)
    assert f"access-control-view: {wifi} public" in text
    assert f'local-zone: "{fleet.province.domain}." refuse' in text.partition("\nview:")[2]
    assert "view:" not in configuration(fleet, without.name)


def test_without_anybody_to_ask_a_resolver_says_so_at_once() -> None:
    lab, production = load_fleet("lab"), load_fleet("production")
    name = "rach-gia-services-1"
    assert 'local-zone: "." refuse' in configuration(lab, name)
    assert "forward-addr" not in configuration(production, name), "its endpoint has no address yet"


def test_a_confirmed_endpoint_is_asked_and_the_firewall_lets_it_be_asked(data: Path, edit: Edit) -> None:
    edit("fleet/endpoints.yml", "  protocol: dns\n", "  protocol: dns\n  host: 192.0.2.53\n")
    fleet = load_fleet("production", data)
    text = configuration(fleet, "rach-gia-services-1")
    assert '    name: "."\n    forward-addr: 192.0.2.53\n' in text
    assert 'local-zone: "." refuse' not in text
    rules = (
        Builder(fleet, stand_in(fleet)).build(fleet.hosts["rach-gia-services-1"]).files["/etc/nftables.conf"].content
    )
    assert "ip daddr { 192.0.2.53/32 } udp dport 53 counter accept" in rules


def test_a_resolver_outside_is_named_by_its_address(data: Path, edit: Edit) -> None:
    edit("fleet/endpoints.yml", "  protocol: dns\n", "  protocol: dns\n  host: resolver.example\n")
    with pytest.raises(BadData, match=r"national-resolver.host: is no address \(is resolver.example\)"):
        load_fleet("production", data)


def test_who_is_asked_must_be_a_resolver(data: Path, edit: Edit) -> None:
    edit("production/environment.yml", "to: national-resolver", "to: national-resolvr")
    with pytest.raises(BadData, match='did you mean "national-resolver"'):
        load_fleet("production", data)
